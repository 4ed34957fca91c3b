// A viewer in a page of another site, behind a server that asks who somebody is.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, test } from "node:test";
import { browse, complete, endAll, ends, folder, serve, veduta } from "./world.mjs";

const TOKEN = "eva-0123456789abcdef";

after(endAll);

/** Another site, whose one page is set later. By another name than the server's: another site, not only another port. */
async function site() {
  const own = { html: "" };
  const server = createServer((_, answer) => answer.writeHead(200, { "content-type": "text/html" }).end(own.html));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  ends.push(() => server.close());
  own.origin = `http://localhost:${server.address().port}`;
  return own;
}

test("a page of another site shows a city with its values, decodes in workers, and heeds who may see it", { timeout: 300_000 }, async () => {
  const place = folder();
  execFileSync(veduta, ["demo", "--headless", "-o", place], { stdio: "ignore" });
  renameSync(join(place, "demo-small-1.city"), join(place, "harbour.city"));
  writeFileSync(
    join(place, "live.toml"),
    `format_version = 1
[city]
packages = ["harbour.city"]
[[source]]
name = "demo"
kind = "simulated"
[[binding]]
source = "demo"
stream = "demo/power/{device}"
to = { id = "{device}" }
property = "power"
`,
  );
  const hash = (token) => execFileSync(veduta, ["serve", "--hash-token"], { input: `${token}\n`, encoding: "utf8" }).trim();
  const [evas, others] = [hash(TOKEN), hash("otto-0123456789abcdef")];
  const config = join(place, "serve.toml");
  const known = (name, role, hash) =>
    writeFileSync(
      config,
      `format_version = 1\npaths = ["live.toml"]\n[[token]]\nname = "${name}"\nrole = "${role}"\nhash = '${hash}'\n`,
    );
  known("eva", "viewer", evas);
  const { address, process: server } = await serve([], ["--config", config]);
  const portal = await site();
  portal.html = `<!doctype html><meta charset="utf-8"><title>portal</title>
<style>body { margin: 0; height: 100vh }</style>
<script type="module">
  import { Veduta } from "${address}web/veduta.js";
  const started = Veduta.mount(document.body, {
    server: "${address}", token: "${TOKEN}", renderer: "webgl2",
    camera: { longitude: 121.9045, latitude: 30.8925, height: 420, heading: 20, pitch: -28 },
  });
  started.then((viewer) => {
    viewer.on("live", (live) => { window.values = (window.values ?? 0) + live.values.length; });
    window.viewer = viewer;
  }, (error) => { window.failed = String(error); });
</script>`;
  const { tab, faults } = await browse("webgl2");
  await tab.goto(portal.origin);
  await tab.waitForFunction(() => window.viewer || window.failed, undefined, { timeout: 60_000 });
  assert.equal(await tab.evaluate(() => window.failed), undefined);
  await complete(tab);
  await tab.waitForFunction(() => window.values > 0, undefined, { timeout: 60_000 });
  const stats = await tab.evaluate(() => window.viewer.stats);
  assert.ok(stats.tiles > 0 && stats.failures === 0, JSON.stringify(stats));
  assert.ok(tab.workers().length > 0, "tiles are decoded in workers");
  /** Listens from now on; the function that comes back waits for what is told. */
  const listen = async (event) => {
    await tab.evaluate((event) => void (window[event] = new Promise((done) => window.viewer.on(event, done))), event);
    return () => tab.evaluate((event) => window[event], event);
  };
  // She may do something else now: the city comes anew, with its values.
  const recovered = await listen("recovered");
  known("eva", "operator", evas);
  server.kill("SIGHUP");
  await recovered();
  await tab.evaluate(() => (window.values = 0));
  await complete(tab);
  await tab.waitForFunction(() => window.values > 0, undefined, { timeout: 60_000 });
  // Her token is gone: she is told what to do.
  const failed = await listen("failed");
  known("otto", "viewer", others);
  server.kill("SIGHUP");
  assert.match((await failed()).message, /sign in again/);
  assert.deepEqual(faults, []);
});

test("the server's page is framed by whom it names, and by nobody else", { timeout: 120_000 }, async () => {
  const place = folder();
  execFileSync(veduta, ["demo", "--headless", "-o", place], { stdio: "ignore" });
  const portal = await site();
  const framing = async (address) => {
    portal.html = `<!doctype html><title>portal</title><iframe src="${address}"></iframe>`;
    const { tab } = await browse("webgl2");
    const refused = tab.waitForEvent("console", { predicate: (said) => /frame-ancestors/.test(said.text()), timeout: 60_000 });
    const shown = async () => {
      await tab.frameLocator("iframe").locator("title").waitFor({ state: "attached", timeout: 60_000 });
      return tab.frames().at(-1).title();
    };
    await tab.goto(portal.origin);
    return Promise.any([refused.then(() => "refused"), shown()]);
  };
  const package_ = join(place, "demo-small-1.city");
  assert.equal(await framing((await serve([package_])).address), "refused");
  const config = join(place, "serve.toml");
  writeFileSync(config, `format_version = 1\npaths = ["${package_}"]\n[page]\nframe_ancestors = ["${portal.origin}"]\n`);
  // The title becomes that of the city as soon as it is known.
  assert.match(await framing((await serve([], ["--config", config])).address), /Veduta/);
});
