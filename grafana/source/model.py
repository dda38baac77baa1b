"""Dashboards, panels and variables as Grafana stores them. Nothing here knows a metric."""

import json
from dataclasses import dataclass, field

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# A number with thousands separators and nothing beside it: the currency is in the title, and Grafana puts no variable
# into a unit. Without the space Grafana takes it for a plain number.
MONEY = "currency:financial: :suffix"
BLUE, GREEN, YELLOW, ORANGE, RED, GREY = "blue", "green", "yellow", "orange", "red", "text"


def steps(base, *levels):
    """Thresholds: a colour to begin with, then (value, colour) from that value on."""
    return {
        "mode": "absolute",
        "steps": [{"color": base, "value": None}, *({"color": c, "value": v} for v, c in levels)],
    }


def words(**texts):
    """Value mappings: `_1=("yes", "green")` shows 1 as a green yes."""
    options = {
        key.lstrip("_"): {"text": text, "color": colour, "index": index}
        for index, (key, (text, colour)) in enumerate(texts.items())
    }
    return [{"type": "value", "options": options}]


def query(expression, legend="__auto", *, instant=False, table=False, interval=None):
    """One query of a panel."""
    target = {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": " ".join(expression.split()),
        "legendFormat": legend,
        "instant": instant or table,
        "range": not (instant or table),
        "format": "table" if table else "time_series",
    }
    if interval:
        target["interval"] = interval
    return target


def panel(
    kind,
    title,
    description,
    targets,
    *,
    unit=None,
    decimals=None,
    empty="No data",
    limits=None,
    colour=None,
    mappings=None,
    custom=None,
    overrides=None,
    options=None,
    transformations=None,
    interval=None,
    points=None,
    since=None,
    links=None,
    least=None,
    most=None,
):
    """A panel without its place."""
    defaults = {
        "noValue": empty,
        "color": colour or {"mode": "thresholds"},
        "thresholds": limits or steps(BLUE),
        "mappings": mappings or [],
        "unit": unit,
        "decimals": decimals,
        "custom": custom,
        "links": links,
        "min": least,
        "max": most,
    }
    made = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": {k: v for k, v in defaults.items() if v is not None}, "overrides": overrides or []},
        "options": options or {},
        "transformations": transformations,
        "targets": [{**target, "refId": chr(ord("A") + index)} for index, target in enumerate(targets)],
        "interval": interval,
        "maxDataPoints": points,
        "timeFrom": since,
        "hideTimeOverride": since and True,
    }
    return {k: v for k, v in made.items() if v is not None}


def by_name(name, **properties):
    """An override of the field that is shown under this name."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


def by_query(letter, **properties):
    """An override of all fields of one query."""
    return {**by_name(letter, **properties), "matcher": {"id": "byFrameRefID", "options": letter}}


def stat(
    title,
    description,
    *targets,
    change=None,
    text="auto",
    background=False,
    orientation="auto",
    graph="area",
    size=None,
    wide=True,
    **rest,
):
    """Figures. `change`: the letter of a query whose value is a rise as a part of one."""
    overrides = rest.pop("overrides", [])
    if change:
        overrides = [
            *overrides,
            by_query(
                change,
                unit="percentunit",
                decimals=1,
                color={"mode": "thresholds"},
                thresholds=steps(GREEN, (0.1, YELLOW), (0.25, ORANGE)),
            ),
        ]
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": orientation,
        "textMode": text,
        "colorMode": "background" if background else "value",
        "graphMode": graph,
        "justifyMode": "auto",
        "wideLayout": wide,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    if size:
        options["text"] = size
    return panel("stat", title, description, targets, options=options, overrides=overrides, **rest)


def bar_gauge(title, description, *targets, size=None, **rest):
    """Bars beside their names."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "horizontal",
        "displayMode": "basic",
        "valueMode": "color",
        "namePlacement": "top",
        "sizing": "manual",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 64,
        "showUnfilled": True,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
    }
    if size:
        options["text"] = size
    return panel("bargauge", title, description, targets, options=options, **rest)


def series(
    title,
    description,
    *targets,
    bars=False,
    stacked=False,
    legend="list",
    width=None,
    soft_max=None,
    fill=0,
    calcs=(),
    sort=None,
    custom=None,
    **rest,
):
    """Lines or bars over time. `legend`: list (below), right (a table beside), or none."""
    drawn = {
        "drawStyle": "bars" if bars else "line",
        "lineWidth": 0 if bars else 2,
        "fillOpacity": 85 if bars else fill,
        "showPoints": "never",
        "barAlignment": 1 if bars else 0,
        "barWidthFactor": 0.8,
        "axisBorderShow": False,
        "axisSoftMin": 0,
        "axisSoftMax": soft_max,
        "spanNulls": False if bars else 3_600_000,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        **(custom or {}),
    }
    shown = {
        "displayMode": "table" if legend == "right" else "list",
        "placement": "right" if legend == "right" else "bottom",
        "showLegend": legend != "none",
        "calcs": list(calcs),
    }
    if width:
        shown["width"] = width
    if sort:
        shown |= {"sortBy": sort, "sortDesc": True}
    return panel(
        "timeseries",
        title,
        description,
        targets,
        custom={k: v for k, v in drawn.items() if v is not None},
        colour=rest.pop("colour", {"mode": "palette-classic"}),
        options={"legend": shown, "tooltip": {"mode": "multi", "sort": "desc"}},
        **rest,
    )


