import { useSignal } from "@preact/signals";
import type { Mark, Point } from "../api";
import { Refused, send } from "../api";
import { loadSite, site, siteFile } from "../live";
import { follow } from "../router";
import { Plan } from "../ui/plan";
import { human, words } from "../words";

const m = words.map;

/** The grounds: where each camera is, what is out, where it has been and may go. */
export function MapPage() {
  const scaling = useSignal(false);
  const fault = useSignal("");
  const placed = (site.value?.camera ?? []).filter((c) => c.position);
  const plan = siteFile.value?.plan;
  const upload = async (file: File | undefined) => {
    if (!file) return;
    fault.value = "";
    const response = await fetch("/api/site/plan", { method: "PUT", body: file }).catch(() => null);
    if (!response?.ok) {
      const body = (await response?.json().catch(() => null)) as { error?: string } | null;
      fault.value = body?.error ?? words.connection.lost;
    }
    await loadSite();
    scaling.value = response?.ok === true && placed.length >= 2;
  };
  return (
    <>
      <header class="head">
        <h1>{m.title}</h1>
        <div class="tools">
          {plan?.exists && placed.length >= 2 && (
            <button
              type="button"
              onClick={() => (scaling.value = !scaling.value)}
              aria-pressed={scaling.value}
            >
              {m.scale}
            </button>
          )}
          <label class="button">
            {m.upload}
            <input
              class="sr"
              type="file"
              accept="image/png,image/jpeg,image/webp"
              onChange={(event) => void upload(event.currentTarget.files?.[0])}
            />
          </label>
        </div>
      </header>
      {fault.value && (
        <p class="fault" role="alert">
          {fault.value}
        </p>
      )}
      {placed.length === 0 && (
        <p>
          {m.noPlaces}. {m.noPlacesNote}{" "}
          <a href="/setup" onClick={follow}>
            {words.nav.setup}
          </a>
        </p>
      )}
      {scaling.value && plan?.exists ? (
        <ScalePlan
          version={plan.version}
          cameras={placed.map((c) => [c.id, c.position!])}
          done={() => (scaling.value = false)}
        />
      ) : (
        <Plan ratio={innerWidth < 720 ? 0.8 : 1.7} />
      )}
    </>
  );
}

/** Two cameras are clicked on the picture: their positions are known, so that the picture's scale is. */
function ScalePlan(props: { version: string; cameras: [string, Point][]; done: () => void }) {
  const marks = useSignal<Mark[]>([]);
  const fault = useSignal("");
  // The two that are farthest apart make the least error.
  const distance = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]);
  const pairs = props.cameras.flatMap((a, i) => props.cameras.slice(i + 1).map((b) => [a, b] as const));
  const pair = pairs.sort((p, q) => distance(q[0][1], q[1][1]) - distance(p[0][1], p[1][1]))[0];
  if (!pair) return <p>{m.scaleNeeds}</p>;
  const asked = pair[marks.value.length] ?? pair[1];
  const click = async (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const at: Point = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    marks.value = [...marks.value, { at, metres: asked[1] }];
    if (marks.value.length < 2) return;
    try {
      await send("PUT", "/api/site/plan/scale", { marks: marks.value });
      await loadSite();
      props.done();
    } catch (error) {
      marks.value = [];
      fault.value = error instanceof Refused ? error.message : words.connection.lost;
    }
  };
  return (
    <>
      <p role="status">
        {marks.value.length === 0 ? m.scaleFirst : m.scaleSecond}: <strong>{human(asked[0])}</strong>
      </p>
      {fault.value && <p class="fault">{fault.value}</p>}
      <button type="button" class="plain" onClick={click} aria-label={m.scale}>
        <img src={`/api/site/plan?${props.version}`} alt="" />
      </button>
    </>
  );
}
