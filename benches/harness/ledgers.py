"""A second maker of invented accounts: resources come and go, are metered, and make up the bill of their service.

Nothing here follows a curve that somebody drew: a level wanders because machines are started and deleted. This maker is
held out: whoever works on detector or forecast looks at the accounts of `histories` only.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from .histories import Invented, Series

PROJECTS, DAYS = 24, 400
KNOWN = 60  # days of a series before its first incident
LEAST = 6.0  # units that an incident adds to a day


@dataclass
class Project:
    """What the services of one project share."""

    week: list[float]  # of traffic, Monday first
    off: set[int]  # places of days on which nobody works
    growth: float  # of traffic, a day
    size: float  # units that an ordinary day of its largest service costs


def machines(days: list[date], project: Project, random: Random) -> list[float]:
    """Machines by the hour; a team starts and deletes them as it likes."""
    count, churn, price = random.randint(2, 25), random.uniform(0, 0.05), project.size / 10
    idle = random.choice((1.0, 1.0, 0.3))  # what runs outside working days
    amounts = []
    for at, day in enumerate(days):
        if random.random() < churn:
            count = max(1, count + random.choice((-2, -1, -1, 1, 1, 2)))
        amounts.append(price * count * (idle if day.weekday() > 4 or at in project.off else 1))
    return amounts


def autoscaled(days: list[date], project: Project, random: Random) -> list[float]:
    """As many machines as the traffic asks for, at least two."""
    price, busy, traffic = project.size / 8, random.uniform(3, 12), load(days, project, random, 0.08)
    return [price * max(2, math.ceil(busy * of)) for of in traffic]


def egress(days: list[date], project: Project, random: Random) -> list[float]:
    """Traffic by the gigabyte, with far days."""
    price = project.size * random.uniform(0.2, 0.8)
    return [price * of * math.exp(0.05 * far(random)) for of in load(days, project, random, 0.04)]


def storage(days: list[date], project: Project, random: Random) -> list[float]:
    """Grows with what is written, shrinks when a retention run deletes."""
    price, stored, written, kept = project.size / 100, 100.0, random.uniform(0.1, 0.6), random.choice((0, 30, 90))
    amounts = []
    for at in range(len(days)):
        stored += written * random.lognormvariate(0, 0.5)
        if kept and at % kept == kept - 1:
            stored *= random.uniform(0.7, 0.95)
        amounts.append(price * stored)
    return amounts


def jobs(days: list[date], project: Project, random: Random) -> list[float]:
    """Batch runs on some weekdays, as long as their input is large."""
    runs, price = set(random.sample(range(7), random.choice((1, 2, 5)))), project.size
    return [price * random.lognormvariate(0, 0.1) if day.weekday() in runs else 0.0 for day in days]


def fees(days: list[date], project: Project, random: Random) -> list[float]:
    """A fee on one day of each month, beside a small daily charge."""
    on, fee, daily = random.choice((1, 1, 2, 15, 28)), project.size * random.uniform(2, 8), project.size / 10
    return [daily + (fee * random.uniform(0.95, 1.05) if day.day == on else 0) for day in days]


SERVICES = {
    "machines": machines,
    "autoscaled": autoscaled,
    "egress": egress,
    "storage": storage,
    "jobs": jobs,
    "fees": fees,
}


def load(days: list[date], project: Project, random: Random, noise: float) -> list[float]:
    """Traffic, where 1 is an ordinary day: week, growth, and a level that wanders."""
    level, loads = 1.0, []
    for at, day in enumerate(days):
        level *= math.exp(random.gauss(project.growth, 0.006))
        weekday = 6 if at in project.off else day.weekday()
        loads.append(level * project.week[weekday] * math.exp(random.gauss(0, noise)))
    return loads


def far(random: Random) -> float:
    """A number with fat tails: Student's t of three degrees of freedom."""
    return random.gauss(0, 1) / math.sqrt(sum(random.gauss(0, 1) ** 2 for _ in range(3)) / 3)


def add_outages(amounts: list[float], random: Random) -> None:
    """The service is down for two to nine days and costs nothing."""
    for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
        first = random.randrange(len(amounts))
        for at in range(first, min(len(amounts), first + random.randint(2, 9))):
            amounts[at] = 0.0


def add_incidents(amounts: list[float], random: Random) -> list[tuple[int, int]]:
    """Forgotten machines, runaway jobs: one to five days. Some services have one nearly every month."""
    gap = random.choice((30, 120, 120, 240))
    at, spikes = KNOWN + random.randint(0, gap), []
    while at < len(amounts):
        last = min(len(amounts) - 1, at + random.choice((0, 0, 1, 2, 4)))
        share = math.exp(random.uniform(math.log(0.5), math.log(4)))
        added = [share * amount for amount in amounts[at : last + 1]]
        if min(added) >= LEAST:
            amounts[at : last + 1] = [old + new for old, new in zip(amounts[at : last + 1], added)]
            spikes.append((at, last))
        at = last + random.randint(gap // 2, gap * 3 // 2) + 1
    return spikes


def account(seed: int, projects: int = PROJECTS, count: int = DAYS) -> Invented:
    """The same for the same numbers."""
    random = Random(f"ledger {seed}")
    first = date(2024, 1, 1) + timedelta(random.randrange(600))
    days = [first + timedelta(at) for at in range(count)]
    series = []
    for number in range(projects):
        week = [random.uniform(0.9, 1.1) for _ in range(5)] + [random.uniform(0.4, 1.2)] * 2
        off = {at + more for at in random.sample(range(count), 4) for more in range(random.choice((1, 1, 4)))}
        project = Project(week, off, random.gauss(0, 0.001), math.exp(random.uniform(math.log(10), math.log(800))))
        for name in random.sample(list(SERVICES), random.randint(2, len(SERVICES))):
            amounts = SERVICES[name](days, project, random)
            add_outages(amounts, random)
            spikes = add_incidents(amounts, random)
            series.append(Series(f"{number:02}/{name}", [round(amount, 5) for amount in amounts], spikes))
    return Invented(days, "EUR", series)
