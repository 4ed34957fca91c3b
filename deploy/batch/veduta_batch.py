#!/usr/bin/env python3
"""Imports a city on several machines: each makes some parts of its tiles, one joins them.

    veduta_batch.py run   SOURCE... -o CITY --parts N [--address auto]     under Ray, which does a lost worker's parts again
    veduta_batch.py part  SOURCE... -o CITY --parts N [--index I]          one part: a Kubernetes indexed job, a Slurm array
    veduta_batch.py merge -o CITY --parts N                                when all parts are there

SOURCE, CITY and the parts (CITY.parts/) are paths or addresses that fsspec knows (s3://bucket/name with s3fs). Everything after
`--` goes to `veduta import`. The result is byte for byte that of one `veduta import` with the same --name.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import fsspec

INDEX_VARIABLES = ("JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID")


def is_address(path):
    return "://" in path


def take(path, local):
    """Copies a file or a folder with all that is in it. Folder by folder: not every store lists what is deeper."""
    files, root = fsspec.core.url_to_fs(path)
    if not files.isdir(root):
        return files.get_file(root, local)
    os.makedirs(local, exist_ok=True)
    for place, _, names in files.walk(root):
        here = os.path.join(local, os.path.relpath(place, root))
        os.makedirs(here, exist_ok=True)
        for name in filter(None, names):
            files.get_file(f"{place}/{name}", os.path.join(here, name))


def fetch(path, folder):
    """The path of a source on this machine; an address is copied into the folder first."""
    if not is_address(path):
        return os.path.abspath(path)
    local = os.path.join(folder, os.path.basename(path.rstrip("/")))
    take(path, local)
    return local


def remove(path):
    """Takes away a folder with all that is in it, if it is there."""
    if not is_address(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        files, root = fsspec.core.url_to_fs(path)
        # Buckets have no folders, only files whose names begin alike.
        for name in [f"{place}/{name}" for place, _, names in files.walk(root) for name in names if name]:
            files.rm_file(name)


def put(folder, path):
    """Copies a finished folder to its place; what stood there is gone first, so that no half of it is left."""
    remove(path)
    files, root = fsspec.core.url_to_fs(path)
    files.makedirs(os.path.dirname(root), exist_ok=True)
    files.put(folder, root, recursive=True)


def part_of(arguments, index):
    return f"{arguments.output.rstrip('/')}.parts/{index + 1:04}-of-{arguments.parts:04}"


def is_done(arguments, index):
    """A part is there as soon as its mark is, which is written after all of its files."""
    files, root = fsspec.core.url_to_fs(part_of(arguments, index) + ".done")
    return files.exists(root)


def make_part(arguments, index):
    """Makes a part unless it is there, and says where."""
    place = part_of(arguments, index)
    if is_done(arguments, index):
        return place
    with tempfile.TemporaryDirectory(prefix="veduta-part-") as folder:
        sources = [fetch(source, folder) for source in arguments.sources]
        made = os.path.join(folder, "part")
        partition = f"{index + 1}/{arguments.parts}"
        command = [arguments.veduta, "import", *sources, "-o", made, "--name", arguments.name, "--partition", partition]
        subprocess.run(command + arguments.rest, check=True, stdout=subprocess.DEVNULL)
        put(made, place)
    files, root = fsspec.core.url_to_fs(place + ".done")
    with files.open(root, "wb") as mark:
        mark.write(b"done\n")
    return place


def merge(arguments):
    missing = [index + 1 for index in range(arguments.parts) if not is_done(arguments, index)]
    if missing:
        sys.exit(f"veduta_batch: parts {missing} of {arguments.parts} are missing: {arguments.output}.parts")
    with tempfile.TemporaryDirectory(prefix="veduta-merge-") as folder:
        parts = []
        for index in range(arguments.parts):
            local = os.path.join(folder, f"part-{index}")
            take(part_of(arguments, index), local)
            parts.append(local)
        made = os.path.join(folder, "city")
        subprocess.run([arguments.veduta, "merge", *parts, "-o", made], check=True)
        put(made, arguments.output)
    remove(arguments.output.rstrip("/") + ".parts")


def run(arguments):
    import ray

    ray.init(address=arguments.address, log_to_driver=False)

    # A worker that is lost takes its process with it; Ray does the part again, here or on another machine.
    @ray.remote(num_cpus=arguments.cores, max_retries=arguments.retries, retry_exceptions=True)
    def task(index):
        return make_part(arguments, index)

    waiting = [task.remote(index) for index in range(arguments.parts)]
    while waiting:
        done, waiting = ray.wait(waiting)
        print(f"{ray.get(done[0])}: done, {len(waiting)} to go", flush=True)
    merge(arguments)
    ray.shutdown()


def index_of(arguments):
    """The number of the part: as given, or as the engine tells it in the environment."""
    if arguments.index is not None:
        return arguments.index
    for name in INDEX_VARIABLES:
        if name in os.environ:
            return int(os.environ[name])
    sys.exit(f"veduta_batch: which part? --index I, or one of {', '.join(INDEX_VARIABLES)}")


def parse(words):
    rest = []
    if "--" in words:
        words, rest = words[: words.index("--")], words[words.index("--") + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["run", "part", "merge"])
    parser.add_argument("sources", nargs="*", metavar="SOURCE")
    parser.add_argument("-o", "--output", required=True, metavar="CITY")
    parser.add_argument("--parts", type=int, required=True, metavar="N")
    parser.add_argument("--name", help="name of the city [default: that of CITY]")
    parser.add_argument("--index", type=int, help="number of the part, from 0")
    parser.add_argument("--address", help="of a Ray cluster; `auto` for the one that this machine belongs to")
    parser.add_argument("--cores", type=float, default=1, help="that a part takes [default: 1]")
    parser.add_argument("--retries", type=int, default=3, help="of a part whose worker is lost [default: 3]")
    parser.add_argument("--veduta", default=os.environ.get("VEDUTA", "veduta"), help="the program")
    arguments = parser.parse_args(words)
    arguments.rest = rest
    arguments.name = arguments.name or os.path.basename(arguments.output.rstrip("/")).removesuffix(".city")
    if shutil.which(arguments.veduta) is None:
        sys.exit(f"veduta_batch: there is no program called {arguments.veduta}; name it with --veduta or VEDUTA")
    return arguments


def main():
    arguments = parse(sys.argv[1:])
    if arguments.step == "run":
        run(arguments)
    elif arguments.step == "merge":
        merge(arguments)
    else:
        print(make_part(arguments, index_of(arguments)))


if __name__ == "__main__":
    main()
