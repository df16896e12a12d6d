"""pg_edu gives Tianshou v1.1.0's numbers, which `make parity` recorded, on the same random inputs.

tests/parity/run.py compares thousands of cases with the original itself; the few of them that are
recorded here need nothing but pg_edu. Float32 numbers may differ by ten times the tolerance of a
direct comparison: the processor that they were recorded on added in another order.
"""

import json
from pathlib import Path

import pytest
from parity.cases import AREAS, generators, run_case
from parity.compare import Comparison, Leaf

import pg_edu

RECORDED: dict[str, dict[str, dict[str, Leaf]]] = json.loads(
    (Path(__file__).parent / "parity" / "recorded.json").read_text(encoding="utf-8")
)
SAME_SAMPLERS = RECORDED["generators"] == generators()


def mismatches(area: str, drawn: bool) -> list[str]:
    """Run the recorded cases of an area; compare what samplers drew, or all the rest."""

    def part(leaves: dict[str, Leaf]) -> dict[str, Leaf]:
        return {path: leaf for path, leaf in leaves.items() if path.startswith("drawn.") == drawn}

    comparison = Comparison()
    for number, expected in RECORDED[area].items():
        got = json.loads(json.dumps(run_case(pg_edu, area, int(number))))
        comparison.add(f"{area} {number}", part(expected), part(got), leniency=10)
    return comparison.mismatches


def test_every_area_is_recorded() -> None:
    assert RECORDED.keys() == {"generators", *AREAS}


@pytest.mark.parametrize("area", AREAS)
def test_the_numbers_are_those_of_the_original(area: str) -> None:
    assert mismatches(area, drawn=False) == []


@pytest.mark.skipif(not SAME_SAMPLERS, reason="this build draws other numbers from the same seed")
@pytest.mark.parametrize("area", AREAS)
def test_the_draws_are_those_of_the_original(area: str) -> None:
    assert mismatches(area, drawn=True) == []
