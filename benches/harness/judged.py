"""What the built command finds in one account."""

import contextlib
import csv
import pathlib
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from .histories import Invented
from .product import BINARY
from .run import Failed, environment
from .score import DAYS, Forecast, begin, months


@contextlib.contextmanager
def judge(account: Invented, *options: str) -> Iterator[tuple[pathlib.Path, pathlib.Path]]:
    """Runs the command over one account; gives the files of its detections and its forecasts."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        costs, labels, found, expected = (
            folder / f"{file}.csv" for file in ("costs", "labels", "detections", "forecasts")
        )
        account.write(costs, labels)
        arguments = (f"--csv={costs}", f"--labels={labels}", f"--detections={found}", f"--forecasts={expected}")
        command = [BINARY, "backtest", *arguments, *options]
        if (ended := subprocess.run(command, stdout=subprocess.DEVNULL, env=environment()).returncode) != 0:
            raise Failed(f"backtest ended with {ended}")
        yield found, expected


@dataclass
class Judged:
    """What the detector wrote about one series."""

    days: int = 0
    anomalies: set[int] = field(default_factory=set)  # by place
    reasons: dict[int, str] = field(default_factory=dict)  # by place


def detections(path: pathlib.Path, account: Invented, floor: float) -> dict[str, Judged]:
    """The judgements of each group; an anomaly by less than the floor is none."""
    place = {day.isoformat(): at for at, day in enumerate(account.days)}
    judged, seen = defaultdict(Judged), defaultdict(set)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            at = place[row["day"]]
            seen[row["group"]].add(at)
            judged[row["group"]].days += 1
            judged[row["group"]].reasons[at] = row["reason"]
            if row["anomaly"] not in ("0", "1"):
                raise Failed(f"{path.name}: anomaly is {row['anomaly']!r}")
            if row["anomaly"] == "1" and float(row["actual"]) - float(row["expected"]) >= floor:
                judged[row["group"]].anomalies.add(at)
    check(path, seen, account)
    return judged


def forecasts(path: pathlib.Path, account: Invented, score: Forecast) -> None:
    """Adds the forecasts of whole months to the score."""
    place = {day.isoformat(): at for at, day in enumerate(account.days)}
    whole = months(account.days)
    series = {one.group: one for one in account.series}
    seen = defaultdict(set)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            at = place[row["day"]]
            seen[row["group"]].add(at)
            day = account.days[at]
            month = whole.get((day.year, day.month))
            if day.day not in DAYS or month is None:
                continue
            if row["month"][:7] != f"{day:%Y-%m}":
                raise Failed(f"{path.name}: after {day} it forecasts {row['month']}")
            actual = sum(series[row["group"]].amounts[month.start : month.stop])
            band = float(row["lower"]), float(row["upper"])
            score.add(day.day, actual, float(row["forecast"]), band)
    check(path, seen, account)


def check(path: pathlib.Path, seen: dict[str, set[int]], account: Invented) -> None:
    """Days that are left out would be days that cannot be wrong. A day on which the account cost nothing is unknown."""
    known = {at for at in range(len(account.days)) if any(series.amounts[at] for series in account.series)}
    for series in account.series:
        first = begin(series)
        wanted = set() if first is None else {at for at in known if at >= first}
        if missing := wanted - seen[series.group]:
            day = account.days[min(missing)]
            raise Failed(f"{path.name}: {len(missing)} days of {series.group} are missing, such as {day}")
