"""The demo, an exporter that reads its account, an Alertmanager and a Prometheus, on free ports of this machine."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEY = "10061$demo-4b1f0c5e9a7d"
# Longer than anything takes on a busy machine.
PATIENCE = 600


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url, timeout=PATIENCE, headers=None, **parameters):
    """What a URL answers; an error of Prometheus is an answer as well."""
    body = urllib.parse.urlencode(parameters).encode() if parameters else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}), timeout=timeout) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def until(what, condition):
    """Waits for something to be true, and says what did not come."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except (OSError, ValueError):
            pass
        time.sleep(0.5)
    raise SystemExit(f"did not come within {PATIENCE} s: {what}")


def binary():
    """The exporter that was built last; EXPORTER names another one."""
    if named := os.environ.get("EXPORTER"):
        return named
    subprocess.run(["cargo", "build", "--quiet", "--locked"], cwd=ROOT, check=True)
    return str(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "gcore-billing-exporter")


class Stack:
    """Everything that runs. `with Stack() as stack` ends it all."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="dashboards-"))
        self.processes = []
        self.exporter = binary()

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: exit(1))
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name, *command):
        said = (self.folder / f"{name}.log").open("w")
        process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        self.processes.append(process)
        return process

    def stop(self, process):
        process.terminate()
        process.wait()
        self.processes.remove(process)

    def start_exporters(self):
        """The demo with its account, and an exporter that reads the whole past of the same account."""
        self.api, self.demo, self.own, self.alertmanager = (f"127.0.0.1:{free_port()}" for _ in range(4))
        self.start(
            "alertmanager",
            "prometheus-alertmanager",
            f"--config.file={ROOT}/prometheus/alertmanager.example.yml",
            f"--storage.path={self.folder}/alertmanager",
            f"--web.listen-address={self.alertmanager}",
            "--cluster.listen-address=",
        )
        self.start(
            "demo",
            self.exporter,
            "demo",
            f"--demo.api-address={self.api}",
            f"--web.listen-address={self.demo}",
            "--log.level=error",
        )
        until("the demo", lambda: get(f"http://{self.demo}/-/ready"))
        self.config = self.start_exporter("exporter", self.own)
        read = re.compile(r'^gcore_history_readings\{account="demo",collector="(?:cost|usage)"\} 120$', re.MULTILINE)
        until(
            "the past of both daemons",
            lambda: all(len(read.findall(self.metrics(at))) == 2 for at in (self.own, self.demo)),
        )
        until(
            "anomalies, budgets and alerts",
            lambda: all(
                f"\n{family}" in self.metrics(self.own)
                for family in (
                    "gcore_anomaly_score",
                    "gcore_budget_forecast_amount",
                    "gcore_alert_firing",
                    "gcore_cost_month_forecast_amount",
                )
            ),
        )

    def start_exporter(self, name, address):
        """An exporter that reads the demo's account, with the configuration of this name."""
        config = (ROOT / f"grafana/checks/{name}.toml").read_text()
        for mark, value in (
            ("API", f"http://{self.api}"),
            ("KEY", KEY),
            ("STORE", f"{self.folder}/{name}.db"),
            ("ALERTMANAGER", f"http://{self.alertmanager}"),
        ):
            config = config.replace(f"@{mark}@", value)
        path = self.folder / f"{name}.toml"
        path.write_text(config)
        flags = (f"--config.file={path}", f"--web.listen-address={address}", "--log.level=error")
        self.start(name, self.exporter, *flags)
        return path

    @staticmethod
    def metrics(address):
        return get(f"http://{address}/metrics")

    def rule_files(self, interval="5s"):
        """The shipped rules, evaluated more often: what they say stays the same."""
        folder = self.folder / "rules"
        folder.mkdir(exist_ok=True)
        shipped = sorted({*(ROOT / "prometheus").glob("rules.yml"), *(ROOT / "prometheus/rules").glob("*.yml")})
        for path in shipped:
            (folder / path.name).write_text(
                re.sub(r"^    interval: .*$", f"    interval: {interval}", path.read_text(), flags=re.MULTILINE)
            )
        return folder

    def write_prometheus_config(self, *targets):
        job = {"job_name": "gcore-billing-exporter", "static_configs": [{"targets": list(targets)}]}
        config = {
            "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
            "rule_files": [f"{self.rule_files()}/*.yml"],
            "scrape_configs": [job],
        }
        path = self.folder / "prometheus.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        return path

    def start_prometheus(self, *targets, data="data"):
        """A Prometheus on a folder, which may hold history already. All questions go to it from now on."""
        at = f"127.0.0.1:{free_port()}"
        self.url = f"http://{at}"
        started = self.start(
            "prometheus",
            "prometheus",
            f"--config.file={self.write_prometheus_config(*targets)}",
            f"--storage.tsdb.path={self.folder}/{data}",
            "--storage.tsdb.retention.time=400d",
            f"--web.listen-address={at}",
            "--web.enable-lifecycle",
            "--query.timeout=10m",
            "--log.level=warn",
        )
        until("Prometheus", lambda: "Ready" in get(f"{self.url}/-/ready"))
        return started

    def scrape(self, *targets):
        """Scrapes these from now on, and waits until the rules have seen it."""
        self.write_prometheus_config(*targets)
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/-/reload", method="POST"), timeout=PATIENCE).read()
        self.settle(len(targets))

    def settle(self, targets):
        """Waits until all targets were scraped and each rule was evaluated after that."""
        until(
            "scrapes",
            lambda: len(self.query('count by (instance) (gcore_cost_today_amount{instance!="backfilled"})')) == targets,
        )
        until("the end of the past", lambda: not self.query('gcore_cost_today_amount{instance="backfilled"}'))
        since = time.time() + 6

        def evaluated():
            groups = json.loads(get(f"{self.url}/api/v1/rules"))["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            faults = [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] == "err"]
            if faults:
                raise SystemExit("rules fail:\n" + "\n".join(faults))
            return all(timestamp(group["lastEvaluation"]) > since for group in groups)

        until("an evaluation of each rule", evaluated)
        time.sleep(6)  # rules of one group use those of another

    def query(self, expression, at=None):
        """The series of an instant query, or an exception with Prometheus' words."""
        answer = json.loads(get(f"{self.url}/api/v1/query", query=expression, time=at or time.time()))
        if answer["status"] != "success":
            raise ValueError(f"{answer['error']}: {expression}")
        return answer["data"]["result"]


def timestamp(text):
    """Seconds of a time as Prometheus writes it, with its many digits."""
    from datetime import datetime

    text = re.sub(r"(\.\d{6})\d*", r"\1", text.replace("Z", "+00:00"))
    return datetime.fromisoformat(text).timestamp()
