#!/usr/bin/python3
"""Cuts the full font into pieces of 2048 signs, which a page fetches when it is to write a sign that the engine's own face lacks.

    scripts/web-fonts.py OUT    writes OUT/fonts/HEX.otf: the signs from HEX * 2048 on

The full font is Noto Sans CJK SC as Debian's fonts-noto-cjk has it (SIL Open Font License 1.1); signs that
assets/fonts/NotoSansSC-subset.otf has are left out. Does nothing where the pieces are newer than both and than this file.
"""

import itertools
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

SIGNS = 2048
HERE = Path(__file__).resolve()
OWN = HERE.parent.parent / "assets/fonts/NotoSansSC-subset.otf"
FULL = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
FACE = "Noto Sans CJK SC"


def open_full():
    """The face of the collection that is called so, to be cut: cutting uses it up."""
    names = [font["name"].getDebugName(1) for font in TTCollection(FULL, lazy=True)]
    return TTFont(FULL, fontNumber=names.index(FACE), lazy=True)


def cut(signs, path, family):
    """Writes a font of these signs under a family name of its own: faces of one family are taken for each other."""
    options = subset.Options(layout_features=["kern", "palt"], hinting=False, desubroutinize=True, notdef_outline=True)
    font = open_full()
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=signs)
    cutter.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 4, 6, 16):
            record.string = family.replace(" ", "") if record.nameID == 6 else family
    font.save(path)


def main():
    folder = Path(sys.argv[1]) / "fonts"
    done = folder / "OFL.txt"
    sources = [HERE, OWN, FULL]
    if done.exists() and all(done.stat().st_mtime >= source.stat().st_mtime for source in sources):
        return
    folder.mkdir(parents=True, exist_ok=True)
    signs = sorted(set(open_full().getBestCmap()) - set(TTFont(OWN).getBestCmap()))
    for number, group in itertools.groupby(signs, key=lambda sign: sign // SIGNS):
        cut(list(group), folder / f"{number:x}.otf", f"{FACE} {number:x}")
    pieces = [path.stat().st_size for path in folder.glob("*.otf")]
    print(f"fonts: {len(signs)} signs in {len(pieces)} pieces, {sum(pieces)} bytes, the largest {max(pieces)}")
    # Last, and so the mark that all pieces are there.
    done.write_bytes((OWN.parent / "OFL.txt").read_bytes())


main()
