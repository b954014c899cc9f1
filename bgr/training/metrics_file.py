"""metrics.csv of a run: one line per logged step, going on after a resume."""

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from bgr.io.files import atomic_write, make_folder


class MetricsFile(Logger):
    """Writes `metrics.csv`; a resumed run keeps the lines up to the step it resumes from.

    Args:
        folder: the run's folder.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self.rows: list[dict[str, Any]] = []
        self.flushed = 0.0

    @property
    def name(self) -> str:
        return "metrics"

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Leave the configuration to config.yaml."""

    def resume(self, step: int) -> None:
        """Keep the earlier lines of this run up to a step; later ones will be logged again."""
        if self.path.is_file():
            with open(self.path, newline="", encoding="utf-8") as file:
                earlier = [row for row in csv.DictReader(file) if int(row["step"]) < step]
            self.rows = [{k: v for k, v in row.items() if v != ""} for row in earlier]

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.rows.append({"step": step, **metrics})
        # The whole file is written each time, so it is written more rarely as it grows.
        if time.monotonic() - self.flushed > max(5.0, len(self.rows) / 1000):
            self._write()

    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        self._write()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self._write()

    def _write(self) -> None:
        self.flushed = time.monotonic()
        make_folder(self.path.parent)
        columns = ["step", *sorted({k for row in self.rows for k in row} - {"step"})]
        with (
            atomic_write(self.path) as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)
