"""The simple rules that detector and forecast are compared with: what one would write in an afternoon."""

from statistics import fmean, stdev

WEEK, WINDOW = 7, 28


def z_score(amounts: list[float], floor: float, k: float) -> set[int]:
    """Days above the mean of four weeks by `k` standard deviations and the floor."""
    found = set()
    for at in range(WINDOW, len(amounts)):
        past = amounts[at - WINDOW : at]
        if amounts[at] > fmean(past) + max(k * stdev(past), floor):
            found.add(at)
    return found


def above_week(amounts: list[float], floor: float) -> set[int]:
    """Days that cost 30 % and the floor more than the mean of the week before."""
    found = set()
    for at in range(WEEK, len(amounts)):
        mean = fmean(amounts[at - WEEK : at])
        if amounts[at] > mean + max(0.3 * mean, floor):
            found.add(at)
    return found


DETECTORS = {
    "z-score k = 3": lambda amounts, floor: z_score(amounts, floor, 3),
    "z-score k = 4": lambda amounts, floor: z_score(amounts, floor, 4),
    "7-day mean + 30 %": above_week,
}


def run_rate(amounts: list[float], month: range, day: int) -> float:
    """The days to come cost what the days so far cost."""
    return sum(amounts[month.start : month.start + day]) * len(month) / day


def last_week_again(amounts: list[float], month: range, day: int) -> float:
    """The days to come cost what the week before cost, weekday by weekday."""
    at = month.start + day
    week = amounts[max(0, at - WEEK) : at]
    return sum(amounts[month.start : at]) + sum(week[place % len(week)] for place in range(len(month) - day))


FORECASTS = {"run-rate": run_rate, "last week again": last_week_again}
