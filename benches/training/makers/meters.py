"""Costs from the bottom up: what each resource of an account used by day, and what the billing rules make of it."""

import math
import statistics
from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random

from ..account import Account, Series
from .common import add_spikes

Daily = list[float]


class _Cloud:
    """What the resources of an account share: calendar, people, market and events."""

    def __init__(self, r: Random) -> None:
        start = date(2016, 1, 1) + timedelta(r.randrange(3500))
        self.n = n = r.randint(380, 450)
        self.days = [start + timedelta(at) for at in range(n)]
        self.month_days = [monthrange(day.year, day.month)[1] for day in self.days]
        self.weekend = r.choices(((5, 6), (4, 5), (6,)), (90, 6, 4))[0]
        self.fixed = {(1, 1), (12, 25)} | {(r.randint(1, 12), r.randint(1, 28)) for _ in range(r.randint(3, 8))}
        self.moving = {(r.randint(9, 47), r.randrange(5)) for _ in range(r.randint(0, 5))}
        self.company_day = r.choice(self.days)
        self.off = [self.is_off(day) for day in self.days]
        self.holiday = [off and day.weekday() not in self.weekend for off, day in zip(self.off, self.days)]
        works = [[not self.is_off(day.replace(day=k + 1)) for k in range(long)]
                 for day, long in zip(self.days, self.month_days)]
        self.workdays_begun = [month[day.day - 1] and sum(month[:day.day]) for day, month in zip(self.days, works)]
        self.workdays_left = [month[day.day - 1] and sum(month[day.day - 1:]) for day, month in zip(self.days, works)]
        summer, width, depth = r.uniform(185, 235), r.uniform(8, 25), r.uniform(0, 0.45)
        year_end, bridge = r.uniform(0.1, 0.8), r.uniform(0.4, 1)
        self.staff = []  # the share of people at work
        for at, day in enumerate(self.days):
            share = 1 - depth * math.exp(-(((day.timetuple().tm_yday - summer) / width) ** 2))
            share *= year_end if (day.month, day.day) >= (12, 22) or (day.month, day.day) <= (1, 3) else 1
            between = self.is_off(day - timedelta(1)) and self.is_off(day + timedelta(1))
            self.staff.append(0.0 if self.off[at] else share * (bridge if between else 1))
        clocks_change = r.choice(({}, {3: -1, 10: 1}))
        self.hours = [24 + (clocks_change.get(day.month, 0) if day.weekday() == 6 and day.day >= 25 else 0)
                      for day in self.days]
        self.on = [hours / 24 for hours in self.hours]
        self.first = [float(day.day == 1) for day in self.days]
        self.market = _drift(r, n, r.uniform(0.005, 0.04), r.uniform(0.5, 0.95))
        self.outage, self.outage_left = r.randrange(40, n), r.choice((1, r.uniform(0.1, 0.9)))
        self.sale, self.sale_lift = r.randrange(40, n), r.uniform(0.1, 0.6)
        self.sale_days, self.sale_share = r.randint(2, 10), _some(r, 0.05, 0.5)
        month_rates = [r.gauss(1, 0.012) for _ in range(12)] if r.random() < 0.3 else [1.0] * 12
        self.rate = [month_rates[day.month - 1] for day in self.days]
        self.last_day_known = r.choice((1, 1, r.uniform(0.3, 0.95)))
        self.size = _log_uniform(r, 4, 80)

    def is_off(self, day: date) -> bool:
        return (day.weekday() in self.weekend or (day.month, day.day) in self.fixed or day == self.company_day
                or (day.isocalendar().week, day.weekday()) in self.moving)


def _log_uniform(r: Random, low: float, high: float) -> float:
    return math.exp(r.uniform(math.log(low), math.log(high)))


def _some(r: Random, low: float, high: float) -> float:
    return r.choice((0, r.uniform(low, high)))


def _sum(*parts: tuple[float, Sequence[float]]) -> Daily:
    return [sum(price * use for (price, _), use in zip(parts, uses)) for uses in zip(*(part for _, part in parts))]


def _times(*factors: Sequence[float]) -> Daily:
    return [math.prod(day) for day in zip(*factors)]


