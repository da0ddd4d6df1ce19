// One session with the signalling server over as many WebSockets as it takes.

import type { ClientMessage, ServerMessage, Welcome } from "./wire";
import { codes, decode } from "./wire";
import { backoff, Session } from "./session";

/** Thrown by the ticket function when there is no point in trying again; the code is passed on to the page. */
export class Refused extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

export interface SocketOptions {
  url: string;
  ticket(): Promise<string>;
  welcome(w: Welcome): void;
  message(m: ServerMessage): void;
  down(): void; // the connection is lost; another will be tried
  over(code: string): void; // nothing more will be tried
}

const openTimeout = 10_000;
const patience = 10_000; // on top of the ping interval
const probePatience = 3_000;
const ackDelay = 400;

export class Socket {
  private readonly session = new Session();
  private socket: WebSocket | null = null;
  private welcomed = false;
  private stopped = false;
  private attempt = 0;
  private ping = 20_000;
  private retryTimer = 0;
  private pingTimer = 0;
  private deadline = 0;
  private ackTimer = 0;

  constructor(private readonly options: SocketOptions) {}

  connect(): void {
    addEventListener("online", this.hurry);
    document.addEventListener("visibilitychange", this.seen);
    this.dial();
  }

  /** Sends if the connection is up. What must survive a loss is said again after the next welcome, by the caller. */
  send(m: ClientMessage): void {
    if (this.welcomed) this.write(m);
  }

  close(last?: ClientMessage): void {
    if (this.stopped) return;
    if (last) this.send(last);
    this.stop(1000);
  }

  private dial(): void {
    clearTimeout(this.retryTimer);
    const url = new URL(this.options.url, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const resume = this.session.resume(Date.now());
    // The ticket is fetched while the socket opens: on a slow network that is a round trip saved.
    const hello = resume ? Promise.resolve(resume) : this.ticketHello();
    hello.catch(() => undefined); // handled in greet; the socket may fail before that
    const socket = new WebSocket(url.href);
    this.socket = socket;
    this.expect(openTimeout);
    socket.onopen = () => void this.greet(socket, hello);
    socket.onmessage = (event) => this.receive(String(event.data));
    socket.onclose = (event) => this.closed(event.reason);
  }

  private async ticketHello(): Promise<ClientMessage> {
    return { type: "hello", version: 1, ticket: await this.options.ticket() };
  }

  private async greet(socket: WebSocket, hello: Promise<ClientMessage>): Promise<void> {
    try {
      const m = await hello;
      if (socket === this.socket) this.write(m);
    } catch (err) {
      if (socket !== this.socket) return;
      if (err instanceof Refused) this.finish(err.code);
      else this.drop();
    }
  }

  private receive(text: string): void {
    const m = decode(text);
    this.expect(this.ping + patience);
    if (!m) return;
    if (m.type === "welcome") {
      this.session.welcome(m);
      this.welcomed = true;
      this.attempt = 0;
      this.ping = m.ping;
      this.beat();
      this.options.welcome(m);
    } else if (m.type === "error" && m.code === "resume-refused" && this.socket) {
      this.session.forget();
      void this.greet(this.socket, this.ticketHello());
    } else if (!("n" in m)) {
      if (m.type !== "pong") this.options.message(m);
    } else if (this.session.take(m.n)) {
      if (!this.ackTimer) this.ackTimer = window.setTimeout(this.ack, ackDelay);
      this.options.message(m);
    }
  }

  private readonly ack = (): void => {
    this.ackTimer = 0;
    const m = this.welcomed ? this.session.ack() : null;
    if (m) this.write(m);
  };

  private beat(): void {
    clearTimeout(this.pingTimer);
    this.pingTimer = window.setTimeout(() => {
      this.send({ type: "ping" });
      this.beat();
    }, this.ping);
  }

  // Only what arrives extends the deadline, never what is sent.
  private expect(ms: number): void {
    clearTimeout(this.deadline);
    this.deadline = window.setTimeout(() => this.drop(), ms);
  }

  // The system says that the network is back, or the person looks at the page again: do not wait for a timer.
  private readonly hurry = (): void => {
    if (this.stopped) return;
    if (this.welcomed) {
      this.write({ type: "ping" });
      this.expect(probePatience);
    } else if (!this.socket) {
      this.dial();
    }
  };

  private readonly seen = (): void => {
    if (document.visibilityState === "visible") this.hurry();
  };

  private drop(): void {
    this.discard(1000);
    this.closed("");
  }

  private closed(code: string): void {
    this.discard(1000);
    if (this.stopped) return;
    if (codes[code] === "never") {
      this.finish(code);
      return;
    }
    this.session.lost(Date.now());
    this.options.down();
    this.attempt++;
    clearTimeout(this.retryTimer);
    this.retryTimer = window.setTimeout(() => this.dial(), backoff(this.attempt));
  }

  private finish(code: string): void {
    this.stop(1000);
    this.options.over(code);
  }

  private stop(status: number): void {
    this.stopped = true;
    clearTimeout(this.retryTimer);
    removeEventListener("online", this.hurry);
    document.removeEventListener("visibilitychange", this.seen);
    this.discard(status);
  }

  private discard(status: number): void {
    this.welcomed = false;
    clearTimeout(this.deadline);
    clearTimeout(this.pingTimer);
    clearTimeout(this.ackTimer);
    this.ackTimer = 0;
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(status);
  }

  private write(m: ClientMessage): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(m));
  }
}
