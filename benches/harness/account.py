"""A bench account: the server, and what it knows to be true."""

import contextlib
import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from .run import get, server

TYPES = 25
RESOURCES = "/cloud/v1/cost_report/resources"
TOTALS = "/cloud/v1/cost_report/totals"


@dataclass
class Account:
    """A running bench account."""

    address: str
    rows: int
    day: str

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def stats(self) -> dict[str, dict[str, int]]:
        """Requests, bytes and compressed answers since the start, by path."""
        return json.loads(get(f"{self.url}/stats")[0])

    @cached_property
    def ledger(self) -> dict:
        """The true sums in 1e-5: `total`, and `groups` by "project region type"."""
        return json.loads(get(f"{self.url}/ledger")[0])


@contextlib.contextmanager
def account(rows: int, *, projects: int = 20, regions: int = 6, options: tuple[str, ...] = ()) -> Iterator[Account]:
    """An account with `projects` × `regions` × 25 groups."""
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    shape = (f"--rows={rows}", f"--projects={projects}", f"--regions={regions}", f"--day={day}")
    with server("account", *shape, *options) as address:
        yield Account(address, rows, day)
