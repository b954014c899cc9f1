"""The loss set of BackgroundMattingV2, its stages and learning rates."""

from pathlib import Path

import kornia
import pytest
import torch
import torch.nn.functional as F

from bgr.bench.step import random_batch
from bgr.errors import BgrError
from bgr.io.checkpoints import save_checkpoint
from bgr.models.background_matting import MattingBase, MattingRefine
from bgr.systems.background_matting import BackgroundMattingSystem
from bgr.training.run import load_weights

BASE = {"alpha": 1.0, "gradient": 1.0, "foreground": 1.0, "error": 1.0}
JOINT = {**BASE, "coarse_alpha": 1.0, "coarse_gradient": 1.0, "coarse_foreground": 1.0}


def test_base_terms_written_out() -> None:
    torch.manual_seed(0)
    system = BackgroundMattingSystem(MattingBase("mobilenetv2"), BASE, reading="code").eval()
    batch = random_batch(system, (32, 48), 2)
    batch["alpha"][:, :, :10] = 0
    alpha, true = system.network(*system.inputs(batch)), batch["alpha"]
    terms = system.losses(batch)
    torch.testing.assert_close(terms["alpha"], F.l1_loss(alpha.alpha, true))
    # the authors' code compares the outputs of kornia's Sobel filter
    edges = F.l1_loss(kornia.filters.sobel(alpha.alpha), kornia.filters.sobel(true))
    torch.testing.assert_close(terms["gradient"], edges, rtol=1e-3, atol=1e-5)
    inside = (true > 0).expand(-1, 3, -1, -1)
    colours = F.l1_loss(alpha.foreground * inside, batch["foreground"] * inside)
    torch.testing.assert_close(terms["foreground"], colours)
    wrong = (alpha.alpha - true).abs().detach()
    torch.testing.assert_close(terms["error"], F.mse_loss(alpha.error, wrong))
    torch.testing.assert_close(terms["alpha_mse"], F.mse_loss(alpha.alpha, true))


def test_the_error_term_does_not_move_alpha() -> None:
    system = BackgroundMattingSystem(MattingBase("mobilenetv2"), {"error": 1.0}).train()
    system.losses(random_batch(system, (32, 32), 2))["error"].backward()
    rows = system.network.decoder.conv4.weight.grad.flatten(1).abs().sum(dim=1)
    assert rows[4] > 0
    assert rows[:4].sum() == rows[5:].sum() == 0


@pytest.mark.parametrize(("reading", "moved"), [("paper", False), ("code", True)])
def test_the_joint_error_term_moves_alpha_in_the_code_only(reading: str, moved: bool) -> None:
    torch.manual_seed(0)
    network = MattingRefine("mobilenetv2", refine_mode="full")
    system = BackgroundMattingSystem(network, {"error": 1.0}, reading=reading).train()
    system.losses(random_batch(system, (64, 64), 2))["error"].backward()
    row = network.decoder.conv4.weight.grad[0]
    assert (row.abs().sum() > 0) == moved


def test_joint_terms_and_gradient_of_components() -> None:
    torch.manual_seed(0)
    network = MattingRefine("mobilenetv2")
    system = BackgroundMattingSystem(network, JOINT).eval()
    batch = random_batch(system, (64, 64), 2)
    out, terms = network(*system.inputs(batch)), system.losses(batch)
    assert set(JOINT) <= set(terms)
    small = F.interpolate(batch["alpha"], scale_factor=0.25, mode="bilinear")
    torch.testing.assert_close(terms["coarse_alpha"], F.l1_loss(out.coarse_alpha, small))
    inside = (batch["alpha"] > 0).expand(-1, 3, -1, -1)
    colours = F.l1_loss(out.foreground[inside], batch["foreground"][inside])
    torch.testing.assert_close(terms["foreground"], colours)
    components = kornia.filters.spatial_gradient(out.alpha - batch["alpha"])
    inner = components.abs()[
        ..., 1:-1, 1:-1
    ].mean()  # kornia replicates borders, the paper's does not
    torch.testing.assert_close(terms["gradient"], inner, rtol=0.1, atol=0)
    enlarged = F.interpolate(out.coarse_alpha, size=(64, 64), mode="bilinear")
    error = F.interpolate(out.coarse_error, size=(64, 64), mode="bilinear")
    wrong = (enlarged - batch["alpha"]).abs().detach()
    torch.testing.assert_close(terms["error"], F.mse_loss(error, wrong))


def test_learning_rates_by_part() -> None:
    rates = {"backbone": 1e-4, "aspp": 5e-4, "refiner": 3e-4}
    system = BackgroundMattingSystem(MattingRefine("mobilenetv2"), JOINT, rates, lr=7e-4)
    optimizer = system.make_optimizer(system.parameter_groups(), system.lr)
    assert [g["lr"] for g in optimizer.param_groups] == [1e-4, 5e-4, 7e-4, 3e-4]
    sizes = [sum(p.numel() for p in g["params"]) for g in optimizer.param_groups]
    assert sum(sizes) == 5_006_839
    assert sizes[-1] == 15_444
    with pytest.raises(BgrError, match=r"no part head(.|\n)*backbone, aspp, decoder"):
        BackgroundMattingSystem(MattingBase("mobilenetv2"), BASE, {"head": 1.0})


def test_the_joint_stage_starts_from_the_base_stage(tmp_path: Path) -> None:
    base = BackgroundMattingSystem(MattingBase("mobilenetv2"), BASE)
    save_checkpoint(tmp_path / "base.ckpt", {"state_dict": base.state_dict()})
    joint = BackgroundMattingSystem(MattingRefine("mobilenetv2"), JOINT)
    refiner = {k: v.clone() for k, v in joint.state_dict().items() if "refiner" in k}
    load_weights(joint, tmp_path / "base.ckpt", joint.may_start_without)
    for key, value in joint.state_dict().items():
        assert torch.equal(value, refiner[key] if key in refiner else base.state_dict()[key])
    with pytest.raises(BgrError, match="another model"):  # only a start may lack them
        load_weights(joint, tmp_path / "base.ckpt")
