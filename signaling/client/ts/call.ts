// A call as a page uses it: connect, show what the events bring, leave. The protocol is signaling/PROTOCOL.md.

import type { Kind, PeerInfo, ServerMessage, Welcome } from "./wire";
import { MediaSession } from "./media";
import { Refused, Socket } from "./socket";
import type { CallStats, Packets, StatsRow } from "./stats";
import { summarise } from "./stats";

export { Refused };
export type { CallStats, Kind, PeerInfo };

/** connecting: the first time. refused: before the server had welcomed the page; ended: afterwards. Both are final. */
export type CallState = "connecting" | "waiting" | "admitted" | "reconnecting" | "ended" | "refused";
/** failed is not final: the server is asked for a new connection at once. */
export type MediaState = "new" | "connecting" | "connected" | "failed";

export interface CallOptions {
  /** Where the WebSocket is, absolute or relative to the page: "/signal". */
  url: string;
  /** Fetches a ticket. Throw `new Refused(code)` if there will be none; any other error is tried again. */
  ticket(): Promise<string>;
  local?: MediaStream | null;
}

export interface CallEvents {
  /** code: "" or a code of PROTOCOL.md section 4, "closed", "removed" or "left"; or what the ticket function refused with. */
  state(state: CallState, code: string): void;
  peers(peers: PeerInfo[]): void;
  /** A peer's stream, or null when it is gone. After a media restart the same peer brings a new stream. */
  stream(peer: string, stream: MediaStream | null): void;
  media(state: MediaState): void;
  /** An error that ends nothing, for a log: code and an English sentence. */
  message(code: string, text: string): void;
}

type Listeners = { [K in keyof CallEvents]: Set<CallEvents[K]> };

const mediaStates: { readonly [state in RTCPeerConnectionState]: MediaState } = {
  new: "connecting", connecting: "connecting", connected: "connected", disconnected: "connecting", failed: "failed", closed: "new",
};

export class Call {
  /** This page's own peer id, "" before the welcome. */
  peer = "";
  private readonly socket: Socket;
  private readonly listeners: Listeners = { state: new Set(), peers: new Set(), stream: new Set(), media: new Set(), message: new Set() };
  private local: MediaStream | null;
  private session: MediaSession | null = null;
  private now: CallState = "connecting";
  private admitted = false;
  private welcomed = false;
  private mediaNow: MediaState = "new";
  private readonly muted: { [kind in Kind]: boolean } = { audio: false, video: false };
  private work: Promise<void> = Promise.resolve(); // offers are handled one after the other
  private packets: Packets = { received: 0, lost: 0 };

  constructor(options: CallOptions) {
    this.local = options.local ?? null;
    this.socket = new Socket({
      url: options.url,
      ticket: () => options.ticket(),
      welcome: (w) => this.welcome(w),
      message: (m) => this.receive(m),
      down: () => this.become(this.welcomed ? "reconnecting" : "connecting", ""),
      over: (code) => this.finish(code),
    });
  }

  get pc(): RTCPeerConnection | null {
    return this.session?.pc ?? null;
  }

  get state(): CallState {
    return this.now;
  }

  connect(): void {
    this.socket.connect();
  }

  /** Adds a listener; the result removes it. */
  on<K extends keyof CallEvents>(event: K, listener: CallEvents[K]): () => void {
    this.listeners[event].add(listener);
    return () => void this.listeners[event].delete(listener);
  }

  /** Sends the tracks of another stream, or none. Muting stays as it is. */
  setLocal(stream: MediaStream | null): void {
    this.local = stream;
    this.applyMute();
    const session = this.session;
    if (session) this.queue(() => session.replace(stream));
  }

  setMuted(kind: Kind, muted: boolean): void {
    if (this.muted[kind] === muted) return;
    this.muted[kind] = muted;
    this.applyMute();
    if (this.admitted) this.socket.send({ type: "mute", kind, muted });
  }

