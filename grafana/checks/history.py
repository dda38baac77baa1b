"""A past for a new Prometheus: what scrapes of the last two months would have left there.

The amounts are the exporter's own (`backfill`), as are bands and forecasts (`backtest`). Within a day, costs grow evenly.
The results of the recording rules are what Prometheus itself computes from that.
"""

import csv
import json
import re
import subprocess
import time
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

from stack import KEY, get

DAY = 86_400
SAMPLE = re.compile(r"^(gcore_(?:cost|usage)_daily_\w+)\{(.*)\} (\S+) (\d+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
TODAY = re.compile(r"^gcore_cost_today_amount\{(.*)\} (\S+)$", re.MULTILINE)
BUDGETS = {"shop": (2500, "41001"), "company": (5500, None), "data-platform": (1000, "41002")}


def midnight(day):
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def month_before(day):
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


class Past:
    """The stored days of the account, by the labels of a group."""

    def __init__(self, stack):
        self.stack = stack
        self.now = int(time.time())
        # A sample is seen for five minutes: beside the exporter's own, the past would be a second daemon.
        self.end = self.now - 300
        self.today = datetime.fromtimestamp(self.now, UTC).date()
        self.file = stack.folder / "daily.om"
        first = self.today - timedelta(days=119)
        subprocess.run(
            [
                stack.exporter,
                "backfill",
                f"--config.file={stack.config}",
                f"--from={first}",
                f"--to={self.today - timedelta(days=1)}",
                f"--out={self.file}",
                "--log.level=error",
            ],
            check=True,
        )
        self.cost, self.usage = defaultdict(dict), defaultdict(dict)
        for line in self.file.read_text().splitlines():
            if match := SAMPLE.match(line):
                kind = self.cost if "_cost_" in match[1] else self.usage
                kind[match[2]][datetime.fromtimestamp(int(match[4]), UTC).date()] = float(match[3])
        part_of_day = (self.now - midnight(self.today)) / DAY
        for labels, amount in TODAY.findall(stack.metrics(stack.own)):
            self.cost[labels][self.today] = float(amount) / part_of_day

    def month(self, days, day):
        """What a group cost in the month of a day, before that day."""
        return sum(amount for at, amount in days.items() if at.replace(day=1) == day.replace(day=1) and at < day)


def scrape(labels):
    """As the labels of a scrape that is over."""
    return f'{labels},instance="backfilled",job="gcore-billing-exporter"'


def instants(past):
    """Each hour of 62 days; each five minutes since yesterday and around this time a week ago, where panels look for a moment."""
    first, dense, week_ago = (
        midnight(past.today - timedelta(days=62)),
        midnight(past.today - timedelta(days=1)),
        past.now - 7 * DAY,
    )
    times = [at for at in range(first, past.end, 300) if at >= dense or abs(at - week_ago) < 7200 or at % 3600 == 0]
    # At midnight the exporter withdraws what is of the day before: the last scrape is a moment earlier.
    return [at - 15 if at % DAY == 0 else at for at in times]


def raw(past):
    """Families of costs and usage, with (seconds, amount) for each series."""
    times = instants(past)
    at_days = [(at, datetime.fromtimestamp(at, UTC).date()) for at in times]
    for labels, days in past.cost.items():
        month = {day: past.month(days, day) for day in {day for _, day in at_days}}
        before = {
            first: sum(a for d, a in days.items() if d.replace(day=1) == first)
            for first in {month_before(day) for day in month}
        }
        spent = lambda at, day: days.get(day, 0) * (at - midnight(day)) / DAY
        known = [(at, day) for at, day in at_days if day >= min(days)]
        yield "gcore_cost_today_amount", labels, [(at, spent(at, day)) for at, day in known if day in days]
        yield (
            "gcore_cost_yesterday_amount",
            labels,
            [(at, days[day - timedelta(1)]) for at, day in known if day - timedelta(1) in days],
        )
        yield (
            "gcore_cost_month_to_date_amount",
            labels,
            [(at, month[day] + spent(at, day)) for at, day in known if month[day] or day in days],
        )
        yield (
            "gcore_cost_previous_month_amount",
            labels,
            [(at, before[month_before(day)]) for at, day in at_days if before[month_before(day)]],
        )
    for labels, days in past.usage.items():
        yield (
            "gcore_usage_yesterday_billing_value",
            labels,
            [(at, days[day - timedelta(1)]) for at, day in at_days if day - timedelta(1) in days],
        )


def account_days(past, project=None):
    """What a day cost in each currency, of one project or of all."""
    sums = defaultdict(lambda: defaultdict(float))
    for labels, days in past.cost.items():
        named = dict(LABEL.findall(labels))
        if project in (None, named["project_id"]):
            for day, amount in days.items():
                sums[named["currency"]][day] += amount
    return sums


def bands(past):
    """What the exporter's own detector says of each day of the account."""
    source, out = past.stack.folder / "account.csv", past.stack.folder / "bands.csv"
    rows = [
        (day, currency, f"{amount:.5f}", currency)
        for currency, days in account_days(past).items()
        for day, amount in days.items()
        if day < past.today
    ]
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([("day", "group", "amount", "currency"), *sorted(rows)])
    subprocess.run(
        [past.stack.exporter, "backtest", f"--csv={source}", f"--detections={out}"], check=True, capture_output=True
    )
    found = defaultdict(dict)
    for row in csv.DictReader(out.open()):
        found[row["group"].split(" ")[0]][date.fromisoformat(row["day"])] = row
    every = 'region_id="__all__",resource_type="__all__",project_id="__all__"'
    at_days = [(at, datetime.fromtimestamp(at, UTC).date() - timedelta(1)) for at in instants(past)]
    for currency, days in found.items():
        for column in ("actual", "expected", "upper"):
            values = [
                (at, float(days[day][column])) for at, day in at_days if day in days and days[day]["upper"] != "inf"
            ]
            yield f"gcore_anomaly_{column}_amount", f'account="demo",currency="{currency}",{every}', values


def budgets(past):
    times = [at for at in instants(past) if at >= midnight(past.today.replace(day=1))]
    for budget, (limit, project) in BUDGETS.items():
        days = account_days(past, project)["EUR"]
        spent = []
        for at in times:
            day = datetime.fromtimestamp(at, UTC).date()
            spent.append((at, past.month(days, day) + days.get(day, 0) * (at - midnight(day)) / DAY))
        labels = f'account="demo",budget="{budget}",currency="EUR"'
        yield "gcore_budget_actual_amount", labels, spent
        yield "gcore_budget_used_ratio", labels, [(at, amount / limit) for at, amount in spent]


def forecasts(past):
    """What the exporter's own forecast said on each day of this month."""
    source, out = past.stack.folder / "projects.csv", past.stack.folder / "forecasts.csv"
    names, sums = {}, defaultdict(float)
    for labels, days in past.cost.items():
        named = dict(LABEL.findall(labels))
        group = f"{named['project_id']}/{named['currency']}"
        names[group] = (
            f'account="demo",project_id="{named["project_id"]}",project_name="{named["project_name"]}",currency="{named["currency"]}"'
        )
        for day, amount in days.items():
            sums[day, group] += amount
    with source.open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ("day", "group", "amount"),
                *sorted((day, group, f"{amount:.5f}") for (day, group), amount in sums.items() if day < past.today),
            ]
        )
    subprocess.run(
        [past.stack.exporter, "backtest", f"--csv={source}", f"--forecasts={out}"], check=True, capture_output=True
    )
    at_days = defaultdict(list)
    for at in instants(past):
        at_days[datetime.fromtimestamp(at, UTC).date() - timedelta(1)].append(at)
    found = defaultdict(list)
    for row in csv.DictReader(out.open()):
        for at in at_days[date.fromisoformat(row["day"])]:
            for column, family in (("forecast", ""), ("lower", "_lower"), ("upper", "_upper")):
                found[f"gcore_cost_month_forecast{family}_amount", row["group"]].append((at, float(row[column])))
    for (family, group), samples in found.items():
        yield family, names[group], samples


