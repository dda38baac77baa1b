"""Grows the forest that decides which days above the usual are spikes.

    python3 -m training.grow [--seeds N] [--keep OUT | --check | --bound] RISES

RISES is the built program of that name. `--keep` writes the trees as Rust. `--check` tells for each maker of accounts
how a forest does that was grown on the accounts of all the others. `--bound` tells how one does on held-out accounts
that was grown on others of the same making: nobody can know that much, and nothing of it is kept.
"""

import argparse
import csv
import pathlib
import subprocess
import tempfile
import textwrap
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import lightgbm
import numpy
from harness import backtest, histories

from .account import Account, Series
from .makers import crosses, meters, parts, projects, teams

MAKERS = {"projects": projects, "crosses": crosses, "parts": parts, "teams": teams, "meters": meters}
FIRST_SEED = 100
ROUNDS = 150
OPTIONS = {
    "objective": "binary",
    "scale_pos_weight": 2.0,  # a spike that is missed is as bad as two false alarms
    "learning_rate": 0.1,
    "num_leaves": 16,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "use_missing": False,
    "num_threads": 2,
    "seed": 1,
    "deterministic": True,
    "verbose": -1,
}
# The larger one of these is, the likelier is a spike, all else alike.
RISING = ("over_expected", "over_base", "over_bound", "median_", "most_", "week_median", "week_most")


@dataclass
class Rises:
    """The days of one account that were weighed."""

    names: list[str]
    numbers: numpy.ndarray  # a row a day
    is_spike: numpy.ndarray
    teaches: numpy.ndarray  # whether a spike could be on that day
    places: list[tuple[int, int]]  # series and place of each row
    spikes: list[list[tuple[int, int]]]  # of each series, weighed or not
    judged: list[int]  # days of each series since its first cost


def rises(program: pathlib.Path, account: Account) -> Rises:
    with tempfile.TemporaryDirectory() as name:
        costs, labels = pathlib.Path(name, "costs.csv"), pathlib.Path(name, "labels.csv")
        account.write(costs, labels)
        printed = subprocess.run([program, costs], check=True, capture_output=True, text=True).stdout
    rows = csv.reader(printed.splitlines())
    names = next(rows)[3:]
    place_of = {day.isoformat(): at for at, day in enumerate(account.days)}
    spikes = [series.spikes for series in account.series]
    spike_days = [{at for first, last in its for at in range(first, last + 1)} for its in spikes]
    youngest = age_of_youngest(account)
    numbers, teaches, places = [], [], []
    for group, day, age, *row in rows:
        numbers.append(numpy.array(row, numpy.float32))
        teaches.append(int(age) >= youngest)
        places.append((int(group.split("/")[0]), place_of[day]))
    is_spike = numpy.array([at in spike_days[number] for number, at in places])
    judged = [len(account.days) - (backtest.begin(series) or 0) for series in account.series]
    return Rises(names, numpy.array(numbers), is_spike, numpy.array(teaches), places, spikes, judged)


def age_of_youngest(account: Account) -> int:
    """How old a series is at least when it has a spike: of its days before, nothing can be learned."""
    ages = []
    for series in account.series:
        if series.spikes:
            ages.append(min(begin for begin, _ in series.spikes) - backtest.begin(series))
    return min(ages)


def gather(program: pathlib.Path, make: Callable[[int], Account], seeds: range) -> list[Rises]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda seed: rises(program, make(seed)), seeds))


def held_out(seed: int) -> Account:
    invented = histories.account(seed)
    series = [Series(one.group, one.amounts, one.spikes) for one in invented.series]
    return Account(invented.days, series)


def grow(accounts: list[Rises]) -> lightgbm.Booster:
    names = accounts[0].names
    numbers = numpy.concatenate([account.numbers[account.teaches] for account in accounts])
    is_spike = numpy.concatenate([account.is_spike[account.teaches] for account in accounts])
    rising = [int(name.startswith(RISING)) for name in names]
    data = lightgbm.Dataset(numbers, is_spike, feature_name=names)
    return lightgbm.train(OPTIONS | {"monotone_constraints": rising}, data, ROUNDS)


