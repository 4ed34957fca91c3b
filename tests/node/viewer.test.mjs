// The viewer in a real browser, with WebGPU and with WebGL 2, behind a real server.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { browse, colorAt, complete, difference, endAll, folder, mosquitto, open, serve, settled, shared, veduta } from "./world.mjs";

/** Difference between the browser's picture and the native one: no shadows, no patches of ground. Another view is at 26. */
const ALIKE = 10;
/** By so much at least water brings a picture of the flooded harbour nearer to the native one. */
const WATER = 0.3;
/** After so long a test will not end any more. */
const PATIENCE_MS = 600_000;
const RENDERERS = process.env.VEDUTA_RENDERERS?.split(",") ?? ["webgl2", "webgpu"];
/** Instants of the demo's play; by the city's clocks eight hours later. */
const NOON = "2026-07-01T04:00:00Z";
const EVENING = "2026-07-01T10:00:00Z";
/** The storm is over, its water stands in the harbour. */
const FLOODED = "2026-07-01T08:40:00Z";
/** Seconds of the flight over which memory is watched. */
const FLIGHT_S = Number(process.env.VEDUTA_FLIGHT_S ?? 180);
/** Where the tests look: the towers in the middle of the demo city. */
const LOOK = "121.9045,30.8925,420,20,-28";

const world = {};

after(endAll);

before(async () => {
  const place = folder();
  execFileSync(veduta, ["demo", "--headless", "-o", place]);
  renameSync(join(place, "demo-small-1.city"), join(place, "harbour.city"));
  world.broker = await mosquitto();
  const scene = join(place, "browser.toml");
  writeFileSync(
    scene,
    `format_version = 1
name = "browser"
[city]
packages = ["harbour.city"]
[[source]]
name = "broker"
kind = "mqtt"
url = "mqtt://127.0.0.1:${world.broker.port}"
topics = ["city/#"]
mapping = { value = "/v" }
[[binding]]
source = "broker"
stream = "city/{id}"
to = { id = "{id}" }
property = "load"
unit = "%"
[[binding.effect]]
kind = "color"
ramp = { by = "value", stops = [[0, "#00c853"], [100, "#ff0000"]] }
`,
  );
  const tokyo = shared("tokyo/mvt_buildings");
  const cities = [scene, "scenes/demo.scenario.toml"];
  if (tokyo) {
    execFileSync(veduta, ["import", tokyo, "-o", join(place, "tokyo.city")], { stdio: "ignore" });
    cities.push(join(place, "tokyo.city"));
  }
  world.tokyo = Boolean(tokyo);
  world.server = await serve(cities);
});

/** Takes the play to an instant; where the viewer has it then. */
function seek(tab, time) {
  return tab.evaluate(async (time) => {
    const there = new Promise((resolve) => {
      const end = window.viewer.on("live", ({ play }) => play?.time === time && resolve((end(), play.time)));
    });
    await window.viewer.pause();
    await window.viewer.seek(time);
    return there;
  }, time);
}

/** Where a building is in the picture, CSS pixels. */
async function building(tab) {
  for (const [x, y] of [240, 200, 280, 160, 320].flatMap((x) => [150, 130, 170, 110].map((y) => [x, y]))) {
    const picked = await tab.evaluate(([x, y]) => window.viewer.pick(x, y), [x, y]);
    if (picked?.attributes.class === "Building") return [x, y];
  }
  throw new Error("no building is in the picture");
}

