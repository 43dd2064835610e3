import { signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type Delivery, getIfThere, type Incident, Refused, send } from "../api";
import {
  dangerWord,
  headingTurn,
  headingWord,
  isThere,
  nextCameras,
  radio,
  seenAt,
  sureness,
  whereLabel,
  zoneOf,
} from "../incident";
import { incidents, now, takeIncident, tracks } from "../live";
import { follow, go } from "../router";
import { span, timeOfDay } from "../time";
import { Dialog } from "../ui/dialog";
import { Icon } from "../ui/icons";
import { myName, NameField } from "../ui/name";
import { Picture } from "../ui/picture";
import { Plan } from "../ui/plan";
import { api, dangerClass, FOOTAGE, nameOf } from "../ui/shell";
import { human, words } from "../words";

const w = words.incident;

type Asking = "acknowledge" | "resolve" | "note" | null;
const asking = signal<Asking>(null);

export function IncidentPage({ id }: { id: string }) {
  const missing = useSignal(false);
  useEffect(() => {
    asking.value = null;
    void getIfThere<Incident>(`/api/incidents/${id}`).then((found) => {
      if (found) takeIncident(found);
      else missing.value = !incidents.value.has(id);
    });
  }, [id]);
  const incident = incidents.value.get(id);
  useKeys(incident);
  if (!incident) {
    return missing.value ? (
      <div class="empty">
        <h1>{w.missing}</h1>
        <a class="button" href="/" onClick={follow}>
          {w.toWall}
        </a>
      </div>
    ) : null;
  }
  return (
    <article class={`incident ${dangerClass(incident)} ${incident.state}`}>
      <Head incident={incident} />
      <Actions incident={incident} />
      <div class="body">
        <div class="side">
          <Where incident={incident} />
          <Found incident={incident} />
        </div>
        <div class="side">
          <Next incident={incident} />
          <Radio incident={incident} />
          <Log incident={incident} />
        </div>
      </div>
      {asking.value && <Ask incident={incident} what={asking.value} />}
    </article>
  );
}

function useKeys(incident: Incident | undefined) {
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof HTMLElement && event.target.closest("input, textarea, select, dialog");
      if (!incident || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "a" && incident.state === "open") acknowledge(incident);
      else if (event.key === "n") asking.value = "note";
      else if (event.key === "Escape") go("/");
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, [incident]);
}

/** What, where, where to: the three things that matter, and nothing beside them. */
function Head({ incident }: { incident: Incident }) {
  const over = incident.state === "resolved";
  const count = inView(incident);
  return (
    <header class="alarm-head">
      {incident.drill && (
        <p class="drill-band">
          <strong>{w.drill}</strong> {w.drillNote}
        </p>
      )}
      <h1 class="what">
        <small>{over ? w.wasOut : w.what}</small>
        <b>{nameOf(incident)}</b>
        <span class="sub">
          <span class="code">
            {(incident.danger ?? "?").toUpperCase()} · {dangerWord(incident)}
          </span>{" "}
          <span>
            {count > 1 ? w.several(count) : w.one}, {sureness(incident.confidence)}
          </span>
        </span>
      </h1>
      <p class="where">
        <small>{over ? w.lastPlace : whereLabel(incident)}</small>
        <b>{human(incident.camera)}</b>
        <span class="sub">
          {zoneOf(incident)} ·{" "}
          {over ? timeOfDay(incident.opened_at) : w.since(span(now.value - incident.opened_at))}
        </span>
      </p>
      <Going incident={incident} />
    </header>
  );
}

function Going({ incident }: { incident: Incident }) {
  if (incident.resolved) {
    return (
      <p class="going">
        <small>{w.states.resolved}</small>
        <b>{incident.resolved.by}</b>
        <span class="sub">{timeOfDay(incident.resolved.at)}</span>
      </p>
    );
  }
  const there = isThere(incident);
  const next = nextCameras(incident).filter((n) => n.state !== "over")[0];
  const label = next ? (there ? w.going : w.mayBe) : there ? w.staying : w.lost;
  const heading = headingWord(incident.heading);
  const arrow = there && incident.heading && <Icon name="arrow" turn={headingTurn(incident.heading)} />;
  return (
    <p class="going">
      <small>{label}</small>
      <b>
        {arrow} {next ? human(next.camera) : there ? human(headingWord(incident.heading, false)) : w.noNext}
      </b>
      <span class="sub">{next?.text ?? (there ? heading : w.last(heading))}</span>
    </p>
  );
}

/** Animals out in the picture of now: two beside each other are two. */
function inView(incident: Incident): number {
  return tracks.get(incident.camera)?.tracks.filter((t) => t.tier === "escape" || t.incident).length ?? 1;
}

