// The world of a page, small enough for a Go engine: a clock that is turned by hand, sockets and peer connections that record.

declare const report: (name: string, failure: string) => void;

const show = (value: unknown): string => JSON.stringify(value, null, 1) ?? "undefined";

export function equal(what: string, got: unknown, want: unknown): void {
  if (show(got) !== show(want)) throw new Error(`${what}: got ${show(got)}\nwant ${show(want)}`);
}

/** Runs a test; tests of one file run one after the other. */
let queue: Promise<void> = Promise.resolve();
export function test(name: string, body: () => void | Promise<void>): void {
  queue = queue.then(async () => {
    try {
      await body();
      report(name, "");
    } catch (err) {
      report(name, String((err as Error).stack ?? err));
    }
  });
}

/** Lets everything that is promised happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

interface Timer {
  id: number;
  at: number;
  run: () => void;
}

type Handler = (() => void) | null;

export class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: { [member: string]: unknown }[] = [];
  closedWith: number | null = null;
  onopen: Handler = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { reason: string }) => void) | null = null;
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  static get last(): FakeSocket {
    const socket = FakeSocket.all[FakeSocket.all.length - 1];
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as { [member: string]: unknown });
  }
  close(status: number): void {
    this.readyState = 3;
    this.closedWith = status;
  }
  async open(): Promise<void> {
    this.readyState = 1;
    this.onopen?.();
    await settle();
  }
  async hear(m: { [member: string]: unknown }): Promise<void> {
    this.onmessage?.({ data: JSON.stringify(m) });
    await settle();
  }
  async lose(reason: string): Promise<void> {
    this.readyState = 3;
    this.onclose?.({ reason });
    await settle();
  }
  types(): string {
    return this.sent.splice(0).map((m) => String(m["type"])).join(" ");
  }
}

export class FakeSender {
  track: unknown = null;
  parameters: { [member: string]: unknown } = {};
  getParameters(): unknown {
    return { encodings: [{}] };
  }
  async setParameters(p: { [member: string]: unknown }): Promise<void> {
    this.parameters = p;
  }
  async replaceTrack(track: unknown): Promise<void> {
    this.track = track;
  }
}

export class FakePeerConnection {
  static all: FakePeerConnection[] = [];
  connectionState = "new";
  closed = false;
  remote: string[] = [];
  refuse = false;
  transceivers: { mid: string; direction: string; sender: FakeSender }[] = [];
  onicecandidate: ((event: { candidate: { candidate: string; sdpMid: string } | null }) => void) | null = null;
  ontrack: ((event: { streams: FakeStream[] }) => void) | null = null;
  onconnectionstatechange: Handler = null;
  constructor() {
    FakePeerConnection.all.push(this);
  }
  static get last(): FakePeerConnection {
    const pc = FakePeerConnection.all[FakePeerConnection.all.length - 1];
    if (!pc) throw new Error("no peer connection was made");
    return pc;
  }
  async setRemoteDescription(d: { sdp: string }): Promise<void> {
    if (this.refuse) throw new Error("refused");
    this.remote.push(d.sdp);
    for (const match of d.sdp.split("a=mid:").slice(1)) {
      const mid = match.charAt(0);
      if (!this.transceivers.some((t) => t.mid === mid)) this.transceivers.push({ mid, direction: "recvonly", sender: new FakeSender() });
    }
  }
  async createAnswer(): Promise<{ type: string; sdp: string }> {
    return { type: "answer", sdp: "v=0 answer " + this.remote.length };
  }
  async setLocalDescription(): Promise<void> {}
  getTransceivers(): unknown[] {
    return this.transceivers;
  }
  async getStats(): Promise<Map<string, unknown>> {
    return new Map([["a", { type: "inbound-rtp", framesDecoded: 7 }]]);
  }
  become(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
  close(): void {
    this.closed = true;
  }
}

export class FakeStream {
  onremovetrack: Handler = null;
  constructor(readonly id: string, readonly tracks: { kind: string; enabled: boolean }[] = []) {}
  getTracks(): unknown[] {
    return this.tracks;
  }
  getAudioTracks(): unknown[] {
    return this.tracks.filter((t) => t.kind === "audio");
  }
  getVideoTracks(): unknown[] {
    return this.tracks.filter((t) => t.kind === "video");
  }
}

class FakeURL {
  protocol: string;
  private readonly rest: string;
  constructor(url: string, base: string) {
    const absolute = /^[a-z]+:/.test(url) ? url : base.replace(/^([a-z]+:\/\/[^/]+).*/, "$1") + url;
    const colon = absolute.indexOf(":");
    this.protocol = absolute.slice(0, colon + 1);
    this.rest = absolute.slice(colon + 1);
  }
  get href(): string {
    return this.protocol + this.rest;
  }
}

/** The page: its clock and its events. A new one for each test. */
export class World {
  time = 1_000_000;
  visibilityState = "visible";
  private timers: Timer[] = [];
  private count = 0;
  private readonly listeners: { [event: string]: (() => void)[] } = {};

  constructor() {
    FakeSocket.all = [];
    FakePeerConnection.all = [];
    const add = (event: string, run: () => void): void => void (this.listeners[event] ??= []).push(run);
    const remove = (event: string, run: () => void): void => {
      this.listeners[event] = (this.listeners[event] ?? []).filter((f) => f !== run);
    };
    const setTimeout = (run: () => void, ms: number): number => {
      this.timers.push({ id: ++this.count, at: this.time + ms, run });
      return this.count;
    };
    const clearTimeout = (id: number): void => {
      this.timers = this.timers.filter((t) => t.id !== id);
    };
    const page = { setTimeout, clearTimeout, addEventListener: add, removeEventListener: remove };
    Date.now = () => this.time;
    Math.random = () => 1;
    Object.assign(globalThis, page, {
      window: page,
      document: { addEventListener: add, removeEventListener: remove, visibilityState: "visible" },
      location: { href: "https://kham.example/consults/7" },
      URL: FakeURL,
      WebSocket: FakeSocket,
      RTCPeerConnection: FakePeerConnection,
    });
  }

  listening(): number {
    return Object.values(this.listeners).reduce((n, list) => n + list.length, 0);
  }

  waiting(): number {
    return this.timers.length;
  }

  async happen(event: string): Promise<void> {
    for (const run of this.listeners[event] ?? []) run();
    await settle();
  }

  /** Turns the clock; timers run in their order. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      await settle();
      const due = this.timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.time = due.at;
      this.timers = this.timers.filter((t) => t !== due);
      due.run();
    }
    this.time = end;
  }
}
