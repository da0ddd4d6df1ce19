import { Call, Refused } from "./call";
import { equal, FakePeerConnection, FakeSocket, FakeStream, settle, test, World } from "./testing";

const offer = (n: number, session: string, seq: number) => ({
  type: "offer", n, session, seq, sdp: "v=0\r\nm=audio 9 X\r\na=mid:0\r\na=recvonly\r\nm=video 9 X\r\na=mid:1\r\na=recvonly\r\n",
});
const welcome = (changes: { [member: string]: unknown } = {}) => ({
  type: "welcome", version: 1, session: "s1", resume: "secret", resumed: false, peer: "pt", role: "patient", admitted: true, ping: 20000, grace: 60000, ...changes,
});

function setUp(ticket: () => Promise<string> = () => Promise.resolve("the ticket")) {
  const world = new World();
  const tracks = [{ kind: "audio", enabled: true }, { kind: "video", enabled: true }];
  const local = new FakeStream("local", tracks);
  const call = new Call({ url: "/signal", ticket, local: local as unknown as MediaStream });
  const seen: string[] = [];
  call.on("state", (state, code) => seen.push(code ? `${state}:${code}` : state));
  call.on("media", (state) => seen.push("media:" + state));
  call.on("stream", (peer, stream) => seen.push((stream ? "stream:" : "gone:") + peer));
  call.on("peers", (peers) => seen.push("peers:" + peers.length));
  call.on("message", (code) => seen.push("message:" + code));
  const what = (): string => seen.splice(0).join(" ");
  return { world, call, tracks, what };
}

async function inCall() {
  const all = setUp();
  all.call.connect();
  await FakeSocket.last.open();
  await FakeSocket.last.hear(welcome());
  await FakeSocket.last.hear({ type: "admitted", n: 1 });
  await FakeSocket.last.hear(offer(2, "m1", 1));
  all.what();
  FakeSocket.last.types();
  return all;
}

test("from hello to the first answer", async () => {
  const { world, call, tracks, what } = setUp();
  call.connect();
  equal("address", FakeSocket.last.url, "wss://kham.example/signal");
  await FakeSocket.last.open();
  equal("hello", FakeSocket.last.sent, [{ type: "hello", version: 1, ticket: "the ticket" }]);
  FakeSocket.last.types();
  await FakeSocket.last.hear(welcome({ admitted: false }));
  await FakeSocket.last.hear({ type: "waiting", n: 1 });
  equal("waiting", what(), "waiting");
  await FakeSocket.last.hear({ type: "admitted", n: 2 });
  await FakeSocket.last.hear({ type: "peers", n: 3, peers: [{}, {}] });
  await FakeSocket.last.hear(offer(4, "m1", 1));
  equal("admitted", what(), "admitted peers:2");
  const pc = FakePeerConnection.last;
  equal("answer", FakeSocket.last.sent, [{ type: "answer", session: "m1", seq: 1, sdp: "v=0 answer 1" }]);
  equal("the tracks are sent", pc.transceivers.map((t) => [t.direction, t.sender.track === tracks[Number(t.mid)]]), [["sendonly", true], ["sendonly", true]]);
  equal("the picture is bounded", (pc.transceivers[1]?.sender.parameters["encodings"] as { maxBitrate: number }[])[0]?.maxBitrate, 700000);
  FakeSocket.last.types();
  pc.onicecandidate?.({ candidate: { candidate: "candidate:1", sdpMid: "0" } });
  pc.onicecandidate?.({ candidate: null });
  equal("candidates", FakeSocket.last.sent, [
    { type: "candidate", session: "m1", candidate: "candidate:1", mid: "0" }, { type: "candidate", session: "m1", candidate: "", mid: "" }]);
  FakeSocket.last.types();
  await world.pass(1000);
  equal("acknowledged once", FakeSocket.last.sent, [{ type: "ack", n: 4 }]);
  const stream = new FakeStream("dr", [{ kind: "audio", enabled: true }]);
  pc.ontrack?.({ streams: [stream] });
  pc.become("connected");
  equal("stream", what(), "stream:dr media:connected");
  stream.tracks.pop();
  stream.onremovetrack?.();
  equal("stream gone", what(), "gone:dr");
  equal("stats", (await call.stats()).framesDecoded, 7);
});

