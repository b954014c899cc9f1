"""Adversarial training: whose weights move when, phases, collapse, and what is logged."""

import csv
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torchvision.models import resnet18

from bgr.bench.step import PLAIN, random_batch, train_on
from bgr.data.datamodule import DataModule
from bgr.data.synthetic import SyntheticDataset
from bgr.errors import BgrError
from bgr.losses import adversarial
from bgr.losses.perceptual import Perceptual
from bgr.models.srgan import SRGenerator, SROutput
from bgr.models.unet_gan import UNet
from bgr.systems.adversarial import AdversarialSystem
from bgr.systems.bgrsr_gan import BGRSRGANSystem
from bgr.systems.srgan import SRGANSystem
from bgr.systems.unet_gan import UNetGANSystem
from bgr.training.metrics_file import MetricsFile
from bgr.training.run import fit
from bgr.training.stopping import AtomicCheckpointIO, GracefulStop, Stopped
from tests.conftest import Answer

CPU = torch.device("cpu")
WEIGHTS = {"content": 1.0, "adversarial": 1e-3}


class SmallCritic(nn.Module):
    """A discriminator of a few weights, with BatchNorm as in the papers'."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 3, stride=2)
        self.norm = nn.BatchNorm2d(4)
        self.score = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        logit: Tensor = self.score(self.norm(self.conv(x)).relu().mean(dim=(2, 3)))
        return logit


def srgan(**options: Any) -> SRGANSystem:
    torch.manual_seed(0)
    defaults: dict[str, Any] = {
        "loss_weights": WEIGHTS,
        "pretrain_weights": {"content": 1.0},
        "lr": 1e-3,
        "discriminator_lr": 1e-3,
    }
    return SRGANSystem(SRGenerator(1), SmallCritic(), **{**defaults, **options})


def weights(module: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def moved(before: list[Tensor], module: nn.Module) -> bool:
    pairs = zip(before, module.parameters(), strict=True)
    return any(not torch.equal(b, p) for b, p in pairs)


def train(system: AdversarialSystem, steps: int = 1) -> None:
    train_on(random_batch(system, (16, 16), 4), system, steps, PLAIN, CPU)


def test_both_networks_learn() -> None:
    system = srgan()
    generator, critic = weights(system.network), weights(system.discriminator)
    train(system)
    assert moved(generator, system.network)
    assert moved(critic, system.discriminator)


def test_each_loss_reaches_its_own_network_only() -> None:
    """Gradients after every backward pass of a training step, in the order of the passes."""
    seen: list[tuple[bool, bool]] = []

    class Observed(SRGANSystem):
        def manual_backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
            self.zero_grad()
            super().manual_backward(loss, *args, **kwargs)
            networks = (self.network, self.discriminator)
            reached = tuple(any(p.grad is not None for p in n.parameters()) for n in networks)
            seen.append(reached)  # type: ignore[arg-type]

    torch.manual_seed(0)
    system = Observed(SRGenerator(1), SmallCritic(), {"adversarial": 1.0}, {"content": 1.0})
    train(system, 2)
    assert seen == [(False, True), (True, False)] * 2
    assert all(p.requires_grad for p in system.discriminator.parameters())


class Steps(pl.Callback):
    """Notes each epoch's learning rate and whether the critic moved."""

    def __init__(self) -> None:
        self.critic: list[bool] = []
        self.rates: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.before = weights(pl_module.discriminator)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.critic.append(moved(self.before, pl_module.discriminator))
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


def run(
    folder: Path, system: AdversarialSystem, *callbacks: pl.Callback, resume: bool = False
) -> list[dict[str, str]]:
    """Three epochs of two steps on synthetic data; returns the lines of metrics.csv."""
    dataset = SyntheticDataset("train", (32, 32), 8, needs=system.needs)
    data = DataModule({"train": dataset}, batch_size=4, workers=0, needs=system.needs)
    last = ModelCheckpoint(str(folder), "last", every_n_epochs=1, enable_version_counter=False)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=3, callbacks=[GracefulStop(str(folder)), last, *callbacks],
        logger=MetricsFile(str(folder)), plugins=[AtomicCheckpointIO()], log_every_n_steps=1,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
    )  # fmt: skip
    fit(trainer, system, data, folder / "last.ckpt" if resume else None)
    with open(folder / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_phases_by_epoch_and_what_is_logged(tmp_path: Path) -> None:
    steps = Steps()
    system = srgan(pretrain_epochs=2, pretrain_lr=5e-4)
    lines = run(tmp_path, system, steps)
    assert steps.critic == [False, False, True]
    assert steps.rates == [5e-4, 5e-4, 1e-3]
    assert [line["step"] for line in lines] == ["0", "1", "2", "3", "4", "5"]
    logged = ["train/loss/adversarial", "train/loss/discriminator", "train/discriminator_accuracy"]
    for key in logged:
        assert [line[key] != "" for line in lines] == [False] * 4 + [True] * 2
    for line in lines[4:]:
        total = float(line["train/loss/content"]) + 1e-3 * float(line["train/loss/adversarial"])
        assert float(line["train/loss/total"]) == pytest.approx(total, rel=1e-5)
        assert 0 <= float(line["train/discriminator_accuracy"]) <= 1


class SignalAt(pl.Callback):
    def __init__(self, batch: int) -> None:
        self.batch = batch

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        progress = trainer.fit_loop.epoch_loop.batch_progress
        if progress.total.processed == self.batch:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4])
