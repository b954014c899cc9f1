"""Tables in a terminal."""

from rich.console import Console
from rich.table import Table as ConsoleTable

from bgr.evaluation.report import Table


def print_table(table: Table, title: str) -> None:
    """Print a table of means."""
    columns = [f"{m}\n{table.evaluator.units[m]}" for m in table.evaluator.metrics]
    shown = ConsoleTable("predictor", *columns, title=f"{title}, {table.count} images")
    for label in table.rows:
        shown.add_row(label, *table.cells(label))
    Console().print(shown)