test("a lost connection is resumed, and what may have been lost is said again", async () => {
  const { world, call, what } = await inCall();
  const pc = FakePeerConnection.last;
  pc.onicecandidate?.({ candidate: { candidate: "candidate:1", sdpMid: "0" } });
  call.setMuted("audio", true);
  await FakeSocket.last.lose("");
  equal("state", what(), "reconnecting");
  equal("the media go on", pc.closed, false);
  call.setMuted("video", true);
  await world.pass(300);
  await FakeSocket.last.open();
  equal("hello", FakeSocket.last.sent, [{ type: "hello", version: 1, resume: { session: "s1", token: "secret", last: 2 } }]);
  FakeSocket.last.types();
  await FakeSocket.last.hear(welcome({ resumed: true }));
  equal("said again", FakeSocket.last.sent, [
    { type: "mute", kind: "audio", muted: true }, { type: "mute", kind: "video", muted: true },
    { type: "answer", session: "m1", seq: 1, sdp: "v=0 answer 1" }, { type: "candidate", session: "m1", candidate: "candidate:1", mid: "0" }]);
  await FakeSocket.last.hear(offer(2, "m1", 1)); // had been handled
  await FakeSocket.last.hear(offer(3, "m1", 2));
  equal("the same peer connection", [FakePeerConnection.all.length, pc.remote.length], [1, 2]);
  equal("state", what(), "admitted");
});

test("the connection waits longer each time, until it is welcomed", async () => {
  const { world } = await inCall();
  for (const wait of [300, 600, 1200]) {
    await FakeSocket.last.lose("");
    const n = FakeSocket.all.length;
    await world.pass(wait - 1);
    equal("not yet", FakeSocket.all.length, n);
    await world.pass(1);
    equal(`after ${wait} ms`, FakeSocket.all.length, n + 1);
  }
  await FakeSocket.last.open();
  await FakeSocket.last.hear(welcome({ resumed: true }));
  await FakeSocket.last.lose("");
  const n = FakeSocket.all.length;
  await world.pass(300);
  equal("from the beginning", FakeSocket.all.length, n + 1);
});

test("a session that cannot be resumed begins anew on the same connection", async () => {
  const { world, what } = await inCall();
  const pc = FakePeerConnection.last;
  await FakeSocket.last.lose("come-again");
  await world.pass(300);
  await FakeSocket.last.open();
  FakeSocket.last.types();
  await FakeSocket.last.hear({ type: "error", code: "resume-refused", message: "x", re: "hello" });
  equal("hello", FakeSocket.last.sent, [{ type: "hello", version: 1, ticket: "the ticket" }]);
  await FakeSocket.last.hear(welcome({ session: "s2" }));
  equal("the old media are closed", pc.closed, true);
  await FakeSocket.last.hear(offer(1, "m2", 1));
  equal("new media", FakePeerConnection.all.length, 2);
  equal("state", what(), "reconnecting admitted");
});

test("after the grace period a ticket is fetched without asking", async () => {
  const { world } = await inCall();
  await FakeSocket.last.lose("");
  await world.pass(70_000); // attempts that do not open
  await FakeSocket.last.open();
  equal("hello", FakeSocket.last.sent, [{ type: "hello", version: 1, ticket: "the ticket" }]);
});

test("a new media session means a new peer connection with the same tracks", async () => {
  const { tracks, what } = await inCall();
  const first = FakePeerConnection.last;
  first.become("connected");
  first.ontrack?.({ streams: [new FakeStream("dr")] });
  await FakeSocket.last.hear({ type: "media", n: 3, state: "reconnecting" });
  equal("said", what(), "media:connected stream:dr media:connecting");
  await FakeSocket.last.hear(offer(4, "m2", 1));
  const second = FakePeerConnection.last;
  equal("the first is closed", [first.closed, second.closed, first === second], [true, false, false]);
  equal("the same tracks", second.transceivers.map((t) => t.sender.track === tracks[Number(t.mid)]), [true, true]);
  first.onconnectionstatechange?.();
  second.ontrack?.({ streams: [new FakeStream("dr")] });
  second.become("connected");
  equal("events", what(), "media:new stream:dr media:connected");
  await FakeSocket.last.hear(offer(5, "m1", 2));
  equal("an offer of the old session", FakePeerConnection.last === second && second.remote.length === 1, true);
});

test("media that fail are asked for again", async () => {
  const { world } = await inCall();
  const pc = FakePeerConnection.last;
  pc.become("disconnected");
  await world.pass(4999);
  equal("patience", FakeSocket.last.types(), "ack");
  pc.become("connected");
  await world.pass(5000);
  equal("it came back", FakeSocket.last.types(), "");
  pc.become("disconnected");
  await world.pass(5000);
  equal("too long", FakeSocket.last.types(), "restart");
  pc.become("failed");
  equal("failed", FakeSocket.last.types(), "restart");
});

