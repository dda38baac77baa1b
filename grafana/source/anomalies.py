"""What was out of the usual, what fires, and how budgets burn down."""

from model import (
    BLUE,
    COLOURED,
    GAUGE,
    GREEN,
    GREY,
    MONEY,
    ORANGE,
    RED,
    YELLOW,
    Column,
    Dashboard,
    by_name,
    query,
    series,
    stat,
    steps,
    table,
    words,
)
from parts import annotations, by_id, exporter_url, hidden, money, to_breakdown, variables
from promql import ACCOUNT, DAY_AFTER, OF_THIS_MONTH, PROJECTS, first_of, named
from promql import MONEY as PRICED

IDS = "account, project_id, region_id, resource_type"
ROLL_UP = 'region_id="__all__", resource_type="__all__"'
SEVERITY = words(critical=("critical", RED), warning=("warning", ORANGE), info=("info", BLUE))
# The score is the distance from the expectation, in units of the distance to the upper bound.
REASON = [
    {"type": "range", "options": {"from": low, "to": high, "result": {"text": text, "color": colour, "index": index}}}
    for index, (low, high, text, colour) in enumerate(
        [
            (None, 1, "within the band", GREEN),
            (1, 2, "above the band", YELLOW),
            (2, 5, "far above the band", ORANGE),
            (5, None, "extreme", RED),
        ]
    )
]
NO_HISTORY = "No judgement: it needs 30 days of history, and collect.history enabled"


def alerts_by(labels, severity):
    """Alerts of a severity that fire, by the daemon's word or by that of Prometheus, whichever judges."""
    chosen = f'{ACCOUNT}, severity="{severity}"'
    return f'max by ({labels}) (gcore_alert_firing{{{chosen}}} or ALERTS{{alertname=~"Gcore.+", alertstate="firing", {chosen}}})'


def firing(rows=6):
    """The alerts, the most severe first, each with a link to its runbook."""
    subject = ["budget", "collector", "channel", "task_type", "subscription_id", "resource_type"]
    labels = f"alertname, severity, account, project_id, region_id, {', '.join(subject)}"
    own = first_of(
        *(
            f"{rank} * {alerts_by(labels, severity)}"
            for rank, severity in ((3, "critical"), (2, "warning"), (1, "info"))
        )
    )
    whole = f"({named(own, 'project')}) or on ({labels}) ({own})"
    for label in ("resource_type", "project_id"):
        whole = f'label_replace({whole}, "{label}", "everything", "{label}", "__all__")'
    joined = ", ".join(f'"{label}"' for label in [*subject, "project_name"])
    about = f'label_join(topk({rows}, {whole}), "about", " ", {joined})'
    runbook = [{"title": "Open the runbook", "url": "${exporter}/runbooks#${__value.raw}", "targetBlank": True}]
    return table(
        "Alerts that fire",
        "By the word of the exporter or of the Prometheus rules, whichever judges. A click on a name opens its runbook.",
        [
            Column("Severity", label="severity", width=84, look={**COLOURED, "mappings": SEVERITY}),
            Column("Alert", label="alertname", width=206, look={"links": runbook}),
            Column("About", label="about", wide=110),
            Column("Account", label="account", width=90),
            Column("Rank", query=about, hidden=True),
        ],
        sort="Rank",
        empty="No alert fires",
    )


def judged(family, selector, by=IDS):
    return f"max by ({by}) (gcore_anomaly_{family}{{{selector}}})"


def unusual(rows=6):
    """Groups whose newest closed day was an anomaly."""
    chosen = f'{PROJECTS}, project_id!="__all__", resource_type!="__all__"'
    found = f"and on ({IDS}) topk({rows}, {judged('score', chosen)} > 1)"
    dress = lambda family: named(f"{judged(family, chosen)} {found}", "project")
    return table(
        "Out of the usual on the last closed day, $currency",
        "Groups of project, region and type that cost more than their upper bound.",
        [
            Column(
                "Project",
                label="project_name",
                wide=90,
                look={"links": to_breakdown(project="project_id", type="Type")},
            ),
            Column("Type", label="resource_type", wide=90),
            money("Cost", dress("actual_amount"), 80),
            money("Expected", dress("expected_amount"), 84),
            Column(
                "In words",
                query=dress("score"),
                width=140,
                look={**COLOURED, "mappings": REASON, "custom__align": "left"},
            ),
            hidden("project_id"),
        ],
        sort="Cost",
        empty="Nothing was out of the usual",
    )


