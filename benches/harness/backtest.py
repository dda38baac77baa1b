"""The row about detector and forecast: held-out histories, scored from what the command wrote by code of its own."""

import csv
import math
import pathlib
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from statistics import fmean, median, stdev

from .histories import LEAST, Invented, Series, account
from .product import BINARY
from .run import Failed, environment
from .table import NOTHING, Line, yes

SEEDS = (7301, 7302, 7303)
DAYS = {5: (0.03, 0.08), 10: (0.02, 0.06), 20: (0.01, 0.03)}  # of the month, and goals of the median and mean error
WEEK, WINDOW = 7, 28
CUTS = (1.0, 2.0, 4.0, 8.0, 16.0)  # of the score, for the curve of precision against recall
Month = tuple[int, int]


@dataclass
class Detector:
    """Counts over any number of series."""

    judged: int = 0
    alarms: int = 0
    true_alarms: int = 0
    spike_days: int = 0
    episodes: int = 0
    true_episodes: int = 0
    spikes: int = 0
    found: int = 0
    at_once: int = 0

    def add(self, alarms: set[int], spikes: list[tuple[int, int]], judged: int) -> None:
        """One series: places of its anomalous days, its true spikes, and how many of its days were judged."""
        true = {at for first, last in spikes for at in range(first, last + 1)}
        self.judged += judged
        self.alarms += len(alarms)
        self.true_alarms += len(alarms & true)
        self.spike_days += len(true)
        for begin in (at for at in alarms if at - 1 not in alarms):
            end = begin
            while end in alarms:
                end += 1
            self.episodes += 1
            self.true_episodes += not true.isdisjoint(range(begin, end))
        for first, last in spikes:
            self.spikes += 1
            self.found += not alarms.isdisjoint(range(first, last + 1))
            self.at_once += first in alarms

    def precision(self) -> float:
        return share(self.true_alarms, self.alarms)

    def recall(self) -> float:
        return share(self.true_alarms, self.spike_days)

    def episode_precision(self) -> float:
        return share(self.true_episodes, self.episodes)

    def f1(self) -> float:
        return harmonic(self.precision(), self.recall())

    def episode_f1(self) -> float:
        return harmonic(self.episode_precision(), share(self.found, self.spikes))

    def false_a_year(self) -> float:
        return share(self.episodes - self.true_episodes, self.judged / 365.25)

    def first_day(self) -> float:
        return share(self.at_once, self.spikes)


@dataclass
class Forecast:
    """Relative errors, and whether the month ended in the band, by the last day known."""

    errors: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    inside: dict[int, list[bool]] = field(default_factory=lambda: defaultdict(list))

    def add(self, day: int, actual: float, forecast: float, band: tuple[float, float] | None = None) -> None:
        if actual <= 0:  # relative to nothing, every error is infinite
            return
        self.errors[day].append(abs(forecast - actual) / actual)
        if band:
            slack = 1e-9 * actual  # sums of the same numbers in another order
            self.inside[day].append(band[0] - slack <= actual <= band[1] + slack)


def share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def harmonic(one: float, other: float) -> float:
    return share(2 * one * other, one + other)


def begin(series: Series) -> int | None:
    """The place of the first day that cost something: of none before it can anything be said."""
    return next((at for at, amount in enumerate(series.amounts) if amount > 0), None)


def months(days: list[date]) -> dict[Month, range]:
    """The places of the days of each month that is there from its first to its last day."""
    places = defaultdict(list)
    for at, day in enumerate(days):
        places[day.year, day.month].append(at)
    lasts = {(day.year, day.month) for day, next_day in zip(days, days[1:]) if next_day.day == 1}
    whole = {month: at for month, at in places.items() if days[at[0]].day == 1 and month in lasts}
    return {month: range(at[0], at[-1] + 1) for month, at in whole.items()}


def read_detections(path: pathlib.Path, invented: Invented, scores: dict[float, Detector]) -> None:
    place = {day.isoformat(): at for at, day in enumerate(invented.days)}
    alarms, judged = defaultdict(dict), defaultdict(set)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            at = place[row["day"]]
            judged[row["group"]].add(at)
            if row["anomaly"] not in ("0", "1"):
                raise Failed(f"{path.name}: anomaly is {row['anomaly']!r}")
            if row["anomaly"] == "1":
                alarms[row["group"]][at] = float(row["score"])
    check(path, judged, invented)
    for series in invented.series:
        for cut, score in scores.items():
            above = {at for at, found in alarms[series.group].items() if cut == CUTS[0] or found > cut}
            score.add(above, series.spikes, len(judged[series.group]))


def read_forecasts(path: pathlib.Path, invented: Invented, score: Forecast) -> None:
    place = {day.isoformat(): at for at, day in enumerate(invented.days)}
    whole = months(invented.days)
    series = {one.group: one for one in invented.series}
    seen = defaultdict(set)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            at = place[row["day"]]
            seen[row["group"]].add(at)
            day = invented.days[at]
            month = whole.get((day.year, day.month))
            if day.day not in DAYS or month is None:
                continue
            if row["month"][:7] != f"{day:%Y-%m}":
                raise Failed(f"{path.name}: after {day} it forecasts {row['month']}")
            actual = sum(series[row["group"]].amounts[month.start : month.stop])
            band = float(row["lower"]), float(row["upper"])
            score.add(day.day, actual, float(row["forecast"]), band)
    check(path, seen, invented)


