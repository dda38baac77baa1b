"""What a maker of training accounts returns."""

import csv
import pathlib
from dataclasses import dataclass, field
from datetime import date


@dataclass
class Series:
    """One group's daily costs. A day without cost is 0; days before its first cost and after its last are 0, too."""

    name: str  # what kind it is, for the table of errors by kind
    amounts: list[float]  # with noise and spikes
    spikes: list[tuple[int, int]] = field(default_factory=list)  # first and last day of each, as places


@dataclass
class Account:
    """The daily costs of an invented account, with the spikes in them known."""

    days: list[date]  # without gaps
    series: list[Series]

    def write(self, costs: pathlib.Path, labels: pathlib.Path) -> None:
        """Writes what `backtest --csv --labels` reads."""
        groups = [f"{number:04}/{series.name}" for number, series in enumerate(self.series)]
        with costs.open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("day", "group", "amount"))
            for at, day in enumerate(self.days):
                paid = ((group, series.amounts[at]) for group, series in zip(groups, self.series))
                rows.writerows((day, group, f"{amount:.5f}") for group, amount in paid if amount)
        with labels.open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("group", "from", "to"))
            for group, series in zip(groups, self.series):
                rows.writerows((group, self.days[first], self.days[last]) for first, last in series.spikes)