def _whole(use: Daily, units: float) -> Daily:
    """Started units are paid."""
    return [math.ceil(amount * units) / units for amount in use]


def _drift(r: Random, n: int, sigma: float, memory: float, heavy: bool = False) -> Daily:
    """Autocorrelated factors around 1."""
    at, fresh, factors = r.gauss(0, sigma), sigma * math.sqrt(1 - memory * memory), []
    for _ in range(n):
        tail = 0.75 / math.sqrt(r.gammavariate(1.5, 1 / 1.5)) if heavy else 1
        at = memory * at + fresh * max(-4, min(4, r.gauss(0, 1) * tail))
        factors.append(math.exp(at))
    return factors


def _noise(c: _Cloud, r: Random) -> Daily:
    sigma = r.choices((0, r.uniform(0.003, 0.06), r.uniform(0.06, 0.2)), (20, 50, 30))[0]
    return _drift(r, c.n, sigma, r.choice((0, 0, r.uniform(0.2, 0.9))), r.random() < 0.15)


def _growth(c: _Cloud, r: Random) -> Daily:
    yearly = r.choices((0, r.uniform(-0.5, 0.2), r.uniform(0, 0.8), r.uniform(0.8, 2)), (40, 20, 32, 8))[0]
    middle, width = r.uniform(0, c.n), r.uniform(15, 60)
    if r.random() < 0.15:
        return [1 + yearly / (1 + math.exp((middle - at) / width)) for at in range(c.n)]
    return [(1 + yearly) ** (at / 365) for at in range(c.n)]


def _traffic(c: _Cloud, r: Random) -> Daily:
    """What users ask for."""
    quiet = r.uniform(0.15, 0.85)
    weekend, holiday = r.choice(((quiet, quiet), (1, 1), (r.uniform(1.02, 1.6), r.uniform(0.9, 1.5))))
    uneven = _some(r, 0.02, 0.12)
    week = [(weekend if day in c.weekend else 1) * r.uniform(1 - uneven, 1 + uneven) for day in range(7)]
    season, peak, waves = _some(r, 0.03, 0.35), r.uniform(0, math.tau), r.choice((1, 1, 2)) * math.tau / 365.25
    shape = [week[day.weekday()] * (holiday if free else 1)
             * (1 + season * math.sin(waves * day.timetuple().tm_yday + peak)) for day, free in zip(c.days, c.holiday)]
    together = r.choice((0, 0.5, 1, 1.5))
    traffic = _times(shape, _growth(c, r), _noise(c, r), [market ** together for market in c.market])
    campaigns = [(r.randrange(c.n), r.randint(4, 21), r.uniform(0.08, 0.35), r.choice((0, 1)))
                 for _ in range(r.choices((0, 1, 3), (70, 22, 8))[0])]
    sale = [(c.sale, c.sale_days, c.sale_lift, 0)] if r.random() < c.sale_share else []
    for begin, long, lift, fading in campaigns + sale:
        for at in range(begin, min(begin + long, c.n)):
            traffic[at] *= 1 + lift * (1 - fading * (at - begin) / long)
    traffic[c.outage] *= c.outage_left if r.random() < 0.6 else 1
    return traffic


