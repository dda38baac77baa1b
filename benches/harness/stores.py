"""Rows about the store: its size, a month's sum, and a start with a long history."""

import json
import pathlib
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median

from . import product
from .account import account
from .run import TOOLS, Failed, get, spend
from .table import Line, millis, seconds, yes


def store(quick: bool) -> Iterator[Line]:
    """The store with 400 days of 10,000 groups."""
    # 50 projects × 8 regions × 25 types.
    shape = {"projects": 50, "regions": 8}
    days = 60 if quick else 400
    with tempfile.TemporaryDirectory() as folder, account(10_000, **shape) as on:
        path = pathlib.Path(folder) / "state.db"
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        shape |= {"api-url": on.url, "last": yesterday}
        options = [f"--{name}={value}" for name, value in shape.items()]
        said = json.loads(spend(TOOLS / "store", path, f"--days={days}", *options).output)
        # The first start leaves readings behind, which the others find.
        history = {"storage": {"path": str(path)}, "collect__history": {"enabled": True, "days": days, "timeout": "1h"}}
        starts = [_start(on, history) for _ in range(4)][1:]
    what = f"store, {days} days × 10,000 groups"
    scale = 400 / days
    megabytes = said["bytes"] / 1e6 * scale
    each = f"{said['bytes'] / said['amounts']:.1f} bytes per group and day"
    scaled = " (scaled to 400 days)" if quick else ""
    yield Line(f"{what}: on disk{scaled}", f"{megabytes:.0f} MB", each, goal="≤ 250 MB", reached=yes(megabytes <= 250))
    month = median(said["seconds"])
    yield Line(f"{what}: sum of a month", millis(month * 1e6), goal="≤ 100 ms", reached=yes(month <= 0.1))
    ready, judged = (median(start[at] for start in starts) for at in (0, 1))
    yield Line(f"{what}: start until ready and checked", seconds(ready), goal="≤ 1 s", reached=yes(ready <= 1))
    yield Line(f"{what}: start until all of it is judged again", seconds(judged))


def _start(on, history: dict) -> tuple[float, float]:
    """Seconds from the start of the process until it is ready and what it says is found true, and until its judgement of
    the last stored day is served."""
    started = time.monotonic()
    with product.daemon(on, **history) as running:
        ready = time.monotonic() - started
        while "gcore_anomaly_day_timestamp_seconds{" not in get(running.metrics)[0].decode():
            if time.monotonic() - started > 300:
                raise Failed("the stored days are not judged within five minutes")
            time.sleep(0.05)
        return ready, time.monotonic() - started
