// The pages as their authors ship them: one module each, only what it uses, made small.

import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const here = import.meta.dirname;
/** Workers and data that CesiumJS loads by itself. */
export const cesiumFiles = join(here, "node_modules/cesium/Build/Cesium");

/** What is measured beside Veduta, and in which version. */
export const versions = Object.fromEntries(
  ["cesium", "three", "3d-tiles-renderer"].map((name) => {
    const told = JSON.parse(readFileSync(join(here, "node_modules", name, "package.json"), "utf8"));
    return [name, told.version];
  }),
);

export async function bundle(folder) {
  await build({
    entryPoints: ["veduta", "three", "cesium"].map((name) => join(here, `${name}.js`)),
    outdir: folder,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    define: { CESIUM_BASE_URL: '"/cesium/"' },
    external: ["/web/veduta.js", "http", "https", "url", "zlib"],
    logLevel: "error",
  });
}
