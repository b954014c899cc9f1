"""Background matting with a captured background: base stage and joint stage."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from torch import Tensor, nn

from bgr.errors import BgrError
from bgr.losses import matting
from bgr.models.background_matting import BaseOutput, RefineOutput
from bgr.ops.gradients import sobel, sobel_magnitude
from bgr.ops.resize import bilinear
from bgr.systems.base import MattingSystem, Optimizer, Schedule
from bgr.types import Batch

Reading = Literal["paper", "code"]
COARSE = "coarse_"


class BackgroundMattingSystem(MattingSystem):
    """Trains `MattingBase` (base stage) or `MattingRefine` (joint stage).

    Terms on the finest output: `alpha` (L1), `gradient` (L1 of Sobel gradients), `foreground` (L1 where
    the person is), `error` (squared difference of the predicted error map to the true one, whose alpha
    is detached), `alpha_mse` (the only term of paper 002). `coarse_alpha`, `coarse_gradient` and
    `coarse_foreground` are the same on the coarse output of a `MattingRefine`. A joint stage starts
    from a base stage by `init=<run>`.

    Args:
        network: `MattingBase` or `MattingRefine`.
        loss_weights: weight of each term; coarse terms have no meaning for a `MattingBase` and are left
            out there.
        learning_rates: learning rate by part (`backbone`, `aspp`, `decoder`, `refiner`); parts left out
            have `lr`.
        reading: where the authors' code differs from their text. `paper`: the components of the Sobel
            gradients are compared, the foreground's error is averaged over the person, and no gradient
            reaches alpha through the error term. `code`: the lengths of the gradients are compared, the
            foreground's error is averaged over all pixels, and in the joint stage the error term reaches
            alpha.
        lr: learning rate of the other parts.
        weight_decay: L2 penalty.
        optimizer: as in `MattingSystem`.
        schedule: as in `MattingSystem`.

    Raises:
        BgrError: an unknown term, part or choice.

    Source: arXiv 2012.07810, equations 1 to 5 and section 5.2; paper 002.
    """

    terms = (
        *("alpha", "gradient", "foreground", "error", "alpha_mse"),
        *("coarse_alpha", "coarse_gradient", "coarse_foreground", "coarse_alpha_mse"),
    )
    needs = ("image", "alpha", "foreground", "captured_background")
    predicts = ("alpha", "foreground")
    may_start_without = ("network.refiner.",)

    def __init__(
        self,
        network: nn.Module,
        loss_weights: Mapping[str, float],
        learning_rates: Mapping[str, float] | None = None,
        reading: Reading = "paper",
        lr: float = 1e-4,
        weight_decay: float = 0.0,
        optimizer: Optimizer = "adam",
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__(network, loss_weights, lr, weight_decay, optimizer, schedule)
        if reading not in get_args(Reading):
            raise BgrError(f"model.reading is {reading!r}", "paper or code")
        if not hasattr(network, "refiner"):
            self.loss_weights = {
                k: w for k, w in self.loss_weights.items() if not k.startswith(COARSE)
            }
        parts = [name for name, _ in network.named_children()]
        self.learning_rates = {k: v for k, v in (learning_rates or {}).items() if v is not None}
        unknown = sorted(set(self.learning_rates) - {*parts, "refiner"})
        if unknown:
            raise BgrError(
                f"{type(network).__name__} has no part {', '.join(unknown)}",
                f"learning rates for {', '.join(parts)}",
            )
        self.code = reading == "code"

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        return batch["image"], batch["captured_background"]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        out: BaseOutput | RefineOutput = self.network(*self.inputs(batch))
        alpha = batch["alpha"]
        terms = self._terms(out.alpha, out.foreground, alpha, batch["foreground"])
        if isinstance(out, BaseOutput):
            error, wrong = out.error, (out.alpha.detach() - alpha).abs()
        else:
            size = alpha.shape[-2:]
            error = bilinear(out.coarse_error, size)
            coarse = bilinear(out.coarse_alpha, size)
            wrong = ((coarse if self.code else coarse.detach()) - alpha).abs()
            small = out.coarse_alpha.shape[-2:]
            terms |= {
                f"{COARSE}{k}": v
                for k, v in self._terms(
                    out.coarse_alpha,
                    out.coarse_foreground,
                    bilinear(alpha, small),
                    bilinear(batch["foreground"], small),
                ).items()
            }
        terms["error"] = (error - wrong).square().mean()
        return terms

    def _terms(
        self, alpha: Tensor, foreground: Tensor, true_alpha: Tensor, true_foreground: Tensor
    ) -> dict[str, Tensor]:
        edges = sobel_magnitude if self.code else sobel
        person = true_alpha > 0
        colour = matting.l1(foreground, true_foreground, person)
        if self.code:
            colour = matting.l1(foreground * person, true_foreground * person)
        return {
            "alpha": matting.l1(alpha, true_alpha),
            "gradient": matting.l1(edges(alpha), edges(true_alpha)),
            "foreground": colour,
            "alpha_mse": (alpha - true_alpha).square().mean(),
        }

    def predict(self, batch: Batch) -> Batch:
        out: BaseOutput | RefineOutput = self.network(*self.inputs(batch))
        return {"alpha": out.alpha, "foreground": out.foreground}

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [
            {
                "params": [p for p in part.parameters() if p.requires_grad],
                "lr": self.learning_rates.get(name, self.lr),
            }
            for name, part in self.network.named_children()
        ]
