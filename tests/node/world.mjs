// What the tests in a browser stand on: real programs on free ports, ended with the test.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

const root = resolve(import.meta.dirname, "../..");
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
export const veduta = join(target, "release/veduta");
export const page = join(root, "web/dist");

/** Flags by which Debian's Chromium draws without a card. */
const FLAGS = {
  webgl2: ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"],
};
FLAGS.webgpu = [
  ...FLAGS.webgl2,
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan,WebGPU",
  "--use-vulkan=swiftshader",
];
FLAGS.none = ["--disable-gpu", "--disable-3d-apis"];

/** What ends with the tests. */
export const ends = [];

/** Ends everything that was started, the last first; a test file calls it when all its tests are done. */
export async function endAll() {
  for (const end of ends.splice(0).reverse()) await end();
}

/** A folder that is there until the tests end. */
export function folder() {
  const place = mkdtempSync(join(tmpdir(), "veduta-browser-"));
  ends.push(() => rmSync(place, { recursive: true, force: true }));
  return place;
}

/** Where shared test data are; null where they are absent and not required. */
export function shared(path) {
  const full = join(root, "../shared/data", path);
  if (existsSync(full)) return full;
  if (process.env.VEDUTA_SHARED_DATA === "required") throw new Error(`shared data required but ${full} is missing`);
  return null;
}

export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** A real broker. */
export async function mosquitto() {
  const port = await freePort();
  const place = folder();
  const configuration = join(place, "mosquitto.conf");
  writeFileSync(configuration, `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
  const program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].find(existsSync) ?? "mosquitto";
  const broker = spawn(program, ["-c", configuration], { stdio: "ignore" });
  ends.push(() => broker.kill());
  const publish = (topic, value) => {
    execFileSync("mosquitto_pub", ["-p", String(port), "-t", topic, "-m", JSON.stringify(value), "-r"]);
  };
  return { port, publish };
}

/** `veduta serve` of some paths; where it listens. */
export async function serve(paths, more = []) {
  const server = spawn(veduta, ["serve", "--listen", "127.0.0.1:0", "--page", page, ...more, ...paths], {
    stdio: ["ignore", "pipe", "inherit"],
    cwd: root,
  });
  ends.push(() => server.kill());
  const address = await new Promise((listens, failed) => {
    server.stdout.once("data", (line) => listens(String(line).trim()));
    server.once("exit", (code) => failed(new Error(`veduta serve ended with ${code}`)));
  });
  return { address, process: server };
}

/**
 * A page in Chromium that draws with `renderer` ("none": cannot draw). `more` are options of the page, `flags` of the browser;
 * `faults` are what it says on its console and throws.
 */
export async function browse(renderer, more = {}, flags = []) {
  const browser = await chromium.launch({
    executablePath: process.env.VEDUTA_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", ...FLAGS[renderer], ...flags],
  });
  ends.push(() => browser.close());
  const tab = await browser.newPage({ viewport: { width: 480, height: 270 }, ...more });
  const faults = [];
  tab.on("console", (said) => said.type() === "error" && faults.push(said.text()));
  tab.on("pageerror", (error) => faults.push(String(error)));
  return { browser, tab, faults };
}

/** Opens the server's page, and waits until everything in sight is there. */
export async function open(tab, address, hash, patience = 120_000) {
  await tab.goto("about:blank");
  await tab.goto(`${address}#${hash}`);
  await complete(tab, patience);
}

/** Waits for some frames: what was told is drawn then. */
export async function settled(tab) {
  const frames = await tab.evaluate(() => window.viewer.stats.frames);
  await tab.waitForFunction((frames) => window.viewer.stats.frames > frames + 5, frames, { timeout: 60_000 });
}

export async function complete(tab, patience = 120_000) {
  await tab.waitForFunction(() => window.viewer?.stats?.complete, undefined, { timeout: patience });
}

/**
 * How far the viewer's picture is from another one: the mean difference of a channel, 0 to 255, in squares of four pixels,
 * because edges are sampled otherwise.
 */
export async function difference(tab, url) {
  const native = await picture(url);
  return tab.evaluate(async (native) => {
    const pixels = async (blob) => {
      const bitmap = await createImageBitmap(blob);
      const [width, height] = [bitmap.width / 4, bitmap.height / 4].map(Math.floor);
      const context = new OffscreenCanvas(width, height).getContext("2d");
      context.imageSmoothingQuality = "high";
      context.drawImage(bitmap, 0, 0, width, height);
      return context.getImageData(0, 0, width, height);
    };
    const own = await pixels(await window.viewer.screenshot());
    const other = await pixels(new Blob([Uint8Array.from(atob(native), (sign) => sign.charCodeAt(0))]));
    if (own.width !== other.width || own.height !== other.height) throw new Error("the pictures differ in size");
    let sum = 0;
    for (let i = 0; i < own.data.length; i += 4) {
      for (let c = 0; c < 3; c++) sum += Math.abs(own.data[i + c] - other.data[i + c]);
    }
    return sum / (own.width * own.height * 3);
  }, native);
}

/** The bytes of a picture that the server draws, in base64; one that draws others asks to come again (503). */
async function picture(url, patience = 240_000) {
  const begin = Date.now();
  for (;;) {
    const reply = await fetch(url);
    const bytes = Buffer.from(await reply.arrayBuffer());
    if (reply.ok) return bytes.toString("base64");
    if (reply.status !== 503 || Date.now() - begin > patience) throw new Error(`${reply.status}: ${bytes.toString()}`);
    await new Promise((later) => setTimeout(later, 1000));
  }
}

/** The colour of the picture at a point, parts of its width and height from the upper left corner. */
export function colorAt(tab, x, y) {
  return tab.evaluate(
    async ([x, y]) => {
      const bitmap = await createImageBitmap(await window.viewer.screenshot());
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext("2d");
      context.drawImage(bitmap, 0, 0);
      return [...context.getImageData(Math.floor(x * bitmap.width), Math.floor(y * bitmap.height), 1, 1).data];
    },
    [x, y],
  );
}
