"""Compare pg_edu with Tianshou v1.1.0 on random cases, or record Tianshou's outcomes for the tests.

In an environment that has both (`make parity` makes it):

    python tests/parity/run.py             compare, print a table; status 1 if anything differs
    python tests/parity/run.py --record    write recorded.json and names.json, which the tests in
                                           tests/tianshou read

Before comparing, it checks that names.json lists the names of the Tianshou that is installed.
Distances are |a - b| / max(1, |a|), the largest of each area. Their bounds are 1e-12 in float64
and 1e-6 in float32; all else (integers, flags, names, shapes, dtypes) must be equal.
"""

import argparse
import json
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType

import torch

# The package `parity` is in this folder. It comes last, for it also has a package `tianshou`.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from parity.cases import AREAS, generators, run_case
from parity.compare import Comparison
from parity.names import names_of
from parity.names import record as record_names
from parity.names import recorded as recorded_names

RECORDED = Path(__file__).with_name("recorded.json")


def main() -> int:
    """Parse the arguments, run, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("areas", nargs="*", help=f"default: all of {', '.join(AREAS)}")
    parser.add_argument("--record", action="store_true", help=f"write {RECORDED.name}")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--times", type=float, default=1.0, help="more or fewer cases than usual")
    parser.add_argument("--show", type=int, default=3, help="mismatches to print for each area")
    arguments = parser.parse_args()
    if unknown := set(arguments.areas) - set(AREAS):
        parser.error(f"unknown areas: {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    import tianshou
    from parity import original

    if arguments.record:
        record(original)
        record_names(tianshou)
        return 0
    if names_of(tianshou) != recorded_names():
        print(f"names.json is not that of Tianshou {tianshou.__version__}: run with --record")
        return 1
    areas = arguments.areas or list(AREAS)
    return compare(original, areas, arguments.first, arguments.times, arguments.show)


def record(original: ModuleType) -> None:
    """Write a few cases of each area: the first of the shorter half, so that the file is small."""
    lines = [f'"generators": {json.dumps(generators())}']
    for name, area in AREAS.items():
        cases = [
            json.dumps(run_case(original, name, number), sort_keys=True) for number in range(50)
        ]
        median = sorted(map(len, cases))[25]
        short = [f'"{number}": {case}' for number, case in enumerate(cases) if len(case) < median]
        lines.append(f'"{name}": {{\n' + ",\n".join(short[: area.recorded]) + "\n}")
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{RECORDED.name}: {RECORDED.stat().st_size:,} bytes")


def compare(original: ModuleType, names: list[str], first: int, times: float, show: int) -> int:
    """Run every case with both libraries and print the table; return the exit status."""
    import pg_edu

    print(f"{'area':24}{'cases':>7}{'numbers':>11}{'float64':>10}{'float32':>10}{'differ':>8}")
    total, failed, start = 0, 0, time.perf_counter()
    for name in names:
        comparison, wrong = Comparison(), []
        cases = max(1, round(AREAS[name].cases * times))
        for number in range(first, first + cases):
            expected = run_case(original, name, number)
            before = len(comparison.mismatches)
            try:
                comparison.add(f"{name} {number}", expected, run_case(pg_edu, name, number))
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                comparison.mismatches.append(
                    f"{name} {number}: {type(error).__name__}: {error}"
                    f" ({Path(place.filename).name}:{place.lineno})"
                )
            if len(comparison.mismatches) > before:
                wrong.append(number)
        total, failed = total + cases, failed + len(wrong)
        print(
            f"{name:24}{cases:7}{comparison.numbers:11,}{comparison.largest['float64']:10.1e}"
            f"{comparison.largest['float32']:10.1e}{len(wrong):8}",
            flush=True,
        )
        for mismatch in comparison.mismatches[:show]:
            print(f"    {mismatch[:600]}")
    print(f"{total} cases in {time.perf_counter() - start:.0f} s, {failed} differ")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
