"""The row of the planning table: what a daemon takes for 1, 20 and 200 accounts."""

import pathlib
import tempfile
import time
from collections.abc import Iterator

from . import product
from .account import TYPES, Account, account
from .run import Failed, get
from .table import Line, mib

# Accounts; projects and resources of each. All are in two regions.
SHAPES = ((1, 40, 20_000), (20, 20, 4_000), (200, 4, 500))
REGIONS = 2
WINDOWS = ["today", "yesterday", "month_to_date", "previous_month"]
# Of the default interval of 15 minutes.
POLLS_A_DAY = 96


def plan(quick: bool) -> Iterator[Line]:
    """Series, calls, memory, CPU and disk of 1, 20 and 200 accounts, with costs and a history."""
    days, polls = (3, 1) if quick else (35, 3)
    for accounts, projects, resources in SHAPES[: 1 if quick else None]:
        with (
            account(resources, projects=projects, regions=REGIONS) as on,
            tempfile.TemporaryDirectory() as folder,
        ):
            groups = projects * REGIONS * TYPES
            what = f"{accounts} × {resources:,} resources, {groups:,} groups"
            yield from _of(what, accounts, on, pathlib.Path(folder) / "state.db", days, polls)


def _of(what: str, accounts: int, on: Account, store: pathlib.Path, days: int, polls: int) -> Iterator[Line]:
    others = [f"n{number}" for number in range(1, accounts)]
    key = {**product.BASE["accounts.main"], "api_url": on.url}
    tables = {f"accounts__{name}": {**key, "api_key": name} for name in others}
    tables |= {
        "collect__cost": {"windows": WINDOWS, "interval": "1m", "timeout": "1m", "method": "auto"},
        "collect__history": {"enabled": True, "days": days},
        "storage": {"path": str(store)},
    }
    with product.started(on.url, **tables) as daemon:
        product.await_history(daemon, *others)
        product.await_rest(daemon)
        _await_polls(daemon, 1)
        cpu, calls = daemon.cpu(), daemon.value("gcore_api_requests_total")
        _await_polls(daemon, polls)
        cpu, calls = (daemon.cpu() - cpu) / polls, (daemon.value("gcore_api_requests_total") - calls) / polls
        series = sum(not line.startswith("#") for line in get(daemon.metrics)[0].decode().splitlines())
        memory, peak = daemon.memory("VmRSS"), daemon.memory("VmHWM")
    disk = sum(file.stat().st_size for file in store.parent.iterdir()) / 1e6
    yield Line(f"{what}: series", f"{series:,}")
    yield Line(f"{what}: calls a day", f"{calls * POLLS_A_DAY:,.0f}", f"{calls:,.0f} a poll")
    yield Line(f"{what}: memory", mib(memory), f"{mib(peak)} at most")
    yield Line(f"{what}: CPU, polled each 15 minutes", f"{cpu / 900:.2%}", f"{cpu * 1000:.0f} ms a poll")
    yield Line(f"{what}: disk", f"{disk:.0f} MB", f"{days} days")


def _await_polls(daemon: product.Daemon, number: int) -> None:
    """Waits until the costs of `main` were polled so many times more. So the span has whole polls of all accounts."""
    family = 'gcore_polls_total{account="main",collector="cost"}'
    last = daemon.value(family) + number
    deadline = time.monotonic() + 300 * number
    while daemon.value(family) < last:
        if time.monotonic() > deadline:
            raise Failed(f"the costs were not polled {number} times")
        time.sleep(0.5)
