// The microphone and the camera of a cheap phone: asked for one by one, so that one that fails does not take the other along.

export type Kind = "audio" | "video";
/** denied: not allowed. missing: none there. busy: something else holds it. insecure: this browser has no such thing. */
export type Trouble = "denied" | "missing" | "busy" | "insecure";

export class MediaTrouble extends Error {
  constructor(readonly trouble: Trouble) {
    super(trouble);
  }
}

const audio: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** Small pictures: a face needs no more, and the uplink of a commune has no more. */
function video(facing: string): MediaTrackConstraints {
  return { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 20, max: 24 }, facingMode: { ideal: facing } };
}

export function troubleOf(name: string | undefined): Trouble {
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotReadableError":
    case "AbortError":
    case "InvalidStateError":
      return "busy";
    default:
      return "missing";
  }
}

export async function openTrack(kind: Kind, facing = "user"): Promise<MediaStreamTrack> {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices?.getUserMedia) throw new MediaTrouble("insecure");
  try {
    const stream = await devices.getUserMedia(kind === "audio" ? { audio } : { video: video(facing) });
    const track = stream.getTracks()[0];
    if (track) return track;
  } catch (err) {
    throw new MediaTrouble(troubleOf((err as DOMException).name));
  }
  throw new MediaTrouble("missing");
}

/** The local stream: tracks come and go in it, and whoever sends it is told. */
export class Local {
  stream = new MediaStream();
  facing = "user";
  changed: () => void = () => {};

  has(kind: Kind): boolean {
    return this.stream.getTracks().some((t) => t.kind === kind && t.readyState === "live");
  }

  /** Opens a device, putting its track in the place of an old one. The old camera is closed first: many phones open only one. */
  async open(kind: Kind): Promise<void> {
    this.drop(kind);
    const track = await openTrack(kind, this.facing);
    // A new stream object: a <video> and a sender notice a change for certain.
    this.stream = new MediaStream([...this.stream.getTracks(), track]);
    this.changed();
  }

  /** Opens again what the system took away: a telephone call or a locked screen ends tracks on some phones. */
  async revive(): Promise<void> {
    for (const kind of ["audio", "video"] as const) {
      const ended = this.stream.getTracks().some((t) => t.kind === kind && t.readyState === "ended");
      if (ended) await this.open(kind).catch(() => undefined); // still taken: the next return to the page tries again
    }
  }

  close(): void {
    for (const track of this.stream.getTracks()) track.stop();
    this.stream = new MediaStream();
  }

  private drop(kind: Kind): void {
    for (const track of this.stream.getTracks()) {
      if (track.kind !== kind) continue;
      track.stop();
      this.stream.removeTrack(track);
    }
  }
}

/** Shows a stream; play() is refused where sound needs a tap first, and then the button is shown. */
export function show(element: HTMLVideoElement, stream: MediaStream | null, tap?: HTMLElement): void {
  if (element.srcObject !== stream) element.srcObject = stream;
  if (!stream) return;
  element.play().then(
    () => tap && (tap.hidden = true),
    (err: DOMException) => {
      if (tap && err.name === "NotAllowedError") tap.hidden = false;
    },
  );
}

/** A mute button: label and aria-pressed follow. */
export function toggle(button: HTMLElement, on: string, off: string, act: (muted: boolean) => void): void {
  button.addEventListener("click", () => {
    const muted = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(muted));
    const label = button.querySelector(".label");
    if (label) label.textContent = muted ? off : on;
    act(muted);
  });
}
