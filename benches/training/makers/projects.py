"""Projects made of things that a team runs."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from ..account import Account, Series
from . import common
from .common import Calendar, is_weekend, log_uniform, month_length, noise_factor


@dataclass
class _Setting(Calendar):
    sales: set[date]  # days on which a shop sells more


# Each habit draws the costs of all days, without noise, where an ordinary day is about one.
_Habit = Callable[[random.Random, _Setting], list[float]]


def _resized(dice: random.Random, setting: _Setting) -> list[float]:
    chance, size, costs = dice.choice([1 / 120, 1 / 250, 1 / 400]), 1.0, []
    for _ in setting.days:
        if dice.random() < chance:
            change = dice.choice([2, 2, 1.5, 0.5, 0.5, 0.67, 1.33, 1.25, 3, 0.33, 0.8])
            if 0.1 < size * change < 10:
                size *= change
        costs.append(size)
    return costs


def _migrated(dice: random.Random, setting: _Setting) -> list[float]:
    """From one level to another within some days."""
    count = len(setting.days)
    start, length, target = dice.randrange(30, count - 20), dice.randint(3, 15), dice.choice([0.2, 0.5, 1.6, 2, 2.5])
    return [1 + (target - 1) * min(max((at - start) / length, 0), 1) for at in range(count)]


def _storage(dice: random.Random, setting: _Setting) -> list[float]:
    """Grows by the day; some are cleaned every so often."""
    growth, cleaning, phase = dice.uniform(0.001, 0.008), dice.choice([0, 0, 30, 90]), dice.randrange(90)
    return [1 + growth * ((at + phase) % cleaning if cleaning else at) for at in range(len(setting.days))]


def _fleet(dice: random.Random, setting: _Setting) -> list[float]:
    """A number of machines that keeps near its usual one."""
    usual, costs = dice.randint(3, 15), []
    count = usual
    for _ in setting.days:
        if dice.random() < 0.12:
            count = max(2, count + (1 if count < usual else -1) * dice.choice([1, 1, -1]))
        costs.append(count / usual)
    return costs


def _egress(dice: random.Random, setting: _Setting) -> list[float]:
    week, growth = [dice.uniform(0.7, 1.3) for _ in range(7)], dice.uniform(-0.0005, 0.002)
    return [week[day.weekday()] * math.exp(growth * at) for at, day in enumerate(setting.days)]


def _team(dice: random.Random, setting: _Setting) -> list[float]:
    weekend, holiday = dice.uniform(0.02, 0.5), dice.uniform(0.1, 0.6)
    return [1.0 if setting.is_working(day) else weekend if is_weekend(day) else holiday for day in setting.days]


def _ci(dice: random.Random, setting: _Setting) -> list[float]:
    """Builds on working days only."""
    week = [dice.uniform(0.8, 1.4), 1.0, 1.0, 1.0, 0.8, 0.0, 0.0]
    return [week[day.weekday()] if setting.is_working(day) else 0.0 for day in setting.days]


def _devnights(dice: random.Random, setting: _Setting) -> list[float]:
    """Nearly all switched off on some weekdays."""
    off = dice.choice([(5, 6), (6,), (5,), (4, 5, 6)])
    return [0.12 if day.weekday() in off else 1.0 for day in setting.days]


def _training(dice: random.Random, setting: _Setting) -> list[float]:
    """Runs of some days each, nothing between them."""
    chance, left, costs = dice.uniform(0.01, 0.06), 0, []
    for _ in setting.days:
        if left == 0 and dice.random() < chance:
            left = dice.randint(1, 12)
        costs.append(1.0 if left else 0.0)
        left = max(0, left - 1)
    return costs


def _every(dice: random.Random, setting: _Setting) -> list[float]:
    """A job every so many days."""
    step = dice.choice([2, 3, 4, 5, 6, 8, 9, 10, 12, 14, 15, 21, 28, 30])
    phase, base, job = dice.randrange(30), dice.choice([0, 0.4, 1, 1]), dice.uniform(0.5, 3)
    return [base + job * ((at + phase) % step == 0) for at in range(len(setting.days))]


def _weekly(dice: random.Random, setting: _Setting) -> list[float]:
    weekday, base, job = dice.randrange(7), dice.choice([0, 1, 1]), dice.uniform(0.5, 4)
    return [base + job * (day.weekday() == weekday) for day in setting.days]


def _fee(dice: random.Random, setting: _Setting) -> list[float]:
    """A monthly fee, over a base or over nothing."""
    any_day = [dice.randint(1, 31) for _ in range(3)]
    due = setting.due(dice.choice([1, 1, 1, 2, 3, 5, 10, 15, 20, 25, 28, 31, *any_day]), dice.choice([0, 0, 1, -1]))
    fee, base, spread = log_uniform(dice, 0.5, 15), dice.choice([0, 1, 1, 1]), dice.choice([0, 0, 0.05, 0.25])
    return [base + (fee * noise_factor(dice, spread) if day in due else 0.0) for day in setting.days]


def _invoice_split(dice: random.Random, setting: _Setting) -> list[float]:
    """An invoice each quarter, half-year or year."""
    months, phase, invoice = dice.choice([3, 6, 12]), dice.randrange(12), dice.uniform(3, 20)
    due = dice.choice([1, 1, 15, dice.randint(2, 28)])
    return [1 + invoice * (day.day == due and (day.month + phase) % months == 0) for day in setting.days]


def _closing(dice: random.Random, setting: _Setting) -> list[float]:
    """More on the first or last days of a month, or the first or last working days."""
    length, more = dice.randint(1, 4), dice.uniform(0.4, 3)
    at_end, all_days = dice.choice([True, True, False]), dice.random() < 0.4
    if all_days:
        return [1 + more * ((month_length(day) - day.day if at_end else day.day - 1) < length) for day in setting.days]
    others = setting.working_after if at_end else setting.working_before
    return [1 + more * (setting.is_working(day) and others(day) < length) for day in setting.days]


def _patchday(dice: random.Random, setting: _Setting) -> list[float]:
    """More on the nth Monday, Tuesday and so on; for some, on the day after it, too."""
    weekday, nth, more = dice.randrange(7), dice.randint(0, 3), dice.uniform(0.5, 4)
    backs = [back * common.ONE_DAY for back in range(dice.choice([1, 1, 2]))]
    return [1 + more * any(common.is_nth_weekday(day - back, weekday, nth) for back in backs) for day in setting.days]


def _quota(dice: random.Random, setting: _Setting) -> list[float]:
    """Free or cheap until the month's allowance is used up."""
    allowance, within, used, costs = dice.uniform(4, 25), dice.choice([0, 0.3]), 0.0, []
    for day in setting.days:
        used = (0.0 if day.day == 1 else used) + noise_factor(dice, 0.05)
        costs.append(1.0 if used > allowance else within)
    return costs


