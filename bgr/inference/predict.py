"""Use a trained system on photos: cut out, enlarge, or replace the background."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from bgr.data.warps import resized
from bgr.errors import BgrError
from bgr.io.files import list_images, make_folder
from bgr.io.images import ImageArray, read_alpha, read_image, to_uint8, write_image
from bgr.systems.base import MattingSystem
from bgr.types import Batch


def find_inputs(path: Path) -> list[Path]:
    """The photos to process: one file, or the images of a folder.

    Raises:
        BgrError: nothing is there, or two photos would write the same result.
    """
    if not path.is_dir():
        return [path]
    files = list_images(path)
    stems = [f.stem for f in files]
    twice = sorted({f.name for f in files if stems.count(f.stem) > 1})
    if twice:
        raise BgrError(
            f"{', '.join(twice)} in {path} share a name", "different names before the suffix"
        )
    return files


def read_background(text: str) -> ImageArray:
    """A target background: an image file, or a colour `#rrggbb` as a 1x1 image."""
    if text.startswith("#"):
        try:
            colour = np.frombuffer(bytes.fromhex(text[1:]), np.uint8)
            return colour.reshape(1, 1, 3)
        except ValueError as error:
            raise BgrError(
                f"target_background is {text!r}",
                "an image file or a colour such as '#00ff00' (quoted, for the shell)",
            ) from error
    return read_image(Path(text))


def predict(
    system: MattingSystem,
    size: Sequence[int],
    inputs: Sequence[Path],
    output: Path,
    background: ImageArray | None,
    given: Mapping[str, Path],
    device: torch.device,
) -> None:
    """Write what a system makes of every photo.

    A matting system writes, at the photo's size, `output/alpha/<name>.png`, `output/cutout/<name>.png`
    (RGBA with estimated foreground colours) and, with a background, `output/composite/<name>.png`. A
    super-resolution system writes `output/image/<name>.png`, the photo enlarged; one that replaces the
    background writes `output/composite/<name>.png` at twice `size`.

    Args:
        system: trained system in eval mode on `device`.
        size: height and width of the network's input.
        inputs: photos.
        output: folder for the results.
        background: (h, w, 3) uint8, enlarged and cropped to cover each photo; None for no composite.
        given: files of other batch keys the system needs (`captured_background`, `trimap`): one file
            for all photos, or a folder with files of the photos' names.
        device: where the network runs.

    Raises:
        BgrError: something the system needs is not given; or some photos could not be read, after
            the others are done.
    """
    wanted = {"captured_background", "trimap"} & set(system.needs)
    if "target_background" in system.needs and background is None:
        wanted |= {"target_background"}
    lacking = sorted(wanted - set(given))
    if lacking:
        keys = " ".join(f"{key}=<file or folder>" for key in lacking)
        raise BgrError(f"{type(system).__name__} needs {', '.join(lacking)} beside the photo", keys)
    make_folder(output)
    failed: list[BgrError] = []
    for path in track(inputs, "predicting", transient=True):
        try:
            image = read_image(path)
            others = {key: read_other(given[key], path, key) for key in wanted & set(given)}
        except BgrError as error:
            failed.append(error)
            continue
        if "alpha" in system.predicts:
            results = cut_out(system, image, others, size, background, device)
        elif background is not None and "target_background" in system.needs:
            results = {"composite": replace(system, image, size, background, device)}
        else:
            results = {"image": enlarge(system, image, device)}
        for kind, pixels in results.items():
            write_image(make_folder(output / kind) / f"{path.stem}.png", to_uint8(pixels))
    if failed:
        reasons = "\n".join(str(e) for e in failed)
        raise BgrError(f"{len(failed)} of {len(inputs)} photos could not be read:\n{reasons}")


def read_other(source: Path, photo: Path, key: str) -> ImageArray:
    """The captured background (H, W, 3) or trimap (H, W, 1) that belongs to a photo."""
    if source.is_dir():
        matching = [file for file in list_images(source) if file.stem == photo.stem]
        if not matching:
            raise BgrError(f"no {key} for {photo}", f"{source / photo.stem}.<png or jpg>")
        source = matching[0]
    return read_alpha(source)[..., None] if key == "trimap" else read_image(source)


def cut_out(
    system: MattingSystem,
    image: ImageArray,
    others: Mapping[str, ImageArray],
    size: Sequence[int],
    background: ImageArray | None,
    device: torch.device,
) -> dict[str, NDArray[np.float64]]:
    """Alpha (H, W), cut-out (H, W, 4) and, with a background, composite (H, W, 3), float in [0, 1]."""
    alpha = predict_alpha(system, image, others, size, device)
    foreground = estimate_foreground(image, alpha)
    results = {"alpha": alpha, "cutout": np.dstack([foreground, alpha])}
    if background is not None:
        behind = covering(background, *image.shape[:2]) / 255
        matte = alpha[..., None]
        results["composite"] = matte * foreground + (1 - matte) * behind
    return results


@torch.inference_mode()
def predict_alpha(
    system: MattingSystem,
    image: ImageArray,
    others: Mapping[str, ImageArray],
    size: Sequence[int],
    device: torch.device,
) -> NDArray[np.float64]:
    """Matte of one photo at its own size.

    Args:
        system: trained system in eval mode on `device`.
        image: (H, W, 3) uint8.
        others: captured background or trimap, (h, w, C) uint8.
        size: height and width of the network's input.
        device: where the network runs.

    Returns:
        (H, W) float in [0, 1], enlarged bilinearly from the network's output.
    """
    height, width = size
    scaled = {k: resized(v, height, width) for k, v in {"image": image, **others}.items()}
    if "trimap" in others:  # three values, none between
        nearest = cv2.resize(others["trimap"], (width, height), interpolation=cv2.INTER_NEAREST)
        scaled["trimap"] = np.asarray(nearest, np.uint8).reshape(height, width, 1)
    batch = {k: as_batch(v, device) for k, v in scaled.items()}
    alpha = system.predict(cast(Batch, batch))["alpha"][0, 0].cpu().numpy()
    full = cv2.resize(alpha, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float64).clip(0, 1)


@torch.inference_mode()
def enlarge(system: MattingSystem, image: ImageArray, device: torch.device) -> NDArray[np.float64]:
    """A photo (H, W, 3) at twice its size, float in [0, 1]."""
    return as_array(system.predict({"low_res": as_batch(image, device)})["high_res"])


@torch.inference_mode()
def replace(
    system: MattingSystem,
    image: ImageArray,
    size: Sequence[int],
    background: ImageArray,
    device: torch.device,
) -> NDArray[np.float64]:
    """The person of a photo over another background, at twice `size`, float in [0, 1]."""
    height, width = (side * system.scale for side in size)
    batch: Batch = {
        "image": as_batch(resized(image, height, width), device),
        "target_background": as_batch(covering(background, height, width), device),
    }
    return as_array(system.predict(batch)["high_res"])


def as_batch(pixels: ImageArray, device: torch.device) -> Tensor:
    """(H, W, C) uint8 to (1, C, H, W) float32 in [0, 1]."""
    channels_first = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    return torch.from_numpy(channels_first).to(device)[None].float() / 255


def as_array(image: Tensor) -> NDArray[np.float64]:
    """(1, C, H, W) tensor to (H, W, C)."""
    return image[0].permute(1, 2, 0).cpu().double().numpy()


def estimate_foreground(image: ImageArray, alpha: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours of the person without the old background's (multi-level, Germer et al. 2020).

    Returns:
        (H, W, 3) float in [0, 1].
    """
    from pymatting import estimate_foreground_ml  # compiles with numba: only where it is used

    foreground: NDArray[np.float64] = estimate_foreground_ml(image / 255.0, alpha)
    return foreground.clip(0, 1)


def covering(background: ImageArray, height: int, width: int) -> ImageArray:
    """Crop the middle of a background to an aspect ratio and resize it to (height, width, 3)."""
    full_height, full_width = background.shape[:2]
    scale = min(full_height / height, full_width / width)
    h, w = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (full_height - h) // 2, (full_width - w) // 2
    return resized(background[top : top + h, left : left + w], height, width)
