// The messages of signaling/PROTOCOL.md, as the page sees them. A Go test compares `codes` with the server's table.

export const version = 1;

export interface PeerInfo {
  id: string;
  role: string;
  name: string;
  audio: boolean; // not muted
  video: boolean; // not muted
  online: boolean; // its connection to the server is up
}

export interface Welcome {
  type: "welcome";
  version: number;
  session: string;
  resume: string;
  resumed: boolean;
  peer: string;
  role: string;
  admitted: boolean;
  ping: number;
  grace: number;
}
export interface Offer {
  type: "offer";
  n: number;
  session: string;
  seq: number;
  sdp: string;
}
export interface Failure {
  type: "error";
  code: string;
  message: string;
  re?: string;
}
export type ServerMessage =
  | Welcome
  | Offer
  | Failure
  | { type: "waiting"; n: number }
  | { type: "admitted"; n: number }
  | { type: "peers"; n: number; peers: PeerInfo[] }
  | { type: "media"; n: number; state: string }
  | { type: "ended"; n: number; reason: string }
  | { type: "pong" };

export type Kind = "audio" | "video";

export type ClientMessage =
  | { type: "hello"; version: number; ticket?: string; resume?: { session: string; token: string; last: number } }
  | { type: "ack"; n: number }
  | { type: "ping" }
  | { type: "answer"; session: string; seq: number; sdp: string }
  | { type: "candidate"; session: string; candidate: string; mid: string }
  | { type: "mute"; kind: Kind; muted: boolean }
  | { type: "restart" }
  | { type: "leave" };

/** What each server message must have, by JavaScript type; "list" is an array. */
const shapes: { readonly [type: string]: { readonly [member: string]: string } } = {
  welcome: { session: "string", resume: "string", resumed: "boolean", peer: "string", role: "string", admitted: "boolean", ping: "number", grace: "number" },
  waiting: { n: "number" },
  admitted: { n: "number" },
  peers: { n: "number", peers: "list" },
  offer: { n: "number", session: "string", seq: "number", sdp: "string" },
  media: { n: "number", state: "string" },
  ended: { n: "number", reason: "string" },
  error: { code: "string", message: "string" },
  pong: {},
};

/** Decodes a server message; null for one that this page does not know (a newer server's) or that is not one. */
export function decode(text: string): ServerMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const members = value as { readonly [member: string]: unknown };
  const type = members["type"];
  const shape = typeof type === "string" && Object.prototype.hasOwnProperty.call(shapes, type) ? shapes[type] : undefined;
  if (!shape) return null;
  for (const [member, kind] of Object.entries(shape)) {
    const got = members[member];
    if (kind === "list" ? !Array.isArray(got) : typeof got !== kind) return null;
  }
  return value as ServerMessage;
}

/** What to do when a connection ends with a code. A code that is not here (a lost network has none) means "resume". */
export type Then = "resume" | "again" | "never" | "stay";

export const codes: { readonly [code: string]: Then } = {
  "bad-message": "stay",
  "unknown-type": "stay",
  "hello-twice": "stay",
  "resume-refused": "stay",
  "not-admitted": "stay",
  "bad-sdp": "stay",
  "bad-version": "never",
  "bad-ticket": "never",
  "hello-first": "again",
  "hello-timeout": "again",
  "room-full": "never",
  busy: "again",
  "too-many": "resume",
  "too-slow": "resume",
  "gone-quiet": "resume",
  replaced: "never",
  removed: "never",
  ended: "never",
  "bad-frame": "resume",
  "not-text": "resume",
  "bad-utf8": "resume",
  "too-large": "resume",
  internal: "again",
  "come-again": "again",
};
