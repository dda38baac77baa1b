"""Running things: what a command spent, and servers that live as long as a block."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "target/bench/release"
PYTHON = ROOT / "target/bench/venv/bin/python"


class Failed(Exception):
    """A measurement that would mean nothing."""


@dataclass
class Spent:
    """What one command spent."""

    cpu: float  # seconds, user and system
    rss: float  # largest resident set, MiB
    wall: float  # seconds
    output: str


def spend(*command: object) -> Spent:
    """Runs a command to its end; its standard error goes to ours."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "spent.json"
        done = subprocess.run(
            [TOOLS / "spent", report, *map(str, command)], stdout=subprocess.PIPE, text=True, env=environment()
        )
        if done.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))} ended with {done.returncode}")
        spent = json.loads(report.read_text())
    return Spent(cpu=spent["cpu"], rss=spent["rss_kib"] / 1024, wall=spent["wall"], output=done.stdout)


def environment() -> dict[str, str]:
    """Ours, without what would change the product's configuration or lead a loopback request to a proxy."""
    unwanted = ("GCORE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(unwanted)}


@contextlib.contextmanager
def process(*command: object, **options: object) -> Iterator[subprocess.Popen]:
    """A process that ends with the block."""
    child = subprocess.Popen(list(map(str, command)), text=True, env=environment(), **options)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for pipe in (child.stdout, child.stderr):
            if pipe:
                pipe.close()


@contextlib.contextmanager
def server(name: str, *arguments: object) -> Iterator[str]:
    """One of our servers; gives its address."""
    with process(TOOLS / name, *arguments, stdout=subprocess.PIPE) as child:
        address = child.stdout.readline().strip()
        if not address:
            raise Failed(f"the server {name} did not start")
        yield address


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url: str, **headers: str) -> tuple[bytes, dict[str, str]]:
    """The raw body and the headers of an answer."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    with _DIRECT.open(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}
