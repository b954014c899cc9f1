"""A generator and a discriminator trained in turns."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from bgr.errors import BgrError
from bgr.losses import adversarial
from bgr.losses.perceptual import Perceptual
from bgr.systems.base import MattingSystem, Optimizer, steps_done
from bgr.systems.collapse import CollapseWatch
from bgr.types import Batch

Objective = Literal["bce", "wasserstein", "product"]
Critic = Literal["bounded", "linear"]


class Step(NamedTuple):
    """What a subclass computes from a batch.

    Attributes:
        terms: unweighted loss terms of the generator but the perceptual and the adversarial one.
        real: what the discriminator should take as real, (B, C, H, W).
        fake: what the generator made of the same batch, attached to the generator.
    """

    terms: dict[str, Tensor]
    real: Tensor
    fake: Tensor


class AdversarialSystem(MattingSystem):
    """Alternates a step of the discriminator and a step of the generator on every batch.

    The first `pretrain_epochs` epochs train the generator alone, with `pretrain_weights`; then each
    batch trains the discriminator on detached output, and the generator with the discriminator frozen.
    `train/discriminator_accuracy` is the share of (real, generated) pairs in which the real image scores
    higher: 1 for a discriminator that wins, 1/2 for one that cannot tell.

    Args:
        network: the generator.
        discriminator: the discriminator; it returns logits (B, 1).
        loss_weights: weights of the generator's terms, among them `adversarial`.
        pretrain_weights: weights of the terms while pre-training.
        perceptual: feature distance of the term `perceptual`, for systems that have it.
        pretrain_epochs: epochs of the generator alone.
        lr, discriminator_lr: learning rates of generator and discriminator.
        pretrain_lr: learning rate of the generator while pre-training; `lr` when None.
        optimizer, weight_decay: as in `MattingSystem`, for both.
        objective: `bce` with soft labels, `wasserstein`, or `product`, what the authors' code of paper
            000 chapter 2 minimises in its place.
        critic: under `wasserstein` and `product`, `bounded` scores by a sigmoid, `linear` by the logit
            with weights clipped.
        clip: largest absolute weight of a linear critic.
        real_labels, fake_labels: intervals of the soft labels under `bce`.
        patience: steps in a row with constant output after which a run is stopped as collapsed.

    Raises:
        BgrError: an unknown term or choice; in training, when a network has collapsed or a loss is not
            finite.
    """

    def __init__(
        self,
        network: nn.Module,
        discriminator: nn.Module,
        loss_weights: Mapping[str, float],
        pretrain_weights: Mapping[str, float],
        perceptual: Perceptual | None = None,
        pretrain_epochs: int = 0,
        lr: float = 1e-4,
        discriminator_lr: float = 1e-4,
        pretrain_lr: float | None = None,
        optimizer: Optimizer = "adam",
        weight_decay: float = 0.0,
        objective: Objective = "bce",
        critic: Critic = "bounded",
        clip: float = 0.01,
        real_labels: Sequence[float] = (0.7, 1.0),
        fake_labels: Sequence[float] = (0.0, 0.3),
        patience: int = 100,
    ) -> None:
        super().__init__(network, loss_weights, lr, weight_decay, optimizer)
        self.automatic_optimization = False
        for key, value, kind in (("objective", objective, Objective), ("critic", critic, Critic)):
            if value not in (known := get_args(kind)):
                raise BgrError(f"model.{key} is {value!r}", f"one of {', '.join(known)}")
        self.discriminator = discriminator
        self.pretrain_weights = self.checked(pretrain_weights)
        self.perceptual = perceptual
        if perceptual is None and "perceptual" in self.loss_weights | self.pretrain_weights:
            raise BgrError("the loss term perceptual has no network", "model.perceptual")
        self.pretrain_epochs = pretrain_epochs
        self.pretrain_lr = lr if pretrain_lr is None else pretrain_lr
        self.discriminator_lr = discriminator_lr
        self.objective = objective
        self.critic = critic
        self.clip = clip
        self.labels = real_labels, fake_labels
        self.watch = CollapseWatch(patience)

    def networks(self) -> list[nn.Module]:
        frozen = [] if self.perceptual is None else [self.perceptual.features]
        return [self.network, self.discriminator, *frozen]

    def step(self, batch: Batch) -> Step:
        """Run the generator on a batch."""
        raise NotImplementedError

    def configure_optimizers(self) -> Any:
        if self.trainer.max_steps != -1 and not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            raise BgrError(
                "trainer.max_steps is set, but a batch of adversarial training takes up to two steps",
                "trainer.max_epochs",
            )
        critic = [{"params": list(self.discriminator.parameters())}]
        return [
            self.make_optimizer(self.parameter_groups(), self.lr),
            self.make_optimizer(critic, self.discriminator_lr),
        ]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        optimizers: Any = self.optimizers()
        generator, discriminator = optimizers
        alone = self.current_epoch < self.pretrain_epochs
        weights = self.pretrain_weights if alone else self.loss_weights
        for group in generator.param_groups:
            group["lr"] = self.pretrain_lr if alone else self.lr
        step = steps_done(self._trainer)
        terms, real, fake = self.step(batch)
        if self.perceptual is not None and "perceptual" in weights:
            terms["perceptual"] = self.perceptual(fake, real)
        logged = {}
        if "adversarial" in weights:
            loss, true, generated = self.judge(real, fake.detach())
            self._descend(
                discriminator, self.total({"discriminator": loss}, {"discriminator": 1.0})
            )
            if self.critic == "linear" and self.objective != "bce":
                adversarial.clip_weights(self.discriminator, self.clip)
            logged["train/loss/discriminator"] = loss.detach()
            logged["train/discriminator_accuracy"] = adversarial.accuracy(true, generated)
            if self.critic == "bounded":  # a clipped critic's scores are close together by design
                self.watch.update("discriminator", torch.cat([true, generated]), step)
            terms["adversarial"] = self.fool(true, fake)
        total = self.total(terms, weights)
        self._descend(generator, total)
        self.watch.update("generator", fake, step)
        logged |= {f"train/loss/{k}": terms[k].detach() for k in weights}
        self.log_dict(logged | {"train/loss/total": total.detach()})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["constant_steps"] = self.watch.constant_steps

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.watch.constant_steps = checkpoint["constant_steps"]

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Loss of the discriminator, and its logits of real and of generated images, detached."""
        true, generated = self.discriminator(real), self.discriminator(fake)
        if self.objective == "bce":
            loss = adversarial.soft_bce(true, self.labels[0])
            loss = loss + adversarial.soft_bce(generated, self.labels[1])
        elif self.objective == "wasserstein":
            loss = -adversarial.wasserstein(self._score(true), self._score(generated))
        else:
            loss = adversarial.product(self._score(true), self._score(generated))
        return loss, true.detach(), generated.detach()

    def fool(self, true: Tensor, fake: Tensor) -> Tensor:
        """Adversarial term of the generator, whose gradient passes the discriminator's weights by.

        Args:
            true: the discriminator's logits of the real images, (B, 1).
            fake: generated images.
        """
        self.discriminator.requires_grad_(False)
        generated = self.discriminator(fake)
        self.discriminator.requires_grad_(True)
        if self.objective == "bce":
            return adversarial.soft_bce(generated, (1.0, 1.0))
        compare = (
            adversarial.wasserstein if self.objective == "wasserstein" else adversarial.product
        )
        return compare(self._score(true), self._score(generated))

    def _score(self, logit: Tensor) -> Tensor:
        return logit.sigmoid() if self.critic == "bounded" else logit

    def _descend(self, optimizer: Any, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
