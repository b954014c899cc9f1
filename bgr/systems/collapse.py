"""Stopping an adversarial run in which a network gives constant output."""

from torch import Tensor

from bgr.errors import BgrError

SPREAD = 1e-5  # relative spread of a batch's outputs up to which they are one and the same


class CollapseWatch:
    """Counts the steps in a row in which a network's output did not vary.

    Args:
        patience: steps after which the run is stopped.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.constant_steps = {"generator": 0, "discriminator": 0}

    def update(self, which: str, output: Tensor, step: int) -> None:
        """Look at a batch of outputs.

        Raises:
            BgrError: they have been constant for `patience` steps.
        """
        values = output.detach().float()
        constant = bool(values.std() <= SPREAD * values.abs().mean())
        self.constant_steps[which] = self.constant_steps[which] + 1 if constant else 0
        if self.constant_steps[which] >= self.patience:
            raise BgrError(
                f"the {which} collapsed: constant output for {self.patience} steps, up to step {step}",
                "outputs that depend on the input",
                "lower model.loss_weights.adversarial or model.discriminator_lr, or raise "
                "model.pretrain_epochs",
            )