@dataclass
class Column:
    """A column of a table: of a label where there is no query."""

    title: str
    query: str | None = None
    label: str | None = None
    unit: str | None = None
    decimals: int | None = None
    width: int | None = None
    wide: int | None = None  # the least width of a column that takes what is left
    look: dict = field(default_factory=dict)  # further properties
    hidden: bool = False  # there for links only

    def override(self):
        """Units, widths and looks stand on single columns: one for all would reach names, and show 007 as 7."""
        if self.hidden:
            # The second is what Grafana before 13 reads.
            return by_name(
                self.title, custom__hideFrom={"viz": True, "legend": False, "tooltip": False}, custom__hidden=True
            )
        own = {"unit": self.unit, "decimals": self.decimals, "custom__width": self.width, "custom__minWidth": self.wide}
        if self.query:
            own["custom__align"] = "right"
        own = {key: value for key, value in own.items() if value is not None} | self.look
        return by_name(self.title, **own) if own else None


GAUGE = {
    "custom__cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
    "min": 0,
    "max": 1,
    "color": {"mode": "fixed", "fixedColor": "semi-dark-blue"},
}
COLOURED = {"custom__cellOptions": {"type": "color-text"}}


def table(title, description, columns, *, sort=None, descending=True, hide=("Time",), **rest):
    """One row for each set of labels; queries of the same row are merged by their labels."""
    asked = [column for column in columns if column.query]
    letters = {
        id(column): f"Value #{chr(ord('A') + index)}" if len(asked) > 1 else "Value"
        for index, column in enumerate(asked)
    }
    source = lambda column: letters.get(id(column)) or column.label
    organize = {
        "excludeByName": {name: True for name in hide},
        "indexByName": {source(c): i for i, c in enumerate(columns)},
        "renameByName": {source(c): c.title for c in columns},
    }
    transformations = [{"id": "merge", "options": {}}] if len(asked) > 1 else []
    transformations.append(
        {"id": "filterFieldsByName", "options": {"include": {"names": [source(c) for c in columns]}}}
    )
    transformations.append({"id": "organize", "options": organize})
    options = {
        "showHeader": True,
        "cellHeight": "sm",
        "frameIndex": 0,
        "sortBy": [{"displayName": sort, "desc": descending}] if sort else [],
    }
    # The text of an empty table would else stand in each empty cell.
    cells = {"matcher": {"id": "byRegexp", "options": "/.*/"}, "properties": [{"id": "noValue", "value": "–"}]}
    overrides = [cells, *(override for override in (column.override() for column in columns) if override)]
    # Grafana's own least width of 150 hides the last columns of a narrow table.
    return panel(
        "table",
        title,
        description,
        [query(c.query, table=True) for c in asked],
        transformations=transformations,
        custom={
            "align": "auto",
            "minWidth": 60,
            "cellOptions": {"type": "auto"},
            "inspect": False,
            "filterable": False,
        },
        options=options,
        overrides=overrides + rest.pop("overrides", []),
        **rest,
    )


def text(title, description, content):
    """Words in Markdown."""
    return {
        "type": "text",
        "title": title,
        "description": description,
        "options": {"mode": "markdown", "content": content},
        "transparent": True,
    }


def variable(name, label, description, definition, *, multi=True, regex="", sort=5, hide=0):
    """A variable whose values a query finds."""
    made = {
        "type": "query",
        "name": name,
        "label": label,
        "description": description,
        "datasource": DATASOURCE,
        "query": {"query": definition, "refId": f"variable-{name}"},
        "regex": regex,
        "refresh": 2,
        "sort": sort,
        "hide": hide,
        "multi": multi,
        "includeAll": multi,
        "options": [],
        "skipUrlSync": False,
    }
    made["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]} if multi else {"text": "", "value": ""}
    if multi:
        made["allValue"] = ".*"
    return made


class Dashboard:
    """Rows of panels, laid out from top to bottom."""

    def __init__(self, uid, title, description, variables, *, since="now-35d", annotations=(), links=()):
        self.uid, self.title, self.description, self.variables = uid, title, description, variables
        self.since, self.annotations, self.links = since, annotations, links
        self.panels, self.bottom = [], 0

    def row(self, height, *placed):
        """Panels beside each other: (width, panel), 24 in all."""
        assert sum(width for width, _ in placed) == 24, [p["title"] for _, p in placed]
        left = 0
        for width, made in placed:
            self.panels.append(
                {"id": len(self.panels) + 1, **made, "gridPos": {"x": left, "y": self.bottom, "w": width, "h": height}}
            )
            left += width
        self.bottom += height

    def heading(self, title):
        """A heading over the rows below."""
        self.panels.append(
            {
                "id": len(self.panels) + 1,
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": self.bottom, "w": 24, "h": 1},
            }
        )
        self.bottom += 1

    def json(self):
        """The file that Grafana imports."""
        others = {
            "type": "dashboards",
            "title": "Gcore billing",
            "tags": ["gcore-billing"],
            "asDropdown": False,
            "includeVars": True,
            "keepTime": True,
            "targetBlank": False,
            "icon": "external link",
            "tooltip": "",
            "url": "",
        }
        board = {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["gcore-billing"],
            "timezone": "utc",
            "time": {"from": self.since, "to": "now"},
            "refresh": "5m",
            "schemaVersion": 39,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "fiscalYearStartMonth": 0,
            "weekStart": "",
            "links": [others, *self.links],
            "timepicker": {"refresh_intervals": ["1m", "5m", "15m", "1h"]},
            "annotations": {"list": list(self.annotations)},
            "templating": {"list": self.variables},
            "panels": self.panels,
        }
        return json.dumps(board, indent=2, ensure_ascii=False) + "\n"
