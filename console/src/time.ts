/** Times are microseconds since the Unix epoch, UTC, as on the wire. */
export type Micros = number;

/** `0:07`, `3:05`, `2 h 04`, `3 d`. */
export function span(us: number): string {
  const s = Math.max(0, Math.round(us / 1e6));
  if (s < 3600) return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
  const h = Math.floor(s / 3600);
  if (h < 48) return `${h} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}`;
  return `${Math.floor(h / 24)} d`;
}

/** Short spans with a unit: `0.4 s`, `12 s`, `3:05 min`. */
export function spanUnit(us: number): string {
  const s = Math.max(0, us / 1e6);
  if (s < 100) return `${Math.round(s)} s`;
  if (s < 3600) return `${span(us)} min`;
  return span(us);
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** `14:03:22`. */
export function timeOfDay(at: Micros): string {
  return clock.format(at / 1000);
}

/** `14:03`. */
export function minuteOfDay(at: Micros): string {
  return short.format(at / 1000);
}

/** `23 Nov, 14:03:22`. */
export function dateAndTime(at: Micros): string {
  return `${day.format(at / 1000)}, ${clock.format(at / 1000)}`;
}
