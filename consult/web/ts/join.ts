// The patient's page: one tap, the permissions, the waiting room and the call, all in one document.
//
// It is inlined in the page, so it stays small; the call itself (room.ts) is loaded while the person waits. The state is
// written to <html data-phase>: idle, asking, waiting, call, ended, refused.

import { config } from "/page/config.ts";
import { ApiError, fill, post, randomName, the } from "./_api";
import { Local, MediaTrouble, show, toggle } from "./_media";
import type { Call, CallState, PeerInfo } from "./room";

interface Config {
  call: string;
  signal: string;
  phone: string;
  t: Record<string, string>;
}

interface Place {
  phase: string;
  doctor: string;
  station: string;
  at: string;
  ticket?: string;
}

type Phase = "idle" | "asking" | "waiting" | "call" | "ended" | "refused";
type Room = typeof import("./room");

const { call: callModule, signal, t } = config<Config>();
const text = (key: string): string => t[key] ?? key;
const root = document.documentElement;
const base = location.pathname.replace(/\/+$/, "");
const attempt = randomName();
const local = new Local();
const retries = [1000, 2000, 4000, 8000];
const pollEvery = 10_000;

let call: Call | null = null;
let loading: Promise<Room> | null = null;
let chime: AudioContext | null = null;
let lock: { release(): Promise<void> } | null = null;
let poll = 0;
let lagging = 0; // polls in a row that say "admitted" while the room says "waiting"
let noMic = false;
let cameraNote = ""; // which message says that there is no picture
let mutedAudio = false;
let mutedVideo = false;

function become(phase: Phase): void {
  if (root.dataset.phase === phase) return;
  root.dataset.phase = phase;
  if (phase === "ended" || phase === "refused") scrollTo(0, 0);
}

function say(key: string): void {
  the("status").textContent = key ? text(key) : "";
}

/** The secret of the link, "" when the page was reloaded: then the device's cookie speaks for it. */
const secret = (): string => location.hash.slice(1);

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** Redeems the link. On a bad line the same attempt is repeated; the server knows it again. */
async function redeem(): Promise<Place> {
  for (const wait of [...retries, 0]) {
    try {
      return await post<Place>(base + "/redeem", { secret: secret(), attempt });
    } catch (err) {
      const code = err instanceof ApiError ? err.code : "";
      if (!wait || !["offline", "unavailable", "timeout", "unknown-outcome", "conflict"].includes(code)) throw err;
      the("join-label").textContent = text("offline");
      await pause(wait);
    }
  }
  throw new ApiError("offline", "");
}

function refuse(key: string): void {
  leaveCall();
  local.close();
  the("refused-text").textContent = text(key);
  become("refused");
}

function end(key: string, again = false): void {
  leaveCall();
  local.close();
  the("end-text").textContent = text(key);
  the("again").hidden = !again;
  become("ended");
}

function failed(err: unknown): void {
  const code = err instanceof ApiError ? err.code : "";
  if (code === "not-found") return refuse("refused");
  if (code === "too-many") return refuse("toomany");
  refuse("failed");
}

/** Whether the place is one to wait or to talk in; if not, the screen says what became of it. */
function open(place: Place): boolean {
  switch (place.phase) {
    case "invited":
    case "arrived":
    case "admitted":
      return true;
    case "phone":
      end("byphone");
      return false;
  }
  end("ended");
  return false;
}

function problem(title: string, body: string, without: boolean): void {
  the("problem-title").textContent = text(title);
  the("problem-text").textContent = text(body);
  the("problem-actions").hidden = !without;
  the("problem").hidden = false;
  the("join-label").textContent = text("retry");
  if (inApp()) the("inapp").hidden = false;
  become("idle");
}

/** Opens microphone, then camera. False: the person was told what to do. */
async function openDevices(): Promise<boolean> {
  if (!noMic && !local.has("audio")) {
    try {
      await local.open("audio");
    } catch (err) {
      const trouble = err instanceof MediaTrouble ? err.trouble : "missing";
      if (trouble === "insecure") problem("insecureTitle", "insecure", false);
      else {
        const key = { denied: "micDenied", missing: "micMissing", busy: "micBusy" }[trouble];
        problem(key + "Title", key, true);
      }
      return false;
    }
  }
  if (!local.has("video")) {
    try {
      await local.open("video");
    } catch (err) {
      const trouble = err instanceof MediaTrouble ? err.trouble : "missing";
      the("self-note").hidden = false;
      cameraNote = { denied: "camDenied", missing: "camMissing", busy: "camBusy", insecure: "camMissing" }[trouble];
    }
  }
  return true;
}
/** The tap: everything that a browser allows only in a tap begins here. */
async function join(): Promise<void> {
  const button = the<HTMLButtonElement>("join");
  if (button.disabled) return;
  button.disabled = true;
  the("problem").hidden = true;
  unlockSound();
  become("asking");
  the("join-label").textContent = text("asking");
  try {
    // Without the secret the cookie must be good before anybody is asked for a microphone.
    let place = secret() ? null : await redeem();
    if (place && !open(place)) return;
    if (!(await openDevices())) return;
    the("join-label").textContent = text("connecting");
    place ??= await redeem();
    if (open(place)) enter(place);
  } catch (err) {
    failed(err);
  } finally {
    button.disabled = false;
    if (root.dataset.phase === "asking") become("idle");
  }
}

