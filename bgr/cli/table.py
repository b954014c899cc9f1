"""`bgr table`: a paper's figures beside what is measured here."""

from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from bgr.config import build, run_verb
from bgr.errors import BgrError


def main() -> None:
    """Run the verb."""
    run_verb(table, "table")


def table(config: DictConfig) -> None:
    """Print the table of one paper as Markdown."""
    path = Path(config.experiments) / config.paper / "table.yaml"
    if not path.is_file():
        raise BgrError(
            f"no table {path}",
            "experiments/<paper>/table.yaml",
            "run it in a clone of bgr, or set experiments=<folder>",
        )
    content: Any = OmegaConf.to_container(OmegaConf.load(path))
    print(f"## {content['title']}\n\n| row | published | measured | source |\n|---|---|---|---|")
    for row in content["rows"]:
        published = "-" if row["published"] is None else f"{row['published']:,}"
        unit = f" ({row['unit']})" if "unit" in row else ""
        print(f"| {row['label']} | {published}{unit} | {measured(row)} | {row['source']} |")


def measured(row: dict[str, Any]) -> str:
    """What this machine measures for a row, or what it lacks."""
    if "needs" in row:
        return f"not measured: needs {row['needs']}"
    network = build(compose("train", overrides=[f"model={row['model']}"]).model).network
    count = sum(p.numel() for p in network.parameters())
    if row["measure"] == "variables":
        count += sum(b.numel() for b in network.buffers() if b.is_floating_point())
    return f"{count:,}"
