"""How captured and true background differ: each effect alone, and only where it belongs."""

import torch

from bgr.data.compose import compose
from bgr.data.mismatch import CapturedMismatch
from bgr.types import Batch

SHARES = ("shadow", "exposure", "noise", "affine")


def only(effect: str, **strengths: float) -> CapturedMismatch:
    shares = {name: float(name == effect) for name in SHARES}
    return CapturedMismatch(**shares, **strengths)  # type: ignore[arg-type]


def batch(count: int = 12, side: int = 64) -> Batch:
    generator = torch.Generator().manual_seed(1)
    smooth = torch.rand(count, 3, 8, 8, generator=generator)
    alpha = torch.zeros(count, 1, side, side)
    alpha[..., side // 4 : 3 * side // 4, side // 3 : 2 * side // 3] = 1
    room = torch.nn.functional.interpolate(smooth, [side, side], mode="bilinear")
    return {
        "foreground": torch.rand(count, 3, side, side, generator=generator),
        "alpha": alpha,
        "captured_background": 0.2 + 0.6 * room,
        "seed": torch.arange(count),
    }


def changes(mismatch: CapturedMismatch) -> tuple[torch.Tensor, torch.Tensor]:
    """How much captured background and image differ from those of a perfect capture."""
    plain, made = compose(batch()), compose(batch(), mismatch=mismatch)
    assert torch.equal(plain["alpha"], made["alpha"])
    assert torch.equal(plain["foreground"], made["foreground"])
    inside = plain["alpha"].expand(-1, 3, -1, -1) == 1
    torch.testing.assert_close(plain["image"][inside], made["image"][inside])  # never the person
    difference = made["captured_background"] - plain["captured_background"]
    return difference, made["image"] - plain["image"]


def test_shadow_falls_on_the_scene_and_not_on_the_captured_background() -> None:
    captured, image = changes(only("shadow"))
    assert not captured.any()
    assert image.max() <= 1e-6
    darkest = image.amin(dim=(1, 2, 3))
    assert darkest.min() > -0.3
    assert (darkest < -0.02).sum() >= 6


def test_exposure_changes_the_captured_background_alone() -> None:
    captured, image = changes(only("exposure"))
    assert not image.any()
    assert (captured.abs().mean(dim=(1, 2, 3)) > 0.01).sum() >= 9


def test_noise_has_the_strength_that_is_asked_for() -> None:
    captured, image = changes(only("noise", noise_std=0.05))
    assert not image.any()
    spread = captured.std(dim=(1, 2, 3))
    assert spread.max() < 0.055
    assert spread.max() > 0.03


def test_affine_moves_the_captured_background_by_no_more_than_asked() -> None:
    """Against a search for the shift that explains the picture."""
    mismatch = only("affine", rotation=0.0, shift=0.05)
    plain, made = compose(batch()), compose(batch(), mismatch=mismatch)
    assert torch.equal(plain["image"], made["image"])
    before, after = plain["captured_background"], made["captured_background"]
    reach = 4  # 5 % of 64 pixels is 3.2
    window = before[..., reach:-reach, reach:-reach]
    for index in range(len(before)):
        errors = {
            (dy, dx): float(
                (
                    torch.roll(after[index], (-dy, -dx), (-2, -1))[:, reach:-reach, reach:-reach]
                    - window[index]
                )
                .abs()
                .mean()
            )
            for dy in range(-reach, reach + 1)
            for dx in range(-reach, reach + 1)
        }
        best = min(errors, key=errors.__getitem__)
        assert max(map(abs, best)) <= 4
        assert errors[best] < 0.02


def test_nothing_happens_without_a_share_or_in_evaluation() -> None:
    captured, image = changes(only("none"))
    assert not captured.any()
    assert not image.any()
    given = batch()
    del given["seed"]
    before = given["captured_background"].clone()
    assert torch.equal(compose(given, mismatch=CapturedMismatch())["captured_background"], before)


def test_each_sample_draws_from_its_own_seed() -> None:
    together = compose(batch(), mismatch=CapturedMismatch())
    one: Batch = {k: v[7:8] for k, v in batch().items()}  # type: ignore[index,misc,assignment]
    alone = compose(one, mismatch=CapturedMismatch())
    for key in ("image", "captured_background"):
        torch.testing.assert_close(together[key][7:8], alone[key])  # type: ignore[literal-required]
