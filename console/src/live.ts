/** The analyzer's state, kept up to date by its events. */
import { computed, signal } from "@preact/signals";
import type { CameraRow, CameraStatus, Incident, Site, SiteFile, Track } from "./api";
import { get, getIfThere } from "./api";
import type { Micros } from "./time";

export type Connection = "connecting" | "live" | "lost";

export const connection = signal<Connection>("connecting");
export const cameras = signal<Map<string, CameraRow>>(new Map());
export const incidents = signal<Map<string, Incident>>(new Map());
export const siteFile = signal<SiteFile | null>(null);
export const analyzer = signal<{ version: string; model: string; site: string } | null>(null);
/** The analyzer's clock: this machine's may be wrong, and ages must not be. */
export const now = signal<Micros>(Date.now() * 1000);

export const site = computed<Site | null>(() => siteFile.value?.site ?? null);
/** Escapes that are not over: those that nobody took first, then the newest. */
export const open = computed(() =>
  [...incidents.value.values()]
    .filter((i) => i.tier === "escape" && i.state !== "resolved")
    .sort((a, b) => Number(a.drill) - Number(b.drill) || rank(a) - rank(b) || b.opened_at - a.opened_at),
);
export const unacknowledged = computed(() => open.value.filter((i) => i.state === "open"));

function rank(incident: Incident): number {
  return incident.state === "open" ? 0 : 1;
}

/** What each camera's newest looked-at picture showed; painted, not rendered, so no signal. */
export const tracks = new Map<string, { captured_at: Micros; tracks: Track[] }>();
/** When each incident's animal was last seen, which is told more often than its state. */
export const lastSeen = signal<Map<string, Micros>>(new Map());
/** Animals that are watched, by camera. */
export const watched = signal<Map<string, number>>(new Map());

const painters = new Map<string, Set<() => void>>();

/** Calls `paint` whenever something new is known of a camera's picture. */
export function onTracks(camera: string, paint: () => void): () => void {
  const of = painters.get(camera) ?? new Set();
  painters.set(camera, of.add(paint));
  return () => of.delete(paint);
}

const openedListeners = new Set<(incident: Incident) => void>();
/** Calls `tell` for each escape that opens from now on, and once for each that is found open. */
export function onOpened(tell: (incident: Incident) => void) {
  openedListeners.add(tell);
}

let offset: Micros = 0;

function setClock(at: Micros) {
  const found = at - Date.now() * 1000;
  // The least delay tells the truth; a large change is a clock that was set.
  offset = Math.abs(found - offset) > 2e6 ? found : Math.max(offset, found);
  now.value = Date.now() * 1000 + offset;
}

setInterval(() => {
  now.value = Date.now() * 1000 + offset;
}, 250);

export function takeIncident(incident: Incident) {
  const known = incidents.value.get(incident.id);
  if (known && known.updated_at > incident.updated_at && known.state !== "open" && incident.state === "open")
    return;
  incidents.value = new Map(incidents.value).set(incident.id, incident);
  const seen = incident.sightings.at(-1)?.last_seen ?? incident.updated_at;
  sawIncident(incident.id, seen);
  if (!known && incident.tier === "escape" && incident.state === "open") {
    for (const tell of openedListeners) tell(incident);
  }
}

function sawIncident(id: string, at: Micros) {
  if ((lastSeen.value.get(id) ?? 0) >= at) return;
  lastSeen.value = new Map(lastSeen.value).set(id, at);
}

function takeTracks(told: { camera: string; captured_at: Micros; tracks: Track[] }) {
  tracks.set(told.camera, told);
  for (const track of told.tracks) if (track.incident) sawIncident(track.incident, told.captured_at);
  const n = told.tracks.filter((t) => t.tier === "watch" && !t.incident).length;
  if ((watched.value.get(told.camera) ?? 0) !== n) watched.value = new Map(watched.value).set(told.camera, n);
  for (const paint of painters.get(told.camera) ?? []) paint();
}

function takeStatus(told: { camera: string; status: CameraStatus }) {
  const before = cameras.value.get(told.camera);
  const row: CameraRow = {
    camera: told.camera,
    in_site: before?.in_site ?? false,
    last_frame_captured_at: before?.last_frame_captured_at ?? null,
    health: before?.health,
    online: told.status.online,
    status: told.status,
  };
  cameras.value = new Map(cameras.value).set(told.camera, row);
}

interface Hello {
  now: Micros;
  version: string;
  model: string;
  site: string;
  site_version: string;
  cameras: CameraRow[];
  incidents: Incident[];
}

function takeHello(hello: Hello) {
  setClock(hello.now);
  analyzer.value = { version: hello.version, model: hello.model, site: hello.site };
  cameras.value = new Map(hello.cameras.map((row) => [row.camera, row]));
  const still = new Set(hello.incidents.map((i) => i.id));
  for (const known of incidents.value.values()) {
    // Ended while nobody listened.
    if (known.state !== "resolved" && !still.has(known.id)) refresh(known.id);
  }
  for (const incident of hello.incidents) takeIncident(incident);
  if (siteFile.value?.version !== hello.site_version) void loadSite();
}

async function refresh(id: string) {
  const incident = await getIfThere<Incident>(`/api/incidents/${id}`);
  if (incident) takeIncident(incident);
}

export async function loadSite() {
  siteFile.value = await get<SiteFile>("/api/site").catch(() => siteFile.value);
}

export async function loadCameras() {
  const rows = await getIfThere<CameraRow[]>("/api/cameras");
  if (rows) cameras.value = new Map(rows.map((row) => [row.camera, row]));
}

function takeTick(tick: { now: Micros; seen: Record<string, Micros> }) {
  setClock(tick.now);
  let changed = false;
  const rows = new Map(cameras.value);
  for (const [camera, at] of Object.entries(tick.seen)) {
    const row = rows.get(camera);
    if (row && row.last_frame_captured_at !== at) {
      rows.set(camera, { ...row, last_frame_captured_at: at });
      changed = true;
    } else if (!row) void loadCameras();
  }
  if (changed) cameras.value = rows;
}

/** A tick comes each second; without one for so long the line is dead, whatever the browser thinks. */
const DEAD_AFTER_MS = 4000;
const RETRY_MS = 1000;

export function connect() {
  let source: EventSource | null = null;
  let heard = Date.now();
  const begin = () => {
    source?.close();
    const events = new EventSource("/api/events");
    source = events;
    heard = Date.now();
    const on = <T>(name: string, take: (value: T) => void) =>
      events.addEventListener(name, (event) => {
        heard = Date.now();
        take(JSON.parse((event as MessageEvent<string>).data) as T);
        connection.value = "live";
      });
    on<Hello>("hello", takeHello);
    on<Incident>("incident", takeIncident);
    on<{ camera: string; captured_at: Micros; tracks: Track[] }>("tracks", takeTracks);
    on<{ camera: string; status: CameraStatus }>("camera", takeStatus);
    on<{ version: string }>("site", () => {
      void loadSite();
      void loadCameras();
    });
    on<{ now: Micros; seen: Record<string, Micros> }>("tick", takeTick);
    events.onerror = () => {
      events.close();
      if (source === events) source = null;
    };
  };
  begin();
  setInterval(() => {
    const silent = Date.now() - heard;
    if (source && silent < DEAD_AFTER_MS) return;
    if (connection.value === "live" || silent > DEAD_AFTER_MS) connection.value = "lost";
    begin();
  }, RETRY_MS);
}
