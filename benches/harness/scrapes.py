"""Rows about the daemon: scrapes at rest and while it polls, and its idling."""

import contextlib
import gzip
import json
import pathlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from . import product
from .account import account
from .run import Failed, environment, get, server
from .table import Line, at_most, mib, millis, times_better, yes

LUA = pathlib.Path(__file__).with_name("wrk.lua")
# 500 projects × 8 regions × 25 types.
LARGE = {"projects": 500, "regions": 8}


@dataclass
class Load:
    """What wrk saw; latencies in microseconds."""

    p50: float
    p99: float
    max: float
    per_second: float


def wrk(url: str, duration: int, connections: int = 1) -> Load:
    """Scrapes with gzip over kept connections."""
    with tempfile.NamedTemporaryFile() as report:
        command = ["wrk", "-t1", f"-c{connections}", f"-d{duration}s", "--timeout=30s", "-s", str(LUA)]
        command += ["-H", "Accept-Encoding: gzip", url]
        surroundings = {**environment(), "WRK_REPORT": report.name}
        done = subprocess.run(command, capture_output=True, text=True, env=surroundings)
        if done.returncode != 0:
            raise Failed(f"wrk ended with {done.returncode}: {done.stderr}")
        seen = json.load(report)
    if seen["errors"] or not seen["requests"]:
        raise Failed(f"wrk saw errors at {url}: {seen}")
    return Load(seen["p50"], seen["p99"], seen["max"], seen["requests"] / seen["seconds"])


@contextlib.contextmanager
def static(body: bytes) -> Iterator[str]:
    """A server that does nothing but send these bytes."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        with server("static_body", file.name) as address:
            yield f"http://{address}/metrics"


def scrape(quick: bool) -> Iterator[Line]:
    """Scrapes of 100,000 series against a static body and against encoding per scrape."""
    repeats, duration = (1, 3) if quick else (3, 5)
    with (
        account(100_000, **LARGE) as on,
        product.daemon(on) as ours,
        server("encode_per_scrape", "--projects=500", "--regions=8") as encoding,
    ):
        body, headers = get(ours.metrics, Accept_Encoding="gzip")
        compresses = headers.get("content-encoding") == "gzip"
        plain = gzip.decompress(body) if compresses else body
        product.verify(on, plain.decode())
        sizes = f"{len(body) / 1e6:.2f} MB" + ("" if compresses else ", NOT gzip")
        with static(body if compresses else gzip.compress(plain, 6)) as still:
            urls = (ours.metrics, still, f"http://{encoding}/metrics")
            taken = [[wrk(url, duration) for url in urls] for _ in range(repeats)]
            # Long enough for several of the slowest, which take turns.
            rates = [wrk(url, 8, connections=4).per_second for url in urls]
    own, static_p50, encoding_p50 = (median(load.p50 for load in column) for column in zip(*taken))
    what = f"scrape of 100,000 series, gzip, p50 ({sizes})"
    yield at_most(what, own, static_p50, 1.5, millis, "static body")
    line = times_better(what, own, encoding_p50, 300, millis, "prometheus crate per scrape")
    line.ratio = line.ratio.replace("less", "faster")
    yield line
    peer = f"{rates[1]:,.0f}/s static body; {rates[2]:.1f}/s prometheus crate"
    yield Line(
        "the same over 4 connections, scrapes per second", f"{rates[0]:,.0f}/s", peer, f"{rates[0] / rates[1]:.2f} ×"
    )


def own(quick: bool) -> Iterator[Line]:
    """The daemon's own metrics in a scrape: gathered, written and compressed each time."""
    repeats, duration = (1, 2) if quick else (5, 3)
    with account(100, projects=2, regions=1) as on:
        key = {**product.BASE["accounts.main"], "api_url": on.url}
        others = {f"accounts__n{number}": {**key, "api_key": f"n{number}"} for number in range(1, 3)}
        with product.daemon(on, **others) as daemon:
            _, _, own_text = get(daemon.metrics)[0].decode().partition("# HELP gcore_alert")
            series = sum(not line.startswith("#") for line in own_text.splitlines())
            pages = (daemon.metrics, f"http://{daemon.address}/api/v1/openapi.yaml")
            taken = [[_cpu_of_request(daemon, url, duration) for url in pages] for _ in range(repeats)]
    scraped, kept = (min(column) for column in zip(*taken))
    what = f"CPU of a scrape beyond that of a kept page: {series} series of the daemon itself"
    line = Line(what, millis(scraped - kept), f"{millis(kept)} a kept page of 18 kB", goal="≤ 0.1 ms")
    line.reached = yes(scraped - kept <= 100)
    yield line


