"""Writes the dashboards: `python3 grafana/source`. With --check it writes nothing and fails where a file differs."""

import sys
from pathlib import Path

import anomalies
import breakdown
import commitments
import health
import overview
import reports

FOLDER = Path(__file__).resolve().parent.parent / "dashboards"
BOARDS = {
    "overview": overview,
    "breakdown": breakdown,
    "anomalies": anomalies,
    "commitments": commitments,
    "reports": reports,
    "health": health,
}


def main():
    made = {FOLDER / f"{name}.json": module.dashboard().json() for name, module in BOARDS.items()}
    if "--check" in sys.argv[1:]:
        stale = [path.name for path, text in made.items() if not path.exists() or path.read_text() != text]
        stale += [path.name for path in FOLDER.glob("*.json") if path not in made]
        sys.exit(f"not what grafana/source makes: {', '.join(stale)}; run python3 grafana/source" if stale else 0)
    FOLDER.mkdir(exist_ok=True)
    for path, text in made.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
