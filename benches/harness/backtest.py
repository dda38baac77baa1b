"""The rows about detector and forecast: spikes of invented or real accounts, scored from what the command wrote."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import histories, ledgers
from .histories import Invented
from .judged import detections, forecasts, judge
from .score import DAYS, Detector, Forecast, begin, months
from .simple import DETECTORS, FORECASTS
from .table import Line, percent, ratio, yes

SEEDS = (7301, 7302, 7303)
FLOOR = 0.1  # units: the detector's own, since spikes of invented accounts may be small
OURS = "ours"
Known = dict[str, set[int]]  # places of days whose judgement does not count, by group


@dataclass
class Scores:
    """Of our detector and forecast, and of the simple rules. `floor` is the excess that each of them asks for."""

    floor: float
    detectors: dict[str, Detector] = field(default_factory=lambda: defaultdict(Detector))
    forecasts: dict[str, Forecast] = field(default_factory=lambda: defaultdict(Forecast))
    false: Counter[str] = field(default_factory=Counter)  # our false episodes, by the kind of the series
    missed: Counter[str] = field(default_factory=Counter)  # our missed spikes, by the reason of their largest day

    def add(self, account: Invented, known: Known | None = None, options: tuple[str, ...] = ()) -> None:
        """Judges an account and scores what was found."""
        with judge(account, *options) as (found, expected):
            judged = detections(found, account, self.floor)
            forecasts(expected, account, self.forecasts[OURS])
        for series in account.series:
            excused = (known or {}).get(series.group, set())
            ours = judged[series.group]
            missed, false = self.detectors[OURS].add(ours.anomalies - excused, series.spikes, ours.days)
            self.false[series.group.rsplit("/", 1)[-1]] += false
            for first, last in missed:
                largest = max(range(first, last + 1), key=lambda at: series.amounts[at])
                self.missed[ours.reasons.get(largest, "not judged")] += 1
            for name, rule in DETECTORS.items():
                self.detectors[name].add(rule(series.amounts, self.floor) - excused, series.spikes, ours.days)
            self._add_simple_forecasts(account, series.amounts, begin(series))

    def _add_simple_forecasts(self, account: Invented, amounts: list[float], first: int | None) -> None:
        for month in months(account.days).values():
            for day in (day for day in DAYS if first is not None and month.start + day > first):
                for name, rule in FORECASTS.items():
                    actual = sum(amounts[month.start : month.stop])
                    self.forecasts[name].add(day, actual, rule(amounts, month, day))

    def detector_line(self, what: str, of, show, goal: float | None = None, is_most: bool = False) -> Iterator[Line]:
        """One measure of the detector, beside that of the simple rules."""
        value = of(self.detectors[OURS])
        peers = ", ".join(f"{show(of(score))} {name}" for name, score in self.detectors.items() if name != OURS)
        if goal is None:
            yield Line(what, show(value), peers)
            return
        reached = value <= goal if is_most else value >= goal
        yield Line(what, show(value), peers, goal=f"{'≤' if is_most else '≥'} {goal:g}", reached=yes(reached))

    def bounds(self, accounts: str) -> Iterator[Line]:
        """The limits of the detector: the kinds of series with false episodes, and the reasons of missed spikes."""
        for what, counts in (("false episodes by kind", self.false), ("missed spikes by reason", self.missed)):
            most = [(name, count) for name, count in counts.most_common(5) if count]
            shares = ", ".join(f"{name} {percent(count / counts.total())}" for name, count in most)
            yield Line(f"{accounts}: {what}", f"{counts.total()}: {shares}" if most else "none")

    def forecast_lines(self, accounts: str, goals: tuple[float, ...]) -> Iterator[Line]:
        """Median errors of whole months, and how many of them ended within the band."""
        ours = self.forecasts[OURS]
        for day, goal in zip(DAYS, goals):
            others = ((name, score) for name, score in self.forecasts.items() if name != OURS)
            peers = ", ".join(f"{percent(score.median(day))} {name}" for name, score in others)
            what = f"{accounts}: forecast after day {day}, median error of {len(ours.errors[day])}"
            value = ours.median(day)
            yield Line(what, percent(value), peers, goal=f"≤ {goal:.1%}", reached=yes(value <= goal))
        value = ours.in_band()
        what = f"{accounts}: months within the 80 % band"
        yield Line(what, percent(value), goal="76 to 86 %", reached=yes(0.76 <= value <= 0.86))


RULES = ("weekday_share", "sparse", "same_day_of_month", "often_lately", "other_weekday")


def ablate(quick: bool) -> Iterator[Line]:
    """F1 and false episodes of the detector on the invented accounts, without each of its rules in turn."""
    accounts = [histories.account(seed) for seed in (SEEDS[:1] if quick else SEEDS)]
    yield from ablation("invented", FLOOR, [(account, None) for account in accounts])


def ablation(accounts: str, floor: float, costs: list[tuple[Invented, Known | None]]) -> Iterator[Line]:
    """What each rule is worth on some accounts: the measures without it, and how far they are from those with all."""
    whole = None
    for rule in (None, *RULES):
        scores = Scores(floor)
        for account, known in costs:
            scores.add(account, known, (f"--without={rule}",) if rule else ())
        found = scores.detectors[OURS]
        f1, false = found.episode_f1(), found.false_a_year()
        forecast = ", ".join(percent(scores.forecasts[OURS].median(day)) for day in DAYS)
        whole = whole or f1
        gain = "" if rule is None else f", {f1 - whole:+.3f}"
        what = f"{accounts}, without {rule}" if rule else f"{accounts}, with all rules"
        yield Line(f"{what}: F1; false episodes; forecast medians", f"{f1:.3f}{gain}; {false:.2f}; {forecast}")


def backtest(quick: bool) -> Iterator[Line]:
    """Detector and forecast on invented accounts of two makers; the second is held out."""
    for accounts, maker in (("invented", histories.account), ("held out", ledgers.account)):
        scores = Scores(FLOOR)
        for seed in SEEDS[:1] if quick else SEEDS:
            scores.add(maker(seed))
        yield from scores.detector_line(f"{accounts}: F1 by episode", Detector.episode_f1, ratio, 0.92)
        yield from scores.detector_line(f"{accounts}: precision by episode", Detector.episode_precision, ratio)
        yield from scores.detector_line(f"{accounts}: recall by episode", Detector.episode_recall, ratio)
        yield from scores.detector_line(f"{accounts}: found on the first day", Detector.first_day, percent)
        what = f"{accounts}: false episodes per series-year"
        yield from scores.detector_line(what, Detector.false_a_year, ratio, 0.15, is_most=True)
        yield from scores.bounds(accounts)
        yield from scores.forecast_lines(accounts, (0.029, 0.02, 0.009))