function peopleNear(incident: Incident): number {
  return tracks.get(incident.camera)?.tracks.filter((t) => t.group === "person").length ?? 0;
}

const fault = signal("");

async function act(incident: Incident, action: "acknowledge" | "resolve" | "note", text = "") {
  fault.value = "";
  try {
    takeIncident(
      await send<Incident>("POST", `/api/incidents/${incident.id}/${action}`, {
        by: myName.value.trim(),
        text,
      }),
    );
    asking.value = null;
  } catch (error) {
    fault.value = error instanceof Refused ? error.message : words.connection.lost;
  }
}

/** One press where the name is known. */
function acknowledge(incident: Incident) {
  if (myName.value.trim()) void act(incident, "acknowledge");
  else asking.value = "acknowledge";
}

function Actions({ incident }: { incident: Incident }) {
  const me = myName.value.trim();
  return (
    <div class="actions">
      {incident.state === "open" && (
        <button type="button" class="primary" onClick={() => acknowledge(incident)}>
          {w.acknowledge} {me && <small>{w.as(me)}</small>}
        </button>
      )}
      {incident.acknowledged && incident.state !== "resolved" && (
        <p class="taken">{w.acknowledgedBy(incident.acknowledged.by, timeOfDay(incident.acknowledged.at))}</p>
      )}
      {incident.resolved && (
        <p class="taken">{w.clearedBy(incident.resolved.by, timeOfDay(incident.resolved.at))}</p>
      )}
      {incident.state !== "resolved" && (
        <button type="button" onClick={() => (asking.value = "resolve")}>
          {w.clear}
        </button>
      )}
      <button type="button" onClick={() => (asking.value = "note")}>
        {w.note}
      </button>
      <a class="button" href="/" onClick={follow}>
        {w.toWall}
      </a>
      {fault.value && (
        <p class="fault" role="alert">
          {w.refused}: {fault.value}
        </p>
      )}
    </div>
  );
}

