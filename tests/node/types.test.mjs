// The types of the viewer's API: pages that use it can be checked by them, and they name what the loader has.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Veduta } from "../../web/veduta.js";

const web = join(import.meta.dirname, "../../web");

test("a page in TypeScript, and the example page, agree with the types", () => {
  try {
    execFileSync("npm", ["run", "--silent", "types"], { cwd: import.meta.dirname, encoding: "utf8" });
  } catch (error) {
    assert.fail(error.stdout || error);
  }
});

test("the types name what the loader has, and no more", () => {
  const named = (text, pattern) => [...text.matchAll(pattern)].map(([, name]) => name);
  const sorted = (names) => [...new Set(names)].sort();

  const [, declared] = readFileSync(join(web, "veduta.d.ts"), "utf8").split("export class Veduta {");
  const members = named(declared, /^  (?:static |readonly |get )*(\w+)\??(?:<.*?>)?[(:]/gm);
  const loader = readFileSync(join(web, "veduta.js"), "utf8");
  const fields = named(loader, /this\.(\w+) =[^=]/g);
  const own = [...Object.getOwnPropertyNames(Veduta.prototype), ...fields, "mount"];
  assert.deepEqual(sorted(members), sorted(own.filter((name) => name !== "constructor")));
});
