"""Compares the figures of the start page with /metrics."""

import re
from collections import defaultdict
from decimal import Decimal

import browser
from daemon import until

SERIES = re.compile(r"^(gcore_[a-z_]+)\{(.*)\} (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
TILES = {
    "This month": "gcore_cost_month_to_date_amount",
    "Today so far": "gcore_cost_today_amount",
    "Yesterday": "gcore_cost_yesterday_amount",
}


def faults(daemon, chromium):
    """Figures move every few seconds. They must agree once, between two equal scrapes."""
    seen = []

    def agrees():
        before = metrics(daemon)
        with browser.page(chromium, daemon, "/") as page:
            seen[:] = differences(page, before)
        return before == metrics(daemon) and not seen

    until(lambda: f"the page and /metrics agree; last: {seen}", agrees)
    return []


def metrics(daemon):
    """The business figures, by family and labels."""
    text = daemon.get("/metrics")[2]
    families = (*TILES.values(), "gcore_budget_used_ratio", "gcore_alerts")
    found = {}
    for family, labels, value in SERIES.findall(text):
        if family in families:
            found[family, tuple(LABEL.findall(labels))] = Decimal(value)
    return found


def differences(page, series):
    found = []
    sums, projects = defaultdict(Decimal), defaultdict(Decimal)
    for (family, labels), value in series.items():
        labels = dict(labels)
        if family in TILES.values():
            sums[family, labels["currency"]] += value
        if family == TILES["This month"]:
            projects[labels["project_id"], labels["currency"]] += value
    if not sums:
        found.append("/metrics has no costs")
    for currency in sorted({currency for _, currency in sums}):
        panel = page.get_by_role("region", name=f"Costs in {currency}")
        for title, family in TILES.items():
            tile = panel.locator("dl > div", has=page.get_by_text(title, exact=True))
            found += compared(f"{title}, {currency}", tile.locator(".figure").inner_text(), sums[family, currency])
    for budget, value in ((dict(labels), value) for (family, labels), value in series.items() if "budget" in family):
        shown = page.locator(".budgets li", has=page.get_by_text(budget["budget"], exact=True)).inner_text()
        if f"{value * 100:.0f} % used" not in shown:
            found.append(f"budget {budget['budget']}: {value} in {shown!r}")
    for currency in sorted({currency for _, currency in projects}):
        for row in (
            page.get_by_role("region", name=f"Where {currency} goes").locator("table").first.locator("tbody tr").all()
        ):
            if link := row.locator("a").all():
                project = link[0].get_attribute("href").rsplit("/", 1)[1]
                shown = row.locator("td").first.inner_text()
                found += compared(f"project {project}", shown, projects[project, currency])
    return found


def compared(name, shown, value):
    text = shown.replace(",", "").replace("−", "-")
    try:
        is_equal = abs(Decimal(text) - value) <= Decimal("0.0051")
    except ArithmeticError:
        is_equal = False
    return [] if is_equal else [f"{name}: {shown!r} is shown, {value} is in /metrics"]
