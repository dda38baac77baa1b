"""Project × region × type: money, usage and prices. All queries take the raw families, so that each filter reaches them."""

from model import (
    BLUE,
    GAUGE,
    GREEN,
    GREY,
    MONEY,
    ORANGE,
    YELLOW,
    Column,
    Dashboard,
    by_name,
    query,
    series,
    steps,
    table,
)
from parts import BREAKDOWN, annotations, by_id, coloured, filters, hidden, linked, money, type_variable, variables
from promql import ACCOUNT, GROUPS, NOW, change, groups, largest, named_by, type_days
from promql import MONEY as PRICED

EMPTY = "No cost is selected. In the first minutes after midnight UTC nothing is known yet."
BY = {"project": "account, project_id", "region": "account, region_id", "type": "account, resource_type"}
FULL = "account, project_id, region_id, resource_type"
ROSE = steps(GREEN, (0.1, YELLOW), (0.25, ORANGE))


def cost(window):
    return groups(f"gcore_cost_{window}_amount")


def name_columns(kind):
    variable = {"project": "project_id", "region": "region_id", "type": "Type"}[kind]
    link = [
        {
            "title": f"Only this {kind}",
            "targetBlank": False,
            "url": f"{BREAKDOWN}&${{project:queryparam}}&${{region:queryparam}}&${{type:queryparam}}&var-{kind}=${{__data.fields.{variable}}}",
        }
    ]
    if kind == "type":
        return [linked("Type", "resource_type", link)]
    return [linked(kind.capitalize(), f"{kind}_name", link), hidden(f"{kind}_id")]


def by_kind(kind, count=8):
    """One table of three: the largest projects, regions or types."""
    key = BY[kind]
    at = {window: f"sum by ({key}) ({cost(window)})" for window in ("yesterday", "month_to_date", "previous_month")}
    rank = f"and on ({key}) {largest(count, at['month_to_date'], at['yesterday'])}"
    dress = lambda expression: (
        named_by(f"{expression} {rank}", kind, GROUPS) if kind != "type" else f"{expression} {rank}"
    )
    shown, *links = name_columns(kind)
    return table(
        f"{kind.capitalize()}s, $currency",
        f"The {count} {kind}s that cost most this month, of what is selected. A click selects one;"
        " 'All again' above undoes that.",
        [
            shown,
            money("Yesterday", dress(at["yesterday"]), 82),
            money("Month", dress(at["month_to_date"]), 82),
            money("Last month", dress(at["previous_month"]), 90),
            *links,
        ],
        sort="Month",
        empty=EMPTY,
    )


def full():
    at = {window: cost(window) for window in ("today", "yesterday", "month_to_date", "previous_month")}
    rank = f"and on ({FULL}) {largest(15, at['month_to_date'], at['yesterday'])}"
    dress = lambda expression: named_by(named_by(f"{expression} {rank}", "project", GROUPS), "region", GROUPS)
    columns = [*name_columns("project"), *name_columns("region"), *name_columns("type")]
    columns = (
        [c for c in columns if not c.hidden]
        + [
            money("Today", dress(at["today"])),
            money("Yesterday", dress(at["yesterday"])),
            money("Month", dress(at["month_to_date"])),
            Column(
                "Share",
                query=dress(f"{at['month_to_date']} / on () group_left () (sum({at['month_to_date']}) > 0)"),
                unit="percentunit",
                decimals=1,
                width=150,
                look=GAUGE,
            ),
            money("Last month", dress(at["previous_month"]), 110),
        ]
        + [c for c in columns if c.hidden]
    )
    return table(
        "Project × region × type, $currency",
        "The 15 that cost most this month, of what is selected. A click on a name selects it.",
        columns,
        sort="Month",
        empty=EMPTY,
    )