def _work(c: _Cloud, r: Random) -> Daily:
    """What people at work start: with sprints and releases, after days off more than else, at weekends little."""
    sprint, phase, rush = r.choice((7, 14, 14, 21)), r.randrange(21), _some(r, 0.05, 0.35)
    week, overtime = [r.uniform(0.85, 1.1) for _ in range(7)], r.choice((0, 0.02, r.uniform(0.02, 0.3)))
    backlog = r.choice((0, 0, r.uniform(0.05, 0.4)))
    busy = [max(staff * week[day.weekday()], overtime) * (1 + backlog * (rested and staff > 0))
            * (1 + rush * ((at + phase) % sprint < max(2, sprint // 5)))
            for at, (day, staff, rested) in enumerate(zip(c.days, c.staff, [True, *c.off]))]
    return _times(busy, _growth(c, r), _noise(c, r))


def _runs(c: _Cloud, r: Random) -> Daily:
    """The days of a scheduled job, which may fail and run a day later."""
    every, phase, weekday, nth = r.randint(2, 10), r.randrange(14), r.randrange(7), r.randrange(4)
    on, some = r.choice((*range(1, 29), *[31] * 14)), r.choice(((0, 3), (0, 2, 4), (1, 4), (0, 1, 2, 3, 4), (5, 6)))
    rules: list[tuple[int, Callable[[int, date], bool]]] = [
        (12, lambda at, day: (at + phase) % every == 0),
        (20, lambda at, day: day.weekday() == weekday),
        (8, lambda at, day: day.weekday() == weekday and day.toordinal() // 7 % 2 == phase % 2),
        (8, lambda at, day: day.weekday() in some),
        (7, lambda at, day: day.weekday() == weekday and (day.day - 1) // 7 == nth),
        (4, lambda at, day: day.weekday() == weekday and day.day > c.month_days[at] - 7),
        (16, lambda at, day: day.day == min(on, c.month_days[at])),
        (4, lambda at, day: day.day in (1, 15)),
        (6, lambda at, day: c.workdays_begun[at] == 1 + nth // 2),
        (6, lambda at, day: c.workdays_left[at] == 1 + nth // 2),
        (3, lambda at, day: day.month % 3 == 0 and c.month_days[at] - day.day <= nth // 2),
        (1, lambda at, day: (day.month, day.day) == (1 + phase % 12, on // 2 + 1)),
        (6, lambda at, day: not c.off[at])]
    rule = r.choices([rule for _, rule in rules], [weight for weight, _ in rules])[0]
    runs, failing = [float(rule(at, day)) for at, day in enumerate(c.days)], r.choice((0, 0, 0, 0.04))
    for at in range(c.n - 1):
        if runs[at] and r.random() < failing:
            runs[at], runs[at + 1] = 0.0, 1.0
    return runs


def _staircase(c: _Cloud, r: Random, count: int, rises: float) -> Daily:
    """A count that changes by a few per cent at a time."""
    counts, lot = [], max(1, round(count * r.uniform(0.02, 0.1)))
    for _ in range(c.n):
        count = max(1, count + (r.choice((1, 1, 1, -1)) * lot if r.random() < rises / 365 else 0))
        counts.append(float(count))
    return counts


def _tiered(c: _Cloud, use: Daily, free: float, tier: float, discount: float) -> Daily:
    """A month's first units are free, those up to the tier cost 1, later ones less; each month starts anew."""
    costs, used = [], (c.days[0].day - 1) * use[0]
    for day, units in zip(c.days, use):
        before, used = (0.0, units) if day.day == 1 else (used, used + units)
        low, high = (max(0, min(at, tier) - free) + discount * max(0, at - tier) for at in (before, used))
        costs.append(max(0.0, high - low))
    return costs


def _stored(c: _Cloud, r: Random, intake: Daily) -> Daily:
    """Data kept forever, until its retention, or until someone cleans up; by the month or by the hour."""
    kept = r.choice((r.randint(7, 120), c.n, c.n))
    past = [intake[0] * r.choice((0, 1, 1))] * kept
    cleanings = r.choices((0, 1, r.randint(2, 5)), (60, 25, 15))[0]
    left = {r.randrange(c.n): r.uniform(0.4, 0.93) for _ in range(cleanings)}
    amount, tidy, held = _some(r, 0, 3) * sum(intake[:30]) + sum(past), 1.0, []
    for at, (new, old) in enumerate(zip(intake, past + intake)):
        amount, tidy = amount + new - old, tidy * left.get(at, 1)
        held.append(max(0.0, amount * tidy))
    return _times(held, r.choice((c.on, [30 / long for long in c.month_days])), [1 / max(held)] * c.n)


def _nodes(c: _Cloud, r: Random) -> Daily:
    """An autoscaler adds whole nodes by the hour; those of a commitment are paid in advance, at a lower price."""
    peak, swing, busy = r.uniform(9, 21), r.uniform(0.1, 0.9), r.choice((1.5, 4, 12, 40))
    curve = [busy * (1 + swing * math.cos((hour - peak) / 24 * math.tau)) for hour in range(24)]
    least, most = r.choice((1, 1, 2, round(busy))), r.choice((math.ceil(busy * 1.6) + 1, 1000))
    nodes = [sum(min(most, max(least, math.ceil(load * curve[hour % 24]))) for hour in range(hours))
             for load, hours in zip(_traffic(c, r), c.hours)]
    covered = r.choice((0, 0, 0, 0.5, 0.8, 1)) * statistics.median(nodes)
    fee = r.choice((0, 0.4, 0.65)) * covered
    return [fee + max(0.0, hours - covered) for hours in nodes]


def _servers(c: _Cloud, r: Random) -> Daily:
    """Always on; one of several may come, go or be resized during a day."""
    sizes, at, since = [r.choice((1, 1, 2, 2, 4, 8)) for _ in range(r.randint(1, 14))], r.randrange(c.n), r.random()
    change = r.choice((0, 0, 0, sizes[0], sizes[0] / 2, -sizes[0] / 2))
    return [sum(sizes) * on + change * ((day > at) + since * (day == at)) for day, on in enumerate(c.on)]


def _office(c: _Cloud, r: Random) -> Daily:
    """People's machines, by the started hour; now and then one is left on until the next morning at work."""
    people, hours, forgetful, left_on = r.randint(3, 40), r.uniform(6, 10), r.choice((0, 0.005, 0.02)), 0
    costs, disks = [], _some(r, 0.02, 0.4) * people * hours
    for work in _work(c, r):
        used = round(people * min(1.3, work))
        left_on = sum(r.random() < forgetful for _ in range(used)) if used else left_on
        costs.append(disks + sum(math.ceil(hours + r.gauss(0, 1)) for _ in range(used)) + left_on * 14)
    return costs


def _batch(c: _Cloud, r: Random) -> Daily:
    """A scheduled job by the started hour, with a least charge and growing data."""
    hours, least = _log_uniform(r, 0.5, 20), r.choice((0.1, 1, 4))
    taken = [max(least, math.ceil(hours * vary)) for vary in _times(_growth(c, r), _noise(c, r))]
    return _sum((1, _times(_runs(c, r), taken)), (_some(r, 0.02, 1) * hours, c.on))


def _backups(c: _Cloud, r: Random) -> Daily:
    """Increments and fulls, each kept for some weeks."""
    kept, weekday, full, monthly = r.choice((7, 14, 30, 35, 90)), r.randrange(7), r.uniform(2, 40), r.random() < 0.3
    made = [vary + full * (day.day == 1 if monthly else day.weekday() == weekday)
            for day, vary in zip(c.days, _noise(c, r))]
    aligned = -(kept + 1) % 28
    made = made[aligned:aligned + kept + 1] + _times(made, _growth(c, r))
    return [sum(made[at:at + kept + 1]) / long for at, long in enumerate(c.month_days)]


def _training(c: _Cloud, r: Random) -> Daily:
    """Runs of some days on several machines, now and then, beside something idle."""
    costs, pause, at = [_some(r, 0.1, 2)] * c.n, _log_uniform(r, 2, 25), r.randrange(20)
    while at < c.n:
        nodes, long = r.choice((1, 2, 4, 8)), r.choice((1, 1, 2, 3, 5, 9))
        for place in range(at, min(at + long, c.n)):
            costs[place] += nodes * (r.randint(2, 20) if place in (at, at + long - 1) else 24)
        at += long + 1 + int(r.expovariate(1 / pause))
    return costs


def _closing(c: _Cloud, r: Random) -> Daily:
    """Accounting: busy on the first and last working days of a month, more so at a quarter's end."""
    before, after, lift, quarter = r.randint(0, 4), r.randint(1, 5), r.uniform(0.3, 3), r.uniform(1, 1.8)
    busy = [1 + lift * (0 < left <= before or 0 < begun <= after)
            * (quarter if (day.month - (left > 12)) % 3 == 0 else 1)
            for day, begun, left in zip(c.days, c.workdays_begun, c.workdays_left)]
    return _sum((1, _times(_work(c, r), busy)), (r.uniform(0.02, 1), c.on))


def _tickets(c: _Cloud, r: Random) -> Daily:
    """What arrives on days off is processed on the next working days."""
    waiting, capacity, costs = 0.0, r.uniform(1.5, 4), []
    for load, off in zip(_traffic(c, r), c.off):
        costs.append(0.0 if off else min(waiting + load, capacity * load))
        waiting += load - costs[-1]
    return costs


def _monthly(c: _Cloud, r: Random) -> Daily:
    """A fee on its day: for a plan, for licences, or as a share of a bill that varies."""
    on, spread = r.choice((1, 1, 2, 3, r.randint(1, 28))), _some(r, 0.01, 0.15)
    size = r.choice((_growth(c, r), _staircase(c, r, r.randint(4, 200), 8), _drift(r, c.n, spread, 0)))
    return [count * (day.day == on) for count, day in zip(size, c.days)]


KINDS: dict[str, tuple[int, Callable[[_Cloud, Random], Daily]]] = {
    "requests": (8, lambda c, r: _tiered(c, _traffic(c, r), r.choice((0, 0, 3)), r.uniform(10, 90), r.uniform(0.6, 1))),
    "egress": (6, lambda c, r: _tiered(c, _traffic(c, r), _some(r, 0.5, 5), r.uniform(6, 25), r.uniform(0.45, 0.9))),
    "functions": (7, lambda c, r: _tiered(
        c, _sum((1, _traffic(c, r)), (_some(r, 0.1, 2), _runs(c, r))), _some(r, 1, 20), 99, 1)),
    "builds": (4, lambda c, r: _tiered(c, _whole(_sum((1, _work(c, r)), (_some(r, 0.1, 0.5), c.on)), 40),
                                       r.choice((0, 0, r.uniform(2, 12))), 99, 1)),
    "desktops": (2, lambda c, r: _sum((1, _tiered(c, _work(c, r), 0, r.uniform(8, 30), 0)),
                                      (r.uniform(0, 4), c.first))),
    "fleet": (8, _nodes), "spot": (4, lambda c, r: _times(_nodes(c, r), _drift(r, c.n, r.uniform(0.05, 0.2), 0.97))),
    "servers": (8, _servers), "office": (5, _office), "batch": (6, _batch), "backups": (4, _backups),
    "training": (3, _training), "closing": (3, _closing), "tickets": (2, _tickets),
    "monthly": (2, _monthly), "timed": (4, lambda c, r: _sum(
        (24, [1] * c.n), (-r.randint(4, 16), [day.weekday() not in c.weekend for day in c.days]),
        (-r.randint(16, 24), [day.weekday() in c.weekend for day in c.days]))),
    "logs": (6, lambda c, r: _sum((1, _tiered(c, _traffic(c, r), _some(r, 0, 12), 25, r.uniform(0.5, 1))),
                                  (_some(r, 0.1, 0.8), _stored(c, r, _traffic(c, r))))),
    "messages": (4, lambda c, r: _sum((1, _traffic(c, r)), (r.uniform(0.3, 8), _times(_runs(c, r), _noise(c, r))))),
    "sandbox": (3, lambda c, r: _sum((1, _times([r.random() < staff * 0.6 for staff in c.staff],
                                                _drift(r, c.n, r.uniform(0.2, 1), 0))), (_some(r, 0.01, 0.3), c.on))),
    "seats": (3, lambda c, r: _times(_staircase(c, r, r.randint(4, 200), 8), [1 / long for long in c.month_days])),
    "metrics": (3, lambda c, r: _sum((1, _staircase(c, r, r.randint(3, 120), 8)), (r.uniform(0, 40), c.staff))),
    "nightly": (4, lambda c, r: _whole(_sum((1, _traffic(c, r)), (r.uniform(0.2, 3), _runs(c, r))), 12)),
    "storage": (8, lambda c, r: _sum((1, _stored(c, r, _traffic(c, r))), (_some(r, 0.02, 0.5), _traffic(c, r)))),
    "archive": (3, lambda c, r: _sum((1, _stored(c, r, _growth(c, r))), (_some(r, 0.1, 2), c.first))),
    "zones": (3, lambda c, r: _sum((r.uniform(1, 30), c.first), (_some(r, 0.02, 2), _traffic(c, r)))),
    "database": (7, lambda c, r: _sum((1, c.on), (r.uniform(0, 0.5), _whole(_growth(c, r), r.uniform(3, 20))),
                                      (_some(r, 0.05, 0.6), _traffic(c, r)))),
    "queries": (4, lambda c, r: _sum((1, _times(_work(c, r), _drift(r, c.n, r.uniform(0.02, 0.2), 0))),
                                     (_some(r, 0.1, 0.8), c.on), (_some(r, 0.2, 2), _runs(c, r)))),
    "tokens": (3, lambda c, r: _sum((1, _times(_work(c, r), _drift(r, c.n, r.uniform(0.1, 0.3), 0))),
                                    (_some(r, 0.1, 2), _traffic(c, r)))),
    "gateway": (5, lambda c, r: _sum((1, c.on), (_log_uniform(r, 0.05, 5), _traffic(c, r)))),
    "streams": (3, lambda c, r: _sum((1, _whole(_traffic(c, r), r.choice((2, 5, 12)))), (_some(r, 0.1, 1), c.on))),
    "devices": (2, lambda c, r: _times(_staircase(c, r, r.randint(20, 900), 15), _noise(c, r))),
    "warehouse": (4, lambda c, r: _whole(_sum((r.uniform(0, 1), _traffic(c, r)), (r.uniform(0.2, 2), _work(c, r)),
                                              (_some(r, 0.2, 2), _runs(c, r))), r.choice((4, 12, 60))))}


def _lived(r: Random, costs: Daily) -> Daily:
    """Starts, ends, is temporary, pauses, or moves to another size for good, the old one running on for some days."""
    n, at, long, ramp = len(costs), r.randrange(len(costs) - 60), r.randint(2, 30), r.choice((1, 1, r.randint(2, 40)))
    factor, both = _log_uniform(r, 0.4, 2.5), r.choice((0, 0, 0, r.randint(1, 14)))
    lives: list[tuple[int, Callable[[int], float]]] = [
        (56, lambda day: 1),
        (13, lambda day: max(0, min(1, (day + 1 - at) / ramp))),
        (7, lambda day: max(0, min(1, (at + 60 - day) / ramp))),
        (3, lambda day: max(0, min(1, (day + 1 - at) / ramp, (at + 10 * long - day) / ramp))),
        (3, lambda day: not at <= day < at + long),
        (18, lambda day: 1 + (factor - 1) * max(0, min(1, (day + 1 - at) / ramp)) + (at <= day < at + both))]
    life = r.choices([life for _, life in lives], [weight for weight, _ in lives])[0]
    return [cost * life(day) for day, cost in zip(range(n), costs)]


def _recorded(c: _Cloud, r: Random, amounts: Daily) -> Daily:
    """As the bill shows them: with exchange rates, late records, a correction and rounding."""
    amounts = _times(amounts, c.rate)
    late, share = r.choices(((0, 0), (1, r.uniform(0.02, 0.3)), (0.006, r.choice((0.3, 1)))), (75, 10, 15))[0]
    for at in range(c.n - 2, -1, -1):
        moved = amounts[at] * share * (r.random() < late)
        amounts[at], amounts[at + 1] = amounts[at] - moved, amounts[at + 1] + moved
    amounts[r.randrange(c.n)] *= r.uniform(0, 0.7) if r.random() < 0.06 else 1
    amounts[-1] *= c.last_day_known
    digits = r.choice((2, 4, 5, 5))
    return [round(amount, digits) for amount in amounts]


def _series(c: _Cloud, r: Random) -> Series:
    kinds = r.choices(list(KINDS), [weight for weight, _ in KINDS.values()], k=r.choices((1, 2, 3), (60, 28, 12))[0])
    total, level = [0.0] * c.n, r.lognormvariate(math.log(c.size), 1.5)
    for number, kind in enumerate(kinds):
        costs = KINDS[kind][1](c, r)
        share = _log_uniform(r, 0.05, 1.5) if number else 1
        price = level * share / statistics.fmean([cost for cost in costs if cost] or [1])
        total = _sum((1, total), (price, _lived(r, costs)))
    return Series(kinds[0] + "+" * (len(kinds) > 1), _recorded(c, r, total))


def account(seed: int) -> Account:
    r = Random(seed)
    cloud = _Cloud(r)
    series = [_series(cloud, r) for _ in range(r.randint(240, 320))]
    add_spikes(r, series)
    return Account(cloud.days, series)
