// The doctor's console. The note and the blood pressure are saved by themselves; the call is beside them and may fail without
// touching them. <html data-phase> is the call's state (idle, asking, waiting, call, ended), #console[data-consult] the consult's.

import { config } from "/page/config.ts";
import { ApiError, post, request, the } from "./_api";
import { Autosave } from "./_autosave";
import type { Conflict } from "./_autosave";
import { Local, show, toggle } from "./_media";
import { enter, Refused } from "./room";
import type { Call, CallState, PeerInfo } from "./room";
import { Vitals } from "./_vitals";

interface Config {
  id: string;
  phase: string;
  sealed: boolean;
  signal: string;
  events: boolean;
  readings: number;
  t: Record<string, string>;
}

interface State {
  phase: string;
  label: string;
  tone: string;
  sealed: boolean;
  here: boolean;
  editable: boolean;
  measure: boolean;
  can: string[];
}

interface Link {
  url: string;
  qr: { size: number; path: string };
  state: State;
}

const conf = config<Config>();
const text = (key: string): string => conf.t[key] ?? key;
const base = "/consults/" + conf.id;
const root = document.documentElement;
const local = new Local();

let phase = conf.phase;
let call: Call | null = null;
let hungUp = false;
let entering = false;

function say(message: string): void {
  the("status").textContent = message;
}

function become(state: "idle" | "asking" | "waiting" | "call" | "ended"): void {
  root.dataset.phase = state;
  the("controls").hidden = state === "idle" || state === "ended";
}

// ---- the consult's state ----------------------------------------------------------------------------------------------

function follow(s: State): void {
  const before = phase;
  phase = s.phase;
  the("console").dataset.consult = s.phase;
  const badge = the("phase");
  badge.textContent = s.label;
  badge.className = "badge " + s.tone;
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-command]")) form.hidden = !offered(form, s);
  the("sign-row").hidden = s.phase !== "ended";
  the("signed-mark").hidden = s.phase !== "signed";
  the("more-hint").hidden = !["invited", "arrived", "admitted"].includes(s.phase);
  if (!call) the("screen-note").textContent = text("screen." + s.phase);
  if (s.phase === "signed" || s.phase === "cancelled" || s.sealed) notes.freeze();
  vitals.allow(s.measure);
  if (s.phase === "arrived") say(s.here ? text("arrived") : before === "arrived" ? text("away") : text("arrived"));
  else if (before !== s.phase && !call) say("");
  if (s.phase !== "booked" && s.phase !== "invited") the("link-card").hidden = true;
  if (s.phase === "admitted") void join();
  else if (call && s.phase !== "arrived" && s.phase !== "invited") hangUp("ended");
}

/** Which buttons a state offers: the same rule as the template's. */
function offered(form: HTMLFormElement, s: State): boolean {
  const command = form.dataset.command ?? "";
  if (!s.can.includes(command)) return false;
  if (command === "invite") return (form.querySelector("#new-link") !== null) === (s.phase !== "booked");
  const done: Record<string, string> = { admit: "admitted", end: "ended", "convert-to-phone": "phone", "no-show": "no-show", cancel: "cancelled" };
  return done[command] !== s.phase;
}

let asking = false;
let askAgain = false;
async function refresh(): Promise<void> {
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  try {
    follow(await request<State>("GET", base + "/state"));
  } catch {
    // Offline for a moment: the next event or the timer asks again.
  } finally {
    asking = false;
    if (askAgain) {
      askAgain = false;
      void refresh();
    }
  }
}

// ---- commands ---------------------------------------------------------------------------------------------------------

const questions: Record<string, [string, string, string]> = {
  end: ["sureEnd", "sureEndText", "yesEnd"],
  cancel: ["sureCancel", "sureCancelText", "yesCancel"],
  link: ["sureLink", "sureLinkText", "yesLink"],
};

/** Asks before what cannot be taken back. */
function sure(question: string): Promise<boolean> {
  const words = questions[question];
  const dialog = the<HTMLDialogElement>("sure");
  if (!words || !dialog.showModal) return Promise.resolve(true);
  the("sure-title").textContent = text(words[0]);
  the("sure-text").textContent = text(words[1]);
  the("sure-yes").textContent = text(words[2]);
  return new Promise((done) => {
    const settle = (yes: boolean) => () => {
      dialog.onclose = null;
      dialog.close();
      done(yes);
    };
    the("sure-yes").onclick = settle(true);
    the("sure-no").onclick = dialog.onclose = settle(false);
    dialog.showModal();
  });
}

