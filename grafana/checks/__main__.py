"""Checks the dashboards on the demo, a real Prometheus and VictoriaMetrics, and draws them.

`python3 grafana/checks` does all. `--draw DIR` only draws, with the pictures in DIR; `--pictures` writes those of the README.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import history
import queries
from stack import ROOT, Stack, free_port, get, until

PREVIEW = ROOT / "grafana/preview"
PICTURES = ROOT / "docs/pictures"
# Board, theme, and how much of the page from the top.
SHOWN = [
    ("overview", "dark", 1190),
    ("breakdown", "light", 1150),
    ("anomalies", "dark", 1130),
    ("commitments", "light", 800),
    ("reports", "dark", 1080),
    ("health", "light", 1150),
]


def say(words):
    print(f"dashboards: {words}", flush=True)


def draw(stack, folder, *more):
    """All dashboards in both themes at three widths; False where something is wrong with a picture."""
    command = ["node", "draw.mjs", "--prometheus", stack.url, "--out", str(folder), *more]
    return subprocess.run(command, cwd=PREVIEW).returncode == 0


def write_pictures(stack):
    """The pictures of the documents."""
    PICTURES.mkdir(exist_ok=True)
    folder = stack.folder / "pictures"
    good = [
        draw(stack, folder, "--boards", board, "--themes", theme, "--widths", "1400", "--height", str(height))
        for board, theme, height in SHOWN
    ]
    for board, theme, _ in SHOWN:
        shutil.copy(folder / f"{board}-{theme}-1400.png", PICTURES / f"{board}.png")
    return all(good)


def start_victoria(stack):
    """VictoriaMetrics with what the Prometheus has of the last minutes, and the stored days."""
    at = f"127.0.0.1:{free_port()}"
    stack.start(
        "victoria",
        "victoria-metrics",
        f"-storageDataPath={stack.folder}/victoria",
        f"-httpListenAddr={at}",
        "-retentionPeriod=24",
        "-search.latencyOffset=0s",
        "-search.disableCache",
    )
    url = f"http://{at}"
    until("VictoriaMetrics", lambda: "OK" in get(f"{url}/health"))
    lines = []
    for line in (stack.folder / "daily.om").read_text().splitlines():
        if not line.startswith("#"):
            series, value, seconds = line.rsplit(" ", 2)
            lines.append(f"{series} {value} {seconds}000")
    import_text(url, lines)
    return url


def import_text(url, lines):
    request = urllib.request.Request(f"{url}/api/v1/import/prometheus", "\n".join(lines).encode())
    with urllib.request.urlopen(request, timeout=300) as answer:
        assert answer.status in (200, 204)


def copy_samples(stack, url, minutes=30):
    """The samples of the last minutes of Prometheus, from its own answer for each family. Charts have a value each 15 minutes."""
    names = [
        name
        for name in json.loads(get(f"{stack.url}/api/v1/label/__name__/values"))["data"]
        if "gcore" in name or name.startswith("process_") or name == "ALERTS"
    ]
    lines = []
    for name in names:
        for series in stack.query(f'{{__name__="{name}"}}[{minutes}m]'):
            labels = ",".join(
                f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in series["metric"].items() if k != "__name__"
            )
            lines += [f"{name}{{{labels}}} {value} {int(float(at) * 1000)}" for at, value in series["values"]]
    import_text(url, lines)
    # Otherwise new samples and new names are found some seconds later.
    get(f"{url}/internal/force_flush")
    until(
        "VictoriaMetrics finds the samples",
        lambda: json.loads(get(f"{url}/api/v1/query", query="gcore_up"))["data"]["result"],
    )


def report(what, found):
    for fault in found:
        print(f"  {fault}")
    say(f"{what}: {'no fault' if not found else f'{len(found)} faults'}")
    return not found


def check_queries(stack, url, what, only_errors=False):
    found, asked = queries.faults(url, only_errors=only_errors)
    return report(f"{asked} queries on {what}", found)


def check_narrow(stack):
    """An account with one project, without the month to date and without a history, on a Prometheus of its own."""
    address, url = f"127.0.0.1:{free_port()}", stack.url
    stack.start_exporter("narrow", address)
    started = stack.start_prometheus(address, data="narrow")
    stack.settle(1)
    good = check_queries(stack, stack.url, "Prometheus, one project without the month to date", only_errors=True)
    stack.stop(started)
    stack.url = url
    return good


def check(stack, folder):
    """All checks; every one runs, also after one that failed."""
    good = [
        check_queries(stack, stack.url, "Prometheus, one daemon"),
        report(
            "key figures against the ledger, one daemon",
            queries.against_ledger(stack.url, stack.api, lambda: time.sleep(45)),
        ),
    ]
    good.append(draw(stack, folder))
    stack.scrape(stack.own, stack.demo)
    good += [
        check_queries(stack, stack.url, "Prometheus, two daemons"),
        report(
            "key figures against the ledger, two daemons",
            queries.against_ledger(stack.url, stack.api, lambda: time.sleep(45)),
        ),
    ]
    good.append(check_narrow(stack))
    victoria = start_victoria(stack)
    copy_samples(stack, victoria)
    good.append(check_queries(stack, victoria, "VictoriaMetrics, two daemons"))
    return all(good)


def wait_for_the_day():
    """Nothing is metered in the first minutes of a day, and panels are rightly empty then."""
    since_midnight = time.time() % 86_400
    if since_midnight < 1200:
        say("waits until the day is 20 minutes old")
        time.sleep(1200 - since_midnight)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--draw", metavar="DIR", type=Path, help="draw only")
    arguments.add_argument("--pictures", action="store_true", help="write docs/pictures")
    asked = arguments.parse_args()
    wait_for_the_day()
    with Stack() as stack:
        say("starts the demo and waits until its past is read")
        stack.start_exporters()
        say("gives Prometheus the past")
        history.give_past(stack)
        stack.start_prometheus(stack.own)
        stack.settle(1)
        # Rates need two samples, and charts a step after them.
        until("rates", lambda: stack.query("rate(gcore_poll_duration_seconds_count[1m] offset 1m)"))
        if asked.pictures:
            good = write_pictures(stack)
        elif asked.draw:
            good = draw(stack, asked.draw.resolve())
        else:
            good = check(stack, stack.folder / "drawn")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
