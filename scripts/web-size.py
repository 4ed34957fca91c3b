#!/usr/bin/env python3
"""Bytes of a WebAssembly program by crate: `scripts/web-size.py PROGRAM.wasm [LINES]`. Needs the names of functions, so it
reads what cargo builds, not what wasm-bindgen leaves."""

import re
import sys
from collections import Counter


def leb(data, at):
    """An unsigned LEB128 number and the place after it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def sections(data):
    at = 8
    while at < len(data):
        kind = data[at]
        size, begin = leb(data, at + 1)
        yield kind, begin, begin + size
        at = begin + size


def read(data):
    """Sizes of functions, bytes of data, names by number of the function, how many are imported."""
    sizes, names, imported, constants = [], {}, 0, 0
    for kind, at, end in sections(data):
        if kind == 2:
            count, at = leb(data, at)
            for _ in range(count):
                for _ in range(2):
                    length, at = leb(data, at)
                    at += length
                what = data[at]
                at += 1
                if what == 0:
                    _, at = leb(data, at)
                    imported += 1
                elif what == 3:
                    at += 2
                else:
                    at += what == 1
                    flags, at = leb(data, at)
                    _, at = leb(data, at)
                    if flags & 1:
                        _, at = leb(data, at)
        elif kind == 10:
            count, at = leb(data, at)
            for _ in range(count):
                size, body = leb(data, at)
                sizes.append(size)
                at = body + size
        elif kind == 11:
            constants = end - at
        elif kind == 0:
            length, at = leb(data, at)
            name, at = data[at : at + length], at + length
            if name != b"name":
                continue
            while at < end:
                part = data[at]
                size, at = leb(data, at + 1)
                stop = at + size
                if part == 1:
                    count, place = leb(data, at)
                    for _ in range(count):
                        number, place = leb(data, place)
                        length, place = leb(data, place)
                        names[number] = data[place : place + length].decode("utf-8", "replace")
                        place += length
                at = stop
    return sizes, constants, names, imported


def crate(name):
    """The crate of a function's (mangled or demangled) name."""
    first = re.search(r"_R.*?Cs[0-9A-Za-z]*_(\d+)", name)
    if first:
        length = int(first.group(1)[: len(first.group(1))])
        rest = name[first.end() :].lstrip("_")
        return rest[:length]
    legacy = re.match(r"_ZN(\d+)", name)
    if legacy:
        begin = legacy.end()
        path = name[begin : begin + int(legacy.group(1))]
        generic = re.search(r"(?:_\$LT\$|\$LT\$)?([a-z][a-z0-9_]+?)(?:\.\.|$|\$)", path.removeprefix("_$LT$"))
        return generic.group(1) if generic else path
    plain = re.match(r"<*&?(?:mut )?(?:dyn )?([a-z][a-z0-9_]*)(?:\[[0-9a-f]+\])?::", name)
    return plain.group(1) if plain else "other"


def main():
    data = open(sys.argv[1], "rb").read()
    lines = int(sys.argv[2]) if len(sys.argv) > 2 else 25
    sizes, constants, names, imported = read(data)
    bytes_of = Counter({"(data)": constants})
    for number, size in enumerate(sizes):
        bytes_of[crate(names.get(number + imported, "other"))] += size
    whole = sum(bytes_of.values())
    for name, size in bytes_of.most_common(lines):
        print(f"{size:>10} {100 * size / whole:5.1f} %  {name}")
    print(f"{whole:>10}          of {len(sizes)} functions and data")


main()
