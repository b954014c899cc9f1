"""What all systems share: the step, the optimiser and the logging."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from bgr.errors import BgrError
from bgr.types import Batch

Schedule = Literal["constant", "one_cycle", "step"]
Optimizer = Literal["adam", "adadelta", "sgd"]


class MattingSystem(pl.LightningModule):
    """A network with its loss terms.

    A subclass names its terms in `terms` and computes them, unweighted, in `losses`; the base weighs,
    sums and logs them. The total is logged as `train/loss/total`, each term as `train/loss/<term>`.

    Args:
        network: the network.
        loss_weights: weight of each term; terms left out do not count.
        lr: learning rate; the peak under `one_cycle`.
        weight_decay: L2 penalty.
        optimizer: `adam`, `adadelta`, or `sgd` with momentum 0.9.
        schedule: `constant`; `one_cycle` over the whole run (Smith and Topin, arXiv 1708.07120); or
            `step`, a tenth after every seventh epoch.

    Raises:
        BgrError: a weight is given for a term that the system does not have, or an unknown choice.
    """

    terms: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("image", "alpha")
    """Batch keys that the system reads."""
    predicts: ClassVar[tuple[str, ...]] = ("alpha",)
    """Batch keys that `predict` returns its version of."""
    scale: ClassVar[int] = 1
    """Size of a sample over the size of the network's input."""
    may_start_without: ClassVar[tuple[str, ...]] = ()
    """Prefixes of weights that the checkpoint of an earlier stage may lack."""

    def __init__(
        self,
        network: nn.Module,
        loss_weights: Mapping[str, float],
        lr: float = 1e-4,
        weight_decay: float = 0.0,
        optimizer: Optimizer = "adam",
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__()
        for key, value, kind in (
            ("schedule", schedule, Schedule),
            ("optimizer", optimizer, Optimizer),
        ):
            if value not in get_args(kind):
                known = ", ".join(get_args(kind))
                raise BgrError(f"model.{key} is {value!r}", f"one of {known}")
        self.network = network
        self.loss_weights = self.checked(loss_weights)
        self.lr = lr
        self.weight_decay = weight_decay
        self.optimizer = optimizer
        self.schedule = schedule

    def checked(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Weights of known terms without those of weight zero."""
        unknown = sorted(set(weights) - set(self.terms))
        if unknown:
            raise BgrError(
                f"{type(self).__name__} has no loss term {', '.join(unknown)}",
                f"weights for {', '.join(self.terms)}",
                "correct model.loss_weights",
            )
        return {k: w for k, w in weights.items() if w}

    def networks(self) -> list[nn.Module]:
        """The network, and whatever else runs in a training step."""
        return [self.network]

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """What the network is called with."""
        return (batch["image"],)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Unweighted scalar terms, for at least the keys of `loss_weights`."""
        raise NotImplementedError

    def predict(self, batch: Batch) -> Batch:
        """The network's version of the keys in `predicts`, float32 in [0, 1]."""
        raise NotImplementedError

    def total(
        self, terms: Mapping[str, Tensor], weights: Mapping[str, float] | None = None
    ) -> Tensor:
        """Weighted sum of the terms, by `loss_weights` unless others are given.

        Raises:
            BgrError: it is not finite; the message names the terms.
        """
        weights = self.loss_weights if weights is None else weights
        if not weights:
            raise BgrError(
                "no loss term has a weight", f"a weight above 0 for one of {', '.join(self.terms)}"
            )
        total = torch.stack([w * terms[k] for k, w in weights.items()]).sum()
        if not torch.isfinite(total):
            values = ", ".join(f"{k} {float(terms[k].detach()):.4g}" for k in weights)
            raise BgrError(
                f"the loss diverged after step {steps_done(self._trainer)}: {values}",
                "finite loss terms",
                "lower the learning rate (model.lr) or use precision=32; the last checkpoint is from "
                "before this step",
            )
        return total

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        terms = self.losses(batch)
        total = self.total(terms)
        logged = {f"train/loss/{k}": terms[k].detach() for k in self.loss_weights}
        self.log_dict(logged | {"train/loss/total": total.detach()})
        return total

    def validation_step(self, batch: Batch, batch_idx: int) -> Batch:
        return self.predict(batch)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Trained parameters of the network, in groups that may have a learning rate of their own."""
        return [{"params": [p for p in self.network.parameters() if p.requires_grad]}]

    def make_optimizer(self, groups: list[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
        """The chosen optimiser; fused unless gradients are clipped, which AMP forbids."""
        decay = self.weight_decay
        if self.optimizer == "adadelta":
            return torch.optim.Adadelta(groups, lr=lr, weight_decay=decay)
        fused = self._trainer is None or not self.trainer.gradient_clip_val
        if self.optimizer == "sgd":
            return torch.optim.SGD(groups, lr=lr, momentum=0.9, weight_decay=decay, fused=fused)
        return torch.optim.Adam(groups, lr=lr, weight_decay=decay, fused=fused)

    def configure_optimizers(self) -> Any:
        groups = self.parameter_groups()
        if not any(group["params"] for group in groups):
            if self.trainer.max_epochs == 0:
                return None
            raise BgrError(
                f"{type(self.network).__name__} has nothing to train",
                "a network with parameters that are not frozen",
                "trainer.max_epochs=0 evaluates it as it is",
            )
        optimizer = self.make_optimizer(groups, self.lr)
        if self.schedule == "constant":
            return optimizer
        if self.schedule == "step":
            steps = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": steps}}
        peaks = [group["lr"] for group in optimizer.param_groups]
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, peaks, total_steps=int(self.trainer.estimated_stepping_batches)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}


def steps_done(trainer: pl.Trainer | None) -> int:
    """Steps of a run so far; one that moves two optimisers counts once."""
    if trainer is None:
        return 0
    if trainer.lightning_module.automatic_optimization:
        return trainer.global_step
    return int(trainer.fit_loop.epoch_loop.batch_progress.state_dict()["total"]["processed"])
