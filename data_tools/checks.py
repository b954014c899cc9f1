"""What can be wrong with samples: each by itself, decoded, and all of them side by side."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from bgr.errors import BgrError
from bgr.io.images import ImageArray, read_alpha, read_image, read_rgba
from data_tools.layout import KEYS, MATTES, PICTURES, PLATES, Finding, Level, Sample, listed

GREY_STEPS = 16  # a matte whose channels differ by more is in colour
KNOWN_STEPS = 5  # a matte may miss 0 and 255 by this where the trimap says that it is known
ALIKE_BITS = 2  # of 64: a picture saved again differs in no more


@dataclass
class Examined:
    """What a sample's pixels are.

    Attributes:
        findings: what is wrong with it.
        size: height and width of its picture; None where none can be read.
        share: mean of the matte, in [0, 1]; None without one.
        digests: hash of the pixels of every file that can be read.
        likeness: 64-bit difference hash of its picture.
    """

    findings: list[Finding] = field(default_factory=list)
    size: tuple[int, int] | None = None
    share: float | None = None
    digests: dict[str, str] = field(default_factory=dict)
    likeness: int | None = None


def examine(sample: Sample) -> Examined:
    """Decode every file of a sample and check it; runs in the worker."""
    made = Examined()
    arrays: dict[str, ImageArray] = {}
    for key in (key for key in KEYS if key in sample.files):
        path = sample.files[key]
        try:
            arrays[key] = decode(key, path)
            made.findings += formats(key, path)
        except Exception as error:  # decoders of damaged files raise what they like
            text = error.what if isinstance(error, BgrError) else f"{type(error).__name__}: {error}"
            text = text.replace(str(path), path.name)
            if path.is_symlink() and not path.exists():
                text = f"a link to {path.readlink()}, where nothing is"
            made.findings.append(Finding("error", "cannot be used", path, text))
    for key, pixels in arrays.items():
        digest = hashlib.sha256(f"{pixels.shape}".encode())
        digest.update(np.ascontiguousarray(pixels).data)
        made.digests[key] = digest.hexdigest()[:32]
    made.findings += sizes(sample, arrays)
    shown = next((key for key in (*PICTURES, *PLATES) if key in arrays), None)
    if shown is not None:
        height, width = arrays[shown].shape[:2]
        made.size = (height, width)
        made.likeness = likeness(arrays[shown][..., :3]) if shown in PICTURES else None
    for key, alpha in mattes(arrays).items():
        made.share = float(alpha.mean()) / 255 if made.share is None else made.share
        made.findings += matte(key, sample.files[key], alpha)
    if "trimap" in arrays:
        made.findings += trimap(sample, arrays)
    return made


def decode(key: str, path: Path) -> ImageArray:
    """A file's pixels: (H, W) for mattes and trimaps, (H, W, 4) for cut-outs, else (H, W, 3)."""
    if key in MATTES or key == "trimap":
        return read_alpha(path)
    return np.dstack(read_rgba(path)) if key == "cutout" else read_image(path)


def mattes(arrays: Mapping[str, ImageArray]) -> dict[str, ImageArray]:
    """The mattes among a sample's pixels, (H, W)."""
    cutout = {"cutout": arrays["cutout"][..., 3]} if "cutout" in arrays else {}
    return {**cutout, **{key: arrays[key] for key in MATTES if key in arrays}}


def formats(key: str, path: Path) -> list[Finding]:
    """Notes on what is converted when a file is read, from its header."""
    with Image.open(path) as file:
        mode = file.mode
        raw = str(file.tile[0].args) if file.tile else ""
        plain = mode in ("RGB", "P", "CMYK") and "transparency" not in file.info
    found = []
    if mode[0] == "I" or any(f";16{order}" in raw for order in "BLN"):
        found.append(Finding("note", "16 bits", path, "read as 8 bits"))
    if mode == "CMYK":
        found.append(Finding("note", "CMYK", path, "read as RGB without a colour profile"))
    grey = (*MATTES, "trimap")
    if key in grey and plain and np.ptp(read_image(path), 2).max() > GREY_STEPS:
        found.append(Finding("warning", "matte in colour", path, "its luminance is the matte"))
    return found


