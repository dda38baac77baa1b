"""Variables, links, annotations and table columns that several dashboards share."""

from model import COLOURED, DATASOURCE, MONEY, Column, variable
from promql import ACCOUNT, WINDOWS
from promql import MONEY as PRICED

EXPORTER_URL = "https://gcore-billing.example.com"
ANY_WINDOW = f'{{__name__=~"gcore_cost_({WINDOWS})_amount", {ACCOUNT}}}'
BREAKDOWN = (
    "/d/gcore-breakdown/?${datasource:queryparam}&${account:queryparam}&${currency:queryparam}&${__url_time_range}"
)


def names(kind):
    """Ids with their names; in the minutes after midnight, in which no cost is known, those of the day before."""
    rule = f"account_{kind}:gcore_{kind}_info:name{{{ACCOUNT}}}"
    ids = f"account, {kind}_id, {kind}_name"
    return (
        f"query_result(group by ({kind}_id, {kind}_name) ({rule} or on (account, {kind}_id)"
        f" topk by (account, {kind}_id) (1, group by ({ids}) (last_over_time({rule}[1d])))))"
    )


def by_id(kind):
    """A variable that is chosen by name and matched by id."""
    return variable(
        kind,
        kind.capitalize(),
        "Chosen by name, matched by id, since names change and may hold any character",
        names(kind),
        regex=rf'/{kind}_id="(?<value>[^"]*)",{kind}_name="(?<text>[\s\S]*)"\}}/',
    )


def variables(*further, money=True):
    """Those that every dashboard has, and further ones."""
    source = {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "description": "The Prometheus that scrapes the exporter",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "current": {"text": "", "value": ""},
        "hide": 0,
        "options": [],
        "skipUrlSync": False,
    }
    account = variable(
        "account", "Account", "The account's name in the exporter's configuration", "label_values(gcore_up, account)"
    )
    currency = variable(
        "currency",
        "Currency",
        "One at a time: two currencies are never added",
        f"label_values({ANY_WINDOW}, currency)",
        multi=False,
    )
    return [source, account, *([currency] if money else []), *further]


def type_variable():
    return variable(
        "type",
        "Type",
        "The resource type, under the name that the API gives it",
        f"label_values({ANY_WINDOW}, resource_type)",
    )


def filters():
    """Ad-hoc filters: Grafana adds them to each query."""
    return {
        "type": "adhoc",
        "name": "filters",
        "label": "Filters",
        "description": "Further conditions on labels, added to each query",
        "datasource": DATASOURCE,
        "hide": 0,
        "skipUrlSync": False,
    }


def exporter_url():
    """Where links to runbooks lead: the placeholder is the one of the alert rules."""
    return {
        "type": "constant",
        "name": "exporter",
        "label": "Exporter",
        "description": "Where readers reach the exporter: runbooks are there",
        "query": EXPORTER_URL,
        "current": {"text": EXPORTER_URL, "value": EXPORTER_URL},
        "hide": 2,
        "skipUrlSync": True,
        "options": [],
    }


def annotation(name, expression, colour, title, words, enable=True):
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": enable,
        "hide": False,
        "iconColor": colour,
        "expr": expression,
        "step": "10m",
        "titleFormat": title,
        "textFormat": words,
    }


def annotations():
    """What fired and what was out of the usual, over every chart. Warnings are many, so they begin switched off."""
    alerts = (
        'max by (account, alertname, severity, budget, resource_type) (gcore_alert_firing{%s, severity%s"critical"})'
    )
    words = "{{account}} {{budget}} {{resource_type}}"
    anomalies = f'max by (account, currency) (gcore_anomaly_score{{{PRICED}, project_id="__all__", resource_type="__all__"}}) > 1'
    return [
        annotation("Critical alerts", alerts % (ACCOUNT, "="), "red", "{{alertname}}", words),
        annotation("Other alerts", alerts % (ACCOUNT, "!="), "orange", "{{alertname}}", words, enable=False),
        annotation(
            "Anomalies", anomalies, "purple", "Yesterday was out of the usual", "Account {{account}}, {{currency}}"
        ),
    ]


def to_breakdown(**chosen):
    """A link to the breakdown of what a row names, such as project='project_id'."""
    values = "".join(f"&var-{name}=${{__data.fields.{label}}}" for name, label in chosen.items())
    return [{"title": "Break it down", "url": BREAKDOWN + values, "targetBlank": False}]


def money(title, query, width=90, **rest):
    return Column(title, query=query, unit=MONEY, decimals=2, width=width, **rest)


def linked(title, label, links, wide=90):
    return Column(title, label=label, wide=wide, look={"links": links})


def hidden(label):
    return Column(label, label=label, hidden=True)


def coloured(limits):
    """A number in the colour of its threshold."""
    return {**COLOURED, "color": {"mode": "thresholds"}, "thresholds": limits}
