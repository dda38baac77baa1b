"""What a user would write: pages with httpx, a dictionary of sums, gauges of prometheus_client.

Usage: httpx_exporter.py URL DAY PAGE_SIZE
"""

import json
import sys
import time
from collections import defaultdict

import httpx
from prometheus_client import CollectorRegistry, Gauge, generate_latest

LABELS = ["project_id", "region_id", "resource_type", "currency"]


def main() -> None:
    url, day, page_size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    registry = CollectorRegistry()
    gauge = Gauge("gcore_cost_today_amount", "Cost of the running UTC day.", LABELS, registry=registry)
    client = httpx.Client(base_url=url, headers={"Authorization": "APIKey bench", "Accept-Encoding": "identity"})
    period = {"time_from": f"{day}T00:00:00Z", "time_to": f"{day}T00:00:00Z", "enable_last_day": True}
    # The first request loads what the library loads late; that happens once, however many rows there are.
    client.post("/cloud/v1/cost_report/resources", json={**period, "limit": 1}).json()
    before = time.process_time()

    sums: dict[tuple, float] = defaultdict(float)
    rows = 0
    while True:
        body = {**period, "limit": page_size, "offset": rows}
        response = client.post("/cloud/v1/cost_report/resources", json=body)
        response.raise_for_status()
        page = response.json()
        for row in page["results"]:
            if row["cost"] is not None:
                sums[row["project_id"], row["region_id"], row["type"], row["currency"]] += row["cost"]
        rows += len(page["results"])
        if rows >= page["count"] or not page["results"]:
            break
    loop_cpu = time.process_time() - before
    for labels, amount in sums.items():
        gauge.labels(*labels).set(amount)
    generate_latest(registry)
    print(json.dumps({"rows": rows, "total": sum(sums.values()), "loop_cpu": loop_cpu}))


main()
