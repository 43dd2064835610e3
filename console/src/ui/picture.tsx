import { useEffect, useRef, useState } from "preact/hooks";
import type { Incident } from "../api";
import { frameOf, wantFrames } from "../frames";
import { cameras, now, onTracks, site, tracks } from "../live";
import { paint } from "../paint";
import { spanUnit } from "../time";
import { human, words } from "../words";

/** A still scene sends a picture every two seconds; what is older than this says so. */
export const STALE_US = 6e6;
/** Boxes of a picture so much older than the one shown are left out. */
const BOXES_FOR_US = 2.5e6;

export const show = { zones: true, boxes: true };

export interface PictureProps {
  camera: string;
  fps?: number;
  incident?: Incident | null;
  zones?: boolean;
  names?: boolean;
  label?: boolean;
  redraw?: unknown;
}

/** How old the newest picture is: a live one looks live, an old one old. */
export function freshness(camera: string): {
  state: "live" | "stale" | "none" | "offline";
  text: string;
  age: number;
} {
  const row = cameras.value.get(camera);
  const at = frameOf(camera)?.captured_at ?? row?.last_frame_captured_at ?? null;
  if (at === null)
    return {
      state: row && !row.online && row.status ? "offline" : "none",
      text: row?.status && !row.online ? words.age.offline : words.age.none,
      age: Number.POSITIVE_INFINITY,
    };
  const age = Math.max(0, now.value - at);
  if (age < STALE_US) return { state: "live", text: age < 1.5e6 ? words.age.now : spanUnit(age), age };
  return { state: "stale", text: words.age.stale(spanUnit(age)), age };
}

export function Picture(props: PictureProps) {
  const { camera, fps = 5, incident = null, zones = true, names = false, label = true, redraw } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [ratio, setRatio] = useState(() => ratioOf(camera));
  const scene = useRef({ incident, zones, names });
  scene.current = { incident, zones, names };
  const zoneList = site.value?.camera?.find((c) => c.id === camera)?.zone ?? [];
  const zonesRef = useRef(zoneList);
  zonesRef.current = zoneList;

  useEffect(() => {
    let due = 0;
    const draw = () => {
      due = 0;
      const frame = frameOf(camera);
      if (frame) setRatio(frame.width / frame.height);
      if (!canvas.current) return;
      const known = tracks.get(camera);
      const near = known && frame && Math.abs(known.captured_at - frame.captured_at) < BOXES_FOR_US;
      paint(canvas.current, {
        frame,
        zones: scene.current.zones ? zonesRef.current : [],
        tracks: near ? known.tracks : [],
        later_s:
          known && frame ? Math.min(1, Math.max(-1, (frame.captured_at - known.captured_at) / 1e6)) : 0,
        incident: scene.current.incident,
        names: scene.current.names,
      });
    };
    const soon = () => {
      if (!due) due = requestAnimationFrame(draw);
    };
    const resized = new ResizeObserver(soon);
    if (canvas.current) resized.observe(canvas.current);
    const ends = [wantFrames(camera, fps, soon), onTracks(camera, soon)];
    soon();
    return () => {
      for (const end of ends) end();
      resized.disconnect();
      cancelAnimationFrame(due);
    };
  }, [camera, fps, zones, names, incident?.id, incident?.updated_at, redraw, zoneList]);

  const fresh = freshness(camera);
  const name = human(camera);
  return (
    <div class={`picture ${fresh.state}`} style={{ aspectRatio: String(ratio) }}>
      {label ? <canvas ref={canvas} /> : <canvas ref={canvas} role="img" aria-label={name} />}
      {label && (
        <div class="caption">
          <span class="name">{name}</span>
          <span class="age">{fresh.text}</span>
        </div>
      )}
    </div>
  );
}

function ratioOf(camera: string): number {
  const frame = frameOf(camera);
  if (frame) return frame.width / frame.height;
  const status = cameras.value.get(camera)?.status;
  return status?.width && status.height ? status.width / status.height : 4 / 3;
}
