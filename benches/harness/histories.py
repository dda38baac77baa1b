"""python3 -m harness.histories [--seed N] [--series N] [--days N] CSV LABELS: an invented account's daily costs.

The habits are those of real invoices, the spikes are written down as they are made. Neither detector nor forecast was
ever tuned on these sets: their makers did not know this file.
"""

import argparse
import calendar
import datetime
import math
import random
from collections.abc import Callable

Day = datetime.date
ONE = datetime.timedelta(days=1)


class Habit:
    """What a series would cost on a day, noise apart."""

    def __init__(self, dice: random.Random, days: list[Day]):
        self.dice, self.days = dice, days
        self.scale = math.exp(dice.uniform(math.log(2), math.log(400)))
        self.noise = 0.0
        self.holiday = 1.0

    def cost(self, at: int, day: Day) -> float:
        raise NotImplementedError


class Reserved(Habit):
    """Machines that always run."""

    def cost(self, at, day):
        return self.scale


class Office(Habit):
    """Less at the weekend, and on holidays as on Sundays."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.weekend, self.friday = dice.uniform(0.25, 0.85), dice.uniform(0.85, 1.0)
        self.noise = dice.choice([0.01, 0.03, 0.06])
        self.holiday = self.weekend

    def cost(self, at, day):
        return self.scale * (self.weekend if day.weekday() > 4 else self.friday if day.weekday() == 4 else 1.0)


class Growing(Habit):
    """Grows or shrinks by some percent a month."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.rate = math.log(1 + dice.choice([-0.06, 0.03, 0.06, 0.1, 0.15])) / 30
        self.noise = dice.choice([0.01, 0.04])

    def cost(self, at, day):
        return self.scale * math.exp(self.rate * at)


class Stepping(Office):
    """Now and then another size, for good."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.level, level = [], 1.0
        for _ in days:
            if dice.random() < 1 / 110:
                level *= dice.choice([0.5, 0.7, 0.8, 1.15, 1.25, 1.3])
            self.level.append(level)

    def cost(self, at, day):
        return super().cost(at, day) * self.level[at]


class Scaled(Habit):
    """A number of machines that follows the load."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.count, count, usual = [], dice.randint(6, 40), 0
        usual = count
        for _ in days:
            pull = 1 if count < usual else -1 if count > usual else 0
            count = max(1, count + dice.choice([-1, 0, 0, 0, 1]) + (pull if dice.random() < 0.3 else 0))
            self.count.append(count)

    def cost(self, at, day):
        return self.scale / 20 * self.count[at]


class Traffic(Office):
    """Noisy, with a year's swing."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.noise, self.swing = dice.uniform(0.08, 0.2), dice.uniform(0.0, 0.25)
        self.weekend, self.holiday = dice.uniform(0.8, 1.3), dice.uniform(0.8, 1.2)

    def cost(self, at, day):
        return super().cost(at, day) * (1 + self.swing * math.sin(day.timetuple().tm_yday / 58))


class Jobs(Habit):
    """Runs on some days only, for about the same money."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        chance = dice.choice([0.1, 0.2, 0.4, 0.6])
        self.runs = [dice.random() < chance for _ in days]
        self.noise = dice.choice([0.03, 0.1, 0.2])

    def cost(self, at, day):
        return self.scale if self.runs[at] else 0.0


class EveryNth(Habit):
    """A job every so many days, over a base or over nothing."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.step, self.phase = dice.choice([2, 3, 7, 7, 10, 14, 14]), dice.randrange(14)
        self.base, self.noise = dice.choice([0.0, 0.3, 1.0]), dice.choice([0.01, 0.05])

    def cost(self, at, day):
        return self.scale * (self.base + ((at + self.phase) % self.step == 0))


class MonthlyFee(Office):
    """A fee on a day of the month on top of daily costs, on a Monday where it falls on a weekend."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.due, self.fee, self.moves = dice.choice([1, 1, 1, 5, 15, 28, 31]), dice.uniform(1, 12), dice.random() < 0.3
        self.daily = dice.choice([0.0, 1.0, 1.0])

    def is_due(self, day: Day) -> bool:
        due = day.replace(day=min(self.due, calendar.monthrange(day.year, day.month)[1]))
        while self.moves and due.weekday() > 4:
            due += ONE
        return day == due

    def cost(self, at, day):
        return super().cost(at, day) * self.daily + self.scale * self.fee * self.is_due(day)


class MonthEnd(Office):
    """Closing runs on the last working days of the month."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.length, self.factor = dice.randint(1, 3), dice.uniform(1.4, 4)

    def cost(self, at, day):
        left, ahead = 0, day + ONE
        while ahead.month == day.month:
            left += ahead.weekday() < 5
            ahead += ONE
        return super().cost(at, day) * (self.factor if left < self.length and day.weekday() < 5 else 1.0)


class NthWeekday(Office):
    """A run on the first or the third weekday of its kind in a month."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.nth, self.weekday, self.factor = dice.choice([0, 2]), dice.randrange(5), dice.uniform(1.6, 5)

    def cost(self, at, day):
        is_run = day.weekday() == self.weekday and (day.day - 1) // 7 == self.nth
        return super().cost(at, day) * (self.factor if is_run else 1.0)


