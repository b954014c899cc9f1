"""`coco_trimaps` against masks, bands and edges computed by other means."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage

from bgr.errors import BgrError
from bgr.io.coco import Photo
from bgr.io.images import read_alpha, read_image, write_image
from bgr.io.manifest import Manifest
from data_tools.coco_trimaps import main, subset
from data_tools.paper_trimap import canny_edges, paper_trimap
from data_tools.runner import Rejected
from data_tools.trimaps import band, closed_form, grabcut

# pycocotools and numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Mask = NDArray[np.bool_]
Entry = tuple[dict[str, Any], ...]
HAS_FORESTS = hasattr(cv2, "ximgproc")
PERSON, DOG = 1, 18


def rectangle(top: int, left: int, bottom: int, right: int, shape: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def polygon_of(top: int, left: int, bottom: int, right: int) -> list[float]:
    return [left, top, right, top, right, bottom, left, bottom]


def run_lengths(mask: Mask) -> list[int]:
    """Lengths of the runs in column order, the first of zeros."""
    column_wise = mask.T.ravel().astype(int)
    changes = np.flatnonzero(np.diff(column_wise, prepend=0))
    return np.diff(np.concatenate([[0], changes, [mask.size]])).tolist()


def compressed(counts: list[int]) -> str:
    """COCO's text: five bits a character from the lowest, differences to the run before last."""
    text = ""
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            low = value & 31
            value >>= 5
            more = value != (-1 if low & 16 else 0)
            text += chr(48 + low + (32 if more else 0))
    return text


def annotation(segmentation: Any, category: int = PERSON, crowd: bool = False) -> dict[str, Any]:
    return {"segmentation": segmentation, "category_id": category, "iscrowd": int(crowd)}


def runs(mask: Mask, crowd: bool = False) -> dict[str, Any]:
    return annotation({"counts": run_lengths(mask), "size": list(mask.shape)}, crowd=crowd)


def person(shape: tuple[int, int] = (60, 80)) -> tuple[dict[str, Any], Mask]:
    """A rectangle in the middle, as a polygon and as a mask."""
    height, width = shape
    box = height // 4, width // 4, height - height // 5, width - width // 4
    return annotation([polygon_of(*box)]), rectangle(*box, shape)


@pytest.fixture
def coco(tmp_path: Path) -> Callable[..., list[str]]:
    """Write a COCO folder of given annotations; gives the tool's first three arguments."""

    def write(shape: tuple[int, int] = (60, 80), **photos: Entry) -> list[str]:
        (tmp_path / "photos").mkdir()
        rng = np.random.default_rng(1)
        images, annotations = [], []
        for number, (name, entries) in enumerate(photos.items(), 7):
            pixels = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
            write_image(tmp_path / "photos" / f"{name}.png", pixels)
            images.append(
                {"id": number, "file_name": f"{name}.png", "height": shape[0], "width": shape[1]}
            )
            annotations += [{**entry, "image_id": number} for entry in entries]
        annotations.append({**person()[0], "image_id": 10**6})  # of a photo that is not listed
        categories = [{"id": PERSON, "name": "person"}, {"id": DOG, "name": "dog"}]
        made = {"images": images, "annotations": annotations, "categories": categories}
        (tmp_path / "coco.json").write_text(json.dumps(made))
        return [str(tmp_path / name) for name in ("coco.json", "photos", "out")]

    return write


def work(arguments: list[str], *options: str) -> Path:
    main([*arguments, "--workers", "1", *options])
    return Path(arguments[2])


def skipped(output: Path) -> list[str]:
    return (output / "skipped.csv").read_text().splitlines()[1:]


BLOB = ndimage.gaussian_filter(np.random.default_rng(4).standard_normal((60, 80)), 8) > 0
TRIANGLE = [10.0, 50.0, 70.0, 50.0, 40.0, 5.0]


