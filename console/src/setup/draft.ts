/**
 * The site as it is being changed here. It lives outside of the page, so that an alarm that covers the page takes
 * nothing away. Each change is a new value: undo is the one before.
 */
import { computed, signal } from "@preact/signals";
import { Refused, type Site, type SiteCamera, type SiteFile, send, type Zone } from "../api";
import { loadSite, siteFile } from "../live";
import { words } from "../words";

const past = signal<Site[]>([]);
const future = signal<Site[]>([]);
/** `null`: as in the file. */
const changed = signal<Site | null>(null);
/** The version of the file that was changed. */
let base = "";

const EMPTY: Site = { site: { name: "", timezone: "" } };

export const draft = computed<Site>(() => changed.value ?? siteFile.value?.site ?? EMPTY);
export const changes = computed(() => past.value.length);
export const canRedo = computed(() => future.value.length > 0);
export const message = signal<{ text: string; good: boolean } | null>(null);
export const saving = signal(false);

export function change(make: (site: Site) => Site) {
  if (!changed.value) base = siteFile.value?.version ?? "";
  past.value = [...past.value, draft.value];
  future.value = [];
  changed.value = make(structuredClone(draft.value));
  message.value = null;
}

export function undo() {
  const before = past.value.at(-1);
  if (!before) return;
  future.value = [...future.value, draft.value];
  past.value = past.value.slice(0, -1);
  changed.value = past.value.length === 0 ? null : before;
}

export function redo() {
  const next = future.value.at(-1);
  if (!next) return;
  if (past.value.length === 0) base = siteFile.value?.version ?? "";
  past.value = [...past.value, draft.value];
  future.value = future.value.slice(0, -1);
  changed.value = next;
}

export function discard() {
  [past.value, future.value, changed.value] = [[], [], null];
  message.value = null;
}

async function put(body: object) {
  saving.value = true;
  try {
    siteFile.value = await send<SiteFile>("PUT", "/api/site", body);
    discard();
    message.value = { text: words.setup.saved, good: true };
  } catch (error) {
    message.value = { text: error instanceof Refused ? error.message : words.connection.lost, good: false };
    if (error instanceof Refused && error.status === 409) await loadSite();
  } finally {
    saving.value = false;
  }
}

export function save(by: string): Promise<void> {
  return put({ by, version: changed.value ? base : siteFile.value?.version, site: draft.value });
}

export function restore(by: string, id: string): Promise<void> {
  return put({ by, version: siteFile.value?.version, restore: id });
}

export function cameraOf(site: Site, id: string): SiteCamera | undefined {
  return site.camera?.find((c) => c.id === id);
}

export function changeZone(camera: string, zone: string, make: (zone: Zone) => void) {
  change((site) => {
    const found = cameraOf(site, camera)?.zone?.find((z) => z.id === zone);
    if (found) make(found);
    return site;
  });
}

/** `name`, `name-2`, `name-3` …: the first that is free. */
export function freeId(name: string, taken: string[]): string {
  for (let n = 1; ; n++) {
    const id = n === 1 ? name : `${name}-${n}`;
    if (!taken.includes(id)) return id;
  }
}

/** What an id may be, from what was typed. */
export function toId(text: string): string {
  return text
    .toLowerCase()
    .normalize("NFKD")
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^[-_]+/, "")
    .slice(0, 64);
}

/** Shares of the picture with four digits: a pixel of any camera. */
export function share(value: number): number {
  return Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
}
