"""python3 -m harness [--quick] [ROW]..."""

import argparse
import datetime
import os
import pathlib
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple

from . import alerts, backtest, days, greedy, hostile, planning, polls, real, scrapes, stores
from .run import ROOT, Failed
from .table import Line, markdown, text

Row = Callable[[bool], Iterator[Line]]
ROWS: dict[str, Row] = {
    "cpu": polls.cpu,
    "peers": polls.peers,
    "gzip": polls.gzip,
    "rss": polls.rss,
    "hostile": hostile.hostile,
    "greedy": greedy.greedy,
    "wall": polls.wall,
    "scrape": scrapes.scrape,
    "own": scrapes.own,
    "swap": scrapes.swap,
    "requests": polls.requests,
    "idle": scrapes.idle,
    "store": stores.store,
    "day": days.day,
    "webhook": alerts.webhook,
    "flood": alerts.flood,
    "restart": alerts.restart,
    "rules": alerts.rules,
    "page": alerts.page,
    "plan": planning.plan,
    "backtest": backtest.backtest,
    "ablate": backtest.ablate,
}
FOLDERS = {"real": real.row, "ablate-real": real.ablate}  # these look at the files of a folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures the built exporter against its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer rows and repetitions; figures are rougher")
    rows = f"only these: {', '.join(ROWS)}; and `real DIR` or `ablate-real DIR`, for the daily costs in a folder"
    parser.add_argument("rows", nargs="*", metavar="ROW", help=rows)
    options = parser.parse_args()
    chosen = choose(parser, options.rows or list(ROWS))

    # Told to end, leave through every block, so that no server outlives this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lines: list[Line] = []
    failed = False
    started = time.monotonic()
    for name, row in chosen.items():
        print(f"-- {name}: {row.__doc__}", file=sys.stderr, flush=True)
        try:
            for line in row(options.quick):
                lines.append(line)
                print("  ".join(filter(None, astuple(line))), file=sys.stderr, flush=True)
        # The other rows are worth having also where the disk is full or a program is missing.
        except (Failed, OSError, subprocess.SubprocessError) as error:
            failed = True
            print(f"{name}: {error}", file=sys.stderr)
            lines.append(Line(row.__doc__.split(":")[0].rstrip("."), "failed", reached="NO: see above"))
    took = f"{time.monotonic() - started:.0f} s"
    print(f"\n{text(lines)}\n\n{surroundings()}; measured in {took}")
    report = ROOT / "target/bench.md"
    report.write_text(f"{markdown(lines)}\n{surroundings()}.\n")
    print(f"also written to {report.relative_to(ROOT)}")
    return 1 if failed else 0


def choose(parser: argparse.ArgumentParser, words: list[str]) -> dict[str, Row]:
    """The rows that the words name."""
    chosen: dict[str, Row] = {}
    words = list(words)
    while words:
        name = words.pop(0)
        if name in FOLDERS:
            if not words:
                parser.error(f"{name}: name a folder of files with the columns day,group,amount,currency")
            chosen[name] = FOLDERS[name](pathlib.Path(words.pop(0)))
        elif name in ROWS:
            chosen[name] = ROWS[name]
        else:
            parser.error(f"no such row: {name}; there are {', '.join([*ROWS, *FOLDERS])}")
    return chosen


def surroundings() -> str:
    """Where and when."""
    models = [line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].split(": ", 1)[1] if models else platform.machine()
    git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    revision = git.stdout.strip() or "unknown"
    day = datetime.datetime.now(datetime.UTC).date()
    return f"{day}, revision {revision}, {os.cpu_count()} cores of {model}, everything on this machine over loopback"


sys.exit(main())
