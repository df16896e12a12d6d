"""Measure pg_edu against bare loops, Tianshou 1.1.0 and Stable-Baselines3.

In an environment that has them all (`make bench` makes it):

    python tests/bench/run.py                        everything; writes RESULTS.md and results.png
    python tests/bench/run.py collecting learning    these families, printed only
    python tests/bench/run.py --quick                all, in three minutes, printed only

Everything is measured in turns, one torch thread, CPU seconds: see timing.py. Names of families
are those of the modules beside this file.
"""

import argparse
import importlib
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read by torch and by the processes that are started
sys.path.append(str(Path(__file__).resolve().parents[1]))  # where the package `bench` lies

import torch
from bench.picture import draw
from bench.timing import Row
from tqdm import tqdm

FAMILIES = ("starting", "collecting", "returns", "learning", "memory", "solving")
PEERS = ("torch", "numpy", "gymnasium", "tianshou", "stable-baselines3")
RESULTS = Path(__file__).with_name("RESULTS.md")
PICTURE = RESULTS.with_name("results.png")
HEADER = ("what", "against", "ours", "reference", "unit", "ratio", "spread", "goal", "met")
WIDTHS = (48, 19, 9, 9, 20, 6, 16, 13, 3)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("families", nargs="*", help=f"default: all of {', '.join(FAMILIES)}")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, less training")
    arguments = parser.parse_args()
    if unknown := set(arguments.families) - set(FAMILIES):
        parser.error(f"unknown families: {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)

    print(machine(), line(HEADER), sep="\n\n")
    found = measure(arguments.families or FAMILIES, arguments.quick)
    print(summary(found))
    if not arguments.families and not arguments.quick:
        RESULTS.write_text(report(found), encoding="utf-8")
        draw([row for rows in found.values() for row in rows], PICTURE)


def measure(families: Sequence[str], quick: bool) -> dict[str, list[Row]]:
    """The rows of each family; each row is printed when it is there."""
    found: dict[str, list[Row]] = {name: [] for name in families}
    to_do = [
        (name, measurement)
        for name in families
        for measurement in importlib.import_module(f"bench.{name}").measurements(quick)
    ]
    with tqdm(to_do) as bar:
        for name, measurement in bar:
            bar.set_description(name)
            for row in measurement():
                found[name].append(row)
                tqdm.write(line(cells(row)))
                if row.note:
                    tqdm.write(f"    ({row.note})")
    return found


def line(cells: Sequence[str]) -> str:
    """The cells of a row in columns, for a terminal."""
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True))


def cells(row: Row) -> list[str]:
    """What HEADER names."""
    ours, reference = (number(statistics.median(x)) for x in (row.ours, row.reference))
    spread = f"{number(min(row.ratios))} to {number(max(row.ratios))}"
    goal = "" if row.bound is None else f"{row.goal} {row.bound:g}"
    met = {True: "yes", False: "NO", None: ""}[row.met]
    return [row.what, row.against, ours, reference, row.unit, number(row.ratio), spread, goal, met]


def summary(found: dict[str, list[Row]]) -> str:
    met = [row.met for rows in found.values() for row in rows if row.met is not None]
    return f"{sum(met)} of {len(met)} goals are met."


def number(x: float) -> str:
    """Three digits, or all of those before the point."""
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def report(found: dict[str, list[Row]]) -> str:
    """RESULTS.md: the machine, and for each family what it measures and the table."""
    lines = [
        "# Speed",
        "Written by `make bench`, all in one run: CPU time, one torch thread. A ratio is ours / "
        "reference, the median over the repeats; its spread is the smallest and the largest.",
        f"{machine()}.",
        summary(found),
        f"![Each ratio against its goal]({PICTURE.name})",
    ]
    for name, rows in found.items():
        title, about = (importlib.import_module(f"bench.{name}").__doc__ or "").split(": ", 1)
        lines += [f"## {title}", about[0].upper() + about[1:].strip()]
        table = [HEADER, ["---"] * len(HEADER), *map(cells, rows)]
        lines.append("\n".join(f"| {' | '.join(each)} |" for each in table))
        lines += [f"{row.what}, against {row.against}: {row.note}." for row in rows if row.note]
    return "\n\n".join(lines) + "\n"


def machine() -> str:
    """Processor, cores and versions."""
    about = Path("/proc/cpuinfo")
    models = [
        line.split(":")[1].strip()
        for line in (about.read_text().splitlines() if about.exists() else [])
        if line.startswith("model name")
    ]
    versions = ", ".join(f"{name} {version(name)}" for name in PEERS)
    cpu = models[0] if models else platform.processor()
    return (
        f"{cpu}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}"
    )


if __name__ == "__main__":
    main()
