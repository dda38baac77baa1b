"""Rows about one poll: CPU, memory, wall time, requests."""

import json
from collections.abc import Callable, Iterator
from statistics import median

from . import product
from .account import RESOURCES, TOTALS, Account, account
from .run import PYTHON, ROOT, TOOLS, Failed, Spent, spend
from .table import NOTHING, Line, at_most, mib, seconds, times_better, yes

MILLION = 1_000_000
# As every peer reads.
ONE_AT_A_TIME = {"accounts__main": {"concurrency": 1}}


def alternating(repeats: int, *runs: Callable[[], float]) -> list[float]:
    """The median of each, all taken in turn so that a slow minute of the machine meets all of them."""
    taken = [[run() for run in runs] for _ in range(repeats)]
    return [median(column) for column in zip(*taken)]


def bare_loop(on: Account, *options: str) -> Spent:
    spent = spend(TOOLS / "bare_loop", on.address, f"--day={on.day}", *options)
    said = json.loads(spent.output)
    if (said["rows"], said["total"]) != (on.rows, on.ledger["total"]):
        raise Failed(f"the bare loop read {said}, the account holds {on.rows} rows and {on.ledger['total']}")
    return spent


def python(script: str, on: Account) -> float:
    """CPU for a million rows: the loop over the pages scaled from fewer rows, everything else counted once."""
    spent = spend(PYTHON, ROOT / "benches/peers" / script, on.url, on.day, 1000)
    said = json.loads(spent.output)
    if said["rows"] != on.rows or abs(said["total"] - on.ledger["total"] / 1e5) > 0.01:
        raise Failed(f"{script} read {said}, the account holds {on.rows} rows and {on.ledger['total']}")
    return spent.cpu + said["loop_cpu"] * (MILLION / on.rows - 1)


def cpu(quick: bool) -> Iterator[Line]:
    """CPU per million rows against a bare loop, which cannot be beaten."""
    rows, repeats = (200_000, 3) if quick else (MILLION, 5)
    scale = MILLION / rows
    rate = product.rate()
    with account(rows) as on:
        ours, bare, same_pace = alternating(
            repeats,
            lambda: product.once(on, **ONE_AT_A_TIME).cpu * scale,
            lambda: bare_loop(on).cpu * scale,
            lambda: bare_loop(on, f"--rate={rate}").cpu * scale,
        )
    what = "CPU, 1,000,000 rows" + (f" (scaled from {rows:,})" if quick else "")
    yield at_most(what, ours, bare, 1.3, seconds, "bare loop")
    if rate < 2000:
        # The pauses between requests cost the product wake-ups and cold caches; here the loop pays for them too.
        line = at_most(f"the same, both held to {rate} requests/s", ours, same_pace, 1.3, seconds, "bare loop")
        line.goal, line.reached = "-", "-"
        yield line


def gzip(quick: bool) -> Iterator[Line]:
    """The same where the server compresses."""
    rows = 100_000 if quick else 200_000
    with account(rows, options=("--gzip",)) as on:
        product.once(on)
        if on.stats()[RESOURCES]["gzip"] == 0:
            yield Line("CPU, 1,000,000 rows, gzip pages", NOTHING, "-", "-", "-", "does not ask for gzip")
            return
        scale = MILLION / rows
        ours, bare = alternating(3, lambda: product.once(on).cpu * scale, lambda: bare_loop(on, "--gzip").cpu * scale)
    what = f"CPU, 1,000,000 rows, gzip pages (scaled from {rows:,})"
    yield Line(what, seconds(ours), f"{seconds(bare)} bare loop", f"{ours / bare:.2f} ×")


def peers(quick: bool) -> Iterator[Line]:
    """CPU per million rows against what a user would write in Python."""
    own_rows, httpx_rows, sdk_rows, repeats = (200_000, 50_000, 10_000, 3) if quick else (MILLION, 400_000, 40_000, 3)
    with account(own_rows) as own, account(httpx_rows) as of_httpx, account(sdk_rows) as of_sdk:
        ours, httpx, sdk = alternating(
            repeats,
            lambda: product.once(own, **ONE_AT_A_TIME).cpu * MILLION / own_rows,
            lambda: python("httpx_exporter.py", of_httpx),
            lambda: python("sdk.py", of_sdk),
        )
    what = "CPU, 1,000,000 rows" + (f" (scaled from {own_rows:,})" if quick else "")
    yield times_better(what, ours, httpx, 8, seconds, f"httpx + prometheus_client (scaled from {httpx_rows:,})")
    yield times_better(what, ours, sdk, 90, seconds, f"official Python SDK (scaled from {sdk_rows:,})")


def rss(quick: bool) -> Iterator[Line]:
    """The largest resident set with many rows and with few."""
    many, few, repeats = (200_000, 20_000, 3) if quick else (MILLION, 100_000, 9)
    shape = {"projects": 100, "regions": 6}
    with account(many, **shape) as of_many, account(few, **shape) as of_few:
        large, small = alternating(repeats, lambda: product.once(of_many).rss, lambda: product.once(of_few).rss)
    what = f"peak RSS, {many:,} rows, 15,000 series"
    yield Line(what, mib(large), goal="≤ 40 MiB", reached=yes(large <= 40))
    ratio = large / small
    flat = "flat: ≤ 1.1 ×"
    yield Line(what, mib(large), f"{mib(small)} at {few:,} rows", f"{ratio:.2f} ×", flat, yes(ratio <= 1.1))


def wall(quick: bool) -> Iterator[Line]:
    """Wall time where every answer takes 200 ms."""
    pages = 48 if quick else 96
    what = f"wall time, {pages} pages, 200 ms per answer"
    with account(pages * 1000, options=("--delay-ms=200",)) as on:
        serial = product.once(on, accounts__main={"concurrency": 1}).wall
        together = median(product.once(on, accounts__main={"concurrency": 8}).wall for _ in range(3))
    line = times_better(what + ", concurrency 8", together, serial, 6, seconds, "one page at a time")
    line.ratio = line.ratio.replace("less", "shorter")
    yield line


def requests(quick: bool) -> Iterator[Line]:
    """Requests and bytes of the cost reports in one poll, by method."""
    rows = 20_000 if quick else 100_000
    what = f"one poll of {rows:,} resources, 20 projects"
    with account(rows) as on:
        product.once(on)
        resources = _reports(on.stats())
        product.once(on, collect__cost={"method": "totals"})
        totals = [after - before for after, before in zip(_reports(on.stats()), resources)]
    for unit, place, limit, show in (("requests", 0, 4, str), ("bytes", 1, 20, _megabytes)):
        ours, peer = totals[place], resources[place]
        yield Line(
            f"{what}: {unit}",
            show(ours),
            f"{show(peer)} paging the resources",
            f"1/{peer / ours:.1f}",
            f"≤ 1/{limit}",
            yes(ours * limit <= peer),
        )


def _reports(stats: dict[str, dict[str, int]]) -> list[int]:
    """Requests and bytes of both cost reports; names are read either way."""
    counts = [stats.get(path, {"requests": 0, "bytes": 0}) for path in (RESOURCES, TOTALS)]
    return [sum(count["requests"] for count in counts), sum(count["bytes"] for count in counts)]


def _megabytes(value: float) -> str:
    return f"{value / 1e6:.2f} MB"
