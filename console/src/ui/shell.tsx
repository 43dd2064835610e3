import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { getIfThere, type Incident } from "../api";
import { connection, now, open } from "../live";
import { follow, path } from "../router";
import { allowSound, soundReady } from "../sound";
import { span } from "../time";
import { human, words } from "../words";
import { Icon, type IconName } from "./icons";

/** What this analyzer can do: a part of the page that needs more is not shown. */
export const api = signal<ReadonlySet<string>>(new Set());

export async function loadApi() {
  const document = await getIfThere<{ paths: Record<string, unknown> }>("/api/openapi.json");
  if (document) api.value = new Set(Object.keys(document.paths));
}

export const FOOTAGE = "/api/footage/{camera}";

const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

function storedTheme(): Theme {
  try {
    return (localStorage.getItem("paddock-theme") as Theme | null) ?? "auto";
  } catch {
    return "auto";
  }
}

export const theme = signal<Theme>(storedTheme());

export function applyTheme() {
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}

function nextTheme() {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
  try {
    localStorage.setItem("paddock-theme", theme.value);
  } catch {
    // It lasts until the page is closed.
  }
  applyTheme();
}

const PLACES: { to: string; icon: IconName; name: keyof typeof words.nav }[] = [
  { to: "/", icon: "live", name: "live" },
  { to: "/map", icon: "map", name: "map" },
  { to: "/incidents", icon: "past", name: "past" },
  { to: "/footage", icon: "footage", name: "footage" },
  { to: "/setup", icon: "setup", name: "setup" },
  { to: "/health", icon: "health", name: "health" },
];

function isHere(to: string): boolean {
  const here = path.value;
  if (to === "/") return here === "/" || here.startsWith("/camera/");
  return here === to || here.startsWith(`${to}/`) || (to === "/incidents" && here.startsWith("/incident/"));
}

function Navigation() {
  return (
    <nav class="rail" aria-label={words.main}>
      <span class="brand">{words.app}</span>
      {PLACES.filter((p) => p.name !== "footage" || api.value.has(FOOTAGE)).map(({ to, icon, name }) => (
        <a key={to} href={to} onClick={follow} aria-current={isHere(to) ? "page" : undefined}>
          <Icon name={icon} />
          <span>{words.nav[name]}</span>
        </a>
      ))}
      <button
        type="button"
        class="plain theme"
        onClick={nextTheme}
        title={words.theme[theme.value]}
        aria-label={words.theme[theme.value]}
      >
        <Icon name="theme" />
      </button>
    </nav>
  );
}

export function dangerClass(incident: Incident): string {
  if (incident.drill) return "drill";
  const danger = incident.danger ?? "red";
  return ["red", "blue", "yellow"].includes(danger) ? danger : "other";
}

export function nameOf(incident: Incident): string {
  return incident.species ? human(incident.species) : words.incident.unnamed;
}

/** What is out, on every page but its own. */
function OpenStrip() {
  const here = path.value;
  const elsewhere = open.value.filter((i) => here !== `/incident/${i.id}`);
  if (elsewhere.length === 0) return null;
  return (
    <div class="strips" role="status">
      {elsewhere.slice(0, 4).map((incident) => (
        <a
          key={incident.id}
          href={`/incident/${incident.id}`}
          onClick={follow}
          class={`strip ${dangerClass(incident)} ${incident.state}`}
        >
          <strong>
            {incident.drill && `${words.incident.drill}: `}
            {nameOf(incident)} {words.incident.isOut}
          </strong>
          <span>{human(incident.camera)}</span>
          <span class="clock">{span(now.value - incident.opened_at)}</span>
        </a>
      ))}
    </div>
  );
}

function SoundNotice() {
  if (soundReady.value) return null;
  return (
    <button type="button" class="notice" onClick={allowSound}>
      <Icon name="sound" /> {words.sound.off}
    </button>
  );
}

export function Shell({ full = false, children }: { full?: boolean; children: ComponentChildren }) {
  return (
    <div class={full ? "shell full" : "shell"}>
      <a class="skip" href="#content">
        {words.skip}
      </a>
      {!full && <Navigation />}
      <div class="column">
        {connection.value === "lost" && (
          <div class="lost" role="alert">
            {words.connection.lost}
          </div>
        )}
        <OpenStrip />
        {!full && <SoundNotice />}
        <main id="content" tabIndex={-1}>
          {children}
        </main>
      </div>
    </div>
  );
}
