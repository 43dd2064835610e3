import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { getIfThere } from "../api";
import { siteFile } from "../live";
import { dateAndTime } from "../time";
import { myName, NameField } from "../ui/name";
import { places } from "../ui/plan";
import { human, words } from "../words";
import { change, changes, draft, freeId, restore, toId } from "./draft";

const s = words.setup;

/** Commas between, as people type lists. */
function listOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
}

function Text(props: { label: string; value: string; list?: string; set: (value: string) => void }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <input
        list={props.list}
        value={props.value}
        onChange={(event) => props.set(event.currentTarget.value.trim())}
      />
    </label>
  );
}

/** Species and enclosures. */
export function Animals() {
  const { species = [], enclosure = [] } = draft.value;
  return (
    <div class="health-grid">
      <section class="block">
        <h2>{s.species}</h2>
        <datalist id="dangers">
          {Object.keys(words.danger)
            .filter((d) => d !== "unknown")
            .map((d) => (
              <option key={d} value={d} />
            ))}
        </datalist>
        {species.map((one, i) => {
          const set = (make: (found: typeof one) => void) =>
            change((site) => {
              make(site.species![i]!);
              return site;
            });
          return (
            <div key={one.id} class="entry">
              <strong>{human(one.id)}</strong>
              <Text
                label={s.danger}
                list="dangers"
                value={one.danger}
                set={(value) => set((f) => (f.danger = value))}
              />
              <Text
                label={s.looksLike}
                value={one.looks_like.join(", ")}
                set={(value) => set((f) => (f.looks_like = listOf(value)))}
              />
              <label class="row">
                <input
                  type="checkbox"
                  style={{ width: "24px" }}
                  checked={one.free_roaming ?? false}
                  onChange={(event) => set((f) => (f.free_roaming = event.currentTarget.checked))}
                />
                {s.roaming}
              </label>
              <button
                type="button"
                class="small"
                onClick={() =>
                  change((site) => ({ ...site, species: site.species!.filter((f) => f.id !== one.id) }))
                }
              >
                {s.remove} {human(one.id)}
              </button>
            </div>
          );
        })}
        <Add
          label={s.addSpecies}
          add={(id) =>
            change((site) => ({
              ...site,
              species: [
                ...(site.species ?? []),
                { id, danger: "red", looks_like: ["cat", "dog"], free_roaming: false },
              ],
            }))
          }
          taken={species.map((one) => one.id)}
        />
      </section>
      <section class="block">
        <h2>{s.enclosures}</h2>
        {enclosure.map((one, i) => {
          const set = (make: (found: typeof one) => void) =>
            change((site) => {
              make(site.enclosure![i]!);
              return site;
            });
          return (
            <div key={one.id} class="entry">
              <strong>{human(one.id)}</strong>
              <Text
                label={s.species}
                value={one.species.join(", ")}
                set={(value) => set((f) => (f.species = listOf(value)))}
              />
              <Text
                label={s.count}
                value={one.count === undefined ? "" : String(one.count)}
                set={(value) =>
                  set(
                    (f) => (f.count = value === "" ? undefined : Math.max(0, Math.round(Number(value) || 0))),
                  )
                }
              />
              <button
                type="button"
                class="small"
                onClick={() =>
                  change((site) => ({ ...site, enclosure: site.enclosure!.filter((f) => f.id !== one.id) }))
                }
              >
                {s.remove} {human(one.id)}
              </button>
            </div>
          );
        })}
        <Add
          label={s.addEnclosure}
          add={(id) =>
            change((site) => ({
              ...site,
              enclosure: [...(site.enclosure ?? []), { id, species: species.slice(0, 1).map((x) => x.id) }],
            }))
          }
          taken={enclosure.map((one) => one.id)}
        />
      </section>
    </div>
  );
}

export function Add({ label, add, taken }: { label: string; add: (id: string) => void; taken: string[] }) {
  const text = useSignal("");
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        const id = toId(text.value);
        if (!id) return;
        add(freeId(id, taken));
        text.value = "";
      }}
    >
      <input
        aria-label={label}
        placeholder={s.idNote}
        style={{ flex: 1, minWidth: "120px" }}
        value={text.value}
        onInput={(e) => (text.value = e.currentTarget.value)}
      />
      <button type="submit">{label}</button>
    </form>
  );
}

