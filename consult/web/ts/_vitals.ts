// The blood pressure form: saved on its button, with a confirmation that can be seen and a sentence on what the value means.

import { ApiError, fill, request, the } from "./_api";

interface Reading {
  n: number;
  systolic: number;
  diastolic: number;
  pulse: number;
  time: string;
  kept: boolean;
  advice: { text: string; tone: string };
}

const names = { systolic: "sys", diastolic: "dia", pulse: "pulse" } as const;

export class Vitals {
  private readonly form = the<HTMLFormElement>("vitals-form");
  private readonly n = the<HTMLInputElement>("vitals-n");

  constructor(private readonly url: string, private count: number, private readonly t: Record<string, string>) {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.save();
    });
    the("another").addEventListener("click", () => this.another());
    for (const id of Object.values(names)) {
      the<HTMLInputElement>(id).addEventListener("input", () => {
        this.mark(id, "");
        this.say("", "");
      });
    }
  }

  /** Whether readings may be saved at this stage of the consult. */
  allow(on: boolean): void {
    const fields = this.form.querySelector("fieldset");
    if (!fields || fields.disabled === !on) return;
    fields.disabled = !on;
    this.say("", "");
  }

  private another(): void {
    this.n.value = String(this.count + 1);
    for (const id of Object.values(names)) the<HTMLInputElement>(id).value = "";
    the("sys").focus();
  }

  private async save(): Promise<void> {
    const button = the<HTMLButtonElement>("save-vitals");
    button.disabled = true;
    this.say(this.t.vitalsSaving ?? "", "saving");
    try {
      const body = new URLSearchParams(new FormData(this.form) as unknown as Record<string, string>);
      const saved = await request<{ n: number; readings: Reading[] }>("POST", this.url, body);
      this.count = saved.readings.length;
      this.list(saved.readings);
      const r = saved.readings.find((reading) => reading.n === saved.n);
      if (r) this.say(fill(this.t.vitalsSaved ?? "", { value: `${r.systolic}/${r.diastolic}` }), "saved");
      for (const id of Object.values(names)) this.mark(id, "");
    } catch (err) {
      this.failed(err);
    } finally {
      button.disabled = false;
    }
  }

  private failed(err: unknown): void {
    if (!(err instanceof ApiError)) {
      this.say(this.t.vitalsFailed ?? "", "failed");
      return;
    }
    for (const [name, id] of Object.entries(names)) this.mark(id, err.fields[name] ?? "");
    const first = Object.entries(names).find(([name]) => err.fields[name]);
    if (first) the<HTMLInputElement>(first[1]).focus();
    this.say(err.fields[""] ?? (first || !err.message ? (this.t.vitalsFailed ?? "") : err.message), "failed");
    if (first) this.say("", "");
  }

  /** A sentence beside its field, made as the template makes it. */
  private mark(id: string, message: string): void {
    const input = the<HTMLInputElement>(id);
    const field = input.closest(".field");
    let place = document.getElementById(id + "-error");
    if (!message) {
      place?.remove();
      input.removeAttribute("aria-invalid");
      field?.classList.remove("invalid");
      return;
    }
    if (!place) {
      place = document.createElement("p");
      place.id = id + "-error";
      place.className = "error";
      field?.querySelector("label")?.after(place);
    }
    place.textContent = message;
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", place.id);
    field?.classList.add("invalid");
  }

  private say(message: string, state: string): void {
    the("vitals-status").textContent = message;
    the("vitals-status").dataset.state = state;
  }

  private list(readings: Reading[]): void {
    the("another").hidden = readings.length === 0;
    the("readings").replaceChildren(...readings.map((r) => this.item(r)));
  }

  private item(r: Reading): HTMLLIElement {
    const li = document.createElement("li");
    li.dataset.n = String(r.n);
    const add = (tag: string, text: string, className = ""): void => {
      const e = document.createElement(tag);
      e.textContent = text;
      e.className = className;
      li.append(e, " ");
    };
    const pulse = r.pulse ? ` · ${this.t.pulse ?? ""} ${r.pulse}` : "";
    add("strong", `${r.systolic}/${r.diastolic}`);
    add("span", `mmHg${pulse} · ${r.time}`);
    add("span", (r.kept ? this.t.kept : this.t.notKept) ?? "", "badge " + (r.kept ? "good" : "warn"));
    if (r.advice.text) add("span", r.advice.text, "advice " + r.advice.tone);
    return li;
  }
}
