"""The row of the planning table: what a daemon takes for 1, 20 and 200 accounts."""

import pathlib
import tempfile
import time
from collections.abc import Iterator

from . import product
from .account import TYPES, account
from .run import get
from .table import Line, mib

# Accounts; projects and resources of each. All are in two regions.
SHAPES = ((1, 40, 20_000), (20, 20, 4_000), (200, 4, 500))
REGIONS = 2
WINDOWS = ["today", "yesterday", "month_to_date", "previous_month"]
# Of the default interval of 15 minutes.
POLLS_A_DAY = 96


def plan(quick: bool) -> Iterator[Line]:
    """Series, calls, memory, CPU and disk of 1, 20 and 200 accounts, with costs and a history."""
    for accounts, projects, resources in SHAPES[: 1 if quick else None]:
        with (
            account(resources, projects=projects, regions=REGIONS) as on,
            tempfile.TemporaryDirectory() as folder,
        ):
            yield from _of(accounts, projects, on, pathlib.Path(folder) / "state.db", quick)


def _of(accounts: int, projects: int, on, store: pathlib.Path, quick: bool) -> Iterator[Line]:
    others = [f"n{number}" for number in range(1, accounts)]
    key = {**product.BASE["accounts.main"], "api_url": on.url}
    tables = {f"accounts__{name}": {**key, "api_key": name} for name in others}
    tables |= {
        "collect__cost": {"windows": WINDOWS, "interval": "1m", "timeout": "1m", "method": "auto"},
        "collect__history": {"enabled": True, "days": 3 if quick else 35},
        "storage": {"path": str(store)},
    }
    span = 60 if quick else 180
    with product.started(on.url, **tables) as daemon:
        product.await_history(daemon, *others)
        product.await_rest(daemon)
        cpu, calls = daemon.cpu(), daemon.value("gcore_api_requests_total")
        time.sleep(span)
        polls = span / 60
        cpu, calls = (daemon.cpu() - cpu) / polls, (daemon.value("gcore_api_requests_total") - calls) / polls
        series = sum(not line.startswith("#") for line in get(daemon.metrics)[0].decode().splitlines())
        memory, peak = daemon.memory("VmRSS"), daemon.memory("VmHWM")
    disk = sum(file.stat().st_size for file in store.parent.iterdir()) / 1e6
    groups = projects * REGIONS * TYPES
    what = f"{accounts} × {on.rows:,} resources, {groups:,} groups"
    yield Line(f"{what}: series", f"{series:,}")
    yield Line(f"{what}: calls a day", f"{calls * POLLS_A_DAY:,.0f}", f"{calls:,.0f} a poll")
    yield Line(f"{what}: memory", mib(memory), f"{mib(peak)} at most")
    yield Line(f"{what}: CPU, polled each 15 minutes", f"{cpu / 900:.2%}", f"{cpu * 1000:.0f} ms a poll")
    yield Line(f"{what}: disk", f"{disk:.0f} MB", "35 days")
