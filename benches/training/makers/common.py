"""What the makers of accounts share: the calendar, random draws, and the spikes."""

import calendar
import math
import random
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from ..account import Account, Series

ONE_DAY = timedelta(days=1)


def log_uniform(dice: random.Random, low: float, high: float) -> float:
    return math.exp(dice.uniform(math.log(low), math.log(high)))


def noise_factor(dice: random.Random, spread: float) -> float:
    return math.exp(dice.gauss(0, spread))


def month_length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def is_last_of_month(day: date) -> bool:
    return day.day == month_length(day)


def is_weekend(day: date) -> bool:
    return day.weekday() > 4


def is_nth_weekday(day: date, weekday: int, nth: int) -> bool:
    """Whether it is the month's nth Monday, Tuesday and so on, counted from 0."""
    return day.weekday() == weekday and (day.day - 1) // 7 == nth


def is_last_weekday(day: date, weekday: int) -> bool:
    """Whether it is the month's last Monday, Tuesday and so on."""
    return day.weekday() == weekday and day.day + 7 > month_length(day)


@dataclass
class Calendar:
    """The days of a history, and those of them on which nobody works."""

    days: list[date]
    holidays: set[date]

    def is_working(self, day: date) -> bool:
        return not is_weekend(day) and day not in self.holidays

    def working_before(self, day: date) -> int:
        """Working days of the month before this one."""
        return sum(self.is_working(day.replace(day=other)) for other in range(1, day.day))

    def working_after(self, day: date) -> int:
        """Working days left in the month after this one."""
        return sum(self.is_working(day.replace(day=other)) for other in range(day.day + 1, month_length(day) + 1))

    def due(self, day_of_month: int, move: int = 0) -> set[date]:
        """When something monthly is due: in short months on the last day, from days off moved back or on."""
        found = set()
        day = self.days[0] - 31 * ONE_DAY
        while day <= self.days[-1] + 31 * ONE_DAY:
            if day.day == min(day_of_month, month_length(day)):
                moved = day
                while move and not self.is_working(moved):
                    moved += move * ONE_DAY
                found.add(moved)
            day += ONE_DAY
        return found


def drawn_days(dice: random.Random, earliest: date, within: int) -> list[date]:
    """400 to 450 days, the first of them less than `within` days after the earliest."""
    first = earliest + dice.randrange(within) * ONE_DAY
    return [first + at * ONE_DAY for at in range(dice.randint(400, 450))]


def drawn_holidays(dice: random.Random, days: Iterable[date], own: int, fixed: set[tuple[int, int]]) -> set[date]:
    """The fixed holidays, as month and day, and some of the country's own."""
    off = {(dice.randint(1, 12), dice.randint(1, 28)) for _ in range(own)} | fixed
    return {day for day in days if (day.month, day.day) in off}


@dataclass
class SpikePlan:
    """How spikes are in one account."""

    per_year: float  # spikes a year and series, on average
    quiet_start: int  # days at the beginning of a series without any
    distance: int  # least number of days from the last of one to the first of the next
    most: float  # what a spike adds to a day at most, as a part of it
    log_heights: bool  # log-uniform, or else uniform
    shared: float  # part of the spikes that hit two or three series

    @classmethod
    def drawn(cls, dice: random.Random) -> "SpikePlan":
        is_wild = dice.random() < 1 / 6
        return cls(
            per_year=dice.uniform(0.7, 3),
            quiet_start=dice.randint(25, 60),
            distance=dice.randint(2, 30),
            most=20.0 if is_wild else 4.0,
            log_heights=is_wild or dice.random() < 0.6,
            shared=dice.uniform(0.02, 0.08) if dice.random() < 0.5 else 0.0,
        )


LEAST_RISE = 0.4
LEAST_ORDINARY = 0.5  # a series whose ordinary day costs less has no spikes
LEAST_PART = 0.1  # of the ordinary day, that a day costs on which a spike may be
LENGTHS = {1: 6, 2: 3, 3: 2, 4: 2, 5: 2}  # days of a spike, with weights
SHAPES = {"constant": 2, "varying": 1, "fading": 1}
PLACES_TRIED = 50


def drawn_rises(dice: random.Random, plan: SpikePlan, length: int) -> list[float]:
    """How much is added on each day of a spike, as a part of the day's amount."""
    draw = log_uniform if plan.log_heights else random.Random.uniform
    height = draw(dice, LEAST_RISE, plan.most)
    shape = dice.choices(list(SHAPES), list(SHAPES.values()))[0]
    rises = [height] * length
    if shape == "varying":
        rises = [height * dice.uniform(0.85, 1.15) for _ in rises]
    elif shape == "fading" and length > 1:
        rises = [height * (1 - 0.5 * at / (length - 1)) for at in range(length)]
    return [min(max(rise, LEAST_RISE), plan.most) for rise in rises]


class _Room:
    """The days of a series on which a spike may be."""

    def __init__(self, series: Series, plan: SpikePlan):
        self.series, self.plan = series, plan
        paid = [at for at, amount in enumerate(series.amounts) if amount > 0]
        ordinary = statistics.median(series.amounts[at] for at in paid) if paid else 0.0
        self.is_candidate = ordinary >= LEAST_ORDINARY
        self.lifetime = paid[-1] - paid[0] + 1 if paid else 0
        least = LEAST_PART * ordinary
        self.free = {at for at in paid if at >= paid[0] + plan.quiet_start and series.amounts[at] >= least}

    def fits(self, first: int, length: int) -> bool:
        return all(at in self.free for at in range(first, first + length))

    def add(self, dice: random.Random, first: int, length: int) -> None:
        for at, rise in enumerate(drawn_rises(dice, self.plan, length), first):
            self.series.amounts[at] *= 1 + rise
        last = first + length - 1
        self.series.spikes.append((first, last))
        self.free.difference_update(range(first - self.plan.distance + 1, last + self.plan.distance))


def add_spikes(dice: random.Random, series: list[Series]) -> None:
    """Raises amounts and labels the days. Each paid day is as likely as any other."""
    plan = SpikePlan.drawn(dice)
    rooms = [room for room in (_Room(one, plan) for one in series) if room.is_candidate]
    places = [(room, at) for room in rooms for at in sorted(room.free)]
    years = sum(room.lifetime for room in rooms) / 365
    more = (1, 2)  # further series that a shared spike hits
    spikes = round(plan.per_year * years / (1 + plan.shared * statistics.mean(more))) if places else 0
    for _ in range(spikes):
        length = dice.choices(list(LENGTHS), list(LENGTHS.values()))[0]
        tried = (dice.choice(places) for _ in range(PLACES_TRIED))
        room, first = next(((room, at) for room, at in tried if room.fits(at, length)), (None, 0))
        if room is None:
            continue
        room.add(dice, first, length)
        if dice.random() < plan.shared:
            others = [other for other in rooms if other.fits(first, length)]
            for other in dice.sample(others, min(dice.choice(more), len(others))):
                other.add(dice, first, length)
    for one in series:
        one.spikes.sort()


def filled_account(dice: random.Random, days: list[date], make: Callable[[], Series]) -> Account:
    """An account of 260 to 320 series that cost something, with spikes."""
    count, series = dice.randint(260, 320), []
    while len(series) < count:
        one = make()
        if any(one.amounts):
            series.append(one)
    add_spikes(dice, series)
    return Account(days, series)
