"""What is promised and what ends: commitments and subscriptions."""

from model import (
    BLUE,
    GREEN,
    GREY,
    MONEY,
    ORANGE,
    RED,
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
from parts import annotations, coloured, money, variables
from promql import ACCOUNT, OF_THIS_MONTH, recorded
from promql import MONEY as PRICED

ENDS_SOON = steps(GREEN, (0, RED), (7, ORANGE), (30, GREEN))
SUBSCRIPTION = "account, subscription_id"


def banner(board):
    state = f"max by (account) (gcore_plan_has_commits{{{ACCOUNT}}})"
    shown = words(
        _0=("The cost figures hold: no commitment is active", GREEN),
        _1=("The cost figures overstate: commitments pay for a part of them", ORANGE),
    )
    board.row(
        3,
        (
            24,
            stat(
                "Do the cost figures hold?",
                "The cost report prices everything as pay-as-you-go, also what a commitment pays for already.",
                query(state, "{{account}}", instant=True),
                mappings=shown,
                background=True,
                graph="none",
                orientation="horizontal",
                limits=steps(GREEN, (1, ORANGE)),
                text="value_and_name",
                size={"valueSize": 22, "titleSize": 16},
                empty="Not known: only an account-wide administrator's key may read commitments",
            ),
        ),
    )


def commitments(board):
    promised = f"sum(max by (account, currency) (gcore_commit_month_amount{{{PRICED}}}))"
    used = f"sum({recorded('account', 'month_to_date', PRICED)})"
    end = f"max by (account, reservation_id) (gcore_commit_end_timestamp_seconds{{{ACCOUNT}}})"
    none = "No commitment is active in $currency"
    board.row(
        8,
        (
            4,
            stat(
                "Committed, $currency",
                "What the month costs under the commitments: their prices, and what exceeds them.",
                query(promised, instant=True),
                unit=MONEY,
                decimals=2,
                graph="none",
                empty=none,
            ),
        ),
        (
            4,
            stat(
                "Pay as you go, $currency",
                "What the cost report shows for the month to date, commitments not regarded.",
                query(used, instant=True),
                unit=MONEY,
                decimals=2,
                graph="none",
                empty="The month is not known",
            ),
        ),
        (
            10,
            series(
                "Committed against used, $currency",
                "What the month costs under the commitments, beside what the cost report shows so far.",
                query(f"{promised} {OF_THIS_MONTH}", "commitments"),
                query(f"{used} {OF_THIS_MONTH}", "pay-as-you-go"),
                since="now/M",
                points=120,
                unit=MONEY,
                decimals=0,
                empty=none,
                overrides=[
                    by_name("commitments", color={"mode": "fixed", "fixedColor": ORANGE}),
                    by_name("pay-as-you-go", color={"mode": "fixed", "fixedColor": BLUE}),
                ],
            ),
        ),
        (
            6,
            table(
                "Ends of commitments",
                "When an active commitment ends. One that is open-ended has no row.",
                [
                    Column("Commitment", label="reservation_id", wide=90),
                    Column("Ends on", query=f"1000 * bottomk(6, {end})", unit="time:YYYY-MM-DD", width=100),
                    Column(
                        "Days left",
                        query=f"(bottomk(6, {end}) - time()) / 86400",
                        unit="locale",
                        decimals=0,
                        width=84,
                        look=coloured(ENDS_SOON),
                    ),
                ],
                sort="Days left",
                descending=False,
                empty="No active commitment has an end",
            ),
        ),
    )


def subscriptions(board):
    state = f"sum by (state) (max by (account, product, state) (gcore_subscriptions{{{ACCOUNT}}}))"
    one = lambda name: {"color": {"mode": "fixed", "fixedColor": name}}
    info = f"max by ({SUBSCRIPTION}, product, feature) (gcore_subscription_info{{{ACCOUNT}}})"
    end = f"max by ({SUBSCRIPTION}) (gcore_subscription_active_end_timestamp_seconds{{{ACCOUNT}}})"
    start = f"max by ({SUBSCRIPTION}) (gcore_subscription_active_start_timestamp_seconds{{{ACCOUNT}}})"
    price = f"max by ({SUBSCRIPTION}, currency) (gcore_subscription_price_amount{{{ACCOUNT}}})"
    next_ones = f"bottomk(7, {end} > time())"
    dress = lambda expression: f"({expression}) * on ({SUBSCRIPTION}) group_left (product, feature) {info}"
    listed = lambda expression: dress(f"{expression} and on ({SUBSCRIPTION}) {next_ones}")
    board.row(
        10,
        (
            5,
            stat(
                "Subscriptions by state",
                "How many subscriptions there are in each state, now.",
                query(state, "{{state}}", instant=True),
                unit="locale",
                graph="none",
                text="value_and_name",
                orientation="horizontal",
                overrides=[
                    by_name("active", **one(GREEN)),
                    by_name("upcoming", **one(BLUE)),
                    by_name("expired", **one(GREY)),
                ],
                empty="No subscription, or the key may not read them",
            ),
        ),
        (
            19,
            table(
                "Next to end",
                "The seven active subscriptions that end first. An open-ended one has no row.",
                [
                    Column("Subscription", label="subscription_id", width=110),
                    Column("Product", label="product", width=126),
                    Column("Feature", label="feature", wide=140),
                    Column("Began on", query=f"1000 * ({listed(start)})", unit="time:YYYY-MM-DD", width=100),
                    Column("Ends on", query=f"1000 * ({listed(end)})", unit="time:YYYY-MM-DD", width=100),
                    Column(
                        "Days left",
                        query=f"({listed(end)} - time()) / 86400",
                        unit="locale",
                        decimals=1,
                        width=90,
                        look=coloured(ENDS_SOON),
                    ),
                ],
                sort="Days left",
                descending=False,
                empty="No subscription has an end",
            ),
        ),
    )
    board.row(
        12,
        (
            14,
            table(
                "Prices",
                "As the API reports them. What a price is for, a day or a month, the contract says.",
                [
                    Column("Subscription", label="subscription_id", width=110),
                    Column("Product", label="product", width=126),
                    Column("Feature", label="feature", wide=110),
                    Column("Currency", label="currency", width=84),
                    money("Price", f"topk(9, {dress(price)})", 90),
                ],
                sort="Price",
                empty="No subscription has one price",
            ),
        ),
        (
            10,
            table(
                "Subscriptions by product",
                "Active, upcoming and expired ones of each product.",
                [
                    Column("Product", label="product", wide=100),
                    *(
                        Column(
                            name.capitalize(),
                            query=f'sum by (product) (max by (account, product, state) (gcore_subscriptions{{{ACCOUNT}, state="{name}"}}))',
                            unit="locale",
                            width=90,
                        )
                        for name in ("active", "upcoming", "expired")
                    ),
                ],
                sort="Active",
                empty="No subscription",
            ),
        ),
    )


def dashboard():
    board = Dashboard(
        "gcore-commitments",
        "Gcore billing: Commitments and subscriptions",
        "What is promised, what it costs, and when it ends",
        variables(),
        annotations=annotations()[:2],
    )
    banner(board)
    commitments(board)
    subscriptions(board)
    return board