def month_against_last():
    rule = "account_project_region_type:gcore_cost_month_to_date_amount:max1h"
    # The rule is an hour apart, so the first two hours of a month would still find the month before.
    total = f"sum(last_over_time({rule}{{{GROUPS}}}[2h]%s)) and on () (24 * (day_of_month() - 1) + hour() > 1)"
    before = f"{total % ' offset ${last_month_days}d'} and on () day_of_month() <= $last_month_days"
    return series(
        "This month against last, $currency",
        "What had been spent at each moment of this month, and at the same moment of the last one.",
        query(total % "", "this month"),
        query(before, "last month"),
        since="now/M",
        points=60,
        unit=MONEY,
        overrides=[
            by_name("this month", color={"mode": "fixed", "fixedColor": BLUE}, custom__fillOpacity=15),
            by_name(
                "last month",
                color={"mode": "fixed", "fixedColor": GREY},
                custom__lineStyle={"fill": "dash", "dash": [6, 6]},
            ),
        ],
        empty="Neither month is known: collect.cost.windows leaves out month_to_date, or the month has just begun",
    )


def days_by_type():
    daily = type_days()
    ranked = f"sum by (resource_type) (%s_over_time(%s{{{GROUPS}}}[%s] {NOW}))"
    rule = "account_project_region_type:gcore_cost_%s_amount:max%s"
    top = largest(
        8,
        ranked % ("last", rule % ("month_to_date", "1h"), "1d"),
        ranked % ("last", rule % ("yesterday", "3h"), "1d"),
        ranked % ("sum", "gcore_cost_daily_amount", "35d"),
    )
    return series(
        "Each day by type, $currency",
        "One bar for each closed UTC day: the eight types that cost most this month, and the rest.",
        query(f"({daily}) and on (resource_type) ({top})", "{{resource_type}}"),
        query(f"sum(({daily}) unless on (resource_type) ({top}))", "all others"),
        bars=True,
        stacked=True,
        legend="right",
        width=240,
        interval="1d",
        unit=MONEY,
        overrides=[by_name("all others", color={"mode": "fixed", "fixedColor": "#8e8e8e"})],
        empty="No day is known: load prometheus/rules/dashboards.yml, and backfill the past",
    )


def usage(window, offset=""):
    """What was metered, by type and unit, of groups that are paid in the chosen currency: usage itself has none."""
    chosen = f'{ACCOUNT}, project_id=~"$project", region_id=~"$region", resource_type=~"$type"'
    metered = f"gcore_usage_{window}_billing_value{{{chosen}}}{offset}"
    ids = "account, project_id, region_id, resource_type"
    return (
        f"sum by (resource_type, unit) (max by ({ids}, unit, billing_metric) ({metered})"
        f" and on ({ids}) max by ({ids}) (gcore_cost_{window}_amount{{{GROUPS}}}{offset} > 0))"
    )


def type_cost(window, offset=""):
    """What each type cost."""
    return (
        "sum by (resource_type) (max by (account, project_id, region_id, resource_type)"
        f" (gcore_cost_{window}_amount{{{GROUPS}}}{offset}))"
    )


def paid(window):
    """What that cost: the cost of a type stands in the row of each of its units."""
    return f"{type_cost(window)} + on (resource_type) group_right () 0 * ({usage(window)})"


def unit_price(offset=""):
    """What one unit cost."""
    return f"{type_cost('yesterday', offset)} / on (resource_type) group_right () (({usage('yesterday', offset)}) > 0)"


def units_priced():
    """How many units a price is shown of: 1000, or 10⁹ bytes. One costs too little to be read."""
    others = f"1000 * group by (unit) (gcore_usage_yesterday_billing_value{{{ACCOUNT}}})"
    return f'(label_replace(vector(1e9), "unit", "bytes", "", "") or on (unit) {others})'