def _rebate(dice: random.Random, setting: _Setting) -> list[float]:
    """Cheaper in the later part of a month."""
    turn, cheaper = dice.randint(5, 24), dice.uniform(0.35, 0.8)
    return [1.0 if day.day <= turn else cheaper for day in setting.days]


def _season(dice: random.Random, setting: _Setting) -> list[float]:
    swing, phase = dice.uniform(0.15, 0.5), dice.random() * 365
    return [1 + swing * math.sin((at + phase) / 58.1) for at in range(len(setting.days))]


def _shop(dice: random.Random, setting: _Setting) -> list[float]:
    sale, weekend = dice.uniform(1.3, 3), dice.uniform(0.9, 1.6)
    return [(weekend if is_weekend(day) else 1.0) * (sale if day in setting.sales else 1.0) for day in setting.days]


def _ondemand(dice: random.Random, setting: _Setting) -> list[float]:
    """Another level every some days or weeks."""
    usual, level, left, costs = dice.randint(5, 40), 1.0, 0, []
    for _ in setting.days:
        if left == 0:
            level, left = dice.uniform(0.75, 1.3), dice.randint(3, 2 * usual)
        left -= 1
        costs.append(level)
    return costs


def _adhoc(dice: random.Random, setting: _Setting) -> list[float]:
    chance = dice.choice([0.05, 0.15, 0.3, 0.5, 0.75])
    return [1.0 if dice.random() < chance else 0.0 for _ in setting.days]


