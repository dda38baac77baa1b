"""Rows about memory while the API answers with whatever it likes."""

import contextlib
import gzip
import http.server
import itertools
import json
import socketserver
import tempfile
import threading
import time
import urllib.error
import zlib
from collections.abc import Callable, Iterator

from . import product
from .run import Failed, get
from .table import Line, mib, yes

MIB = 1 << 20
# Every collector, as fast as an account may be set to ask.
EAGER = {"max_requests_per_second": 10_000}
COLLECTORS = ("cost", "usage", "reports", "subscriptions", "commitments", "names", "history")

Page = tuple[bytes, bool]  # the body, and whether it is gzip


def page(rows: bytes, count: int) -> bytes:
    """A page whose rows are found under either key."""
    head = b'{"count":%d,"price_status":"show","results":[' % count
    return b"".join((head, rows, b'],"resources":[', rows, b"]}"))


def row(number: int, **more: object) -> bytes:
    """A row that every collector takes, another one for each number."""
    fields = {
        "id": number, "uuid": f"u{number}", "name": f"n{number}", "display_name": f"n{number}",
        "type": "instance", "cost": 1.5, "currency": "EUR", "billing_value": 1.5, "billing_value_unit": "minutes",
        "project_id": number, "region_id": number % 9, "task_type": "Report", "status": "Failed",
        "created_at": "2026-11-22T11:00:00Z", "updated_at": "2026-11-22T11:00:00Z",
    }  # fmt: skip
    return json.dumps({**fields, **more}, separators=(",", ":")).encode()


def rows(first: int, bytes_at_most: int, **more: object) -> tuple[bytes, int]:
    """As many rows as fit into so many bytes, and their number."""
    one = len(row(first + 1_000_000, **more)) + 1
    number = max(1, bytes_at_most // one)
    return b",".join(row(first + place, **more) for place in range(number)), number


def one_body(body: bytes, is_gzip: bool = False) -> Callable[[str, int], Page]:
    return lambda path, offset: (body, is_gzip)


def many_rows(size: int) -> Callable[[str, int], Page]:
    text, number = rows(0, size // 2)
    return one_body(page(text, number))


def without_end(size: int, **more: object) -> Callable[[str, int], Page]:
    """Page after page of new rows."""

    def answer(path: str, offset: int) -> Page:
        text, _ = rows(offset, size // 2, **more)
        return page(text, 10_000_000), False

    return answer


def another_each_time(size: int, **more: object) -> Callable[[str, int], Page]:
    """Complete lists, which have nothing in common with each other."""
    first = itertools.count(0, 1_000_000)

    def answer(path: str, offset: int) -> Page:
        text, number = rows(next(first), size // 2, **more)
        return page(text, number), False

    return answer


def bomb() -> Callable[[str, int], Page]:
    squeeze = zlib.compressobj(9, wbits=31)
    body = b"".join([*(squeeze.compress(b" " * MIB) for _ in range(1024)), squeeze.flush()])
    return one_body(body, True)


def shapes(size: int) -> Callable[[str, int], Page]:
    """Rows of which none has the keys of another."""
    pad = "k" * 8_000
    text = b",".join(row(number, **{f"{pad}{number}": 1}) for number in range(size // 2 // 8_400))
    return one_body(page(text, size // 2 // 8_400))


WORD = "w" * 100_000
KINDS: dict[str, Callable[[], Callable[[str, int], Page]]] = {
    "rows, 64 MiB": lambda: many_rows(64 * MIB),
    "one string, 63 MiB": lambda: one_body(page(row(1, name="x" * (63 * MIB)), 1)),
    "a string of 3 MiB a row": lambda: without_end(6 * MIB, name="x" * (2 * MIB), type="y" * MIB),
    "blanks, 64 MiB": lambda: one_body(b" " * (64 * MIB)),
    "gzip bomb, 1 GiB": bomb,
    "new rows without an end, 1 MiB a page": lambda: without_end(MIB),
    "new rows without an end, 7 MiB a page": lambda: without_end(7 * MIB),
    "another list each time, 7 MiB": lambda: another_each_time(7 * MIB),
    "long words": lambda: without_end(3 * MIB, type=WORD, currency=WORD, billing_value_unit=WORD, status=WORD),
    "rows of ever new shapes, 7 MiB": lambda: shapes(7 * MIB),
}


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """An API that answers everything with what `answer` makes of the path and the first row."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, answer: Callable[[str, int], Page]):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        wanted = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
        self.send(path, int(wanted.get("offset", 0)))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send(self.path, asked.get("offset", 0))

    def send(self, path: str, offset: int) -> None:
        body, is_gzip = self.server.answer(path, offset)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if is_gzip:
            self.send_header("content-encoding", "gzip")
        self.end_headers()
        # Whoever has had enough hangs up.
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving(answer: Callable[[str, int], Page]) -> Iterator[str]:
    with Server(answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def peak(answer: Callable[[str, int], Page], accounts: int, seconds: int) -> float:
    """The largest resident set of a daemon that reads this from so many accounts."""
    with serving(answer) as url, tempfile.TemporaryDirectory() as folder:
        names = ["main", *(f"n{number}" for number in range(1, accounts))]
        tables = {f"accounts__{name}": {"api_key": name, "api_url": url, **EAGER} for name in names}
        tables |= {f"collect__{name}": {"enabled": True, "interval": "10s"} for name in COLLECTORS}
        tables["collect__cost"] |= {"method": "auto", "windows": ["today", "yesterday", "month_to_date", "previous_month"]}
        tables |= {"metrics": {"series_limit": 10_000}, "storage": {"path": f"{folder}/state.db"}}
        with product.started(url, **tables) as daemon:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                time.sleep(0.5)
                with contextlib.suppress(urllib.error.HTTPError, OSError):
                    get(daemon.metrics)
            return daemon.memory("VmHWM")


def hostile(quick: bool) -> Iterator[Line]:
    """The largest resident set while the API answers with whatever it likes."""
    seconds = 15 if quick else 45
    for accounts, limit in ((1, 100), (8, 250)):
        for name, make in KINDS.items():
            reached = peak(make(), accounts, seconds)
            what = f"peak RSS, {accounts} account{'s'[: accounts > 1]}, {name}"
            yield Line(what, mib(reached), goal=f"≤ {limit} MiB", reached=yes(reached <= limit))
