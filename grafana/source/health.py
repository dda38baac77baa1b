"""How the exporter itself fares. Figures of a process have its instance; those of an account are the worse of two daemons."""

from model import (
    COLOURED,
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
from parts import annotations, coloured, filters, variables
from promql import ACCOUNT, first_of

YES_NO = words(_1=("yes", GREEN), _0=("no", RED))
QUIET = {"spanNulls": False}
RATE = "[$__rate_interval]"


def by(labels, family, how="max", more=""):
    return f"{how} by ({labels}) ({family}{{{ACCOUNT}{more}}})"


def here(family):
    """A figure of a process; only where the exporter is."""
    return f"max by (instance) ({family} and on (job, instance) gcore_exporter_build_info)"


def figures(board):
    supported = f"gcore_collector_supported{{{ACCOUNT}}} == 0"
    late = (
        f"max((time() - {by('account, collector', 'gcore_poll_last_success_timestamp_seconds')}) / on (account, collector)"
        f" (clamp_min({by('account, collector', 'gcore_poll_interval_seconds', more=f', collector!={chr(34)}history{chr(34)}')}, 100)"
        f" or clamp_min({by('account, collector', 'gcore_poll_interval_seconds', more=f', collector={chr(34)}history{chr(34)}')}, 600))"
        f" unless on (account, collector) ({supported}))"
    )
    look = {"graph": "none", "text": "value", "unit": "locale"}
    zero = "vector(0)"
    board.row(
        4,
        (
            4,
            stat(
                "Failing collectors",
                "Collectors whose last poll was not wholly good, those that the key may not read apart.",
                query(
                    first_of(
                        f"count({by('account, collector', 'gcore_up', 'min')} == 0 unless on (account, collector) {supported})",
                        zero,
                    ),
                    instant=True,
                ),
                limits=steps(GREEN, (1, RED)),
                **look,
            ),
        ),
        (
            4,
            stat(
                "Not readable",
                "Collectors that the API refuses with 403 or 404: the key may not read them, or the account has no such endpoint.",
                query(
                    first_of(f"count({by('account, collector', 'gcore_collector_supported', 'min')} == 0)", zero),
                    instant=True,
                ),
                **look,
            ),
        ),
        (
            4,
            stat(
                "Access lost",
                "Collectors that could be read before and are refused now.",
                query(first_of(f"sum({by('account, collector', 'gcore_collector_access_lost')})", zero), instant=True),
                limits=steps(GREEN, (1, RED)),
                **look,
            ),
        ),
        (
            4,
            stat(
                "Age in intervals",
                "The last good poll of the collector that is furthest behind, in its own intervals. Above 3 an alert fires.",
                query(late, instant=True),
                limits=steps(GREEN, (2, YELLOW), (3, RED)),
                **{**look, "unit": "none"},
                decimals=1,
                empty="No poll has succeeded yet",
            ),
        ),
        (
            4,
            stat(
                "Alerts waiting",
                "Alerts and messages that no channel has taken yet.",
                query(first_of(f"sum({here_by_channel('gcore_notification_queue_length')})", zero), instant=True),
                limits=steps(GREEN, (1, ORANGE)),
                **look,
            ),
        ),
        (
            4,
            stat(
                "Series dropped",
                "Groups without a series of their own, because a family reached metrics.series_limit. Of the exporter with the most.",
                query(first_of("sum(max by (family) (gcore_series_dropped))", zero), instant=True),
                limits=steps(GREEN, (1, ORANGE)),
                **look,
            ),
        ),
    )


def here_by_channel(family):
    return f"max by (channel) ({family})"


def polls(board):
    key = "account, collector"
    board.heading("Polls")
    reason = f"sum by (collector, reason) (increase(gcore_poll_failures_total{{{ACCOUNT}}}{RATE})) > 0"
    spent = (
        f"sum by (collector) (rate(gcore_poll_duration_seconds_sum{{{ACCOUNT}}}{RATE}))"
        f" / (sum by (collector) (rate(gcore_poll_duration_seconds_count{{{ACCOUNT}}}{RATE})) > 0)"
    )
    since = lambda family: f"time() - {by(key, family)}"
    board.row(
        10,
        (
            14,
            table(
                "Collectors",
                "The last poll of each. Good: it read everything whole. Readable: the API does not refuse it.",
                [
                    Column("Collector", label="collector", wide=100),
                    Column("Account", label="account", wide=80),
                    Column("Good", query=by(key, "gcore_up", "min"), width=64, look={**COLOURED, "mappings": YES_NO}),
                    Column(
                        "Readable",
                        query=by(key, "gcore_collector_supported", "min"),
                        width=80,
                        look={**COLOURED, "mappings": YES_NO},
                    ),
                    Column(
                        "Last good",
                        query=since("gcore_poll_last_success_timestamp_seconds"),
                        unit="s",
                        decimals=0,
                        width=90,
                    ),
                    Column(
                        "Last poll",
                        query=since("gcore_poll_last_attempt_timestamp_seconds"),
                        unit="s",
                        decimals=0,
                        width=84,
                    ),
                    Column("Interval", query=by(key, "gcore_poll_interval_seconds"), unit="s", decimals=0, width=80),
                    Column("Polls", query=f"sum by ({key}) (gcore_polls_total{{{ACCOUNT}}})", unit="locale", width=80),
                ],
                sort="Last good",
                empty="No poll has ended yet. Is the exporter scraped?",
            ),
        ),
        (
            10,
            series(
                "Duration of a poll",
                "How long a poll takes on average, with all its requests, waits and retries.",
                query(spent, "{{collector}}"),
                unit="s",
                soft_max=1,
                legend="right",
                width=130,
                empty="No poll within this range",
            ),
        ),
    )
    board.row(
        8,
        (
            8,
            series(
                "Failed polls by reason",
                "Polls that were not wholly good. The reasons are explained in docs/metrics.md.",
                query(reason, "{{collector}}: {{reason}}"),
                bars=True,
                stacked=True,
                unit="locale",
                soft_max=4,
                interval="15m",
                empty="No poll failed",
            ),
        ),
        (
            8,
            series(
                "Rejected records",
                "Rows that could not be read; those around them count.",
                query(
                    f"sum by (collector, reason) (increase(gcore_rejected_records_total{{{ACCOUNT}}}{RATE})) > 0",
                    "{{collector}}: {{reason}}",
                ),
                bars=True,
                stacked=True,
                unit="locale",
                soft_max=4,
                interval="15m",
                empty="No row was rejected",
            ),
        ),
        (
            8,
            series(
                "Days in the store",
                "How many UTC days of costs and usage the history holds.",
                query(by("account, collector", "gcore_history_readings"), "{{account}}: {{collector}}"),
                unit="locale",
                soft_max=35,
                empty="The history is off",
            ),
        ),
    )


def requests(board):
    board.heading("Requests to the API")
    rate = lambda family, more="": f"sum by (endpoint) (rate({family}{{{ACCOUNT}}}{RATE}))"
    quantile = f"histogram_quantile(0.95, sum by (le, endpoint) (rate(gcore_api_request_duration_seconds_bucket{{{ACCOUNT}}}{RATE}))) >= 0"
    failed = lambda family: f"sum by (reason) (increase({family}{{{ACCOUNT}}}{RATE})) > 0"
    board.row(
        9,
        (
            12,
            series(
                "API calls",
                "Requests sent each second, repeated ones included.",
                query(rate("gcore_api_requests_total"), "{{endpoint}}"),
                unit="reqps",
                legend="right",
                width=290,
                soft_max=0.1,
                empty="No request within this range",
            ),
        ),
        (
            12,
            series(
                "Duration of an API call, 95th percentile",
                "From sending a request to the last byte of its answer.",
                query(quantile, "{{endpoint}}"),
                unit="s",
                legend="right",
                width=290,
                soft_max=0.5,
                empty="No request within this range",
            ),
        ),
    )
    board.row(
        8,
        (
            8,
            series(
                "Failed calls and retries",
                "Requests without a usable answer, and those that were repeated, by reason.",
                query(failed("gcore_api_request_failures_total"), "failed: {{reason}}"),
                query(failed("gcore_api_retries_total"), "retried: {{reason}}"),
                bars=True,
                unit="locale",
                soft_max=4,
                interval="15m",
                empty="No call failed",
            ),
        ),
        (
            8,
            series(
                "Bytes read",
                "Usable answers, decompressed.",
                query(f"sum(rate(gcore_api_response_bytes_total{{{ACCOUNT}}}{RATE}))", "bytes"),
                unit="Bps",
                legend="none",
                fill=20,
                empty="No answer within this range",
            ),
        ),
        (
            8,
            series(
                "Pages read",
                "Pages that were read completely.",
                query(rate("gcore_api_pages_total"), "{{endpoint}}"),
                unit="ops",
                legend="none",
                soft_max=0.1,
                empty="No answer within this range",
            ),
        ),
    )


def quality(board):
    board.heading("What the figures are worth")
    window = "account, collector, window"
    stamp = lambda name: f"1000 * {by(window, f'gcore_window_{name}_timestamp_seconds')}"
    key = "account, currency, window"
    board.row(
        11,
        (
            12,
            table(
                "Windows",
                "What each window covers. Settled: corrections are no longer expected.",
                [
                    Column("Collector", label="collector", width=84),
                    Column("Window", label="window", wide=126),
                    Column("Account", label="account", wide=70),
                    Column("From", query=stamp("start"), unit="time:YYYY-MM-DD", width=100),
                    Column("To", query=stamp("end"), unit="time:YYYY-MM-DD", width=100),
                    Column(
                        "Settled",
                        query=by(window, "gcore_window_settled", "min"),
                        width=76,
                        look={"mappings": words(_1=("yes", GREEN), _0=("no", GREY))},
                    ),
                ],
                sort="Window",
                descending=False,
                empty="No window has a reading: the day has just begun, or polls fail",
            ),
        ),
        (
            12,
            table(
                "Costs against the API's own totals",
                "The sum of all cost series less the total. A difference above the tolerance in a settled window means that rows were missed"
                " or priced twice. A running day grows between the requests.",
                [
                    Column("Window", label="window", wide=120),
                    Column("Currency", label="currency", width=84),
                    Column("Account", label="account", wide=76),
                    Column(
                        "Difference",
                        query=by(key, "gcore_cost_reconciliation_difference_amount"),
                        unit=MONEY,
                        decimals=5,
                        width=110,
                    ),
                    Column(
                        "Tolerance",
                        query=by(key, "gcore_cost_reconciliation_tolerance_amount"),
                        unit=MONEY,
                        decimals=5,
                        width=110,
                    ),
                ],
                sort="Window",
                descending=False,
                empty="The totals could not be read",
            ),
        ),
    )
    priced = f"max by (account, status) (gcore_cost_price_status{{{ACCOUNT}}}) == 1"
    board.row(
        7,
        (
            3,
            stat(
                "Price status",
                "What the cost report says of its own prices.",
                query(priced, "{{status}}", instant=True),
                text="name",
                graph="none",
                overrides=[
                    by_name("show", color={"mode": "fixed", "fixedColor": GREEN}),
                    by_name("hide", color={"mode": "fixed", "fixedColor": ORANGE}),
                    by_name("error", color={"mode": "fixed", "fixedColor": RED}),
                ],
                unit="none",
                empty="Costs are read by totals, which do not say it",
            ),
        ),
        (
            3,
            stat(
                "Behind",
                "How far behind the newest record of the reports is.",
                query(
                    f"time() - {by('collector', 'gcore_data_through_timestamp_seconds')}", "{{collector}}", instant=True
                ),
                unit="s",
                decimals=0,
                graph="none",
                text="value_and_name",
                limits=steps(GREEN, (10800, YELLOW), (86400, RED)),
                empty="Not known for costs that are read by totals",
            ),
        ),
        (
            6,
            table(
                "Records without a price",
                "Rows of the month whose money is in no sum.",
                [
                    Column("Type", label="resource_type", wide=100),
                    Column("Reason", label="reason", width=86),
                    Column(
                        "Records",
                        query=f"max by (account, resource_type, reason) (topk(5, gcore_cost_unpriced_records{{{ACCOUNT}}} > 0))",
                        unit="locale",
                        width=84,
                    ),
                ],
                sort="Records",
                empty="Every record has a price",
            ),
        ),
        (
            12,
            table(
                "Series of the families",
                "The five families that are nearest to metrics.series_limit. Dropped groups are folded into __other__.",
                [
                    Column("Family", label="family", wide=296),
                    Column("Series", query=f"max by (family) (gcore_series) {nearest()}", unit="locale", width=76),
                    Column("Limit", query=f"max by (family) (gcore_series_limit) {nearest()}", unit="locale", width=76),
                    Column(
                        "Dropped",
                        query=f"max by (family) (gcore_series_dropped) {nearest()}",
                        unit="locale",
                        width=80,
                        look=coloured(steps(GREY, (1, ORANGE))),
                    ),
                ],
                sort="Series",
                empty="The exporter is not scraped",
            ),
        ),
    )


def nearest():
    return "and on (family) topk(5, max by (family) (gcore_series / gcore_series_limit))"


def notifications(board):
    board.heading("Notifications and alerts")
    channel = "max by (channel)"
    board.row(
        8,
        (
            12,
            table(
                "Channels",
                "Each channel of alerts: whether it takes notifications, and how many wait or were given up.",
                [
                    Column("Channel", label="channel", wide=150),
                    Column(
                        "Takes",
                        query="min by (channel) (gcore_notification_up)",
                        width=60,
                        look={**COLOURED, "mappings": YES_NO},
                    ),
                    Column(
                        "Waiting",
                        query=f"{channel} (gcore_notification_queue_length)",
                        unit="locale",
                        width=70,
                        look=coloured(steps(GREEN, (1, ORANGE))),
                    ),
                    Column(
                        "Given up",
                        query=f"{channel} (gcore_notification_dead_letters)",
                        unit="locale",
                        width=80,
                        look=coloured(steps(GREEN, (1, RED))),
                    ),
                    Column("Sent", query="sum by (channel) (gcore_notifications_total)", unit="locale", width=60),
                    Column(
                        "Failed", query="sum by (channel) (gcore_notification_failures_total)", unit="locale", width=65
                    ),
                    Column(
                        "Last taken",
                        query=f"time() - {channel} (gcore_notification_last_success_timestamp_seconds)",
                        unit="s",
                        decimals=0,
                        width=100,
                    ),
                ],
                sort="Waiting",
                empty="No channel is configured: a table below [notify] adds one",
            ),
        ),
        (
            6,
            series(
                "Failed notifications",
                "Requests to channels that were not taken, by reason.",
                query(
                    f"sum by (channel, reason) (increase(gcore_notification_failures_total{RATE})) > 0",
                    "{{channel}}: {{reason}}",
                ),
                bars=True,
                unit="locale",
                soft_max=4,
                interval="15m",
                empty="No request failed",
            ),
        ),
        (
            6,
            series(
                "Alerts of the exporter",
                "How many are pending, firing, or resolved within the last quarter of an hour.",
                query("sum by (state) (max by (alertname, severity, state) (gcore_alerts))", "{{state}}"),
                unit="locale",
                soft_max=4,
                overrides=[
                    by_name("firing", color={"mode": "fixed", "fixedColor": RED}),
                    by_name("pending", color={"mode": "fixed", "fixedColor": YELLOW}),
                    by_name("resolved", color={"mode": "fixed", "fixedColor": GREEN}),
                ],
                empty="No alert fires",
            ),
        ),
    )


def process(board):
    board.heading("The process")
    build = "max by (instance, version, revision, rustc) (gcore_exporter_build_info)"
    build_in = f"{build} * on (instance) group_left () "
    board.row(
        5,
        (
            24,
            table(
                "Builds and their state",
                "Each process of the exporter that is scraped.",
                [
                    Column("Instance", label="instance", wide=120),
                    Column("Version", label="version", wide=70),
                    Column("Revision", label="revision", wide=90),
                    Column("rustc", label="rustc", wide=76),
                    Column(
                        "Up for",
                        query=build_in + f"(time() - {here('process_start_time_seconds')})",
                        unit="s",
                        decimals=0,
                        width=90,
                    ),
                    Column(
                        "Reload taken",
                        query=build_in + here("gcore_config_last_reload_successful"),
                        width=104,
                        look={**COLOURED, "mappings": YES_NO},
                    ),
                    Column(
                        "Configured",
                        query=build_in + f"(time() - {here('gcore_config_last_reload_success_timestamp_seconds')})",
                        unit="s",
                        decimals=0,
                        width=100,
                    ),
                    Column(
                        "Store written",
                        query=build_in + here("gcore_store_writable"),
                        width=106,
                        look={**COLOURED, "mappings": YES_NO},
                    ),
                    Column(
                        "Damages",
                        query=build_in + here("gcore_store_damages_total"),
                        unit="locale",
                        width=84,
                        look=coloured(steps(GREY, (1, RED))),
                    ),
                    Column("Threads", query=build_in + here("process_threads"), unit="locale", width=80),
                ],
                sort="Instance",
                descending=False,
                empty="No exporter is scraped",
            ),
        ),
    )
    lines = {"legend": "list"}
    board.row(
        8,
        (
            8,
            series(
                "Memory",
                "Resident memory, and the address space that is reserved.",
                query(here("process_resident_memory_bytes"), "{{instance}} resident"),
                query(here("process_virtual_memory_bytes"), "{{instance}} virtual"),
                unit="bytes",
                empty="No exporter is scraped",
                **lines,
            ),
        ),
        (
            8,
            series(
                "CPU",
                "Processor time each second: 1 is one core.",
                query(
                    "max by (instance) (rate(process_cpu_seconds_total[$__rate_interval]) and on (job, instance) gcore_exporter_build_info)",
                    "{{instance}}",
                ),
                unit="percentunit",
                soft_max=0.05,
                empty="No exporter is scraped",
                **lines,
            ),
        ),
        (
            8,
            series(
                "Open files",
                "Open file descriptors and their limit.",
                query(here("process_open_fds"), "{{instance}} open"),
                query(here("process_max_fds"), "{{instance}} limit"),
                unit="locale",
                empty="No exporter is scraped",
                **lines,
            ),
        ),
    )


def dashboard():
    board = Dashboard(
        "gcore-health",
        "Gcore billing: Exporter health",
        "Whether the figures can be trusted, and how the exporter fares",
        variables(filters(), money=False),
        since="now-24h",
        annotations=annotations()[:2],
    )
    for part in (figures, polls, requests, quality, notifications, process):
        part(board)
    return board
