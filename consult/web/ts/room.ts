// The call of a consult, for both sides. The patient's page loads it while waiting; the console brings it along.
//
// window.khamxaCall is the present Call, for support ("type khamxaCall.stats() in the console") and for tests.

import { Call, Refused } from "/signaling/call.ts";
import type { CallState, MediaState, PeerInfo } from "/signaling/call.ts";
import { show } from "./_media";

export { Refused };
export type { Call, CallState, MediaState, PeerInfo };

export interface RoomOptions {
  signal: string;
  ticket(): Promise<string>;
  local: MediaStream;
  remote: HTMLVideoElement;
  tap: HTMLElement;
  state(state: CallState, code: string): void;
  /** others: everybody admitted but this page; picture: somebody is seen or heard. */
  others(others: PeerInfo[], picture: boolean): void;
  media(state: MediaState): void;
}

export function enter(o: RoomOptions): Call {
  const call = new Call({ url: o.signal, ticket: o.ticket, local: o.local });
  const streams = new Map<string, MediaStream>();
  let others: PeerInfo[] = [];
  const tell = (): void => {
    // The one who is shown: whoever is there; of several, the last who came.
    const shown = [...streams.values()].pop() ?? null;
    show(o.remote, shown, o.tap);
    o.others(others, shown !== null);
  };
  call.on("stream", (peer, stream) => {
    streams.delete(peer);
    if (stream) streams.set(peer, stream);
    tell();
  });
  call.on("peers", (peers) => {
    others = peers.filter((p) => p.id !== call.peer);
    tell();
  });
  call.on("media", (state) => {
    if (state === "new") {
      streams.clear();
      tell();
    }
    o.media(state);
  });
  call.on("state", o.state);
  (window as unknown as { khamxaCall: Call }).khamxaCall = call;
  call.connect();
  return call;
}
