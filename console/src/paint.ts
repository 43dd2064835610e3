/** One camera's picture on a canvas, with its zones, what was seen in it, and where the animal is heading. */
import type { Box, Incident, Point, Track, Zone } from "./api";
import type { Frame } from "./frames";
import { human } from "./words";

export interface Scene {
  frame: Frame | undefined;
  zones: Zone[];
  tracks: Track[];
  /** From the picture that the tracks are of to the one that is shown, seconds. */
  later_s: number;
  /** The incident whose animal is at this camera. */
  incident: Incident | null;
  /** Names beside boxes. */
  names: boolean;
}

const ZONE_COLOURS: Record<string, string> = {
  enclosure: "#3ddc84",
  public: "#ffffff",
  service: "#7fc4ff",
  perimeter: "#ffb224",
  ignore: "#9aa4b2",
};

const ALARM_COLOURS: Record<string, string> = { red: "#ff2d46", blue: "#3d8bff", yellow: "#ffd23f" };

export function alarmColour(incident: Incident | null): string {
  if (!incident) return "#ff2d46";
  if (incident.drill) return "#c9d3e0";
  return ALARM_COLOURS[incident.danger ?? "red"] ?? "#c58bff";
}

export function paint(canvas: HTMLCanvasElement, scene: Scene) {
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) return;
  const ratio = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width || !height) return;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  context.setTransform(1, 0, 0, 1, 0, 0);
  if (scene.frame) context.drawImage(scene.frame.picture, 0, 0, w, h);
  else {
    context.fillStyle = "#20262f";
    context.fillRect(0, 0, w, h);
  }
  const unit = ratio * Math.max(0.75, Math.min(1.6, width / 560));
  for (const zone of scene.zones) paintZone(context, zone, w, h, unit);
  for (const track of scene.tracks)
    if (isWorthABox(track)) paintTrack(context, moved(track, scene.later_s), scene, w, h, unit);
  if (scene.incident) paintHeading(context, scene, w, h, unit);
}

function paintZone(context: CanvasRenderingContext2D, zone: Zone, w: number, h: number, unit: number) {
  const colour = ZONE_COLOURS[zone.kind] ?? "#ffffff";
  context.beginPath();
  for (const [x, y] of zone.polygon) context.lineTo(x * w, y * h);
  context.closePath();
  context.lineWidth = 1.5 * unit;
  context.setLineDash(zone.kind === "enclosure" ? [] : [6 * unit, 5 * unit]);
  context.strokeStyle = colour;
  context.globalAlpha = zone.kind === "public" ? 0.35 : 0.8;
  context.stroke();
  if (zone.kind === "enclosure" || zone.kind === "ignore") {
    context.globalAlpha = zone.kind === "ignore" ? 0.35 : 0.09;
    context.fillStyle = colour;
    context.fill();
  }
  context.globalAlpha = 1;
  context.setLineDash([]);
}

/** What the detector is unsure of and nobody is alarmed by would only cover the picture. */
function isWorthABox(track: Track): boolean {
  if (track.incident || track.tier) return true;
  return track.group === "animal" ? track.score >= 0.3 : track.group !== "other" && track.score >= 0.4;
}

/** Where the box is in the picture that is shown, which is newer than the one that was looked at. */
function moved(track: Track, later_s: number): Track {
  const v = track.velocity;
  const [vx, vy] = Array.isArray(v) ? v : [v.x, v.y];
  const [x, y, w, h] = track.box;
  return { ...track, box: [x + vx * later_s, y + vy * later_s, w, h] };
}

