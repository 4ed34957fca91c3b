// A viewer under people's hands, on their screens: sizes, dense pixels, keys, fingers, and a browser that cannot draw.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { browse, complete, endAll, folder, open, serve, settled, veduta } from "./world.mjs";

const LOOK = "121.9045,30.8925,420,20,-28";

let address;

after(endAll);

before(async () => {
  const place = folder();
  execFileSync(veduta, ["demo", "--headless", "-o", place], { stdio: "ignore" });
  ({ address } = await serve([join(place, "demo-small-1.city")]));
});

const camera = (tab) => tab.evaluate(() => window.viewer.camera);

/** The size of the picture, and how many colours are in it: an empty one has few. */
function picture(tab) {
  return tab.evaluate(async () => {
    const bitmap = await createImageBitmap(await window.viewer.screenshot());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    return { width: bitmap.width, height: bitmap.height, colors: new Set(new Uint32Array(data.buffer)).size };
  });
}

/** Waits until the picture has a size; what is in it. */
async function sized(tab, width, height) {
  for (const begin = Date.now(); ; ) {
    const now = await picture(tab);
    if (now.width === width && now.height === height) return now;
    assert.ok(Date.now() - begin < 30_000, JSON.stringify(now));
  }
}

describe("a viewer under hands", { timeout: 300_000 }, () => {
  test("the picture follows the window, in the pixels of the screen", async () => {
    // A real screen of such pixels: where a page is only told of one, what it lays out has none.
    const { tab, faults } = await browse("webgl2", { viewport: null }, ["--force-device-scale-factor=2", "--window-size=640,420"]);
    await open(tab, address, `renderer=webgl2&camera=${LOOK}`);
    const pixels = () => tab.evaluate(() => [innerWidth * devicePixelRatio, innerHeight * devicePixelRatio].map(Math.round));
    const [width, height] = await pixels();
    assert.equal(width, 1280);
    assert.ok((await sized(tab, width, height)).colors > 500);
    const before = await camera(tab);
    const developer = await tab.context().newCDPSession(tab);
    const { windowId } = await developer.send("Browser.getWindowForTarget");
    await developer.send("Browser.setWindowBounds", { windowId, bounds: { width: 520, height: 460 } });
    await tab.waitForFunction(() => innerWidth === 520, undefined, { timeout: 30_000 });
    const [narrow, high] = await pixels();
    assert.ok((await sized(tab, narrow, high)).colors > 500);
    assert.deepEqual(await camera(tab), before);
    // What is under the pointer is in CSS pixels.
    await complete(tab);
    const middle = await tab.evaluate(() => window.viewer.pick(260, innerHeight * 0.7));
    assert.ok(middle, "something stands in the middle");
    assert.deepEqual(faults, []);
  });

  test("keys move, turn and tilt", async () => {
    const { tab, faults } = await browse("webgl2");
    await open(tab, address, `renderer=webgl2&camera=${LOOK}`);
    await tab.locator("#city canvas").focus();
    const held = async (key) => {
      const before = await camera(tab);
      const frames = await tab.evaluate(() => window.viewer.stats.frames);
      await tab.keyboard.down(key);
      await tab.waitForFunction((frames) => window.viewer.stats.frames > frames + 1, frames);
      await tab.keyboard.up(key);
      await settled(tab);
      return [before, await camera(tab)];
    };
    const [start, north] = await held("KeyW");
    assert.ok(north.latitude > start.latitude + 1e-5 && Math.abs(north.heading - start.heading) < 1e-3, JSON.stringify(north));
    const [straight, turned] = await held("KeyE");
    assert.ok(Math.abs(turned.heading - straight.heading) > 0.5, JSON.stringify(turned));
    const [flat, tilted] = await held("KeyF");
    assert.ok(Math.abs(tilted.pitch - flat.pitch) > 0.3, JSON.stringify(tilted));
    const [far, near] = await held("KeyI");
    assert.ok(near.height < far.height - 1, JSON.stringify(near));
    assert.deepEqual(faults, []);
  });

  test("one finger drags, two fingers zoom, a tap picks", async () => {
    const { tab, faults } = await browse("webgl2", { hasTouch: true });
    await open(tab, address, `renderer=webgl2&camera=${LOOK}`);
    const developer = await tab.context().newCDPSession(tab);
    const touch = async (type, ...places) => {
      const touchPoints = places.map(([x, y], id) => ({ x, y, id }));
      await developer.send("Input.dispatchTouchEvent", { type, touchPoints });
      await settled(tab);
    };
    const start = await camera(tab);
    await touch("touchStart", [240, 150]);
    await touch("touchMove", [240, 190]);
    await touch("touchMove", [240, 230]);
    await touch("touchEnd");
    const dragged = await camera(tab);
    assert.ok(dragged.latitude > start.latitude + 1e-5, JSON.stringify(dragged));
    assert.ok(Math.abs(dragged.height - start.height) < 1, "a drag stays at its height");
    await touch("touchStart", [200, 150], [280, 150]);
    await touch("touchMove", [160, 150], [320, 150]);
    await touch("touchMove", [120, 150], [360, 150]);
    await touch("touchEnd");
    const zoomed = await camera(tab);
    assert.ok(zoomed.height < dragged.height * 0.8, JSON.stringify(zoomed));
    await tab.evaluate((look) => window.viewer.flyTo(look, 0), start);
    await settled(tab);
    await complete(tab);
    await tab.evaluate(() => {
      window.picked = new Promise((done) => window.viewer.on("pick", (what) => what && done(what.attributes.id)));
    });
    await touch("touchStart", [240, 150]);
    await touch("touchEnd");
    assert.ok(await tab.evaluate(() => window.picked));
    assert.deepEqual(faults, []);
  });

  test("a browser that cannot draw is told what would help", async () => {
    const { tab } = await browse("none");
    await tab.goto(address);
    const state = tab.locator("#state");
    await state.filter({ hasText: "neither WebGPU nor WebGL 2" }).waitFor({ timeout: 60_000 });
    assert.match(await state.textContent(), /a newer one, or its graphics switched on/);
  });
});
