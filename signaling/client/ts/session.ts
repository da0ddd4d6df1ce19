// What a page remembers of its session, and how long it waits before it connects again. No DOM, no clock: tested as it is.

import type { ClientMessage, Welcome } from "./wire";
import { version } from "./wire";

const firstDelay = 300;
const longestDelay = 8_000;

/** Milliseconds before attempt n (1, 2, ...): doubling up to 8 s, the upper half of it drawn by lot so that pages spread out. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(longestDelay, firstDelay * 2 ** Math.min(attempt - 1, 10));
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}

/** Session keeps the resume token and the number of the last message that was handled. */
export class Session {
  private id = "";
  private token = "";
  private last = 0;
  private grace = 0;
  private lostAt = 0;
  private acked = 0;

  /** A welcome begins a new session or goes on with this one. */
  welcome(w: Welcome): void {
    if (!w.resumed) this.last = this.acked = 0;
    this.id = w.session;
    this.token = w.resume;
    this.grace = w.grace;
    this.lostAt = 0;
  }

  /** The connection went at this time, in milliseconds. The first loss counts, not the failed attempts after it. */
  lost(now: number): void {
    if (!this.lostAt) this.lostAt = now;
  }

  forget(): void {
    this.id = this.token = "";
    this.last = this.acked = 0;
  }

  /** The hello that resumes, or null when a ticket is needed. */
  resume(now: number): ClientMessage | null {
    if (!this.id || (this.lostAt > 0 && now - this.lostAt >= this.grace)) return null;
    return { type: "hello", version, resume: { session: this.id, token: this.token, last: this.last } };
  }

  /** Whether the numbered message is new; a repeated one is not to be handled again. */
  take(n: number): boolean {
    if (n <= this.last) return false;
    this.last = n;
    return true;
  }

  /** The acknowledgement that is due, or null. */
  ack(): ClientMessage | null {
    if (this.acked === this.last) return null;
    this.acked = this.last;
    return { type: "ack", n: this.last };
  }
}
