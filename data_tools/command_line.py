"""Options that tools share, and types of what is typed."""

import argparse
import os
from pathlib import Path


def absolute(text: str) -> Path:
    """A path of the command line, the same for workers that run elsewhere."""
    return Path(text).absolute()


def positive(text: str) -> int:
    """A number of the command line, 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def base_parser(tool: str, description: str | None) -> argparse.ArgumentParser:
    """A tool's parser with the options that every tool over many files has."""
    made = argparse.ArgumentParser(
        prog=f"python -m data_tools {tool}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    made.add_argument("--workers", type=positive, default=cores, help="processes (default: cores)")
    made.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")
    return made


def parser(tool: str, description: str | None) -> argparse.ArgumentParser:
    """A tool's parser with the options that all tools have that `run` runs."""
    made = base_parser(tool, description)
    made.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray works on every node of a Ray cluster that sees the same folders (extra bgr[ray])",
    )
    made.add_argument(
        "--on-error",
        choices=("raise", "skip"),
        default="raise",
        help="a damaged input stops the tool (default), or is left out and listed at the end",
    )
    made.add_argument(
        "--max-errors", type=int, default=10, help="with skip: give up beyond this (default 10)"
    )
    return made