/** In the waiting room: the link leaves the address bar, the call is loaded, the screen stays on. */
function enter(place: Place): void {
  history.replaceState(null, "", base + location.search);
  remember(true);
  if (place.doctor) {
    the("wait-who").textContent = fill(text("who"), { doctor: place.doctor, time: place.at });
    the("wait-who").hidden = false;
  }
  the("join-label").textContent = text("button");
  become("waiting");
  say(cameraNote || "connecting");
  local.changed = showSelf;
  showSelf();
  void keepAwake();
  void connect();
  clearTimeout(poll);
  poll = window.setTimeout(look, pollEvery);
}

function showSelf(): void {
  show(the<HTMLVideoElement>("self"), local.stream);
  the("self").toggleAttribute("hidden", !local.has("video"));
  the("self-note").hidden = local.has("video");
  call?.setLocal(local.stream);
}

async function connect(): Promise<void> {
  let room: Room;
  try {
    loading ??= import(callModule) as Promise<Room>;
    room = await loading;
  } catch {
    loading = null;
    say("offline");
    await pause(2000);
    if (root.dataset.phase === "waiting") return connect();
    return;
  }
  if (root.dataset.phase !== "waiting" && root.dataset.phase !== "call") return;
  const ticket = async (): Promise<string> => {
    try {
      const place = await post<Place>(base + "/ticket");
      if (place.ticket) return place.ticket;
      throw new room.Refused(place.phase === "phone" ? "phone" : "ended");
    } catch (err) {
      if (err instanceof ApiError && err.code === "not-found") throw new room.Refused("gone");
      throw err;
    }
  };
  call = room.enter({
    signal, ticket, local: local.stream, remote: the<HTMLVideoElement>("remote"), tap: the("tap"),
    state: changed,
    others: (list, picture) => others(list, picture),
    media: (state) => {
      if (root.dataset.phase !== "call") return;
      if (state === "failed" || state === "connecting") say("reconnecting");
    },
  });
  call.setMuted("audio", mutedAudio);
  call.setMuted("video", mutedVideo);
}

function changed(state: CallState, code: string): void {
  switch (state) {
    case "connecting":
      say("connecting");
      break;
    case "waiting":
      become("waiting");
      say(cameraNote || "waiting");
      break;
    case "admitted":
      if (root.dataset.phase !== "call") ring();
      become("call");
      break;
    case "reconnecting":
      say("reconnecting");
      break;
    default:
      over(code);
  }
}

function over(code: string): void {
  call = null;
  switch (code) {
    case "left":
      return;
    case "replaced":
      return refuse("replaced");
    case "phone":
      return end("byphone");
    case "gone":
    case "removed":
      remember(false);
      return refuse("refused");
    case "closed":
    case "ended":
      // The room is closed at the end and when the consult goes on by telephone: ask which.
      void post<Place>(base + "/ticket").then(
        (place) => end(place.phase === "phone" ? "byphone" : "ended"),
        () => end("ended"),
      );
      return;
    case "bad-version":
      location.reload();
      return;
  }
  refuse("failed");
}

function others(list: PeerInfo[], picture: boolean): void {
  if (root.dataset.phase !== "call") return;
  const doctor = list.find((p) => p.role === "doctor");
  const here = picture && doctor !== undefined;
  say(here ? (doctor.online ? "connected" : "reconnecting") : "doctorAway");
  the("remote-note").textContent = here ? "" : text("doctorAway");
}

