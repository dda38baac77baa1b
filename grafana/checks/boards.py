"""The dashboards as Grafana would ask for them: their variables resolved, their queries with these put in."""

import json
import re
import time

from stack import ROOT, get

FOLDER = ROOT / "grafana/dashboards"
STEPS = {"15m": 900, "1d": 86_400, None: 60}


def load():
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def panels(board):
    return [panel for panel in board["panels"] if panel["type"] not in ("row", "text")]


def targets(board):
    """(panel, query) of each panel."""
    return [(panel, target) for panel in panels(board) for target in panel["targets"]]


def variable_queries(board):
    return [
        (v["name"], v["query"]["query"], v["regex"].strip("/").replace("(?<", "(?P<"))
        for v in board["templating"]["list"]
        if v["type"] == "query"
    ]


class Reader:
    """A person before Grafana: a server, and what they chose."""

    def __init__(self, url, now=None):
        self.url, self.now = url, now or time.time()
        self.chosen = {
            "account": ".*",
            "project": ".*",
            "region": ".*",
            "type": ".*",
            "__rate_interval": "1m",
            "__interval_ms": "3600000",
        }

    def ask(self, path, **parameters):
        answer = json.loads(get(f"{self.url}/api/v1/{path}", **parameters))
        if answer["status"] != "success":
            raise ValueError(answer["error"])
        return answer["data"]

    def put_in(self, text):
        """The text with each variable's value; one that is not known is an error."""
        text = text.replace("${__to:date:seconds}", str(int(self.now)))
        return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: self.chosen[match[1] or match[2]], text)

    def options(self, query, regex):
        """The values of a variable."""
        query = self.put_in(query)
        if match := re.fullmatch(r"label_values\((.*), *(\w+)\)", query):
            found = self.ask("series", **{"match[]": match[1], "start": self.now - 86_400, "end": self.now})
            return sorted({series[match[2]] for series in found if match[2] in series})
        inner = re.fullmatch(r"query_result\((.*)\)", query)[1]
        texts = []
        for series in self.ask("query", query=inner, time=self.now)["result"]:
            labels = ",".join(f'{name}="{value}"' for name, value in series["metric"].items())
            texts.append(f"{{{labels}}} {series['value'][1]} {int(self.now * 1000)}")
        matches = [re.search(regex, text) for text in texts]
        return sorted({match.groupdict().get("value") or match[1] for match in matches if match})

    def answer(self, panel, target):
        """All series of a query: labels and values, the last value last."""
        expression = self.put_in(target["expr"])
        if target["instant"]:
            found = self.ask("query", query=expression, time=self.now)
            return [(series["metric"], [float(series["value"][1])]) for series in found["result"]]
        # As Grafana: the last step is at an even time, up to a step before now.
        step = STEPS[panel.get("interval") or target.get("interval")]
        start = self.now - {86_400: 35 * 86_400, 900: 86_400, 60: 6 * 3600}[step]
        end = self.now if step < 86_400 else self.now // step * step
        found = self.ask("query_range", query=expression, start=start // step * step, end=end, step=step)
        return [(series["metric"], [float(value) for _, value in series["values"]]) for series in found["result"]]
