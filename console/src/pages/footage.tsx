import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { getIfThere, type Incident } from "../api";
import { incidents, now, takeIncident } from "../live";
import { query } from "../router";
import { dateAndTime, type Micros, minuteOfDay, span } from "../time";
import { api, FOOTAGE } from "../ui/shell";
import { human, words } from "../words";
import { cameraIds } from "./live";

const f = words.footage;

interface Timeline {
  camera: string;
  recorded: { start: Micros; end: Micros; uploaded?: boolean }[];
  gaps: { start: Micros; end: Micros; why?: string }[];
  incidents: { id: string; start: Micros; end: Micros; tier?: string }[];
}

const SPANS_MIN = [5, 30, 120, 720, 1440];
/** So much is played in one go; more is a click farther on. */
const PLAY_US = 120e6;
const BEFORE_US = 10e6;

/** What was recorded, where there are gaps, and all cameras at one moment. */
export function FootagePage() {
  const minutes = useSignal(30);
  const end = useSignal<Micros | null>(null);
  const at = useSignal<Micros | null>(null);
  const lanes = useSignal<Timeline[]>([]);
  const ids = cameraIds();
  const until = useComputed(() => end.value ?? now.value);
  const from = useComputed(() => until.value - minutes.value * 60e6);
  const incident = new URLSearchParams(query.value).get("incident");

  useEffect(() => {
    if (!incident) return;
    const jump = (found: Incident | null) => {
      if (!found) return;
      takeIncident(found);
      minutes.value = 5;
      at.value = found.opened_at - BEFORE_US;
      end.value = Math.min(now.value, found.opened_at + 150e6);
    };
    const known = incidents.value.get(incident);
    if (known) jump(known);
    else void getIfThere<Incident>(`/api/incidents/${incident}`).then(jump);
  }, [incident]);

  const wanted = `${ids.join()} ${minutes.value} ${end.value ?? Math.floor(now.value / 5e6)} ${api.value.size}`;
  useEffect(() => {
    if (!api.value.has(FOOTAGE)) return;
    const span = `from=${Math.round(from.value)}&to=${Math.round(until.value)}`;
    void Promise.all(ids.map((id) => getIfThere<Timeline>(`/api/footage/${id}?${span}`))).then((all) => {
      lanes.value = all.filter((lane) => lane !== null);
    });
  }, [wanted]);

  if (api.value.size > 0 && !api.value.has(FOOTAGE)) return <p class="empty">{f.absent}</p>;
  const shift = (share: number) => {
    const to = until.value + share * minutes.value * 60e6;
    end.value = to >= now.value ? null : to;
  };
  const gaps = lanes.value.flatMap((lane) => lane.gaps.map((gap) => ({ camera: lane.camera, ...gap })));
  return (
    <>
      <header class="head">
        <h1>{f.title}</h1>
        <div class="tools">
          <button type="button" onClick={() => shift(-0.5)}>
            {f.earlier}
          </button>
          <button type="button" onClick={() => shift(0.5)} disabled={end.value === null}>
            {f.later}
          </button>
          <select
            aria-label={f.last("")}
            value={minutes.value}
            onChange={(event) => (minutes.value = Number(event.currentTarget.value))}
            style={{ width: "auto" }}
          >
            {SPANS_MIN.map((m) => (
              <option key={m} value={m}>
                {f.last(m < 60 ? `${m} min` : `${m / 60} h`)}
              </option>
            ))}
          </select>
        </div>
      </header>
      <p class="legend">
        <span>
          <i style={{ background: "#2b7bd6" }} />
          {f.recorded}
        </span>
        <span>
          <i style={{ background: "#1f9d57" }} />
          {f.uploaded}
        </span>
        <span>
          <i class="hatch" />
          {f.gap}
        </span>
        <span>
          <i style={{ background: "var(--red)" }} />
          {f.incident}
        </span>
        <span>
          {dateAndTime(from.value)} – {minuteOfDay(until.value)}
        </span>
      </p>
      <div class="lanes">
        <svg width="0" height="0" aria-hidden="true" style={{ position: "absolute" }}>
          <pattern
            id="gap-hatch"
            width="8"
            height="8"
            patternUnits="userSpaceOnUse"
            patternTransform="rotate(45)"
          >
            <rect width="8" height="8" fill="#ffd12e" />
            <rect width="3" height="8" fill="#171200" />
          </pattern>
        </svg>
        {lanes.value.map((lane) => (
          <Lane
            key={lane.camera}
            lane={lane}
            from={from.value}
            until={until.value}
            at={at.value}
            seek={(t) => (at.value = t)}
          />
        ))}
      </div>
      {at.value === null ? <p>{f.pick}</p> : <Players lanes={lanes.value} at={at.value} />}
      {gaps.length > 0 && (
        <section class="block">
          <h2>{f.gaps}</h2>
          <ul class="plainlist">
            {gaps.slice(-20).map((gap) => (
              <li key={`${gap.camera}${gap.start}`}>
                {human(gap.camera)}: {dateAndTime(gap.start)}, {span(gap.end - gap.start)} {gap.why}
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function Lane(props: {
  lane: Timeline;
  from: Micros;
  until: Micros;
  at: Micros | null;
  seek: (at: Micros) => void;
}) {
  const { lane, from, until, at, seek } = props;
  const x = (t: Micros) => (1000 * (t - from)) / (until - from);
  const bar = (one: { start: Micros; end: Micros }) => ({
    x: Math.max(0, x(one.start)),
    width: Math.max(1, Math.min(1000, x(one.end)) - Math.max(0, x(one.start))),
  });
  const key = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -5e6, ArrowRight: 5e6 }[event.key];
    if (step) seek((at ?? until) + step);
    else if (event.key === "Enter" || event.key === " ") seek(at ?? from);
    else return;
    event.preventDefault();
  };
  const click = (event: MouseEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    seek(from + ((event.clientX - box.left) / box.width) * (until - from));
  };
  return (
    <div class="lane">
      <span class="name">{human(lane.camera)}</span>
      <div
        role="slider"
        tabIndex={0}
        aria-label={f.timeline(human(lane.camera))}
        aria-valuemin={0}
        aria-valuemax={Math.round((until - from) / 1e6)}
        aria-valuenow={Math.round(((at ?? until) - from) / 1e6)}
        aria-valuetext={at ? dateAndTime(at) : ""}
        onClick={click}
        onKeyDown={key}
      >
        <svg viewBox="0 0 1000 40" preserveAspectRatio="none" aria-hidden="true">
          {lane.recorded.map((r) => (
            <rect
              key={r.start}
              class={r.uploaded ? "recorded uploaded" : "recorded"}
              y={8}
              height={24}
              {...bar(r)}
            />
          ))}
          {lane.gaps.map((g) => (
            <rect key={g.start} class="gap" y={8} height={24} {...bar(g)}>
              <title>{`${f.gap}: ${g.why ?? ""}`}</title>
            </rect>
          ))}
          {lane.incidents.map((i) => (
            <rect key={i.id} class="mark" y={0} height={6} {...bar(i)}>
              <title>{f.incident}</title>
            </rect>
          ))}
          {at !== null && <line class="needle" x1={x(at)} x2={x(at)} y1={0} y2={40} />}
        </svg>
      </div>
    </div>
  );
}

/** All cameras from one moment on; whoever starts one starts all. */
function Players({ lanes, at }: { lanes: Timeline[]; at: Micros }) {
  const holder = useRef<HTMLDivElement>(null);
  const bad = useSignal<ReadonlySet<string>>(new Set());
  const to = Math.round(at + PLAY_US);
  const shown = lanes.filter((lane) => lane.recorded.some((r) => r.start < to && r.end > at));
  const all = () => [...(holder.current?.querySelectorAll("video") ?? [])];
  if (shown.length === 0) return <p role="status">{f.nothing}</p>;
  return (
    <div ref={holder} class="players">
      {shown.map((lane) => {
        const source = `/api/footage/${lane.camera}/video.mp4?from=${Math.round(at)}&to=${to}`;
        return (
          <figure key={lane.camera}>
            <figcaption>
              <strong>{human(lane.camera)}</strong> {dateAndTime(at)}
              {bad.value.has(lane.camera) && <span class="fault"> {f.cannotPlay}</span>}
            </figcaption>
            <video
              src={source}
              controls
              muted
              playsInline
              preload="auto"
              aria-label={f.play(human(lane.camera), dateAndTime(at))}
              onPlay={() => {
                for (const video of all()) if (video.paused) void video.play().catch(() => undefined);
              }}
              onPause={(event) => {
                if (!event.currentTarget.ended) for (const video of all()) video.pause();
              }}
              onSeeked={(event) => {
                const t = event.currentTarget.currentTime;
                for (const video of all()) if (Math.abs(video.currentTime - t) > 0.3) video.currentTime = t;
              }}
              onError={() => (bad.value = new Set(bad.value).add(lane.camera))}
            />
            <a href={`/api/footage/${lane.camera}/export?from=${Math.round(at)}&to=${to}`} download>
              {f.download}
            </a>
          </figure>
        );
      })}
    </div>
  );
}
