import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Incident, Point, SiteCamera } from "../api";
import { nextCameras } from "../incident";
import { cameras, open, site, siteFile } from "../live";
import { go } from "../router";
import { human, words } from "../words";
import { freshness } from "./picture";
import { dangerClass, nameOf } from "./shell";

/** Where each camera is drawn: by its position, or on a circle where no camera has one. */
export function places(list: SiteCamera[]): Map<string, Point> {
  const placed = list.filter((c) => c.position);
  if (placed.length > 0) return new Map(placed.map((c) => [c.id, c.position!]));
  const angle = (i: number) => (2 * Math.PI * i) / Math.max(1, list.length) - Math.PI / 2;
  const radius = 8 * Math.max(2, list.length);
  return new Map(list.map((c, i) => [c.id, [Math.cos(angle(i)) * radius, Math.sin(angle(i)) * radius]]));
}

interface View {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** All points with room for their names; `across` is the plan's width in the units that names are measured in. */
function viewOf(points: Point[], ratio: number, image: View | null, across: number): View {
  const xs = points.map((p) => p[0]).concat(image ? [image.x, image.x + image.width] : []);
  const ys = points.map((p) => p[1]).concat(image ? [image.y, image.y + image.height] : []);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const [roomX, roomY] = image ? [0.02, 0.02] : [130 / across, 100 / across];
  const width = Math.max((x1 - x0) / (1 - roomX), (y1 - y0) / (1 / ratio - roomY), 20);
  const height = width / ratio;
  return { x: (x0 + x1 - width) / 2, y: (y0 + y1 - height) / 2, width, height };
}

export interface Scale {
  marks: [{ at: Point; metres: Point }, { at: Point; metres: Point }];
}

/** The matrix that lays the picture of the grounds, of this size in pixels, under metres. */
export function planMatrix(
  scale: Scale,
  width: number,
  height: number,
): [number, number, number, number, number, number] {
  const [a, b] = scale.marks;
  const from = (p: Point): Point => [p[0] * width, p[1] * height];
  const [[ax, ay], [bx, by]] = [from(a.at), from(b.at)];
  const [px, py] = [bx - ax, by - ay];
  const [mx, my] = [b.metres[0] - a.metres[0], b.metres[1] - a.metres[1]];
  // Turned and scaled, as complex numbers: metres / pixels.
  const length = px * px + py * py;
  const [c, s] = [(mx * px + my * py) / length, (my * px - mx * py) / length];
  return [c, s, -s, c, a.metres[0] - (c * ax - s * ay), a.metres[1] - (s * ax + c * ay)];
}

export function Plan({
  incident,
  small = false,
  ratio,
}: {
  incident?: Incident;
  small?: boolean;
  ratio?: number;
}) {
  const list = site.value?.camera ?? [];
  const at = places(list);
  const plan = siteFile.value?.plan;
  const image = useSignal<HTMLImageElement | null>(null);
  useEffect(() => {
    if (!plan?.exists) return;
    const picture = new Image();
    picture.onload = () => (image.value = picture);
    picture.src = `/api/site/plan?${plan.version ?? ""}`;
  }, [plan?.exists, plan?.version]);
  if (at.size === 0) return null;
  const matrix =
    image.value && plan?.scale
      ? planMatrix(plan.scale, image.value.naturalWidth, image.value.naturalHeight)
      : null;
  const corners =
    matrix && image.value ? cornersOf(matrix, image.value.naturalWidth, image.value.naturalHeight) : null;
  const across = small ? 440 : 900;
  const view = viewOf([...at.values()], ratio ?? (small ? 1.9 : 1.7), corners, across);
  const unit = view.width / across;
  const shown = incident ? [incident] : open.value;
  return (
    <svg
      class={small ? "plan small" : "plan"}
      viewBox={`${view.x} ${view.y} ${view.width} ${view.height}`}
      role="group"
      aria-label={words.map.label}
    >
      <defs>
        <marker
          id="tip"
          viewBox="0 0 10 10"
          refX="8"
          refY="5"
          markerWidth="3.4"
          markerHeight="3.4"
          orient="auto"
        >
          <path d="M0 0 10 5 0 10z" fill="context-stroke" />
        </marker>
      </defs>
      {matrix && image.value && (
        <image
          href={image.value.src}
          width={image.value.naturalWidth}
          height={image.value.naturalHeight}
          transform={`matrix(${matrix.join(" ")})`}
        />
      )}
      {(site.value?.link ?? []).map((link) => {
        const [a, b] = [at.get(link.from), at.get(link.to)];
        return (
          a &&
          b && (
            <line
              key={`${link.from}>${link.to}`}
              class="way"
              x1={a[0]}
              y1={a[1]}
              x2={b[0]}
              y2={b[1]}
              stroke-width={2 * unit}
            />
          )
        );
      })}
      {shown.map((i) => (
        <Trail key={i.id} incident={i} at={at} unit={unit} />
      ))}
      {list.map((camera) => {
        const p = at.get(camera.id);
        if (!p) return null;
        const here = shown.find((i) => i.camera === camera.id);
        const next = shown.find((i) =>
          nextCameras(i).some((n) => n.camera === camera.id && n.state !== "over"),
        );
        const fresh = cameras.value.has(camera.id) ? freshness(camera.id).state : "none";
        const named = !small || list.length < 5 || here || next;
        return (
          <a
            key={camera.id}
            aria-label={named ? undefined : human(camera.id)}
            href={here ? `/incident/${here.id}` : `/camera/${camera.id}`}
            class={`spot ${fresh} ${here ? `here ${dangerClass(here)}` : next ? `next ${dangerClass(next)}` : ""}`}
            onClick={(event) => {
              event.preventDefault();
              go(here && here.id !== incident?.id ? `/incident/${here.id}` : `/camera/${camera.id}`);
            }}
          >
            <g transform={`translate(${p[0]} ${p[1]}) scale(${unit})`}>
              {here && <circle class="pulse" r={26} />}
              <circle class="dot" r={here ? 15 : 10} />
              {named && (
                <text y={here ? -24 : -17} class="label">
                  {human(camera.id)}
                </text>
              )}
              {here && (
                <text y={38} class="label out">
                  {nameOf(here)}
                </text>
              )}
            </g>
          </a>
        );
      })}
    </svg>
  );
}

function cornersOf(m: number[], width: number, height: number): View {
  const to = (x: number, y: number): Point => [m[0]! * x + m[2]! * y + m[4]!, m[1]! * x + m[3]! * y + m[5]!];
  const all = [to(0, 0), to(width, 0), to(0, height), to(width, height)];
  const [xs, ys] = [all.map((p) => p[0]), all.map((p) => p[1])];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** Where it has been, and where it may go. */
function Trail({ incident, at, unit }: { incident: Incident; at: Map<string, Point>; unit: number }) {
  const been = incident.sightings.map((s) => s.camera).filter((c, i, all) => c !== all[i - 1]);
  const points = been.map((c) => at.get(c)).filter((p) => p !== undefined);
  const here = at.get(incident.camera);
  return (
    <g class={`trail ${dangerClass(incident)}`}>
      {points.length > 1 && (
        <polyline points={points.map((p) => p.join(",")).join(" ")} stroke-width={5 * unit} />
      )}
      {incident.state !== "resolved" &&
        here &&
        nextCameras(incident)
          .filter((n) => n.state !== "over")
          .map((n) => {
            const p = at.get(n.camera);
            if (!p) return null;
            const length = Math.hypot(p[0] - here[0], p[1] - here[1]) || 1;
            const cut = (d: number, from: Point, to: Point): Point => [
              from[0] + ((to[0] - from[0]) * d * unit) / length,
              from[1] + ((to[1] - from[1]) * d * unit) / length,
            ];
            const [a, b] = [cut(24, here, p), cut(18, p, here)];
            return (
              <line
                key={n.camera}
                class="may"
                x1={a[0]}
                y1={a[1]}
                x2={b[0]}
                y2={b[1]}
                stroke-width={5 * unit}
                marker-end="url(#tip)"
              />
            );
          })}
    </g>
  );
}
