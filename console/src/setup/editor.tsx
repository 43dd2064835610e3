import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Point, Zone } from "../api";
import { Picture } from "../ui/picture";
import { human, words } from "../words";
import { cameraOf, change, changeZone, draft, freeId, share } from "./draft";

const s = words.setup;

/** An arrow key moves a corner so far; with Shift ten times. */
const STEP = 0.005;
/** A click this near the first corner closes the zone, in pixels. */
const CLOSE_PX = 16;

export interface EditorProps {
  camera: string;
  chosen: string | null;
  choose: (zone: string | null) => void;
  drawing: boolean;
  endDrawing: () => void;
}

/** Zones over the camera's own picture, with mouse, finger or keyboard. */
export function Editor({ camera, chosen, choose, drawing, endDrawing }: EditorProps) {
  const zones = cameraOf(draft.value, camera)?.zone ?? [];
  const corners = useSignal<Point[]>([]);
  const hover = useSignal<Point | null>(null);
  const holder = useRef<HTMLDivElement>(null);

  const at = (event: PointerEvent | MouseEvent): Point => {
    const box = holder.current!.getBoundingClientRect();
    return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
  };
  const finish = () => {
    if (corners.value.length >= 3) {
      const id = addZone(camera, corners.value);
      choose(id);
    }
    corners.value = [];
    endDrawing();
  };
  const click = (event: PointerEvent) => {
    if (!drawing || event.button !== 0) return;
    const point = at(event);
    const first = corners.value[0];
    const box = holder.current!.getBoundingClientRect();
    const near =
      first && Math.hypot((first[0] - point[0]) * box.width, (first[1] - point[1]) * box.height) < CLOSE_PX;
    if (near && corners.value.length >= 3) finish();
    else corners.value = [...corners.value, point];
  };
  useEffect(() => {
    if (!drawing) corners.value = [];
    const key = (event: KeyboardEvent) => {
      if (!drawing) return;
      if (event.key === "Enter") finish();
      else if (event.key === "Escape") [corners.value] = [[], endDrawing()];
      else if (event.key === "Backspace") corners.value = corners.value.slice(0, -1);
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, [drawing, camera]);

  const zone = zones.find((z) => z.id === chosen);
  const shown = drawing && hover.value ? [...corners.value, hover.value] : corners.value;
  return (
    <div
      ref={holder}
      class={drawing ? "editor draws" : "editor"}
      onPointerDown={click}
      onPointerMove={(event) => {
        if (drawing) hover.value = at(event);
      }}
    >
      <Picture camera={camera} zones={false} label={false} />
      <svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
        {zones.map((z) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: the list beside the picture does the same by keyboard
          <polygon
            key={z.id}
            class={`zone ${z.kind} ${z.id === chosen ? "chosen" : ""}`}
            points={z.polygon.map((p) => p.join(",")).join(" ")}
            onClick={() => !drawing && choose(z.id)}
            onDblClick={(event) => !drawing && z.id === chosen && splitEdge(camera, z, at(event))}
          />
        ))}
        {shown.length > 0 && <polygon class="drawing" points={shown.map((p) => p.join(",")).join(" ")} />}
      </svg>
      {zone &&
        !drawing &&
        zone.polygon.map((point, i) => (
          <Corner key={`${zone.id}${i}`} camera={camera} zone={zone} index={i} point={point} at={at} />
        ))}
      {drawing &&
        corners.value.map((p) => (
          <span
            key={p.join()}
            class="corner-handle"
            style={{ left: `${p[0] * 100}%`, top: `${p[1] * 100}%`, pointerEvents: "none" }}
          />
        ))}
    </div>
  );
}

function Corner(props: {
  camera: string;
  zone: Zone;
  index: number;
  point: Point;
  at: (event: PointerEvent) => Point;
}) {
  const { camera, zone, index, at } = props;
  const dragged = useSignal<Point | null>(null);
  const point = dragged.value ?? props.point;
  const move = (to: Point) =>
    changeZone(camera, zone.id, (z) => {
      z.polygon[index] = to;
    });
  const key = (event: KeyboardEvent) => {
    const step = event.shiftKey ? 10 * STEP : STEP;
    const by: Record<string, Point> = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    const delta = by[event.key];
    if (delta) move([share(point[0] + delta[0]), share(point[1] + delta[1])]);
    else if ((event.key === "Delete" || event.key === "Backspace") && zone.polygon.length > 3) {
      changeZone(camera, zone.id, (z) => {
        z.polygon.splice(index, 1);
      });
    } else return;
    event.preventDefault();
  };
  return (
    <button
      type="button"
      class="corner-handle"
      aria-label={s.corner(human(zone.id), index + 1)}
      style={{ left: `${point[0] * 100}%`, top: `${point[1] * 100}%` }}
      onKeyDown={key}
      onPointerDown={(event) => {
        event.stopPropagation();
        event.currentTarget.setPointerCapture(event.pointerId);
        dragged.value = props.point;
      }}
      onPointerMove={(event) => {
        if (dragged.value) dragged.value = at(event);
      }}
      onPointerUp={() => {
        const to = dragged.value;
        dragged.value = null;
        if (to && (to[0] !== props.point[0] || to[1] !== props.point[1])) move(to);
      }}
    />
  );
}

/** A new zone is public ground: what it is for is picked beside the picture. */
export function addZone(camera: string, polygon: Point[]): string {
  const taken = (cameraOf(draft.value, camera)?.zone ?? []).map((z) => z.id);
  const id = freeId("zone", taken);
  change((site) => {
    const found = cameraOf(site, camera);
    // The first zone that holds a point is its zone: a new one goes before those that are there.
    if (found) found.zone = [{ id, kind: "public", polygon }, ...(found.zone ?? [])];
    return site;
  });
  return id;
}

/** A new corner on the edge that is nearest to a point. */
function splitEdge(camera: string, zone: Zone, point: Point) {
  const edges = zone.polygon.map((a, i) => [a, zone.polygon[(i + 1) % zone.polygon.length]!] as const);
  const distances = edges.map(([a, b]) => {
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const t = Math.min(
      1,
      Math.max(0, ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / (dx * dx + dy * dy || 1)),
    );
    return Math.hypot(a[0] + t * dx - point[0], a[1] + t * dy - point[1]);
  });
  const nearest = distances.indexOf(Math.min(...distances));
  changeZone(camera, zone.id, (z) => {
    z.polygon.splice(nearest + 1, 0, point);
  });
}
