"""Each dashboard, read and written by grafana-foundation-sdk: nothing of it may be lost or changed. It needs that package."""

import json
import re
import sys

import boards
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

# The SDK's annotations know no data source, so it drops what one asks a Prometheus.
NOT_KNOWN = re.compile(r"/annotations/list/\d+/(expr|step|titleFormat|textFormat)$")


def lost(before, after, path=""):
    """Where something is missing or another; defaults that the SDK adds are no matter."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            at = f"{path}/{key}"
            if key in after:
                yield from lost(value, after[key], at)
            elif not NOT_KNOWN.search(at):
                yield f"lost: {at}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=False)):
            yield from lost(*pair, f"{path}/{index}")
    elif before != after:
        yield f"changed: {path}: {before!r} became {after!r}"


def main():
    register_default_plugins()
    found = []
    for name, board in boards.load().items():
        again = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
        found += [f"{name}: {fault}" for fault in lost(board, again)]
    print("\n".join(found) or "grafana-foundation-sdk loses nothing")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
