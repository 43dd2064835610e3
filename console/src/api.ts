/** The analyzer's HTTP API as this page uses it; `/api/openapi.json` has all of it. */
import type { Micros } from "./time";

export type Box = [number, number, number, number];
export type Point = [number, number];

export interface Signed {
  by: string;
  at: Micros;
  text: string;
}

export interface Sighting {
  camera: string;
  track: number;
  first_seen: Micros;
  last_seen: Micros;
  box: Box;
  zone: string | null;
}

export interface Incident {
  id: string;
  tier: "watch" | "escape";
  state: "open" | "acknowledged" | "resolved";
  opened_at: Micros;
  updated_at: Micros;
  camera: string;
  zone: string | null;
  box: Box;
  label: string;
  species: string | null;
  danger: string | null;
  confidence: number;
  heading: Point | null;
  sightings: Sighting[];
  next: { camera: string; from: Micros; until: Micros; likelihood?: number }[];
  /** One sentence. */
  why?: string;
  /** A camera sees it now. */
  seen_now?: boolean;
  last_seen?: Micros;
  speed_m_per_s?: number | null;
  acknowledged: Signed | null;
  resolved: Signed | null;
  notes: Signed[];
  drill: boolean;
}

export interface CameraStatus {
  online: boolean;
  at: Micros | null;
  agent: string;
  source: string;
  source_state: { state: string; why?: string };
  codec: string;
  width: number;
  height: number;
  fps: number;
  clock_offset_us: number;
  spool: {
    segments: number;
    bytes: number;
    capacity_bytes: number;
    lost_segments: number;
    rejected_segments: number;
    gaps: { start: Micros; end: Micros; why: string }[];
  };
  frames: { seen: number; sent: number; dropped: number };
  load: number | null;
  temperature_c: number | null;
}

export interface CameraRow {
  camera: string;
  in_site: boolean;
  online: boolean;
  status: CameraStatus | null;
  last_frame_captured_at: Micros | null;
  health?: { state?: string; problems?: { what?: string; text?: string }[] } | null;
}

export interface Track {
  track: number;
  box: Box;
  /** Shares of the picture a second. */
  velocity: Point | { x: number; y: number };
  group: "animal" | "person" | "vehicle" | "other";
  label: string;
  score: number;
  tier: "watch" | "escape" | null;
  zone: string | null;
  incident: string | null;
}

export interface Zone {
  id: string;
  kind: string;
  enclosure?: string;
  polygon: Point[];
}

export interface SiteCamera {
  id: string;
  position?: Point;
  zone?: Zone[];
}

export interface Site {
  site: { name: string; timezone: string };
  species?: { id: string; danger: string; looks_like: string[]; free_roaming?: boolean; height_m?: number }[];
  enclosure?: { id: string; species: string[]; count?: number }[];
  camera?: SiteCamera[];
  link?: { from: string; to: string; seconds: [number, number] }[];
}

export interface SiteFile {
  version: string;
  file: string;
  text: string;
  site: Site | null;
  applied: boolean;
  error: string | null;
  /** The picture of the grounds. */
  plan: { exists: boolean; version: string; scale: { marks: [Mark, Mark] } | null };
}

export interface Mark {
  at: Point;
  metres: Point;
}

export interface Delivery {
  channel: string;
  at?: Micros;
  ok?: boolean;
  delivered?: boolean;
  latency_us?: number | null;
  error?: string | null;
  answer?: string | null;
}

/** What the analyzer said about a request that it refused. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly line?: number,
  ) {
    super(message);
  }
}

async function answer<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T;
  const body = (await response.json().catch(() => ({}))) as { error?: string; line?: number };
  throw new Refused(response.status, body.error ?? `${response.status} ${response.statusText}`, body.line);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return answer(await fetch(path, { signal }));
}

/** `null` where this analyzer has no such thing: what needs it is then not shown. */
export async function getIfThere<T>(path: string): Promise<T | null> {
  try {
    const response = await fetch(path);
    const isJson = response.headers.get("content-type")?.includes("json");
    return response.ok && isJson ? ((await response.json()) as T) : null;
  } catch {
    return null;
  }
}

export async function send<T>(method: "POST" | "PUT", path: string, body: unknown): Promise<T> {
  const init = { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return answer(await fetch(path, init));
}