def sizes(sample: Sample, arrays: Mapping[str, ImageArray]) -> list[Finding]:
    """Files of another size than the sample's first; `low_res` has half of it."""
    fixed = {k: a.shape[:2] for k, a in arrays.items() if k not in ("background", "low_res")}
    if not fixed:
        return []
    first, (height, width) = next(iter(fixed.items()))
    wanted = dict.fromkeys(fixed, (height, width)) | {"low_res": (height // 2, width // 2)}
    return [
        Finding(
            "error",
            "sizes differ",
            sample.files[key],
            f"{pixels.shape[1]}x{pixels.shape[0]}, not {wanted[key][1]}x{wanted[key][0]}: "
            f"{sample.files[first].name} is {width}x{height} (WxH, upright)",
        )
        for key, pixels in arrays.items()
        if key in wanted and pixels.shape[:2] != wanted[key]
    ]


def matte(key: str, path: Path, alpha: ImageArray) -> list[Finding]:
    """Mattes that show nobody, or nothing but the person."""
    if alpha.min() == 255:
        if key == "cutout":
            text = "its alpha channel is 255 everywhere"
            return [Finding("error", "opaque cut-out", path, text)]
        return [Finding("warning", "full matte", path, "255 everywhere")]
    if alpha.max() == 0:
        return [Finding("warning", "empty matte", path, "0 everywhere")]
    if alpha.max() < 128:
        return [Finding("warning", "faint matte", path, f"highest value {alpha.max()} of 255")]
    return []


def trimap(sample: Sample, arrays: Mapping[str, ImageArray]) -> list[Finding]:
    """Values that no trimap has, and mattes that differ where it says that they are known."""
    path, values = sample.files["trimap"], arrays["trimap"]
    stray = np.setdiff1d(values, (0, 128, 255))
    if stray.size:
        text = f"has {', '.join(map(str, stray[:5]))}{', ...' if stray.size > 5 else ''}"
        return [Finding("error", "trimap values", path, f"{text}; only 0, 128 and 255 are known")]
    alpha = next((a for a in mattes(arrays).values() if a.shape == values.shape), None)
    if alpha is None:
        return []
    wrong = (values == 255) & (alpha < 255 - KNOWN_STEPS) | (values == 0) & (alpha > KNOWN_STEPS)
    if not wrong.any():
        return []
    text = f"the matte differs in {wrong.mean():.2%} of the pixels where the trimap is 0 or 255"
    return [Finding("error", "trimap against matte", path, text)]


def likeness(pixels: ImageArray) -> int:
    """Difference hash: which of 8x9 areas are lighter than their left neighbours, as 64 bits."""
    grey = Image.fromarray(pixels).convert("L").resize((9, 8), Image.Resampling.BOX)
    rises = np.diff(np.asarray(grey, np.int16), axis=1) > 0
    return int.from_bytes(np.packbits(rises).tobytes(), "big")


def copies(samples: Sequence[Sample], examined: Sequence[Examined]) -> list[Finding]:
    """The same pixels twice: an error across splits for what shows the person, else a warning.

    Plates and mattes may serve several samples of a split. A sample without a split is in none.
    """
    places: dict[tuple[str, str], dict[tuple[str, Path], None]] = defaultdict(dict)
    for sample, one in zip(samples, examined, strict=True):
        for key, digest in one.digests.items():
            places[key, digest][sample.split, sample.files[key]] = None
    found = []
    for (key, _), ((split, path), *others) in ((k, list(v)) for k, v in places.items()):
        person = key in PICTURES
        elsewhere = [f"{other} ({s})" for s, other in others if split and s not in ("", split)]
        same = [str(other) for _, other in others if other != path]
        if elsewhere:
            level: Level = "error" if person else "warning"
            kind = f"{'picture' if person else key} in two splits"
            found.append(Finding(level, kind, path, f"({split}) is also {listed(elsewhere)}"))
        elif same and person:
            found.append(Finding("warning", "duplicate", path, f"is also {listed(same)}"))
    return found


def divided(samples: Sequence[Sample], level: Level) -> list[Finding]:
    """Groups that lie in two splits."""
    members: dict[str, dict[str, Path]] = defaultdict(dict)
    for sample in samples:
        for group in sample.groups if sample.split else ():
            members[group].setdefault(sample.split, next(iter(sample.files.values())))
    return [
        Finding(level, "group in two splits", path, f"({split}): {group} also has {listed(rest)}")
        for group, ((split, path), *others) in ((g, m.items()) for g, m in members.items())
        if (rest := [f"{other} ({s})" for s, other in others])
    ]


def alike(samples: Sequence[Sample], examined: Sequence[Examined]) -> list[Finding]:
    """Pictures that look like one of another split, by their difference hashes, but are no copies."""
    pictures: dict[str, dict[int, tuple[Path, str]]] = defaultdict(dict)
    for sample, one in zip(samples, examined, strict=True):
        if sample.split and one.likeness:  # 0 is a flat picture
            key = next(key for key in PICTURES if key in one.digests)
            pictures[sample.split].setdefault(one.likeness, (sample.files[key], one.digests[key]))
    found = []
    for pair in combinations(pictures.items(), 2):
        (few, mine), (many, theirs) = sorted(pair, key=lambda item: len(item[1]))
        hashes = np.array(list(theirs), np.uint64)
        for value, (path, digest) in mine.items():
            bits = np.bitwise_count(hashes ^ np.uint64(value))
            other, copied = theirs[int(hashes[bits.argmin()])]
            if bits.min() <= ALIKE_BITS and digest != copied:
                text = f"({few}) looks like {other} ({many})"
                found.append(Finding("warning", "alike in two splits", path, text))
    return found
