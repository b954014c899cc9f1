"""Every network of conf/model/: the promises that all of them keep."""

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from torch import Tensor

from bgr.bench.step import PLAIN, random_batch, train_on
from bgr.config import build, register_schemas
from bgr.systems.base import MattingSystem
from bgr.training.machine import Numerics, apply_numerics
from tests.models.weights import filled

CONF = Path(__file__).parents[2] / "conf" / "model"
PARAMETERS = {  # of the network as its YAML describes it
    "portrait": 190_652,
    "mobile_deeplab": 695_362,
    "unet_gan": 17_268_164,
    "srgan": 467_843,
    "bgrsr_gan": 17_192_908,
    "fcn_resnet": 51_938_881,
    "background_matting_base": 40_232_259,
    "background_matting": 40_247_703,
}
SMALLER = {  # the same code with fewer layers, where time matters
    "background_matting_base": ["model.network.backbone=mobilenetv2"],
    "background_matting": ["model.network.backbone=mobilenetv2"],
}
FIELDS = {
    "portrait": ("alpha", "logit", "aux_logit"),
    "mobile_deeplab": ("alpha", "logit", "aux_logit"),
    "unet_gan": ("alpha", "foreground"),
    "srgan": ("high_res",),
    "bgrsr_gan": ("low_res", "high_res"),
    "fcn_resnet": ("alpha", "logit"),
    "background_matting_base": ("alpha", "foreground", "error", "hidden"),
    "background_matting": (
        *("alpha", "foreground", "coarse_alpha", "coarse_foreground", "coarse_error", "refined"),
    ),
}
CPU = torch.device("cpu")
SIZE = (64, 64)
ALL = sorted(PARAMETERS)


def system(name: str, *overrides: str) -> MattingSystem:
    GlobalHydra.instance().clear()
    register_schemas()
    torch.manual_seed(0)
    with initialize_config_module("bgr.conf", version_base="1.3"):
        config = compose("bench", overrides=[f"model={name}", *SMALLER.get(name, []), *overrides])
    built: MattingSystem = build(config.model)
    return built


def stable(name: str) -> MattingSystem:
    """A system whose network gives outputs of ordinary size."""
    of = system(name).eval()
    if name == "bgrsr_gan":  # standardised filters need BatchNorm's statistics of the batch
        of.network.train()
    else:
        filled(of.network, {})
    return of


def inputs(of: MattingSystem, size: tuple[int, int] = SIZE, count: int = 2) -> tuple[Tensor, ...]:
    return of.inputs(random_batch(of, size, count))


def outputs(network: torch.nn.Module, given: tuple[Tensor, ...]) -> list[Tensor]:
    return [x for x in network(*given) if x is not None]


def test_every_model_is_in_the_catalogue() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == set(PARAMETERS)


@pytest.mark.parametrize("name", ALL)
def test_parameters(name: str) -> None:
    whole = ["model.network.backbone=resnet50"] if name in SMALLER else []
    network = system(name, *whole).network
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", ALL)
def test_outputs_have_names_range_and_size(name: str) -> None:
    of = system(name).eval()
    batch = random_batch(of, SIZE, 2)
    with torch.no_grad():
        out, predicted = of.network(*of.inputs(batch)), of.predict(batch)
    assert out._fields == FIELDS[name]
    for key in of.predicts:
        assert predicted[key].shape == batch[key].shape
        assert predicted[key].dtype == torch.float32
        assert 0 <= predicted[key].min() <= predicted[key].max() <= 1


