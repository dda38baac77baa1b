"""Every query of every dashboard on a real server: it answers, without NaN, and has something to show."""

import json
import math
from datetime import UTC, datetime, timedelta

import boards
from stack import KEY, ROOT

REASONS = json.loads((ROOT / "grafana/preview/may-be-empty.json").read_text())


def faults(url, currencies=("EUR", "USD"), only_errors=False):
    """What is wrong with the queries of all dashboards, with each currency."""
    found, asked = [], 0
    for name, board in boards.load().items():
        reader = boards.Reader(url)
        for variable, query, regex in boards.variable_queries(board):
            options = reader.options(query, regex)
            asked += 1
            if not options:
                found.append(f"{name}: variable {variable} has no value: {query}")
            elif variable in ("last_month_days", "currency"):
                reader.chosen[variable] = options[0]
        for currency in currencies:
            reader.chosen["currency"] = currency
            shown = set()
            for panel, target in boards.targets(board):
                asked += 1
                where = f'{name}: "{panel["title"]}" {target["refId"]} ({currency})'
                try:
                    series = reader.answer(panel, target)
                except (ValueError, KeyError) as error:
                    found.append(f"{where}: {error}: {target['expr']}")
                    continue
                if any(not math.isfinite(value) for _, values in series for value in values):
                    found.append(f"{where}: shows NaN or infinity")
                if series:
                    shown.add(panel["title"])
            empty = {panel["title"] for panel in boards.panels(board)} - shown - set(REASONS.get(name, {}))
            if currency == currencies[0] and not only_errors:
                found += [f'{name}: "{title}" is empty ({currency})' for title in sorted(empty)]
    return found, asked


def ledger(api, first, last):
    """What the simulated account itself says days cost, by currency."""
    import urllib.request

    body = json.dumps(
        {"time_from": f"{first}T00:00:00Z", "time_to": f"{last}T00:00:00Z", "enable_last_day": True}
    ).encode()
    request = urllib.request.Request(
        f"http://{api}/cloud/v1/cost_report/totals",
        body,
        {"Authorization": f"APIKey {KEY}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        rows = json.loads(answer.read())["results"]
    sums = {}
    for row in rows:
        if row.get("cost") is not None:
            sums[row["currency"]] = sums.get(row["currency"], 0) + float(row["cost"])
    return sums


def key_figures(api):
    """The figures of the first screen, as the ledger has them, by (board, title) and currency."""
    today = datetime.now(UTC).date()
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    spans = {
        "Today, $currency": (today, today),
        "Yesterday, $currency": (today - timedelta(days=1),) * 2,
        "Month to date, $currency": (month, today),
        "Last month, by region, $currency": (before.replace(day=1), before),
    }
    return {title: ledger(api, *span) for title, span in spans.items()}


def shown_figures(url, currency):
    """What the dashboards show: the last value of each figure of the overview, and the sum of a column of the breakdown."""
    reader = boards.Reader(url)
    reader.chosen["currency"] = currency
    panels = {panel["title"]: panel for board in boards.load().values() for panel in board["panels"]}
    figures = {}
    for title in ("Today, $currency", "Yesterday, $currency", "Month to date, $currency"):
        figures[title] = reader.answer(panels[title], panels[title]["targets"][0])[0][1][-1]
    regions = panels["Regions, $currency"]
    figures["Last month, by region, $currency"] = sum(
        values[-1] for _, values in reader.answer(regions, regions["targets"][2])
    )
    return figures


def against_ledger(url, api, wait):
    """Figures that differ from the ledger. The demo revises a day once, three minutes after its start. A comparison meanwhile
    fails, so it is repeated once."""
    return compare(url, api, wait) and compare(url, api, wait)


def compare(url, api, wait):
    """Costs grow meanwhile, so each figure must lie between the ledger before and after."""
    low = key_figures(api)
    wait()
    shown = {currency: shown_figures(url, currency) for currency in ("EUR", "USD")}
    high = key_figures(api)
    found = []
    for currency, figures in shown.items():
        for title, figure in figures.items():
            at_least, at_most = low[title].get(currency, 0), high[title].get(currency, 0)
            # The API rounds each line to 5 decimals.
            if not min(at_least, at_most) - 0.01 <= figure <= max(at_least, at_most) + 0.01:
                found.append(f"{title}, {currency}: shows {figure:.5f}, the ledger has {at_least:.5f} to {at_most:.5f}")
            else:
                print(f"  {title.replace('$currency', currency)}: {figure:.5f}, ledger {at_least:.5f} to {at_most:.5f}")
    return found