def test_stopped_and_resumed_is_bit_equal(tmp_path: Path, stop_at: int) -> None:
    """Both optimisers and the soft labels go on as they would have, across the change of phase."""

    def seeded() -> SRGANSystem:
        pl.seed_everything(3, verbose=False)
        return srgan(pretrain_epochs=1)

    whole = seeded()
    lines = run(tmp_path / "whole", whole)
    with pytest.raises(Stopped):
        run(tmp_path / "parts", seeded(), SignalAt(stop_at))
    resumed = seeded()
    assert run(tmp_path / "parts", resumed, resume=True) == lines
    ours, theirs = whole.state_dict(), resumed.state_dict()
    assert all(torch.equal(ours[k], theirs[k]) for k in ours)


class Constant(nn.Module):
    """A generator that has collapsed."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> SROutput:
        return SROutput(self.value.expand(*x.shape[:2], 32, 32))


def test_a_collapsed_generator_stops_the_run() -> None:
    system = srgan(patience=5)
    system.network = Constant()
    with pytest.raises(BgrError, match=r"generator collapsed(.|\n)*5 steps(.|\n)*adversarial"):
        train(system, 20)


def test_a_critic_that_cannot_tell_anything_stops_the_run() -> None:
    system = srgan(patience=5, discriminator_lr=0.0)
    nn.init.zeros_(system.discriminator.score.weight)
    with pytest.raises(BgrError, match="discriminator collapsed"):
        train(system, 20)


def test_a_diverged_loss_names_its_terms() -> None:
    system = srgan(loss_weights={"content": float("inf"), "adversarial": 1.0})
    with pytest.raises(BgrError, match=r"diverged(.|\n)*content(.|\n)*model.lr"):
        train(system, 2)


def test_linear_critic_is_clipped_and_bounded_is_not() -> None:
    for critic, bounded in (("linear", True), ("bounded", False)):
        system = srgan(objective="wasserstein", critic=critic, clip=0.01)
        train(system, 2)
        largest = max(float(p.detach().abs().max()) for p in system.discriminator.parameters())
        assert (largest <= 0.01) == bounded


def test_objectives_by_hand() -> None:
    """Wasserstein as the report writes it; the product that its authors' code minimises."""
    real, fake = torch.rand(4, 3, 16, 16), torch.rand(4, 3, 16, 16)
    system = srgan(objective="wasserstein").eval()
    critic = system.discriminator
    with torch.no_grad():
        true, made = critic(real).sigmoid(), critic(fake).sigmoid()
        loss, *logits = system.judge(real, fake)
        torch.testing.assert_close(loss, made.mean() - true.mean())
        torch.testing.assert_close(system.fool(logits[0], fake), true.mean() - made.mean())
        pairs = [float(t > m) for t in true for m in made]
        assert float(adversarial.accuracy(*logits)) == pytest.approx(sum(pairs) / len(pairs))
        system.objective = "product"
        for value in (system.judge(real, fake)[0], system.fool(logits[0], fake)):
            torch.testing.assert_close(value, (true * made).mean())
        system.objective, system.critic = "wasserstein", "linear"
        loss = system.judge(real, fake)[0]
        torch.testing.assert_close(loss, critic(fake).mean() - critic(real).mean())
        system.objective = "bce"
        ones = -critic(fake).sigmoid().log().mean()
        torch.testing.assert_close(system.fool(logits[0], fake), ones)


@pytest.mark.parametrize("interval", [(0.7, 1.0), (0.7, 1.2)])
def test_soft_labels(interval: tuple[float, float]) -> None:
    """The report's interval, and its code's."""
    logits = torch.full((200_000, 1), 2.0)  # cross-entropy is linear in the label
    ends = [
        F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, v)) for v in interval
    ]
    value = adversarial.soft_bce(logits, interval)
    assert float(value) == pytest.approx(float(sum(ends)) / 2, abs=3e-3)
    assert float(value) != float(adversarial.soft_bce(logits, interval))


