"""Rows about scrapes and memory while other clients of the listener are slow or greedy."""

import base64
import collections
import contextlib
import multiprocessing
import os
import pathlib
import secrets
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator

from . import hostile, product
from .run import Failed
from .table import Line, mib, millis, yes

USER, PASSWORD = "bench", "right"
# Of the password, at the cost that is usual.
HASH = "$2b$10$zhSpqDVoSPWYODg7h/4MbOVg3pZ/BBkDABSKmH9dppH2RB9wD0/cW"
SECONDS, QUICK_SECONDS = 30, 8
SERIES = 10_000
# Other machines, for the listener: every address of 127.0.0.0/8 is this one.
ADDRESSES = [f"127.0.0.{last}" for last in range(2, 12)]
HEAD = b"GET /metrics HTTP/1.1\r\nHost: bench\r\n"
# The errors that end one connection of an attack. The next one begins.
REFUSED = (OSError, ssl.SSLError)

Target = tuple[str, int]
Attack = Callable[[Target, str], None]  # from one address, for ever


def connect(target: Target, address: str) -> socket.socket:
    return socket.create_connection(target, timeout=10, source_address=(address, 0))


def hold(target: Target, address: str, first: bytes, later: bytes, number: int) -> None:
    """Keeps a number of connections open. Each sends some bytes first, and others every second."""
    held: list[socket.socket] = []
    while True:
        with contextlib.suppress(*REFUSED):
            while len(held) < number:
                held.append(connect(target, address))
                held[-1].sendall(first)
        time.sleep(1)
        for one in list(held):
            try:
                one.sendall(later)
            except REFUSED:
                held.remove(one)
                one.close()


def slow_heads(target: Target, address: str) -> None:
    hold(target, address, HEAD + b"X-Slow: ", b"x", 200)


def slow_readers(target: Target, address: str) -> None:
    """Asks on 200 connections, reads nothing, and replaces the oldest by a new one, for ever."""
    held = collections.deque[socket.socket]()
    while True:
        with contextlib.suppress(*REFUSED):
            held.append(connect(target, address))
            held[-1].sendall(HEAD + b"\r\n")
        if len(held) > 200:
            held.popleft().close()
        time.sleep(0.02)


