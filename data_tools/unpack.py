"""Unpacks archives (zip, tar, tar.gz, tar.xz, tar.bz2) into a folder each, with nothing outside it.

A member that would leave the folder, a link that points out of it, and a damaged archive stop the tool,
and nothing is left of that archive. Killed and started again, archives that are done are left alone.
"""

import argparse
import gzip
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path

from bgr.errors import BgrError
from bgr.io.files import make_folder, write_error
from data_tools.journal import sha256
from data_tools.runner import progress_bar

SUFFIXES = (".gz", ".xz", ".bz2", ".tar", ".tgz", ".zip")
MARK = ".archive.sha256"
DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError),
    gzip.BadGzipFile,
    *(RuntimeError, NotImplementedError),  # encrypted, or of a compression that zipfile lacks
)


def main(arguments: list[str]) -> None:
    """Parse the command line and unpack."""
    parser = argparse.ArgumentParser(
        prog="python -m data_tools unpack",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("archives", type=Path, nargs="+", help="the files")
    parser.add_argument("output", type=Path, help="folder that receives a folder for each of them")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")
    options = parser.parse_args(arguments)
    targets = {archive: options.output / stem(archive) for archive in options.archives}
    if len(set(targets.values())) < len(targets):
        names = ", ".join(str(target) for target in targets.values())
        raise BgrError(f"two archives go to one folder: {names}", "one call for each of them")
    for archive, target in targets.items():
        if options.dry_run:
            print(f"{archive} -> {target}")
        elif not target.exists():
            print(f"{unpack(archive, target)} members of {archive} -> {target}")
        elif mark_of(target) == sha256(archive):
            print(f"{target} is there already")
        else:
            raise BgrError(
                f"{target} is there, and not from {archive}",
                "a new folder, or one from this very archive",
                "choose another output folder, or remove this one",
            )


def mark_of(target: Path) -> str | None:
    """Hash of the archive that a folder was unpacked from; None where it was not."""
    mark = target / MARK
    return mark.read_text() if mark.is_file() else None


def stem(archive: Path) -> str:
    """Name of an archive without the suffixes of archives."""
    name = archive.name
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def unpack(archive: Path, target: Path) -> int:
    """Unpack an archive into a folder that appears when all of it is there.

    Returns:
        The number of members.

    Raises:
        BgrError: the archive is missing, damaged or of another kind, a member would leave the folder,
            or the folder cannot be written.
    """
    make_folder(target.parent)
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        count = _into(archive, part)
        (part / MARK).write_text(sha256(archive))
        os.replace(part, target)
    except DAMAGE as error:
        raise BgrError(
            f"cannot unpack {archive}: {str(error).splitlines()[0]}",
            "an undamaged archive whose members stay inside it",
            "download it again, and do not trust where it came from if it names paths outside",
        ) from error
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return count


def _into(archive: Path, folder: Path) -> int:
    if not archive.is_file():
        raise BgrError(f"no file {archive}", "an archive", "check the path")
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped, progress_bar() as bar:
            members = zipped.infolist()
            for member in bar.track(members, description=archive.name):
                if not (folder / member.filename).resolve().is_relative_to(folder.resolve()):
                    raise ValueError(f"member {member.filename!r} is outside the folder")
                zipped.extract(member, folder)
            return len(members)
    if archive.suffix == ".zip":
        raise ValueError("not a zip file, or cut short")
    with open(archive, "rb") as raw, tarfile.open(fileobj=raw) as tar, progress_bar() as bar:
        count = 0
        task = bar.add_task(archive.name, total=archive.stat().st_size)
        for entry in tar:
            tar.extract(entry, folder, filter="data")
            bar.update(task, completed=raw.tell())
            count += 1
        if tar.fileobj is raw and tar.offset >= archive.stat().st_size:
            raise ValueError("it ends without its end mark")
        while tar.fileobj is not None and tar.fileobj.read(1 << 20):
            pass  # the checksum is at the end
    return count
