// Frames beside other viewers: the same city, camera and canvas in the same browser. `make frames`, or
// `node tests/node/frames.mjs [--rounds N] [--seconds N] [--only NAME,...] [--pictures FOLDER] [--json FILE]`.
//
// The city is a package that Veduta writes; everything comes from one server on this machine. Runs are interleaved and
// medians taken: a machine that has other work to do still gives fair ratios.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundle, cesiumFiles, versions } from "./frames/bundle.mjs";
import { city } from "./frames/city.mjs";
import { cpu } from "./frames/cpu.mjs";
import { server } from "./frames/server.mjs";
import { browse, endAll, ends, folder, page, serve, veduta } from "./world.mjs";

const SIZE = { width: 960, height: 540 };
const PATIENCE_MS = 90_000;
const MIB = 2 ** 20;

const { values: said } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "20" },
    only: { type: "string" },
    pictures: { type: "string" },
    json: { type: "string" },
  },
});

/** Who is measured: a page, its words, and what the browser draws with. */
const VIEWERS = [
  { name: "Veduta, WebGL 2", viewer: "veduta", words: { renderer: "webgl2" }, browser: "webgl2" },
  { name: "Veduta, WebGPU", viewer: "veduta", words: { renderer: "webgpu" }, browser: "webgpu" },
  { name: "CesiumJS", viewer: "cesium", words: {}, browser: "webgl2" },
  { name: "three.js + 3d-tiles-renderer", viewer: "three", words: {}, browser: "webgl2" },
];

async function measured({ name, viewer, words, browser: kind }, serving, address) {
  const { browser, tab, faults } = await browse(kind, { viewport: SIZE });
  try {
    const developer = await tab.context().newCDPSession(tab);
    const asked = new URLSearchParams({ viewer, package: address, ...words });
    Object.assign(serving.sent, { program: 0, tiles: 0 });
    await tab.goto(`${serving.address}frames/index.html?${asked}`);
    await tab.waitForFunction(() => globalThis.measure.state.complete !== null, undefined, { timeout: PATIENCE_MS });
    const { program, tiles } = serving.sent;
    const loaded = await tab.evaluate(({ firstTile, complete } = globalThis.measure.state) => ({ firstTile, complete }));
    if (said.pictures) await tab.screenshot({ path: join(said.pictures, `${viewer}-${kind}.png`) });
    await tab.evaluate(() => globalThis.measure.settle());
    const before = cpu(process.pid);
    const run = await tab.evaluate((ms) => globalThis.measure.run(ms), Number(said.seconds) * 1000);
    const processor = (cpu(process.pid) - before) / run.frames;
    await developer.send("HeapProfiler.collectGarbage");
    const { usedSize: heap, backingStorageSize: buffers } = await developer.send("Runtime.getHeapUsage");
    const wasm = await tab.evaluate(() =>
      [...globalThis.measure.state.memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0),
    );
    return { name, program, tiles, ...loaded, ...run, processor, heap, buffers, wasm };
  } catch (error) {
    throw new Error(`${name}: ${error.message}; ${faults.join("; ")}`);
  } finally {
    await browser.close();
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** The medians of several runs, figure by figure. */
function together(runs) {
  const [first] = runs;
  if (typeof first === "number") return median(runs);
  if (typeof first !== "object" || first === null) return first;
  return Object.fromEntries(Object.keys(first).map((key) => [key, together(runs.map((run) => run[key]))]));
}

function table(rows) {
  const columns = [
    ["viewer", (row) => row.name],
    ["program MB", (row) => (row.program / 1e6).toFixed(2)],
    ["tiles MB", (row) => (row.tiles / 1e6).toFixed(2)],
    ["first tile s", (row) => (row.firstTile / 1000).toFixed(1)],
    ["complete s", (row) => (row.complete / 1000).toFixed(1)],
    ["frame p50 ms", (row) => row.synced.p50.toFixed(0)],
    ["frame p95 ms", (row) => row.synced.p95.toFixed(0)],
    ["processor ms a frame", (row) => row.processor.toFixed(0)],
    ["script p50 ms", (row) => row.script.p50.toFixed(0)],
    ["frame to frame p50 ms", (row) => row.interval.p50.toFixed(0)],
    ["draws", (row) => row.draws],
    ["triangles", (row) => row.triangles ?? "not known"],
    ["JS heap MiB", (row) => (row.heap / MIB).toFixed(0)],
    ["buffers MiB", (row) => (row.buffers / MIB).toFixed(0)],
    ["wasm MiB", (row) => (row.wasm / MIB).toFixed(0)],
  ];
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(([title]) => title)),
    line(columns.map(() => "---")),
    ...rows.map((row) => line(columns.map(([, cell]) => cell(row)))),
  ].join("\n");
}

try {
  const place = folder();
  writeFileSync(join(place, "grid.geojson"), JSON.stringify(city()));
  execFileSync(veduta, ["import", join(place, "grid.geojson"), "-o", join(place, "grid.city")], { stdio: "ignore" });
  const { address: behind } = await serve([join(place, "grid.city")]);
  const { tileset } = (await (await fetch(new URL("api/city", behind))).json())[0];
  const made = join(place, "made");
  await bundle(made);
  const pages = join(import.meta.dirname, "frames");
  const serving = await server({ "/made/": made, "/frames/": pages, "/cesium/": cesiumFiles, "/web/": page }, behind);
  ends.push(serving.close);
  if (said.pictures) mkdirSync(said.pictures, { recursive: true });

  const wanted = said.only?.split(",");
  const viewers = VIEWERS.filter(({ name, viewer, browser }) => {
    if (wanted && !wanted.some((one) => name.toLowerCase().replaceAll(" ", "").includes(one))) return false;
    const there = viewer !== "veduta" || existsSync(join(page, browser, "veduta_bg.wasm"));
    if (!there) console.error(`${name}: web/dist/${browser} is not there: left out`);
    return there;
  });
  for (const { viewer, browser } of viewers) {
    serving.warm(join(made, `${viewer}.js`));
    if (viewer === "veduta") ["veduta_bg.wasm", "veduta.js"].forEach((name) => serving.warm(join(page, browser, name)));
  }
  const runs = new Map(viewers.map(({ name }) => [name, []]));
  for (let round = 0; round < Number(said.rounds); round++) {
    for (const viewer of [...viewers]) {
      try {
        const run = await measured(viewer, serving, tileset.replace(/tileset\.json$/, ""));
        runs.get(viewer.name).push(run);
        console.error(`round ${round + 1}: ${viewer.name}: ${run.synced.p50.toFixed(1)} ms`);
      } catch (error) {
        // The others are measured all the same, and this one not again.
        console.error(`round ${round + 1}: ${error.message}`);
        viewers.splice(viewers.indexOf(viewer), 1);
        process.exitCode = 1;
      }
    }
  }
  const rows = [...runs.values()].filter((of) => of.length > 0).map(together);
  console.log(table(rows));
  const all = { canvas: SIZE, seconds: Number(said.seconds), peers: versions, medians: rows, runs: Object.fromEntries(runs) };
  const json = JSON.stringify(all, null, 2);
  if (said.json) writeFileSync(said.json, `${json}\n`);
  else console.log(json);
} finally {
  await endAll();
}
