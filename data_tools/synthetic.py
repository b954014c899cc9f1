"""Write procedural portraits as files, in the layout that `data=folder` reads."""

import argparse
from pathlib import Path

from rich.progress import track
from torch.utils.data import default_collate

from bgr.data.compose import compose
from bgr.data.synthetic import SyntheticDataset
from bgr.io.files import make_folder
from bgr.io.images import to_uint8, write_image


def main(arguments: list[str]) -> None:
    """Parse the command line and write the files."""
    parser = argparse.ArgumentParser(prog="python -m data_tools synthetic", description=__doc__)
    parser.add_argument("output", type=Path, help="folder for image/ and alpha/")
    parser.add_argument("--count", type=int, default=20, help="number of portraits (default 20)")
    parser.add_argument("--size", type=int, nargs=2, default=(256, 256), metavar=("H", "W"))
    parser.add_argument("--seed", type=int, default=0, help="seed of the portraits (default 0)")
    options = parser.parse_args(arguments)
    write_portraits(options.output, options.count, tuple(options.size), options.seed)


def write_portraits(output: Path, count: int, size: tuple[int, int], seed: int) -> None:
    """Write `image/<n>.png` and `alpha/<n>.png`.

    Args:
        output: folder that receives both.
        count: number of portraits.
        size: height and width.
        seed: seed of the portraits.

    Raises:
        BgrError: the folder cannot be written.
    """
    dataset = SyntheticDataset("train", size, length=count, seed=seed)
    folders = {key: make_folder(output / key) for key in ("image", "alpha")}
    for index in track(range(count), "writing", transient=True):
        batch = compose(default_collate([dataset[index]]))
        name = f"{index:05d}.png"
        image = batch["image"][0].numpy().transpose(1, 2, 0)
        write_image(folders["image"] / name, to_uint8(image))
        write_image(folders["alpha"] / name, to_uint8(batch["alpha"][0, 0].numpy()))
