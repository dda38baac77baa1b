"""An invented account's daily costs, with the spikes in them known.

    python3 -m harness.histories [--seed N] [--series N] [--days N] CSV LABELS

CSV is `day,group,amount,currency`, LABELS `group,from,to`. The habits are those of cloud invoices in general. Whoever
works on detector and forecast looks at these; `ledgers` makes the accounts that are held out.
"""

import argparse
import csv
import math
import pathlib
import sys
from dataclasses import dataclass, field
from datetime import date
from random import Random
from statistics import median

from . import habits
from .habits import Company

SERIES, DAYS = 260, 400
FIRST_SPIKE = 60  # days that a series is known before it may have a spike
LEAST, MOST = 0.4, 4.0  # what a spike adds to a day, as a share of it
CENTS = 0.5  # a series whose usual day costs less has no spikes
STEADY, SMALL, LARGE = 0.0, 0.012, 0.06  # standard deviations of the logarithm of a day

# Weight, noise, whether it is a matter of cents, quantum as a share of an ordinary day, what it does.
HABITS = {
    "machine": (6, STEADY, 0, 0, habits.machine),
    "clock-hours": (2, STEADY, 0, 0, habits.hours_of_the_clock),
    "price-by-month": (3, STEADY, 0, 0, habits.price_by_month),
    "address": (3, STEADY, 1, 0, habits.machine),
    "office-hours": (4, SMALL, 0, 0.02, habits.office_hours),
    "office-idle": (4, LARGE, 0, 0, habits.office_idle),
    "web": (6, LARGE, 0, 0, habits.web),
    "requests": (3, 2 * LARGE, 1, 0.01, habits.web),
    "leisure": (5, LARGE, 0, 0, habits.leisure),
    "autoscaled": (6, LARGE, 0, 0.04, habits.autoscaled),
    "few-machines": (2, LARGE, 0, 0.125, habits.autoscaled),
    "growing": (5, LARGE, 0, 0, habits.growing),
    "inference": (3, 2 * LARGE, 0, 0, habits.growing),
    "shrinking": (2, SMALL, 0, 0, habits.shrinking),
    "stored": (6, SMALL, 0, 0, habits.stored),
    "cleaned-up": (4, SMALL, 0, 0, habits.cleaned_up),
    "retained": (2, LARGE, 0, 0, habits.retained),
    "volumes": (5, STEADY, 0, 0, habits.volumes),
    "backups": (4, LARGE, 0, 0, habits.backups),
    "snapshots": (2, SMALL, 0, 0, habits.snapshots),
    "every-few-days": (2, LARGE, 0, 0, habits.every_few_days),
    "database": (6, SMALL, 0, 0, habits.database),
    "weekly-job": (3, LARGE, 0, 0, habits.weekly_job),
    "nightly-job": (4, 2 * LARGE, 0, 0, habits.machine),
    "closing": (3, LARGE, 0, 0, habits.closing),
    "last-days": (2, LARGE, 0, 0, habits.last_days),
    "payroll": (2, LARGE, 0, 0, habits.payroll),
    "twice-a-month": (2, LARGE, 0, 0, habits.twice_a_month),
    "patch-day": (2, LARGE, 0, 0, habits.patch_day),
    "licence": (3, STEADY, 0, 0, habits.licence),
    "licence-and-use": (2, LARGE, 0, 0, habits.licence_and_use),
    "support-fee": (2, STEADY, 0, 0, habits.support_fee),
    "seats": (2, STEADY, 0, 0, habits.seats),
    "reserved": (4, STEADY, 0, 0, habits.reserved),
    "yearly": (0.5, STEADY, 0, 0, habits.yearly),
    "price-change": (2, LARGE, 0, 0, habits.price_change),
    "allowance": (2, LARGE, 0, 0, habits.allowance),
    "volume-discount": (2, LARGE, 0, 0, habits.volume_discount),
    "experiments": (3, 2 * LARGE, 0, 0, habits.experiments),
    "training": (2, LARGE, 0, 0, habits.training),
    "sprints": (4, 1.5 * LARGE, 0, 0, habits.sprints),
    "shop": (3, LARGE, 0, 0, habits.shop),
    "campaign": (2, LARGE, 0, 0, habits.campaign),
    "newsletter": (2, LARGE, 0, 0, habits.newsletter),
    "school": (2, LARGE, 0, 0, habits.school),
    "begins": (4, LARGE, 0, 0, habits.begins),
    "ends": (3, LARGE, 0, 0, habits.ends),
    "temporary": (2, LARGE, 0, 0, habits.temporary),
    "rehearsal": (0.5, SMALL, 0, 0, habits.rehearsal),
    "wandering": (5, SMALL, 0, 0, habits.wandering),
    "unsteady": (3, STEADY, 0, 0, habits.unsteady),
    "outages": (3, SMALL, 0, 0, habits.outages),
    "incident-prone": (5, LARGE, 0, 0, habits.web),
}


