"""Runs a tool by name."""

import sys
from importlib import import_module

from bgr.errors import BgrError

TOOLS = {
    "unpack": "archives -> files, with nothing outside the folder",
    "extract_frames": "videos -> frames; clips of people and mattes -> aligned pairs",
    "filter_people": "images -> those with, or without, a person (YOLO)",
    "chroma_key": "green-screen clips and stills -> foregrounds and soft mattes",
    "coco_trimaps": "COCO annotations -> photos, mattes and trimaps",
    "composite": "people and backgrounds -> triples of files",
    "sr_pairs": "frames -> pairs of low and high resolution",
    "split": "train, val and test of a prepared folder, by clip or subject",
    "verify": "check a data set: decode everything, one HTML report, exit status for CI",
    "synthetic": "write procedural portraits as files, in the folder layout",
}


def main(arguments: list[str]) -> int:
    """Run one tool; returns the exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python -m data_tools <tool> [options]\n")
        print("\n".join(f"  {name:<16}{text}" for name, text in TOOLS.items()))
        return 0
    if arguments[0] not in TOOLS:
        print(f"error: no tool {arguments[0]!r}; one of {', '.join(TOOLS)}", file=sys.stderr)
        return 1
    try:
        code: int | None = import_module(f"data_tools.{arguments[0]}").main(arguments[1:])
    except BgrError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; start it again the same way to go on", file=sys.stderr)
        return 130
    return code or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
