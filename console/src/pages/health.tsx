import { signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type CameraRow, send } from "../api";
import { analyzer, cameras, loadCameras, now } from "../live";
import { spanUnit } from "../time";
import { Chart } from "../ui/chart";
import { myName } from "../ui/name";
import { api } from "../ui/shell";
import { human, words } from "../words";

const h = words.health;

interface Healthz {
  status: "ok" | "degraded" | "failing";
  broker: { up: boolean };
  detector: { up: boolean; model: string; frames_waiting: number };
  archive: { up: boolean; bytes: number };
  store: { up: boolean; upload_backlog: number };
  alerts: { waiting: number };
  [part: string]: unknown;
}

/** A value of the metrics page, added up over its labels; `null` where it is not there. */
export function metric(text: string, name: string): number | null {
  let [sum, found] = [0, false];
  for (const line of text.split("\n")) {
    const match = /^([a-z_]+)(?:\{[^}]*\})? ([0-9.e+-]+)/.exec(line);
    if (match?.[1] === name) [sum, found] = [sum + Number(match[2]), true];
  }
  return found ? sum : null;
}

/** The value below which a share of a histogram's observations lies, by its buckets. */
export function quantile(text: string, name: string, share: number): number | null {
  const buckets = [...text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)`, "gm"))];
  const last = buckets.at(-1);
  const total = last ? Number(last[2]) : 0;
  if (total === 0) return null;
  const bucket = buckets.find((b) => Number(b[2]) >= share * total);
  return bucket ? Number(bucket[1]?.replace("+Inf", "Infinity")) : null;
}

const history = signal<[number[], (number | null)[]]>([[], []]);

export function HealthPage() {
  const state = useSignal<Healthz | null>(null);
  const metrics = useSignal("");
  useEffect(() => {
    const look = async () => {
      // Its answer is 503 when something fails, which is still an answer.
      const answer = await fetch("/healthz").catch(() => null);
      state.value = answer ? ((await answer.json()) as Healthz) : null;
      metrics.value =
        (await fetch("/metrics").then(
          (r) => r.text(),
          () => "",
        )) ?? "";
      const lag = metric(metrics.value, "paddock_detection_lag_ms");
      const [times, lags] = history.value;
      history.value = [[...times, Date.now() / 1000].slice(-600), [...lags, lag].slice(-600)];
      await loadCameras();
    };
    void look();
    const timer = setInterval(look, 2000);
    return () => clearInterval(timer);
  }, []);
  const s = state.value;
  const text = metrics.value;
  const p50 = quantile(text, "paddock_capture_to_alert_seconds", 0.5);
  const p95 = quantile(text, "paddock_capture_to_alert_seconds", 0.95);
  return (
    <>
      <header class="head">
        <h1>{h.title}</h1>
        {s && (
          <p class={`verdict ${s.status}`} role="status">
            {h[s.status]}
          </p>
        )}
      </header>
      <div class="health-grid">
        {s &&
          (["broker", "detector", "archive", "store"] as const).map((part) => (
            <section key={part} class={s[part].up ? "block part" : "block part bad"}>
              <h2>{h.parts[part]}</h2>
              <b>{s[part].up ? h.up : h.down}</b>
              {part === "detector" && <span>{h.waiting(s.detector.frames_waiting)}</span>}
              {part === "store" && <span>{h.waiting(s.store.upload_backlog)}</span>}
              {part === "archive" && <span>{(s.archive.bytes / 1e9).toFixed(1)} GB</span>}
            </section>
          ))}
      </div>
      <Lost />
      <section class="block">
        <h2>{h.chart}</h2>
        <Chart title={h.chart} series={[{ label: h.detection, colour: "#2b7bd6" }]} data={history.value} />
        {p50 !== null && p95 !== null && (
          <p>
            {h.lagNote}: {p50} s, {p95} s
          </p>
        )}
      </section>
      <Agents />
      <Drill />
      <p class="meta">
        {analyzer.value && h.version(analyzer.value.version, analyzer.value.model)} · {h.more}:{" "}
        <a href="/metrics">/metrics</a> <a href="/healthz">/healthz</a>{" "}
        <a href="/api/openapi.json">/api/openapi.json</a>
      </p>
    </>
  );
}

/** Nothing, or what and why. */
function Lost() {
  const rows = [...cameras.value.values()];
  const lost = rows.filter((r) => (r.status?.spool.lost_segments ?? 0) > 0);
  const gaps = rows.flatMap((r) => (r.status?.spool.gaps ?? []).map((gap) => ({ camera: r.camera, ...gap })));
  return (
    <section class="block">
      <h2>{h.lost}</h2>
      {lost.length === 0 && gaps.length === 0 && <p>{h.lostNothing}</p>}
      <ul class="plainlist">
        {lost.map((r) => (
          <li key={r.camera} class="fault">
            {h.lostSegments(r.status?.spool.lost_segments ?? 0, human(r.camera))}
          </li>
        ))}
        {gaps.map((g) => (
          <li key={`${g.camera}${g.start}`}>
            {human(g.camera)}: {spanUnit(g.end - g.start)}, {g.why}
          </li>
        ))}
      </ul>
    </section>
  );
}

function stateOf(row: CameraRow): [string, boolean] {
  if (!row.status) return [h.never, false];
  if (!row.online) return [h.offline, false];
  const source = row.status.source_state;
  if (source.state === "retrying") return [h.retrying(source.why ?? ""), false];
  return [h.online, true];
}

function Agents() {
  const c = h.columns;
  return (
    <section class="block">
      <h2>{h.agents}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a table that scrolls must be reached by keyboard */}
      <div class="scroll" tabIndex={0} role="region" aria-label={h.agents}>
        <table>
          <thead>
            <tr>
              {Object.values(c).map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...cameras.value.values()].map((row) => {
              const s = row.status;
              const [text, good] = stateOf(row);
              const at = row.last_frame_captured_at;
              return (
                <tr key={row.camera}>
                  <th scope="row">{human(row.camera)}</th>
                  <td class={good ? "" : "fault wide"}>{text}</td>
                  <td class="wide">{s?.source.split("/").at(-1)}</td>
                  <td>{s?.fps ? s.fps.toFixed(0) : ""}</td>
                  <td>{at ? spanUnit(now.value - at) : h.never}</td>
                  <td>{s ? `${s.spool.segments} (${(s.spool.bytes / 1e6).toFixed(1)} MB)` : ""}</td>
                  <td>{s?.frames.dropped}</td>
                  <td>{s ? `${(s.clock_offset_us / 1000).toFixed(0)} ms` : ""}</td>
                  <td>{s?.load?.toFixed(1)}</td>
                  <td>{s?.temperature_c?.toFixed(0)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Drill() {
  const told = useSignal("");
  const camera = useSignal("");
  if (!api.value.has("/api/drills")) return null;
  const ids = [...cameras.value.values()].filter((r) => r.online).map((r) => r.camera);
  const start = async () => {
    try {
      await send("POST", "/api/drills", { camera: camera.value || ids[0], by: myName.value || "console" });
      told.value = words.incident.drillNote;
    } catch (error) {
      told.value = (error as Error).message;
    }
  };
  return (
    <section class="block">
      <h2>{h.drill}</h2>
      <p>{h.drillNote}</p>
      <div class="row">
        <select
          aria-label={h.columns.camera}
          value={camera.value || ids[0]}
          onChange={(e) => (camera.value = e.currentTarget.value)}
        >
          {ids.map((id) => (
            <option key={id} value={id}>
              {human(id)}
            </option>
          ))}
        </select>
        <button type="button" onClick={start}>
          {h.drillStart}
        </button>
      </div>
      <p role="status">{told.value}</p>
    </section>
  );
}
