/**
 * The cameras' pictures, in one stream for all that are shown. Only the newest picture of a camera is decoded:
 * a browser that is busy shows fewer pictures, never older ones.
 */
import type { Micros } from "./time";

export interface Frame {
  camera: string;
  captured_at: Micros;
  width: number;
  height: number;
  drill: boolean;
  light: string;
  picture: ImageBitmap;
}

interface Header {
  camera: string;
  captured_at: Micros;
  width: number;
  height: number;
  drill: boolean;
  light: string;
}

interface Wish {
  fps: number;
  paint: () => void;
}

const wishes = new Map<string, Set<Wish>>();
const newest = new Map<string, Frame>();
const waiting = new Map<string, { header: Header; jpeg: Uint8Array<ArrayBuffer> }>();
const decoding = new Set<string>();
let abort: AbortController | null = null;
let asked = "";
let scheduled = false;

/** Pictures painted since the page was opened: the tests read it. */
export const counts = { received: 0, painted: 0 };

/** How old the picture of each wanted camera is, ms, by this machine's clock: the tests read it. */
export function picturesAges(): number[] {
  return [...wishes.keys()].map((camera) => Date.now() - (newest.get(camera)?.captured_at ?? 0) / 1000);
}

export function frameOf(camera: string): Frame | undefined {
  return newest.get(camera);
}

/** Wants pictures of a camera, `fps` a second at most, until the returned function is called. */
export function wantFrames(camera: string, fps: number, paint: () => void): () => void {
  const wish = { fps, paint };
  const of = wishes.get(camera) ?? new Set();
  wishes.set(camera, of.add(wish));
  schedule();
  return () => {
    of.delete(wish);
    if (of.size === 0) wishes.delete(camera);
    schedule();
  };
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  setTimeout(() => {
    scheduled = false;
    restart();
  }, 30);
}

function restart() {
  const ids = [...wishes.keys()].sort();
  const fps = Math.max(0.05, ...[...wishes.values()].flatMap((of) => [...of].map((wish) => wish.fps)));
  // A hidden page needs no pictures; its alarm comes by the events.
  const want = ids.length && !document.hidden ? `/api/frames?cameras=${ids.join(",")}&fps=${fps}` : "";
  if (want === asked) return;
  asked = want;
  abort?.abort();
  abort = null;
  if (want) void follow(want);
}

document.addEventListener("visibilitychange", schedule);

async function follow(url: string) {
  const mine = new AbortController();
  abort = mine;
  while (!mine.signal.aborted) {
    try {
      const response = await fetch(url, { signal: mine.signal });
      if (response.ok && response.body) await read(response.body.getReader());
    } catch {
      // The events say that the connection is lost; here it is only tried again.
    }
    if (!mine.signal.aborted) await new Promise((done) => setTimeout(done, 1000));
  }
}

async function read(reader: ReadableStreamDefaultReader<Uint8Array>) {
  let buffer = new Uint8Array(1 << 18);
  let [begin, end] = [0, 0];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    if (end + value.length > buffer.length) {
      const left = buffer.subarray(begin, end);
      const larger =
        left.length + value.length > buffer.length
          ? new Uint8Array(2 * (left.length + value.length))
          : buffer;
      larger.set(left);
      buffer = larger;
      [begin, end] = [0, left.length];
    }
    buffer.set(value, end);
    end += value.length;
    for (;;) {
      const view = new DataView(buffer.buffer, begin, end - begin);
      if (view.byteLength < 4) break;
      const headerLength = view.getUint32(0);
      if (view.byteLength < 8 + headerLength) break;
      const jpegLength = view.getUint32(4 + headerLength);
      const whole = 8 + headerLength + jpegLength;
      if (view.byteLength < whole) break;
      const header = JSON.parse(
        new TextDecoder().decode(buffer.subarray(begin + 4, begin + 4 + headerLength)),
      ) as Header;
      take(header, buffer.slice(begin + 8 + headerLength, begin + whole));
      begin += whole;
    }
  }
}

function take(header: Header, jpeg: Uint8Array<ArrayBuffer>) {
  counts.received += 1;
  waiting.set(header.camera, { header, jpeg });
  if (!decoding.has(header.camera)) void decode(header.camera);
}

async function decode(camera: string) {
  decoding.add(camera);
  for (;;) {
    const next = waiting.get(camera);
    if (!next) break;
    waiting.delete(camera);
    try {
      const picture = await createImageBitmap(new Blob([next.jpeg], { type: "image/jpeg" }));
      newest.get(camera)?.picture.close();
      newest.set(camera, { ...next.header, picture });
      counts.painted += 1;
      for (const wish of wishes.get(camera) ?? []) wish.paint();
    } catch {
      // A broken picture is skipped: the next one comes.
    }
  }
  decoding.delete(camera);
}
