"""The README's Python runs as it stands there, and what it links to exists."""

import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_names_from_tianshou_are_there() -> None:
    exec(PROGRAMS[1], names := {})
    assert names["PGPolicy"].__module__.startswith("pg_edu")


def test_its_policy_learns(capsys: pytest.CaptureFixture[str]) -> None:
    """The last five of its twenty mean returns are half as high again as the first five."""
    torch.manual_seed(0)
    exec(PROGRAMS[0], {})
    means = [int(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert len(means) == 20 and sum(means[-5:]) > 1.5 * sum(means[:5])


def test_its_guard_refuses_the_product(capsys: pytest.CaptureFixture[str]) -> None:
    exec(PROGRAMS[2], {})
    assert capsys.readouterr().out.startswith("mul makes [64, 64] from [64] and [64, 1]: every ")


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_what_it_links_to_exists(link: str) -> None:
    assert link.startswith("https://") or (ROOT / link).is_file()
