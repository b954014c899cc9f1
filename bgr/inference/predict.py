"""Cut people out of photos with a trained network."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from bgr.data.dataset import resized
from bgr.errors import BgrError
from bgr.io.files import list_images, make_folder
from bgr.io.images import ImageArray, read_image, to_uint8, write_image
from bgr.systems.base import MattingSystem


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
    device: torch.device,
) -> None:
    """Write alpha, cut-out and, with a background, the composite of every photo, at its own size.

    `output/alpha/<name>.png` is the matte, `output/cutout/<name>.png` RGBA with estimated foreground
    colours, `output/composite/<name>.png` the person over the background.

    Args:
        system: trained system in eval mode on `device`.
        size: height and width of the network's input.
        inputs: photos.
        output: folder for the results.
        background: (h, w, 3) uint8, enlarged and cropped to cover each photo; None for no composite.
        device: where the network runs.

    Raises:
        BgrError: some photos could not be read; the others are done.
    """
    kinds = ["alpha", "cutout"] + ["composite"] * (background is not None)
    folders = {kind: make_folder(output / kind) for kind in kinds}
    failed: list[BgrError] = []
    for path in track(inputs, "predicting", transient=True):
        try:
            image = read_image(path)
        except BgrError as error:
            failed.append(error)
            continue
        alpha = predict_alpha(system, image, size, device)
        foreground = estimate_foreground(image, alpha)
        name = f"{path.stem}.png"
        write_image(folders["alpha"] / name, to_uint8(alpha))
        write_image(folders["cutout"] / name, to_uint8(np.dstack([foreground, alpha])))
        if background is not None:
            behind = covering(background, *image.shape[:2]) / 255
            matte = alpha[..., None]
            over = matte * foreground + (1 - matte) * behind
            write_image(folders["composite"] / name, to_uint8(over))
    if failed:
        reasons = "\n".join(str(e) for e in failed)
        raise BgrError(f"{len(failed)} of {len(inputs)} photos could not be read:\n{reasons}")


@torch.inference_mode()
def predict_alpha(
    system: MattingSystem, image: ImageArray, size: Sequence[int], device: torch.device
) -> NDArray[np.float64]:
    """Matte of one photo at its own size.

    Args:
        system: trained system in eval mode on `device`.
        image: (H, W, 3) uint8.
        size: height and width of the network's input.
        device: where the network runs.

    Returns:
        (H, W) float in [0, 1], enlarged bilinearly from the network's output.
    """
    small = np.ascontiguousarray(resized(image, *size).transpose(2, 0, 1))
    batch = torch.from_numpy(small).to(device)[None].float() / 255
    alpha = system.predict({"image": batch})["alpha"][0, 0].cpu().numpy()
    full = cv2.resize(alpha, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float64).clip(0, 1)


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
