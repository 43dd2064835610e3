/** What can be said of an incident: the same words for the screen, the radio and the tests. */
import type { Incident, Point } from "./api";
import { lastSeen, now, site } from "./live";
import { type Micros, span, spanUnit, timeOfDay } from "./time";
import { nameOf } from "./ui/shell";
import { human, words } from "./words";

/** Seen within this time: it is there, not only was. */
const THERE_US = 4e6;

export function seenAt(incident: Incident): Micros {
  const told = incident.last_seen || incident.sightings.at(-1)?.last_seen || incident.opened_at;
  return Math.max(lastSeen.value.get(incident.id) ?? 0, told);
}

export function isThere(incident: Incident): boolean {
  return incident.state !== "resolved" && now.value - seenAt(incident) < THERE_US;
}

export function whereLabel(incident: Incident): string {
  return isThere(incident) ? words.incident.at : words.incident.lastAt(span(now.value - seenAt(incident)));
}

export function zoneOf(incident: Incident): string {
  return incident.zone ? human(incident.zone) : words.incident.openGround;
}

export function headingWord(heading: Point | null, whole = true): string {
  if (!heading) return words.incident.standing;
  const [x, y] = heading;
  const { left, right, up, down } = words.incident.heading;
  const way = Math.abs(x) >= Math.abs(y) ? (x < 0 ? left : right) : y < 0 ? up : down;
  return whole ? words.incident.moves(way) : way;
}

/** Radians of an arrow that points to the right. */
export function headingTurn(heading: Point | null): number {
  return heading ? Math.atan2(heading[1], heading[0]) : 0;
}

export interface Next {
  camera: string;
  text: string;
  /** 0 before, 0..1 within the window, 1 after. */
  share: number;
  state: "soon" | "now" | "over";
}

/** Where it may come into view next, the soonest first; what is long over is left out. */
export function nextCameras(incident: Incident): Next[] {
  const t = now.value;
  const next = incident.next.map(({ camera, from, until }): Next & { until: Micros } => {
    const share = Math.min(1, Math.max(0, (t - from) / Math.max(1, until - from)));
    if (t < from)
      return {
        camera,
        until,
        share,
        state: "soon",
        text: words.incident.within(span(from - t), span(until - t)),
      };
    if (t <= until)
      return { camera, until, share, state: "now", text: words.incident.nowFor(spanUnit(until - t)) };
    return { camera, until, share, state: "over", text: words.incident.overdue(spanUnit(t - until)) };
  });
  const likely = (n: Next) => incident.next.find((w) => w.camera === n.camera)?.likelihood ?? 0;
  const over = (n: Next) => Number(n.state === "over");
  return next.sort((a, b) => over(a) - over(b) || likely(b) - likely(a) || a.until - b.until);
}

/** `over 99 %`: nothing here is ever wholly sure. */
export function sureness(confidence: number): string {
  const percent = Math.round(confidence * 100);
  return percent > 99 ? words.incident.over99 : words.incident.sure(percent);
}

export function dangerWord(incident: Incident): string {
  const code = incident.danger ?? "unknown";
  return words.danger[code] ?? human(code);
}

/** One sentence for the radio. */
export function radio(incident: Incident): string {
  const what = nameOf(incident);
  if (incident.resolved)
    return words.incident.radioClear(what, incident.resolved.by, timeOfDay(incident.resolved.at));
  const there = isThere(incident);
  return words.incident.radioText({
    drill: incident.drill,
    what,
    danger: (incident.danger ?? "unknown").toUpperCase(),
    seen: there ? words.incident.radioSeen : words.incident.radioLast(timeOfDay(seenAt(incident))),
    where: human(incident.camera),
    zone: zoneOf(incident),
    going: there && incident.heading ? headingWord(incident.heading) : "",
    next: nextCameras(incident)
      .filter((n) => n.state !== "over")
      .map((n) => `${human(n.camera)} ${n.text}`)
      .join("; "),
  });
}

/** Where the site file places a camera, metres. */
export function placeOf(camera: string): Point | null {
  return site.value?.camera?.find((c) => c.id === camera)?.position ?? null;
}