function Ask({ incident, what }: { incident: Incident; what: Exclude<Asking, null> }) {
  const text = useSignal("");
  const title = { acknowledge: w.acknowledge, resolve: w.clear, note: w.note }[what];
  return (
    <Dialog title={title} onClose={() => (asking.value = null)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void act(incident, what, text.value.trim());
        }}
      >
        {what === "acknowledge" && <p>{w.acknowledgeNote}</p>}
        {what === "resolve" && <p>{w.clearNote}</p>}
        {what === "note" && (
          <label class="field">
            <span>{w.noteText}</span>
            <textarea
              required
              rows={3}
              maxLength={500}
              value={text.value}
              onInput={(e) => (text.value = e.currentTarget.value)}
            />
          </label>
        )}
        <NameField autofocus={!myName.value} />
        {fault.value && (
          <p class="fault" role="alert">
            {fault.value}
          </p>
        )}
        <div class="row">
          <button type="submit" class="primary">
            {title}
          </button>
          <button type="button" onClick={() => (asking.value = null)}>
            {w.cancel}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Where({ incident }: { incident: Incident }) {
  const people = peopleNear(incident);
  return (
    <section class="block live" aria-label={w.picture}>
      <Picture camera={incident.camera} fps={12} incident={incident} />
      {people > 0 && <p class="people">{w.people(people)}</p>}
    </section>
  );
}

function Next({ incident }: { incident: Incident }) {
  if (incident.state === "resolved") return null;
  const next = nextCameras(incident);
  return (
    <section class="block nexts">
      <h2>{w.next}</h2>
      {next.length === 0 && <p>{w.noLink}</p>}
      <ul>
        {next.slice(0, 3).map((n) => (
          <li key={n.camera} class={n.state}>
            <a href={`/camera/${n.camera}`} onClick={follow}>
              <Picture camera={n.camera} fps={5} label={false} zones={false} />
              <span class="words">
                <b>{human(n.camera)}</b>
                <span>{n.text}</span>
                <progress max={1} value={n.share} aria-label={n.text} />
              </span>
            </a>
          </li>
        ))}
      </ul>
      <Plan incident={incident} small />
    </section>
  );
}

function Radio({ incident }: { incident: Incident }) {
  const copied = useSignal(false);
  const text = radio(incident);
  const copy = async () => {
    // Without https a browser has no clipboard; then the text is there to be selected.
    await navigator.clipboard?.writeText(text).catch(() => undefined);
    copied.value = true;
    setTimeout(() => (copied.value = false), 2000);
  };
  return (
    <section class="block radio">
      <h2>{w.radio}</h2>
      <p>{text}</p>
      <button type="button" onClick={copy}>
        {copied.value ? w.copied : w.copy}
      </button>
    </section>
  );
}

/** The same picture with the box drawn. */
const MARKED = "/api/incidents/{id}/still.jpg";

function Found({ incident }: { incident: Incident }) {
  const clip = useSignal<"ask" | "yes" | "no">("ask");
  useEffect(() => {
    // The clip is whole some seconds after the opening: asked for again until it is there.
    let timer: ReturnType<typeof setTimeout>;
    const look = async (left: number) => {
      if (!api.value.has("/api/incidents/{id}/clip.mp4")) return;
      const response = await fetch(`/api/incidents/${incident.id}/clip.mp4`, { method: "HEAD" }).catch(
        () => null,
      );
      const isVideo = response?.ok && response.headers.get("content-type")?.startsWith("video/");
      clip.value = isVideo ? "yes" : "no";
      if (!isVideo && left > 0 && response?.status !== 404) timer = setTimeout(() => look(left - 1), 3000);
    };
    void look(20);
    return () => clearTimeout(timer);
  }, [incident.id, api.value]);
  return (
    <section class="block found">
      <h2>{w.still}</h2>
      <figure>
        <img
          src={`/api/incidents/${incident.id}/${api.value.has(MARKED) ? "still.jpg" : "still"}`}
          alt={`${w.still}: ${nameOf(incident)}, ${human(incident.camera)}`}
        />
        <figcaption>
          {timeOfDay(incident.opened_at)} · {w.looks(incident.label)}
        </figcaption>
      </figure>
      {clip.value === "yes" && (
        <figure>
          <video
            src={`/api/incidents/${incident.id}/clip.mp4`}
            controls
            muted
            playsInline
            preload="metadata"
            aria-label={w.clip}
          />
          <figcaption>{w.clipNote}</figcaption>
        </figure>
      )}
      {api.value.has(FOOTAGE) && (
        <a class="button" href={`/footage?incident=${incident.id}`} onClick={follow}>
          <Icon name="footage" /> {w.footage}
        </a>
      )}
      {incident.why && (
        <>
          <h2>{w.evidence}</h2>
          <p>{incident.why}</p>
        </>
      )}
    </section>
  );
}

interface Entry {
  at: number;
  text: string;
  more?: string;
}

function Log({ incident }: { incident: Incident }) {
  const deliveries = useSignal<Delivery[]>([]);
  useEffect(() => {
    const load = async () => {
      const of = encodeURIComponent(incident.id);
      const newer = api.value.has("/api/alerts/deliveries");
      const list = await getIfThere<Delivery[]>(
        newer ? `/api/alerts/deliveries?incident=${of}` : `/api/incidents/${of}/deliveries`,
      );
      if (Array.isArray(list)) deliveries.value = list;
    };
    void load();
    const timer = setInterval(load, 5000);
    return () => clearInterval(timer);
  }, [incident.id, incident.updated_at, api.value]);
  const entries: Entry[] = [];
  incident.sightings.forEach((s, i) => {
    if (incident.sightings[i - 1]?.camera === s.camera) return;
    const text = i === 0 ? w.opened(human(s.camera)) : w.seenAt(human(s.camera));
    entries.push({ at: s.first_seen, text, more: s.zone ? human(s.zone) : undefined });
  });
  const { acknowledged, resolved, notes } = incident;
  if (acknowledged)
    entries.push({ at: acknowledged.at, text: `${w.states.acknowledged}: ${acknowledged.by}` });
  for (const note of notes) entries.push({ at: note.at, text: w.noted(note.by), more: note.text });
  if (resolved) entries.push({ at: resolved.at, text: `${w.clear}: ${resolved.by}`, more: resolved.text });
  entries.sort((a, b) => b.at - a.at);
  return (
    <section class="block log">
      <h2>{w.log}</h2>
      <ol>
        {entries.map((e) => (
          <li key={`${e.at}${e.text}`}>
            <time>{timeOfDay(e.at)}</time> <b>{e.text}</b> {e.more && <span>{e.more}</span>}
          </li>
        ))}
      </ol>
      <p class="meta">
        {w.lastAt(span(now.value - seenAt(incident)))} {human(incident.camera)}
      </p>
      <h2>{w.deliveries}</h2>
      {deliveries.value.length === 0 && <p>{w.noDeliveries}</p>}
      <ul class="deliveries">
        {deliveries.value.map((d, i) => {
          const good = d.ok ?? d.delivered ?? !d.error;
          return (
            <li key={`${d.channel}${d.at}${i}`} class={good ? "good" : "bad"}>
              <b>{d.channel}</b> {good ? w.delivered : w.failed}
              {d.at ? ` ${timeOfDay(d.at)}` : ""} {d.error ?? d.answer ?? ""}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
