"""An account simulated from what runs in it: machines that come and go, load, storage, cron jobs, fees, tiers."""

import math
import random
from collections.abc import Callable
from datetime import date

from ..account import Account, Series
from . import common
from .common import Calendar, is_weekend, noise_factor

_FOREVER = 1e9

# Each part draws the costs of all days, where an ordinary day is about one (machines: their number).
_Part = Callable[[random.Random, Calendar], list[float]]


def _machines(dice: random.Random, calendar: Calendar) -> list[float]:
    """Each has a price and ends some day; most of those that end are replaced."""
    count, life = dice.choice([1, 2, 4, 8, 15, 30]), dice.choice([120, 250, 600, 2000])

    def drawn_price() -> float:
        return dice.choice([1, 1, 2, 4]) * dice.uniform(0.9, 1.1)

    def drawn_life() -> float:
        return dice.expovariate(1 / life)

    live = [(drawn_price(), _FOREVER if dice.random() < 0.5 else drawn_life()) for _ in range(count)]
    costs = []
    for _ in calendar.days:
        aged = [(price, left - 1) for price, left in live]
        live = [(price, left) for price, left in aged if left > 0]
        for price in [price for price, left in aged if left <= 0]:
            if dice.random() < 0.85:
                live.append((price if dice.random() < 0.7 else drawn_price(), drawn_life()))
        if dice.random() < count / life / 8:
            live.append((drawn_price(), drawn_life()))
        if not live:
            live.append((drawn_price(), life))
        costs.append(sum(price for price, _ in live))
    mean = sum(costs) / len(costs)
    return [cost / mean for cost in costs]


def _hours(dice: random.Random, calendar: Calendar) -> list[float]:
    """Working hours: less on Saturdays and holidays, still less on Sundays."""
    off, sunday, friday = dice.uniform(0.2, 0.6), dice.uniform(0, 0.6), dice.uniform(0.7, 1)

    def cost(day: date) -> float:
        if calendar.is_working(day):
            return friday if day.weekday() == 4 else 1.0
        return off * sunday if day.weekday() == 6 else off

    return [cost(day) for day in calendar.days]


def _load(dice: random.Random, calendar: Calendar) -> list[float]:
    """Grows, with a weekend of its own."""
    growth, weekend = dice.gauss(0.0004, 0.001), dice.choice([1, dice.uniform(0.5, 1.5)])
    return [math.exp(growth * at) * (weekend if is_weekend(day) else 1) for at, day in enumerate(calendar.days)]


def _load_noise(dice: random.Random, count: int) -> list[float]:
    """Factors that may depend on those of the days before."""
    memory, spread, state, factors = dice.choice([0, 0.4, 0.8]), dice.uniform(0.03, 0.18), 0.0, []
    for _ in range(count):
        state = memory * state + math.sqrt(1 - memory**2) * dice.gauss(0, spread)
        factors.append(math.exp(state))
    return factors


def _store(dice: random.Random, calendar: Calendar) -> list[float]:
    """Grows by the day; some are cleaned up every so often."""
    size, growth, kept, costs = 1.0, dice.uniform(0, 0.006), dice.choice([None, None, 45, 120]), []
    for at in range(len(calendar.days)):
        size += growth
        if kept and at % kept == kept - 1:
            size *= dice.uniform(0.6, 0.9)
        costs.append(size)
    return costs


_MONTHLY_RULES = {
    "day-of-month": 2, "first": 1, "last": 1, "last-working": 1, "first-working": 1, "nth-weekday": 1,
    "last-weekday": 1, "twice-a-month": 1, "quarter": 1,
}
_FREQUENT_RULES = {"every-n-days": 2, "weekly": 1}


def _scheduled(dice: random.Random, calendar: Calendar, rules: dict[str, int]) -> tuple[str, list[bool]]:
    """A rule, and whether each day is one of its days. Schedules know weekends but no holidays."""
    rule = dice.choices(list(rules), list(rules.values()))[0]
    day_of_month, weekday, nth, step = dice.randint(1, 28), dice.randrange(7), dice.randrange(4), dice.randint(2, 30)
    week = Calendar(calendar.days, set())
    checks: dict[str, Callable[[int, date], bool]] = {
        "day-of-month": lambda at, day: day.day == day_of_month,
        "first": lambda at, day: day.day == 1,
        "last": lambda at, day: common.is_last_of_month(day),
        "last-working": lambda at, day: week.is_working(day) and not week.working_after(day),
        "first-working": lambda at, day: week.is_working(day) and not week.working_before(day),
        "nth-weekday": lambda at, day: common.is_nth_weekday(day, weekday, nth),
        "last-weekday": lambda at, day: common.is_last_weekday(day, weekday),
        "every-n-days": lambda at, day: at % step == day_of_month % step,
        "weekly": lambda at, day: day.weekday() == weekday,
        "twice-a-month": lambda at, day: day.day in (1, 15),
        "quarter": lambda at, day: day.day == 1 and day.month % 3 == 1,
    }
    return rule, [checks[rule](at, day) for at, day in enumerate(calendar.days)]


