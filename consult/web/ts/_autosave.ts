// Autosave of a note. The promise: what was typed is on the server within a second, or on this computer until it is.
//
// Each section has the version that the server last told. Edits carry this page's name and a running number, so the page is
// never in conflict with itself: a save may follow before the last answer, and the last save of a closing tab may overtake.

import { ApiError, fill, post, randomName } from "./_api";

export interface Conflict {
  text: string;
  version: number;
  by: string;
  at: string;
}

interface Answer {
  versions: Record<string, number>;
  conflicts: Record<string, Conflict>;
  at: string;
}

interface Kept {
  [field: string]: { text: string; base: number };
}

export interface AutosaveOptions {
  url: string;
  storageKey: string;
  fields: HTMLTextAreaElement[];
  t: Record<string, string>;
  status(text: string, state: "typing" | "saving" | "saved" | "failed"): void;
  conflict(field: HTMLTextAreaElement, conflict: Conflict | null, message: string): void;
}

const typingPause = 500;
const retryFirst = 2_000;
const retryMost = 30_000;

export class Autosave {
  private readonly editor = randomName();
  private revision = 0;
  private readonly dirty = new Set<HTMLTextAreaElement>();
  private readonly held = new Set<HTMLTextAreaElement>(); // in conflict: a person must choose
  private timer = 0;
  private running: Promise<void> | null = null;
  private delay = retryFirst;
  private frozen = false;

  constructor(private readonly o: AutosaveOptions) {
    for (const field of o.fields) {
      field.addEventListener("input", () => this.typed(field));
      field.addEventListener("blur", () => void this.flush());
    }
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") this.lastWords();
    });
    addEventListener("pagehide", () => this.lastWords());
    addEventListener("online", () => void this.flush());
    addEventListener("beforeunload", (event) => {
      if (this.dirty.size > 0 && this.delay > retryFirst) event.preventDefault(); // saving has failed: ask before leaving
    });
    this.restore();
  }

  get clean(): boolean {
    return this.dirty.size === 0;
  }

  /** Nothing changes any more: the note is signed. */
  freeze(): void {
    if (this.frozen) return;
    this.frozen = true;
    clearTimeout(this.timer);
    for (const field of this.o.fields) field.readOnly = true;
    if (this.dirty.size > 0) this.o.status(this.o.t.frozen ?? "", "failed");
  }

  /** Saves what is not saved. Returns when the server has it, or has not answered. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    while (this.running) await this.running;
    const fields = this.pending();
    if (fields.length === 0) return;
    this.running = this.save(fields);
    try {
      await this.running;
    } finally {
      this.running = null;
    }
  }

  /** The person chose: mine replaces what the server has, theirs replaces what was typed. */
  resolve(field: HTMLTextAreaElement, conflict: Conflict, mine: boolean): void {
    this.held.delete(field);
    field.dataset.version = String(conflict.version);
    this.o.conflict(field, null, "");
    if (!mine) {
      field.value = conflict.text;
      this.dirty.delete(field);
      this.backup();
      this.o.status("", "saved");
      return;
    }
    this.dirty.add(field);
    void this.flush();
  }

  private typed(field: HTMLTextAreaElement): void {
    if (this.frozen) return;
    this.dirty.add(field);
    this.backup();
    this.o.status(this.o.t.typing ?? "", "typing");
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.flush(), typingPause);
  }

  private pending(): HTMLTextAreaElement[] {
    return this.frozen ? [] : [...this.dirty].filter((f) => !this.held.has(f));
  }

  private body(fields: HTMLTextAreaElement[]): { edits: unknown[] } {
    return {
      edits: fields.map((f) => ({
        field: f.name, text: f.value, base: Number(f.dataset.version ?? 0), editor: this.editor, revision: ++this.revision,
      })),
    };
  }

  private async save(fields: HTMLTextAreaElement[]): Promise<void> {
    const sent = new Map(fields.map((f) => [f, f.value]));
    this.o.status(this.o.t.saving ?? "", "saving");
    try {
      const answer = await post<Answer>(this.o.url, this.body(fields));
      this.delay = retryFirst;
      for (const [field, text] of sent) this.took(field, text, answer);
      this.backup();
      if (this.pending().length > 0) this.later(typingPause);
      else if (this.held.size > 0) this.o.status(this.o.t.choose ?? "", "failed");
      else this.o.status(fill(this.o.t.saved ?? "", { time: answer.at }), "saved");
    } catch (err) {
      this.failed(err);
    }
  }

  private took(field: HTMLTextAreaElement, text: string, answer: Answer): void {
    const version = answer.versions[field.name];
    const conflict = answer.conflicts[field.name];
    if (version !== undefined) {
      field.dataset.version = String(version);
      if (field.value === text) this.dirty.delete(field);
    } else if (conflict) {
      this.held.add(field);
      this.o.conflict(field, conflict, fill(this.o.t.conflict ?? "", { name: conflict.by, time: conflict.at }));
    }
  }

  private failed(err: unknown): void {
    const code = err instanceof ApiError ? err.code : "";
    if (code === "state") {
      this.freeze();
      return;
    }
    const again = ["offline", "unavailable", "timeout", "unknown-outcome", "conflict", "internal"].includes(code);
    this.o.status(again || !(err instanceof ApiError) || !err.message ? (this.o.t.unsaved ?? "") : err.message, "failed");
    this.delay = Math.min(this.delay * 2, retryMost);
    this.later(this.delay);
  }

  private later(ms: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.flush(), ms);
  }

  /** The tab is going: one request that outlives it. What the server does not get is in the storage. */
  private lastWords(): void {
    const fields = this.pending();
    if (fields.length === 0) return;
    this.backup();
    const sent = new Map(fields.map((f) => [f, f.value]));
    post<Answer>(this.o.url, this.body(fields), true).then(
      (answer) => {
        for (const [field, text] of sent) this.took(field, text, answer);
        this.backup();
        if (this.clean) this.o.status(fill(this.o.t.saved ?? "", { time: answer.at }), "saved");
      },
      (err: unknown) => this.failed(err),
    );
  }

  /** Keeps unsaved text on this computer, and nothing when all is saved. */
  private backup(): void {
    try {
      if (this.dirty.size === 0) {
        localStorage.removeItem(this.o.storageKey);
        return;
      }
      const kept: Kept = {};
      for (const field of this.dirty) kept[field.name] = { text: field.value, base: Number(field.dataset.version ?? 0) };
      localStorage.setItem(this.o.storageKey, JSON.stringify(kept));
    } catch {
      // No storage: the server's copy and the question on leaving are what is left.
    }
  }

  private restore(): void {
    let kept: Kept;
    try {
      kept = JSON.parse(localStorage.getItem(this.o.storageKey) ?? "{}") as Kept;
    } catch {
      return;
    }
    let any = false;
    for (const field of this.o.fields) {
      const old = kept[field.name];
      if (!old || old.text === field.value || field.readOnly) continue;
      field.value = old.text;
      // The base is the version that was seen then: if somebody has written since, the server says so.
      field.dataset.version = String(old.base);
      this.dirty.add(field);
      any = true;
    }
    if (!any) {
      this.backup();
      return;
    }
    this.o.status(this.o.t.restored ?? "", "saving");
    this.later(typingPause);
  }
}
