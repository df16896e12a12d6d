"""On the same random inputs pg_edu gives the numbers that were recorded from Tianshou v1.1.0.

`make parity` compares thousands of cases with the original itself; the few that it recorded in
recorded.json need nothing but pg_edu. Their float32 numbers may differ by ten times the tolerance
of a direct comparison, because another processor adds in another order.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from parity.cases import AREAS, generators, run_case
from parity.compare import Comparison, Leaf

import pg_edu

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "parity" / "recorded.json").read_text(encoding="utf-8")
)
SAME_SAMPLERS = RECORDED["generators"] == generators()


@cache
def outcomes(area: str) -> list[tuple[str, dict[str, Leaf], dict[str, Leaf]]]:
    """Run the recorded cases of an area: (name, the original's leaves, pg_edu's)."""
    return [
        (f"{area} {number}", expected, json.loads(json.dumps(run_case(pg_edu, area, int(number)))))
        for number, expected in RECORDED[area].items()
    ]


def was_drawn(path: str) -> bool:
    return path.startswith("drawn")


def mismatches(area: str, drawn: bool) -> list[str]:
    """Compare what samplers drew, or all the rest."""

    def part(leaves: dict[str, Leaf]) -> dict[str, Leaf]:
        return {path: leaf for path, leaf in leaves.items() if was_drawn(path) == drawn}

    comparison = Comparison()
    for name, expected, got in outcomes(area):
        comparison.add(name, part(expected), part(got), leniency=10)
    return comparison.mismatches


def areas(drawn: bool) -> list[str]:
    """Return the areas that have leaves of this kind."""
    paths = {area: {p for case in RECORDED.get(area, {}).values() for p in case} for area in AREAS}
    return [area for area in AREAS if any(was_drawn(path) == drawn for path in paths[area])]


def test_every_area_is_recorded() -> None:
    assert RECORDED.keys() == {"generators", *AREAS}


@pytest.mark.parametrize("area", areas(drawn=False))
def test_the_numbers_are_those_of_the_original(area: str) -> None:
    assert mismatches(area, drawn=False) == []


@pytest.mark.skipif(not SAME_SAMPLERS, reason="torch or numpy draws other numbers from a seed")
@pytest.mark.parametrize("area", areas(drawn=True))
def test_the_draws_are_those_of_the_original(area: str) -> None:
    assert mismatches(area, drawn=True) == []
