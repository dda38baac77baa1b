"""The same pages with the vendor's own Python library.

Usage: sdk.py URL DAY PAGE_SIZE
"""

import json
import sys
import time
from collections import defaultdict

from gcore import Gcore


def main() -> None:
    url, day, page_size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    client = Gcore(api_key="bench", base_url=url, default_headers={"Accept-Encoding": "identity"})
    reports = client.cloud.cost_reports
    midnight = f"{day}T00:00:00Z"
    # The first request loads what the library loads late; that happens once, however many rows there are.
    reports.get_detailed(time_from=midnight, time_to=midnight, enable_last_day=True, limit=1)
    before = time.process_time()

    sums: dict[tuple, float] = defaultdict(float)
    rows = 0
    while True:
        page = reports.get_detailed(
            time_from=midnight, time_to=midnight, enable_last_day=True, limit=page_size, offset=rows
        )
        for row in page.results:
            if row.cost is not None:
                sums[row.project_id, row.region_id, row.type, row.currency] += row.cost
        rows += len(page.results)
        if rows >= page.count or not page.results:
            break
    loop_cpu = time.process_time() - before
    print(json.dumps({"rows": rows, "total": sum(sums.values()), "loop_cpu": loop_cpu}))


main()
