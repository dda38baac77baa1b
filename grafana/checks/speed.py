"""How long the panels take where there is much: 100,000 series of costs and usage, 500 projects, 30 days.

`python3 grafana/checks/speed.py [SECONDS [PROJECTS]]` prints the slowest queries, and fails where one takes longer than
SECONDS (1). It is no part of the checks, since it takes ten minutes and depends on the machine. Raw series have samples where panels look
for them: around now, a day and a week ago. The recording rules have all theirs of 30 days.
"""

import subprocess
import sys
import time

import boards
from stack import Stack

PROJECTS = int(sys.argv[2]) if len(sys.argv) > 2 else 500
REGIONS, TYPES = 5, 5
HOUR, DAY = 3600, 86_400
WINDOWS = ("today", "yesterday", "month_to_date", "previous_month")


def groups():
    for project in range(PROJECTS):
        for region in range(REGIONS):
            for kind in range(TYPES):
                yield project, region, kind


def dimensions(project, region, kind):
    return (
        f'account="a",project_id="{project}",project_name="project {project}",region_id="{region}",'
        f'region_name="region {region}",resource_type="type {kind}"'
    )


def looked_at(now):
    """The moments of raw series that a panel looks at, each with some samples around it."""
    return [at + step for at in (now - 7 * DAY, now - DAY, now) for step in range(-600, 1, 60)]


def raw(now):
    times = looked_at(now)
    for window in WINDOWS:
        yield f"gcore_cost_{window}_amount", 'currency="EUR"', "group", times
        yield f"gcore_usage_{window}_billing_value", 'unit="minutes"', "group", times


def recorded(now):
    hours = range(now - 30 * DAY, now, HOUR)
    dense = sorted({*hours, *looked_at(now)})
    for window, every in (("yesterday", 3), ("month_to_date", 1)):
        family = f"account_project_region_type:gcore_cost_{window}_amount:max{every}h"
        yield family, 'currency="EUR"', "group", hours[::every]
    for window in WINDOWS:
        yield f"account_project:gcore_cost_{window}_amount:sum", 'currency="EUR"', "project", dense
        yield f"account_project_region:gcore_cost_{window}_amount:sum", 'currency="EUR"', "region", looked_at(now)
        yield f"account_project_type:gcore_cost_{window}_amount:sum", 'currency="EUR"', "type", looked_at(now)
    yield "account_project:gcore_cost_yesterday_amount:sum1h", 'currency="EUR"', "project", hours
    yield "account_project:gcore_project_info:name", "", "project_name", looked_at(now)
    yield "account_region:gcore_region_info:name", "", "region_name", looked_at(now)
    yield "gcore_up", 'collector="cost"', "account", looked_at(now)


def members(level):
    """The labels of each series of a level."""
    if level == "group":
        yield from (dimensions(*group) for group in groups())
    elif level == "account":
        yield 'account="a"'
    elif level == "region_name":
        yield from (f'account="a",region_id="{region}",region_name="region {region}"' for region in range(REGIONS))
    else:
        for project in range(PROJECTS):
            own = f'account="a",project_id="{project}"'
            if level == "project_name":
                yield f'{own},project_name="project {project}"'
            elif level == "region":
                yield from (f'{own},region_id="{region}"' for region in range(REGIONS))
            elif level == "type":
                yield from (f'{own},resource_type="type {kind}"' for kind in range(TYPES))
            else:
                yield own


def write(path, now):
    with path.open("w") as out:
        for made in (raw, recorded):
            for family, label, level, times in made(now):
                out.write(f"# TYPE {family} gauge\n")
                for number, labels in enumerate(members(level)):
                    name = f"{family}{{{labels}{',' if label else ''}{label}}}"
                    value = 1 if family.endswith(":name") else 1 + number % 97
                    out.writelines(f"{name} {value + at % 7 / 10 if value > 1 else 1} {at}\n" for at in times)
        out.write("# EOF\n")


def measure(url, now):
    found = []
    for name, board in boards.load().items():
        reader = boards.Reader(url, now)
        reader.chosen |= {"currency": "EUR", "last_month_days": "31"}
        for panel, target in boards.targets(board):
            times = []
            for _ in range(3):
                begin = time.monotonic()
                reader.answer(panel, target)
                times.append(time.monotonic() - begin)
            found.append((min(times), f"{name}: {panel['title']} {target['refId']}"))
    return sorted(found, reverse=True)


def main():
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else 1
    with Stack() as stack:
        now = int(time.time()) // 60 * 60
        path = stack.folder / "much.om"
        write(path, now)
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=13200h"]
        subprocess.run([*command, str(path), f"{stack.folder}/data"], check=True, capture_output=True)
        path.unlink()
        stack.start_prometheus()
        found = measure(stack.url, now)
    for seconds, what in found[:12]:
        print(f"{seconds:.3f} s  {what}")
    print(f"{len(found)} queries; the slowest takes {found[0][0]:.2f} s")
    sys.exit(found[0][0] > limit)


if __name__ == "__main__":
    main()
