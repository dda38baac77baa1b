"""Checks the pages in Chromium and the API against docs/openapi.yaml, on the demo and on an account with hostile names.

`scripts/check-pages` runs it. `--pictures` also writes the pictures of the README.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import api
import browser
import figures
import hostile
from daemon import Daemon, demo, until

ROOT = Path(__file__).resolve().parents[2]


def read(daemon):
    """Whether the history was read and the alerts were evaluated on it."""
    status = daemon.json("/api/v1/status")
    collectors = [one for account in status["accounts"] for one in account["collectors"]]
    is_read = all(one["last_attempt"] for one in collectors) and status["alerts"]
    return is_read and daemon.json("/api/v1/forecasts")["forecasts"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--binary", required=True)
    arguments.add_argument("--chromium", required=True)
    arguments.add_argument("--pictures", action="store_true", help="write docs/pictures/status-page*.png")
    flags = arguments.parse_args()
    faults = []
    with tempfile.TemporaryDirectory() as folder, browser.started(flags.chromium) as chromium:
        with demo(flags.binary) as daemon:
            until("the demo has read its past", lambda: read(daemon))
            faults += api.faults(daemon)
            faults += figures.faults(daemon, chromium)
            faults += browser.faults(daemon, chromium, pages(daemon))
            if flags.pictures:
                browser.pictures(daemon, chromium, ROOT / "docs/pictures")
            with hostile.renamed(daemon.api_url) as url:
                config = hostile.config(Path(folder) / "config.toml", url)
                with Daemon(
                    [flags.binary, "run", f"--config.file={config}", "--web.listen-address=127.0.0.1:0"]
                ) as second:
                    until("the hostile account was read", lambda: read(second))
                    faults += api.faults(second)
                    faults += hostile.faults(second, chromium)
                    faults += browser.faults(second, chromium, pages(second)[:4])
    for fault in faults:
        print(f"check-pages: {fault}", file=sys.stderr)
    print(f"check-pages: {len(faults)} faults", file=sys.stderr)
    return bool(faults)


def pages(daemon):
    """One page of each kind, and the answers to wrong addresses."""
    alert = daemon.json("/api/v1/alerts")["alerts"][0]["fingerprint"]
    project = daemon.json("/api/v1/costs?group_by=project")["costs"][0]["project_id"]
    found = ["/", "/alerts", f"/alerts/{alert}", f"/projects/{project}", "/runbooks"]
    return [*found, *browser.MISSING]


sys.exit(main())
