// Runs the Khronos validator on the glb files named on the command line, or on every one below a named folder. Prints each
// error and one line of counts; exit code 1 where there is an error.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import validator from "gltf-validator";

function* files(path) {
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path).sort()) yield* files(join(path, name));
  } else if (path.endsWith(".glb")) {
    yield path;
  }
}

const totals = { files: 0, errors: 0, warnings: 0 };
for (const path of process.argv.slice(2).flatMap((argument) => [...files(argument)])) {
  const report = await validator.validateBytes(new Uint8Array(readFileSync(path)), { uri: path, maxIssues: 100 });
  totals.files += 1;
  totals.errors += report.issues.numErrors;
  totals.warnings += report.issues.numWarnings;
  for (const issue of report.issues.messages.filter((message) => message.severity <= 1)) {
    console.log(`${issue.severity === 0 ? "error" : "warning"}: ${issue.code} ${issue.pointer}: ${issue.message}: ${path}`);
  }
}
console.log(JSON.stringify(totals));
process.exit(totals.errors > 0 ? 1 : 0);
