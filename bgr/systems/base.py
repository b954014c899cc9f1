"""What all systems share: the step, the optimiser and the logging."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from bgr.errors import BgrError
from bgr.types import Batch

Schedule = Literal["constant", "one_cycle"]


class MattingSystem(pl.LightningModule):
    """A network with its loss terms, trained by Adam.

    A subclass names its terms in `terms` and computes them, unweighted, in `losses`; the base weighs,
    sums and logs them. The total is logged as `train/loss/total`, each term as `train/loss/<term>`.

    Args:
        network: the network.
        loss_weights: weight of each term; terms left out are not computed.
        lr: learning rate of Adam; the peak under `one_cycle`.
        weight_decay: L2 penalty of Adam.
        schedule: `constant`, or `one_cycle` over the whole run (Smith and Topin, arXiv 1708.07120).

    Raises:
        BgrError: a weight is given for a term that the system does not have, or an unknown schedule.
    """

    terms: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        network: nn.Module,
        loss_weights: Mapping[str, float],
        lr: float = 1e-4,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__()
        if schedule not in get_args(Schedule):
            known = ", ".join(get_args(Schedule))
            raise BgrError(f"model.schedule is {schedule!r}", f"one of {known}")
        unknown = sorted(set(loss_weights) - set(self.terms))
        if unknown:
            raise BgrError(
                f"{type(self).__name__} has no loss term {', '.join(unknown)}",
                f"weights for {', '.join(self.terms)}",
                "correct model.loss_weights",
            )
        self.network = network
        self.loss_weights = {k: w for k, w in loss_weights.items() if w}
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Unweighted scalar terms, for at least the keys of `loss_weights`."""
        raise NotImplementedError

    def predict_alpha(self, batch: Batch) -> Tensor:
        """Matte of a batch, (B, 1, H, W) float32 in [0, 1]."""
        raise NotImplementedError

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of the terms."""
        return torch.stack([w * terms[k] for k, w in self.loss_weights.items()]).sum()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        terms = self.losses(batch)
        total = self.total(terms)
        logged = {f"train/loss/{k}": terms[k].detach() for k in self.loss_weights}
        self.log_dict(logged | {"train/loss/total": total.detach()})
        return total

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return self.predict_alpha(batch)

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Adam over the network's parameters; fused unless gradients are clipped, which AMP forbids."""
        clips = self._trainer is not None and bool(self.trainer.gradient_clip_val)
        return torch.optim.Adam(
            self.network.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=not clips
        )

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer()
        if self.schedule == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.lr, total_steps=steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }
