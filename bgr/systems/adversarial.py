"""A generator and a discriminator trained in turns."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from bgr.errors import BgrError
from bgr.losses import adversarial
from bgr.losses.perceptual import Perceptual
from bgr.systems.base import MattingSystem, Optimizer, steps_done
from bgr.types import Batch

Objective = Literal["bce", "wasserstein", "product"]
Critic = Literal["bounded", "linear"]
COLLAPSED = 1e-5  # outputs of a batch that spread by less are one and the same


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
    Beside the terms, `train/loss/discriminator` and `train/discriminator_accuracy` are logged: the share
    of (real, generated) pairs in which the real image scores higher; 1 is a discriminator that wins,
    1/2 one that cannot tell.

    Args:
        network: the generator.
        discriminator: the discriminator; it returns logits (B, 1).
        loss_weights: weights of the generator's terms, among them `adversarial`.
        pretrain_weights: weights of the terms while pre-training.
        perceptual: feature distance of the term `perceptual`, for systems that have it.
        pretrain_epochs: epochs of the generator alone.
        lr: learning rate of the generator.
        discriminator_lr: learning rate of the discriminator.
        pretrain_lr: learning rate of the generator while pre-training; `lr` when None.
        optimizer: as in `MattingSystem`, for both.
        weight_decay: L2 penalty of both.
        objective: `bce` with soft labels, `wasserstein`, or `product`, what the authors' code of paper
            000 chapter 2 minimises in its place.
        critic: under `wasserstein` and `product`, `bounded` scores by a sigmoid, `linear` by the logit
            with weights clipped.
        clip: largest absolute weight of a linear critic (Arjovsky et al., arXiv 1701.07875).
        real_labels: interval of the soft labels of real images under `bce`.
        fake_labels: the same of generated images.
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
            if value not in get_args(kind):
                raise BgrError(f"model.{key} is {value!r}", f"one of {', '.join(get_args(kind))}")
        self.discriminator = discriminator
        self.pretrain_weights = self.checked(pretrain_weights)
        self.perceptual = perceptual
        if perceptual is None and "perceptual" in {**self.loss_weights, **self.pretrain_weights}:
            raise BgrError("the loss term perceptual has no network", "model.perceptual")
        self.pretrain_epochs = pretrain_epochs
        self.pretrain_lr = lr if pretrain_lr is None else pretrain_lr
        self.discriminator_lr = discriminator_lr
        self.objective = objective
        self.critic = critic
        self.clip = clip
        self.real_labels = real_labels
        self.fake_labels = fake_labels
        self.patience = patience
        self.constant_steps = {"generator": 0, "discriminator": 0}

    def step(self, batch: Batch) -> Step:
        """Run the generator on a batch."""
        raise NotImplementedError

    @property
    def pretraining(self) -> bool:
        """Whether this epoch trains the generator alone."""
        return self.current_epoch < self.pretrain_epochs

    def configure_optimizers(self) -> Any:
        if self.trainer.max_steps != -1:
            raise BgrError(
                f"trainer.max_steps is {self.trainer.max_steps}",
                "trainer.max_epochs: a batch of adversarial training takes one or two optimiser steps",
            )
        parameters = [p for p in self.discriminator.parameters() if p.requires_grad]
        return [
            self.make_optimizer(self.parameter_groups(), self.lr),
            self.make_optimizer([{"params": parameters}], self.discriminator_lr),
        ]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        optimizers: Any = self.optimizers()
        generator, discriminator = optimizers
        weights = self.pretrain_weights if self.pretraining else self.loss_weights
        for group in generator.param_groups:
            group["lr"] = self.pretrain_lr if self.pretraining else self.lr
        terms, real, fake = self.step(batch)
        if self.perceptual is not None and "perceptual" in weights:
            terms["perceptual"] = self.perceptual(fake, real)
        logged = {}
        if "adversarial" in weights:
            loss, accuracy = self.judge(real, fake.detach())
            self._descend(
                discriminator, self.total({"discriminator": loss}, {"discriminator": 1.0})
            )
            if self.critic == "linear" and self.objective != "bce":
                self._clip()
            logged["train/loss/discriminator"] = loss.detach()
            logged["train/discriminator_accuracy"] = accuracy
            with frozen(self.discriminator):
                terms["adversarial"] = self.fool(real, fake)
        total = self.total(terms, weights)
        self._descend(generator, total)
        self._watch("generator", fake)
        logged |= {f"train/loss/{k}": terms[k].detach() for k in weights}
        self.log_dict(logged | {"train/loss/total": total.detach()})

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and accuracy of the discriminator; `fake` is detached."""
        true, generated = self.discriminator(real), self.discriminator(fake)
        self._watch("discriminator", torch.cat([true, generated]))
        accuracy = adversarial.accuracy(true.detach(), generated.detach())
        if self.objective == "bce":
            loss = adversarial.bce(true, adversarial.soft_labels(true, self.real_labels))
            loss = loss + adversarial.bce(
                generated, adversarial.soft_labels(generated, self.fake_labels)
            )
        elif self.objective == "wasserstein":
            loss = -adversarial.wasserstein(self._score(true), self._score(generated))
        else:
            loss = adversarial.product(self._score(true), self._score(generated))
        return loss, accuracy

    def fool(self, real: Tensor, fake: Tensor) -> Tensor:
        """Adversarial term of the generator."""
        generated = self.discriminator(fake)
        if self.objective == "bce":
            return adversarial.bce(generated, torch.ones_like(generated))
        with torch.no_grad():  # the same for every generator
            true = self._score(self.discriminator(real))
        compare = (
            adversarial.wasserstein if self.objective == "wasserstein" else adversarial.product
        )
        return compare(true, self._score(generated))

    def _score(self, logit: Tensor) -> Tensor:
        return logit.sigmoid() if self.critic == "bounded" else logit

    def _descend(self, optimizer: Any, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    @torch.no_grad()
    def _clip(self) -> None:
        for parameter in self.discriminator.parameters():
            parameter.clamp_(-self.clip, self.clip)

    def _watch(self, which: str, output: Tensor) -> None:
        """Stop a run in which a network has given constant output for `patience` steps."""
        constant = bool(output.detach().float().std() < COLLAPSED)
        self.constant_steps[which] = self.constant_steps[which] + 1 if constant else 0
        if self.constant_steps[which] >= self.patience:
            raise BgrError(
                f"the {which} collapsed: its output has been constant for {self.patience} steps, up "
                f"to step {steps_done(self._trainer)}",
                "outputs that depend on the input",
                "lower model.loss_weights.adversarial or model.discriminator_lr, or pre-train longer "
                "(model.pretrain_epochs)",
            )


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Keep a module's parameters out of the gradient while something is computed with it."""
    trained = [p for p in module.parameters() if p.requires_grad]
    module.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
