"""The row about a new day of the history."""

import json
from collections.abc import Iterator
from statistics import median

from .run import TOOLS, spend
from .table import Line, yes


def day(quick: bool) -> Iterator[Line]:
    """One new day for 10,000 series: detector and forecast."""
    days = 120 if quick else 400
    took = json.loads(spend(TOOLS / "day", f"--days={days}").output)["milliseconds"]
    usual = median(took)
    what = f"a new day of 10,000 series after {days}: detector and forecast, CPU"
    yield Line(
        what, f"{usual:.0f} ms", f"{max(took):.0f} ms on the dearest day", goal="≤ 30 ms", reached=yes(usual <= 30)
    )