  leave(): void {
    if (this.now === "ended" || this.now === "refused") return;
    this.socket.close({ type: "leave" });
    this.closeMedia();
    this.become("ended", "left");
  }

  async stats(): Promise<CallStats> {
    const rows: StatsRow[] = [];
    const report = await this.pc?.getStats();
    report?.forEach((row: StatsRow) => rows.push(row));
    const { stats, packets } = summarise(rows, this.packets);
    this.packets = packets;
    return stats;
  }

  private welcome(w: Welcome): void {
    this.peer = w.peer;
    this.welcomed = true;
    this.admitted = w.admitted;
    if (!w.resumed) this.closeMedia(); // a new session gets a new media session
    this.become(w.admitted ? "admitted" : "waiting", "");
    if (!w.admitted) return;
    this.sayMuted(w.resumed);
    if (w.resumed) this.session?.repeat();
  }

  private receive(m: ServerMessage): void {
    switch (m.type) {
      case "waiting":
        this.become("waiting", "");
        break;
      case "admitted":
        if (!this.admitted) {
          this.admitted = true;
          this.sayMuted(false);
        }
        this.become("admitted", "");
        break;
      case "peers":
        this.emit("peers", m.peers);
        break;
      case "offer":
        this.offer(m.session, m.seq, m.sdp);
        break;
      case "media":
        // "connected" is told by the page's own connection, which knows it first.
        if (m.state === "reconnecting") this.mediaBecomes("connecting");
        break;
      case "ended":
        this.socket.close();
        this.finish(m.reason);
        break;
      case "error":
        this.emit("message", m.code, m.message);
        break;
    }
  }

  private offer(id: string, seq: number, sdp: string): void {
    if (this.session?.id !== id) {
      if (seq !== 1) return; // a later offer of a session that is gone
      this.closeMedia();
      this.session = this.newSession(id);
    }
    const session = this.session;
    if (session) this.queue(() => session.offer(seq, sdp));
  }

  private newSession(id: string): MediaSession {
    const current = (): boolean => this.session?.id === id;
    return new MediaSession(id, this.local, {
      send: (m) => this.socket.send(m),
      stream: (peer, stream) => {
        if (current()) this.emit("stream", peer, stream);
      },
      state: (state) => {
        if (current()) this.mediaBecomes(mediaStates[state]);
      },
      restart: () => {
        if (current()) this.socket.send({ type: "restart" });
      },
    });
  }

  private queue(step: () => Promise<void>): void {
    const session = this.session;
    this.work = this.work.then(step).catch((err: unknown) => {
      // A browser that cannot use an offer gets a fresh media session; if the session has been replaced, nothing is lost.
      if (session !== this.session) return;
      this.emit("message", "bad-offer", String(err));
      this.socket.send({ type: "restart" });
    });
  }

  private sayMuted(all: boolean): void {
    for (const kind of ["audio", "video"] as const) {
      if (all || this.muted[kind]) this.socket.send({ type: "mute", kind, muted: this.muted[kind] });
    }
  }

  private applyMute(): void {
    for (const track of this.local?.getAudioTracks() ?? []) track.enabled = !this.muted.audio;
    for (const track of this.local?.getVideoTracks() ?? []) track.enabled = !this.muted.video;
  }

  private closeMedia(): void {
    this.session?.close();
    this.session = null;
    this.packets = { received: 0, lost: 0 };
    this.mediaBecomes("new");
  }

  private finish(code: string): void {
    this.closeMedia();
    this.become(this.welcomed ? "ended" : "refused", code);
  }

  private mediaBecomes(state: MediaState): void {
    if (state === this.mediaNow) return;
    this.mediaNow = state;
    this.emit("media", state);
  }

  private become(state: CallState, code: string): void {
    if (state === this.now) return;
    this.now = state;
    this.emit("state", state, code);
  }

  private emit<K extends keyof CallEvents>(event: K, ...args: Parameters<CallEvents[K]>): void {
    for (const listener of [...this.listeners[event]]) (listener as (...a: Parameters<CallEvents[K]>) => void)(...args);
  }
}
