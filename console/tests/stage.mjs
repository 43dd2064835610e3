/**
 * The real programs on real footage (`target/debug/stage`), a line in the middle that can be cut, and a browser.
 * Nothing waits without a deadline.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer, connect as dial } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

export async function until(what, deadlineMs, look) {
  const end = Date.now() + deadlineMs;
  let last;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(`not within ${deadlineMs} ms: ${what}${last ? ` (${last.message})` : ""}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export class Stage {
  #process;
  #heard = [];
  #listeners = new Set();

  static async start(set = "smoke") {
    const program = process.env.PADDOCK_STAGE ?? join(root, "target/debug/stage");
    if (!existsSync(program))
      throw new Error(`${program} is not built: cargo build -p tests -p cluster-analyzer --bins`);
    const stage = new Stage();
    stage.#process = spawn(program, [set], { stdio: ["pipe", "pipe", "inherit"], cwd: root });
    createInterface({ input: stage.#process.stdout }).on("line", (line) => {
      const event = JSON.parse(line);
      stage.#heard.push(event);
      for (const listener of stage.#listeners) listener();
    });
    const ready = await stage.hear("the stage is ready", (e) => e.event === "ready", 180_000);
    Object.assign(stage, { direct: ready.url, mqtt: ready.mqtt, siteFile: ready.site, clips: ready.clips });
    stage.line = await Line.open(ready.url);
    stage.url = stage.line.url;
    return stage;
  }

  say(line) {
    this.#process.stdin.write(`${line}\n`);
  }

  /** The first thing said, of what was and what will be, that `wanted` takes. */
  async hear(what, wanted, deadlineMs = 30_000) {
    return until(what, deadlineMs, () => {
      const refused = this.#heard.find((e) => e.event === "refused");
      if (refused) throw new Error(JSON.stringify(refused));
      if (this.#process.exitCode !== null) throw new Error(`the stage ended with ${this.#process.exitCode}`);
      return this.#heard.find(wanted);
    });
  }

  heard(wanted) {
    return this.#heard.filter(wanted);
  }

  forget() {
    this.#heard = [];
  }

  async restart() {
    this.forget();
    this.say("restart");
    const told = await this.hear("the analyzer is back", (e) => e.event === "restarted", 60_000);
    this.direct = told.url;
    this.line.to(told.url);
  }

  /** The alert that opens an escape on a camera. */
  opened(camera, deadlineMs = 40_000) {
    return this.hear(
      `an alert of ${camera}`,
      (e) =>
        e.topic?.endsWith("/alert") &&
        e.payload.type === "opened" &&
        e.payload.after.sightings.some((s) => s.camera === camera),
      deadlineMs,
    );
  }

  async end() {
    this.line?.close();
    this.#process.stdin.end("end\n");
    await Promise.race([
      new Promise((done) => this.#process.once("exit", done)),
      new Promise((done) => setTimeout(done, 20_000)).then(() => this.#process.kill("SIGKILL")),
    ]);
  }
}

/** A TCP line to the analyzer that can be cut: the page's address stays when the analyzer's changes. */
class Line {
  #open = new Set();
  #cut = false;

  static async open(url) {
    const line = new Line();
    line.to(url);
    line.server = createServer((from) => {
      if (line.#cut) return void from.destroy();
      const to = dial(line.port, "127.0.0.1");
      for (const [a, b] of [
        [from, to],
        [to, from],
      ]) {
        line.#open.add(a);
        a.pipe(b);
        a.on("error", () => b.destroy());
        a.on("close", () => {
          line.#open.delete(a);
          b.destroy();
        });
      }
    });
    await new Promise((done) => line.server.listen(0, "127.0.0.1", done));
    line.url = `http://127.0.0.1:${line.server.address().port}`;
    return line;
  }

  to(url) {
    this.port = Number(new URL(url).port);
  }

  cut() {
    this.#cut = true;
    for (const socket of this.#open) socket.destroy();
  }

  mend() {
    this.#cut = false;
  }

  close() {
    this.cut();
    this.server.close();
  }
}

export async function browser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"],
  });
}

/** The page out of a folder instead of the program: while it is being worked on, nothing has to be linked anew. */
async function serveBuilt(context, dist) {
  await context.route(
    (url) => !/^\/(api|healthz|metrics)/.test(url.pathname),
    (route) => {
      const path = new URL(route.request().url()).pathname;
      return route.fulfill({ path: join(dist, path.includes(".") ? path : "index.html") });
    },
  );
}

/** A page that remembers what went wrong on it. */
export async function openPage(chromiumBrowser, options = {}) {
  const context = await chromiumBrowser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  if (process.env.PADDOCK_DIST) await serveBuilt(context, process.env.PADDOCK_DIST);
  const page = await context.newPage();
  page.faults = [];
  page.on("console", (message) => {
    if (message.type() === "error") page.faults.push(`${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.setDefaultTimeout(15_000);
  return page;
}
