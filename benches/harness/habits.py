"""What days of a cloud invoice do: the calendar of an invented company, and the habits of its series.

Each habit returns what its days cost without noise, where 1 is an ordinary day.
"""

import math
from collections.abc import Callable
from datetime import date, timedelta
from random import Random


class Company:
    """What all series of an account share: its days, its calendar, its business."""

    def __init__(self, random: Random, count: int):
        begin = date(2023, 1, 1) + timedelta(random.randrange(900))
        self.days = [begin + timedelta(at) for at in range(count)]
        self.count = count
        years = range(begin.year, self.days[-1].year + 1)
        self.off = {day for year in years for day in holidays(year)}
        if random.random() < 0.7:  # nobody works between the years
            self.off |= {date(year, 12, 24) + timedelta(at) for year in years for at in range(8)}
        if random.random() < 0.3:  # the summer fortnight
            self.off |= {date(year, 8, 1) + timedelta(at) for year in years for at in range(14)}
        self.business, drift = [], 0.0
        for _ in self.days:
            drift = 0.9 * drift + random.gauss(0, 0.008)
            outage = random.uniform(0.4, 0.8) if random.random() < 1.5 / 365 else 1
            self.business.append(math.exp(drift) * outage)

    def works(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.off

    def each(self, amount: Callable[[int, date], float]) -> list[float]:
        return [max(0.0, amount(at, day)) for at, day in enumerate(self.days)]


def holidays(year: int) -> set[date]:
    """Days on which offices are closed almost everywhere."""
    century = 19 * (year % 19) + 24
    moon = century % 30
    rest = (2 * (year % 4) + 4 * (year % 7) + 6 * moon + 5) % 7
    easter = date(year, 3, 22) + timedelta(moon + rest)  # by Gauss, good for 1900 to 2099
    moving = {easter + timedelta(at) for at in (-2, 1, 39, 50)}
    return moving | {date(year, month, day) for month, day in ((1, 1), (5, 1), (12, 25), (12, 26))}


def month_length(day: date) -> int:
    return (day.replace(day=28) + timedelta(4)).replace(day=1).toordinal() - day.replace(day=1).toordinal()


def left_in_month(day: date) -> int:
    return month_length(day) - day.day


def nth_weekday(day: date, nth: int, weekday: int) -> bool:
    return day.weekday() == weekday and (day.day - 1) // 7 == nth - 1


def workday_of_month(company: Company, day: date) -> int:
    return sum(company.works(day.replace(day=at)) for at in range(1, day.day + 1)) if company.works(day) else 0


def workdays_to_come(company: Company, day: date) -> int:
    return sum(company.works(day + timedelta(at)) for at in range(1, left_in_month(day) + 1))


def of_year(day: date) -> float:
    return day.timetuple().tm_yday / 365.25


def machine(c, r):
    return c.each(lambda at, day: 1)


def hours_of_the_clock(c, r):
    """Billed by the hour in local time: the days when clocks change have 23 and 25."""

    def hours(day):
        last_sunday = day.weekday() == 6 and day.day > 24
        return 24 + (last_sunday and day.month == 10) - (last_sunday and day.month == 3)

    return c.each(lambda at, day: hours(day) / 24)


def price_by_month(c, r):
    """A monthly price, spread over the days of each month."""
    return c.each(lambda at, day: 30.4 / month_length(day))


def office_hours(c, r, weekend=0.0):
    return c.each(lambda at, day: 1 if c.works(day) else weekend)


def office_idle(c, r):
    return office_hours(c, r, r.uniform(0.15, 0.5))


def web(c, r):
    week = [r.uniform(0.9, 1.1) for _ in range(5)] + [r.uniform(0.5, 0.9)] * 2
    return c.each(lambda at, day: c.business[at] * (week[day.weekday()] if day not in c.off else week[6]))


def leisure(c, r):
    free, summer = r.uniform(1.2, 1.6), r.uniform(0, 0.15)
    season = lambda day: 1 - summer * math.cos(2 * math.pi * of_year(day))
    return c.each(lambda at, day: c.business[at] * season(day) * (1 if c.works(day) else free))


def autoscaled(c, r):
    """A floor of reserved machines, and more by the load."""
    floor = r.uniform(0.4, 0.7)
    return [floor + (1 - floor) * load for load in web(c, r)]


def growing(c, r):
    rate = r.uniform(0.0008, 0.004)
    return [load * math.exp(rate * at) for at, load in enumerate(web(c, r))]


def shrinking(c, r):
    rate = r.uniform(0.0005, 0.003)
    return c.each(lambda at, day: math.exp(-rate * at))


def stored(c, r):
    slope = r.uniform(0.0002, 0.003)
    return c.each(lambda at, day: 1 + slope * at)


def cleaned_up(c, r):
    """Data grows until somebody cleans up, every few weeks or months."""
    slope, level, due, result = r.uniform(0.003, 0.01), 1.0, r.randint(20, 80), []
    for at in range(c.count):
        level *= 1 + slope
        if at == due:
            level, due = r.uniform(0.9, 1.1), at + r.randint(30, 100)
        result.append(level)
    return result


def retained(c, r):
    """Logs pile up until the retention period is full."""
    full = r.randint(30, 180)
    return [load * min(1, (at + 10) / full) for at, load in enumerate(stored(c, r))]


def volumes(c, r):
    """Disks, enlarged now and then by a little."""
    size, result = r.randint(20, 60), []
    for _ in range(c.count):
        size += r.randint(1, 3) if r.random() < 0.02 else 0
        result.append(size / 40)
    return result


def backups(c, r):
    full, more = r.randrange(7), r.uniform(2, 7)
    return c.each(lambda at, day: more if day.weekday() == full else 1)


def snapshots(c, r):
    """One more each day of the week, all dropped on the same day."""
    first = r.randrange(7)
    return c.each(lambda at, day: 0.7 + 0.1 * ((day.weekday() - first) % 7))


def every_few_days(c, r):
    period = r.choice((2, 3, 4, 10))
    return c.each(lambda at, day: at % period == 0)


def database(c, r):
    fixed = r.uniform(0.5, 0.9)
    return [fixed + (1 - fixed) * load for load in web(c, r)]


def weekly_job(c, r):
    weekday = r.randrange(7)
    return c.each(lambda at, day: day.weekday() == weekday)


def closing(c, r):
    """Books are closed around the turn of the month."""
    more, base, before, after = r.uniform(0.6, 2.5), web(c, r), r.randint(0, 2), r.randint(1, 4)

    def closes(day):
        return c.works(day) and (workday_of_month(c, day) <= after or workdays_to_come(c, day) < before)

    return c.each(lambda at, day: base[at] * (1 + more * closes(day)))


def last_days(c, r):
    more, last = r.uniform(0.5, 2), r.randint(1, 3)
    return c.each(lambda at, day: 1 + more * (left_in_month(day) < last))


def payroll(c, r):
    """The 25th, or the working day before it."""

    def runs(day):
        return c.works(day) and day.day <= 25 and not any(c.works(day.replace(day=d)) for d in range(day.day + 1, 26))

    more = r.uniform(1, 4)
    return c.each(lambda at, day: 1 + more * runs(day))


def twice_a_month(c, r):
    second, more = r.randint(14, 16), r.uniform(1, 5)
    return c.each(lambda at, day: 1 + more * (day.day in (1, second)))


def patch_day(c, r):
    nth, weekday, more, base = r.randint(1, 3), r.randrange(5), r.uniform(0.4, 1.5), web(c, r)
    return c.each(lambda at, day: base[at] * (1 + more * nth_weekday(day, nth, weekday)))


def licence(c, r):
    on = r.choice((1, 1, 1, 1, r.randint(2, 28)))
    return c.each(lambda at, day: day.day == on)


def licence_and_use(c, r):
    more, base = r.uniform(3, 15), web(c, r)
    return c.each(lambda at, day: base[at] + more * (day.day == 1))


def support_fee(c, r):
    """A share of last month's bill."""
    fees = {}
    return c.each(lambda at, day: fees.setdefault((day.year, day.month), r.gauss(1, 0.06)) * (day.day == 1))


def seats(c, r):
    """Licences per head: heads come and go on the first."""
    heads, count = {}, r.randint(20, 60)
    return c.each(lambda at, day: heads.setdefault((day.year, day.month), count + r.randint(-2, 3)) / count)


def reserved(c, r):
    """Reserved capacity; once a year renewed for a little more or less."""
    renewed, then = r.randrange(c.count), r.uniform(0.85, 1.15)
    return c.each(lambda at, day: then if at >= renewed else 1)


def yearly(c, r):
    """A small fee, and a domain or a certificate once a year."""
    due, more = r.randrange(365), r.uniform(5, 20)
    return c.each(lambda at, day: 1 + more * (at % 365 == due))


def price_change(c, r):
    month, then, base = r.randint(1, 12), r.choice((0.8, 0.9, 0.95, 1.05, 1.08, 1.12)), web(c, r)
    changed = next((at for at, day in enumerate(c.days) if at > 40 and day.day == 1 and day.month == month), c.count)
    return [load * (then if at >= changed else 1) for at, load in enumerate(base)]


def allowance(c, r, free=None):
    """Free until the month's allowance is used up: a free tier, or a credit."""
    free, base, used, result = free or r.uniform(3, 12), web(c, r), 0.0, []
    for day, load in zip(c.days, base):
        used = load if day.day == 1 else used + load
        result.append(min(load, max(0.0, used - free)))
    return result


def volume_discount(c, r):
    limit, lower, base, used, result = r.uniform(8, 16), r.uniform(0.5, 0.85), web(c, r), 0.0, []
    for day, load in zip(c.days, base):
        used = load if day.day == 1 else used + load
        cheap = min(load, max(0.0, used - limit))
        result.append(load - cheap * (1 - lower))
    return result


def experiments(c, r):
    chance = r.uniform(0.2, 0.6)
    return c.each(lambda at, day: c.works(day) and r.random() < chance)


def training(c, r):
    """Rented accelerators: some days of all, then none."""
    result = []
    while len(result) < c.count:
        result += [0.0] * r.randint(2, 20) + [1.0] * r.randint(2, 9)
    return result[: c.count]


def sprints(c, r):
    """Builds: more before the end of a sprint of two weeks."""
    more, phase, idle = r.uniform(0.15, 0.4), r.randrange(14), r.uniform(0.05, 0.2)
    end = lambda day: (day.toordinal() + phase) % 14 in (10, 11)
    return c.each(lambda at, day: (1 + more * end(day)) if c.works(day) else idle)


def shop(c, r):
    """Weeks of rise to December, and the fall after it."""
    more, base = r.uniform(0.4, 1.2), web(c, r)

    def season(day):
        days = (date(day.year, 12, 18) - day).days
        return math.exp(-((days / 22) ** 2)) if days >= 0 else max(0, 1 + days / 10)

    return c.each(lambda at, day: base[at] * (1 + more * season(day)))


def campaign(c, r):
    """Comes in over a week, stays, fades."""
    begin, more, base = r.randrange(c.count), r.uniform(0.2, 0.6), leisure(c, r)
    shape = lambda at: min(1, max(0, at / 8)) * (1 if at < 20 else math.exp((20 - at) / 6))
    return [load * (1 + more * shape(at - begin)) for at, load in enumerate(base)]


def newsletter(c, r):
    weekday, weeks, more, base = r.randrange(5), r.choice((1, 1, 2)), r.uniform(0.4, 1.2), web(c, r)
    sent = lambda day: day.weekday() == weekday and day.toordinal() // 7 % weeks == 0
    return c.each(lambda at, day: base[at] * (1 + more * sent(day)))


def school(c, r):
    """Empty in the summer and at the end of the year."""
    pause = lambda day: 0.3 if (7, 10) <= (day.month, day.day) <= (8, 25) or day in c.off else 1
    return [load * pause(day) for day, load in zip(c.days, web(c, r))]


def begins(c, r):
    """A project, or the new home of another."""
    first, ramp, base = r.randrange(40, c.count - 60), r.randint(1, 30), database(c, r)
    return [load * min(1, max(0, (at - first + 1) / ramp)) for at, load in enumerate(base)]


def ends(c, r):
    last, ramp, base = r.randrange(60, c.count), r.randint(1, 30), database(c, r)
    return [load * min(1, max(0, (last - at) / ramp)) for at, load in enumerate(base)]


def temporary(c, r):
    """Lives for a quarter or two."""
    first, length, base = r.randrange(c.count - 60), r.randint(60, 180), autoscaled(c, r)
    return [load * (first <= at < first + length) for at, load in enumerate(base)]


def rehearsal(c, r):
    """A second site is started on the first Saturday of each quarter."""
    starts = lambda day: day.month % 3 == 1 and nth_weekday(day, 1, 5)
    more = r.uniform(0.3, 1)
    return c.each(lambda at, day: 1 + more * starts(day))


def wandering(c, r):
    """A level that nothing calls back: what each day starts and deletes adds up."""
    level, result = 1.0, []
    for load in web(c, r):
        level *= math.exp(r.gauss(0, 0.03))
        result.append(level * load)
    return result


def unsteady(c, r):
    """Most days are alike, some are far off: Student's t of three degrees of freedom."""
    far = lambda: r.gauss(0, 1) / math.sqrt(sum(r.gauss(0, 1) ** 2 for _ in range(3)) / 3)
    return [load * math.exp(0.04 * far()) for load in web(c, r)]


def outages(c, r):
    """A service that is down for two to nine days now and then."""
    result = database(c, r)
    for _ in range(r.randint(1, 4)):
        first = r.randrange(c.count)
        for at in range(first, min(c.count, first + r.randint(2, 9))):
            result[at] = 0.0
    return result