for (const renderer of RENDERERS) {
  describe(renderer, { timeout: PATIENCE_MS }, () => {
    let tab, faults;
    const address = () => world.server.address;

    before(async () => {
      ({ tab, faults } = await browse(renderer));
    });

    test("the demo city looks as it does natively", async (t) => {
      await open(tab, address(), `scene=demo-scenario&renderer=${renderer}&camera=${LOOK}`);
      assert.equal(await tab.evaluate(() => window.viewer.renderer), renderer);
      await seek(tab, NOON);
      // The play may have moved the camera.
      const [longitude, latitude, height, heading, pitch] = LOOK.split(",").map(Number);
      const look = { longitude, latitude, height, heading, pitch };
      await tab.evaluate((look) => window.viewer.flyTo(look, 0), look);
      await settled(tab);
      await complete(tab);
      const snapshot = `${address()}api/snapshot.png?scene=demo-scenario&size=480x270&camera=${LOOK}`;
      const far = await difference(tab, snapshot);
      t.diagnostic(`${far.toFixed(2)} of 255 from the native picture`);
      assert.ok(far < ALIKE, `${far} of 255 from the native picture`);
    });

    test("the water of a storm stands where it does natively", async (t) => {
      const runs = "**/api/scenes/*/runs/*";
      await tab.route(runs, (route) => route.fulfill({ status: 202, body: "" }));
      await open(tab, address(), `scene=demo-scenario&renderer=${renderer}`);
      await seek(tab, FLOODED);
      await tab.evaluate(() => window.viewer.flyTo("harbour", 0));
      await settled(tab);
      await complete(tab);
      const snapshot = `${address()}api/snapshot.png?scene=demo-scenario&size=480x270&camera=harbour`;
      const dry = await difference(tab, snapshot);
      const there = tab.waitForResponse((response) => response.url().endsWith("/runs/storm") && response.status() === 200);
      await tab.unroute(runs);
      await there;
      await settled(tab);
      const wet = await difference(tab, snapshot);
      t.diagnostic(`${wet.toFixed(2)} of 255 from the native picture, without the water ${dry.toFixed(2)}`);
      // What is left are the shadows of a low sun, which only the native picture has.
      assert.ok(dry - wet > WATER, `${wet} of 255 from the native picture, without the water ${dry}`);
    });

    test("a click picks, and a value from the broker colours what it is about", async () => {
      await open(tab, address(), `scene=browser&renderer=${renderer}&camera=${LOOK}`);
      const [x, y] = await building(tab);
      await tab.evaluate(() => {
        window.viewer.select(null);
        const picked = new Promise((resolve) => {
          const end = window.viewer.on("pick", (what) => what && resolve((end(), what)));
        });
        window.clicked = picked.then(({ attributes, place, row }) => ({ id: attributes.id, class: attributes.class, place, row }));
      });
      await tab.mouse.click(x, y);
      const clicked = await tab.evaluate(() => window.clicked);
      assert.equal(clicked.class, "Building");
      const found = await (await fetch(`${address()}api/city/harbour/objects/${clicked.id}`)).json();
      assert.equal(found.id, clicked.id);
      // The picked object is where the server has it: within a building's width.
      const [longitude, latitude] = found.geometry.coordinates.flat(Infinity);
      const away = Math.hypot((longitude - clicked.place[0]) * 95_000, (latitude - clicked.place[1]) * 111_000);
      assert.ok(away < 300, `${away} m from its footprint`);
      // Each question has its own answer.
      const asked = await tab.evaluate(
        ([x, y]) => Promise.all([window.viewer.pick(x, y), window.viewer.pick(1, 1), window.viewer.pick(x, y)]),
        [x, y],
      );
      const [first, sky, again] = asked.map((what) => what?.attributes.id ?? null);
      assert.deepEqual([first, again], [clicked.id, clicked.id]);
      assert.notEqual(sky, clicked.id);
      await tab.evaluate(() => window.viewer.select(null));
      await coloured(clicked.id, 0, x, y, ([red, green]) => green > red + 40);
      await coloured(clicked.id, 100, x, y, ([red, green]) => red > green + 40);
      // Nothing changes any more, and who listens only now is told what holds.
      const known = await tab.evaluate(() => new Promise((resolve) => window.viewer.on("live", resolve)));
      assert.ok(known.values.some(({ row, value }) => row === clicked.row && value === 100), JSON.stringify(known));
    });

    /** Publishes a value, and waits until the picture shows it. */
    async function coloured(id, value, x, y, is_right) {
      world.broker.publish(`city/${id}`, { v: value });
      let color;
      for (const begin = Date.now(); Date.now() - begin < 30_000; ) {
        color = await colorAt(tab, x / 480, y / 270);
        if (is_right(color)) return;
      }
      assert.fail(`a value of ${value} shows as ${color}`);
    }

    test("a play is steered and followed", async () => {
      await open(tab, address(), `scene=demo-scenario&renderer=${renderer}`);
      assert.equal(await seek(tab, EVENING), EVENING);
      const time = await tab.evaluate(async () => {
        await window.viewer.speed(600);
        await window.viewer.play();
        const moved = new Promise((resolve) => {
          const end = window.viewer.on("live", (live) => live.play?.playing && resolve((end(), live.play.time)));
        });
        const time = await moved;
        await window.viewer.pause();
        return time;
      });
      assert.ok(time > EVENING, time);
    });

    test("Tokyo loads", async (t) => {
      if (!world.tokyo) return t.skip("no shared data");
      await open(tab, address(), `city=tokyo&renderer=${renderer}&camera=139.745,35.655,1800,30,-35`);
      const { stats, buildings } = await tab.evaluate(async () => {
        const { stats, city } = window.viewer;
        return { stats, buildings: city.counts.Building };
      });
      assert.equal(buildings, 300_858);
      assert.ok(stats.tiles > 10 && stats.failures === 0, JSON.stringify(stats));
      assert.ok(stats.peakBytes <= 384 * 2 ** 20, `${stats.peakBytes} bytes of tiles`);
      await building(tab);
    });

    test("a sign that the engine's face lacks comes with a piece of the full font", async () => {
      await open(tab, address(), `scene=browser&renderer=${renderer}&camera=${LOOK}`);
      const written = async (sign) => {
        const layer = { name: "words", class: "Building", label: { text: `'${sign}${sign}'`, within_m: 5000 } };
        await tab.evaluate((layer) => window.viewer.setStyle([layer]), layer);
        await settled(tab);
        return tab.evaluate(async () => new Uint8Array(await (await window.viewer.screenshot()).arrayBuffer()).join());
      };
      const piece = tab.waitForResponse((response) => response.url().endsWith("/fonts/6.otf"));
      await written("㙟");
      assert.equal((await piece).status(), 200);
      await settled(tab);
      const one = await written("㙟");
      assert.ok((await written("㙟")) === one, "the picture stands still");
      assert.ok((await written("㙠")) !== one, "two signs of the piece are two");
    });

    test("a lost device comes again within five seconds", async () => {
      await open(tab, address(), `scene=browser&renderer=${renderer}&camera=${LOOK}`);
      const before = await tab.evaluate(() => window.viewer.camera);
      const { seconds } = await tab.evaluate(
        (renderer) =>
          new Promise((resolve, reject) => {
            window.viewer.on("recovered", resolve);
            window.viewer.on("failed", ({ message }) => reject(new Error(message)));
            const canvas = document.querySelector("#city canvas");
            if (renderer === "webgl2") canvas.getContext("webgl2").getExtension("WEBGL_lose_context").loseContext();
            else canvas.getContext("webgpu").getConfiguration().device.destroy();
          }),
        renderer,
      );
      assert.ok(seconds < 5, `${seconds} s`);
      await complete(tab);
      const camera = await tab.evaluate(() => window.viewer.camera);
      assert.ok(Math.abs(camera.longitude - before.longitude) < 1e-6 && Math.abs(camera.heading - before.heading) < 1e-3);
    });

    test("viewers that end give their memory back", async () => {
      const { tab, faults } = await browse(renderer);
      // Any page of the server that shows nothing; browsers ask for its picture.
      await tab.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
      await tab.goto(`${address()}healthz`);
      const alive = async () => {
        const developer = await tab.context().newCDPSession(tab);
        await developer.send("HeapProfiler.collectGarbage");
        return tab.evaluate(() => window.memories.filter((memory) => memory.deref()).length);
      };
      await tab.evaluate(() => {
        window.memories = [];
        const begin = WebAssembly.instantiateStreaming;
        WebAssembly.instantiateStreaming = async (...given) => {
          const begun = await begin(...given);
          window.memories.push(new WeakRef(begun.instance.exports.memory));
          return begun;
        };
      });
      for (let round = 1; round <= 3; round++) {
        await tab.evaluate(
          async ([address, renderer]) => {
            const { Veduta } = await import(`${address}web/veduta.js`);
            const element = Object.assign(document.createElement("div"), { style: "width: 320px; height: 180px" });
            document.body.append(element);
            const viewer = await Veduta.mount(element, { renderer, live: false });
            await new Promise((done) => viewer.on("complete", done));
            viewer.dispose();
            element.remove();
          },
          [address(), renderer],
        );
        const begin = Date.now();
        while ((await alive()) > 0) {
          assert.ok(Date.now() - begin < 20_000, `${await alive()} of ${round} memories are still held`);
          await new Promise((done) => setTimeout(done, 200));
        }
      }
      assert.deepEqual(faults, []);
    });

    test("the example page shows two viewers, charts and what a question finds", async () => {
      const left = encodeURIComponent(JSON.stringify({ scene: "demo-scenario" }));
      await tab.goto(`${address()}web/embed.html#left=${left}`);
      const there = () =>
        document.querySelectorAll("canvas[id^=veduta-]").length === 2 && document.querySelector("#hits li") !== null;
      await tab.waitForFunction(there, undefined, { timeout: 120_000 });
      assert.ok((await tab.locator("figure").count()) > 0);
    });

    test("nothing went wrong on the way", () => assert.deepEqual(faults, []));
  });
}