def test_terms_of_the_systems() -> None:
    """Each system's own terms, written out."""
    torch.manual_seed(0)
    features = Perceptual("resnet18", weights=None)
    unet = UNetGANSystem(UNet(4, 4), SmallCritic(4), {"mse": 1.0}, {"mse": 1.0}).eval()
    batch = random_batch(unet, (16, 16), 2)
    with torch.no_grad():
        out = unet.network(torch.cat([batch["image"], batch["trimap"]], 1))
        rgba = torch.cat([batch["foreground"] * batch["alpha"], batch["alpha"]], 1)
        made = torch.cat([out.foreground, out.alpha], 1)
        terms, real, fake = unet.step(batch)
    torch.testing.assert_close(terms["mse"], (made - rgba).square().mean())
    assert torch.equal(real, rgba)
    assert torch.equal(fake, made)

    system = BGRSRGANSystem(
        nn.Identity(), SmallCritic(), {"content": 1.0, "replacement": 1.0}, {}, features
    )
    batch = random_batch(system, (16, 16), 2)
    low, high = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 32, 32)

    class Fixed(nn.Module):
        normalise = True

        def forward(self, image: Tensor, target: Tensor) -> Any:
            from bgr.models.bgrsr_gan import BGRSROutput

            assert image.shape == target.shape == (2, 3, 16, 16)
            return BGRSROutput(low, high)

    system.network = Fixed()
    terms, _, _ = system.step(batch)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    content = ((high - batch["high_res"]) / std).square().mean()
    torch.testing.assert_close(terms["content"], content)
    torch.testing.assert_close(terms["replacement"], (low - batch["low_res"]).square().mean())
    system.network.normalise = False
    plain = (high - batch["high_res"]).square().mean()
    torch.testing.assert_close(system.step(batch).terms["content"], plain)


def test_perceptual_network_is_frozen_and_not_in_the_checkpoint() -> None:
    features = Perceptual("resnet18", "layer2", weights=None)
    system = srgan(perceptual=features, loss_weights={"perceptual": 1.0, "adversarial": 1e-3})
    before = [p.clone() for p in features.features.state_dict().values()]
    generator = weights(system.network)
    train(system, 2)
    assert moved(generator, system.network)
    after = features.features.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not features.features.training
    assert not any("perceptual" in key for key in system.state_dict())
    again = Perceptual("resnet18", "layer2", weights=None)
    a, b = torch.rand(2, 1, 3, 32, 32)
    assert float(features(a, b)) == float(again(a, b)) > 0
    assert float(features(a, a)) == 0


def test_perceptual_layers_and_what_is_refused(tmp_path: Path) -> None:
    for layer in ("fc", "flatten", "layer3"):
        assert float(Perceptual("resnet18", layer, None)(*torch.rand(2, 1, 3, 32, 32))) > 0
    with pytest.raises(BgrError, match=r"layer9(.|\n)*layer1(.|\n)*fc"):
        Perceptual("resnet18", "layer9", None)
    with pytest.raises(BgrError, match="resnet34"):
        Perceptual("vgg", weights=None)
    with pytest.raises(BgrError, match="perceptual has no network"):
        srgan(loss_weights={"perceptual": 1.0})


def test_unreachable_weights_name_the_file(monkeypatch: Any, tmp_path: Path) -> None:
    """Where the published weights cannot be had, the message says which file to put where."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(BgrError) as error:
        Perceptual("resnet50", weights="imagenet")
    place = tmp_path / "hub" / "checkpoints" / "resnet50-0676ba61.pth"
    assert str(place) in str(error.value)
    assert "weights=null" in str(error.value)


@pytest.mark.parametrize(
    ("override", "named"),
    [("trainer.max_steps=5", "max_epochs"), ("trainer.accumulate_grad_batches=2", "accumulat")],
)
def test_max_steps_and_accumulation_are_refused(
    override: str, named: str, bgr: Callable[..., Answer]
) -> None:
    tiny = ["model=srgan", "size=[16,16]", "loader.workers=0", "data.length=8"]
    code, _, err = bgr("train", *tiny, "trainer.accelerator=cpu", override)
    assert code == 1
    assert named in err
    assert "Traceback" not in err


def test_a_run_goes_on_with_an_override_and_without_its_first_weights(
    bgr: Callable[..., Answer], tmp_path: Path
) -> None:
    """The weights file a run began with may be gone: the checkpoint has them all."""
    published = tmp_path / "resnet18.pth"
    torch.save(resnet18().state_dict(), published)
    tiny = [
        "model=srgan",
        "size=[16,16]",
        "loader.workers=0",
        "loader.batch_size=4",
        "data.length=8",
    ]
    tiny += ["data.val_length=2", "data.test_length=2", "trainer.accelerator=cpu"]
    tiny += ["model.pretrain_epochs=0", f"model.discriminator.weights={published}"]
    folder = tmp_path / "run"
    code, _, err = bgr("train", *tiny, "trainer.max_epochs=1", f"hydra.run.dir={folder}")
    assert code == 0, err
    published.unlink()
    code, _, err = bgr("train", f"run={folder}", "trainer.max_epochs=2")
    assert code == 0, err
    assert "going on after step 2" in err
    code, _, err = bgr("evaluate", f"run={folder}")
    assert code == 0, err