def figures(board):
    count = lambda severity: first_of(
        f"sum({alerts_by('alertname, account, project_id, region_id, resource_type, budget, step, threshold, window, collector, channel, report_uuid, task_type, subscription_id, days', severity)})",
        "vector(0)",
    )
    excess = (
        f'sum(max by (account, project_id, region_id, resource_type) ((gcore_anomaly_actual_amount{{{PRICED}, project_id!="__all__", resource_type!="__all__"}}'
        f' - gcore_anomaly_expected_amount{{{PRICED}, project_id!="__all__", resource_type!="__all__"}}) and gcore_anomaly_score{{{PRICED}, project_id!="__all__", resource_type!="__all__"}} > 1))'
    )
    day = f"1000 * max(gcore_anomaly_day_timestamp_seconds{{{ACCOUNT}}})"
    plain = {"graph": "none", "text": "value"}
    board.row(
        4,
        (
            4,
            stat(
                "Critical alerts",
                "How many critical alerts fire.",
                query(count("critical"), instant=True),
                unit="locale",
                limits=steps(GREEN, (1, RED)),
                **plain,
            ),
        ),
        (
            4,
            stat(
                "Warnings",
                "How many alerts of severity warning fire.",
                query(count("warning"), instant=True),
                unit="locale",
                limits=steps(GREEN, (1, ORANGE)),
                **plain,
            ),
        ),
        (
            4,
            stat(
                "Remarks",
                "How many alerts of severity info fire.",
                query(count("info"), instant=True),
                unit="locale",
                **plain,
            ),
        ),
        (
            4,
            stat(
                "Unexpected, $currency",
                "By how much the groups that were out of the usual exceeded what was expected, on the last closed day.",
                query(first_of(excess, "vector(0)"), instant=True),
                unit=MONEY,
                decimals=2,
                limits=steps(GREEN, (5, YELLOW), (25, RED)),
                **plain,
            ),
        ),
        (
            4,
            stat(
                "Last judged day",
                "The closed UTC day that the figures of anomalies are of.",
                query(day, instant=True),
                unit="time:YYYY-MM-DD",
                empty=NO_HISTORY,
                **plain,
            ),
        ),
        (
            4,
            stat(
                "Budget used most",
                "The largest part of a budget that is spent.",
                query(f"max(gcore_budget_used_ratio{{{PRICED}}})", instant=True),
                unit="percentunit",
                decimals=0,
                limits=steps(GREEN, (0.8, ORANGE), (1, RED)),
                empty="No budget in $currency",
                **plain,
            ),
        ),
    )


def bands(board):
    daily = lambda family: (
        f'sum(max by (account) (last_over_time(gcore_anomaly_{family}{{{PRICED}, project_id="__all__", {ROLL_UP}}}{DAY_AFTER})))'
    )
    blue, purple = ({"mode": "fixed", "fixedColor": colour} for colour in (BLUE, "purple"))
    look = [
        by_name(
            "cost",
            color=blue,
            custom__drawStyle="bars",
            custom__barAlignment=1,
            custom__fillOpacity=70,
            custom__lineWidth=0,
        ),
        by_name("expected", color=purple, custom__lineInterpolation="stepAfter"),
        by_name(
            "upper bound",
            color={"mode": "fixed", "fixedColor": RED},
            custom__lineInterpolation="stepAfter",
            custom__lineStyle={"fill": "dash", "dash": [6, 6]},
        ),
    ]
    chosen = f'{PROJECTS}, {ROLL_UP}, project_id!="__all__"'
    rank = f"and on ({IDS}) topk(8, {judged('score', chosen)})"
    dress = lambda family: named(f"{judged(family, chosen)} {rank}", "project")
    board.row(
        10,
        (
            14,
            series(
                "Each day against its band, $currency",
                "What the accounts cost on each closed day, what was expected, and the upper bound: above it, the day is an"
                " anomaly. Known from the first start of Prometheus on.",
                query(daily("actual_amount"), "cost"),
                query(daily("expected_amount"), "expected"),
                query(daily("upper_amount"), "upper bound"),
                interval="1d",
                unit=MONEY,
                overrides=look,
                empty=NO_HISTORY,
            ),
        ),
        (
            10,
            table(
                "Projects against their band, $currency",
                "The eight projects that were furthest from what was expected on the last closed day.",
                [
                    Column(
                        "Project", label="project_name", wide=90, look={"links": to_breakdown(project="project_id")}
                    ),
                    money("Cost", dress("actual_amount"), 76),
                    money("Expected", dress("expected_amount"), 80),
                    money("Bound", dress("upper_amount"), 76),
                    Column(
                        "In words",
                        query=dress("score"),
                        width=136,
                        look={**COLOURED, "mappings": REASON, "custom__align": "left"},
                    ),
                    hidden("project_id"),
                ],
                sort="Cost",
                empty=NO_HISTORY,
            ),
        ),
    )
    board.row(9, (12, firing(7)), (12, unusual(7)))


