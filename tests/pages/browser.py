"""Opens pages in Chromium and looks at them as an eye, a keyboard and a screen reader do."""

import contextlib
import itertools
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import sync_playwright

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
THEMES = ["light", "dark"]
WIDTHS = [1280, 390, 320]

# The places that the Tab key must reach, in order: links, summaries, text that scrolls.
STOPS = """() => [...document.querySelectorAll('a[href], summary, [tabindex="0"]')]
    .filter(one => one.checkVisibility() && one.getClientRects().length).length"""
# The focused element: whether it shows that, and its place in the document.
FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  const all = [...document.querySelectorAll('*')];
  return { place: all.indexOf(one), tag: one.tagName, text: one.textContent.trim().slice(0, 40),
           isShown: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.height > 0
                    && box.right > 0 && box.left < innerWidth };
}"""
HEADINGS = "() => [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(one => +one.tagName[1])"
LANDMARKS = "() => ['header', 'main', 'footer', 'nav'].filter(one => !document.querySelector(one))"
DRAWINGS = """() => [...document.querySelectorAll('svg')].filter(one => one.getAttribute('aria-hidden') !== 'true'
    && !(one.getAttribute('role') === 'img' && one.getAttribute('aria-label'))).length"""
TABLES = """() => [...document.querySelectorAll('main table')].filter(one => !one.closest('.prose') && (!one.caption
    || [...one.querySelectorAll('th')].some(head => !head.scope))).length"""


@contextlib.contextmanager
def started(program):
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--force-color-profile=srgb"]
        )
        yield chromium
        chromium.close()


# No alert and no project has these addresses.
MISSING = ("/alerts/0000000000000000", "/projects/0")


@contextlib.contextmanager
def page(chromium, daemon, path, theme="light", width=1280, complaints=None, scripts=True):
    """A page in a context of its own. Messages, failed requests and requests elsewhere become complaints."""
    complaints = [] if complaints is None else complaints
    with chromium.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=theme,
        java_script_enabled=scripts,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="UTC",
    ) as context:
        opened = context.new_page()
        # A page that is not found is an error for Chromium; its status is checked elsewhere.
        is_expected = lambda text: "404" in text and path in MISSING
        opened.on("console", lambda message: None if is_expected(message.text) else complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("dialog", lambda dialog: (complaints.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        opened.on(
            "request", lambda one: None if one.url.startswith(daemon.url) else complaints.append(f"asks {one.url}")
        )
        opened.on("requestfailed", lambda one: complaints.append(f"failed: {one.url}"))
        opened.goto(daemon.url + path)
        yield opened


def faults(daemon, chromium, paths):
    found = []
    for path in paths:
        for theme in THEMES:
            for width in WIDTHS if theme == "light" else WIDTHS[:2]:
                complaints = []
                with page(chromium, daemon, path, theme, width, complaints) as opened:
                    problems = looks(opened, width) + axe(opened)
                    if theme == "light" and width != 320:
                        problems += structure(opened) + keyboard(opened)
                found += [f"{path}, {theme}, {width} px: {problem}" for problem in problems + complaints]
        found += plain(daemon, chromium, path)
    return found


def looks(opened, width):
    real = opened.evaluate("document.scrollingElement.scrollWidth")
    return [f"scrolls sideways: {real} px"] if real > width else []


def axe(opened):
    """The rules of axe-core, which are those of Lighthouse and more: contrast, labels, landmarks, tables, order of headings."""
    opened.evaluate(AXE.read_text())
    result = opened.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:160]}"
        for rule in result["violations"]
        for node in rule["nodes"][:3]
    ]


def structure(opened):
    found = []
    levels = opened.evaluate(HEADINGS)
    if (
        levels[:1] != [1]
        or levels.count(1) != 1
        or any(after > before + 1 for before, after in itertools.pairwise(levels))
    ):
        found.append(f"the levels of the headings are {levels}")
    if missing := opened.evaluate(LANDMARKS):
        found.append(f"it has no {missing}")
    if count := opened.evaluate(DRAWINGS):
        found.append(f"{count} drawings have no text")
    if count := opened.evaluate(TABLES):
        found.append(f"{count} tables have no caption, or a header without a scope")
    if opened.evaluate("document.scripts.length"):
        found.append("it has a script")
    return found


def keyboard(opened):
    """Tab reaches everything, forwards, with a visible focus; the first stop skips to the content."""
    found, places = [], []
    wanted = opened.evaluate(STOPS)
    for number in range(wanted):
        opened.keyboard.press("Tab")
        focused = opened.evaluate(FOCUSED)
        if number == 0 and focused["text"] != "Skip to the content":
            found.append(f"the first stop is {focused['text']!r}")
        if not focused["isShown"]:
            found.append(f"the focus does not show on {focused['tag']} {focused['text']!r}")
        places.append(focused["place"])
    if places != sorted(set(places)):
        found.append(f"the order of the keyboard is not that of the page: {len(set(places))} of {wanted} places")
    opened.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    return found


def plain(daemon, chromium, path):
    """Without scripts everything is there, and the headers forbid them."""
    with page(chromium, daemon, path, scripts=False) as opened:
        words = opened.locator("main").inner_text()
    with page(chromium, daemon, path) as opened:
        same = opened.locator("main").inner_text()
    policy = daemon.get(path)[1]["Content-Security-Policy"]
    found = [] if len(words) > 40 and abs(len(words) - len(same)) < 80 else [f"{path}: other text without scripts"]
    return found if "default-src 'none'" in policy else [*found, f"{path}: the policy is {policy}"]


def pictures(daemon, chromium, folder):
    """The top of the start page in both themes, and on a phone."""
    for theme, width, height, name in [
        ("light", 1280, 1345, "status-page"),
        ("dark", 1280, 1345, "status-page-dark"),
        ("light", 390, 844, "status-page-phone"),
    ]:
        with page(chromium, daemon, "/", theme, width) as opened:
            opened.set_viewport_size({"width": width, "height": height})
            opened.screenshot(path=folder / f"{name}.png")