@pytest.mark.parametrize(
    ("entry", "mask"),
    [
        (annotation([polygon_of(10, 20, 50, 60)]), rectangle(10, 20, 50, 60, (60, 80))),
        (
            annotation(
                [polygon_of(10, 5, 50, 40), polygon_of(20, 50, 55, 75), [1.0, 2.0, 3.0, 4.0]]
            ),
            rectangle(10, 5, 50, 40, (60, 80)) | rectangle(20, 50, 55, 75, (60, 80)),
        ),
        (runs(BLOB), BLOB),
        (annotation({"counts": compressed(run_lengths(BLOB)), "size": [60, 80]}), BLOB),
    ],
    ids=["polygon", "polygons", "run lengths", "compressed"],
)
def test_native_alpha_is_the_annotated_region(
    coco: Callable[..., list[str]], entry: dict[str, Any], mask: Mask
) -> None:
    arguments = coco(photo=(entry,))
    output = work(arguments, "--size", "native", "--radius", "2")
    assert np.array_equal(read_alpha(output / "alpha/photo.png"), mask * 255)
    given = read_image(Path(arguments[1]) / "photo.png")
    assert np.array_equal(read_image(output / "image/photo.png"), given)
    (row,) = Manifest(output)
    assert {key: row[key] for key in ("name", "group", "image", "alpha", "trimap")} == {
        "name": "photo",
        "group": "photo",
        **{key: f"{key}/photo.png" for key in ("image", "alpha", "trimap")},
    }
    assert list(row["inputs"]) == [str(Path(arguments[1]) / "photo.png")]


def test_slanted_polygon_covers_the_pixels_whose_centres_it_holds(
    coco: Callable[..., list[str]],
) -> None:
    output = work(coco(photo=(annotation([TRIANGLE]),)), "--size", "native", "--radius", "2")
    alpha = read_alpha(output / "alpha/photo.png")
    y, x = np.mgrid[:60, :80] + 0.5
    inside = (y < 50) & (y > 50 - (x - 10) * 1.5) & (y > 50 - (70 - x) * 1.5)
    outline = ndimage.binary_dilation(inside) & ~ndimage.binary_erosion(inside)
    assert np.array_equal((alpha > 0)[~outline], inside[~outline])
    assert abs(int((alpha > 0).sum()) - 30 * 45) < 30


def test_persons_are_one_matte_and_dogs_are_not_in_it(coco: Callable[..., list[str]]) -> None:
    boxes = (10, 5, 50, 30), (20, 25, 55, 60)
    dog = annotation([polygon_of(5, 62, 59, 79)], DOG)
    arguments = coco(both=(*(annotation([polygon_of(*b)]) for b in boxes), dog), dog=(dog,))
    output = work(arguments, "--size", "native", "--radius", "2")
    union = rectangle(*boxes[0], (60, 80)) | rectangle(*boxes[1], (60, 80))
    assert np.array_equal(read_alpha(output / "alpha/both.png"), union * 255)
    assert skipped(output) == ["dog,no person"]
    arguments[2] += "_dogs"
    output = work(arguments, "--category", "dog", "--size", "native", "--radius", "2")
    assert [row["name"] for row in Manifest(output)] == ["both", "dog"]


def test_resized_alpha_is_the_share_of_each_pixel_covered(coco: Callable[..., list[str]]) -> None:
    output = work(coco(photo=(runs(BLOB),)), "--size", "15", "20", "--radius", "1")
    shares = BLOB.reshape(15, 4, 20, 4).mean(axis=(1, 3)) * 255
    alpha, trimap = (read_alpha(output / f"{key}/photo.png") for key in ("alpha", "trimap"))
    assert np.abs(alpha - shares).max() <= 0.5
    assert len(np.unique(alpha)) > 5
    assert (alpha[trimap == 255] == 255).all()
    assert (alpha[trimap == 0] == 0).all()
    assert set(np.unique(trimap)) == {0, 128, 255}


def brute_force(mask: Mask, radius: int, shape: str) -> NDArray[np.uint8]:
    """Unknown where a pixel of the other kind lies within the radius, by trying all pairs."""
    trimap = np.where(mask, 255, 0).astype(np.uint8)
    places = {kind: np.argwhere(mask == kind) for kind in (True, False)}
    for y, x in np.ndindex(mask.shape):
        dy, dx = np.abs(places[not mask[y, x]] - (y, x)).T
        distance = np.hypot(dy, dx) if shape == "distance" else np.maximum(dy, dx)
        if distance.min() <= radius:
            trimap[y, x] = 128
    return trimap