/** Asks for the place now and then, in case a message got lost; twice out of step, the call is entered anew. */
async function look(): Promise<void> {
  clearTimeout(poll);
  if (root.dataset.phase !== "waiting") return;
  try {
    const place = await post<Place>(base + "/ticket");
    if (!open(place)) return;
    lagging = place.phase === "admitted" ? lagging + 1 : 0;
    if (lagging > 1) {
      lagging = 0;
      leaveCall();
      void connect();
    }
  } catch (err) {
    if (err instanceof ApiError && err.code === "not-found") return refuse("refused");
  }
  poll = window.setTimeout(look, pollEvery);
}

function leaveCall(): void {
  clearTimeout(poll);
  const old = call;
  call = null;
  old?.leave();
  show(the<HTMLVideoElement>("remote"), null);
  void lock?.release().catch(() => undefined);
  lock = null;
}

function unlockSound(): void {
  const Sound = window.AudioContext as typeof AudioContext | undefined;
  if (!chime && Sound) chime = new Sound();
  void chime?.resume().catch(() => undefined);
}

/** A soft chime of two notes and a buzz: the doctor has let the patient in. */
function ring(): void {
  // After a reload nobody has touched the page yet, and browsers log an error for it.
  const touched = (navigator as unknown as { userActivation?: { hasBeenActive: boolean } }).userActivation?.hasBeenActive ?? true;
  if (touched) navigator.vibrate?.([200, 100, 200]);
  if (chime?.state !== "running") return;
  [660, 880].forEach((hertz, i) => {
    if (!chime) return;
    const at = chime.currentTime + i * 0.25;
    const tone = chime.createOscillator();
    const volume = chime.createGain();
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.0001, at);
    volume.gain.exponentialRampToValueAtTime(0.2, at + 0.03);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.5);
    tone.connect(volume).connect(chime.destination);
    tone.start(at);
    tone.stop(at + 0.55);
  });
}

async function keepAwake(): Promise<void> {
  const wake = (navigator as unknown as { wakeLock?: { request(kind: string): Promise<{ release(): Promise<void> }> } }).wakeLock;
  try {
    lock = (await wake?.request("screen")) ?? null;
  } catch {
    lock = null; // a low battery: the page asks the person not to switch the screen off
  }
}

function inApp(): boolean {
  return /\bZalo\b|FBAN|FBAV|FB_IAB|Messenger/i.test(navigator.userAgent);
}

/** Not a secret: only that this tab was in, so that a reload goes back in by itself. */
function remember(inside: boolean): void {
  try {
    if (inside) sessionStorage.setItem("khamxa-in " + base, "1");
    else sessionStorage.removeItem("khamxa-in " + base);
  } catch {
    // No storage in this browser: after a reload there is the button.
  }
}

function remembered(): boolean {
  try {
    return sessionStorage.getItem("khamxa-in " + base) !== null;
  } catch {
    return false;
  }
}

function hints(): void {
  if (!inApp()) return;
  the("inapp").hidden = false;
  if (!/Android/i.test(navigator.userAgent)) return;
  // The phone's own browser, by an Android intent; the secret goes along in the fragment of the address.
  const link = the<HTMLAnchorElement>("open-browser");
  const scheme = location.protocol.slice(0, -1);
  link.href = `intent://${location.host}${location.pathname}${location.search}${location.hash}#Intent;scheme=${scheme};end`;
  link.parentElement?.removeAttribute("hidden");
}

function start(): void {
  become("idle");
  const button = the<HTMLButtonElement>("join");
  button.hidden = false;
  button.addEventListener("click", () => void join());
  the("without").addEventListener("click", () => {
    noMic = true;
    void join();
  });
  the("reload").addEventListener("click", () => location.reload());
  the("again").addEventListener("click", () => void join());
  the("leave").addEventListener("click", () => end("left", true));
  the("copy-address").addEventListener("click", () => {
    void navigator.clipboard?.writeText(location.href).then(() => {
      the("copy-address").lastElementChild!.textContent = text("copied");
    });
  });
  toggle(the("mic"), text("mute"), text("unmute"), (muted) => {
    mutedAudio = muted;
    call?.setMuted("audio", muted);
  });
  toggle(the("cam"), text("camOff"), text("camOn"), (muted) => {
    mutedVideo = muted;
    call?.setMuted("video", muted);
    the("self").classList.toggle("off", muted);
  });
  the("tap").addEventListener("click", () => show(the<HTMLVideoElement>("remote"), the<HTMLVideoElement>("remote").srcObject as MediaStream, the("tap")));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible" || !call) return;
    void local.revive();
    void keepAwake();
    const remote = the<HTMLVideoElement>("remote");
    show(remote, remote.srcObject as MediaStream | null, the("tap"));
  });
  hints();
  if (!secret() && remembered()) void join();
}

start();
