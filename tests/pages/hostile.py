"""The simulated account with hostile names: a proxy before its API changes them."""

import contextlib
import http.server
import json
import threading
import urllib.error
import urllib.request

import browser

SCRIPT = "<script>alert(1)</script>"
NAMES = [
    SCRIPT,
    "\"'><img src=x onerror=alert(2)>",
    "\u202egpj.exe",
    "W" * 10_000,
    "]]><svg onload=alert(3)>",
    "{{7*7}} ${7*7} &amp; &lt;",
    "\u0000\u001b[31m\u2028",
    "",
]
KEY = "10061$demo-4b1f0c5e9a7d"


def changed(value, names):
    """The answer with another text in every place for a name."""
    if isinstance(value, dict):
        return {
            key: next(names)
            if key in ("name", "display_name", "country") and isinstance(one, str)
            else changed(one, names)
            for key, one in value.items()
        }
    return [changed(one, names) for one in value] if isinstance(value, list) else value


def endless():
    while True:
        yield from NAMES


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        headers = {
            name: value for name, value in self.headers.items() if name.lower() in ("authorization", "content-type")
        }
        request = urllib.request.Request(self.server.target + self.path, body, headers, method=self.command)
        try:
            with urllib.request.urlopen(request) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read()
        with contextlib.suppress(ValueError):
            text = json.dumps(changed(json.loads(text), endless())).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        # The daemon may have ended.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def renamed(target):
    """A proxy before the API at `target`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.target = target
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def config(path, url):
    """The configuration of two accounts: the hostile one, and one whose key is refused."""
    account = f"api_url = '{url}'\nmax_requests_per_second = 100"
    collectors = "".join(
        f"[collect.{name}]\ninterval = '5s'\n"
        for name in ["cost", "usage", "reports", "subscriptions", "commitments", "names", "history"]
    )
    path.write_text(
        f"[accounts.hostile]\napi_key = '{KEY}'\n{account}\n[accounts.refused]\napi_key = 'wrong'\n{account}\n"
        f"[storage]\npath = ''\n{collectors}"
    )
    return path


def faults(daemon, chromium):
    """Names are text; the refused account is unknown and has no zero."""
    found, complaints = [], []
    with browser.page(chromium, daemon, "/", complaints=complaints) as page:
        text = page.locator("main").inner_text()
        for words in [
            SCRIPT,
            "<img src=x onerror=alert(2)>",
            "\\u202egpj.exe",
            "{{7*7}} ${7*7} &amp; &lt;",
            "W" * 80 + "…",
        ]:
            if words not in text:
                found.append(f"the start page does not show {words!r}")
        for mark in ["script", "main img", "[onload]", "[onerror]"]:
            if page.locator(mark).count():
                found.append(f"the start page has {mark}")
        if "without account refused" not in text or "The API refuses the key (401)" not in text:
            found.append("the start page does not say which account is unknown")
    return found + [f"hostile names: {complaint}" for complaint in complaints]