@pytest.mark.parametrize("name", ALL)
def test_a_step_reaches_every_trained_parameter(name: str) -> None:
    of = system(name)
    if hasattr(of.network, "refine_mode"):
        of.network.refine_prevent_oversampling = False  # so that the refinement has patches
    before = copy.deepcopy(of.state_dict())
    train_on(random_batch(of, SIZE, 4), of, 2, PLAIN, CPU)
    unused = {"network.aux_head.weight", "network.aux_head.bias"}  # its term has weight 0
    for key, parameter in of.named_parameters():
        if parameter.requires_grad and key not in unused:
            assert parameter.grad is not None, key
        if not parameter.requires_grad:
            assert torch.equal(parameter, before[key]), key
    if name == "fcn_resnet":  # nor do the statistics of a frozen backbone move
        for key, value in of.state_dict().items():
            if key.startswith("network.backbone."):
                assert torch.equal(value, before[key]), key
    for key, value in of.state_dict().items():
        assert torch.isfinite(value).all(), key


@pytest.mark.parametrize("name", ALL)
def test_learns_one_batch(name: str) -> None:
    of = system(name)
    of.lr = 0.05 if name in ("fcn_resnet",) else 1.0 if name == "unet_gan" else 2e-3
    if hasattr(of, "learning_rates"):
        of.learning_rates = {}
    if hasattr(of, "discriminator"):  # the generator's own terms
        of.loss_weights.pop("adversarial")
    size = (32, 32) if hasattr(of, "discriminator") else SIZE
    batch = random_batch(of, size, 2)
    smooth = torch.nn.functional.avg_pool2d
    for key in of.needs:  # pictures that can be learnt: large flat areas
        shape = batch[key].shape[-1]
        batch[key] = smooth(batch[key], shape // 2).repeat_interleave(shape // 2, 2)
        batch[key] = batch[key].repeat_interleave(shape // 2, 3)
    subject = of.predicts[0]

    def error() -> float:
        with torch.no_grad():
            made = of.train().predict(batch)[subject]
        return float((made - batch[subject]).abs().mean())

    before = error()
    train_on(batch, of, 30, PLAIN, CPU)
    assert error() < 0.6 * before


@pytest.mark.parametrize("name", ALL)
def test_state_dict_round_trip(name: str, tmp_path: Path) -> None:
    of = system(name).eval()
    torch.save(of.state_dict(), tmp_path / "weights.pt")
    other = system(name).eval()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    given = inputs(of)
    with torch.no_grad():
        for a, b in zip(outputs(of.network, given), outputs(other.network, given), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("name", ALL)
def test_channels_last_is_the_same(name: str) -> None:
    of = stable(name)
    given = inputs(of)
    with torch.no_grad():
        plain = outputs(of.network, given)
        apply_numerics(of.network, Numerics("32-true", True, "test"), CPU)
        for a, b in zip(outputs(of.network, given), plain, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ALL)
def test_autocast_gives_float32_outputs_close_to_plain(name: str, dtype: torch.dtype) -> None:
    of = stable(name)
    if hasattr(of.network, "refine_mode"):
        of.network.refine_mode = "full"  # rounding may choose other patches
    given = inputs(of)
    with torch.no_grad():
        plain = outputs(of.network, given)
        apply_numerics(of.network, Numerics("bf16-mixed", True, "test"), CPU)
        with torch.autocast("cpu", dtype):
            half = outputs(of.network, given)
    for a, b in zip(half, plain, strict=True):
        assert a.dtype == torch.float32
        assert float((a - b).abs().mean()) <= 0.05 * float(b.std())


@pytest.mark.parametrize("name", ALL)
def test_exports_with_its_results(name: str) -> None:
    of = stable(name)
    given = inputs(of, count=1)
    exported: Any = torch.export.export(of.network, given).module()
    other = tuple(1 - x for x in given)  # other values than those it was traced with
    with torch.no_grad():
        for a, b in zip(outputs(exported, other), outputs(of.network, other), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_pickles_for_worker_processes(name: str) -> None:
    of = pickle.loads(pickle.dumps(system(name)))
    assert isinstance(of, MattingSystem)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_compiles_with_its_results(name: str) -> None:
    of = stable(name)
    given = inputs(of, count=1)
    with torch.no_grad():
        plain = outputs(of.network, given)
        compiled = outputs(torch.compile(of.network), given)
    for a, b in zip(compiled, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