@pytest.mark.parametrize("shape", ["distance", "erosion"])
@pytest.mark.parametrize("radius", [1, 3, 5])
def test_band_is_as_wide_as_asked(coco: Callable[..., list[str]], shape: str, radius: int) -> None:
    options = "--size", "native", "--band", shape, "--radius", str(radius)
    output = work(coco(photo=(runs(BLOB),)), *options)
    trimap = read_alpha(output / "trimap/photo.png")
    assert np.array_equal(trimap, brute_force(BLOB, radius, shape))


def test_radius_below_one_is_a_share_of_the_shorter_side(coco: Callable[..., list[str]]) -> None:
    output = work(coco(photo=(runs(BLOB),)), "--size", "native", "--radius", "0.05")
    trimap = read_alpha(output / "trimap/photo.png")
    assert np.array_equal(trimap, brute_force(BLOB, 3, "distance"))


def test_nothing_is_supposed_beyond_the_picture() -> None:
    alpha = np.full((20, 20), 255, np.uint8)
    alpha[:, :10] = 0
    for shape in ("distance", "erosion"):
        assert (band(alpha, 3, shape) == np.repeat([0, 128, 255], [7, 6, 7])).all()


@pytest.mark.parametrize("policy", ["skip", "unknown", "include"])
def test_crowds(coco: Callable[..., list[str]], policy: str) -> None:
    entry, mask = person()
    crowd = rectangle(2, 70, 40, 79, (60, 80))
    arguments = coco(
        alone=(entry,),
        with_crowd=(entry, runs(crowd, crowd=True)),
        crowd=(runs(crowd, crowd=True),),
    )
    output = work(arguments, "--size", "native", "--radius", "2", "--crowd", policy)
    names = [row["name"] for row in Manifest(output)]
    if policy == "skip":
        assert names == ["alone"]
        assert skipped(output) == ["with_crowd,crowd of person", "crowd,crowd of person"]
        return
    alpha, trimap = (read_alpha(output / f"{key}/with_crowd.png") for key in ("alpha", "trimap"))
    if policy == "unknown":
        assert names == ["alone", "with_crowd"]
        assert skipped(output) == ["crowd,no person"]
        assert np.array_equal(alpha, mask * 255)
        assert (trimap[crowd] == 128).all()
        assert np.array_equal(trimap[~crowd], brute_force(mask, 2, "distance")[~crowd])
    else:
        assert names == ["alone", "with_crowd", "crowd"]
        assert np.array_equal(alpha, (mask | crowd) * 255)
        assert np.array_equal(trimap, brute_force(mask | crowd, 2, "distance"))


def test_thin_small_and_filling_persons_are_left_out_with_a_reason(
    coco: Callable[..., list[str]],
) -> None:
    arguments = coco(
        kept=(person()[0],),
        thin=(annotation([polygon_of(5, 10, 10, 75)]),),
        small=(annotation([polygon_of(5, 10, 10, 12)]),),
        filling=(annotation([polygon_of(0, 0, 60, 80)]),),
    )
    output = work(arguments, "--size", "native", "--radius", "4", "--min-share", "0.01")
    assert skipped(output) == [
        "thin,no sure foreground",
        "small,person on less than 0.01 of the photo",
        "filling,no sure background",
    ]
    assert Manifest(output).header["skipped"]["no sure foreground"] == 1
    assert len(list((output / "trimap").iterdir())) == 1


def test_subset_is_seeded_and_grows(coco: Callable[..., list[str]]) -> None:
    arguments = coco(**{f"p{i}": (person()[0],) for i in range(8)}, empty=())
    kept = {}
    for options in ("3", "3 --seed 1", "5", "100"):
        arguments[2] = f"{arguments[2]}_"
        output = work(arguments, "--size", "24", "32", "--subset", *options.split())
        kept[options] = [row["name"] for row in Manifest(output)]
        assert skipped(output) == []
    assert [len(names) for names in kept.values()] == [3, 3, 5, 8]
    assert kept["3"] != kept["3 --seed 1"]
    assert set(kept["3"]) < set(kept["5"])
    photos = [Photo(f"p{i}.png", (60, 80), [[]], []) for i in range(8)]
    again = [Path(photo.file).stem for photo in subset(photos[::-1], 3, 0)]
    assert again == kept["3"][::-1]


