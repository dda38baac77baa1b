"""The queries that several dashboards share.

Three rules hold in all of them. Two daemons on one account count once: `max by` the ids comes before every sum. Names are
joined last, so a renamed project is one row. `currency` is one value or a label that remains, so no two are added.
"""

ACCOUNT = 'account=~"$account"'
MONEY = f'{ACCOUNT}, currency="$currency"'
PROJECTS = f'{MONEY}, project_id=~"$project"'
GROUPS = f'{PROJECTS}, region_id=~"$region", resource_type=~"$type"'

# The costs of groups, without the labels of the scrape and without names.
BY_IDS = "max by (account, project_id, region_id, resource_type, currency)"

WINDOWS = "today|yesterday|month_to_date|previous_month"
# Tables rank by the month, or by yesterday where it is not read: every row has a name in one of these.
RANKED_COST = '{__name__=~"gcore_cost_(month_to_date|yesterday)_amount", %s}'

# A day's last reading, at the start of that day: `yesterday` is read on the day after. The first ten minutes after
# midnight are left out, in which a rule may still see the reading of the day before.
DAY_AFTER = "[23h50m] offset -2d"
# The moment of looking. `@ end()` would be the last step, which is midnight where a step is a day.
NOW = "@ ${__to:date:seconds}"
# The last step of a range of days, and the one before.
IS_TODAY = "and on () (vector(time()) > ${__to:date:seconds} - 86400)"
IS_YESTERDAY = "and on () (vector(time()) > ${__to:date:seconds} - 172800 <= ${__to:date:seconds} - 86400)"

# A moment after midnight, the last reading is still that of the day or the month before. A chart would begin with it.
OF_TODAY = "and on () (60 * hour() + minute() > 5)"
OF_THIS_MONTH = "and on () (1440 * (day_of_month() - 1) + 60 * hour() + minute() > 5)"

# The last step of a range. Steps are at even times, so its own value may be hours old in a range of a month.
LAST_STEP = "and on () (vector(time()) > ${__to:date:seconds} - $__interval_ms / 1000)"


def recorded(level, window, selector=PROJECTS):
    """A recorded sum, such as `account_project:gcore_cost_today_amount:sum`."""
    return f"{level}:gcore_cost_{window}_amount:sum{{{selector}}}"


def up_to_now(expression, condition):
    """A figure with its course: `expression` takes a modifier at its `%s`. The last value is that of now."""
    return first_of(f"{expression % f' {NOW}'} {LAST_STEP}", f"{expression % ''} {condition}")


def groups(family, selector=GROUPS):
    """A family of costs, without the labels of the scrape and without names."""
    return f"{BY_IDS} ({family}{{{selector}}})"


def named(expression, kind):
    """Puts the name of a project or region beside its id."""
    return (
        f"({expression}) * on (account, {kind}_id) group_left ({kind}_name)"
        f" account_{kind}:gcore_{kind}_info:name{{{ACCOUNT}}}"
    )


def named_by(expression, kind, selector):
    """As `named`, with names that the selected costs have themselves: an ad-hoc filter reaches these as well."""
    names = f"group by (account, {kind}_id, {kind}_name) ({RANKED_COST % selector})"
    return (
        f"({expression}) * on (account, {kind}_id) group_left ({kind}_name) topk by (account, {kind}_id) (1, {names})"
    )


def first_of(*expressions):
    """The first that has a value, for each set of labels."""
    return " or ".join(f"({expression})" for expression in expressions)


def closed_days():
    """The cost of each closed day by project, with a step of a day: as it is now, as it was read the day after, as backfilled."""
    read = f"last_over_time(account_project:gcore_cost_yesterday_amount:sum1h{{{PROJECTS}}}{DAY_AFTER})"
    backfilled = (
        f"sum by (account, project_id, currency) ({BY_IDS}"
        f" (last_over_time(gcore_cost_daily_amount{{{PROJECTS}}}[1d] offset -1d)))"
    )
    return first_of(f"{recorded('account_project', 'yesterday')} {NOW} {IS_YESTERDAY}", read, backfilled)


def project_days():
    """As `closed_days`, with today so far."""
    return first_of(f"{recorded('account_project', 'today')} {NOW} {IS_TODAY}", closed_days())


def type_days():
    """The cost of each closed day by type. Sums are made before sources are joined: groups are too many to be joined."""
    rule = "account_project_region_type:gcore_cost_yesterday_amount:max3h"
    sources = (
        (f"{BY_IDS} (gcore_cost_yesterday_amount{{{GROUPS}}} {NOW})", IS_YESTERDAY),
        (f"last_over_time({rule}{{{GROUPS}}}{DAY_AFTER})", ""),
        (f"{BY_IDS} (last_over_time(gcore_cost_daily_amount{{{GROUPS}}}[1d] offset -1d))", ""),
    )
    return first_of(*(f"sum by (resource_type) ({source}) {condition}".strip() for source, condition in sources))


def largest(count, *expressions):
    """The series with the largest values of the first expression that has any."""
    return f"topk({count}, {first_of(*expressions)})"


def change(now, before):
    """By what part something rose; nothing where there was nothing before."""
    return f"({now}) / (({before}) > 0) - 1"
