#!/usr/bin/env bash
# Runs the official 3D Tiles validator (CesiumGS/3d-tiles-validator, Apache-2.0, needs Node 18) over city packages; exit code 1
# where it finds an error or a warning. TILES_VALIDATOR may name another command, such as "node build/main.js" of a checkout.
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: $0 CITY..." >&2; exit 2; }
validator=${TILES_VALIDATOR:-npx --yes 3d-tiles-validator@0.6.1}
report=$(mktemp)
trap 'rm -f "$report"' EXIT
bad=0
for city in "$@"; do
    for tileset in "$city/tileset.json" "$city/terrain/tileset.json"; do
        [ -f "$tileset" ] || continue
        $validator --tilesetFile "$tileset" --reportFile "$report" >/dev/null
        node -e '
            const report = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
            const tell = (issue, indent) => {
                if (issue.severity !== "INFO") console.log(`${indent}${issue.severity} ${issue.type}: ${issue.message}: ${issue.path}`);
                (issue.causes ?? []).forEach((cause) => tell(cause, indent + "  "));
            };
            (report.issues ?? []).forEach((issue) => tell(issue, "  "));
            console.log(`${process.argv[2]}: ${report.numErrors} errors, ${report.numWarnings} warnings`);
            process.exit(report.numErrors + report.numWarnings > 0 ? 1 : 0);
        ' "$report" "$tileset" || bad=1
    done
done
exit $bad
