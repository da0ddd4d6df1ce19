// Requests to our own server: JSON in, JSON out, errors with a code for the program and a sentence for the person.

export class ApiError extends Error {
  /** code is the server's fault code, or "offline" when there was no answer at all. */
  constructor(readonly code: string, message: string, readonly fields: Record<string, string> = {}) {
    super(message);
  }
}

interface Problem {
  code?: string;
  message?: string;
  fields?: Record<string, string>;
}

const patience = 15_000;

/** A keepalive request outlives the page; browsers take 64 KiB of them. */
export async function request<T>(method: string, url: string, body?: BodyInit, type?: string, keepalive = false): Promise<T> {
  const stop = new AbortController();
  const timer = keepalive ? 0 : setTimeout(() => stop.abort(), patience);
  const headers: Record<string, string> = { Accept: "application/json" };
  if (type) headers["Content-Type"] = type;
  let response: Response;
  let value: T & Problem;
  try {
    response = await fetch(url, { method, body, headers, keepalive, credentials: "same-origin", signal: stop.signal });
    value = (await response.json()) as T & Problem;
  } catch {
    throw new ApiError("offline", "");
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) throw new ApiError(value.code ?? "internal", value.message ?? "", value.fields);
  return value;
}

export function post<T>(url: string, body: unknown = {}, keepalive = false): Promise<T> {
  return request<T>("POST", url, JSON.stringify(body), "application/json", keepalive);
}

/** Fills {name} in a text. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The element with that id; the templates promise that it is there. */
export function the<T extends Element = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error("no element #" + id);
  return found as unknown as T;
}

export function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}
