/** The page over the real programs on real footage. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { browser, openPage, Stage, until } from "./stage.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Chromium writes these where the line was cut on purpose. */
const CUT =
  /ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED|ERR_NETWORK|Failed to load resource: net::/;

let stage;
let chrome;

before(
  async () => {
    [stage, chrome] = await Promise.all([Stage.start("smoke"), browser()]);
  },
  { timeout: 240_000 },
);

after(async () => {
  await chrome?.close();
  await stage?.end();
});

async function close(page, allowed = /^$/) {
  assert.deepEqual(
    page.faults.filter((fault) => !allowed.test(fault)),
    [],
    "console errors",
  );
  await page.context().close();
}

/** Through the page's own menu: a reload would show whatever alarm is open. */
async function visit(page, name) {
  const cameras = page.locator(".actions").getByRole("link", { name: "Cameras" });
  if (await cameras.count()) await cameras.click();
  await page.getByRole("navigation").getByRole("link", { name, exact: true }).click();
}

async function serious(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .map(
      (v) =>
        `${v.id}: ${v.nodes
          .map((n) => n.target.join(" "))
          .slice(0, 3)
          .join(", ")}`,
    );
}

async function clear(id) {
  const answer = await fetch(`${stage.direct}/api/incidents/${id}/resolve`, {
    method: "POST",
    body: '{"by":"test"}',
  });
  assert.ok(answer.ok || answer.status === 409, `${answer.status}`);
}

async function clearAll() {
  for (const incident of await (await fetch(`${stage.direct}/api/incidents`)).json()) {
    if (incident.state !== "resolved") await clear(incident.id);
  }
}

test("the first load is small and everything comes from the analyzer", { timeout: 60_000 }, async () => {
  const page = await openPage(chrome);
  const elsewhere = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(stage.url) && !request.url().startsWith("blob:"))
      elsewhere.push(request.url());
  });
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  let bytes = 0;
  const streams = new Set();
  client.on("Network.requestWillBeSent", (e) => {
    if (/api\/(events|frames)/.test(e.request.url)) streams.add(e.requestId);
  });
  client.on("Network.loadingFinished", (e) => {
    if (!streams.has(e.requestId)) bytes += e.encodedDataLength;
  });
  await page.goto(stage.url);
  await page.getByText("of 8 cameras send pictures").waitFor();
  assert.ok(bytes > 10_000 && bytes < 300_000, `${bytes} bytes`);
  assert.deepEqual(elsewhere, []);
  await close(page);
});

test("an escape opens on the page within a second of its alert, and its acknowledgement reaches MQTT", {
  timeout: 120_000,
}, async () => {
  const page = await openPage(chrome);
  await page.goto(stage.url);
  await page.getByText("All animals where they belong").waitFor();
  // The page itself notes when it shows what is out: asking it again and again would be late.
  await page.evaluate(() => {
    new MutationObserver(() => {
      if (!window.shownAt && document.querySelector(".alarm-head")) window.shownAt = Date.now();
    }).observe(document.body, { childList: true, subtree: true });
  });
  // Over and over: a machine that is busy may miss it once.
  stage.say("play lion-yard");
  const alert = await stage.opened("lion-yard");
  await page.locator(".alarm-head").waitFor();
  const shown = await page.evaluate(() => window.shownAt);
  const late = shown - alert.at / 1000;
  assert.ok(late < 1000, `shown ${late} ms after the alert`);

  const head = await page.locator(".alarm-head").innerText();
  const { species, danger } = alert.payload.after;
  assert.match(head, new RegExp(species, "i"));
  assert.match(head, new RegExp(danger, "i"));
  assert.match(head, /dangerous/i);
  assert.match(head, /lion yard/i);
  await until("the alarm sounds", 3000, () => page.evaluate(() => window.paddock.sounding.value === "alarm"));
  assert.deepEqual(await serious(page), []);

  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.getByLabel("Your name").fill("Kim");
  await page.getByRole("dialog").getByRole("button", { name: "Acknowledge" }).click();
  await page.getByText(/Acknowledged by Kim/).waitFor();
  const told = await stage.hear(
    "the acknowledged state on MQTT",
    (e) => e.topic?.endsWith(`/incident/${alert.payload.after.id}`) && e.payload.state === "acknowledged",
  );
  assert.equal(told.payload.acknowledged.by, "Kim");
  assert.equal(await page.evaluate(() => window.paddock.sounding.value), null, "the sound stops");

  await page.keyboard.press("n");
  await page.getByLabel("Note", { exact: true }).fill("Team 2 is on the way.");
  await page.getByRole("dialog").getByRole("button", { name: "Add note" }).click();
  await page.getByText("Team 2 is on the way.").waitFor();
  assert.match(await page.locator(".radio p").innerText(), /^Lion, code RED, is out: .*Lion yard/);

  await page.reload();
  await page.getByText("Team 2 is on the way.").waitFor();
  const clip = page.locator(".found video");
  await clip.waitFor({ timeout: 60_000 });
  await clip.evaluate((video) => video.play());
  await until("the clip plays", 20_000, () => clip.evaluate((video) => video.currentTime > 0.5));
  stage.say("stop lion-yard");
  await page.getByRole("button", { name: "All-clear" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "All-clear" }).click();
  await page.getByText(/All-clear by Kim/).waitFor();
  await page.getByRole("link", { name: "Cameras" }).click();
  await page.getByText("cameras send pictures").waitFor();
  await page.goBack();
  await page.getByText(/All-clear by Kim/).waitFor();
  await close(page);
});

