"""Contact sheets: many small pictures with captions in one, to look over what a tool made."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from bgr.io.images import ImageArray

CAPTION = 14  # pixels, for Pillow's built-in font
GREEN, BLUE = (60, 180, 75), (30, 90, 200)  # behind cut-outs: what a wrong matte lets through shows


def contact_sheet(
    entries: Sequence[tuple[str, Sequence[ImageArray]]], height: int = 160, columns: int = 4
) -> ImageArray:
    """Arrange entries in a grid.

    Args:
        entries: caption and pictures, (H, W) or (H, W, 3) uint8, that are shown side by side.
        height: pixels of a picture; widths follow.
        columns: entries a line.

    Returns:
        (H, W, 3) uint8.
    """
    cells = [_cell(caption, pictures, height) for caption, pictures in entries]
    width = max(cell.width for cell in cells)
    lines = -(-len(cells) // columns)
    across = min(columns, len(cells))
    sheet = Image.new("RGB", (across * (width + 4), lines * (height + CAPTION + 4)), "white")
    for index, cell in enumerate(cells):
        line, column = divmod(index, columns)
        sheet.paste(cell, (column * (width + 4), line * (height + CAPTION + 4)))
    return np.asarray(sheet)


def evenly(count: int, limit: int) -> list[int]:
    """At most `limit` of the numbers below `count`, evenly spread from the first to the last."""
    spread = np.linspace(0, count - 1, min(count, limit)).round().astype(int)
    return [int(number) for number in np.unique(spread)]


def over_colour(
    foreground: ImageArray, alpha: ImageArray, colour: tuple[int, int, int] = BLUE
) -> ImageArray:
    """A cut-out over a plain colour: (H, W, 3) from (H, W, 3) and (H, W), uint8."""
    share = alpha[..., None] / 255
    return np.asarray((share * foreground + (1 - share) * np.array(colour)).round(), np.uint8)


def _cell(caption: str, pictures: Sequence[ImageArray], height: int) -> Image.Image:
    small = []
    for pixels in pictures:
        picture = Image.fromarray(pixels).convert("RGB")
        width = max(1, round(picture.width * height / picture.height))
        small.append(picture.resize((width, height), Image.Resampling.BILINEAR))
    cell = Image.new("RGB", (sum(p.width for p in small), height + CAPTION), "white")
    left = 0
    for picture in small:
        cell.paste(picture, (left, 0))
        left += picture.width
    ImageDraw.Draw(cell).text((2, height), caption, fill="black")
    return cell
