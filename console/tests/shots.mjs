/** Screenshots of every page, wide and narrow, light and dark: `node tests/shots.mjs DIR [SET]`. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { browser, openPage, Stage } from "./stage.mjs";

const [dir = "shots", set = "demo"] = process.argv.slice(2);
mkdirSync(dir, { recursive: true });
const stage = await Stage.start(set);
const chrome = await browser();
const wide = { width: 1440, height: 900 };
const narrow = { width: 390, height: 844 };
const looks = [
  ["wide-light", wide, "light", 1],
  ["wide-dark", wide, "dark", 1],
  ["narrow-light", narrow, "light", 2],
  ["narrow-dark", narrow, "dark", 2],
];

try {
  const pages = [];
  for (const [look, viewport, colorScheme, deviceScaleFactor] of looks) {
    const page = await openPage(chrome, { viewport, colorScheme, deviceScaleFactor });
    await page.goto(stage.url);
    await page.mouse.click(700 % viewport.width, 1);
    pages.push([look, page]);
  }
  const shoot = async (name, prepare = async () => {}) => {
    for (const [look, page] of pages) {
      await prepare(page);
      await page.screenshot({ path: join(dir, `${name}-${look}.png`) });
      for (const fault of page.faults.splice(0)) console.log(name, look, fault);
    }
  };
  const visit = (name) => async (page) => {
    const cameras = page.locator(".actions").getByRole("link", { name: "Cameras" });
    if (await cameras.count()) await cameras.click();
    await page.getByRole("navigation").getByRole("link", { name, exact: true }).click();
    await page.waitForTimeout(1500);
  };
  for (const clip of stage.clips) stage.say(`play ${clip.camera}`);
  await pages[0][1].getByText(`${stage.clips.length} of ${stage.clips.length}`).waitFor({ timeout: 60_000 });
  await shoot("live-quiet");
  const camera = stage.clips.find((c) => c.escapes).camera;
  const alert = await stage.opened(camera, 200_000);
  const id = alert.payload.after.id;
  await shoot("incident");
  await shoot("incident-later", (page) => page.waitForTimeout(1500));
  await shoot("incident-below", (page) => page.evaluate(() => scrollTo(0, 760)));
  await shoot("live-alarm", visit("Live"));
  const act = (action, body) =>
    fetch(`${stage.url}/api/incidents/${id}/${action}`, {
      method: "POST",
      body: JSON.stringify({ by: "Kim", ...body }),
    });
  await act("acknowledge");
  await act("note", { text: "Team 2 is on the way from the east gate." });
  await shoot("incident-taken", (page) => page.locator(".strip").first().click());
  await shoot("map", visit("Map"));
  await shoot("incidents", visit("Incidents"));
  await shoot("setup", async (page) => {
    await visit("Set-up")(page);
    await page.locator(".props .chip").first().click();
  });
  await shoot("setup-links", (page) => page.getByRole("tab", { name: "Ways" }).click());
  await shoot("setup-animals", (page) => page.getByRole("tab", { name: "Animals" }).click());
  await shoot("health", visit("Health"));
} finally {
  await chrome.close();
  await stage.end();
}