test("a connection that drops is said at once, and what happened meanwhile is shown when it is back", {
  timeout: 150_000,
}, async () => {
  await clearAll();
  const page = await openPage(chrome);
  await page.goto(stage.url);
  await page.getByText("All animals where they belong").waitFor();
  stage.line.cut();
  await page.getByText("No connection to the analyzer").waitFor();
  await stage.restart();
  stage.say("play bear-yard");
  const alert = await stage.opened("bear-yard");
  stage.say("stop bear-yard");
  stage.line.mend();
  await page.locator(".alarm-head").waitFor();
  assert.match(await page.locator(".alarm-head").innerText(), /bear yard/i);
  assert.equal(await page.getByText("No connection to the analyzer").count(), 0);
  await clear(alert.payload.after.id);
  await page.getByText(/All-clear by test/).waitFor();
  await close(page, CUT);
});

test("a zone drawn with the mouse changes what alarms, and taking it back changes it back", {
  timeout: 180_000,
}, async () => {
  await clearAll();
  const camera = "north-gate";
  const page = await openPage(chrome);
  await page.goto(`${stage.url}/setup?camera=${camera}`);
  await page.getByRole("button", { name: "Draw a zone" }).click();
  const box = await page.locator(".editor").boundingBox();
  const corners = [
    [0.002, 0.002],
    [0.998, 0.002],
    [0.998, 0.998],
    [0.002, 0.998],
  ];
  for (const [x, y] of corners) await page.mouse.click(box.x + x * box.width, box.y + y * box.height);
  await page.keyboard.press("Enter");
  await page.getByLabel("What it is for").selectOption("ignore");
  await page.getByLabel("Name", { exact: true }).fill("Screen");
  await page.getByLabel("Name", { exact: true }).press("Tab");
  await page.getByText("3 changes, not saved").waitFor();
  assert.deepEqual(await serious(page), []);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByLabel("Your name").fill("Kim");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved. The analyzer goes by it now.").waitFor();
  const file = readFileSync(stage.siteFile, "utf8");
  assert.match(file, /id = "screen"\nkind = "ignore"/);
  assert.match(file, /^# The site of the set/, "comments stay");

  const frames = async () => {
    const text = await (await fetch(`${stage.direct}/metrics`)).text();
    return Number(/paddock_frames_received_total\{camera="north-gate"\} (\d+)/.exec(text)?.[1] ?? 0);
  };
  stage.forget();
  stage.say(`once ${camera}`);
  // The clip is over when its agent says so.
  await until("the clip was played", 40_000, async () => {
    const rows = await (await fetch(`${stage.direct}/api/cameras`)).json();
    const row = rows.find((r) => r.camera === camera);
    return row.status && (!row.online || row.status.source_state.state === "ended") && (await frames()) > 10;
  });
  assert.equal(stage.heard((e) => e.topic?.endsWith("/alert") && e.payload.type === "opened").length, 0);

  await page.getByRole("tab", { name: "History" }).click();
  await page.getByRole("button", { name: "Restore" }).first().click();
  await until("the zone is gone", 10_000, () => !/screen/.test(readFileSync(stage.siteFile, "utf8")));
  await page
    .getByText(/then changed by Kim/)
    .nth(1)
    .waitFor();
  stage.say(`play ${camera}`);
  const alert = await stage.opened(camera);
  stage.say(`stop ${camera}`);
  await clear(alert.payload.after.id);
  await close(page);
});

test("a mistake in the site names its line, and undo takes changes back", { timeout: 60_000 }, async () => {
  await clearAll();
  const page = await openPage(chrome);
  await page.goto(`${stage.url}/setup?camera=tiger-yard`);
  await page.evaluate(() => localStorage.setItem("paddock-name", "Kim"));
  await page.reload();
  await page.getByRole("button", { name: "Add a box" }).click();
  const corner = page.getByRole("button", { name: /^Corner 1 of Zone/ });
  await corner.focus();
  await page.keyboard.press("Shift+ArrowLeft");
  await page.getByText("2 changes, not saved").waitFor();
  await page.keyboard.press("Control+z");
  await page.getByText("1 change, not saved").waitFor();
  await page.getByRole("tab", { name: "Animals" }).click();
  await page.getByLabel("Detector labels that may stand for it").first().fill("");
  await page.getByLabel("Detector labels that may stand for it").first().press("Tab");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText(/site\.toml:\d+: looks_like of species/).waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
  await page.getByText("No changes").waitFor();
  // The refused save is an answer of the API, which the browser notes.
  await close(page, /422/);
});

test("the timeline shows the gap that a killed agent made, and plays what was recorded", {
  timeout: 150_000,
}, async () => {
  await clearAll();
  const camera = "plaza";
  const recorded = async () => {
    const now = Date.now() * 1000;
    const answer = await fetch(`${stage.direct}/api/footage/${camera}?from=${now - 300e6}&to=${now}`);
    return (await answer.json()).recorded.length;
  };
  stage.say(`play ${camera}`);
  await until("some footage", 60_000, async () => (await recorded()) > 0);
  stage.say(`kill ${camera}`);
  const before = await recorded();
  await new Promise((done) => setTimeout(done, 5000));
  stage.say(`play ${camera}`);
  await until("more footage", 60_000, async () => (await recorded()) > before);
  const page = await openPage(chrome);
  await page.goto(stage.url);
  await visit(page, "Footage");
  const lane = page.getByRole("slider", { name: "Timeline of Plaza" });
  await lane.locator(".gap").first().waitFor({ state: "attached" });
  const first = lane.locator(".recorded").first();
  const box = await first.boundingBox();
  await page.mouse.click(box.x + 1, box.y + box.height / 2);
  const video = page.locator(".players video").first();
  await video.evaluate((element) => element.play());
  await until("it plays", 20_000, () => video.evaluate((element) => element.currentTime > 0.5));
  assert.deepEqual(await serious(page), []);
  stage.say(`stop ${camera}`);
  await close(page);
});

test("sixteen cameras at five pictures a second are all shown as they come", {
  timeout: 90_000,
}, async () => {
  await clearAll();
  const page = await openPage(chrome);
  await page.goto(stage.url);
  stage.say("flood 16 5");
  await until("sixteen more cameras", 20_000, async () => (await page.locator(".tile").count()) === 24);
  await page.waitForTimeout(2000);
  const count = () => page.evaluate(() => ({ ...window.paddock.counts, at: performance.now() }));
  const began = await count();
  await page.waitForTimeout(4000);
  const ended = await count();
  const ages = await page.evaluate(() => window.paddock.picturesAges().sort((a, b) => a - b));
  stage.say("flood 0 0");
  assert.ok(ages[15] < 2000, `the oldest of sixteen pictures is ${ages[15]} ms old`);
  const rate = (1000 * (ended.painted - began.painted)) / (ended.at - began.at);
  // How many are painted depends on the machine; that none is painted late does not.
  assert.ok(rate > 16, `${rate.toFixed(0)} of 80 pictures a second`);
  await close(page);
});

test("no page has a serious accessibility fault, wide or narrow, light or dark", {
  timeout: 120_000,
}, async () => {
  await clearAll();
  for (const [width, colorScheme] of [
    [1440, "light"],
    [390, "dark"],
  ]) {
    const page = await openPage(chrome, { viewport: { width, height: 844 }, colorScheme });
    await page.goto(stage.url);
    await page.getByText("cameras send pictures").waitFor();
    const faults = {};
    for (const name of ["Live", "Map", "Incidents", "Footage", "Set-up", "Health"]) {
      await visit(page, name);
      await page.locator("main h1").first().waitFor({ state: "attached" });
      faults[name] = await serious(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${name} at ${width} px is ${wide} px too wide`);
    }
    assert.deepEqual(faults, { Live: [], Map: [], Incidents: [], Footage: [], "Set-up": [], Health: [] });
    await close(page);
  }
});
