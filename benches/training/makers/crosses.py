"""Random crosses of a level, a week, a noise, calendar effects and a lifetime."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from ..account import Account, Series
from . import common
from .common import Calendar, log_uniform, noise_factor

# Each level draws the factors of all days, given their number.
_Level = Callable[[random.Random, int], list[float]]


def _still(dice: random.Random, count: int) -> list[float]:
    return [1.0] * count


def _walk(dice: random.Random, count: int) -> list[float]:
    spread, level, levels = dice.uniform(0.002, 0.025), 0.0, []
    for _ in range(count):
        level = 0.995 * level + dice.gauss(0, spread)
        levels.append(math.exp(level))
    return levels


def _growth(dice: random.Random, count: int) -> list[float]:
    """By some percent a day, or a decline, up to day 330."""
    rate = dice.choice([-1, 1, 1, 1]) * log_uniform(dice, 0.0004, 0.012)
    return [math.exp(rate * min(at, 330)) for at in range(count)]


def _linear(dice: random.Random, count: int) -> list[float]:
    rate = dice.uniform(0.001, 0.02)
    return [1 + rate * at for at in range(count)]


def _wave(dice: random.Random, count: int) -> list[float]:
    swing, period, phase = dice.uniform(0.1, 0.4), dice.uniform(60, 365), dice.random() * 6
    return [1 + swing * math.sin(math.tau * at / period + phase) for at in range(count)]


def _steps(dice: random.Random, count: int) -> list[float]:
    steps, level, levels = {dice.randrange(5, count) for _ in range(dice.randint(1, 3))}, 1.0, []
    for at in range(count):
        if at in steps:
            level *= log_uniform(dice, 0.3, 3.3)
        levels.append(level)
    return levels


def _two_states(dice: random.Random, count: int) -> list[float]:
    high, high_days, low_days = dice.uniform(1.3, 3), dice.uniform(5, 40), dice.uniform(5, 40)
    is_high, left, levels = False, 0.0, []
    for _ in range(count):
        if left <= 0:
            is_high = not is_high
            left = dice.expovariate(1 / (high_days if is_high else low_days)) + 2
        left -= 1
        levels.append(high if is_high else 1.0)
    return levels


def _sawtooth(dice: random.Random, count: int) -> list[float]:
    period, rise = dice.randint(10, 60), dice.uniform(0.2, 1)
    return [1 + rise * (at % period) / period for at in range(count)]


_LEVELS: dict[str, tuple[_Level, int]] = {  # with weights
    "still": (_still, 12), "walk": (_walk, 4), "growth": (_growth, 5), "steps": (_steps, 4),
    "two-states": (_two_states, 1), "sawtooth": (_sawtooth, 1), "linear": (_linear, 1), "wave": (_wave, 2),
}


def _week(dice: random.Random) -> list[float]:
    """Factors from Monday to Sunday."""
    chance = dice.random()
    if chance < 0.35:
        return [1.0] * 7
    if chance < 0.6:
        saturday = dice.uniform(0.3, 0.95)
        return [1.0] * 5 + [saturday, saturday * dice.uniform(0.9, 1.1)]
    if chance < 0.7:
        saturday = dice.uniform(1.1, 2.2)
        return [1.0] * 5 + [saturday, saturday * dice.uniform(0.8, 1.1)]
    if chance < 0.8:
        return [1.0] * 5 + [0.0] * 2
    if chance < 0.93:
        return [dice.uniform(0.6, 1.4) for _ in range(7)]
    week = [1.0] * 7
    week[dice.randrange(7)] = dice.uniform(1.5, 4)
    return week


def _noise(dice: random.Random, count: int) -> tuple[float, list[float]]:
    """The spread, and the logarithms of the factors of all days."""
    chance, spread = dice.random(), log_uniform(dice, 0.004, 0.16)
    if chance < 0.2:
        spread = dice.choice([0, 0.005])
    if chance < 0.6:
        return spread, [dice.gauss(0, spread) for _ in range(count)]
    if chance < 0.8:  # depends on the day before
        memory, state, logs = dice.uniform(0.3, 0.85), 0.0, []
        for _ in range(count):
            state = memory * state + math.sqrt(1 - memory**2) * dice.gauss(0, spread)
            logs.append(state)
        return spread, logs
    spread = min(spread, 0.08)  # heavy tails
    tails = (math.sqrt(max(dice.gammavariate(2, 0.5), 0.15)) for _ in range(count))
    return spread * 1.4, [dice.gauss(0, spread) / tail for tail in tails]


@dataclass
class _Effect:
    """What is added to each day's cost after it was multiplied."""

    name: str
    added: list[float]
    factors: list[float]


_EFFECTS = {
    "monthly": 3, "first-of-month": 2, "month-end": 1, "last-working": 1, "nth-working": 1, "nth-weekday": 1,
    "last-weekday": 1, "every-n-days": 2, "quarterly": 1, "tier": 1, "allowance": 1, "twice-a-month": 1, "ramp": 1,
    "holidays": 1,
}
_WHOLE_MONTH = ("tier", "allowance", "ramp")
_MAY_LAST = ("month-end", "nth-weekday", "monthly", "first-of-month", "holidays")


def _whole_month_factor(dice: random.Random, name: str) -> Callable[[date], float]:
    turn, cheaper = dice.randint(4, 25), dice.uniform(0.3, 0.8)
    return {
        "tier": lambda day: cheaper if day.day > turn else 1.0,
        "allowance": lambda day: 0.0 if day.day <= turn else 1.0,
        "ramp": lambda day: 0.7 + 0.6 * day.day / 31,
    }[name]


