"""Tables in a terminal."""

from rich.console import Console
from rich.table import Table as ConsoleTable

from bgr.evaluation.report import Table


def print_table(table: Table, title: str) -> None:
    """Print a table of means."""
    columns = [f"{m}\n{table.evaluator.units[m]}" for m in table.evaluator.metrics]
    shown = ConsoleTable("predictor", *columns)
    for label in table.rows:
        shown.add_row(label, *table.cells(label))
    console = Console()
    console.print(f"\n{title}, {table.count} images", highlight=False, soft_wrap=True)
    console.print(shown)