def endless_handshakes(target: Target, address: str) -> None:
    hold(target, address, b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03" + bytes(12_000), b"", 200)


def large_heads(target: Target, address: str) -> None:
    while True:
        with contextlib.suppress(*REFUSED), connect(target, address) as one:
            one.sendall(HEAD + b"X-Long: " + b"x" * (1 << 20))
        # The machine of the daemon is not to be busy with the attack itself.
        time.sleep(0.02)


def guesses(target: Target, address: str) -> None:
    while True:
        with contextlib.suppress(*REFUSED), connect(target, address) as one:
            word = base64.b64encode(f"{USER}:{secrets.token_hex()}".encode())
            one.sendall(HEAD + b"Authorization: Basic " + word + b"\r\n\r\n")
            one.recv(1000)
        time.sleep(0.02)


PLAIN: dict[str, Attack | None] = {
    "nobody else": None,
    "2,000 connections with a slow head": slow_heads,
    "2,000 connections that do not read": slow_readers,
    "heads of 1 MB": large_heads,
}
PROTECTED: dict[str, Attack | None] = {
    "nobody else": None,
    "2,000 handshakes that never end": endless_handshakes,
    "wrong passwords": guesses,
}


def attack(kind: Attack, target: Target, address: str) -> None:
    # Wrong passwords go over TLS too.
    if kind is guesses:
        context = ssl._create_unverified_context()
        plain = connect
        globals()["connect"] = lambda target, address: context.wrap_socket(plain(target, address))
    kind(target, address)


def scrape(target: Target, tls: ssl.SSLContext | None) -> float:
    """Seconds of one scrape over a new connection."""
    word = base64.b64encode(f"{USER}:{PASSWORD}".encode())
    started = time.monotonic()
    with socket.create_connection(target, timeout=10) as one:
        # As Prometheus does. Otherwise the request waits for the acknowledgement of the handshake's end.
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = tls.wrap_socket(one) if tls else one
        stream.sendall(
            HEAD + b"Accept-Encoding: gzip\r\nConnection: close\r\nAuthorization: Basic " + word + b"\r\n\r\n"
        )
        answer = bytearray()
        while part := stream.recv(1 << 16):
            answer += part
    taken = time.monotonic() - started
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    if not head.startswith(b"HTTP/1.1 200") or len(body) != length:
        raise Failed(f"a scrape got {bytes(head[:100])!r} and {len(body)} of {length} bytes")
    return taken


def kernel_memory() -> float:
    """MiB that the kernel holds for TCP connections."""
    sockets = pathlib.Path("/proc/net/sockstat").read_text()
    line = next(line.split() for line in sockets.splitlines() if line.startswith("TCP:"))
    return int(line[line.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def measured(
    daemon: product.Daemon, kind: Attack | None, tls: ssl.SSLContext | None, seconds: int
) -> tuple[list[float], float, float]:
    """The seconds of all scrapes, and the largest memory of the daemon and of the kernel's connections meanwhile."""
    host, port = daemon.address.split(":")
    target = (host, int(port))
    scrape(target, tls)
    attackers = [
        multiprocessing.Process(target=attack, args=(kind, target, address), daemon=True)
        for address in ADDRESSES
        if kind
    ]
    for one in attackers:
        one.start()
    taken, most, kernel, errors = [], daemon.memory("VmRSS"), kernel_memory(), 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            taken.append(scrape(target, tls))
        except REFUSED as error:
            errors += 1
            if errors > len(taken) / 100 + 3:
                raise Failed(f"scrapes fail: {error}") from error
        most = max(most, daemon.memory("VmRSS"))
        kernel = max(kernel, kernel_memory())
        time.sleep(0.02)
    for one in attackers:
        one.terminate()
        one.join()
    if not taken:
        raise Failed(f"no scrape ended within {seconds} s")
    return sorted(taken), most, kernel


def web_config(folder: str) -> str:
    """A file with a new certificate and the hash of the password."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{folder}/key.pem"]
    command = ["openssl", "req", "-x509", *key, "-out", f"{folder}/cert.pem", "-subj", "/CN=localhost", "-days", "2"]
    subprocess.run(command, check=True, capture_output=True)
    path = pathlib.Path(folder) / "web.yml"
    path.write_text(
        f"tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\nbasic_auth_users:\n  {USER}: {HASH}\n"
    )
    os.chmod(path, 0o600)
    return str(path)


def rows(
    name: str, kinds: dict[str, Attack | None], daemon: product.Daemon, tls: ssl.SSLContext | None, seconds: int
) -> Iterator[Line]:
    # The first poll ends, and the allocator tidies up.
    time.sleep(5)
    rest = None
    for what, kind in kinds.items():
        taken, most, kernel = measured(daemon, kind, tls, seconds)
        p50, p99 = (taken[int(len(taken) * share)] * 1e6 for share in (0.5, 0.99))
        rest = rest or most
        line = f"{name}, {what}: scrape p50 {millis(p50)}, p99"
        yield Line(line, millis(p99), goal="≤ 200 ms", reached=yes(p99 <= 200_000))
        yield Line(f"{name}, {what}: longest of {len(taken)} scrapes", millis(taken[-1] * 1e6))
        if kind:
            grown = most - rest
            yield Line(f"{name}, {what}: memory grows by", mib(grown), goal="≤ 20 MiB", reached=yes(grown <= 20))
            yield Line(f"{name}, {what}: most memory of the system's connections", mib(kernel))


def pages(path: str, offset: int) -> hostile.Page:
    """An account of so many groups, a thousand on a page."""
    rows = [hostile.lean(number) for number in range(offset, min(offset + 1000, SERIES))]
    return hostile.page(path, rows, SERIES), False


def greedy(quick: bool) -> Iterator[Line]:
    """Scrapes and memory while other clients are slow or greedy."""
    seconds = QUICK_SECONDS if quick else SECONDS
    with hostile.serving(pages) as url, tempfile.TemporaryDirectory() as folder:
        with product.started(url) as daemon:
            yield from rows(f"{SERIES:,} groups", PLAIN, daemon, None, seconds)
        with product.started(url, f"--web.config.file={web_config(folder)}") as daemon:
            tls = ssl._create_unverified_context()
            yield from rows("the same over TLS with a password", PROTECTED, daemon, tls, seconds)
