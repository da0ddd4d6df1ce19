// One media session: one RTCPeerConnection, in which only the server offers.

import type { ClientMessage, Kind } from "./wire";

export interface MediaHooks {
  send(m: ClientMessage): void;
  stream(peer: string, stream: MediaStream | null): void;
  state(state: RTCPeerConnectionState): void;
  restart(): void;
}

const videoBitrate = 700_000; // bit/s: a face at 640x480; leaves room for the voice on 3G
const disconnectedPatience = 5_000;

/** The media sections of an offer through which the server wants to receive: the first of each kind is for our track. */
export function wanted(sdp: string): { mid: string; kind: Kind; both: boolean }[] {
  const list: { mid: string; kind: Kind; both: boolean }[] = [];
  for (const section of sdp.split(/\r?\nm=/).slice(1)) {
    const kind = /^(audio|video) (\d+)/.exec(section);
    const mid = /\na=mid:([^\s]+)/.exec(section)?.[1];
    const direction = /\na=(sendrecv|recvonly|sendonly|inactive)\b/.exec(section)?.[1] ?? "sendrecv";
    if (!kind || kind[2] === "0" || mid === undefined) continue;
    if (direction !== "sendrecv" && direction !== "recvonly") continue;
    const k = kind[1] as Kind;
    if (!list.some((w) => w.kind === k)) list.push({ mid, kind: k, both: direction === "sendrecv" });
  }
  return list;
}

export class MediaSession {
  readonly pc: RTCPeerConnection;
  private readonly senders = new Map<Kind, RTCRtpSender>();
  private readonly streams = new Set<string>();
  private sent: ClientMessage[] = []; // the last answer and all candidates, to say again after a resume
  private seq = 0;
  private timer = 0;
  private closed = false;

  constructor(readonly id: string, private local: MediaStream | null, private readonly hooks: MediaHooks) {
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.pc = pc;
    pc.onicecandidate = ({ candidate }) => {
      this.say({ type: "candidate", session: id, candidate: candidate?.candidate ?? "", mid: candidate?.sdpMid ?? "" });
    };
    pc.ontrack = ({ streams }) => this.tracked(streams[0]);
    pc.onconnectionstatechange = () => this.changed();
  }

  async offer(seq: number, sdp: string): Promise<void> {
    if (this.closed || seq <= this.seq) return;
    this.seq = seq;
    await this.pc.setRemoteDescription({ type: "offer", sdp });
    await this.attach(sdp);
    const answer = await this.pc.createAnswer();
    await this.pc.setLocalDescription(answer);
    this.sent = this.sent.filter((m) => m.type !== "answer");
    this.say({ type: "answer", session: this.id, seq, sdp: answer.sdp ?? "" });
    for (const [kind, sender] of this.senders) await tune(kind, sender);
  }

  /** Sends other tracks from now on, without a negotiation. */
  async replace(local: MediaStream | null): Promise<void> {
    this.local = local;
    for (const [kind, sender] of this.senders) await sender.replaceTrack(this.track(kind));
  }

  /** Says again what may have been lost with the old connection; the server knows what it has already. */
  repeat(): void {
    for (const m of this.sent) this.hooks.send(m);
    if (this.pc.connectionState === "failed" || this.pc.connectionState === "disconnected") this.hooks.restart();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.pc.onicecandidate = this.pc.ontrack = this.pc.onconnectionstatechange = null;
    this.pc.close();
  }

  private say(m: ClientMessage): void {
    this.sent.push(m);
    this.hooks.send(m);
  }

  private track(kind: Kind): MediaStreamTrack | null {
    const tracks = kind === "audio" ? this.local?.getAudioTracks() : this.local?.getVideoTracks();
    return tracks?.[0] ?? null;
  }

  // Answers that we send even while there is no track: a camera that comes later needs no further offer.
  private async attach(sdp: string): Promise<void> {
    for (const w of wanted(sdp)) {
      const transceiver = this.pc.getTransceivers().find((t) => t.mid === w.mid);
      if (!transceiver || this.senders.has(w.kind)) continue;
      transceiver.direction = w.both ? "sendrecv" : "sendonly";
      this.senders.set(w.kind, transceiver.sender);
      await transceiver.sender.replaceTrack(this.track(w.kind));
    }
  }

  private tracked(stream: MediaStream | undefined): void {
    if (!stream) return;
    if (!this.streams.has(stream.id)) {
      this.streams.add(stream.id);
      stream.onremovetrack = () => {
        if (this.closed || stream.getTracks().length > 0) return;
        this.streams.delete(stream.id);
        this.hooks.stream(stream.id, null);
      };
    }
    this.hooks.stream(stream.id, stream);
  }

  private changed(): void {
    const state = this.pc.connectionState;
    clearTimeout(this.timer);
    if (state === "failed") this.hooks.restart();
    // A short "disconnected" is normal on a phone; some browsers show it during any negotiation.
    if (state === "disconnected") this.timer = window.setTimeout(() => this.hooks.restart(), disconnectedPatience);
    this.hooks.state(state);
  }
}

/** Voice before picture: the browser is told so, and the picture is bounded. Opus FEC and DTX stay as negotiated. */
async function tune(kind: Kind, sender: RTCRtpSender): Promise<void> {
  const parameters = sender.getParameters();
  const first = parameters.encodings?.[0];
  if (!first) return;
  first.priority = first.networkPriority = kind === "audio" ? "high" : "low";
  if (kind === "video") {
    first.maxBitrate = videoBitrate;
    parameters.degradationPreference = "maintain-framerate";
  }
  try {
    await sender.setParameters(parameters);
  } catch {
    // An old browser that does not know a member still sends; only the preference is lost.
  }
}
