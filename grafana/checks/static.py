"""What can be said of the dashboards without running anything: the rules of grafana/dashboard-linter that fit, and our own."""

import re
import sys

import boards
from stack import ROOT

CORE = {"row", "text", "stat", "table", "timeseries", "bargauge"}
METRIC = re.compile(r"\b(?:[a-z_]+:)?(?:gcore|process)_[a-z_]+(?::[a-z_0-9]+)?\b")
WIDTHS = (1280, 1600, 1920)


def known_metrics():
    """Every family that docs/metrics.md lists, and every recording rule; tests/docs.rs holds that page against the program."""
    listed = re.findall(r"^\| `((?:gcore|process)_[a-z_]+)` \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    rules = "".join(
        path.read_text() for path in [*(ROOT / "prometheus").glob("*.yml"), *(ROOT / "prometheus/rules").glob("*.yml")]
    )
    return set(listed), set(re.findall(r"^ *- record: *(\S+)", rules, re.MULTILINE)), rules


def named_metrics(text):
    """The metrics of a query, those of a regular expression among them."""
    text = re.sub(
        r"gcore_cost_\(([a-z_|]+)\)_amount", lambda m: " ".join(f"gcore_cost_{w}_amount" for w in m[1].split("|")), text
    )
    return set(METRIC.findall(text))


def queries(board):
    return (
        [target["expr"] for _, target in boards.targets(board)]
        + [query for _, query, _ in boards.variable_queries(board)]
        + [annotation["expr"] for annotation in board["annotations"]["list"]]
    )


def base(name, families):
    """The family of a histogram's series."""
    stem = re.sub(r"_(bucket|sum|count)$", "", name)
    return stem if stem in families else name


def metrics(all_boards):
    """Names that nothing exports, and families that no dashboard, rule or document uses."""
    families, recorded, rules = known_metrics()
    used = {
        base(name, families)
        for board in all_boards.values()
        for query in queries(board)
        for name in named_metrics(query)
    }
    for name in sorted(used - families - recorded - {"gcore_billing"}):
        yield f"no such metric: {name}"
    ruled = {base(name, families) for name in named_metrics(rules)}
    documents = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md") if path.name != "metrics.md")
    unused = families - used - ruled - {base(name, families) for name in named_metrics(documents)}
    for name in sorted(unused):
        yield f"no dashboard, rule or guide uses {name}"


def units(panel):
    """Numbers have a unit; names have none, or 007 would show as 7."""
    defaults, overrides = panel["fieldConfig"]["defaults"], panel["fieldConfig"]["overrides"]
    if panel["type"] != "table":
        if "unit" not in defaults and not defaults.get("mappings"):
            yield "no unit"
        return
    if "unit" in defaults:
        yield "a unit for all columns reaches names as well"
    renamed = next(t for t in panel["transformations"] if t["id"] == "organize")["options"]["renameByName"]
    set_on = {o["matcher"]["options"]: {p["id"] for p in o["properties"]} for o in overrides}
    for source, title in renamed.items():
        shown = set_on.get(title, set())
        if source.startswith("Value") and not shown & {"unit", "mappings", "custom.hideFrom"}:
            yield f"column {title} has no unit"
        if not source.startswith("Value") and "unit" in shown:
            yield f"column {title} is a name and has a unit"


def widths(panel):
    """The columns of a table fit at each width of a page."""
    if panel["type"] != "table":
        return
    properties = [
        {p["id"]: p["value"] for p in o["properties"]}
        for o in panel["fieldConfig"]["overrides"]
        if o["matcher"]["id"] == "byName"
    ]
    needed = sum(p.get("custom.width", p.get("custom.minWidth", 60)) for p in properties if "custom.hideFrom" not in p)
    has = (WIDTHS[0] - 2 * 16 - 23 * 8) / 24 * panel["gridPos"]["w"] + (panel["gridPos"]["w"] - 1) * 8 - 2
    if needed > has:
        yield f"its columns need {needed} px of {has:.0f} at {WIDTHS[0]} px"


def expressions(panel):
    for target in panel["targets"]:
        expression = target["expr"]
        if target["datasource"]["uid"] != "${datasource}":
            yield "its data source is not ${datasource}"
        ranges = re.findall(r"\bi?(?:rate|increase)\(\s*\w+(?:\{[^}]*\})?\[([^\]]+)\]", expression)
        if set(ranges) - {"$__rate_interval"}:
            yield f"query {target['refId']} has a fixed rate interval"
        for family in re.findall(r"\bgcore_cost\w*_amount\{([^}]*)\}", expression):
            if "account=" not in family:
                yield f"query {target['refId']} is not restricted to the chosen accounts"
        if (
            re.search(r"_amount\b", expression)
            and 'currency="$currency"' not in expression
            and not re.search(r"by \([^)]*currency", expression)
        ):
            yield f"query {target['refId']} may add currencies"


def panel_faults(panel):
    if panel["type"] not in CORE:
        yield f"type {panel['type']} is not one of Grafana's core panels that are drawn here"
    if panel["type"] == "row":
        return
    for need in ("title", "description"):
        if not panel.get(need, "").strip():
            yield f"no {need}"
    if not panel.get("targets"):
        yield "no query"
        return
    if panel["fieldConfig"]["defaults"].get("noValue", "No data") == "No data":
        if "vector(" not in panel["targets"][0]["expr"]:
            yield "its empty state does not explain itself"
    for rule in (units, widths, expressions):
        yield from rule(panel)


def board_faults(name, board):
    if not re.fullmatch(r"gcore-[a-z]+", board["uid"]):
        yield "its uid is not stable"
    if board["timezone"] != "utc":
        yield "days are UTC days, and its time zone is another"
    defined = {v["name"] for v in board["templating"]["list"]}
    text = (boards.FOLDER / f"{name}.json").read_text()
    for variable in set(re.findall(r"\$\{?([a-z]\w*)", text)) - defined:
        yield f"variable {variable} is not defined"
    for variable in defined - {"filters"} - set(re.findall(r"\$\{?([a-z]\w*)", text)):
        yield f"variable {variable} is not used"
    for variable in board["templating"]["list"]:
        if variable["type"] == "query" and variable["refresh"] != 2:
            yield f"variable {variable['name']} does not follow the time range"
    ids = [panel["id"] for panel in board["panels"]]
    if len(ids) != len(set(ids)):
        yield "a panel id is used twice"
    places = [(p["title"], *(p["gridPos"][k] for k in "xywh")) for p in board["panels"]]
    for index, (a, ax, ay, aw, ah) in enumerate(places):
        for b, bx, by, bw, bh in places[index + 1 :]:
            if ax < bx + bw and bx < ax + aw and ay < by + bh and by < ay + ah:
                yield f"panels {a} and {b} overlap"


def main():
    all_boards = boards.load()
    found = list(metrics(all_boards))
    if len({board["uid"] for board in all_boards.values()}) != len(all_boards):
        found.append("two dashboards have one uid")
    for name, board in all_boards.items():
        found += [f"{name}: {fault}" for fault in board_faults(name, board)]
        found += [f'{name}: "{panel["title"]}": {fault}' for panel in board["panels"] for fault in panel_faults(panel)]
    print(
        "\n".join(found)
        or f"{len(all_boards)} dashboards, {sum(len(boards.panels(b)) for b in all_boards.values())} panels: no fault"
    )
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
