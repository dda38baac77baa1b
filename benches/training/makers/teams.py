"""Accounts seen as teams with an operational calendar, whose services pay for resources by habit."""

import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from random import Random
from typing import NamedTuple

from ..account import Account, Series
from .common import add_spikes

Amounts = list[float]


class Country(NamedTuple):
    fixed: tuple[tuple[int, int], ...]  # month, day
    easter: tuple[int, ...]  # days after Easter Sunday
    floating: tuple[tuple[int, int, int], ...]  # month, weekday, which one (-1: last)
    school: tuple[tuple[int, int, int], ...]  # month, day, length of the pause
    weekend: tuple[int, ...] = (5, 6)
    clocks: tuple[tuple[int, int], ...] = ((3, -1), (10, -1))  # month, which Sunday: to summer time, and back


COUNTRIES = (
    Country(((1, 1), (5, 1), (10, 3), (12, 25), (12, 26)), (-2, 1, 39, 50), (), ((4, 1, 14), (7, 10, 43))),
    Country(((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)), (1, 39, 50), (), ((7, 6, 57),)),
    Country(((1, 1), (12, 25), (12, 26)), (-2, 1), ((5, 0, 1), (5, 0, -1), (8, 0, -1)), ((2, 14, 7), (7, 23, 40))),
    Country(((1, 1), (6, 19), (7, 4), (11, 11), (12, 25)), (), ((1, 0, 3), (5, 0, -1), (9, 0, 1), (11, 3, 4)),
            ((3, 18, 8), (6, 12, 75), (12, 20, 14)), clocks=((3, 2), (11, 1))),
    Country(((1, 1), (1, 26), (8, 15), (10, 2), (12, 25)), (), (), ((5, 1, 40), (10, 18, 12)), clocks=()),
    Country(((1, 1), (12, 2), (12, 3)), (), (), ((3, 25, 18), (7, 5, 55), (12, 14, 20)), (4, 5), ()),
)


# Weight; then ranges of a team's demand, relative to an ordinary working day: at weekends, on holidays, in school
# pauses, at the end of the year, in sales weeks; of the amplitude of its yearly wave; of the pull of shared traffic.
KINDS = {
    "business": (5, (.15, .7), (.2, .7), (.85, 1), (.4, .9), (.95, 1.05), (0, .06), (.2, 1)),
    "internal": (4, (0, .25), (0, .3), (.75, 1), (.05, .5), (1, 1), (0, .03), (0, .2)),
    "consumer": (4, (1, 1.6), (1, 1.5), (1, 1.15), (.9, 1.4), (1, 1.2), (0, .15), (.5, 1)),
    "retail": (3, (.9, 1.3), (.6, 1.4), (.95, 1.1), (.6, 1.1), (1.3, 3), (.05, .25), (.4, 1)),
    "education": (1, (.2, .6), (.15, .5), (.15, .6), (.15, .4), (1, 1), (0, .05), (.2, .6)),
    "travel": (1, (.8, 1.3), (.8, 1.4), (1.05, 1.5), (1, 1.4), (1, 1.2), (.15, .45), (.3, 1)),
    "platform": (4, (.75, 1.02), (.8, 1), (.95, 1), (.8, 1), (1, 1.1), (0, .04), (.6, 1)),
}


def month_end(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1) - timedelta(1)


def nth_weekday(year: int, month: int, weekday: int, which: int) -> date:
    first, last = date(year, month, 1), month_end(date(year, month, 1))
    if which < 0:
        return last - timedelta((last.weekday() - weekday) % 7)
    return first + timedelta((weekday - first.weekday()) % 7 + 7 * (which - 1))


def easter(year: int) -> date:
    """Gregorian, for 1900 to 2099."""
    moon = (19 * (year % 19) + 24) % 30
    after = (2 * (year % 4) + 4 * (year % 7) + 6 * moon + 5) % 7
    day = date(year, 3, 22) + timedelta(moon + after)
    return day - timedelta(7 * (day > date(year, 4, 25) or (moon, after) == (28, 6) and year % 19 > 10))


