"""Holds the answers of a daemon against docs/openapi.yaml."""

import csv
import io
import itertools
import json
from decimal import Decimal
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/openapi.yaml"
# Values of parameters that the document leaves open.
OPEN = {"account": lambda daemon: [account["account"] for account in daemon.json("/api/v1/status")["accounts"]]}
BAD = ["nothing=1", "account=none%00", "account=a&account=a", "=", "%ff=%fe", "x" * 5000]


def faults(daemon):
    document = yaml.safe_load(DOCUMENT.read_text())
    found = []
    if daemon.get("/api/v1/openapi.yaml")[2] != DOCUMENT.read_text():
        found.append("/api/v1/openapi.yaml is not docs/openapi.yaml")
    for path, item in document["paths"].items():
        operation = item["get"]
        parameters = [resolved(document, one) for one in operation.get("parameters", [])]
        for query in queries(daemon, parameters):
            found += answer_faults(document, daemon, path, operation, query, "200")
        for query in BAD:
            found += answer_faults(document, daemon, path, operation, query, "400")
        for parameter in (one for one in parameters if one["name"] != "account"):
            found += answer_faults(document, daemon, path, operation, f"{parameter['name']}=wrong", "400")
        if (status := daemon.get(path, method="POST")[0]) != 405:
            found.append(f"POST {path}: {status}")
    return found + sums(daemon)


def resolved(document, part):
    while "$ref" in part:
        target = document
        for key in part["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        part = target
    return part


def values(daemon, parameter):
    """Every allowed value of a parameter; of a list, each subset, and the whole backwards."""
    schema = parameter["schema"]
    if "enum" in schema:
        return schema["enum"]
    if schema["type"] == "array":
        words = schema["items"]["enum"]
        sets = [subset for size in range(len(words) + 1) for subset in itertools.combinations(words, size)]
        return [*(",".join(subset) for subset in sets), ",".join(words[::-1])]
    return OPEN[parameter["name"]](daemon)


def queries(daemon, parameters):
    """No query, every value, and every pair of values of two parameters."""
    yield ""
    choices = [[f"{one['name']}={value}" for value in values(daemon, one)] for one in parameters]
    yield from itertools.chain(*choices)
    for one, other in itertools.combinations(choices, 2):
        yield from map("&".join, itertools.product(one, other))


def answer_faults(document, daemon, path, operation, query, wanted):
    name = f"{path}?{query[:80]}"
    status, headers, text = daemon.get(f"{path}?{query}" if query else path)
    if str(status) != wanted:
        return [f"{name}: {status} instead of {wanted}"]
    content = resolved(document, operation["responses"][wanted])["content"]
    kind = headers["Content-Type"].split(";")[0]
    if kind not in content:
        return [f"{name}: the type {kind} is not documented"]
    if kind != "application/json":
        return []
    schema = {**content[kind]["schema"], "components": document["components"]}
    return [
        f"{name}: {'/'.join(map(str, error.path))}: {error.message[:200]}"
        for error in Draft202012Validator(schema).iter_errors(json.loads(text))
    ]


def sums(daemon):
    """JSON and CSV have the same sums, and every grouping the same total."""
    found, totals = [], {}
    for group_by in ["", "account", "project", "account,project,region,resource_type"]:
        path = f"/api/v1/costs?window=previous_month&group_by={group_by}"
        rows = daemon.json(path)["costs"]
        table = list(csv.DictReader(io.StringIO(daemon.get(path, {"Accept": "text/csv"})[2])))
        if [row["amount"] for row in rows] != [row["amount"] for row in table if row["amount"]]:
            found.append(f"{path}: CSV has other amounts than JSON")
        total = {}
        for row in rows:
            total[row["currency"]] = total.get(row["currency"], 0) + Decimal(row["amount"])
        totals[group_by] = total
    # By value: a sum may end with a zero.
    if any(total != totals[""] for total in totals.values()):
        found.append(f"the totals of /api/v1/costs depend on the grouping: {totals}")
    return found