function paintTrack(
  context: CanvasRenderingContext2D,
  track: Track,
  scene: Scene,
  w: number,
  h: number,
  unit: number,
) {
  const out = track.incident !== null || track.tier === "escape";
  const watch = !out && track.tier === "watch";
  const home = scene.zones.some((zone) => zone.id === track.zone && zone.kind === "enclosure");
  const colour = out ? alarmColour(scene.incident) : watch ? "#ffb224" : home ? "#3ddc84" : "#d7dde6";
  frameBox(
    context,
    track.box,
    colour,
    (out ? 4 : watch ? 3 : 1.5) * unit,
    w,
    h,
    watch ? [7 * unit, 5 * unit] : [],
  );
  if (!out && !(scene.names && (watch || track.group === "animal"))) return;
  const percent = `${Math.round(track.score * 100)} %`;
  const name = out && scene.incident?.species ? human(scene.incident.species) : human(track.label);
  tag(context, out ? name : `${name} ${percent}`, track.box, colour, (out ? 15 : 11) * unit, w, h);
}

function frameBox(
  context: CanvasRenderingContext2D,
  [x, y, bw, bh]: Box,
  colour: string,
  line: number,
  w: number,
  h: number,
  dash: number[],
) {
  context.setLineDash(dash);
  context.lineWidth = line + 2;
  context.strokeStyle = "rgba(0,0,0,.55)";
  context.strokeRect(x * w, y * h, bw * w, bh * h);
  context.lineWidth = line;
  context.strokeStyle = colour;
  context.strokeRect(x * w, y * h, bw * w, bh * h);
  context.setLineDash([]);
}

function tag(
  context: CanvasRenderingContext2D,
  text: string,
  box: Box,
  colour: string,
  size: number,
  w: number,
  h: number,
) {
  context.font = `700 ${size}px system-ui, sans-serif`;
  const width = context.measureText(text).width + size * 0.8;
  const height = size * 1.45;
  const x = Math.min(Math.max(0, box[0] * w - 1), w - width);
  const above = box[1] * h - height;
  const y = above >= 0 ? above : Math.min(h - height, (box[1] + box[3]) * h);
  context.fillStyle = colour;
  context.fillRect(x, y, width, height);
  context.fillStyle = isDark(colour) ? "#fff" : "#000";
  context.textBaseline = "middle";
  context.fillText(text, x + size * 0.4, y + height / 2 + size * 0.04);
}

function isDark(colour: string): boolean {
  const part = (at: number) => Number.parseInt(colour.slice(at, at + 2), 16);
  return 0.299 * part(1) + 0.587 * part(3) + 0.114 * part(5) < 140;
}

function paintHeading(context: CanvasRenderingContext2D, scene: Scene, w: number, h: number, unit: number) {
  const incident = scene.incident;
  if (!incident?.heading) return;
  const track = scene.tracks.find((t) => t.incident === incident.id);
  // An arrow where the animal was some time ago would point at nothing.
  if (!track) return;
  const [x, y, bw, bh] = moved(track, scene.later_s).box;
  const from: Point = [(x + bw / 2) * w, (y + bh / 2) * h];
  const length = Math.hypot(...incident.heading) || 1;
  const [dx, dy] = [incident.heading[0] / length, incident.heading[1] / length];
  // From the box's edge outwards, so that the animal stays visible.
  const start =
    Math.min(Math.abs((bw * w) / 2 / (dx || 1e-6)), Math.abs((bh * h) / 2 / (dy || 1e-6))) + 6 * unit;
  const reach = 64 * unit;
  const [x0, y0] = [from[0] + dx * start, from[1] + dy * start];
  const [x1, y1] = [x0 + dx * reach, y0 + dy * reach];
  const head = 20 * unit;
  const wing = (angle: number): Point => {
    const a = Math.atan2(dy, dx) + angle;
    return [x1 - Math.cos(a) * head, y1 - Math.sin(a) * head];
  };
  const draw = (colour: string, line: number) => {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.lineCap = "round";
    context.lineJoin = "round";
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.moveTo(...wing(0.55));
    context.lineTo(x1, y1);
    context.lineTo(...wing(-0.55));
    context.stroke();
  };
  draw("rgba(0,0,0,.7)", 12 * unit);
  draw(alarmColour(incident), 7 * unit);
}
