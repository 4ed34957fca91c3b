#!/usr/bin/env python3
"""The same vector tiles and the same questions, Veduta beside GDAL with a GeoPackage (SQLite's R-tree).

    benches/peers/vector_tiles.py FOLDER [--veduta PROGRAM] [--rounds N]

FOLDER holds a pyramid of vector tiles (Z/X/Y.pbf) with a height attribute. Imports are interleaved; medians are told.
GDAL copies features: it neither joins what tile borders cut, nor builds solids, tiles or words. Needs gdal-bin.
"""

import argparse
import json
import os
import pathlib
import random
import sqlite3
import statistics
import subprocess
import tempfile
import time


def run(command):
    """Seconds by the clock, seconds of the processor, peak MiB of a command that must succeed."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: ended with {status}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def milliseconds(ask, questions):
    """Median and longest of the answers, the first left out, and how many rows they have on average."""
    took, rows = [], []
    for question in questions:
        begin = time.perf_counter()
        rows.append(len(ask(question)))
        took.append((time.perf_counter() - begin) * 1000)
    return statistics.median(took[1:]), max(took[1:]), statistics.mean(rows)


def geopackage(path, attribute):
    base = sqlite3.connect(path)
    (table, column), = base.execute("select table_name, column_name from gpkg_geometry_columns").fetchall()
    tree = f"rtree_{table}_{column}"
    # Where something stands, as Veduta's own benchmark asks.
    middles = base.execute(f"select (minx + maxx) / 2, (miny + maxy) / 2 from {tree}").fetchall()
    places = random.Random(7).sample(middles, 61)
    within = f"select t.fid from {tree} r join {table} t on t.fid = r.id where maxx >= ? and minx <= ? and maxy >= ? and miny <= ?"
    # Half a kilometre each way; a GeoPackage of vector tiles is in metres of the web's Mercator.
    box = lambda at: base.execute(within, (at[0] - 615, at[0] + 615, at[1] - 615, at[1] + 615)).fetchall()
    point = lambda at: base.execute(within, (at[0], at[0], at[1], at[1])).fetchall()
    scan = lambda _: base.execute(f'select fid from {table} where "{attribute}" > 27.3').fetchall()
    return {"point": milliseconds(point, places), "box of 1 km": milliseconds(box, places), "scan": milliseconds(scan, range(11))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--veduta", default="target/release/veduta")
    parser.add_argument("--attribute", default="measuredHeight")
    parser.add_argument("--rounds", type=int, default=3)
    said = parser.parse_args()
    finest = max((p for p in said.folder.iterdir() if p.name.isdigit()), key=lambda p: int(p.name))
    with tempfile.TemporaryDirectory() as place:
        city, copy = f"{place}/city", f"{place}/copy.gpkg"
        commands = {
            "veduta import": [said.veduta, "import", said.folder, "-o", city],
            "ogr2ogr to GeoPackage": ["ogr2ogr", "-f", "GPKG", copy, f"MVT:{finest}", "-oo", "METADATA_FILE="],
        }
        runs = {name: [] for name in commands}
        for _ in range(said.rounds):
            for name, command in commands.items():
                subprocess.run(["rm", "-rf", city if "import" in name else copy], check=True)
                runs[name].append(run(command))
        for name, all_of in runs.items():
            wall, processor, peak = (statistics.median(figures) for figures in zip(*all_of))
            print(f"{name:24} {wall:7.1f} s {processor:7.1f} s of the processor {peak:7.0f} MiB")
        for question, (median, longest, rows) in geopackage(copy, said.attribute).items():
            print(f"GeoPackage, {question:12} {median:9.3f} ms, longest {longest:.3f} ms, {rows:.0f} rows")
        bench = subprocess.run([said.veduta, "bench", "query", city], check=True, capture_output=True, text=True)
        print(json.dumps(json.loads(bench.stdout), indent=1))


if __name__ == "__main__":
    main()
