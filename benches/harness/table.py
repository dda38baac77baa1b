"""The table: what, ours, the peer's, the ratio, the goal, and whether it is reached."""

from dataclasses import astuple, dataclass

HEAD = ("what", "ours", "peer", "ratio", "goal", "reached")
NOTHING = "n/a"


@dataclass
class Line:
    """One line of the table, as text."""

    what: str
    ours: str
    peer: str = "-"
    ratio: str = "-"
    goal: str = "-"
    reached: str = "-"


def yes(reached: bool) -> str:
    return "yes" if reached else "NO"


def at_most(what: str, ours: float, peer: float, limit: float, show, peer_name: str) -> Line:
    """Ours may be at most `limit` times the peer's."""
    ratio = ours / peer
    return Line(what, show(ours), f"{show(peer)} {peer_name}", f"{ratio:.2f} ×", f"≤ {limit:g} ×", yes(ratio <= limit))


def times_better(what: str, ours: float, peer: float, factor: float, show, peer_name: str) -> Line:
    """The peer's must be at least `factor` times ours."""
    ratio = peer / ours
    return Line(
        what, show(ours), f"{show(peer)} {peer_name}", f"{ratio:.1f} × less", f"≥ {factor:g} ×", yes(ratio >= factor)
    )


def seconds(value: float) -> str:
    return f"{value:.2f} s"


def millis(microseconds: float) -> str:
    return f"{microseconds / 1000:.2f} ms"


def percent(share: float) -> str:
    return f"{share:.1%}"


def ratio(value: float) -> str:
    return f"{value:.3f}"


def mib(value: float) -> str:
    return f"{value:.1f} MiB"


def text(lines: list[Line]) -> str:
    rows = [HEAD, *map(astuple, lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    printed = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([printed[0], "  ".join("-" * width for width in widths), *printed[1:]])


def markdown(lines: list[Line]) -> str:
    rows = [HEAD, ("---",) * len(HEAD), *map(astuple, lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