def tasks(past):
    """Report tasks as a poll at each moment would have counted them, by when the account's own were made and ended."""
    found = json.loads(
        get(f"http://{past.stack.api}/billing/org/v1/reports?limit=100", headers={"Authorization": f"APIKey {KEY}"})
    )
    rows = found["results"] if isinstance(found, dict) else found
    seconds = lambda text: datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    known = [(row["task_type"], row["status"], seconds(row["created_at"]), seconds(row["updated_at"])) for row in rows]
    for kind in sorted({row[0] for row in known}):
        for status in ("Pending", "InProgress", "Completed", "Failed", "Cancelled"):
            count = lambda at: sum(
                1
                for k, s, made, ended in known
                if k == kind
                and at - 7 * DAY < made <= at
                and (s if ended <= at or s in ("Pending", "InProgress") else "InProgress") == status
            )
            yield (
                "gcore_report_tasks",
                f'account="demo",task_type="{kind}",status="{status}"',
                [(at, float(count(at))) for at in instants(past) if at > past.now - 8 * DAY],
            )


def commitments(past):
    for labels, amount in re.findall(
        r"^gcore_commit_month_amount\{(.*)\} (\S+)$", past.stack.metrics(past.stack.own), re.MULTILINE
    ):
        yield (
            "gcore_commit_month_amount",
            labels,
            [(at, float(amount)) for at in instants(past) if at >= midnight(past.today.replace(day=1))],
        )