def prices():
    """Usage beside cost, and what units cost."""
    rank = f"and on (resource_type) topk(11, {type_cost('yesterday')})"
    shown = lambda expression: f"({expression}) {rank}"
    amount = {"unit": "sishort", "decimals": 2}
    return table(
        "Usage, cost and price, $currency",
        "What was metered and paid: the eleven types that cost most yesterday. The price is what 1000 units cost yesterday, or 10⁹ bytes, and how that"
        " changed within a week. A type that is metered in several units has a row for each, with the cost of all.",
        [
            linked("Type", "resource_type", name_columns("type")[0].look["links"], 130),
            Column("Unit", label="unit", width=90),
            Column("Usage today", query=shown(usage("today")), width=110, **amount),
            Column("Usage yesterday", query=shown(usage("yesterday")), width=130, **amount),
            money("Yesterday", shown(paid("yesterday")), 100),
            Column(
                "Price of 1000",
                query=shown(f"({unit_price()}) * on (unit) group_left () {units_priced()}"),
                decimals=5,
                unit=MONEY,
                width=110,
            ),
            Column(
                "In a week",
                query=shown(change(unit_price(), unit_price(" offset 1w"))),
                unit="percentunit",
                decimals=1,
                width=90,
                look=coloured(ROSE),
            ),
            Column("Usage this month", query=shown(usage("month_to_date")), width=136, **amount),
            money("Month", shown(paid("month_to_date")), 94),
            Column("Usage last month", query=shown(usage("previous_month")), width=136, **amount),
        ],
        sort="Yesterday",
        empty="No usage: the collector is off, the key may not read it, or the day has just begun",
    )


def tags():
    family = f"max by (account, tag_key, tag_value) (gcore_tag_cost_month_to_date_amount{{{PRICED}}})"
    total = f"sum by (account, tag_key) ({family})"
    return table(
        "Month by tag, $currency",
        "The same money by the value of a tag; each key is the whole sum. Without a value: not tagged.",
        [
            Column("Key", label="tag_key", wide=80),
            Column("Value", label="tag_value", wide=80, look={"noValue": "not tagged"}),
            money("Month", f"topk(12, {family})"),
            Column(
                "Share",
                query=f"topk(12, {family} / on (account, tag_key) group_left () ({total} > 0))",
                unit="percentunit",
                decimals=0,
                width=110,
                look=GAUGE,
            ),
        ],
        sort="Month",
        empty='Not collected. Name your tags in metrics.tag_keys, such as ["env", "team"].',
    )


def resources():
    ids = "account, project_id, project_name, region_name, resource_type, resource_name, resource_id"
    family = f'max by ({ids}) (gcore_resource_cost_month_to_date_amount{{{GROUPS}, resource_id!="__other__"}})'
    return table(
        "Most expensive resources of the month, $currency",
        "Single resources, as far as they have series of their own.",
        [
            Column("Resource", label="resource_name", wide=110),
            Column("Project", label="project_name", wide=80),
            Column("Type", label="resource_type", wide=80),
            money("Month", f"topk(8, {family})"),
        ],
        sort="Month",
        empty="Not collected. Set metrics.top_resources to how many are to have a series.",
    )


def dashboard():
    from model import variable

    shift = variable(
        "last_month_days",
        "Days of the last month",
        "How far the last month lies back",
        multi=False,
        hide=2,
        definition="query_result(days_in_month(vector(time()) - 86400 * day_of_month()))",
        regex=r"/ (\d+) \d+/",
    )
    again = {
        "type": "link",
        "title": "All again",
        "icon": "arrow-left",
        "targetBlank": False,
        "keepTime": True,
        "includeVars": False,
        "tooltip": "Select everything",
        "url": "/d/gcore-breakdown/?${datasource:queryparam}&${account:queryparam}&${currency:queryparam}",
        "tags": [],
        "asDropdown": False,
    }
    board = Dashboard(
        "gcore-breakdown",
        "Gcore billing: Breakdown",
        "Where the money goes: projects, regions, types, usage, prices",
        variables(by_id("project"), by_id("region"), type_variable(), filters(), shift),
        annotations=annotations(),
        links=[again],
    )
    board.row(10, (8, by_kind("project")), (7, by_kind("region")), (9, by_kind("type")))
    board.row(10, (16, days_by_type()), (8, month_against_last()))
    board.row(17, (24, full()))
    board.row(14, (24, prices()))
    board.row(11, (9, tags()), (15, resources()))
    return board