def _hits(dice: random.Random, calendar: Calendar, name: str) -> list[int]:
    """Places of the days on which an effect begins."""
    day_of_month, second_day, move = dice.randint(2, 31), dice.randint(1, 28), dice.choice([0, 0, 1, -1])
    weekday, nth, nth_working = dice.randrange(7), dice.randint(0, 3), dice.randint(1, 10)
    step, phase = dice.randint(2, 35), dice.randrange(35)
    first, monthly, second = (calendar.due(due, move) for due in (1, day_of_month, second_day))
    is_working = calendar.is_working
    checks: dict[str, Callable[[int, date], bool]] = {
        "monthly": lambda at, day: day in monthly,
        "first-of-month": lambda at, day: day in first,
        "twice-a-month": lambda at, day: day in monthly or day in second,
        "month-end": lambda at, day: common.is_last_of_month(day),
        "last-working": lambda at, day: is_working(day) and not calendar.working_after(day),
        "nth-working": lambda at, day: is_working(day) and calendar.working_before(day) == nth_working - 1,
        "nth-weekday": lambda at, day: common.is_nth_weekday(day, weekday, nth),
        "last-weekday": lambda at, day: common.is_last_weekday(day, weekday),
        "every-n-days": lambda at, day: (at + phase) % step == 0,
        "quarterly": lambda at, day: day.day == min(day_of_month, 28) and day.month % 3 == nth % 3,
        "holidays": lambda at, day: day in calendar.holidays,
    }
    return [at for at, day in enumerate(calendar.days) if checks[name](at, day)]


def _effect(dice: random.Random, calendar: Calendar) -> _Effect:
    name, count = dice.choices(list(_EFFECTS), list(_EFFECTS.values()))[0], len(calendar.days)
    since, until = dice.choice([0, 0, 0, dice.randrange(count)]), dice.choice([count] * 3 + [dice.randrange(count)])
    effect = _Effect(name, [0.0] * count, [1.0] * count)
    if name in _WHOLE_MONTH:
        factor = _whole_month_factor(dice, name)
        effect.factors[since:until] = [factor(day) for day in calendar.days[since:until]]
        return effect
    height, spread, is_added = log_uniform(dice, 0.4, 12), dice.choice([0, 0, 0, 0.1, 0.3]), dice.random() < 0.6
    length = dice.choice([1, 1, 1, 2, 3]) if name in _MAY_LAST else 1
    for first in (at for at in _hits(dice, calendar, name) if since <= at < until):
        more = (height if is_added else min(height, 4)) * noise_factor(dice, spread)
        for at in range(first, min(first + length, count)):
            if is_added:
                effect.added[at] = more
            else:
                effect.factors[at] = 1 + more
    return effect


def _lifetime(dice: random.Random, count: int) -> range:
    chance = dice.random()
    if chance < 0.1:
        return range(dice.randrange(count // 2), count)
    return range(dice.randrange(count // 3, count) if chance < 0.17 else count)


def _series(dice: random.Random, calendar: Calendar, account_wide: dict[int, float]) -> Series:
    count, kind = len(calendar.days), dice.choices(list(_LEVELS), [weight for _, weight in _LEVELS.values()])[0]
    levels, week, (spread, logs) = _LEVELS[kind][0](dice, count), _week(dice), _noise(dice, count)
    scale, on_holidays = log_uniform(dice, 0.8, 2000), dice.choice([1, 1, dice.uniform(0.3, 0.9)])
    effects = [_effect(dice, calendar) for _ in range(dice.choice([0, 0, 1, 1, 1, 2]))]
    base = 0 if len(effects) == 1 and effects[0].name not in _WHOLE_MONTH and dice.random() < 0.25 else 1
    chance = dice.choice([1] * 9 + [dice.uniform(0.05, 0.9)])  # of a day to cost anything
    wide = account_wide if dice.random() < 0.5 else {}
    lifetime, amounts = _lifetime(dice, count), []
    for at, day in enumerate(calendar.days):
        cost = base * levels[at] * week[day.weekday()] * (on_holidays if day in calendar.holidays else 1)
        cost *= math.prod(effect.factors[at] for effect in effects) * wide.get(at, 1)
        cost += sum(effect.added[at] for effect in effects)
        is_paid = at in lifetime and dice.random() < chance
        amounts.append(scale * cost * math.exp(logs[at]) if is_paid else 0.0)
    marks = ["sparse"] * (chance < 1) + ["noisy"] * (spread > 0.09)
    return Series("+".join([kind, *(effect.name for effect in effects), *marks]), amounts)


def account(seed: int) -> Account:
    dice = random.Random(f"crosses {seed}")
    days = common.drawn_days(dice, date(2022, 6, 1), 900)
    holidays = common.drawn_holidays(dice, days, 8, {(12, 25), (12, 26), (1, 1)})
    if dice.random() < 0.5:
        holidays |= {day for day in days if day.month == 12 and day.day > 26}
    account_wide = {}  # factors of days on which many series cost more or less
    for _ in range(dice.randint(0, 2)):
        first, factor = dice.randrange(40, len(days)), dice.choice([1.5, 1.8, 0.6, 0.4])
        account_wide |= {first + at: factor for at in range(dice.randint(1, 3))}
    calendar = Calendar(days, holidays)
    return common.filled_account(dice, days, lambda: _series(dice, calendar, account_wide))