def check(path: pathlib.Path, seen: dict[str, set[int]], invented: Invented) -> None:
    """Days that are left out would be days that cannot be wrong."""
    for series in invented.series:
        first = begin(series)
        wanted = set() if first is None else set(range(first, len(invented.days)))
        if missing := wanted - seen[series.group]:
            day = invented.days[min(missing)]
            raise Failed(f"{path.name}: {len(missing)} days of {series.group} are missing, such as {day}")


def peers(invented: Invented, detectors: dict[str, Detector], forecasts: dict[str, Forecast]) -> None:
    """What one would write in an afternoon; and the truth, which nobody has: it knows all but noise and spikes."""
    whole = months(invented.days)
    for series in invented.series:
        if (first := begin(series)) is None:
            continue
        week, score, truth = set(), set(), set()
        for at in range(first, len(invented.days)):
            amount, past = series.amounts[at], series.amounts[max(first, at - WINDOW) : at]
            if len(past) >= WEEK and amount > 1.3 * fmean(past[-WEEK:]):
                week.add(at)
            if len(past) >= 2 * WEEK and amount > fmean(past) + 3 * stdev(past):
                score.add(at)
            if amount > series.expected[at] * math.exp(tolerance(series)):
                truth.add(at)
        for name, alarms in (("7-day mean + 30 %", week), ("z-score k = 3", score), ("truth known", truth)):
            detectors[name].add(alarms, series.spikes, len(invented.days) - first)
        for month in whole.values():
            amounts, expected = (of[month.start : month.stop] for of in (series.amounts, series.expected))
            for day in (day for day in DAYS if month.start + day > first):
                known = sum(amounts[:day])
                forecasts["run-rate"].add(day, sum(amounts), known * len(month) / day)
                forecasts["truth known"].add(day, sum(amounts), known + sum(expected[day:]))


def tolerance(series: Series) -> float:
    """In logarithms. The three figures were chosen on these very histories: the truth is a bound, not a competitor."""
    least = math.log(1 + LEAST)
    return min(max(3.7 * series.noise, 0.9 * least), 1.8 * least)


def measure(invented: Invented, scores: dict[float, Detector], forecast: Forecast) -> None:
    """Runs the command over one account and scores what it wrote."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        costs, labels, detections, forecasts = (
            folder / f"{file}.csv" for file in ("costs", "labels", "detections", "forecasts")
        )
        invented.write(costs, labels)
        inputs = (f"--csv={costs}", f"--labels={labels}")
        outputs = (f"--detections={detections}", f"--forecasts={forecasts}")
        command = [BINARY, "backtest", *inputs, *outputs]
        if (ended := subprocess.run(command, stdout=subprocess.DEVNULL, env=environment()).returncode) != 0:
            raise Failed(f"backtest ended with {ended}")
        read_detections(detections, invented, scores)
        read_forecasts(forecasts, invented, forecast)


def backtest(quick: bool) -> Iterator[Line]:
    """Detector and forecast on held-out histories, against simple rules."""
    scores, forecast = {cut: Detector() for cut in CUTS}, Forecast()
    detectors, forecasts = defaultdict(Detector), defaultdict(Forecast)
    for seed in SEEDS[:1] if quick else SEEDS:
        invented = account(seed)
        measure(invented, scores, forecast)
        peers(invented, detectors, forecasts)
    yield from detector_lines(scores[CUTS[0]], detectors)
    yield from curve(scores)
    yield from forecast_lines(forecast, forecasts)


def detector_lines(ours: Detector, others: dict[str, Detector]) -> Iterator[Line]:
    ratio, percent = "{:.3f}".format, "{:.1%}".format
    for what, of, show, goal, is_most in (
        ("F1 by day", Detector.f1, ratio, 0.95, False),
        ("F1 by episode", Detector.episode_f1, ratio, 0.95, False),
        ("precision by day", Detector.precision, ratio, 0.97, False),
        ("precision by episode", Detector.episode_precision, ratio, 0.97, False),
        ("false episodes per series-year", Detector.false_a_year, ratio, 0.1, True),
        ("found on the first day", Detector.first_day, percent, 0.95, False),
    ):
        value = of(ours)
        peer = ", ".join(f"{show(of(other))} {name}" for name, other in others.items())
        reached = value <= goal if is_most else value >= goal
        sign = "≤" if is_most else "≥"
        yield Line(f"detector, {what}", show(value), peer, goal=f"{sign} {goal:g}", reached=yes(reached))


def curve(scores: dict[float, Detector]) -> Iterator[Line]:
    """What a higher bound would gain and cost."""
    for cut, score in scores.items():
        said = f"precision {score.precision():.3f}, recall {score.recall():.3f}"
        yield Line(f"detector, days with a score above {cut:g}", said, f"{score.false_a_year():.2f} false episodes a year")


def forecast_lines(ours: Forecast, others: dict[str, Forecast]) -> Iterator[Line]:
    for what, of, place in (("median", median, 0), ("mean", fmean, 1)):
        for day, goals in DAYS.items():
            value, goal = of(ours.errors[day]), goals[place]
            peer = ", ".join(f"{of(other.errors[day]):.1%} {name}" for name, other in others.items())
            name = f"forecast after day {day}, {what} error"
            yield Line(name, f"{value:.2%}", peer, goal=f"≤ {goal:.0%}", reached=yes(value <= goal))
    inside = [is_in for day in DAYS for is_in in ours.inside[day]]
    value = share(sum(inside), len(inside))
    by_day = ", ".join(f"{fmean(ours.inside[day]):.1%}" for day in DAYS)
    name = f"forecast, months in the 80 % band ({by_day})"
    yield Line(name, f"{value:.1%}", NOTHING, goal="78 to 84 %", reached=yes(0.78 <= value <= 0.84))
