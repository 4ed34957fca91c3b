// A package is 3D Tiles: CesiumJS draws it from a plain file server, and what it picks is what Veduta knows of the object.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { after, before, describe, test } from "node:test";
import { browse, ends, endAll, folder, shared, veduta } from "./world.mjs";

const cesium = join(import.meta.dirname, "node_modules/cesium/Build/Cesium");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".css": "text/css" };
const PATIENCE_MS = 300_000;
/** Objects whose attributes are looked at one by one. */
const COMPARED = 12;

/** Sources, and where to look: longitude, latitude, metres above the ellipsoid. */
const CITIES = [
  { name: "Tokyo", source: "tokyo/mvt_buildings", there: [139.7671, 35.6812, 40] },
  { name: "Rotterdam", source: "citymodel/cityjson/rotterdam_delfshaven_3-20.city.json", there: [4.455, 51.9065, 45] },
];

const PAGE = `<!doctype html><meta charset="utf-8" /><script src="/cesium/Cesium.js"></script>
<style>body { margin: 0 } #city, #city canvas { width: 480px; height: 270px }</style><div id="city"></div>
<script>
  CESIUM_BASE_URL = "/cesium/";
  const widget = new Cesium.CesiumWidget("city", {
    globe: false, skyBox: false, skyAtmosphere: false, baseLayer: false, msaaSamples: 1,
    creditContainer: document.createElement("div"),
  });
  window.widget = widget;
  window.show = async (address, [longitude, latitude, height]) => {
    const tileset = await Cesium.Cesium3DTileset.fromUrl(address);
    window.failures = [];
    tileset.tileFailed.addEventListener(({ url, message }) => window.failures.push(url + ": " + message));
    widget.scene.primitives.removeAll();
    widget.scene.primitives.add(tileset);
    window.tileset = tileset;
    const there = Cesium.Cartesian3.fromDegrees(longitude, latitude, height);
    widget.camera.lookAt(there, new Cesium.HeadingPitchRange(0, -0.7, 400));
    // All of them may be loaded before the first is drawn.
    let drawn = 0;
    const frame = () => (drawn += tileset.tilesLoaded ? 1 : 0);
    const end = widget.scene.postRender.addEventListener(frame);
    while (drawn < 10) await new Promise(requestAnimationFrame);
    end();
  };
  // What the properties of a content are called that glTF cannot have as identifiers: its schema says it.
  const names = async (url) => {
    const view = new DataView(await (await fetch(url)).arrayBuffer());
    const json = JSON.parse(new TextDecoder().decode(new Uint8Array(view.buffer, 20, view.getUint32(12, true))));
    const classes = Object.values(json.extensions.EXT_structural_metadata.schema.classes);
    return (id) => classes.map((one) => one.properties[id]?.name).find((name) => name) ?? id;
  };
  // Every feature that some points of the picture show, with all its properties.
  window.pickAll = async () => {
    const found = new Map();
    for (let x = 20; x < 480; x += 40) {
      for (let y = 15; y < 270; y += 30) {
        const picked = widget.scene.pick(new Cesium.Cartesian2(x, y));
        if (!(picked instanceof Cesium.Cesium3DTileFeature) || found.has(picked.getProperty("id"))) continue;
        const called = await names(picked.content.url);
        const plain = (value) => (typeof value === "bigint" ? Number(value) : value);
        const known = picked.getPropertyIds().map((id) => [called(id), plain(picked.getProperty(id))]);
        found.set(picked.getProperty("id"), Object.fromEntries(known));
      }
    }
    return [...found.values()];
  };
</script>`;

/** A file server that knows nothing of cities. */
async function files(folders) {
  const server = createServer((asked, response) => {
    const { pathname } = new URL(asked.url, "http://localhost");
    if (pathname === "/") return response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
    // Every browser asks for it.
    if (pathname === "/favicon.ico") return response.writeHead(204).end();
    const prefix = Object.keys(folders).find((start) => pathname.startsWith(start));
    const path = prefix && join(folders[prefix], normalize(`/${decodeURIComponent(pathname.slice(prefix.length))}`));
    if (!path || !existsSync(path) || !statSync(path).isFile()) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" });
    createReadStream(path).pipe(response);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  ends.push(() => (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${server.address().port}`;
}

const world = {};

after(endAll);

describe("CesiumJS", { timeout: PATIENCE_MS * 3 }, () => {
  before(async () => {
    world.place = folder();
    world.address = await files({ "/cesium/": cesium, "/cities/": world.place });
    Object.assign(world, await browse("webgl2"));
    await world.tab.goto(world.address);
  });

  for (const { name, source, there } of CITIES) {
    test(`${name} is drawn, and what is picked has the id and attributes that Veduta tells`, async (t) => {
      const path = shared(source);
      if (!path) return t.skip("no shared data");
      const city = join(world.place, `${name}.city`);
      execFileSync(veduta, ["import", path, "-o", city], { stdio: "ignore" });
      await world.tab.evaluate(([address, there]) => window.show(address, there), [`/cities/${name}.city/tileset.json`, there]);
      assert.deepEqual(await world.tab.evaluate(() => window.failures), []);
      const found = await world.tab.evaluate(() => window.pickAll());
      t.diagnostic(`${found.length} objects picked`);
      assert.ok(found.length > 10, `${found.length} objects picked`);
      for (const { id, class: its, name: called, ...attributes } of found.slice(0, COMPARED)) {
        const told = JSON.parse(execFileSync(veduta, ["query", city, "--id", id, "--format", "json"], { encoding: "utf8" }));
        const [object] = told.rows ?? told.objects ?? told.features;
        assert.equal(object.id, id);
        assert.equal(object.class, its);
        assert.equal(object.name ?? null, called ?? null);
        for (const [key, value] of Object.entries(object.attributes)) {
          if (value !== null) assert.deepEqual(attributes[key], value, `${id}: ${key}`);
        }
      }
      assert.deepEqual(world.faults, []);
    });
  }
});