class Calendar:
    """The days of the account as one country and the company see them."""

    def __init__(self, days: list[date], country: Country, company_days: set[date]) -> None:
        years = range(days[0].year - 1, days[-1].year + 2)
        self.days, self.count, self.weekend_days = days, len(days), country.weekend
        self.holidays = company_days | {date(year, *at) for year in years for at in country.fixed}
        self.holidays |= {easter(year) + timedelta(after) for year in years for after in country.easter}
        self.holidays |= {nth_weekday(year, *at) for year in years for at in country.floating}
        pauses = {date(year, month, day) + timedelta(more)
                  for year in years for month, day, length in country.school for more in range(length)}
        changes = [{nth_weekday(year, month, 6, which) for year in years} for month, which in country.clocks]
        self.working = [self.works(day) for day in days]
        self.school_pause = [day in pauses for day in days]
        self.month_length = [month_end(day).day for day in days]
        self.hours = [24 - (day in changes[0]) + (day in changes[1]) if changes else 24 for day in days]

    def works(self, day: date) -> bool:
        return day.weekday() not in self.weekend_days and day not in self.holidays

    def move(self, day: date, step: int) -> date:
        while not self.works(day):
            day += timedelta(step)
        return day

    def charges(self, rng: Random, every: int = 1) -> set[int]:
        """Places of a charge every so many months, by one of the rules invoices follow."""
        rule = rng.choice(("fixed", "fixed", "later", "earlier", "last", "first working", "last working", "nth"))
        on, phase = rng.choice((1, 1, 1, 2, 5, 10, 15, 20, rng.randint(1, 28))), rng.randrange(every)
        weekday, which, places = rng.randrange(5), rng.choice((1, 1, 2, 3, -1)), set()
        first = self.days[0].year * 12 + self.days[0].month - 2
        for month in range(first, first + self.count // 28 + 3):
            start = date(month // 12, month % 12 + 1, 1)
            fixed, last = start.replace(day=on), month_end(start)
            charged = {"fixed": fixed, "later": self.move(fixed, 1), "earlier": self.move(fixed, -1), "last": last,
                       "first working": self.move(start, 1), "last working": self.move(last, -1),
                       "nth": nth_weekday(start.year, start.month, weekday, which)}[rule]
            if month % every == phase:
                places.add((charged - self.days[0]).days)
        return places


class Service(NamedTuple):
    calendar: Calendar
    demand: Amounts
    sprint: int
    releases: set[int]
    life: Amounts  # 0 before its begin, after its end and in a pause; between them on a ramp
    moved: Amounts  # how much of it a migration has moved


def waves(rng: Random, count: int, sigma: float, memory: float, heavy: bool = False) -> Amounts:
    """Lognormal noise around 1, with memory of the day before."""
    state, factors = rng.gauss(0, 1), []
    for _ in range(count):
        shock = rng.gauss(0, 1) / (math.sqrt(2 * rng.gammavariate(2, .5)) if heavy else 1)
        state = memory * state + math.sqrt(1 - memory * memory) * shock
        factors.append(math.exp(sigma * max(-4.0, min(4.0, state))))
    return factors


def slope(at: int, first: int, length: int) -> float:
    return max(0.0, min(1.0, (at - first + 1) / max(1, length)))


def new_calendars(rng: Random) -> list[Calendar]:
    days = [date(2012, 1, 1) + timedelta(rng.randrange(5500))]
    days += [days[0] + timedelta(after) for after in range(1, rng.randint(380, 450))]
    years = range(days[0].year - 1, days[-1].year + 1)
    company_days = {date(year, rng.randint(3, 11), rng.randint(1, 28)) for year in years if rng.random() < .5}
    if rng.random() < .35:
        company_days |= {date(year, 12, 24) + timedelta(after) for year in years for after in range(9)}
    return [Calendar(days, country, company_days) for country in rng.sample(COUNTRIES, rng.randint(1, 3))]


def account_traffic(rng: Random, days: list[date]) -> tuple[Amounts, Amounts]:
    """The wandering traffic of the whole account with its outages, and how far a sales week is on."""
    shared, sale = waves(rng, len(days), rng.uniform(.01, .08), rng.uniform(.3, .95)), [0.0] * len(days)
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        shared[rng.randrange(len(days))] *= rng.uniform(.3, .85)
    for year in range(days[0].year, days[-1].year + 1):
        others = [date(year, month, rng.randint(1, 25)) for month in rng.sample(range(1, 11), 2)]
        for start in (nth_weekday(year, 11, 3, 4) - timedelta(rng.randint(0, 4)), *others):
            for place in range((start - days[0]).days, (start - days[0]).days + rng.randint(4, 12)):
                if 0 <= place < len(days):
                    sale[place] = rng.uniform(.7, 1)
    return shared, sale


def new_team(rng: Random, calendar: Calendar, traffic: tuple[Amounts, Amounts]) -> Service:
    """A service without a life of its own, from which those of the team are made."""
    kind = rng.choices(list(KINDS.values()), [kind[0] for kind in KINDS.values()])[0]
    weekend, holiday, school, year_end, sale, season, shared = (rng.uniform(*levels) for levels in kind[1:])
    weekdays = [rng.uniform(.9, 1.1) if rng.random() < .6 else 1.0 for _ in range(7)]
    peak, growth, own = rng.uniform(0, 366), rng.gauss(.12, .25), waves(rng, calendar.count, rng.uniform(0, .05), .8)
    mail_day, mail_weeks, opened = rng.randrange(5), rng.choice((1, 2, 4)), rng.choice((0, 0, 0, rng.uniform(.1, .5)))
    campaign, length, height = rng.randrange(calendar.count), rng.randint(6, 30), rng.choice((0, rng.uniform(.1, .6)))
    demand = []
    for at, day in enumerate(calendar.days):
        level = weekdays[day.weekday()] * traffic[0][at] ** shared * own[at] * (1 + growth) ** (at / 365)
        if day.weekday() in calendar.weekend_days:
            level *= weekend
        elif day in calendar.holidays:
            level *= holiday
        level *= year_end if (day.month, day.day) > (12, 21) or (day.month, day.day) < (1, 4) else 1
        level *= school if calendar.school_pause[at] else 1
        level *= 1 + season * math.cos(2 * math.pi * (day.timetuple().tm_yday - peak) / 365.25)
        level *= 1 + (sale - 1) * traffic[1][at]
        level *= 1 + opened * (day.weekday() == mail_day and day.toordinal() // 7 % mail_weeks == 0)
        level *= 1 + height * max(0, min(1, (at - campaign + 1) / 3, (campaign + length - at) / 4))
        demand.append(level)
    weeks, phase, weekday = rng.choice((1, 2, 2, 2, 3, 4)), rng.randrange(4), rng.randrange(5)
    releases = {(calendar.move(day, 1) - calendar.days[0]).days for day in calendar.days
                if day.weekday() == weekday and (day.toordinal() // 7 + phase) % weeks == 0}
    return Service(calendar, demand, 7 * weeks, releases, [], [])


def new_service(rng: Random, team: Service) -> Service:
    count = team.calendar.count
    begin = rng.randint(5, count - 90) if rng.random() < .15 else 0
    end = rng.randint(begin + 70, count) if rng.random() < .08 else count
    pause = rng.randint(begin, count) if rng.random() < .04 else count
    ramp = rng.choice((1, rng.randint(2, 90))) if begin else 1
    paused, standby = rng.randint(10, 70), rng.choice((0, .1))
    life = [(begin <= at < end) * slope(at, begin, ramp) * (standby if pause <= at < pause + paused else 1)
            for at in range(count)]
    migration, takes = rng.randint(begin, count) if rng.random() < .1 else count, rng.choice((1, 7, 20, 45, 90))
    elasticity, own = rng.uniform(.4, 1.1), waves(rng, count, rng.uniform(0, .06), rng.uniform(0, .95))
    launch, takes_up = rng.randrange(count), rng.choice((3, 10, 60, 200))
    gain = rng.choice((-.8, .3, .8, 3)) if rng.random() < .15 else 0
    demand = [level ** elasticity * own[at] * (1 + gain * slope(at, launch, takes_up))
              for at, level in enumerate(team.demand)]
    return team._replace(demand=demand, life=life, moved=[slope(at, migration, takes) for at in range(count)])


def counts(rng: Random, length: int, low: int = 1, high: int = 40) -> Amounts:
    """Pieces in use, relative to the first number."""
    first = now = round(math.exp(rng.uniform(math.log(low), math.log(high))))
    changes, pieces = rng.choice((0, 0, 0, 1, 1, 2, now // 5)) / 365, []
    for _ in range(length):
        if rng.random() < changes:
            now = max(1, now + rng.choice((-1, 1, 1, 1)) * rng.randint(1, max(1, first // 12)))
        pieces.append(now / first)
    return pieces


def pieces(rng: Random, service: Service, units: tuple[str, ...] = ("hour", "day", "day"),
           rests: Sequence[float] = (1,)) -> Amounts:
    """Pieces paid by hour, day or month, some stopped outside working days; a few with growing disks and requests."""
    unit, rest, overtime = rng.choice(units), rng.choice(rests), rng.choice((0, 0, .05))
    growth, requests = rng.choice((0, 0, .1, .3)), rng.choice((0, 0, 0, .05, .3)) * (unit != "month" and rest == 1)
    calendar, amounts = service.calendar, []
    for at, now in enumerate(counts(rng, calendar.count)):
        now *= {"hour": calendar.hours[at] / 24, "day": 1, "month": 30 / calendar.month_length[at]}[unit]
        now += growth * at / 365 if unit != "month" else 0
        now *= 1 if calendar.working[at] or rng.random() < overtime else rest
        amounts.append(now + requests * service.demand[at])
    return amounts


def autoscaled(rng: Random, service: Service) -> Amounts:
    """Whole machines between a floor and a ceiling, with more of them while a release is rolled out."""
    size, floor, ceiling = rng.randint(3, 60), rng.uniform(.2, .9), rng.uniform(1.2, 3)
    base, surge = rng.choice((0, 0, .5)), rng.choice((0, 0, 0, .1, .3, .6))
    return [min(ceiling, max(floor, math.ceil((base + (1 - base) * level) * size) / size))
            * (1 + surge * (at in service.releases)) for at, level in enumerate(service.demand)]


def runs(rng: Random, service: Service) -> Amounts:
    """Sparse runs of a day, several days or many weeks, with partial first and last days."""
    amounts, at = [rng.choice((0.0, 0.0, .02, 1.0))] * service.calendar.count, 0
    longest, idle = rng.choice(((1, 2), (1, 10), (2, 5), (5, 20), (9, 10), (9, 40), (90, 60)))
    spread = rng.uniform(0, .8)
    while (at := at + 1 + int(rng.expovariate(1 / idle))) < len(amounts):
        length, height = rng.randint(1 + longest // 5, longest), rng.lognormvariate(0, spread)
        for day in range(at, min(len(amounts), at + length)):
            amounts[day] += height * (rng.uniform(.1, .9) if length > 1 and day in (at, at + length - 1) else 1)
        at += length
    return amounts


def stored(rng: Random, service: Service) -> Amounts:
    """Storage that fills with demand, with clean-ups now and then or a purge by the week or month."""
    daily, now, remains, amounts = rng.choice((-.0006, .0003, .001, .003, .006)), 1.0, rng.uniform(.4, .9), []
    clean_up, purge = rng.choice((0, 0, 0, 1, 3)) / 365, rng.choice(("never", "never", "weekly", "monthly"))
    pile, more, monthly, weekday = 0.0, rng.uniform(.005, .06), service.calendar.charges(rng), rng.randrange(7)
    for at, day in enumerate(service.calendar.days):
        now = max(.05, (now + daily * service.demand[at]) * (remains if rng.random() < clean_up else 1))
        purged = purge == "never" or (day.weekday() == weekday if purge == "weekly" else at in monthly)
        pile = 0.0 if purged else pile + more
        amounts.append(now + pile)
    return amounts


def retained(rng: Random, service: Service) -> Amounts:
    """What the last so many days wrote, with a plateau once the oldest is deleted."""
    keep, before = rng.choice((7, 14, 30, 90, 180)), rng.choice((0.0, 1.0))
    written = [before] * keep + service.demand
    return [sum(written[at + 1:at + 1 + keep]) / keep for at in range(service.calendar.count)]


def traffic_bound(rng: Random, service: Service) -> Amounts:
    """Demand, with downloads at releases and weeks of more output than usual."""
    base, downloads = rng.choice((0, 0, rng.uniform(.1, .8))), rng.choice((0, 0, 0, rng.uniform(.1, .8)))
    start, length = rng.randrange(service.calendar.count), rng.randint(9, 40)
    more = rng.choice((0, 0, 0, rng.uniform(.2, 1)))
    return [(base + (1 - base) * level) * (1 + downloads * (at in service.releases))
            * (1 + more * (start <= at < start + length)) for at, level in enumerate(service.demand)]


def planned(rng: Random, service: Service, releases: bool = False) -> Amounts:
    """Fees, drills, test environments and parts of the month's bill around planned days, above nothing or a standby."""
    days = service.releases if releases else service.calendar.charges(rng, rng.choice((1, 1, 1, 3, 3, 6, 12)))
    rest, part = rng.choice((0, 0, .02, .2, .5, .7)), not releases and rng.random() < .4
    length = rng.randint(1, 6) if releases else rng.choice((1, 1, 1, 2))
    return [(sum(service.demand[max(0, at - 30):at + 1]) / min(31, at + 1) if part else 1.0)
            if any(at + ahead in days for ahead in range(length)) else rest for at in range(service.calendar.count)]


def rhythm_job(rng: Random, service: Service) -> Amounts:
    """Runs, mailings and full copies every so many days or on weekdays; a failed one is repeated the day after."""
    every, phase, rest = rng.choice((1, 2, 3, 5, 7, 7, 7, 10, 14, 28)), rng.randrange(28), rng.choice((0, 0, .1, .4))
    weekdays = set(rng.sample(range(7), rng.randint(1, 4))) if rng.random() < .4 else set()
    failing, growth, echo = rng.choice((0, 0, .02, .05)), rng.gauss(.05, .2), rng.choice((0, 0, .3))
    before, amounts = 0, []
    for at, day in enumerate(service.calendar.days):
        due = day.weekday() in weekdays if weekdays else (day.toordinal() + phase) % every == 0
        failed = due and rng.random() < failing
        now = rng.uniform(.2, .6) if failed else 1.0 if due or before == 2 else max(rest, echo * before)
        amounts.append(now * (1 + growth) ** (at / 365))
        before = 2 if failed else int(due)
    return amounts


def closing(rng: Random, service: Service) -> Amounts:
    """Reports by weekday, and more work around the turn of each month and quarter."""
    before, after, more, quarter = rng.randint(0, 3), rng.randint(0, 5), rng.uniform(.3, 3), rng.uniform(1, 2)
    weekday, weekly, amounts = rng.randrange(5), rng.choice((0, 0, .5)), []
    for at, day in enumerate(service.calendar.days):
        ends = service.calendar.month_length[at] - day.day < before
        busy = (ends or day.day <= after) and service.calendar.working[at]
        turns = day.month % 3 == (0 if ends else 1)
        load = 1 + busy * more * (quarter if turns else 1)
        amounts.append(service.demand[at] * load + weekly * (day.weekday() == weekday))
    return amounts


def pipelines(rng: Random, service: Service) -> Amounts:
    """Builds on working days, busier towards the end of the sprint and before a release."""
    nightly, rise, rush, spread = rng.uniform(0, .4), rng.uniform(0, .6), rng.choice((0, .2, .8)), rng.uniform(.02, .3)
    return [nightly + works * rng.lognormvariate(0, spread) * service.demand[at]
            * (1 + rise * (day.toordinal() % service.sprint) / service.sprint + rush * (at + 1 in service.releases))
            for at, (day, works) in enumerate(zip(service.calendar.days, service.calendar.working))]


class Habit(NamedTuple):
    weight: float
    make: Callable[[Random, Service], Amounts]
    noise: float  # the highest sigma in an ordinary account
    price: float  # of an ordinary day, in the middle
    metered: bool = False  # may have free quotas and volume tiers
    steps: bool = True  # may change its level for good


HABITS = {
    "reserved": Habit(2, partial(pieces, units=("day", "month")), 0, 30, steps=False),
    "licences": Habit(3, partial(pieces, units=("month",)), 0, 20), "machines": Habit(8, pieces, .02, 25),
    "databases": Habit(6, pieces, .04, 30), "load_balancers": Habit(3, pieces, .04, 3),
    "addresses": Habit(2, pieces, 0, .5), "disks": Habit(4, pieces, 0, 12),
    "office_hours": Habit(5, partial(pieces, rests=(0, 0, .03, .1, .3)), .06, 20),
    "autoscaled": Habit(6, autoscaled, .1, 40), "kubernetes": Habit(5, autoscaled, .08, 40),
    "gpus": Habit(2, autoscaled, .15, 90), "spot": Habit(3, traffic_bound, .2, 20),
    "runs": Habit(5, runs, .03, 60, steps=False), "snapshots": Habit(4, stored, .03, 4),
    "storage": Habit(7, stored, .02, 10, steps=False), "retained": Habit(4, retained, .02, 6, steps=False),
    "logs": Habit(4, traffic_bound, .15, 12, True), "egress": Habit(6, traffic_bound, .2, 8, True),
    "cdn": Habit(5, traffic_bound, .15, 15, True), "functions": Habit(4, traffic_bound, .2, 3, True),
    "dns": Habit(2, traffic_bound, .1, .4, True), "queues": Habit(3, traffic_bound, .12, 3, True),
    "charge": Habit(5, planned, .02, 80, steps=False), "batch": Habit(7, rhythm_job, .15, 15),
    "backups": Habit(4, rhythm_job, .06, 6), "closing": Habit(4, closing, .12, 15),
    "warehouse": Habit(3, closing, .2, 25, True), "pipelines": Habit(5, pipelines, .05, 12),
    "test_environment": Habit(3, partial(planned, releases=True), .08, 12),
}


def metered(rng: Random, days: list[date], used: Amounts) -> Amounts:
    """A free quota or cheaper volumes, anew each month."""
    quota = sum(used) / len(used) * 30 * rng.uniform(.1, .7)
    before, after = rng.choice(((0.0, 1.0), (1.0, rng.uniform(.4, .85)), (1.0, rng.uniform(.4, .85))))
    total, amounts = 0.0, []
    for day, amount in zip(days, used):
        total = 0.0 if day.day == 1 else total
        inside = max(0.0, min(amount, quota - total))
        total += amount
        amounts.append(inside * before + (amount - inside) * after)
    return amounts


def lived(rng: Random, service: Service, amounts: Amounts, steps: bool) -> Amounts:
    """Gives a series the life of its service, its part in a migration, and rarely a new level for good."""
    rises, moves, rest = rng.random() < .5, rng.random() < .7, rng.choice((0, 0, .1, .4))
    begin = rng.randint(0, len(amounts) - 60) if rng.random() < .05 else 0
    factors = [alive * (at >= begin) for at, alive in enumerate(service.life)]
    if moves and any(service.moved):
        factors = [now * (rest + (1 - rest) * (moved if rises else 1 - moved))
                   for now, moved in zip(factors, service.moved)]
    for _ in range(rng.choices((0, 1, 2), (70, 25, 5))[0] if steps else 0):
        place, length, level = rng.randrange(len(amounts)), rng.choice((1, 1, 1, 5, 20)), rng.lognormvariate(.1, .45)
        factors = [now * (1 + (level - 1) * slope(at, place, length)) for at, now in enumerate(factors)]
    return [amount * factor for amount, factor in zip(amounts, factors)]


def account_prices(rng: Random, days: list[date]) -> Amounts:
    """Exchange rates by month, and a discount that is negotiated or lost."""
    rate, since, discount = 1.0, rng.randrange(len(days)), rng.choice((1, 1, 1, .9, .8, 1.1))
    wander, prices = rng.choice((0, 0, .01, .02)), []
    for at, day in enumerate(days):
        rate *= rng.lognormvariate(0, wander) if day.day == 1 else 1
        prices.append(rate * (discount if at >= since else 1))
    return prices


def account(seed: int) -> Account:
    rng = Random(f"teams {seed}")
    calendars = new_calendars(rng)
    days = calendars[0].days
    traffic, prices = account_traffic(rng, days), account_prices(rng, days)
    teams = [new_team(rng, rng.choice(calendars), traffic) for _ in range(rng.randint(5, 20))]
    services = [new_service(rng, rng.choice(teams)) for _ in range(rng.randint(25, 60))]
    weights = [habit.weight * rng.lognormvariate(0, .6) for habit in HABITS.values()]
    loudness, decimals = rng.uniform(.5, 1.5), rng.choice((2, 5))
    late = [(rng.randrange(1, len(days)), rng.uniform(.05, .25)) for _ in range(rng.choice((0, 0, 1, 3)))]
    series = []
    for _ in range(rng.randint(240, 320)):
        service, (name, habit) = rng.choice(services), rng.choices(list(HABITS.items()), weights)[0]
        amounts = lived(rng, service, habit.make(rng, service), habit.steps)
        sigma, memory = min(.2, habit.noise * loudness * rng.random()), rng.choice((0, 0, 0, .3, .6, .85))
        noise, price = waves(rng, len(days), sigma, memory, rng.random() < .2), habit.price * rng.lognormvariate(0, 1.2)
        amounts = [amount * factor * price * rate for amount, factor, rate in zip(amounts, noise, prices)]
        if habit.metered and rng.random() < .35:
            amounts = metered(rng, days, amounts)
        for place, part in late:
            amounts[place] += amounts[place - 1] * part
            amounts[place - 1] *= 1 - part
        series.append(Series(name, [round(amount, decimals) for amount in amounts]))
    add_spikes(rng, series)
    return Account(days, series)
