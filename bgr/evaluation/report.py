"""What an evaluation leaves behind: tables, per-image CSV, and one self-contained HTML page."""

import base64
import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import matplotlib.figure
import torch
import torch.nn.functional as F
from markupsafe import Markup

from bgr.evaluation.evaluator import Evaluation, Evaluator
from bgr.io.files import atomic_write, write_text
from bgr.io.images import ImageArray, encode_png, to_uint8
from bgr.ops.composite import composite
from bgr.types import Batch

PANEL_COLOUR = (0.47, 1.0, 0.608)  # the green that BackgroundMattingV2 composites over

matplotlib.rcParams["svg.hashsalt"] = "bgr"  # same data, same SVG


INTERVALS_NOTE = "Brackets: 95 % interval of the mean, bootstrap over the images."
PANEL_NOTES = {
    "alpha": "image, true matte, predicted matte, composite over a plain colour",
    "high_res": "what the network saw, truth, prediction",
}


@dataclass
class Table:
    """One row of means a predictor; the first row is the model's.

    Attributes:
        evaluator: metrics, units and conventions.
        rows: label -> metric -> mean.
        count: number of images.
        note: what a reader must know about the numbers.
        intervals: label -> metric -> 95 % interval of the mean; rows without are left out.
    """

    evaluator: Evaluator
    rows: Mapping[str, Mapping[str, float]]
    count: int
    note: str
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)

    def cells(self, label: str) -> list[str]:
        """Formatted means of a row, in the order of the metrics."""
        return [format_value(self.rows[label][m]) for m in self.evaluator.metrics]

    def cells_with_intervals(self, label: str) -> list[str]:
        """The same with the 95 % interval behind the mean, where there is one."""
        intervals = self.intervals.get(label, {})
        cells = []
        for metric, cell in zip(self.evaluator.metrics, self.cells(label), strict=True):
            low, high = intervals.get(metric, (math.nan, math.nan))
            known = not math.isnan(low)
            cells.append(f"{cell} [{format_value(low)}, {format_value(high)}]" if known else cell)
        return cells

    def markdown(self) -> str:
        """The table as Markdown, with conventions and units in its head."""
        evaluator = self.evaluator
        head = [f"{m} (`{c}`, {evaluator.units[m]})" for m, c in evaluator.metrics.items()]
        lines = [["predictor", *head], ["---"] * (1 + len(head))]
        lines += [[label, *self.cells_with_intervals(label)] for label in self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

    def latex(self) -> str:
        """The rows for a LaTeX tabular, the head as a comment."""
        head = ", ".join(f"{m} ({self.evaluator.units[m]})" for m in self.evaluator.metrics)
        rows = [" & ".join([label, *self.cells(label)]) + r" \\" for label in self.rows]
        return "\n".join([f"% {head}; {self.count} images", *rows]) + "\n"


def format_value(value: float) -> str:
    """Four significant digits, or `undefined`."""
    return "undefined" if math.isnan(value) else f"{value:.4g}"


def write_per_image(path: Path, evaluation: Evaluation) -> None:
    """Write one CSV line an image."""
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["name", *evaluation.scores])
        for index, name in enumerate(evaluation.names):
            writer.writerow([name, *(values[index] for values in evaluation.scores.values())])


def write_summary(path: Path, table: Table) -> None:
    """Write the table as JSON, each metric with its convention and unit; NaN becomes null."""
    evaluator = table.evaluator
    rows = {
        label: {m: None if math.isnan(v) else v for m, v in row.items()}
        for label, row in table.rows.items()
    }
    summary = {
        "images": table.count,
        "metrics": {
            m: {"convention": c, "unit": evaluator.units[m]} for m, c in evaluator.metrics.items()
        },
        "means": rows,
        "intervals_95": {
            label: {m: None if math.isnan(i[0]) else list(i) for m, i in row.items()}
            for label, row in table.intervals.items()
        },
        "note": table.note,
    }
    write_text(path, json.dumps(summary, indent=2) + "\n")


def write_files(folder: Path, table: Table, evaluation: Evaluation) -> None:
    """Write the table as JSON, Markdown and LaTeX rows, and the scores of each image as CSV."""
    write_per_image(folder / "per_image.csv", evaluation)
    write_summary(folder / "summary.json", table)
    write_text(folder / "table.md", table.markdown())
    write_text(folder / "table.tex", table.latex())


