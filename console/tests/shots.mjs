/** Screenshots of every page, wide and narrow, light and dark: `node tests/shots.mjs DIR [SET]`. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { browser, openPage, Stage, until } from "./stage.mjs";

const [dir = "shots", set = "demo"] = process.argv.slice(2);
mkdirSync(dir, { recursive: true });
const only = process.env.ONLY?.split(",");
const stage = await Stage.start(set);
const chrome = await browser();
try {
  const first = await openPage(chrome);
  const looks = [
    ["wide-light", { width: 1440, height: 900 }, "light"],
    ["wide-dark", { width: 1440, height: 900 }, "dark"],
    ["narrow-light", { width: 390, height: 844 }, "light"],
    ["narrow-dark", { width: 390, height: 844 }, "dark"],
  ];
  const shoot = async (name, place, prepare) => {
    for (const [look, viewport, colorScheme] of looks) {
      if (only && !only.includes(name)) return;
      const page = await openPage(chrome, {
        viewport,
        colorScheme,
        deviceScaleFactor: viewport.width < 500 ? 2 : 1,
      });
      await page.goto(stage.url + place);
      await page.mouse.click(5, 5);
      await page.waitForTimeout(1500);
      if (prepare) await prepare(page);
      await page.screenshot({ path: join(dir, `${name}-${look}.png`) });
      if (page.faults.length) console.log(name, look, page.faults);
      await page.context().close();
    }
  };
  await first.goto(stage.url);
  for (const clip of stage.clips) stage.say(`${clip.escapes ? "once" : "play"} ${clip.camera}`);
  await first.waitForTimeout(4000);
  await shoot("live-quiet", "/");
  await shoot("setup", "/setup");
  const camera = stage.clips.find((c) => c.escapes).camera;
  const alert = await stage.opened(camera);
  const id = alert.payload.after.id;
  console.log("open", id);
  await shoot("incident", `/incident/${id}`);
  await shoot("live-alarm", "/map", async (page) => {
    await page.goto(`${stage.url}/incidents`);
    await page.evaluate(() => document.querySelector('a[href="/"]').click());
    await page.waitForTimeout(1200);
  });
  await shoot("incident-full", `/incident/${id}`, async (page) => {
    await page.setViewportSize({ width: page.viewportSize().width, height: 1900 });
    await page.waitForTimeout(500);
  });
  await fetch(`${stage.url}/api/incidents/${id}/acknowledge`, {
    method: "POST",
    body: JSON.stringify({ by: "Kim" }),
  });
  await fetch(`${stage.url}/api/incidents/${id}/note`, {
    method: "POST",
    body: JSON.stringify({ by: "Kim", text: "Team 2 is on the way from the east gate." }),
  });
  const others = await (await fetch(`${stage.url}/api/incidents`)).json();
  for (const other of others)
    if (other.state === "open")
      await fetch(`${stage.url}/api/incidents/${other.id}/acknowledge`, {
        method: "POST",
        body: JSON.stringify({ by: "Kim" }),
      });
  await shoot("incident-taken", `/incident/${id}`);
  await shoot("camera", `/camera/${camera}`);
  for (const place of ["map", "footage", "setup", "health", "incidents"]) await shoot(place, `/${place}`);
  await until("done", 1000, () => true);
} finally {
  await chrome.close();
  await stage.end();
}
