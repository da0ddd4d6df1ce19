import { backoff, Session } from "./session";
import { summarise } from "./stats";
import { codes, decode } from "./wire";
import type { Welcome } from "./wire";
import { wanted } from "./media";
import { equal, test } from "./testing";

declare const publish: (text: string) => void;
publish(JSON.stringify(codes)); // compared with the server's table by the Go test

test("back-off doubles, is bounded, and is drawn from its upper half", () => {
  equal("longest", [1, 2, 3, 4, 5, 6, 7, 50].map((n) => backoff(n, () => 1)), [300, 600, 1200, 2400, 4800, 8000, 8000, 8000]);
  equal("shortest", [1, 2, 6, 50].map((n) => backoff(n, () => 0)), [150, 300, 4000, 4000]);
});

const welcome = (resumed: boolean): Welcome => ({
  type: "welcome", version: 1, session: "s1", resume: "secret", resumed, peer: "pt", role: "patient", admitted: false, ping: 20000, grace: 60000,
});

test("a session counts, acknowledges and resumes", () => {
  const s = new Session();
  equal("before the welcome", s.resume(0), null);
  s.welcome(welcome(false));
  equal("nothing to acknowledge", s.ack(), null);
  equal("takes", [s.take(1), s.take(2), s.take(2), s.take(1), s.take(3)], [true, true, false, false, true]);
  equal("ack", s.ack(), { type: "ack", n: 3 });
  equal("ack only once", s.ack(), null);
  s.lost(1000);
  s.lost(50_000); // a failed attempt does not move the beginning
  equal("resume", s.resume(60_999), { type: "hello", version: 1, resume: { session: "s1", token: "secret", last: 3 } });
  equal("too late", s.resume(61_000), null);
  s.welcome(welcome(true));
  equal("goes on counting", [s.take(3), s.take(4)], [false, true]);
  s.lost(200_000);
  equal("a later loss counts from its own beginning", s.resume(259_000) !== null, true);
  s.welcome(welcome(false));
  equal("a new session counts from 1", s.take(1), true);
  s.forget();
  equal("forgotten", s.resume(0), null);
});

test("messages are decoded strictly where it matters", () => {
  equal("a good one", decode('{"type":"media","n":3,"state":"connected","later":1}'), { type: "media", n: 3, state: "connected", later: 1 });
  for (const bad of ["", "x", "null", "3", "[]", "{}", '{"type":3}', '{"type":"novel","n":1}', '{"type":"media","n":"1","state":"x"}',
    '{"type":"media","n":1}', '{"type":"peers","n":1,"peers":{}}', '{"type":"constructor"}', '{"type":"toString"}', '{"type":"hello"}']) {
    equal(bad, decode(bad), null);
  }
});

test("the sections that the server wants to receive", () => {
  const section = (media: string, mid: string, direction: string): string => `m=${media}\r\nc=IN IP4 0.0.0.0\r\na=mid:${mid}\r\na=${direction}\r\n`;
  const head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
  const sdp = head + section("audio 9 UDP/TLS/RTP/SAVPF 111", "0", "recvonly") + section("video 9 UDP/TLS/RTP/SAVPF 96", "1", "sendrecv") +
    section("audio 9 UDP/TLS/RTP/SAVPF 111", "2", "sendonly") + section("video 0 UDP/TLS/RTP/SAVPF 96", "3", "recvonly") +
    section("video 9 UDP/TLS/RTP/SAVPF 96", "4", "recvonly") + section("application 9 UDP/DTLS/SCTP webrtc-datachannel", "5", "sendrecv");
  equal("wanted", wanted(sdp), [{ mid: "0", kind: "audio", both: false }, { mid: "1", kind: "video", both: true }]);
  equal("nothing", wanted(head), []);
});

test("statistics are summed, and loss is of the time since the last look", () => {
  const rows = (received: number, lost: number) => [
    { type: "inbound-rtp", kind: "video", framesDecoded: 10, framesPerSecond: 20, bytesReceived: 100, packetsReceived: received, packetsLost: lost },
    { type: "inbound-rtp", kind: "audio", totalAudioEnergy: 0.5, totalSamplesReceived: 480, bytesReceived: 10 },
    { type: "outbound-rtp", bytesSent: 5 }, { type: "outbound-rtp", bytesSent: 6 },
    { type: "candidate-pair", nominated: false, state: "succeeded", currentRoundTripTime: 9 },
    { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.0421 },
    { type: "codec" },
  ];
  const first = summarise(rows(90, 10), { received: 0, lost: 0 });
  equal("first", first.stats, {
    framesDecoded: 10, framesPerSecond: 20, audioEnergy: 0.5, samplesReceived: 480, bytesReceived: 110, bytesSent: 11, rtt: 42, loss: 0.1,
  });
  equal("nothing lost since", summarise(rows(190, 10), first.packets).stats.loss, 0);
  equal("a late packet came", summarise(rows(191, 9), first.packets).stats.loss, 0);
  equal("no rows", summarise([], { received: 0, lost: 0 }).stats.rtt, -1);
});
