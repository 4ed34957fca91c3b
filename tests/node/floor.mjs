// What vertices and pixels of 10 000 boxes cost in this browser without any engine: `node tests/node/floor.mjs [--pictures FOLDER]`.
// Processor milliseconds a frame, medians of five interleaved runs of 20 frames.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cpu } from "./frames/cpu.mjs";
import { browse, endAll } from "./world.mjs";

const [RUNS, FRAMES] = [5, 20];
const { pictures } = parseArgs({ options: { pictures: { type: "string" } } }).values;

const { tab } = await browse("webgl2", { viewport: { width: 960, height: 540 } });
await tab.goto("about:blank");
await tab.evaluate(readFileSync(join(import.meta.dirname, "frames/floor.js"), "utf8"));
const names = await tab.evaluate(() => globalThis.floor.names);
const draw = (name, frames) => tab.evaluate(([name, frames]) => globalThis.floor.draw(name, frames), [name, frames]);
const taken = Object.fromEntries(names.map((name) => [name, []]));
for (let run = 0; run < RUNS; run++) {
  for (const name of names) {
    const picture = await draw(name, 2);
    if (pictures) writeFileSync(join(pictures, `${name.replace(/\W+/g, "_")}.png`), Buffer.from(picture.split(",")[1], "base64"));
    const before = cpu(process.pid);
    await draw(name, FRAMES);
    taken[name].push((cpu(process.pid) - before) / FRAMES);
  }
}
for (const [name, values] of Object.entries(taken)) {
  values.sort((a, b) => a - b);
  console.log(`${name.padEnd(26)} ${values[Math.floor(RUNS / 2)].toFixed(1)} ms (${values[0]} to ${values.at(-1)})`);
}
await endAll();
