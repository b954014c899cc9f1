"""Finding and writing files: listings, atomic writes, and errors that name the way out."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bgr.errors import BgrError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


def list_images(folder: Path) -> list[Path]:
    """Image files directly in a folder, sorted by name; hidden files are left out.

    Links that lead nowhere are listed, so that reading them names them.

    Raises:
        BgrError: the folder does not exist or holds no image.
    """
    check_folder(folder)
    files = sorted(p for p in folder.iterdir() if _is_image(p))
    if not files:
        raise no_image(folder)
    return files


def walk_images(folder: Path) -> list[Path]:
    """Image files in a folder and below, sorted by path; hidden files and folders are left out.

    Linked folders are entered, each real folder once and none that holds this one, so that a loop of
    links ends.

    Raises:
        BgrError: the folder does not exist or holds no image.
    """
    check_folder(folder)
    files: list[Path] = []
    entered = {folder.resolve(), *folder.resolve().parents}
    for here, below, names in os.walk(folder, followlinks=True):
        resolved = {name: (Path(here) / name).resolve() for name in sorted(below)}
        below[:] = [n for n, real in resolved.items() if real not in entered and n[0] != "."]
        entered.update(resolved[name] for name in below)
        files += [Path(here, name) for name in names if _is_image(Path(here, name))]
    if not files:
        raise no_image(folder)
    return sorted(files)


def check_folder(folder: Path) -> None:
    """Raise BgrError when there is no such folder."""
    if not folder.is_dir():
        raise BgrError(
            f"no folder {folder}", "a folder of images", "check the path, or data.root / input"
        )


def no_image(folder: Path) -> BgrError:
    """Say that a folder holds no image."""
    return BgrError(f"no image in {folder}", f"files ending in {', '.join(sorted(IMAGE_SUFFIXES))}")


def _is_image(path: Path) -> bool:
    if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
        return False
    return path.is_file() or path.is_symlink()


def lot(seed: int, name: str) -> bytes:
    """32 random bytes that depend on a seed and a file's name alone, not on the files beside it."""
    return hashlib.sha256(os.fsencode(f"{seed} {name}")).digest()


def make_folder(folder: Path) -> Path:
    """Create a folder if need be and check that files can be written there.

    Raises:
        BgrError: it cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise write_error(folder, error) from error
    return folder


def write_error(path: Path, error: OSError) -> BgrError:
    """Say why a file or folder could not be written, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        fix = "free some space, or choose another folder"
        return BgrError(f"disk full while writing {path}", "room for the file", fix)
    return BgrError(
        f"cannot write {path}: {error.strerror or error}",
        "a folder this user may write to",
        "choose another folder or change its permissions",
    )


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that replaces it when the block ends without an error.

    A reader sees the old file or the whole new one, never a part; on failure nothing is left behind.

    Raises:
        BgrError: the disk is full or the folder is not writable.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_write(path) as temporary:
        # File names that are no UTF-8 go back to the bytes they were.
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