class Allowance(Habit):
    """Free until the month's allowance is used up."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.free, self.noise = dice.randint(6, 22), 0.05

    def cost(self, at, day):
        return self.scale if day.day > self.free else 0.0


class Tiers(Habit):
    """Cheaper in the later part of a month."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.turn, self.discount, self.noise = dice.randint(8, 20), dice.uniform(0.4, 0.8), 0.03

    def cost(self, at, day):
        return self.scale * (1.0 if day.day <= self.turn else self.discount)


class Prorated(Habit):
    """A monthly price spread over the days of the month."""

    def cost(self, at, day):
        return 30 * self.scale / calendar.monthrange(day.year, day.month)[1]


class Quarterly(Office):
    """A licence each quarter."""

    def cost(self, at, day):
        return super().cost(at, day) + 8 * self.scale * (day.day == 1 and day.month % 3 == 1)


class Cents(Office):
    """Next to nothing."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.scale, self.noise = dice.uniform(0.02, 0.4), 0.15


class Lifetime(Office):
    """Begins or ends within the history."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        span = sorted(dice.sample(range(len(days)), 2))
        self.first, self.last = (span[0] // 2, len(days)) if dice.random() < 0.5 else (0, max(span[1], 90))

    def cost(self, at, day):
        return super().cost(at, day) if self.first <= at < self.last else 0.0


class Refunded(Reserved):
    """A credit now and then."""

    def __init__(self, dice, days):
        super().__init__(dice, days)
        self.refunds = {at for at in range(len(days)) if dice.random() < 1 / 120}

    def cost(self, at, day):
        return self.scale * (-2.0 if at in self.refunds else 1.0)


HABITS: list[Callable[[random.Random, list[Day]], Habit]] = [
    Reserved, Reserved, Office, Office, Office, Growing, Growing, Stepping, Stepping, Scaled, Traffic, Traffic, Jobs,
    EveryNth, EveryNth, MonthlyFee, MonthlyFee, MonthEnd, NthWeekday, Allowance, Tiers, Prorated, Quarterly, Cents,
    Lifetime, Refunded,
]


def holidays(dice: random.Random, days: list[Day]) -> set[Day]:
    """Days on which nobody works: fixed ones, Christmas to New Year, and some of the country's own."""
    own = {(dice.randint(1, 12), dice.randint(1, 28)) for _ in range(5)}
    fixed = {(1, 1), (5, 1), (12, 25), (12, 26)} | own
    return {day for day in days if (day.month, day.day) in fixed or (day.month == 12 and day.day > 26)}


def spikes(dice: random.Random, plain: list[float], quiet: int) -> list[tuple[int, int, float]]:
    """First day, length and factor of each: none where a day costs nothing, none within `quiet` days of another."""
    found, at = [], 60 + int(dice.expovariate(1 / 150))
    while at + 5 < len(plain):
        length, factor = dice.choice([1, 1, 1, 2, 3, 5]), dice.uniform(1.4, 5.0)
        if all(cost > 0 for cost in plain[at : at + length]):
            found.append((at, length, factor))
            at += length + quiet
        at += 1 + int(dice.expovariate(1 / 150))
    return found


def write(seed: int, series: int, length: int, csv, labels) -> None:
    dice = random.Random(seed)
    first = Day(2025, dice.randint(1, 12), dice.randint(1, 28))
    days = [first + at * ONE for at in range(length)]
    off = holidays(dice, days)
    csv.write("day,group,amount,currency\n")
    labels.write("group,from,to\n")
    for number in range(series):
        kind = HABITS[number % len(HABITS)]
        habit = kind(dice, days)
        name = f"{number:04}/{kind.__name__.lower()}"
        plain = [habit.cost(at, day) * (habit.holiday if day in off else 1.0) for at, day in enumerate(days)]
        costs = [cost * math.exp(dice.gauss(0, habit.noise)) for cost in plain]
        # Nobody is to be told of cents.
        for at, days_long, factor in spikes(dice, plain, 21) if habit.scale > 1 else []:
            labels.write(f"{name},{days[at]},{days[at + days_long - 1]}\n")
            for day in range(at, at + days_long):
                costs[day] *= factor
        for day, cost in zip(days, costs):
            if cost != 0:
                csv.write(f"{day},{name},{cost:.5f},EUR\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="harness.histories", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--series", type=int, default=260)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("csv", type=argparse.FileType("w"))
    parser.add_argument("labels", type=argparse.FileType("w"))
    options = parser.parse_args()
    with options.csv as csv, options.labels as labels:
        write(options.seed, options.series, options.days, csv, labels)


if __name__ == "__main__":
    main()
