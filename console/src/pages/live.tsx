import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { cameras, connection, open, site, watched } from "../live";
import { follow } from "../router";
import { freshness, Picture } from "../ui/picture";
import { dangerClass } from "../ui/shell";
import { words } from "../words";

export const wall = { zones: signal(true), boxes: signal(true) };

/** Cameras of the site file first, in its order, so that each keeps its place on the wall. */
export function cameraIds(): string[] {
  const inSite = site.value?.camera?.map((c) => c.id) ?? [];
  const others = [...cameras.value.keys()].filter((id) => !inSite.includes(id)).sort();
  return [...inSite, ...others];
}

const GAP = 10;
const RATIO = 4 / 3;

/** The width at which all tiles are seen at once, the largest that there is; a narrow page scrolls instead. */
function fit(count: number, [width, height]: [number, number]): number {
  let best = 0;
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(count / columns);
    const across = (width - GAP * (columns - 1)) / columns;
    const down = ((height - GAP * (rows - 1)) / rows) * RATIO;
    best = Math.max(best, Math.min(across, down));
  }
  return Math.floor(Math.max(best, 200));
}

export function LivePage() {
  const ids = cameraIds();
  const list = useRef<HTMLUListElement>(null);
  const [size, setSize] = useState<[number, number]>([innerWidth - 130, innerHeight - 90]);
  useEffect(() => {
    const measure = () => {
      const box = list.current?.getBoundingClientRect();
      if (box) setSize([box.width, innerHeight - box.top - scrollY - 16]);
    };
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, [ids.length, open.value.length]);
  const known = connection.value !== "connecting" || ids.length > 0;
  return (
    <>
      <header class="head">
        <h1 class="sr">{words.live.title}</h1>
        <Calm ids={ids} />
        <div class="tools">
          <Toggle on={wall.zones} name={words.live.zones} />
          <Toggle on={wall.boxes} name={words.live.boxes} />
        </div>
      </header>
      {known && ids.length === 0 && (
        <div class="empty">
          <h2>{words.live.empty}</h2>
          <p>{words.live.emptyNote}</p>
          <a class="button" href="/setup" onClick={follow}>
            {words.nav.setup}
          </a>
        </div>
      )}
      <ul
        ref={list}
        class={ids.length > 4 ? "wall many" : "wall"}
        style={{ "--tile": `${fit(ids.length, size)}px` }}
      >
        {ids.map((id) => (
          <Tile key={id} camera={id} />
        ))}
      </ul>
    </>
  );
}

/** One line that says whether all is well. */
function Calm({ ids }: { ids: string[] }) {
  const bring = ids.filter((id) => freshness(id).state === "live").length;
  const watching = [...watched.value.values()].reduce((sum, n) => sum + n, 0);
  if (open.value.length > 0) return <p class="calm alarmed">{words.live.quietNote(ids.length, bring)}</p>;
  return (
    <p class={bring === ids.length ? "calm" : "calm partly"}>
      <strong>{words.live.quiet}</strong>
      <span>{words.live.quietNote(ids.length, bring)}</span>
      {watching > 0 && <span class="watching">{words.live.watching(watching)}</span>}
    </p>
  );
}

export function Toggle({ on, name }: { on: { value: boolean }; name: string }) {
  return (
    <button
      type="button"
      class="toggle"
      aria-pressed={on.value}
      onClick={() => {
        on.value = !on.value;
      }}
    >
      {name}
    </button>
  );
}

function Tile({ camera }: { camera: string }) {
  const incident = open.value.find((i) => i.camera === camera) ?? null;
  const next = open.value.find((i) => i.camera !== camera && i.next.some((n) => n.camera === camera));
  const inSite = cameras.value.get(camera)?.in_site ?? true;
  const classes = ["tile", incident ? `alarm ${dangerClass(incident)}` : next ? "next" : ""].join(" ");
  return (
    <li class={classes}>
      <a href={incident ? `/incident/${incident.id}` : `/camera/${camera}`} onClick={follow}>
        <Picture camera={camera} incident={incident} zones={wall.zones.value} names={wall.boxes.value} />
        {!inSite && <span class="badge">{words.live.unknown}</span>}
        {next && <span class="badge">{words.incident.next}</span>}
      </a>
    </li>
  );
}