def _lastweekday(dice: random.Random, setting: _Setting) -> list[float]:
    weekday, more = dice.randrange(7), dice.uniform(0.6, 4)
    return [1 + more * common.is_last_weekday(day, weekday) for day in setting.days]


class _Kind(NamedTuple):
    habit: _Habit
    weight: int = 1
    noise: tuple[float, float] = (0.003, 0.05)  # least and most


_KINDS = {
    "flat": _Kind(lambda dice, setting: [1.0] * len(setting.days), 2, (0, 0.02)),
    "perday": _Kind(lambda dice, setting: [30 / month_length(day) for day in setting.days]),  # a monthly price
    "twofees": _Kind(lambda dice, setting: [sum(fees) for fees in zip(_fee(dice, setting), _fee(dice, setting))]),
    "resized": _Kind(_resized, 2), "migrated": _Kind(_migrated), "storage": _Kind(_storage),
    "fleet": _Kind(_fleet, 1, (0, 0.01)), "egress": _Kind(_egress, 2, (0.05, 0.2)), "devnights": _Kind(_devnights),
    "team": _Kind(_team, 3, (0.01, 0.08)), "ci": _Kind(_ci, 1, (0.03, 0.15)), "every": _Kind(_every, 2),
    "training": _Kind(_training, 1, (0.01, 0.1)), "adhoc": _Kind(_adhoc, 1, (0.02, 0.25)), "weekly": _Kind(_weekly),
    "fee": _Kind(_fee, 3), "invoice-split": _Kind(_invoice_split), "closing": _Kind(_closing, 2),
    "patchday": _Kind(_patchday), "lastweekday": _Kind(_lastweekday), "quota": _Kind(_quota), "rebate": _Kind(_rebate),
    "season": _Kind(_season, 1, (0.01, 0.06)), "shop": _Kind(_shop, 1, (0.03, 0.12)), "ondemand": _Kind(_ondemand),
}
_SECONDS = ("team", "storage", "fleet")  # what may run beside


def _lifetime(dice: random.Random, count: int) -> range:
    begins, ends = dice.randrange(count // 2), dice.randrange(count // 3, count)
    within = range(dice.randrange(count // 4), dice.randrange(count * 2 // 3, count))
    return dice.choices([range(begins, count), range(ends), within, range(count)], [12, 8, 4, 76])[0]


def _series(dice: random.Random, setting: _Setting) -> Series:
    name = dice.choices(list(_KINDS), [kind.weight for kind in _KINDS.values()])[0]
    costs, noise = _KINDS[name].habit(dice, setting), dice.uniform(*_KINDS[name].noise)
    scale, lifetime = log_uniform(dice, 1.5, 900), _lifetime(dice, len(costs))
    if dice.random() < 0.15:
        second = dice.choice(_SECONDS)
        name += f"+{second}"
        costs = [cost + 0.6 * more for cost, more in zip(costs, _KINDS[second].habit(dice, setting))]
    exact = [scale * cost if at in lifetime else 0.0 for at, cost in enumerate(costs)]
    return Series(name, [cost * noise_factor(dice, noise) for cost in exact])


def account(seed: int) -> Account:
    dice = random.Random(f"projects {seed}")
    days = common.drawn_days(dice, date(2023, 1, 1), 700)
    holidays = common.drawn_holidays(dice, days, 7, {(12, 25), (1, 1), (12, 24), (5, 1)})
    sales = set()
    for _ in range(len(days) // 200):
        first = dice.randrange(len(days))
        sales.update(days[first : first + dice.randint(1, 4)])
    setting = _Setting(days, holidays, sales)
    return common.filled_account(dice, days, lambda: _series(dice, setting))
