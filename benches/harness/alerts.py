"""Rows about alerts: how soon they are told, how many at once, and how soon again after a restart."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
from collections.abc import Iterator
from statistics import median, quantiles

from . import product
from .account import account
from .run import TOOLS, Failed, get, process, server, spend
from .table import Line, seconds, yes

MANY = 10_000
# 50 projects × 8 regions × 25 types.
LARGE = {"projects": 50, "regions": 8}


def webhook(quick: bool) -> Iterator[Line]:
    """From the API's answer with the news to the webhook, with 10,000 groups beside it."""
    accounts = 8
    with account(10_000, **LARGE) as on, server("alarms") as town, tempfile.TemporaryDirectory() as folder:
        news = {
            f"accounts__n{number}": {"api_key": f"n{number}", "api_url": f"http://{town}"} for number in range(accounts)
        }
        changes = {
            "collect__reports": {"enabled": True, "interval": "1s", "timeout": "1s"},
            "notify__webhook__bench": {"url": f"http://{town}/hook"},
            "storage": {"path": f"{folder}/state.db"},
        }
        with product.daemon(on, **news, **changes):
            _get(town, "begin")
            time.sleep(20 if quick else 30)
            _get(town, "end")
            # What was answered a moment ago is on its way.
            time.sleep(1)
            seen = _get(town, "seen")
    took = sorted(seen["milliseconds"])
    if len(took) < 200 or seen["unheard"]:
        raise Failed(f"of the news {len(took)} were told, {seen['unheard']} were not")
    percentile = quantiles(took, n=100, method="inclusive")
    what = f"from the API's answer to the webhook, {len(took):,} changes of {accounts} accounts beside 10,000 groups"
    longest = f"longest {took[-1]:.0f} ms"
    for name, value, goal in (("p50", percentile[49], 50), ("p99", percentile[98], 500)):
        yield Line(f"{what}: {name}", f"{value:.1f} ms", longest, goal=f"≤ {goal} ms", reached=yes(value <= goal))


def flood(quick: bool) -> Iterator[Line]:
    """10,000 alerts at once into a real Alertmanager."""
    took = []
    with server("alarms", f"--subscriptions={MANY}") as town:
        for _ in range(1 if quick else 3):
            with alertmanager() as url, tempfile.TemporaryDirectory() as folder:
                _get(town, "begin")
                with product.started(f"http://{town}", **_subscriptions(url, folder)):
                    listed = _await_listed(url)
                took.append(listed - _get(town, "seen")["listed_at"])
    usual = median(took)
    what = f"{MANY:,} alerts, from the reading until Alertmanager lists all of them"
    yield Line(what, seconds(usual), f"longest {seconds(max(took))}", goal="≤ 5 s", reached=yes(usual <= 5))


def restart(quick: bool) -> Iterator[Line]:
    """A start after kill -9 with 10,000 alerts, while the API answers."""
    back, told = [], []
    with server("alarms", f"--subscriptions={MANY}") as town, tempfile.TemporaryDirectory() as folder:
        settings = _subscriptions(f"http://{town}", folder)
        with product.started(f"http://{town}", **settings) as running:
            before = _await_alerts(running, lambda alert: alert["told"])
            os.kill(running.pid, signal.SIGKILL)
        for _ in range(2 if quick else 5):
            _get(town, "begin")
            started = time.time()
            with product.started(f"http://{town}", **settings) as running:
                after = _await_alerts(running, lambda alert: True)
                back.append(after.at - started)
                while not (seen := _get(town, "seen"))["told_at"]:
                    time.sleep(0.01)
                told.append(seen["told_at"] - started)
                if after.since != before.since:
                    raise Failed("after the restart the alerts are others than before")
                os.kill(running.pid, signal.SIGKILL)
    what = f"restart after kill -9 with {MANY:,} alerts, from exec"
    for name, took in (("until /api/v1/alerts has them", back), ("until the first is sent", told)):
        usual = median(took)
        longest = f"longest {seconds(max(took))}"
        yield Line(f"{what} {name}", seconds(usual), longest, goal="≤ 1 s", reached=yes(usual <= 1))


