// One server for all pages: programs in brotli, tiles handed on from `veduta serve`; counts what it sends.

import { existsSync, readFileSync } from "node:fs";
import { createServer, request, Agent } from "node:http";
import { extname, join, normalize } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};
const QUALITY = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };

/** Serves `folders` (path prefix to folder) and what is under `/api/` from `behind`; `sent` counts bytes of bodies. */
export async function server(folders, behind) {
  const kept = new Map();
  const sent = { program: 0, tiles: 0 };
  const agent = new Agent({ keepAlive: true });

  function compressed(path) {
    if (!kept.has(path)) {
      const made = existsSync(`${path}.br`) ? readFileSync(`${path}.br`) : brotliCompressSync(readFileSync(path), QUALITY);
      kept.set(path, made);
    }
    return kept.get(path);
  }

  function file(path, response) {
    const prefix = Object.keys(folders).find((start) => path.startsWith(start));
    const found = prefix && join(folders[prefix], normalize(`/${path.slice(prefix.length)}`));
    if (!found || !existsSync(found)) return response.writeHead(404).end();
    const body = compressed(found);
    const type = TYPES[extname(found)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type, "content-encoding": "br", "content-length": body.length });
    response.end(body);
    sent.program += body.length;
  }

  function handOn(asked, response) {
    const { method, headers, url } = asked;
    const onward = request(new URL(url, behind), { method, headers, agent }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.on("data", (chunk) => (sent.tiles += chunk.length));
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    asked.pipe(onward);
  }

  const serving = createServer((asked, response) => {
    const { pathname } = new URL(asked.url, "http://localhost");
    return pathname.startsWith("/api/") ? handOn(asked, response) : file(pathname, response);
  });
  await new Promise((done) => serving.listen(0, "127.0.0.1", done));
  const address = `http://127.0.0.1:${serving.address().port}/`;
  return { address, sent, warm: compressed, close: () => (serving.closeAllConnections(), serving.close()) };
}
