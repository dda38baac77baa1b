"""One screen of money: today, the month, where it goes, and whether budgets hold."""

from anomalies import firing, unusual
from model import (
    BLUE,
    GAUGE,
    GREEN,
    MONEY,
    ORANGE,
    RED,
    YELLOW,
    Column,
    Dashboard,
    bar_gauge,
    by_name,
    query,
    series,
    stat,
    steps,
    table,
)
from parts import annotations, by_id, exporter_url, hidden, linked, money, to_breakdown, variables
from promql import (
    ACCOUNT,
    NOW,
    OF_THIS_MONTH,
    OF_TODAY,
    PROJECTS,
    change,
    closed_days,
    first_of,
    largest,
    named,
    project_days,
    recorded,
    up_to_now,
)
from promql import (
    MONEY as PRICED,
)

NEW_DAY = (
    "Not known right now. The first minutes after midnight UTC have no reading yet; otherwise see Exporter health."
)
NO_MONTH = "Not known. The month has just begun, or collect.cost.windows leaves out month_to_date."
TOP = 5


def total(window):
    return f"sum({recorded('account_project', window)})"


def an_age():
    return f'time() - min(max by (account) (gcore_poll_last_success_timestamp_seconds{{{ACCOUNT}, collector="cost"}}))'


def figures(board):
    day_before = first_of(
        f"sum(last_over_time({recorded('account_project', 'yesterday')}[1h] offset 1d))",
        f"sum(max by (account, project_id, region_id, resource_type) (last_over_time(gcore_cost_daily_amount{{{PROJECTS}}}[1d] offset 1d)))",
    )
    month_ago = f"sum(account_project:gcore_cost_month_to_date_amount:sum_month_ago{{{PROJECTS}}})"
    forecast = f"sum(max by (account, project_id) (gcore_cost_month_forecast_amount{{{PROJECTS}}}))"
    look = {
        "unit": MONEY,
        "decimals": 2,
        "colour": {"mode": "fixed", "fixedColor": BLUE},
        "change": "B",
        "text": "value_and_name",
        "orientation": "vertical",
        "wide": False,
        "size": {"valueSize": 24, "titleSize": 12},
    }
    board.row(
        5,
        (
            5,
            stat(
                "Today, $currency",
                "Since 00:00 UTC, provisional: the API is about an hour behind. Beside it: against yesterday at this time.",
                query(up_to_now(f"sum({recorded('account_project', 'today')}%s)", OF_TODAY), "so far"),
                query(
                    change(total("today"), f"sum({recorded('account_project', 'today')} offset 1d)"),
                    "on yesterday",
                    instant=True,
                ),
                since="now/d",
                points=100,
                empty=NEW_DAY,
                **look,
            ),
        ),
        (
            5,
            stat(
                "Yesterday, $currency",
                "The last full UTC day, which may be revised for a day. Beside it: against the day before.",
                query(f"sum({closed_days()})", "in all", interval="1d"),
                query(change(total("yesterday"), day_before), "on day before", instant=True),
                since="14d",
                empty=NEW_DAY,
                **look,
            ),
        ),
        (
            5,
            stat(
                "Month to date, $currency",
                "From the 1st, 00:00 UTC, until now. Beside it: against this time of the last month.",
                query(up_to_now(f"sum({recorded('account_project', 'month_to_date')}%s)", OF_THIS_MONTH), "so far"),
                query(change(total("month_to_date"), month_ago), "on last month", instant=True),
                since="now/M",
                points=100,
                empty=NO_MONTH,
                **look,
            ),
        ),
        (
            5,
            stat(
                "Month forecast, $currency",
                "What the month will have cost at its end. Beside it: against the whole last month.",
                query(
                    up_to_now(
                        f"sum(max by (account, project_id) (gcore_cost_month_forecast_amount{{{PROJECTS}}}%s))",
                        OF_THIS_MONTH,
                    ),
                    "at the end",
                ),
                query(change(forecast, total("previous_month")), "on last month", instant=True),
                since="now/M",
                points=100,
                empty="No forecast: the exporter has no history yet, or no store.",
                graph="none",
                **look,
            ),
        ),
        (
            4,
            stat(
                "Age of the costs",
                "How long ago the oldest of the last good cost polls began. They are polled every 15 minutes by default.",
                query(an_age(), "since the last poll", instant=True),
                unit="s",
                decimals=0,
                limits=steps(GREEN, (2700, YELLOW), (7200, RED)),
                empty="No cost poll has succeeded yet",
                text="value_and_name",
                wide=False,
                graph="none",
                size=look["size"],
            ),
        ),
    )