def by_rules(account: Rises) -> numpy.ndarray:
    """Which days the rules alone would tell."""
    over_bound, explained = (account.numbers[:, account.names.index(name)] for name in ("over_bound", "explained"))
    return (over_bound > 1) & (explained == 0)


def score(decide: Callable[[Rises], numpy.ndarray], accounts: list[Rises]) -> str:
    detector = backtest.Detector()
    for account in accounts:
        alarms = defaultdict(set)
        for (number, at), is_told in zip(account.places, decide(account)):
            if is_told:
                alarms[number].add(at)
        for number, (spikes, judged) in enumerate(zip(account.spikes, account.judged)):
            detector.add(alarms[number], spikes, judged)
    return (
        f"precision {detector.precision():.3f}, recall {detector.recall():.3f}, F1 {detector.f1():.3f}, "
        f"{detector.false_a_year():.2f} false episodes a year, {detector.first_day():.1%} on the first day"
    )


def by(forest: lightgbm.Booster) -> Callable[[Rises], numpy.ndarray]:
    return lambda account: forest.predict(account.numbers) > 0.5


def nodes(tree: dict, start: int) -> list[str]:
    """A tree as Rust, each fork before its lower branch, and that before its upper one."""
    if "leaf_value" in tree:
        return [f"Leaf({tree['leaf_value']:.5})"]
    lower = nodes(tree["left_child"], start + 1)
    upper_at = start + 1 + len(lower)
    upper = nodes(tree["right_child"], upper_at)
    return [f"Fork({tree['split_feature']}, {numpy.float32(tree['threshold'])!s}, {upper_at})", *lower, *upper]


def write(forest: lightgbm.Booster, out: pathlib.Path) -> None:
    roots, all_nodes = [], []
    for tree in forest.dump_model()["tree_info"]:
        roots.append(len(all_nodes))
        all_nodes += nodes(tree["tree_structure"], len(all_nodes))
    out.write_text(
        "//! Grown by `scripts/train`; not to be edited.\n\n"
        "use super::Node::{self, Fork, Leaf};\n"
        + static("ROOTS", "u16", [str(root) for root in roots])
        + static("NODES", "Node", all_nodes)
    )


def static(name: str, of: str, items: list[str]) -> str:
    unbroken = (item.replace(" ", "\N{NO-BREAK SPACE}") for item in items)
    lines = textwrap.wrap(", ".join(unbroken), 116, break_long_words=False)
    body = "\n".join(f"    {line}" for line in lines).replace("\N{NO-BREAK SPACE}", " ")
    return f"\n#[rustfmt::skip]\npub(super) static {name}: [{of}; {len(items)}] = [\n{body}\n];\n"


def check(gathered: dict[str, list[Rises]]) -> None:
    for maker, accounts in gathered.items():
        others = [account for other, its in gathered.items() if other != maker for account in its]
        print(f"{maker:10} rules:  {score(by_rules, accounts)}")
        print(f"{maker:10} forest: {score(by(grow(others)), accounts)}", flush=True)


def bound(program: pathlib.Path, seeds: int) -> None:
    first = max(backtest.SEEDS) + 1
    others = gather(program, held_out, range(first, first + seeds))
    reported = [rises(program, held_out(seed)) for seed in backtest.SEEDS]
    print(f"held out: {score(by(grow(others)), reported)}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m training.grow", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="accounts of each maker, default 20")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--keep", type=pathlib.Path, metavar="OUT", help="write the trees")
    what.add_argument("--check", action="store_true", help="leave out each maker in turn")
    what.add_argument("--bound", action="store_true", help="how far any past could lead on the held-out accounts")
    parser.add_argument("rises", type=pathlib.Path, metavar="RISES")
    options = parser.parse_args()
    if options.bound:
        bound(options.rises, options.seeds)
        return
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    gathered = {name: gather(options.rises, maker.account, seeds) for name, maker in MAKERS.items()}
    if options.check:
        check(gathered)
    else:
        write(grow([account for accounts in gathered.values() for account in accounts]), options.keep)


if __name__ == "__main__":
    main()
