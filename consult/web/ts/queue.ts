// The queue keeps itself up to date: the server says which consult changed, the page fetches the list again. Without live
// events it asks every 20 seconds. Waiting times count on by themselves.

import { config } from "/page/config.ts";
import { fill, the } from "./_api";

const { events, t } = config<{ events: boolean; t: Record<string, string> }>();
const gather = 150; // ms: several changes at once are one refresh
const pollEvery = 20_000;

let timer = 0;
let busy = false;
let again = false;
let waiting = Number(the("queue").dataset.waiting ?? 0);
const title = document.title;

function count(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-since]")) {
    const since = Date.parse(element.dataset.since ?? "");
    if (!Number.isNaN(since)) element.textContent = fill(t.minutes ?? "", { n: Math.max(0, Math.floor((Date.now() - since) / 60_000)) });
  }
  document.title = waiting > 0 ? `(${waiting}) ${title}` : title;
}

async function refresh(): Promise<void> {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const response = await fetch("/consults", { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (response.redirected || response.status === 401) location.reload(); // the session is over: show the sign-in
    if (!response.ok) throw new Error(String(response.status));
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("queue");
    if (fresh) replace(fresh);
    the("live").textContent = t.live ?? "";
  } catch {
    the("live").textContent = t.stale ?? "";
  } finally {
    busy = false;
    if (again) {
      again = false;
      void refresh();
    }
  }
}

function replace(fresh: HTMLElement): void {
  const old = the("queue");
  const focused = document.activeElement instanceof HTMLAnchorElement ? document.activeElement.getAttribute("href") : null;
  const before = waiting;
  waiting = Number(fresh.dataset.waiting ?? 0);
  old.replaceWith(document.adoptNode(fresh));
  if (focused) fresh.querySelector<HTMLAnchorElement>(`a[href="${CSS.escape(focused)}"]`)?.focus();
  fresh.classList.toggle("arrived", waiting > before);
  count();
}

function soon(): void {
  clearTimeout(timer);
  timer = window.setTimeout(() => void refresh(), gather);
}

if (events) {
  const source = new EventSource("/consults/events");
  source.addEventListener("consult", soon);
  source.onopen = soon;
  source.onerror = () => {
    the("live").textContent = t.stale ?? "";
  };
} else {
  setInterval(soon, pollEvery);
}
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") soon();
});
setInterval(count, 15_000);
count();