def test_damaged_photos_are_named(coco: Callable[..., list[str]]) -> None:
    entry = person()[0]
    wrong_runs = annotation({"counts": [10, 5], "size": [60, 80]})
    turned = annotation({"counts": run_lengths(BLOB), "size": [80, 60]})
    too_long = annotation({"counts": compressed([4000, 1000]), "size": [60, 80]})
    arguments = coco(
        fine=(entry,),
        missing=(entry,),
        empty=(entry,),
        other=(entry,),
        wrong_runs=(wrong_runs,),
        turned=(turned,),
        too_long=(too_long,),
    )
    photos = Path(arguments[1])
    (photos / "missing.png").unlink()
    (photos / "empty.png").write_bytes(b"")
    write_image(photos / "other.png", np.zeros((50, 70, 3), np.uint8))
    with pytest.raises(BgrError, match=r"no file .*missing\.png"):
        work(arguments)
    with pytest.raises(BgrError) as given:
        work(arguments, "--on-error", "skip", "--max-errors", "5")
    message = str(given.value)
    assert "other.png has 50x70 pixels" in message
    assert "60x80, as its annotations say" in message
    for name in ("empty", "wrong_runs", "turned", "too_long"):
        assert f"{name}.png" in message
    output = work(arguments, "--on-error", "skip", "--max-errors", "6")
    assert [row["name"] for row in Manifest(output)] == ["fine"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("\xff", "is not JSON"),
        ("[]", "laid out otherwise"),
        ('{"images": [], "categories": [{"name": "person", "id": 1}]}', "lacks 'annotations'"),
        ('{"images": [], "annotations": []}', "lacks 'categories'"),
        (None, "No such file"),
    ],
)
def test_wrong_annotation_files_are_named(
    coco: Callable[..., list[str]], text: str | None, message: str
) -> None:
    arguments = coco(photo=(person()[0],))
    Path(arguments[0]).unlink()
    if text is not None:
        Path(arguments[0]).write_bytes(text.encode("latin-1"))
    with pytest.raises(BgrError, match=rf"coco\.json.*{message}"):
        work(arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--category persons", r"no category 'persons'\n.*such as person$"),
        ("--size 240", "--size 240"),
        ("--size 0 5", "--size 0 5"),
        ("--radius 0", "--radius 0"),
        ("--method paper --alpha annotation", "contradict"),
    ],
)
def test_wrong_options_are_explained(
    coco: Callable[..., list[str]], options: str, message: str
) -> None:
    arguments = coco(photo=(person()[0],))
    with pytest.raises(BgrError, match=message):
        work(arguments, *options.split())
    assert not Path(arguments[2]).exists()


def test_dry_run_writes_nothing(coco: Callable[..., list[str]]) -> None:
    assert not work(coco(photo=(person()[0],)), "--dry-run").exists()


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*.png") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_resuming_does_nothing_and_refuses_other_annotations(
    coco: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = coco(a=(person()[0],), b=(runs(BLOB),), c=())
    output = work(arguments, "--size", "24", "32")
    before, manifest = snapshot(output), (output / "manifest.jsonl").read_bytes()
    assert len(before) == 6
    capsys.readouterr()
    work(arguments, "--size", "24", "32")
    assert "3 items were done before" in capsys.readouterr().out
    assert snapshot(output) == before
    assert (output / "manifest.jsonl").read_bytes() == manifest
    Path(arguments[0]).write_text(Path(arguments[0]).read_text() + " ")
    with pytest.raises(BgrError, match="annotations_sha256"):
        work(arguments, "--size", "24", "32")


def portrait(shape: tuple[int, int] = (240, 320), noise: int = 6) -> tuple[NDArray[np.uint8], Mask]:
    """A red ellipse with a little grain on blue, and where it is."""
    height, width = shape
    y, x = np.mgrid[:height, :width]
    inside = ((y - height / 2) / (height * 0.4)) ** 2 + ((x - width / 2) / (width * 0.25)) ** 2 < 1
    image = np.where(inside[..., None], (200, 60, 40), (30, 60, 160))
    grain = np.random.default_rng(2).integers(-noise, noise + 1, image.shape)
    return (image + grain).astype(np.uint8), inside


def test_contact_sheet_shows_every_sample(coco: Callable[..., list[str]]) -> None:
    arguments = coco(**{f"p{i}": (person()[0],) for i in range(3)})
    output = work(arguments, "--size", "60", "80", "--radius", "3")
    sheet = read_image(output / "contact_sheet.jpg")
    assert sheet.shape[0] > 2 * 160
    assert sheet.shape[1] > 2 * 4 * 160 * 80 // 60


