"""The rows about real costs: spikes laid over the files of a folder, scored as the invented accounts are.

    scripts/bench real DIR

DIR holds files with the columns `day,group,amount,currency`. A file `known.csv` in it, with the columns
`file,group,from,to`, names the days that are unusual in the real data: an anomaly there is neither right nor wrong.
The repository carries no real costs.
"""

import csv
import math
import pathlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from statistics import median

from .backtest import Known, Scores, ablation
from .histories import Invented, Series
from .run import Failed
from .score import Detector
from .table import Line, ratio

SEEDS = 40
FLOOR = 5.0  # units: the excess below which the daemon sends no alert
LEAST = 6.0  # units: a spike that would add less is left out
Spikes = Callable[[Series, set[int], Random], Series]


@dataclass
class Costs:
    """The costs of one file as they are."""

    name: str
    account: Invented
    known: Known


def read(folder: pathlib.Path) -> list[Costs]:
    """All files of the folder; a day without a row cost nothing."""
    files = sorted(path for path in folder.glob("*.csv") if path.name != "known.csv")
    if not files:
        raise Failed(f"{folder} holds no files with the columns day,group,amount,currency")
    known = _known(folder / "known.csv")
    return [_costs(path, known) for path in files]


def _costs(path: pathlib.Path, known: dict[tuple[str, str], list[tuple[date, date]]]) -> Costs:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    currencies = {row["currency"] for row in rows}
    if len(currencies) != 1:
        raise Failed(f"{path}: one currency is needed, found {sorted(currencies)}")
    first, last = (date.fromisoformat(pick(row["day"] for row in rows)) for pick in (min, max))
    days = [first + timedelta(at) for at in range((last - first).days + 1)]
    amounts: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(days))
    for row in rows:
        amounts[row["group"]][(date.fromisoformat(row["day"]) - first).days] += float(row["amount"])
    series = [Series(group, values) for group, values in sorted(amounts.items())]
    places = {
        group: {at for begin, end in spans for at in range((begin - first).days, (end - first).days + 1)}
        for (name, group), spans in known.items()
        if name == path.name
    }
    return Costs(path.stem, Invented(days, currencies.pop(), series), places)


def _known(path: pathlib.Path) -> dict[tuple[str, str], list[tuple[date, date]]]:
    spans: dict[tuple[str, str], list[tuple[date, date]]] = defaultdict(list)
    if path.exists():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                span = date.fromisoformat(row["from"]), date.fromisoformat(row["to"])
                spans[row["file"], row["group"]].append(span)
    return spans


def injected(series: Series, known: set[int], random: Random) -> Series:
    """Spikes of one to three days, in steps of the median of the week before."""

    def more(amounts: list[float], first: int, length: int) -> list[float]:
        usual = median(amounts[first - 7 : first])
        return [random.choice((0.5, 0.75, 1, 1.5, 2, 3)) * usual] * length

    return _lay(series, known, random, (25, 55), 3, more)


def other(series: Series, known: set[int], random: Random) -> Series:
    """Spikes of one to five days, each in proportion to the day's own cost."""

    def more(amounts: list[float], first: int, length: int) -> list[float]:
        share = math.exp(random.uniform(math.log(0.4), math.log(4)))
        return [share * amount for amount in amounts[first : first + length]]

    return _lay(series, known, random, (50, 120), 5, more)


def _lay(
    series: Series,
    known: set[int],
    random: Random,
    apart: tuple[int, int],
    longest: int,
    more: Callable[[list[float], int, int], list[float]],
) -> Series:
    amounts, spikes = list(series.amounts), []
    warm = 60 if len(amounts) > 90 else 30
    at = warm + random.randint(0, apart[0])
    while at < len(amounts):
        length = min(random.randint(1, longest), len(amounts) - at)
        added = more(series.amounts, at, length)
        if known.isdisjoint(range(at, at + length)) and max(added) >= LEAST:
            amounts[at : at + length] = [old + new for old, new in zip(amounts[at : at + length], added)]
            spikes.append((at, at + length - 1))
        at += random.randint(*apart)
    return replace(series, amounts=[round(amount, 5) for amount in amounts], spikes=spikes)


def row(folder: pathlib.Path) -> Callable[[bool], Iterator[Line]]:
    """The row about the costs in a folder."""

    def real(quick: bool) -> Iterator[Line]:
        """Detector and forecast on real costs, with spikes laid over them and as they are."""
        return measure(read(folder), quick)

    return real


def measure(files: list[Costs], quick: bool) -> Iterator[Line]:
    for name, spikes, goal in (("injected", injected, 0.865), ("other", other, 0.90)):
        scores = Scores(FLOOR)
        for costs in files:
            for seed in range(SEEDS // 10 if quick else SEEDS):
                scores.add(with_spikes(costs, name, spikes, seed), costs.known)
        accounts = f"real, {name} spikes"
        yield from scores.detector_line(f"{accounts}: F1 by episode", Detector.episode_f1, ratio, goal)
        yield from scores.detector_line(f"{accounts}: precision by episode", Detector.episode_precision, ratio)
        yield from scores.detector_line(f"{accounts}: recall by episode", Detector.episode_recall, ratio)
    scores = Scores(FLOOR)
    for costs in files:
        scores.add(costs.account, costs.known)
    what = "real, as it is: anomalous episodes per series-year"
    yield from scores.detector_line(what, Detector.false_a_year, ratio, 0.15, is_most=True)
    yield from scores.forecast_lines("real, as it is", (0.06, 0.043, 0.014))


def ablate(folder: pathlib.Path) -> Callable[[bool], Iterator[Line]]:
    """The row about the worth of each rule on the costs in a folder."""

    def ablate_real(quick: bool) -> Iterator[Line]:
        """F1 and false episodes of the detector on real costs with spikes, without each of its rules in turn."""
        files = read(folder)
        for name, spikes in (("injected", injected), ("other", other)):
            seeds = range(SEEDS // 10 if quick else SEEDS // 4)
            costs = [(with_spikes(one, name, spikes, seed), one.known) for one in files for seed in seeds]
            yield from ablation(f"real, {name} spikes", FLOOR, costs)

    return ablate_real


def with_spikes(costs: Costs, name: str, spikes: Spikes, seed: int) -> Invented:
    """The costs of a file with spikes laid over them; the same for the same seed."""
    random = Random(f"{name} {costs.name} {seed}")
    series = [spikes(one, costs.known.get(one.group, set()), random) for one in costs.account.series]
    return replace(costs.account, series=series)
