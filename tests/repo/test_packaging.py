"""Each fact about installing has one home: pyproject.toml, constraints.txt, or the Makefile."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import build
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from publish import publish
from release_notes import notes

import pg_edu

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
RUN_TIME = [Requirement(line) for line in PROJECT["dependencies"]]
DEVELOPMENT = [Requirement(line) for line in PROJECT["optional-dependencies"]["dev"]]
CLUSTER = [Requirement(line) for line in PROJECT["optional-dependencies"]["ray"]]

needs_make = pytest.mark.skipif(
    os.name == "nt" or shutil.which("make") is None, reason="make is for Unix; elsewhere use pip"
)


def bounds(requirements: list[Requirement]) -> dict[str, str]:
    return {canonicalize_name(r.name): str(r.specifier) for r in requirements}


def test_environment_yml_names_the_packages_and_bounds_of_pyproject() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *packages, from_pip = environment["dependencies"]
    conda = bounds([Requirement(line) for line in packages])
    conda["torch"] = conda.pop("pytorch")
    assert conda.pop("python") == PROJECT["requires-python"]
    assert conda.pop("pip") == ""
    assert conda == bounds(RUN_TIME) | bounds(DEVELOPMENT)
    assert from_pip == {"pip": ["-e ."]}


def test_the_conda_environment_has_the_name_that_the_page_on_installing_activates() -> None:
    page = (ROOT / "docs/INSTALL.md").read_text(encoding="utf-8")
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert re.findall(r"conda activate ([\w-]+)", page) == [environment["name"]]


def test_constraints_pin_every_dependency_within_its_bounds() -> None:
    pins = bounds(constraints())
    for requirement in RUN_TIME + DEVELOPMENT + CLUSTER:
        pin = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pin.removeprefix("==")), requirement


def test_constraints_are_exact_and_fit_every_platform() -> None:
    for requirement in constraints():
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement  # no +cpu
        assert requirement.url is None


def constraints() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def test_the_page_on_installing_names_the_torch_of_the_constraints() -> None:
    page = (ROOT / "docs/INSTALL.md").read_text(encoding="utf-8")
    assert f"torch{bounds(constraints())['torch']}" in page


def test_tools_for_parity_and_speed_are_extras_that_the_package_does_without() -> None:
    extras = PROJECT["optional-dependencies"]
    assert set(extras) == {"dev", "coursework", "ray", "course", "parity", "bench"}
    needed = set(bounds(RUN_TIME))
    assert not needed & {"ray", "numba", "pandas", "mujoco", "stable-baselines3", "nbval", "pytest"}


def test_the_version_has_one_home_which_needs_no_installed_package() -> None:
    assert "version" not in PROJECT and PROJECT["dynamic"] == ["version"]
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    dynamic = tomllib.loads(text)["tool"]["setuptools"]["dynamic"]
    assert dynamic == {"version": {"attr": "pg_edu.__version__"}}
    assert Version(pg_edu.__version__).release


def test_the_citation_names_the_version_and_the_authors_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert str(citation["version"]) == pg_edu.__version__
    assert citation["authors"] == PROJECT["authors"]
    assert citation["license"] == PROJECT["license"]
    assert {"message", "title"} <= set(citation)


def test_the_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(.+?)\]", text, flags=re.MULTILINE)[0] == pg_edu.__version__


CHANGES = """# Changelog

## [0.3.0] - unreleased

Not this.

## [0.2.0] - 2027-01-31

- What is new.

## [0.1.0] - 2026-12-01