def _cron(dice: random.Random, calendar: Calendar) -> list[float]:
    """A job on its days; the rarer ones may run for two or three days."""
    rule, is_run = _scheduled(dice, calendar, _MONTHLY_RULES | _FREQUENT_RULES)
    job, length, spread = dice.uniform(0.5, 4), dice.choice([1, 1, 1, 2, 3]), dice.choice([0, 0.03, 0.15])
    costs = [0.0] * len(is_run)
    for first in (at for at, runs in enumerate(is_run) if runs):
        last = min(first + (1 if rule in _FREQUENT_RULES else length), len(costs))
        costs[first:last] = [job * noise_factor(dice, spread)] * (last - first)
    return costs


def _fee(dice: random.Random, calendar: Calendar) -> list[float]:
    """The same each time; some rise every 90 days."""
    _, is_due = _scheduled(dice, calendar, _MONTHLY_RULES)
    fee, rise = math.exp(dice.uniform(0, 2.7)), dice.choice([1, 1, 1.02, 1.1])
    return [fee * rise ** (at // 90) if due else 0.0 for at, due in enumerate(is_due)]


def _tiers(dice: random.Random, calendar: Calendar) -> list[float]:
    """Cheaper before, or else after, a month's limit is used up."""
    limit, cheaper, is_dearer_later = dice.uniform(5, 26), dice.choice([0, 0.3, 0.5, 0.7]), dice.random() < 0.5
    before, after = (cheaper, 1.0) if is_dearer_later else (1.0, max(cheaper, 0.3))
    used, costs = 0.0, []
    for day in calendar.days:
        used = (0.0 if day.day == 1 else used) + dice.uniform(0.9, 1.1)
        costs.append(before if used < limit else after)
    return costs


def _adhoc(dice: random.Random, calendar: Calendar) -> list[float]:
    chance = dice.choice([0.1, 0.3, 0.6, 0.8])
    return [1.0 if dice.random() < chance else 0.0 for _ in calendar.days]


_PARTS: dict[str, _Part] = {
    "machines": _machines, "hours": _hours, "load": _load, "store": _store, "cron": _cron, "fee": _fee,
    "tiers": _tiers, "adhoc": _adhoc,
}
_KINDS = {
    "machines": 4, "hours": 3, "load": 3, "store": 2, "machines+hours": 1, "machines+load": 1, "machines+cron": 1,
    "hours+cron": 1, "load+cron": 1, "store+cron": 1, "store+fee": 1, "hours+fee": 1, "machines+fee": 1,
    "load+fee": 1, "fee": 1, "cron": 1, "tiers": 1, "tiers+store": 1, "adhoc": 1, "machines+store": 1,
    "store+cron+fee": 1,
}


def _lifetime(dice: random.Random, count: int) -> range:
    first = dice.randrange(count // 2) if dice.random() < 0.15 else 0
    return range(first, dice.randrange(count // 2, count) if dice.random() < 0.1 else count)


def _series(dice: random.Random, calendar: Calendar) -> Series:
    name, count = dice.choices(list(_KINDS), list(_KINDS.values()))[0], len(calendar.days)
    price, spread = common.log_uniform(dice, 2, 300), dice.choice([0, 0.005, 0.02, 0.05])
    costs, noise = [0.0] * count, [1.0] * count
    for part in name.split("+"):
        share = dice.uniform(0.5, 1.5) * price
        costs = [cost + share * more for cost, more in zip(costs, _PARTS[part](dice, calendar))]
        if part == "load":
            noise = _load_noise(dice, count)
    lifetime = _lifetime(dice, count)
    if dice.random() < 0.1:
        changed, factor = dice.randrange(count), dice.choice([0.85, 1.1, 1.2])
        costs[changed:] = [cost * factor for cost in costs[changed:]]
    exact = [cost * noise[at] if at in lifetime else 0.0 for at, cost in enumerate(costs)]
    return Series(name, [cost * noise_factor(dice, spread) for cost in exact])


def account(seed: int) -> Account:
    dice = random.Random(f"parts {seed}")
    days = common.drawn_days(dice, date(2024, 1, 1), 600)
    calendar = Calendar(days, common.drawn_holidays(dice, days, 6, {(12, 25), (12, 26), (1, 1)}))
    return common.filled_account(dice, days, lambda: _series(dice, calendar))
