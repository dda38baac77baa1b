"""Background tasks of the billing system: what failed, what is stuck, and how old it is."""

from model import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, Column, Dashboard, by_name, query, series, stat, steps, table
from parts import annotations, coloured, variables
from promql import ACCOUNT, first_of

NONE = "No report task: the key may not read them, or the collector is off"
STUCK = steps(GREEN, (3600, YELLOW), (7200, RED))
COLOURS = {"Completed": GREEN, "InProgress": BLUE, "Pending": "light-blue", "Failed": RED, "Cancelled": GREY}


def tasks(status):
    return f'max by (account, task_type, status) (gcore_report_tasks{{{ACCOUNT}, status=~"{status}"}})'


def figures(board):
    oldest = f"time() - min(min by (account) (gcore_report_task_oldest_unfinished_timestamp_seconds{{{ACCOUNT}}}))"
    stuck = f"count(max by (account, task_type, status) (gcore_report_task_oldest_unfinished_timestamp_seconds{{{ACCOUNT}}}) < time() - 7200)"
    notes = f'sum(max by (account, task_type) (gcore_report_task_notes{{{ACCOUNT}, severity="error"}}))'
    look = {"graph": "none", "text": "value", "unit": "locale"}
    board.row(
        4,
        (
            5,
            stat(
                "Failed",
                "Tasks of the last days (collect.reports.look_back) that failed.",
                query(f"sum({tasks('Failed')})", instant=True),
                limits=steps(GREEN, (1, RED)),
                empty=NONE,
                **look,
            ),
        ),
        (
            5,
            stat(
                "Unfinished",
                "Tasks that wait or run.",
                query(f"sum({tasks('Pending|InProgress')})", instant=True),
                empty=NONE,
                **look,
            ),
        ),
        (
            5,
            stat(
                "Stuck",
                "Types and states of which a task has not ended for two hours.",
                query(first_of(stuck, "vector(0)"), instant=True),
                limits=steps(GREEN, (1, ORANGE)),
                **look,
            ),
        ),
        (
            5,
            stat(
                "Oldest unfinished",
                "How long ago the oldest task that has not ended was created.",
                query(oldest, instant=True),
                limits=STUCK,
                empty="All have ended",
                **{**look, "unit": "s"},
                decimals=0,
            ),
        ),
        (
            4,
            stat(
                "Errors noted",
                "Errors in the notes of the newest task of each type.",
                query(first_of(notes, "vector(0)"), instant=True),
                limits=steps(GREEN, (1, ORANGE)),
                **look,
            ),
        ),
    )


def lists(board):
    by_status = lambda status: f'max by (account, task_type) (gcore_report_tasks{{{ACCOUNT}, status="{status}"}})'
    columns = [Column("Type", label="task_type", wide=120), Column("Account", label="account", width=100)]
    for status in COLOURS:
        look = coloured(steps(GREY, (1, COLOURS[status])))
        columns.append(Column(status, query=by_status(status), unit="locale", width=96, look=look))
    age = lambda family: (
        f"time() - max by (account, task_type) (gcore_report_task_{family}_timestamp_seconds{{{ACCOUNT}}})"
    )
    noted = lambda severity: (
        f'max by (account, task_type) (gcore_report_task_notes{{{ACCOUNT}, severity="{severity}"}})'
    )
    board.row(
        7,
        (
            14,
            table(
                "Tasks by type and status",
                "How many tasks of each type were created within the look-back, by how they stand now.",
                columns,
                sort="Failed",
                empty=NONE,
            ),
        ),
        (
            10,
            table(
                "Unfinished tasks",
                "The age of the oldest task of each type that has not ended. A task that is older than the look-back is not seen.",
                [
                    Column("Type", label="task_type", wide=110),
                    Column("Status", label="status", width=100),
                    Column(
                        "Age",
                        query=f"time() - min by (account, task_type, status) (gcore_report_task_oldest_unfinished_timestamp_seconds{{{ACCOUNT}}})",
                        unit="s",
                        decimals=0,
                        width=110,
                        look=coloured(STUCK),
                    ),
                ],
                sort="Age",
                empty="All have ended",
            ),
        ),
    )
    board.row(
        7,
        (
            14,
            table(
                "Last ends by type",
                "How long ago the newest task of each type was completed, and failed; and what its newest task notes.",
                [
                    Column("Type", label="task_type", wide=120),
                    Column("Completed", query=age("last_completed"), unit="s", decimals=0, width=110),
                    Column("Failed", query=age("last_failed"), unit="s", decimals=0, width=110),
                    Column("Errors", query=noted("error"), unit="locale", width=90),
                    Column("Warnings", query=noted("warning"), unit="locale", width=90),
                ],
                sort="Failed",
                descending=False,
                empty=NONE,
            ),
        ),
        (
            10,
            table(
                "Failures counted",
                "Failed tasks since the exporter keeps its store, each counted once.",
                [
                    Column("Type", label="task_type", wide=110),
                    Column("Account", label="account", width=100),
                    Column(
                        "Failures",
                        query=f"max by (account, task_type) (gcore_report_task_failures_total{{{ACCOUNT}}})",
                        unit="locale",
                        width=100,
                    ),
                ],
                sort="Failures",
                empty=NONE,
            ),
        ),
    )


def history(board):
    hourly = f"sum by (status) (max by (account, task_type, status) (gcore_report_tasks{{{ACCOUNT}}}))"
    counted = f"gcore_report_task_failures_total{{{ACCOUNT}}}[1d] offset -1d"
    grown = (
        f"sum by (task_type) (max by (account, task_type) (max_over_time({counted}) - min_over_time({counted})) > 0)"
    )
    board.row(
        9,
        (
            14,
            series(
                "Tasks by status",
                "How many tasks of the look-back there were in each status.",
                query(hourly, "{{status}}"),
                stacked=True,
                fill=40,
                unit="locale",
                decimals=0,
                overrides=[
                    by_name(name, color={"mode": "fixed", "fixedColor": colour}) for name, colour in COLOURS.items()
                ],
                empty=NONE,
                soft_max=5,
                interval="15m",
            ),
        ),
        (
            10,
            series(
                "New failures by day",
                "How many more tasks had failed at the end of a UTC day than at its start.",
                query(grown, "{{task_type}}"),
                bars=True,
                stacked=True,
                unit="locale",
                decimals=0,
                interval="1d",
                soft_max=4,
                empty="No task has failed since Prometheus knows them",
            ),
        ),
    )


def dashboard():
    board = Dashboard(
        "gcore-reports",
        "Gcore billing: Report tasks",
        "Background tasks of the billing system",
        variables(money=False),
        since="now-7d",
        annotations=annotations()[:2],
    )
    figures(board)
    lists(board)
    history(board)
    return board