Nor this.
"""


@pytest.mark.parametrize(
    ("version", "tag", "message"),
    [
        ("0.2.0", "v0.3.0", "the tag is v0.3.0, but this is version 0.2.0"),
        ("0.3.0", "v0.3.0", "no section with a date for 0.3.0"),
    ],
)
def test_a_release_needs_its_tag_and_a_date(
    version: str, tag: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "pg_edu").mkdir()
    (tmp_path / "pg_edu/__init__.py").write_text(f'__version__ = "{version}"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    with pytest.raises(ValueError, match=message):
        notes(tag, tmp_path)


def test_the_notes_of_a_release_are_its_section_of_the_changelog(tmp_path: Path) -> None:
    (tmp_path / "pg_edu").mkdir()
    (tmp_path / "pg_edu/__init__.py").write_text('__version__ = "0.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    assert notes("v0.2.0", tmp_path) == "- What is new."


def test_the_hooks_before_a_commit_download_nothing() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    repositories = yaml.safe_load(text)["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    hooks = repositories[0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    assert "python notebooks/build.py --check" in {hook["entry"] for hook in hooks}


def test_colab_has_what_is_needed_so_pip_replaces_nothing_there() -> None:
    """The versions are those of Colab's runtime in August 2026."""
    colab = {"torch": "2.11.0", "numpy": "2.1.0", "gymnasium": "1.3.0", "matplotlib": "3.10.0"}
    lower = {r.name: r.specifier for r in RUN_TIME if r.name in colab}
    assert all(lower[name].contains(version) for name, version in colab.items())
    assert all(spec.operator == ">=" for r in RUN_TIME for spec in r.specifier)


def test_continuous_integration_covers_every_supported_python_on_three_systems() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    prefix = "Programming Language :: Python :: "
    supported = [c.removeprefix(prefix) for c in PROJECT["classifiers"] if c.startswith(prefix)]
    assert matrix["python"] == supported
    assert PROJECT["requires-python"] == f">={min(supported, key=Version)}"
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]


def addresses(root: Path) -> set[str]:
    """Return every owner/name that the tree under `root` gives as this repository's address."""
    name = r"([\w.-]+/[\w.-]+)"
    own = re.compile(
        rf"github\.com/{name}/(?:archive|actions)/|colab\.research\.google\.com/github/{name}/"
        rf'|Repository = "https://github\.com/{name}"|github\.com/([\w.-]+/pg[-_]edu)\b'
    )
    files = [root / "README.md", root / "pyproject.toml", root / "environment.yml"]
    files += [
        p for folder in ("notebooks", ".github", "pg_edu") for p in (root / folder).rglob("*")
    ]
    texts = [p.read_text(encoding="utf-8", errors="ignore") for p in files if p.is_file()]
    return {"".join(found) for text in texts for found in own.findall(text)}