def test_closed_form_is_exact_where_the_trimap_is_certain() -> None:
    image, inside = portrait((60, 80))
    trimap = band(np.where(inside, 255, 0).astype(np.uint8), 4, "distance")
    alpha = closed_form(image, trimap)
    assert (alpha[trimap == 255] == 255).all()
    assert (alpha[trimap == 0] == 0).all()
    assert np.abs(alpha / 255 - inside).max() < 0.2
    assert np.abs(alpha / 255 - inside).mean() < 0.01
    with pytest.raises(Rejected, match="closed form"):
        closed_form(image, np.maximum(trimap, 128))


def test_closed_form_alpha_of_photos(coco: Callable[..., list[str]]) -> None:
    arguments = coco(photo=(person()[0],))
    image, inside = portrait((60, 80))
    write_image(Path(arguments[1]) / "photo.png", image)
    output = work(arguments, "--size", "native", "--radius", "9", "--alpha", "closed-form")
    alpha, trimap = (read_alpha(output / f"{key}/photo.png") for key in ("alpha", "trimap"))
    certain = trimap != 128
    assert np.array_equal(alpha[certain], trimap[certain])
    assert np.array_equal(trimap, brute_force(person()[1], 9, "distance"))
    near = ~certain
    assert np.abs(alpha / 255 - inside)[near].mean() < 0.25