/** Two clicks join two cameras. */
export function Links() {
  const from = useSignal<string | null>(null);
  const { camera = [], link = [] } = draft.value;
  const at = places(camera);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.key === "Escape") from.value = null;
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, []);
  const click = (id: string) => {
    const begin = from.value;
    from.value = begin === null ? id : null;
    if (begin === null || begin === id || link.some((l) => l.from === begin && l.to === id)) return;
    change((site) => {
      const both: [string, string][] = [
        [begin, id],
        [id, begin],
      ];
      const missing = both.filter(([a, b]) => !site.link?.some((l) => l.from === a && l.to === b));
      site.link = [
        ...(site.link ?? []),
        ...missing.map(([a, b]) => ({ from: a, to: b, seconds: walk(a, b) })),
      ];
      return site;
    });
  };
  /** A running animal does 10 m a second, a strolling one half a metre; unknown ways take up to two minutes. */
  const walk = (a: string, b: string): [number, number] => {
    const [p, q] = [camera.find((c) => c.id === a)?.position, camera.find((c) => c.id === b)?.position];
    if (!p || !q) return [2, 120];
    const metres = Math.hypot(p[0] - q[0], p[1] - q[1]);
    return [Math.max(1, Math.round(metres / 10)), Math.max(10, Math.round(metres / 0.5))];
  };
  const points = [...at.values()];
  const [xs, ys] = [points.map((p) => p[0]), points.map((p) => p[1])];
  const [x0, y0] = [Math.min(...xs), Math.min(...ys)];
  const size = Math.max(Math.max(...xs) - x0, Math.max(...ys) - y0, 10);
  const spot = (id: string) => {
    const p = at.get(id);
    return p ? { left: `${8 + (84 * (p[0] - x0)) / size}%`, top: `${8 + (84 * (p[1] - y0)) / size}%` } : null;
  };
  return (
    <section class="block">
      <h2>{s.links}</h2>
      <p role="status">{from.value ? s.linkFrom(human(from.value)) : s.linksNote}</p>
      <div class="linkplan">
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
          {link.map((l) => {
            const [a, b] = [spot(l.from), spot(l.to)];
            return (
              a &&
              b && (
                <line
                  key={`${l.from}>${l.to}`}
                  x1={a.left.slice(0, -1)}
                  y1={a.top.slice(0, -1)}
                  x2={b.left.slice(0, -1)}
                  y2={b.top.slice(0, -1)}
                />
              )
            );
          })}
        </svg>
        {camera.map((c) => {
          const place = spot(c.id);
          return (
            <button
              key={c.id}
              type="button"
              class="linkspot"
              style={place ?? { position: "static" }}
              aria-pressed={from.value === c.id}
              onClick={() => click(c.id)}
            >
              {human(c.id)}
            </button>
          );
        })}
      </div>
      <ul class="list">
        {link.map((l, i) => (
          <li key={`${l.from}>${l.to}`} class="row">
            <strong>
              {human(l.from)} → {human(l.to)}
            </strong>
            {([0, 1] as const).map((end) => (
              <input
                key={end}
                type="number"
                min={0}
                aria-label={`${s.seconds}: ${human(l.from)} → ${human(l.to)}`}
                style={{ width: "90px" }}
                value={l.seconds[end]}
                onChange={(event) =>
                  change((site) => {
                    site.link![i]!.seconds[end] = Number(event.currentTarget.value);
                    return site;
                  })
                }
              />
            ))}
            <button
              type="button"
              class="small"
              onClick={() => change((site) => ({ ...site, link: site.link!.filter((_, at) => at !== i) }))}
            >
              {s.remove}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface Old {
  id: string;
  until: number;
  by: string;
}

/** The file, and what it was. */
export function History() {
  const list = useSignal<Old[]>([]);
  useEffect(() => {
    void getIfThere<Old[]>("/api/site/history").then((found) => {
      if (found) list.value = found;
    });
  }, [siteFile.value?.version]);
  return (
    <div class="health-grid">
      <section class="block">
        <h2>{s.history}</h2>
        <p>{s.historyNote}</p>
        {list.value.length === 0 ? <p>{s.noHistory}</p> : <NameField />}
        <ul class="list">
          {list.value.slice(0, 50).map((old) => (
            <li key={old.id} class="row">
              <span>{s.until(dateAndTime(old.until), old.by)}</span>
              <button
                type="button"
                class="small"
                disabled={changes.value > 0 || !myName.value.trim()}
                onClick={() => void restore(myName.value.trim(), old.id)}
              >
                {s.restore}
              </button>
              <a href={`/api/site/history/${old.id}`}>{s.file}</a>
            </li>
          ))}
        </ul>
      </section>
      <section class="block">
        <h2>{s.file}</h2>
        <p>
          {s.fileNote} <code>{siteFile.value?.file}</code>
        </p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
        <pre tabIndex={0}>{siteFile.value?.text}</pre>
      </section>
    </div>
  );
}
