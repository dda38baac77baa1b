"""How detector and forecast are scored: counts over series, from what was found and what is true."""

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from statistics import median

from .histories import Series

DAYS = (5, 10, 20)  # of the month, after which a forecast is scored
Month = tuple[int, int]
Spike = tuple[int, int]  # places of its first and its last day


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

    def add(self, alarms: set[int], spikes: list[Spike], judged: int) -> tuple[list[Spike], int]:
        """One series: places of its anomalous days, its true spikes, and how many of its days were judged. Gives its missed
        spikes and the number of its false episodes."""
        true = {at for first, last in spikes for at in range(first, last + 1)}
        self.judged += judged
        before = self.episodes - self.true_episodes
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
        missed = [spike for spike in spikes if alarms.isdisjoint(range(spike[0], spike[1] + 1))]
        return missed, self.episodes - self.true_episodes - before

    def precision(self) -> float:
        return share(self.true_alarms, self.alarms)

    def recall(self) -> float:
        return share(self.true_alarms, self.spike_days)

    def episode_precision(self) -> float:
        return share(self.true_episodes, self.episodes)

    def episode_recall(self) -> float:
        return share(self.found, self.spikes)

    def episode_f1(self) -> float:
        return harmonic(self.episode_precision(), self.episode_recall())

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

    def median(self, day: int) -> float:
        return median(self.errors[day])

    def in_band(self) -> float:
        inside = [is_in for day in DAYS for is_in in self.inside[day]]
        return share(sum(inside), len(inside))


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
    lasts = {(day.year, day.month) for day, next_day in itertools.pairwise(days) if next_day.day == 1}
    whole = {month: at for month, at in places.items() if days[at[0]].day == 1 and month in lasts}
    return {month: range(at[0], at[-1] + 1) for month, at in whole.items()}