// Side by side: most of a flight is waiting.
describe("memory stays under its limit over a flight", { concurrency: RENDERERS.length, timeout: PATIENCE_MS }, () => {
  for (const renderer of RENDERERS) {
    test(renderer, async () => {
      const { tab, faults } = await browse(renderer);
      await open(tab, world.server.address, `scene=browser&renderer=${renderer}&camera=${LOOK}`);
      const most = await tab.evaluate(async (flight_s) => {
        const { viewer } = window;
        const center = viewer.camera;
        const end = performance.now() + flight_s * 1000;
        let most = { tiles: 0, program: 0 };
        for (let i = 0; performance.now() < end; i++) {
          const turn = i * 0.7;
          const away = 0.012 * (0.3 + ((i * 7) % 10) / 10);
          const longitude = center.longitude + Math.cos(turn) * away;
          const latitude = center.latitude + Math.sin(turn) * away;
          viewer.flyTo({ ...center, longitude, latitude, height: 150 + ((i * 37) % 900), heading: (turn * 57) % 360 }, 1);
          await new Promise((done) => setTimeout(done, 1500));
          const { peakBytes, programBytes } = viewer.stats;
          most = { tiles: Math.max(most.tiles, peakBytes), program: Math.max(most.program, programBytes) };
        }
        return most;
      }, FLIGHT_S);
      const limit = 384 * 2 ** 20;
      assert.ok(most.tiles > 0 && most.tiles <= limit, `${most.tiles} bytes of tiles`);
      assert.ok(most.program <= limit, `${most.program} bytes of the program`);
      assert.deepEqual(faults, []);
    });
  }
});
