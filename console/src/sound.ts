/**
 * The alarm's sound, made here: two tones that rise until somebody acknowledges. A drill sounds softer and lower.
 * Browsers allow sound only after a click or key, so the page asks for one before it is needed.
 */
import { effect, signal } from "@preact/signals";
import { unacknowledged } from "./live";

export const soundReady = signal(false);
/** What sounds now: the tests read it. */
export const sounding = signal<"alarm" | "drill" | null>(null);

let audio: AudioContext | null = null;

function context(): AudioContext {
  if (!audio) {
    audio = new AudioContext();
    audio.onstatechange = () => {
      soundReady.value = audio?.state === "running";
    };
    soundReady.value = audio.state === "running";
  }
  return audio;
}

export function allowSound() {
  void context().resume();
}

function tone(at: number, frequency: number, seconds: number, loudness: number) {
  const audio = context();
  const oscillator = new OscillatorNode(audio, { type: "square", frequency });
  const gain = new GainNode(audio, { gain: 0 });
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(loudness, at + 0.02);
  gain.gain.setValueAtTime(loudness, at + seconds - 0.04);
  gain.gain.linearRampToValueAtTime(0, at + seconds);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(at);
  oscillator.stop(at + seconds);
}

function burst(kind: "alarm" | "drill") {
  if (context().state !== "running") return;
  const at = context().currentTime + 0.02;
  if (kind === "drill") {
    tone(at, 330, 0.25, 0.08);
    return;
  }
  for (let i = 0; i < 3; i++) {
    tone(at + i * 0.4, 740, 0.2, 0.25);
    tone(at + i * 0.4 + 0.2, 988, 0.2, 0.25);
  }
}

export function testSound() {
  allowSound();
  setTimeout(() => burst("alarm"), 50);
}

const EVERY_MS = { alarm: 1400, drill: 3000 };

export function startSound() {
  context();
  const first = () => {
    allowSound();
    for (const event of ["pointerdown", "keydown"]) removeEventListener(event, first);
  };
  for (const event of ["pointerdown", "keydown"]) addEventListener(event, first);
  effect(() => {
    const due = unacknowledged.value;
    sounding.value = due.length === 0 ? null : due.every((i) => i.drill) ? "drill" : "alarm";
  });
  effect(() => {
    const kind = sounding.value;
    if (!kind) return;
    burst(kind);
    const timer = setInterval(() => burst(kind), EVERY_MS[kind]);
    return () => clearInterval(timer);
  });
}