def write(path, series, before=None):
    """OpenMetrics text: all samples of a family together, as promtool wants them; after what another file has."""
    families = defaultdict(list)
    for family, labels, samples in series:
        families[family].append((labels, samples))
    with path.open("w") as out:
        if before:
            out.write(before.read_text().removesuffix("# EOF\n"))
        for family, members in families.items():
            out.write(f"# TYPE {family} gauge\n")
            for labels, samples in members:
                out.writelines(f"{family}{{{labels}}} {value!r} {at}\n" for at, value in samples)
        out.write("# EOF\n")


def load(stack, path):
    # promtool reads the whole file once for each block, so blocks are long.
    subprocess.run(
        [
            "promtool",
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "--max-block-duration=13200h",
            str(path),
            f"{stack.folder}/data",
        ],
        check=True,
        capture_output=True,
    )


def recorded(past, second):
    """The results of the dashboards' recording rules at each hour, and each five minutes since yesterday; `second`: of those
    that use others."""
    stack = past.stack
    groups = json.loads(get(f"{stack.url}/api/v1/rules"))["data"]["groups"]
    rules = [
        rule
        for group in groups
        if group["file"].endswith("dashboards.yml")
        for rule in group["rules"]
        if (":gcore_" in rule["query"]) == second
    ]
    coarse, dense = midnight(past.today - timedelta(days=62)), midnight(past.today - timedelta(days=1))
    for rule in rules:
        for start, end, step in ((coarse, dense - 3600, 3600), (dense, past.end, 300)):
            answer = json.loads(
                get(f"{stack.url}/api/v1/query_range", query=rule["query"], start=start, end=end, step=step)
            )
            for found in answer["data"]["result"]:
                labels = {k: v for k, v in found["metric"].items() if k != "__name__"}
                yield (
                    rule["name"],
                    ",".join(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in labels.items()),
                    [(at, float(v)) for at, v in found["values"]],
                )


def give_past(stack):
    """Fills the folder of a Prometheus that is not running yet."""
    past = Past(stack)
    path = stack.folder / "scrapes.om"
    write(
        path,
        (
            (family, scrape(labels), samples)
            for made in (raw, bands, budgets, forecasts, tasks, commitments)
            for family, labels, samples in made(past)
        ),
        past.file,
    )
    load(stack, path)
    for second in (False, True):
        server = stack.start_prometheus()
        rules = list(recorded(past, second))
        stack.stop(server)
        write(stack.folder / "rules.om", rules)
        load(stack, stack.folder / "rules.om")
