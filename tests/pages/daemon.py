"""Processes of the exporter, and requests to them."""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

# Longer than anything takes on a busy machine.
PATIENCE = 600


def until(words, condition):
    """The first true value of a condition. A refused connection is none."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if value := condition():
                return value
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.2)
    raise SystemExit(f"check-pages: it did not come about that {words() if callable(words) else words}")


class Daemon:
    """A daemon on a free port. Its output says where it is."""

    FOUND = re.compile(r"(?:Start page   |url=\"?)(http://127\.0\.0\.1:\d+)/")
    API = re.compile(r"a simulated Gcore account at (http://[0-9.:]+)")

    def __init__(self, command):
        self.log = tempfile.TemporaryFile("w+")
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, env=environment)

    def __enter__(self):
        found = until("the daemon says where it is", lambda: self.FOUND.findall(self.said()))
        self.url = found[-1]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()

    def said(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            raise SystemExit(f"check-pages: the daemon has ended:\n{self.log.read()}")
        self.log.seek(0)
        return self.log.read()

    @property
    def api_url(self):
        """The address of the demo's simulated API."""
        return self.API.search(self.said())[1]

    def get(self, path, headers=None, method="GET"):
        """Status, headers and text of an answer."""
        request = urllib.request.Request(self.url + path, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def json(self, path):
        return json.loads(self.get(path)[2])


def demo(binary):
    return Daemon([binary, "demo", "--web.listen-address=127.0.0.1:0", "--demo.api-address=127.0.0.1:0"])