def _cpu_of_request(daemon: product.Daemon, url: str, duration: int) -> float:
    """Microseconds."""
    before = daemon.cpu()
    load = wrk(url, duration)
    return (daemon.cpu() - before) / (load.per_second * duration) * 1e6


def swap(quick: bool) -> Iterator[Line]:
    """Scrapes while polls replace the snapshot, against the same daemon at rest."""
    duration = 5 if quick else 12
    with account(100_000, **LARGE) as on:
        with server("encode_per_scrape", "--projects=500", "--regions=8") as encoding:
            one_encoding = median(_timed(f"http://{encoding}/metrics") for _ in range(3))
        with product.daemon(on) as resting:
            rest = wrk(resting.metrics, duration)
        with product.daemon(on, collect__cost={"interval": "1s"}) as busy:
            before = busy.value("gcore_polls_total")
            swapping = wrk(busy.metrics, duration)
            polls = busy.value("gcore_polls_total") - before
    if polls < 2:
        raise Failed(f"only {polls:g} polls ended while scraping")
    what = f"scrape of 100,000 series during {polls:g} polls"
    ratio = f"{swapping.p99 / rest.p99:.2f} ×"
    yield Line(f"{what}: p99", millis(swapping.p99), f"{millis(rest.p99)} at rest", ratio)
    yield Line(
        f"{what}: longest", millis(swapping.max), f"{millis(rest.max)} at rest", f"{swapping.max / rest.max:.2f} ×"
    )
    # A scrape that waited for an encoding would take about as long as one. A tenth leaves room for the scheduler, since
    # load generator, daemon and account share the cores.
    line = at_most(f"{what}: longest", swapping.max, one_encoding, 0.1, millis, "one encoding, prometheus crate")
    yield line


def _timed(url: str) -> float:
    started = time.monotonic()
    get(url)
    return (time.monotonic() - started) * 1e6


def idle(quick: bool) -> Iterator[Line]:
    """A daemon with 10,000 series between two polls."""
    with account(20_000 if quick else 100_000, projects=80, regions=5) as on:
        with product.daemon(on) as daemon:
            yield from _at_rest("idle daemon, 10,000 series, no history", daemon, quick)
        with tempfile.TemporaryDirectory() as folder:
            days = 5 if quick else 35
            history = {"collect__history": {"enabled": True, "days": days}, "storage": {"path": f"{folder}/state.db"}}
            with product.daemon(on, **history) as daemon:
                product.await_history(daemon)
                # The bounds are those without a history; how much it takes is told.
                # Each group then has what was expected of it, too.
                series = sum(not line.startswith("#") for line in get(daemon.metrics)[0].decode().splitlines())
                what = f"the same with {days} days of history, {series:,} series"
                for line in _at_rest(what, daemon, quick):
                    line.goal, line.reached = "-", "-"
                    yield line
    yield from _many_accounts(quick)


def _many_accounts(quick: bool) -> Iterator[Line]:
    """The CPU of a daemon with 20 accounts of 4,000 groups each, between two polls."""
    others, days = [f"n{number}" for number in range(1, 20)], 3 if quick else 35
    with account(4_000, projects=32, regions=5) as on, tempfile.TemporaryDirectory() as folder:
        key = {**product.BASE["accounts.main"], "api_url": on.url}
        tables = {f"accounts__{name}": {**key, "api_key": name} for name in others}
        tables |= {"collect__history": {"enabled": True, "days": days}, "storage": {"path": f"{folder}/state.db"}}
        with product.daemon(on, **tables) as daemon:
            product.await_history(daemon, *others)
            product.await_rest(daemon)
            for line in _at_rest(f"idle daemon, 20 accounts of 4,000 groups, {days} days of history", daemon, quick):
                if "CPU" in line.what:
                    line.goal, line.reached = "< 0.5 %", yes(float(line.ratio.rstrip("%")) < 0.5)
                else:
                    line.goal, line.reached = "-", "-"
                yield line


def _at_rest(what: str, daemon: product.Daemon, quick: bool) -> Iterator[Line]:
    span = 5 if quick else 60
    # The start-up is over once the allocator and the runtime have nothing left to tidy.
    time.sleep(1)
    before = daemon.cpu()
    time.sleep(span)
    used = daemon.cpu() - before
    rss, peak = daemon.memory("VmRSS"), daemon.memory("VmHWM")
    yield Line(f"{what}: RSS (peak {mib(peak)})", mib(rss), goal="≤ 25 MiB", reached=yes(rss <= 25))
    share = used / span
    line = Line(f"{what}: CPU in {span} s", f"{used * 1000:.1f} ms", ratio=f"{share:.3%}")
    line.goal, line.reached = "≈ 0 (< 0.1 %)", yes(share < 0.001)
    yield line