async function command(form: HTMLFormElement): Promise<void> {
  const name = form.dataset.command ?? "";
  const button = form.querySelector("button");
  const question = name === "invite" ? (form.querySelector("#new-link") ? "link" : "") : name;
  if (questions[question] && !(await sure(question))) return;
  if (button) button.disabled = true;
  try {
    if (name === "admit") void openDevices(); // in the click, so that the browser asks now
    if (name === "sign" || name === "end") await notes.flush();
    if (name === "invite") showLink(await post<Link>(form.action));
    else follow(await post<State>(form.action));
    if (name === "sign") location.reload(); // the signed note as it was kept
  } catch (err) {
    complain(err);
  } finally {
    if (button) button.disabled = false;
  }
}

function complain(err: unknown): void {
  const known = err instanceof ApiError && err.message !== "";
  say(known ? err.message : text("failed"));
  if (!(err instanceof ApiError)) return;
  for (const field of fields) mark(field, err.fields[field.name] ?? "");
  const first = fields.find((f) => err.fields[f.name]);
  first?.focus();
  if (err.code === "state" || err.code === "conflict") void refresh();
}

function mark(field: HTMLTextAreaElement, message: string): void {
  const place = the(field.name + "-error");
  place.hidden = message === "";
  const sentence = place.querySelector("span");
  if (sentence) sentence.textContent = message;
  field.toggleAttribute("aria-invalid", message !== "");
  the(field.name + "-field").classList.toggle("invalid", message !== "");
}

function showLink(link: Link): void {
  the<HTMLInputElement>("link").value = link.url;
  const svg = the<SVGElement>("qr");
  svg.setAttribute("viewBox", `0 0 ${link.qr.size} ${link.qr.size}`);
  svg.querySelector("path")?.setAttribute("d", link.qr.path);
  follow(link.state);
  the("link-card").hidden = false;
  the("copy").focus();
}

// ---- the call ---------------------------------------------------------------------------------------------------------

let opening: Promise<void> | null = null;
function openDevices(): Promise<void> {
  opening ??= openEach().finally(() => (opening = null));
  return opening;
}

async function openEach(): Promise<void> {
  if (root.dataset.phase !== "call") become("asking");
  let trouble = "";
  if (!local.has("audio")) await local.open("audio").catch(() => (trouble = "micProblem"));
  if (!local.has("video")) await local.open("video").catch(() => (trouble ||= "camProblem"));
  deviceTrouble = trouble;
}
let deviceTrouble = "";

/** Enters the room, once; also after a reload of this page in the middle of a call. */
async function join(): Promise<void> {
  if (call || hungUp || entering) return;
  entering = true;
  await openDevices();
  entering = false;
  if (phase !== "admitted") {
    become("idle");
    return;
  }
  become("waiting");
  say(deviceTrouble ? text(deviceTrouble) : text("connecting"));
  local.changed = showSelf;
  showSelf();
  call = enter({
    signal: conf.signal, ticket, local: local.stream, remote: the<HTMLVideoElement>("remote"), tap: the("tap"),
    state: changed,
    others: (list, picture) => others(list, picture),
    media: (state) => {
      if (state === "failed") say(text("reconnecting"));
    },
  });
  for (const [id, kind] of [["mic", "audio"], ["cam", "video"]] as const) {
    call.setMuted(kind, the(id).getAttribute("aria-pressed") === "true");
  }
}

async function ticket(): Promise<string> {
  try {
    return (await post<{ ticket: string }>(base + "/ticket")).ticket;
  } catch (err) {
    if (err instanceof ApiError && ["state", "not-found", "forbidden", "unauthenticated"].includes(err.code)) throw new Refused("ended");
    throw err;
  }
}

function showSelf(): void {
  show(the<HTMLVideoElement>("self"), local.stream);
  the("self").toggleAttribute("hidden", !local.has("video"));
  call?.setLocal(local.stream);
}

function changed(state: CallState, code: string): void {
  if (state === "reconnecting") say(text("reconnecting"));
  if (state !== "ended" && state !== "refused") return;
  if (code === "left") return;
  call = null;
  hungUp = code === "replaced";
  closeScreen("ended");
  if (hungUp) {
    offerRejoin(true);
    say(text("replaced"));
  }
  void refresh();
}

