import { signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Zone } from "../api";
import { analyzer, cameras, siteFile } from "../live";
import { query } from "../router";
import {
  cameraOf,
  canRedo,
  change,
  changes,
  changeZone,
  discard,
  draft,
  freeId,
  message,
  redo,
  save,
  saving,
  toId,
  undo,
} from "../setup/draft";
import { addZone, Editor } from "../setup/editor";
import { Add, Animals, History, Links } from "../setup/lists";
import { Dialog } from "../ui/dialog";
import { myName, NameField } from "../ui/name";
import { human, words } from "../words";

const s = words.setup;

const TABS = ["zones", "animals", "links", "history"] as const;
type Tab = (typeof TABS)[number];

const tab = signal<Tab>("zones");
const camera = signal<string | null>(null);
const zone = signal<string | null>(null);

export function SetupPage() {
  const naming = useSignal(false);
  const wanted = new URLSearchParams(query.value).get("camera");
  useEffect(() => {
    if (wanted) [camera.value, zone.value, tab.value] = [wanted, null, "zones"];
  }, [wanted]);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
      event.preventDefault();
      if (event.shiftKey) redo();
      else undo();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, []);
  const begin = () => {
    if (myName.value.trim()) void save(myName.value.trim());
    else naming.value = true;
  };
  const foreign = siteFile.value && !siteFile.value.applied;
  return (
    <>
      <header class="head">
        <h1>{s.title}</h1>
        <div class="tabs" role="tablist" aria-label={s.title}>
          {TABS.map((name) => (
            <button
              key={name}
              type="button"
              role="tab"
              id={`tab-${name}`}
              aria-selected={tab.value === name}
              aria-controls="tab-panel"
              onClick={() => (tab.value = name)}
            >
              {s[name === "zones" ? "cameras" : name]}
            </button>
          ))}
        </div>
      </header>
      {siteFile.value?.error && (
        <p class="fault" role="alert">
          {siteFile.value.error}
        </p>
      )}
      {foreign && <p class="fault">{s.notApplied}</p>}
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${tab.value}`}>
        {tab.value === "zones" && <Zones />}
        {tab.value === "animals" && <Animals />}
        {tab.value === "links" && <Links />}
        {tab.value === "history" && <History />}
      </div>
      <div class="savebar">
        <p
          role="status"
          class={message.value ? (message.value.good ? "good" : "fault") : changes.value ? "dirty" : ""}
        >
          {message.value?.text ?? (changes.value ? s.changes(changes.value) : s.nothing)}
        </p>
        <button type="button" onClick={undo} disabled={changes.value === 0}>
          {s.undo}
        </button>
        <button type="button" onClick={redo} disabled={!canRedo.value}>
          {s.redo}
        </button>
        <button type="button" onClick={discard} disabled={changes.value === 0}>
          {s.discard}
        </button>
        <button
          type="button"
          class="primary"
          onClick={begin}
          disabled={saving.value || (changes.value === 0 && !foreign)}
        >
          {saving.value ? s.saving : s.save}
        </button>
      </div>
      {naming.value && (
        <Dialog title={s.save} onClose={() => (naming.value = false)}>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              naming.value = false;
              void save(myName.value.trim());
            }}
          >
            <NameField autofocus />
            <div class="row">
              <button type="submit" class="primary">
                {s.save}
              </button>
              <button type="button" onClick={() => (naming.value = false)}>
                {words.incident.cancel}
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  );
}

/** Cameras, the chosen one's picture with its zones, and the chosen zone. */
function Zones() {
  const drawing = useSignal(false);
  const known = (draft.value.camera ?? []).map((c) => c.id);
  // One that sends pictures but is not in the file is one click away from it.
  const foreign = [...cameras.value.keys()].filter((id) => !known.includes(id));
  const chosen = camera.value ?? known[0] ?? null;
  const found = chosen ? cameraOf(draft.value, chosen) : undefined;
  const add = (id: string) => {
    change((site) => ({ ...site, camera: [...(site.camera ?? []), { id }] }));
    [camera.value, zone.value] = [id, null];
  };
  return (
    <div class="setup">
      <section class="block" aria-label={s.cameras}>
        <div class="list cameras">
          {known.map((id) => (
            <button
              key={id}
              type="button"
              aria-pressed={id === chosen}
              onClick={() => {
                [camera.value, zone.value] = [id, null];
                drawing.value = false;
              }}
            >
              {human(id)}
            </button>
          ))}
          {foreign.map((id) => (
            <button key={id} type="button" onClick={() => add(id)}>
              + {human(id)}
            </button>
          ))}
        </div>
        <Add label={s.addCamera} add={add} taken={known} />
      </section>
      {found && chosen && (
        <>
          <div>
            <Editor
              key={chosen}
              camera={chosen}
              chosen={zone.value}
              choose={(id) => (zone.value = id)}
              drawing={drawing.value}
              endDrawing={() => (drawing.value = false)}
            />
            <div class="row" style={{ marginTop: "10px" }}>
              <button
                type="button"
                class="primary"
                aria-pressed={drawing.value}
                onClick={() => (drawing.value = !drawing.value)}
              >
                {s.drawZone}
              </button>
              <button
                type="button"
                title={s.boxNote}
                onClick={() =>
                  (zone.value = addZone(chosen, [
                    [0.35, 0.35],
                    [0.65, 0.35],
                    [0.65, 0.65],
                    [0.35, 0.65],
                  ]))
                }
              >
                {s.box}
              </button>
              <small role="status">
                {drawing.value ? s.drawNote : zone.value ? s.cornersNote : s.uncovered}
              </small>
            </div>
          </div>
          <Properties camera={chosen} zones={found.zone ?? []} position={found.position} />
        </>
      )}
    </div>
  );
}

function Properties(props: { camera: string; zones: Zone[]; position?: [number, number] }) {
  const { camera: id, zones } = props;
  const chosen = zones.find((z) => z.id === zone.value);
  return (
    <section class="block props" aria-label={s.zones}>
      <h2>{s.zones}</h2>
      <div class="list">
        {zones.map((z) => (
          <button
            key={z.id}
            type="button"
            class={`small chip zone-${z.kind}`}
            aria-pressed={z.id === zone.value}
            onClick={() => (zone.value = z.id === zone.value ? null : z.id)}
          >
            {human(z.id)} <small>{s.kindShort[z.kind]}</small>
          </button>
        ))}
      </div>
      {chosen ? (
        <ZoneFields camera={id} zone={chosen} others={zones.map((z) => z.id)} />
      ) : (
        <CameraFields camera={id} position={props.position} />
      )}
    </section>
  );
}

function ZoneFields({ camera: id, zone: z, others }: { camera: string; zone: Zone; others: string[] }) {
  const enclosures = draft.value.enclosure ?? [];
  const rename = (text: string) => {
    const name = toId(text);
    if (!name || name === z.id) return;
    const free = freeId(name, others);
    changeZone(id, z.id, (found) => {
      found.id = free;
    });
    zone.value = free;
  };
  return (
    <>
      <label class="field">
        <span>{s.zoneId}</span>
        <input name="zone-id" value={z.id} onChange={(event) => rename(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span>{s.kind}</span>
        <select
          name="zone-kind"
          value={z.kind}
          onChange={(event) => {
            const kind = event.currentTarget.value;
            changeZone(id, z.id, (found) => {
              found.kind = kind;
              if (kind === "enclosure") found.enclosure ??= enclosures[0]?.id;
              else delete found.enclosure;
            });
          }}
        >
          {Object.entries(s.kinds).map(([kind, text]) => (
            <option key={kind} value={kind}>
              {text}
            </option>
          ))}
        </select>
      </label>
      {z.kind === "enclosure" && (
        <label class="field">
          <span>{s.enclosure}</span>
          <select
            name="zone-enclosure"
            value={z.enclosure}
            onChange={(event) => {
              const enclosure = event.currentTarget.value;
              changeZone(id, z.id, (found) => {
                found.enclosure = enclosure;
              });
            }}
          >
            {enclosures.map((e) => (
              <option key={e.id} value={e.id}>
                {human(e.id)} ({e.species.map(human).join(", ")})
              </option>
            ))}
          </select>
        </label>
      )}
      <button
        type="button"
        onClick={() => {
          change((site) => {
            const found = cameraOf(site, id);
            if (found) found.zone = found.zone?.filter((other) => other.id !== z.id);
            return site;
          });
          zone.value = null;
        }}
      >
        {s.removeZone}
      </button>
    </>
  );
}

function CameraFields({ camera: id, position }: { camera: string; position?: [number, number] }) {
  const place = (axis: 0 | 1, text: string) =>
    change((site) => {
      const found = cameraOf(site, id);
      if (!found) return site;
      const next: [number, number] = [...(found.position ?? [0, 0])];
      next[axis] = Math.round((Number(text) || 0) * 100) / 100;
      found.position = next;
      return site;
    });
  const name = analyzer.value?.site ?? draft.value.site.name;
  const command = `camera-agent run --site ${name} --camera ${id} --source rtsp://… --broker mqtt://${location.hostname}:1883 --spool /var/lib/paddock/spool`;
  return (
    <>
      <fieldset class="plainset">
        <legend>{s.position}</legend>
        <div class="pair">
          {([0, 1] as const).map((axis) => (
            <input
              key={axis}
              type="number"
              step="0.5"
              aria-label={`${s.position}: ${"xy"[axis]}`}
              value={position?.[axis] ?? ""}
              onChange={(event) => place(axis, event.currentTarget.value)}
            />
          ))}
        </div>
      </fieldset>
      <p>{s.command}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <pre tabIndex={0}>{command}</pre>
      <button
        type="button"
        onClick={() => {
          change((site) => ({
            ...site,
            camera: site.camera?.filter((c) => c.id !== id),
            link: site.link?.filter((l) => l.from !== id && l.to !== id),
          }));
          [camera.value, zone.value] = [null, null];
        }}
      >
        {s.removeCamera}
      </button>
    </>
  );
}