test("media that failed while away are asked for again after resuming", async () => {
  const { world } = await inCall();
  await FakeSocket.last.lose("");
  FakePeerConnection.last.become("failed");
  await world.pass(300);
  await FakeSocket.last.open();
  FakeSocket.last.types();
  await FakeSocket.last.hear(welcome({ resumed: true }));
  equal("said", FakeSocket.last.types().split(" ").pop(), "restart");
});

test("an offer that the browser cannot use", async () => {
  const { what } = await inCall();
  FakePeerConnection.last.refuse = true;
  await FakeSocket.last.hear(offer(3, "m1", 2));
  equal("said", FakeSocket.last.types(), "restart");
  equal("events", what(), "message:bad-offer");
});

test("a camera that comes later, and muting", async () => {
  const { call, tracks } = await inCall();
  call.setMuted("video", true);
  call.setMuted("video", true);
  equal("said once", FakeSocket.last.sent, [{ type: "mute", kind: "video", muted: true }]);
  equal("the track is off", tracks[1]?.enabled, false);
  const next = [{ kind: "video", enabled: true }];
  call.setLocal(new FakeStream("next", next) as unknown as MediaStream);
  await settle();
  equal("replaced", FakePeerConnection.last.transceivers.map((t) => t.sender.track === (next[0] as unknown)), [false, true]);
  equal("still muted", next[0]?.enabled, false);
  equal("no audio any more", FakePeerConnection.last.transceivers[0]?.sender.track, null);
  call.setLocal(null);
  await settle();
  equal("nothing", FakePeerConnection.last.transceivers[1]?.sender.track, null);
});

test("a connection that is silent is given up; one that speaks is not", async () => {
  const { world, what } = await inCall();
  for (let i = 0; i < 10; i++) {
    await world.pass(20_000);
    await FakeSocket.last.hear({ type: "pong" });
  }
  equal("alive", [FakeSocket.all.length, what()], [1, ""]);
  await world.pass(29_999);
  equal("patience", what(), "");
  await world.pass(1);
  equal("its own pings do not count", what(), "reconnecting");
  await world.pass(300);
  equal("another connection", FakeSocket.all.length, 2);
});

test("the system says that the network is back", async () => {
  const { world, what } = await inCall();
  await world.happen("online");
  equal("an open connection is tried", FakeSocket.last.types(), "ping");
  await world.pass(3000);
  equal("no answer within 3 s", what(), "reconnecting");
  await world.pass(300);
  await FakeSocket.last.lose("");
  const n = FakeSocket.all.length;
  await world.happen("visibilitychange");
  equal("no waiting for the timer", FakeSocket.all.length, n + 1);
  await world.pass(599);
  equal("and the timer is gone", FakeSocket.all.length, n + 1);
});

test("the end", async () => {
  for (const [reason, code] of [["closed", "ended"], ["removed", "removed"]]) {
    const { world, what } = await inCall();
    await FakeSocket.last.hear({ type: "ended", n: 3, reason });
    await FakeSocket.last.lose(code ?? "");
    equal("state", what(), "ended:" + reason);
    equal("nothing is left", [FakePeerConnection.last.closed, world.waiting(), world.listening()], [true, 0, 0]);
  }
  const { world, what, call } = await inCall();
  await FakeSocket.last.lose("replaced");
  equal("opened elsewhere", what(), "ended:replaced");
  await world.pass(100_000);
  equal("no other try", FakeSocket.all.length, 1);
  call.leave();
  equal("leaving afterwards", what(), "");
});

test("leaving", async () => {
  const { world, call, what } = await inCall();
  call.leave();
  equal("said", FakeSocket.last.types(), "leave");
  equal("state", [what(), FakeSocket.last.closedWith, FakePeerConnection.last.closed], ["ended:left", 1000, true]);
  equal("nothing is left", [world.waiting(), world.listening()], [0, 0]);
});

test("tickets that are refused or fail", async () => {
  const refused = setUp(() => Promise.reject(new Refused("gone")));
  refused.call.connect();
  await FakeSocket.last.open();
  equal("refused", refused.what(), "refused:gone");
  await refused.world.pass(100_000);
  equal("no other try", FakeSocket.all.length, 1);

  const failing = setUp(() => Promise.reject(new Error("no network")));
  failing.call.connect();
  await FakeSocket.last.open();
  await failing.world.pass(300);
  equal("another try", FakeSocket.all.length, 2);

  const bad = setUp();
  bad.call.connect();
  await FakeSocket.last.open();
  await FakeSocket.last.lose("bad-ticket");
  equal("a bad one", bad.what(), "refused:bad-ticket");
});
