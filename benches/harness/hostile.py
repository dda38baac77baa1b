"""Rows about memory while the API answers with whatever it likes."""

import contextlib
import functools
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
from .run import get
from .table import Line, mib, yes

MIB = 1 << 20
# Every collector, as fast as an account may be set to ask.
EAGER = {"max_requests_per_second": 10_000}
COLLECTORS = ("cost", "usage", "reports", "subscriptions", "commitments", "names", "history")

Page = tuple[bytes, bool]  # the body, and whether it is gzip
Answer = Callable[[str, int], Page]  # from the path and the first row


def page(path: str, rows: list[bytes], count: int) -> bytes:
    key = b"resources" if path.endswith("usage_report") else b"results"
    return b'{"count":%d,"price_status":"show","%s":[%s]}' % (count, key, b",".join(rows))


def row(number: int, **more: object) -> bytes:
    """A row that every collector takes, of another group and another name for each number."""
    fields = {
        "id": number, "uuid": f"u{number}", "name": f"n{number}", "display_name": f"n{number}",
        "type": "instance", "cost": 1.5, "currency": "EUR", "billing_value": 1.5, "billing_value_unit": "minutes",
        "project_id": number, "region_id": number % 9, "task_type": "Report", "status": "Failed",
        "created_at": "2026-11-22T11:00:00Z", "updated_at": "2026-11-22T11:00:00Z",
    }  # fmt: skip
    return json.dumps({**fields, **more}, separators=(",", ":")).encode()


def lean(number: int) -> bytes:
    """As short as a row can be that makes a group or a name of its own."""
    return b'{"id":%d,"name":"n","cost":1,"billing_value":1,"project_id":%d}' % (number, number)


def one_body(body: bytes, is_gzip: bool = False) -> Answer:
    return lambda path, offset: (body, is_gzip)


def listed(size: int, make: Callable[[int], bytes], count: int | None = None, lists: int = 1) -> Answer:
    """Pages of about so many bytes: one whole list, one of several in turn, or with a `count` one without an end."""
    number = max(1, size // (len(make(10_000_000)) + 1))

    @functools.cache
    def body(path: str, nth: int) -> bytes:
        return page(path, [make(nth * number + place) for place in range(number)], count or number)

    turns = itertools.count()
    return lambda path, offset: (body(path, (offset // number if count else next(turns)) % lists), False)


def bomb() -> Answer:
    squeeze = zlib.compressobj(9, wbits=31)
    body = b"".join([*(squeeze.compress(b" " * MIB) for _ in range(1024)), squeeze.flush()])
    return one_body(body, True)


LONG = "w" * 240
BOOK = "w" * 100_000
WORDS = {"type": BOOK, "currency": BOOK, "billing_value_unit": BOOK, "status": BOOK}
KINDS: dict[str, Callable[[], Answer]] = {
    "rows, 64 MiB": lambda: listed(64 * MIB, row),
    "one string, 63 MiB": lambda: listed(1, lambda number: row(number, name="x" * (63 * MIB))),
    "blanks, 64 MiB": lambda: one_body(b" " * (64 * MIB)),
    "gzip bomb, 1 GiB": bomb,
    "strings of 1 MiB": lambda: listed(6 * MIB, lambda number: row(number, name="x" * MIB), 10**7),
    "new rows without an end, 1 MiB a page": lambda: listed(MIB, row, 10**7, 24),
    "new rows without an end, 8 MiB a page": lambda: listed(8 * MIB, row, 10**7, 24),
    "new lean rows without an end, 1.5 MiB a page": lambda: listed(3 * MIB // 2, lean, 10**7, 24),
    "lean rows, one page of 3 MiB": lambda: listed(3 * MIB, lean),
    "another list each time, 3 MiB of lean rows": lambda: listed(3 * MIB, lean, lists=64),
    "long names and words, 8 MiB": lambda: listed(
        8 * MIB, lambda number: row(number, name=f"{LONG}{number}", type=LONG, currency="EUR", billing_value_unit=LONG)
    ),
    "words like books": lambda: listed(3 * MIB, lambda number: row(number, **WORDS), 10**7),
    "rows of ever new shapes, 8 MiB": lambda: listed(
        8 * MIB, lambda number: row(number, **{"k" * 8000 + str(number): 1})
    ),
}


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """An API that answers everything with what `answer` makes of the path and the first row."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, answer: Answer):
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
def serving(answer: Answer) -> Iterator[str]:
    with Server(answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def peak(answer: Answer, accounts: int, seconds: int) -> float:
    """The largest resident set of a daemon that reads this from so many accounts."""
    with serving(answer) as url, tempfile.TemporaryDirectory() as folder:
        names = ["main", *(f"n{number}" for number in range(1, accounts))]
        tables = {f"accounts__{name}": {"api_key": name, "api_url": url, **EAGER} for name in names}
        tables |= {f"collect__{name}": {"enabled": True, "interval": "10s"} for name in COLLECTORS}
        tables["collect__cost"] |= {
            "method": "auto",
            "windows": ["today", "yesterday", "month_to_date", "previous_month"],
        }
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