def test_the_only_address_that_is_shown_is_the_one_that_is_set() -> None:
    address = PROJECT["urls"].get("Repository")
    assert addresses(ROOT) == ({address.removeprefix("https://github.com/")} if address else set())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the tree, without what git ignores, and return the copy's root."""
    for name in ("pyproject.toml", "README.md", "environment.yml"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("notebooks", ".github", "pg_edu"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def contents(root: Path) -> dict[Path, bytes]:
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_publishing_writes_the_address_wherever_it_is_shown(copy: Path) -> None:
    publish("ada/gradients", copy)
    assert addresses(copy) == {"ada/gradients"}
    project = tomllib.loads((copy / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"] == {"Repository": "https://github.com/ada/gradients"}
    readme = (copy / "README.md").read_text(encoding="utf-8")
    assert "(https://github.com/ada/gradients/actions/workflows/test.yml)" in readme
    tag = f"v{pg_edu.__version__}"
    for source in build.sources([]):
        notebook = copy / "notebooks" / f"{build.name(source)}.ipynb"
        text = notebook.read_text(encoding="utf-8")
        assert (
            f"%pip install -q https://github.com/ada/gradients/archive/refs/tags/{tag}.zip" in text
        )
        assert f"/github/ada/gradients/blob/{tag}/notebooks/{build.name(source)}.ipynb)" in text


@pytest.mark.slow
def test_publishing_again_after_a_change_of_version_names_the_new_tag_alone(copy: Path) -> None:
    publish("ada/gradients", copy)
    init = copy / "pg_edu/__init__.py"
    init.write_text('__version__ = "7.8.9"\n', encoding="utf-8")
    publish("ada/gradients", copy)
    for page in [copy / "README.md", *(copy / "notebooks").rglob("*.ipynb")]:
        tags = re.findall(r"/(?:tags|blob)/(v[\d.]*\d)", page.read_text(encoding="utf-8"))
        assert set(tags) == {"v7.8.9"}


@pytest.mark.slow
def test_publishing_changes_no_output_of_a_notebook(copy: Path) -> None:
    before = contents(copy)
    publish("ada/gradients", copy)
    after = contents(copy)
    for path in before:
        if path.suffix == ".ipynb":
            assert outputs(before[path]) == outputs(after[path])


def outputs(notebook: bytes) -> list[Any]:
    cells = json.loads(notebook)["cells"]
    return [(cell.get("execution_count"), cell.get("outputs")) for cell in cells]


@pytest.mark.slow
def test_publishing_twice_changes_no_more_than_publishing_once(copy: Path) -> None:
    publish("ada/gradients", copy)
    once = contents(copy)
    publish("ada/gradients", copy)
    assert contents(copy) == once


@pytest.mark.slow
def test_publishing_under_another_name_removes_the_first_one(copy: Path) -> None:
    publish("ada/gradients", copy)
    once = contents(copy)
    publish("emmy/invariants", copy)
    assert addresses(copy) == {"emmy/invariants"}
    publish("ada/gradients", copy)
    assert contents(copy) == once


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["https://github.com/a/b"]])
def test_publishing_without_owner_and_name_says_how(copy: Path, arguments: list[str]) -> None:
    before = contents(copy)
    command = [sys.executable, "-B", str(copy / "notebooks/publish.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "Which repository? make publish REPO=owner/name\n"
    assert contents(copy) == before


@pytest.mark.slow
def test_publishing_is_one_command(copy: Path) -> None:
    command = [sys.executable, "-B", str(copy / "notebooks/publish.py"), "ada/gradients"]
    assert subprocess.run(command, check=False).returncode == 0
    assert addresses(copy) == {"ada/gradients"}


@pytest.mark.slow
def test_the_wheel_holds_the_notebooks_and_their_pictures_but_not_their_scripts(
    tmp_path: Path,
) -> None:
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("notebooks", "pg_edu"):
        shutil.copytree(ROOT / name, tmp_path / name)
    options = ["--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir", "wheel"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "."]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    held = {name.removeprefix("pg_edu/_notebooks/") for name in names if "_notebooks/" in name}
    notebooks = ROOT / "notebooks"
    pages = [*notebooks.glob("*.ipynb"), *notebooks.glob("deeper/*.ipynb")]
    expected = [*pages, *notebooks.glob("pictures/*")]
    assert held == {path.relative_to(notebooks).as_posix() for path in expected}


def targets(name: str) -> set[str]:
    """Return the phony targets of a makefile."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return set(" ".join(re.findall(r"^\.PHONY: (.*)$", text, flags=re.MULTILINE)).split())


def listed_by(target: str) -> set[str]:
    """Return the targets that `make help` or `make help-maintainers` prints."""
    done = subprocess.run(["make", target], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(re.findall(r"^make ([a-z-]+)\b", done.stdout, flags=re.MULTILINE))


@needs_make
def test_make_help_lists_what_everybody_needs_in_at_most_eight_lines() -> None:
    assert len(targets("Makefile")) <= 8
    assert listed_by("help") == targets("Makefile") - {"train"}  # `make` alone trains


@needs_make
def test_make_help_maintainers_lists_the_rest() -> None:
    assert listed_by("help-maintainers") == targets("maintain.mk")
    assert not targets("maintain.mk") & targets("Makefile")


@needs_make
@pytest.mark.parametrize("target", sorted(targets("Makefile") | targets("maintain.mk")))
def test_every_target_of_make_has_a_recipe(target: str) -> None:
    command = ["make", "--dry-run", target, "REPO=ada/gradients"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout


@needs_make
def test_make_installs_with_the_python_that_is_named_and_stops_if_that_fails(
    tmp_path: Path,
) -> None:
    for name in ("Makefile", "maintain.mk", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "asked: $*"\nexit 1\n', encoding="utf-8")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    command = ["make", f"PYTHON={python}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "asked: install.py .venv dev\n" in done.stdout
    assert not (tmp_path / ".venv").exists()


@pytest.mark.slow
def test_a_folder_of_the_same_name_beside_a_script_does_not_hide_the_package(
    tmp_path: Path,
) -> None:
    """A clone is such a folder. It has no __init__.py, so it is a namespace package, found last."""
    (tmp_path / "pg_edu").mkdir()
    (tmp_path / "script.py").write_text("from pg_edu import PGPolicy")
    subprocess.run([sys.executable, "script.py"], cwd=tmp_path, check=True)