def rules(quick: bool) -> Iterator[Line]:
    """All rules on 10,000 groups."""
    rounds = 20 if quick else 200
    shape = [f"--{name}={value}" for name, value in LARGE.items()]
    said = json.loads(spend(TOOLS / "judge", f"--rounds={rounds}", *shape).output)
    took = said["milliseconds"]
    usual = median(took)
    what = f"all rules on 10,000 groups: {said['verdicts']} verdicts, {said['alerts']} alerts, CPU"
    yield Line(what, f"{usual:.1f} ms", f"{max(took):.1f} ms at most", goal="≤ 20 ms", reached=yes(usual <= 20))


def page(quick: bool) -> Iterator[Line]:
    """The status page of an account with 500 projects and 100,000 groups."""
    shape = ["--projects=500", "--regions=8"]
    said = json.loads(spend(TOOLS / "judge", f"--rounds={10 if quick else 50}", *shape).output)
    took, size = said["page_milliseconds"], said["page_bytes"]
    usual = median(took)
    what = f"status page with 500 projects, 100,000 groups, {said['alerts']:,} alerts"
    yield Line(
        f"{what}: CPU", f"{usual:.1f} ms", f"{max(took):.1f} ms at most", goal="≤ 20 ms", reached=yes(usual <= 20)
    )
    yield Line(f"{what}: size", f"{size / 1e3:.0f} kB", goal="≤ 200 kB", reached=yes(size <= 200_000))


def _subscriptions(url: str, folder: str) -> dict[str, dict]:
    """An account with nothing but subscriptions, whose alerts go to an Alertmanager."""
    return {
        "collect__cost": {"enabled": False},
        "collect__names": {"enabled": False},
        "collect__subscriptions": {"enabled": True},
        "notify__alertmanager__bench": {"urls": [url]},
        "storage": {"path": f"{folder}/state.db"},
    }


def _get(town: str, page: str) -> dict:
    return json.loads(get(f"http://{town}/{page}")[0] or "{}")


class Alerts:
    """The alerts about subscriptions, as the daemon lists them."""

    def __init__(self, running: product.Daemon) -> None:
        body = get(f"http://{running.address}/api/v1/alerts")[0]
        self.at = time.time()
        listed = json.loads(body)["alerts"]
        self.alerts = [alert for alert in listed if alert["labels"]["alertname"] == "GcoreSubscriptionExpiring"]

    @property
    def since(self) -> dict[str, str]:
        return {alert["fingerprint"]: alert["since"] for alert in self.alerts if alert["state"] == "firing"}


def _await_alerts(running: product.Daemon, wanted) -> Alerts:
    """Waits until all of them are there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        alerts = Alerts(running)
        if len(alerts.since) == MANY and all(map(wanted, alerts.alerts)):
            return alerts
        time.sleep(0.01)
    raise Failed(f"the daemon does not list {MANY:,} alerts within a minute")


@contextlib.contextmanager
def alertmanager() -> Iterator[str]:
    """Debian's Alertmanager without anybody behind it; gives its URL."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.close()
        config = pathlib.Path(folder) / "config.yml"
        config.write_text("route: {receiver: nobody, group_by: [alertname]}\nreceivers: [{name: nobody}]\n")
        command = ["prometheus-alertmanager", f"--config.file={config}", f"--storage.path={folder}/data"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
        with process(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 30
            while not _is_ready(url):
                if time.monotonic() > deadline:
                    raise Failed("Alertmanager did not start")
                time.sleep(0.05)
            yield url


def _is_ready(url: str) -> bool:
    try:
        get(f"{url}/-/ready")
        return True
    except urllib.error.URLError:
        return False


def _await_listed(url: str) -> float:
    """When Alertmanager had listed every alert, in seconds since 1970."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        # Its own counter is cheap to read; the list, which takes a core for a while, then has the last word.
        received = [
            float(line.rsplit(" ", 1)[1])
            for line in get(f"{url}/metrics")[0].decode().splitlines()
            if line.startswith("alertmanager_alerts_received_total") and 'status="firing"' in line
        ]
        if sum(received) >= MANY:
            body = get(f"{url}/api/v2/alerts")[0]
            at = time.time()
            if len({alert["labels"].get("subscription_id") for alert in json.loads(body)} - {None}) == MANY:
                return at
        time.sleep(0.02)
    raise Failed(f"Alertmanager does not list {MANY:,} alerts within two minutes")