def budgets(board):
    by = lambda family: f"max by (account, budget) (gcore_budget_{family}{{{PRICED}}})"
    worst = f"and on (account, budget) topk(8, {by('used_ratio')})"
    even = "1 - (day_of_month() - 1 + hour() / 24) / days_in_month()"
    board.row(
        9,
        (
            14,
            table(
                "Budgets, $currency",
                "The eight budgets of which most is used. The day on which one is used up goes by the even pace of the forecast.",
                [
                    Column("Budget", label="budget", wide=90),
                    Column("Account", label="account", width=84),
                    money("Limit", f"{by('limit_amount')} {worst}", 90),
                    money("Spent", f"{by('actual_amount')} {worst}", 90),
                    Column(
                        "Used",
                        query=f"{by('used_ratio')} {worst}",
                        unit="percentunit",
                        decimals=0,
                        width=110,
                        look={
                            **GAUGE,
                            "color": {"mode": "thresholds"},
                            "thresholds": steps(GREEN, (0.8, ORANGE), (1, RED)),
                        },
                    ),
                    money("Forecast", f"{by('forecast_amount')} {worst}", 90),
                    Column(
                        "Used up on",
                        query=f"1000 * ({by('exhaustion_timestamp_seconds')} {worst})",
                        unit="time:YYYY-MM-DD",
                        width=100,
                    ),
                ],
                sort="Used",
                empty="No budget in $currency. A table [[alerts.budget]] of the configuration adds one.",
            ),
        ),
        (
            10,
            series(
                "What is left of the budgets",
                "The part of each budget that is not spent, this month. A line below the even pace burns down too fast.",
                query(f"1 - topk(8, {by('used_ratio')}) {OF_THIS_MONTH}", "{{budget}}"),
                query(even, "even pace"),
                since="now/M",
                points=120,
                unit="percentunit",
                decimals=0,
                overrides=[
                    by_name(
                        "even pace",
                        color={"mode": "fixed", "fixedColor": GREY},
                        custom__lineStyle={"fill": "dash", "dash": [6, 6]},
                    )
                ],
                empty="No budget in $currency",
            ),
        ),
    )


def revisions(board):
    changed = f"sum by (account, project_id) (max by ({IDS}) (gcore_cost_revision_amount{{{PROJECTS}}}))"
    largest = f"topk(8, {changed}) or bottomk(8, {changed} < 0)"
    family = lambda end: f"max by (account, project_id) (gcore_cost_month_forecast{end}_amount{{{PROJECTS}}})"
    rank = f"and on (account, project_id) topk(7, {family('')})"
    dress = lambda end: named(f"{family(end)} {rank}", "project")
    board.row(
        9,
        (
            14,
            table(
                "Forecast by project, $currency",
                "What the month is expected to come to, with a band that is meant to hold 4 of 5 outcomes.",
                [
                    Column("Project", label="project_name", wide=90),
                    money("At least", dress("_lower"), 90),
                    money("Forecast", dress(""), 90),
                    money("At most", dress("_upper"), 90),
                ],
                sort="Forecast",
                empty="No forecast: the exporter has no history yet, or no store",
            ),
        ),
        (
            10,
            table(
                "Revised days, $currency",
                "By how much settled days of a project were found changed within the last seven days.",
                [Column("Project", label="project_name", wide=90), money("Changed by", named(largest, "project"), 110)],
                sort="Changed by",
                empty="No settled day was changed within a week",
            ),
        ),
    )


def dashboard():
    board = Dashboard(
        "gcore-anomalies",
        "Gcore billing: Anomalies and budgets",
        "What was out of the usual, what fires, and whether the money lasts",
        variables(by_id("project"), exporter_url()),
        annotations=annotations(),
    )
    figures(board)
    bands(board)
    budgets(board)
    revisions(board)
    return board
