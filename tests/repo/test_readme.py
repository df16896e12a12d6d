"""The programs in the README and in docs/ run as printed, and their links lead to files."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
)


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def programs(page: str) -> dict[str, list[str]]:
    """Return the Python programs of a page, by the heading that they are under."""
    sections = re.split(r"^#+ ", text(page), flags=re.MULTILINE)
    found = {
        section.split("\n", 1)[0]: re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
        for section in sections
    }
    return {heading: blocks for heading, blocks in found.items() if blocks}


def program(page: str, heading: str) -> str:
    (only,) = programs(page)[heading]
    return only


def test_every_program_is_run_by_a_test_of_this_file() -> None:
    found = {(page, heading) for page in PAGES for heading in programs(page)}
    assert found == {
        ("README.md", "A fact to begin with"),
        ("README.md", "PGPolicy"),
        ("README.md", "Coming from Tianshou"),
        ("docs/TIANSHOU.md", "Move a script"),
        ("docs/TOOLS.md", "A guard against silent broadcasting"),
    }


@pytest.mark.parametrize(
    ("page", "heading"),
    [("README.md", "Coming from Tianshou"), ("docs/TIANSHOU.md", "Move a script")],
)
def test_the_names_from_tianshou_can_be_imported(page: str, heading: str) -> None:
    names: dict[str, Any] = {}
    exec(program(page, heading), names)
    assert names["PGPolicy"].__module__.startswith("pg_edu")


@pytest.mark.slow
def test_the_fact_of_the_readme_is_what_its_program_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = program("README.md", "A fact to begin with")
    (expected,) = re.findall(r"print\(.*\)  # (stop .*)", code)
    exec(code, {})
    assert capsys.readouterr().out.strip() == expected


def test_every_picture_of_the_readme_has_an_alt_text_and_a_dark_version() -> None:
    light = re.findall(r'<img alt="([^"]{20,})" src="([^"]+)\.png">', text("README.md"))
    dark = re.findall(
        r'\(prefers-color-scheme: dark\)" srcset="([^"]+)_dark\.png">', text("README.md")
    )
    assert [source for _, source in light] == dark and len(dark) == text("README.md").count("<img")
    assert all(
        (ROOT / f"{source}{suffix}.png").exists() for source in dark for suffix in ("", "_dark")
    )


@pytest.mark.slow
def test_the_policy_of_the_readme_learns(capsys: pytest.CaptureFixture[str]) -> None:
    """The last five of the twenty mean returns exceed the first five by more than half."""
    torch.manual_seed(0)
    exec(program("README.md", "PGPolicy"), {})
    means = [int(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert len(means) == 20 and sum(means[-5:]) > 1.5 * sum(means[:5])


def test_the_guard_of_the_tools_page_refuses_the_product(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The program prints the beginning of the message that the page shows in a comment."""
    code = program("docs/TOOLS.md", "A guard against silent broadcasting")
    (message,) = re.findall(r"print\(error\)  # (mul makes \[64, 64\].*) \.\.\.", code)
    exec(code, {})
    assert capsys.readouterr().out.startswith(message)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_exists(page: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", text(page))
    inside = [link for link in links if not link.startswith("https://")]
    assert [link for link in inside if not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_files_that_a_page_names_in_passing_exist(page: str) -> None:
    """These are names in code, such as `tests/conftest.py`; a made-up `its_name` is skipped."""
    named = re.findall(r"[\s`]((?:tests|pg_edu|notebooks|docs)/[\w./-]+\w/?)(?=[\s`])", text(page))
    files = [name for name in named if "its_name" not in name]
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_the_readme_begins_with_at_most_four_commands() -> None:
    beginning = text("README.md").split("\n## The course")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", beginning, flags=re.DOTALL)
    assert 1 <= len(block.splitlines()) <= 4


def test_the_readme_is_short() -> None:
    """Its words, without code, pictures and addresses, are read in a few minutes."""
    plain = re.sub(
        r"```.*?```|<picture>.*?</picture>|\]\(.*?\)", " ", text("README.md"), flags=re.DOTALL
    )
    assert len(re.findall(r"\w[^\s|]*", plain)) <= 700
    assert len(text("README.md").splitlines()) <= 150