def steps_of_the_paper(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The paper's steps from the edges on, in numpy and scipy."""
    edges = canny_edges(binomial_blur(image))
    while True:
        windows = sliding_window_view(np.pad(edges, 1, mode="edge"), (3, 3))
        median = np.median(windows, axis=(2, 3)).astype(np.uint8)
        if (median == edges).all():
            break
        edges = median
    parts, _ = ndimage.label(edges, np.ones((3, 3)))
    filled = [ndimage.binary_fill_holes(parts == i) for i in range(1, parts.max() + 1)]
    mask = max(filled, key=lambda part: part.sum())
    sure = mask
    for _ in range(10):
        windows = sliding_window_view(np.pad(sure, 2, constant_values=True), (5, 5))
        sure = windows.all(axis=(2, 3))
    return np.where(sure, 255, np.where(mask, 128, 0)).astype(np.uint8)


def binomial_blur(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    weights = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
    padded = np.pad(image.astype(np.int64), ((2, 2), (2, 2), (0, 0)), mode="reflect")
    windows = sliding_window_view(padded, (5, 5), axis=(0, 1))
    return ((np.einsum("hwcij,ij->hwc", windows, weights) + 128) // 256).astype(np.uint8)


def test_paper_trimap_follows_its_steps() -> None:
    image, inside = portrait()
    image[20:26, 20:60] = 255  # a smaller outline that has to go
    trimap = paper_trimap(image)
    assert np.array_equal(trimap, steps_of_the_paper(image))
    depth = np.where(inside, ndimage.distance_transform_edt(inside), 0)
    assert (trimap[20:26, 20:60] == 0).all()
    assert (trimap[inside] > 0).all()
    assert (trimap[depth > 30] == 255).all()
    assert (trimap[(depth > 0) & (depth < 14)] == 128).all()


def test_picture_without_edges_gives_no_foreground() -> None:
    assert (paper_trimap(np.full((60, 80, 3), 90, np.uint8)) == 0).all()


def test_grabcut_finds_the_silhouette_and_keeps_what_is_certain() -> None:
    image, inside = portrait()
    trimap = paper_trimap(image)
    trimap[100:110, 150:160] = 0
    alpha = grabcut(image, trimap)
    assert set(np.unique(alpha)) == {0, 255}
    assert (alpha[trimap == 0] == 0).all()
    assert (alpha[trimap == 255] == 255).all()
    inside[100:110, 150:160] = False
    assert ((alpha > 0) & inside).sum() / ((alpha > 0) | inside).sum() > 0.95
    assert np.array_equal(alpha, grabcut(image, trimap))
    with pytest.raises(Rejected, match="GrabCut failed"):
        grabcut(image, np.full((240, 320), 128, np.uint8))


def test_paper_method_of_photos(coco: Callable[..., list[str]]) -> None:
    entry = person((240, 320))[0]
    arguments = coco((240, 320), a=(entry,), b=(entry,), plain=(entry,), empty=())
    image, inside = portrait()
    for name in ("a", "b"):
        write_image(Path(arguments[1]) / f"{name}.png", image)
    write_image(Path(arguments[1]) / "plain.png", np.full((240, 320, 3), 90, np.uint8))
    output = work(arguments, "--method", "paper")
    assert skipped(output) == ["plain,no sure foreground", "empty,no person"]
    assert np.array_equal(read_alpha(output / "trimap/b.png"), steps_of_the_paper(image))
    alphas = [read_alpha(output / f"alpha/{name}.png") for name in ("a", "b")]
    assert np.array_equal(*alphas)
    assert ((alphas[0] > 0) == inside).mean() > 0.97
    assert Manifest(output).header["arguments"]["alpha"] == "grabcut"


@pytest.mark.skipif(HAS_FORESTS, reason="this OpenCV has structured forests")
def test_structured_edges_name_the_package_they_need(coco: Callable[..., list[str]]) -> None:
    arguments = coco(photo=(person()[0],))
    with pytest.raises(BgrError, match="opencv-contrib-python-headless"):
        work(arguments, "--method", "paper", "--edges", "model.yml")


STUMPS = """%YAML:1.0
options: {stride: 2, shrinkNumber: 2, patchSize: 32, patchInnerSize: 16,
  numberOfGradientOrientations: 4, gradientSmoothingRadius: 0, regFeatureSmoothingRadius: 2,
  ssFeatureSmoothingRadius: 8, gradientNormalizationRadius: 4, selfsimilarityGridSize: 5,
  numberOfTrees: 2, numberOfTreesToEvaluate: 1}
childs: [[2, 0, 0], [2, 0, 0]]
featureIds: [[904, 0, 0], [904, 0, 0]]
thresholds: [[1., 0., 0.], [1., 0., 0.]]
edgeBoundaries: [[0, 0, 0], [4, 4, 4, 8]]
edgeBins: [[119, 120, 135, 136], [119, 120, 135, 136]]
"""
"""Two trees of one question each: is the gradient (channel 3) strong amidst the patch?"""


@pytest.mark.skipif(not HAS_FORESTS, reason="needs opencv-contrib")
def test_structured_edges_outline_the_silhouette(tmp_path: Path) -> None:
    model = tmp_path / "stumps.yml"
    model.write_text(STUMPS)
    image, inside = portrait(noise=0)
    trimap = paper_trimap(image, model)
    assert ((trimap > 0) == inside).mean() > 0.95
    for wrong in ("%YAML:1.0\n", "text", ""):
        broken = tmp_path / f"{len(wrong)}.yml"
        broken.write_text(wrong)
        with pytest.raises(BgrError, match="cannot read"):
            paper_trimap(image, broken)


@pytest.mark.real
@pytest.mark.parametrize("method", ["annotation", "paper"])
def test_real_photos(real_data: Path, tmp_path: Path, method: str) -> None:
    folder = real_data / "coco"
    arguments = [str(folder / "annotations.json"), str(folder / "images"), str(tmp_path / "out")]
    output = work(arguments, "--method", method, "--alpha", "closed-form", "--subset", "8")
    assert len(Manifest(output)) >= 3
    for row in Manifest(output):
        image = read_image(output / row["image"])
        alpha, trimap = (read_alpha(output / row[key]) for key in ("alpha", "trimap"))
        assert image.shape == (240, 320, 3)
        assert alpha.shape == trimap.shape == (240, 320)
        assert set(np.unique(trimap)) == {0, 128, 255}
        certain = trimap != 128
        assert np.array_equal(alpha[certain], trimap[certain])


@pytest.mark.real
def test_closed_form_of_a_hand_made_trimap_is_near_its_matte(real_data: Path) -> None:
    folder = real_data / "trimap_matting"
    image = read_image(folder / "image/lemur.png")
    hand, alpha = (read_alpha(folder / f"{key}/lemur.png") for key in ("trimap", "alpha"))
    trimap = np.where((hand == 0) | (hand == 255), hand, 128).astype(np.uint8)
    made = closed_form(image, trimap)
    assert np.abs(made / 255 - alpha / 255).mean() < 0.002