function others(list: PeerInfo[], picture: boolean): void {
  if (!call) return;
  const patient = list.find((p) => p.role === "patient");
  const talking = picture && patient !== undefined;
  become(talking ? "call" : "waiting");
  the("screen-note").textContent = talking ? "" : text("noPatient");
  if (deviceTrouble) say(text(deviceTrouble));
  else if (!talking) say(text("noPatient"));
  else say(patient.online ? text("connected") : text("away"));
}

function closeScreen(state: "idle" | "ended"): void {
  local.close();
  show(the<HTMLVideoElement>("remote"), null);
  show(the<HTMLVideoElement>("self"), null);
  the("screen-note").textContent = text("screen." + phase);
  become(state);
}

function hangUp(state: "idle" | "ended"): void {
  const old = call;
  call = null;
  old?.leave();
  closeScreen(state);
}

/** After hanging up the same button brings the doctor back: the patient is still in the room. */
function offerRejoin(on: boolean): void {
  the("controls").hidden = false;
  the("mic").hidden = the("cam").hidden = on;
  const label = the("leave").querySelector(".label");
  if (label) label.textContent = text(on ? "rejoin" : "hangUp");
}

// ---- the page ---------------------------------------------------------------------------------------------------------

const fields = [...document.querySelectorAll<HTMLTextAreaElement>("#note-form textarea")];
const notes = new Autosave({
  url: base + "/note",
  storageKey: "khamxa-note " + conf.id,
  fields,
  t: conf.t,
  status: (message, state) => {
    the("note-status").textContent = message;
    the("note-status").dataset.state = state;
  },
  conflict: (field, conflict, message) => showConflict(field, conflict, message),
});

function showConflict(field: HTMLTextAreaElement, conflict: Conflict | null, message: string): void {
  const box = the(field.name + "-conflict");
  box.hidden = conflict === null;
  if (!conflict) return;
  const part = <T extends HTMLElement>(selector: string): T => box.querySelector<T>(selector) as T;
  part(".conflict-who").textContent = message;
  part(".conflict-text").textContent = conflict.text;
  part<HTMLButtonElement>(".conflict-mine").onclick = () => notes.resolve(field, conflict, true);
  part<HTMLButtonElement>(".conflict-theirs").onclick = () => notes.resolve(field, conflict, false);
}

const vitals = new Vitals(base + "/vitals", conf.readings, conf.t);

function start(): void {
  become("idle");
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-command]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void command(form);
    });
  }
  the("note-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void notes.flush();
  });
  for (const field of fields) field.addEventListener("input", () => mark(field, ""));
  the("leave").addEventListener("click", () => {
    if (hungUp) {
      hungUp = false;
      offerRejoin(false);
      void join();
      return;
    }
    hungUp = true;
    hangUp("idle");
    offerRejoin(true);
    say(text("hungUp"));
  });
  toggle(the("mic"), text("mute"), text("unmute"), (muted) => call?.setMuted("audio", muted));
  toggle(the("cam"), text("camOff"), text("camOn"), (muted) => {
    call?.setMuted("video", muted);
    the("self").classList.toggle("off", muted);
  });
  the("tap").addEventListener("click", () => {
    const remote = the<HTMLVideoElement>("remote");
    show(remote, remote.srcObject as MediaStream | null, the("tap"));
  });
  the("copy").addEventListener("click", () => void copy());
  the("print").addEventListener("click", () => print());
  the<HTMLInputElement>("link").addEventListener("focus", (event) => (event.target as HTMLInputElement).select());
  watch();
  if (phase === "admitted") void join();
}

async function copy(): Promise<void> {
  const field = the<HTMLInputElement>("link");
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    field.select();
    document.execCommand("copy"); // the only way without a secure context
  }
  say(text("copied"));
}

function watch(): void {
  if (conf.events) {
    const source = new EventSource("/consults/events");
    source.addEventListener("consult", (event) => {
      const change = JSON.parse((event as MessageEvent<string>).data) as { consult: string };
      if (change.consult === conf.id) void refresh();
    });
    source.onopen = () => void refresh();
  }
  setInterval(() => void refresh(), conf.events ? 30_000 : 5_000);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      void refresh();
      if (call) void local.revive();
    }
  });
}

start();
