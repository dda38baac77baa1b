"""The product: the built binary with a configuration, and whether what it says is true."""

import contextlib
import json
import pathlib
import re
import subprocess
import tempfile
import threading
import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from .account import Account
from .run import ROOT, Failed, Spent, get, process, spend

BINARY = ROOT / "target/release/gcore-billing-exporter"
FAMILY = "gcore_cost_today_amount"
SERIES = re.compile(rf"^{FAMILY}\{{(.*)\}} (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')

# Only the running day's cost of one account, as fast as the configuration allows.
BASE = {
    "accounts.main": {"api_key": "bench", "max_requests_per_second": 10_000, "page_size": 1000},
    "collect.cost": {"windows": ["today"], "interval": "1h", "timeout": "10m", "method": "resources"},
    "collect.usage": {"enabled": False},
    "collect.reports": {"enabled": False},
    "collect.subscriptions": {"enabled": False},
    "collect.commitments": {"enabled": False},
    "collect.history": {"enabled": False},
    "metrics": {"series_limit": 1_000_000},
    "storage": {"path": ""},
}


def render(url: str, tables: dict[str, dict]) -> str:
    """The configuration as TOML; of these values JSON is the same."""
    tables = merged(tables, {"accounts.main": {"api_url": url}})
    lines = []
    for table, keys in tables.items():
        lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""]
    return "\n".join(lines)


def merged(*many: dict[str, dict]) -> dict[str, dict]:
    result: dict[str, dict] = {}
    for tables in many:
        for table, keys in tables.items():
            result[table] = {**result.get(table, {}), **keys}
    return result


@contextlib.contextmanager
def config(url: str, tables: dict[str, dict]) -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "config.toml"
        path.write_text(render(url, tables))
        yield path


def settings(**changes: dict) -> dict[str, dict]:
    """The settings of a measurement; tables are named with `__` for the dot."""
    return merged(BASE, {table.replace("__", "."): keys for table, keys in changes.items()})


def rate() -> int:
    """Requests that the product may start within a second here."""
    return settings()["accounts.main"]["max_requests_per_second"]


def once(account: Account, **changes: dict) -> Spent:
    """One poll of the running day; fails unless every group is true to the last digit."""
    with config(account.url, settings(**changes)) as path:
        spent = spend(BINARY, "once", f"--config.file={path}")
    verify(account, spent.output)
    return spent


def verify(account: Account, exposition: str) -> None:
    """Compares every series and the total with the account's own ledger."""
    groups = {}
    for labels, value in SERIES.findall(exposition):
        label = dict(LABEL.findall(labels))
        group = f"{label['project_id']} {label['region_id']} {label['resource_type']}"
        groups[group] = int(Decimal(value).scaleb(5)) if Decimal(value).scaleb(5) % 1 == 0 else value
    truth = account.ledger
    if groups != truth["groups"] or sum(groups.values()) != truth["total"]:
        wrong = [group for group in truth["groups"] if groups.get(group) != truth["groups"][group]]
        raise Failed(f"the product is wrong in {len(wrong)} of {len(truth['groups'])} groups, such as {wrong[:3]}")


@dataclass
class Daemon:
    """A running daemon."""

    pid: int
    address: str

    @property
    def metrics(self) -> str:
        return f"http://{self.address}/metrics"

    def value(self, name: str) -> float:
        """The sum of all series of a family of its own counters."""
        text = get(self.metrics)[0].decode()
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith((name + "{", name + " "))
        )

    def memory(self, field: str) -> float:
        """`VmRSS` or `VmHWM` in MiB."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)[1]) / 1024

    def cpu(self) -> float:
        """CPU seconds of all its threads so far, those that have ended included."""
        # The clock of another process, made as clock_getcpuclockid(3) does.
        return time.clock_gettime(~self.pid << 3 | 2)


@contextlib.contextmanager
def started(url: str, *flags: str, **changes: dict) -> Iterator[Daemon]:
    """A daemon that serves, and may have read nothing yet. The flags are further ones."""
    with (
        config(url, settings(**changes)) as path,
        process(
            BINARY, "run", f"--config.file={path}", "--web.listen-address=127.0.0.1:0", *flags, stderr=subprocess.PIPE
        ) as child,
    ):
        address = None
        for line in child.stderr:
            if found := re.search(r"url=\"?https?://(127\.0\.0\.1:\d+)", line):
                address = found[1]
                break
        if not address:
            raise Failed("the daemon did not start")
        # An unread pipe would fill up and stop the daemon.
        threading.Thread(target=child.stderr.read, daemon=True).start()
        yield Daemon(child.pid, address)


@contextlib.contextmanager
def daemon(account: Account, **changes: dict) -> Iterator[Daemon]:
    """A daemon that has read the account truly."""
    with started(account.url, **changes) as running:
        _await_first_poll(running)
        verify(account, get(running.metrics)[0].decode())
        yield running


def await_history(running: Daemon, *accounts: str) -> None:
    """Waits until all days of the past are read, of `main` and of these accounts."""
    family = "gcore_poll_last_success_timestamp_seconds"
    names = [f'{family}{{account="{account}",collector="history"}}' for account in ("main", *accounts)]
    deadline = time.monotonic() + 600
    while any(name not in get(running.metrics)[0].decode() for name in names):
        if time.monotonic() > deadline:
            raise Failed("the history is not read within ten minutes")
        time.sleep(1)


def await_rest(running: Daemon) -> None:
    """Waits until all days are judged: then two seconds take little time of a processor."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        before = running.cpu()
        time.sleep(2)
        if running.cpu() - before < 0.1:
            return
    raise Failed("the daemon is never at rest")


def _await_first_poll(running: Daemon) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            get(f"http://{running.address}/-/ready")
            return
        except urllib.error.HTTPError:
            time.sleep(0.2)
    raise Failed("the daemon's first poll did not end within 120 s")