@dataclass
class Series:
    """One group, and what only its inventor knows."""

    group: str
    amounts: list[float]
    spikes: list[tuple[int, int]] = field(default_factory=list)  # first and last day, as places


def invent(number: int, company: Company, random: Random, changes: bool) -> Series:
    """One series; `changes` for good once in its life where that is said."""
    name = random.choices(list(HABITS), [habit[0] for habit in HABITS.values()])[0]
    _, noise, cents, quantum, habit = HABITS[name]
    level = math.exp(random.uniform(*map(math.log, (0.005, 0.3) if cents else (0.8, 1500))))
    noise *= random.uniform(0.6, 1.4)
    expected = [level * share for share in habit(company, random)]
    if changes:
        since, then = random.randrange(50, company.count - 20), random.choice((0.5, 0.7, 1.3, 1.5, 2, 2.5))
        expected[since:] = [amount * then for amount in expected[since:]]
    amounts, memory, drift = [], random.uniform(0, 0.5), 0.0
    for amount in expected:
        wild = 2 if random.random() < 0.02 else 1  # invoices have more far days than a bell curve
        drift = memory * drift + random.gauss(0, noise * wild * math.sqrt(1 - memory**2))
        amount *= math.exp(drift)
        amounts.append(round(amount / (quantum * level)) * quantum * level if quantum else amount)
    series = Series(f"{number:03}/{name}", [round(amount, 5) for amount in amounts])
    add_spikes(series, random, random.randint(8, 16) if name == "incident-prone" else random.randint(0, 4))
    return series


def add_spikes(series: Series, random: Random, a_year: int) -> None:
    paid = [at for at, amount in enumerate(series.amounts) if amount > 0]
    if not paid or (usual := median(series.amounts[at] for at in paid)) < CENTS:
        return
    # A series of few charges cannot have as many spikes as one of every day.
    wanted = min(round(a_year * len(series.amounts) / 365), math.ceil(len(paid) / 20))
    places = [at for at in paid if at >= paid[0] + FIRST_SPIKE and at >= FIRST_SPIKE and series.amounts[at] > usual / 4]
    while places and len(series.spikes) < wanted:
        first = last = random.choice(places)
        length = random.choice((1, 1, 2, 3, 4, 5))
        while last - first + 1 < length and last + 1 < len(series.amounts) and series.amounts[last + 1] > 0:
            last += 1
        height = math.exp(random.uniform(math.log(LEAST), math.log(MOST)))
        for at in range(first, last + 1):
            more = min(MOST, max(LEAST, height * random.uniform(0.9, 1.1)))
            series.amounts[at] = round(series.amounts[at] * (1 + more), 5)
        series.spikes.append((first, last))
        places = [at for at in places if not first - 20 <= at <= last + 15]


@dataclass
class Invented:
    """An account."""

    days: list[date]
    currency: str
    series: list[Series]

    def write(self, costs: pathlib.Path, labels: pathlib.Path) -> None:
        with costs.open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("day", "group", "amount", "currency"))
            for at, day in enumerate(self.days):
                paid = ((series.group, series.amounts[at]) for series in self.series if series.amounts[at] > 0)
                rows.writerows((day, group, f"{amount:.5f}", self.currency) for group, amount in paid)
        with labels.open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("group", "from", "to"))
            for series in self.series:
                rows.writerows((series.group, self.days[a], self.days[b]) for a, b in sorted(series.spikes))


def account(seed: int, count: int = SERIES, days: int = DAYS) -> Invented:
    """The same for the same numbers."""
    random = Random(seed)
    company = Company(random, days)
    changing = set(random.sample(range(count), round(count * random.uniform(0.025, 0.045))))
    series = [invent(number, company, random, number in changing) for number in range(count)]
    return Invented(company.days, random.choice(("EUR", "USD")), series)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m harness.histories", description=__doc__.splitlines()[0])
    for name, default in (("seed", 1), ("series", SERIES), ("days", DAYS)):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"default {default}")
    parser.add_argument("csv", type=pathlib.Path, metavar="CSV")
    parser.add_argument("labels", type=pathlib.Path, metavar="LABELS")
    options = parser.parse_args()
    if options.days < 120 or options.series < 1:
        sys.exit("an account needs at least one series and 120 days")
    account(options.seed, options.series, options.days).write(options.csv, options.labels)


if __name__ == "__main__":
    main()