def days(board):
    top = largest(
        8,
        f"sum by (account, project_id, currency) (sum_over_time(account_project:gcore_cost_yesterday_amount:sum1h{{{PROJECTS}}}[35d] {NOW}))",
        f"sum by (account, project_id, currency) (sum_over_time(gcore_cost_daily_amount{{{PROJECTS}}}[35d] {NOW}))",
    )
    daily = project_days()
    names = f"account_project:gcore_project_info:name{{{ACCOUNT}}} {NOW}"
    shown = (
        f"(({daily}) and on (account, project_id) ({top})) * on (account, project_id) group_left (project_name) {names}"
    )
    others = f"sum(({daily}) unless on (account, project_id) ({top}))"
    forecast = f"sum(max by (account, project_id) (gcore_cost_month_forecast%s_amount{{%s}})) {OF_THIS_MONTH}"
    used = f"topk(8, max by (account, budget) (gcore_budget_used_ratio{{{PRICED}}}))"
    board.row(
        10,
        (
            12,
            series(
                "Each day by project, $currency",
                "One bar for each UTC day, the eight largest projects and the rest. The bar of today grows."
                " Days are known from the first start of Prometheus on, and before that where they were backfilled.",
                query(shown, "{{project_name}}"),
                query(others, "all others"),
                bars=True,
                stacked=True,
                legend="right",
                width=180,
                interval="1d",
                unit=MONEY,
                overrides=[by_name("all others", color={"mode": "fixed", "fixedColor": "#8e8e8e"})],
                empty="No day is known: load prometheus/rules/dashboards.yml, and backfill the past",
            ),
        ),
        (
            6,
            series(
                "Month and forecast, $currency",
                "What was spent since the 1st, and what the month is expected to come to. The band adds up the bands of all"
                " projects, so it is wider than the 80 % of each.",
                query(f"{total('month_to_date')} {OF_THIS_MONTH}", "spent"),
                query(forecast % ("_upper", PROJECTS), "at most"),
                query(forecast % ("", PROJECTS), "forecast"),
                query(forecast % ("_lower", PROJECTS), "at least"),
                since="now/M",
                points=200,
                unit=MONEY,
                overrides=band(),
                empty="No forecast and no month to date",
            ),
        ),
        (
            6,
            bar_gauge(
                "Budgets used",
                "What was spent of each budget this month, today included: the eight furthest ones.",
                query(used, "{{budget}}", instant=True),
                unit="percentunit",
                decimals=0,
                least=0,
                most=1,
                size={"titleSize": 14, "valueSize": 18},
                limits=steps(GREEN, (0.8, ORANGE), (1, RED)),
                empty="No budget in $currency. A table [[alerts.budget]] of the configuration adds one.",
            ),
        ),
    )


def band():
    edge = {"custom__lineWidth": 0, "custom__hideFrom": {"legend": True, "tooltip": False, "viz": False}}
    purple = {"mode": "fixed", "fixedColor": "purple"}
    return [
        by_name("spent", color={"mode": "fixed", "fixedColor": BLUE}, custom__fillOpacity=10),
        by_name("forecast", color=purple, custom__lineStyle={"fill": "dash", "dash": [6, 6]}),
        by_name("at most", color=purple, custom__fillBelowTo="at least", custom__fillOpacity=20, **edge),
        by_name("at least", color=purple, **edge),
    ]


def shares(kind, level, key, name, links):
    """The largest of a kind by month, with its part of all, or by yesterday where the month is not read."""
    by = f"sum by ({key}, currency)"
    month, yesterday = (f"{by} ({recorded(level, window)})" for window in ("month_to_date", "yesterday"))
    rank = f"and on ({key}) {largest(TOP, month, yesterday)}"
    label = f"{kind}_name" if kind != "type" else "resource_type"
    dress = (
        (lambda expression: named(f"{expression} {rank}", kind))
        if kind != "type"
        else (lambda expression: f"{expression} {rank}")
    )
    columns = [
        linked(name, label, links),
        money("Yesterday", dress(yesterday)),
        money("Month", dress(month)),
        Column(
            "Share",
            query=dress(f"{month} / on () group_left () (sum({recorded(level, 'month_to_date')}) > 0)"),
            unit="percentunit",
            decimals=0,
            width=110,
            look=GAUGE,
        ),
    ]
    if kind != "type":
        columns.append(hidden(f"{kind}_id"))
    return table(
        f"Largest {kind}s, $currency",
        f"The {TOP} {kind}s that cost most this month, and their share of all. A click breaks one down.",
        columns,
        sort="Month",
        empty=NEW_DAY,
    )


def lists(board):
    board.row(
        7,
        (8, shares("project", "account_project", "account, project_id", "Project", to_breakdown(project="project_id"))),
        (
            8,
            shares(
                "region", "account_project_region", "account, region_id", "Region", to_breakdown(region="region_id")
            ),
        ),
        (8, shares("type", "account_project_type", "account, resource_type", "Type", to_breakdown(type="Type"))),
    )


def alerts(board):
    board.row(8, (12, firing()), (12, unusual()))


def dashboard():
    board = Dashboard(
        "gcore-overview",
        "Gcore billing: Overview",
        "What the cloud costs today, this month, and where it goes",
        variables(by_id("project"), exporter_url()),
        annotations=annotations(),
    )
    figures(board)
    days(board)
    lists(board)
    alerts(board)
    return board