def panel(batch: Batch, pred: Batch, subject: str) -> ImageArray:
    """Pictures of the first sample of a batch side by side.

    Args:
        batch: composed batch.
        pred: what a predictor made of it.
        subject: `alpha` shows image, true matte, predicted matte and composite; `high_res` shows what
            the network saw (enlarged where it is the low resolution image), truth and prediction.

    Returns:
        (H, n * W, 3) uint8.
    """
    if subject == "alpha":
        image, true, alpha = batch["image"][:1], batch["alpha"][:1], pred["alpha"][:1]
        colour = torch.tensor(PANEL_COLOUR, device=image.device).view(1, 3, 1, 1)
        over = composite(pred.get("foreground", image)[:1], colour, alpha)
        parts = [image, true.expand_as(image), alpha.expand_as(image), over]
    else:
        true, made = batch["high_res"][:1], pred["high_res"][:1]
        seen = [batch["image"], batch["target_background"]] if "target_background" in batch else []
        seen = seen or [F.interpolate(batch["low_res"], size=true.shape[-2:], mode="nearest")]
        parts = [*(x[:1] for x in seen), true, made]
    return to_uint8(torch.cat(parts, dim=3)[0].permute(1, 2, 0).cpu().float().numpy())


@dataclass
class Gallery:
    """Captioned panels under one heading."""

    title: str
    panels: Sequence[tuple[str, ImageArray]]


def read_curves(metrics_csv: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and values of every logged key of a run; empty where nothing was logged."""
    curves: dict[str, tuple[list[int], list[float]]] = {}
    if not metrics_csv.is_file():
        return curves
    with open(metrics_csv, newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            for key, value in line.items():
                if key not in ("step", "epoch") and value:
                    steps, values = curves.setdefault(key, ([], []))
                    steps.append(int(line["step"]))
                    values.append(float(value))
    return curves


def draw_curves(curves: Mapping[str, tuple[list[int], list[float]]]) -> str:
    """Losses in one plot and each validation metric in its own, as an SVG element."""
    losses = [k for k in curves if k.startswith("train/loss/")]
    validation = [k for k in curves if k.startswith("val/")]
    plots = [("loss", losses)] * bool(losses) + [(k, [k]) for k in validation]
    if not plots:
        return ""
    columns = 3
    rows = math.ceil(len(plots) / columns)
    figure = matplotlib.figure.Figure(figsize=(11, 2.6 * rows), layout="constrained")
    for index, (title, keys) in enumerate(plots):
        axes = figure.add_subplot(rows, columns, index + 1, title=title, xlabel="step")
        for key in keys:
            axes.plot(*curves[key], linewidth=1, label=key.rpartition("/")[2])
        if len(keys) > 1:
            axes.legend(fontsize="x-small")
        axes.grid(alpha=0.3)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]


def write_report(
    path: Path,
    title: str,
    subtitle: str,
    split: str,
    table: Table,
    galleries: Sequence[Gallery],
    curves: Mapping[str, tuple[list[int], list[float]]],
    details: Mapping[str, str],
) -> None:
    """Write the HTML page; it needs no other file and no network."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bgr.evaluation", "."), autoescape=True
    )
    evaluator = table.evaluator
    page = environment.get_template("report.html.j2").render(
        title=title,
        subtitle=subtitle,
        split=split,
        count=table.count,
        metrics=[
            {"name": m, "convention": c, "unit": evaluator.units[m]}
            for m, c in evaluator.metrics.items()
        ],
        rows=[{"label": label, "cells": table.cells_with_intervals(label)} for label in table.rows],
        panel_note=PANEL_NOTES[evaluator.subject],
        table_note=table.note,
        curves=Markup(draw_curves(curves)),
        galleries=[
            {
                "title": g.title,
                "panels": [
                    {"caption": c, "png": base64.b64encode(encode_png(p)).decode()}
                    for c, p in g.panels
                ],
            }
            for g in galleries
        ],
        details=[{"title": k, "text": v} for k, v in details.items()],
    )
    write_text(path, page)
