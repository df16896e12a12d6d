"""Write the pages made of what the repository knows: home, exercises, museum, glossary."""

import inspect
import re
import textwrap
from collections.abc import Iterator
from itertools import groupby

import build
from links import RESULTS, site_links
from places import NOTEBOOKS, ROOT, SITE, write

from pg_edu.course import Card, exercises
from pg_edu.course.records import record
from pg_edu.lab.museum import PITFALLS, Pitfall

GUIDES = [
    "docs/INSTALL.md",
    "docs/RUNS.md",
    "docs/PROBE.md",
    "docs/TOOLS.md",
    "docs/TIANSHOU.md",
    "docs/COURSE.md",
    "docs/INSTRUCTORS.md",
    "docs/MARKING.md",
    "docs/NOTEBOOKS_IN_CI.md",
    "docs/BENCHMARKS.md",
    RESULTS,
    "docs/DESIGN.md",
    "docs/MAP.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
]
PICTURES = [
    "notebooks/pictures/agent.png",
    "notebooks/pictures/agent_dark.png",
    "tests/bench/results.png",
]
# Rooms of the museum: a kind of pitfall, in the order of notebook 10.
ROOMS = {
    "biased": 1,
    "scale": 2,
    "high variance": 3,
    "wrong objective": 4,
    "numerical": 5,
    "measurement": 6,
    "misconception": 7,
}


def write_lists() -> None:
    """Write these pages, and copy the guides, into the folder that Sphinx reads."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {
        "index.md": (SITE / "index.md").read_text(encoding="utf-8"),
        "notebooks/index.md": course(readme),
        "exercises.md": exercises_page(),
        "museum.md": museum(),
        "docs/GLOSSARY.md": glossary(),
        "guides.md": guides(),
    }
    for path in every_guide():
        pages[path] = site_links((ROOT / path).read_text(encoding="utf-8"), path)
    for path, text in pages.items():
        write(path, text)
    for picture in PICTURES:
        write(picture, (ROOT / picture).read_bytes())


def every_guide() -> list[str]:
    """Return the pages of text in reading order; those that are not listed above come last."""
    found = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").glob("*.md"))]
    others = [path for path in found if path not in (*GUIDES, "docs/GLOSSARY.md")]
    return [path for path in [*GUIDES, *others] if (ROOT / path).exists()]


def guides() -> str:
    """Return the page that lists the texts around the course."""
    tree = "\n".join(path.removesuffix(".md") for path in every_guide())
    return (
        "# Guides\n\nHow to install pg_edu, train with it, test an agent with it, move to it from "
        "Tianshou, teach with it, and how it is made.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{tree}\n```\n"
    )


def course(readme: str) -> str:
    """Return the page of the course: the README's table of notebooks, and its minutes."""
    rows = re.findall(r"^\| \[\d\d [^\]]+\]\(notebooks/.*$", readme, re.MULTILINE)
    table = "\n".join(rows).replace("(notebooks/", "(")
    pages = [build.name(source) for source in build.sources([])]
    core = "\n".join(entry(page) for page in pages if not page.startswith("deeper/"))
    return (
        "# The course\n\n"
        "Each page derives one piece of REINFORCE and proves each claim by running it. A page asks "
        "before it answers: write down a guess, then unfold the answer. Pictures with sliders move "
        "here, without Python; to change the code, run the page as a notebook. What is proved "
        "beside the main path waits on the deeper page.\n\n"
        "Minutes are estimates, exercises included. 00, 02, 04 and 05 make a short course of two "
        "to three hours.\n\n"
        "| page | minutes | the question that it answers | more |\n|---|---|---|---|\n"
        f"{table}\n\n"
        f"```{{toctree}}\n:hidden:\n\n{core}\n```\n"
    )


def entry(page: str) -> str:
    """Return how the navigation names a core page: "02 returns <02_returns>"."""
    return f"{page.replace('_', ' ')} <{page}>"


def exercises_page() -> str:
    """Return the page that lists every exercise under its notebook."""
    lines = [
        "# Exercises",
        "",
        "Each exercise has two hints and a solution to unfold. Where the answer is a value, the "
        "page checks it. Where it is a function, `check` in the running notebook does: "
        "[install pg_edu](docs/INSTALL.md), run `pg-edu notebooks my_course`, and open it there.",
        "",
    ]
    for page, cards in groupby(sorted(exercises(), key=_place), key=_core_page):
        lines += [f"## {page.replace('_', ' ')}", ""]
        lines += ["| exercise | trains | answer | minutes | difficulty |", "|---|---|---|---|---|"]
        lines += [_row(card) for card in cards]
        lines.append("")
    return "\n".join(lines)


def _place(card: Card) -> tuple[str, bool, list[int]]:
    """Return where an exercise stands: those of the core page before the deeper ones."""
    numbers = [int(number) for number in card.number.split(".")]
    return _core_page(card), card.notebook.startswith("deeper/"), numbers


def _core_page(card: Card) -> str:
    return card.notebook.removeprefix("deeper/")


def _row(card: Card) -> str:
    heading = f"Exercise {card.number} · {card.title}"
    link = f"[{card.number} {card.title}](notebooks/{card.notebook}.ipynb#{slug(heading)})"
    answer = "function" if record(card.number).asks_for_a_function else "value"
    deeper = " (deeper)" if card.notebook.startswith("deeper/") else ""
    return f"| {link}{deeper} | {card.trains} | {answer} | {card.minutes} | {card.difficulty} |"


def slug(heading: str) -> str:
    """Return the anchor that GitHub and MyST give a heading."""
    kept = re.sub(r"[^\w\- ]", "", re.sub(r"[`*$\\]", "", heading).lower())
    return kept.replace(" ", "-")


def museum() -> str:
    """Return the page of all pitfalls, with the table of symptoms from notebook 10."""
    source = (NOTEBOOKS / "src" / "10_pitfall_museum.md").read_text(encoding="utf-8")
    section = source.split("\n## Find your bug by its symptom\n")[1].split("\n## ")[0]
    section = re.sub("Names in italics [^.]*\\.", "Each name leads to an exhibit below.", section)
    lines = [
        "# Museum of pitfalls",
        "",
        "Popular lines of code, and sentences one often hears, that run and train something else "
        "than they seem to. What each check measures is shown in [notebook 10]"
        "(notebooks/10_pitfall_museum.ipynb) and, for all of them, on its "
        "[deeper page](notebooks/deeper/10_pitfall_museum.ipynb).",
        "",
        "## Find your bug by its symptom",
        "",
        re.sub(r"\*((?:\\\*|[^*])+)\*", _exhibit_link, section).strip(),
        "",
    ]
    for kind, number in ROOMS.items():
        lines += [f"## Room {number}: {kind}", ""]
        for pitfall in PITFALLS.values():
            if pitfall.kind == kind:
                lines += _exhibit(pitfall)
    return "\n".join(lines)


def _exhibit_link(match: re.Match[str]) -> str:
    name = match[1].replace("\\*", "*")
    return f"[{match[1]}](#{exhibit_label(name)})" if name in PITFALLS else match[0]


def exhibit_label(name: str) -> str:
    """Return the label of an exhibit, for links."""
    return "exhibit-" + re.sub(r"\W+", "-", name).strip("-").lower()


def _exhibit(pitfall: Pitfall) -> Iterator[str]:
    yield from [f"({exhibit_label(pitfall.name)})=", f"### {_plain(pitfall.name)}", ""]
    yield from [f"**Believed:** {_plain(pitfall.believed)}", ""]
    for label, version in (("Wrong", pitfall.wrong), ("Right", pitfall.right)):
        if version is not None:
            code = textwrap.dedent(inspect.getsource(version)).rstrip()
            yield from [f"**{label}:**", "", "```python", code, "```", ""]
    yield from [f"**Half true:** {_plain(pitfall.nuance)}", ""]
    yield from [f"*Sources: {_plain('; '.join(pitfall.sources))}.*", ""]


def _plain(text: str) -> str:
    """Return text that Markdown shows as it stands."""
    return re.sub(r"([\\*_\[\]<>$|])", r"\\\1", text)


def glossary() -> str:
    """Return the glossary with its wide tables of terms as entries, one below the other."""
    path = "docs/GLOSSARY.md"
    text = (ROOT / path).read_text(encoding="utf-8")
    out = []
    for line in text.splitlines():
        if line.startswith("| term |"):
            columns = [cell.strip() for cell in line.split("|")[1:-1]]
        elif line.startswith('| <a id="'):
            out += _term(line, columns)
        elif not line.startswith("|---|---|---|---|---|"):
            out.append(line)
    return site_links("\n".join(out), path) + "\n"


def _term(row: str, columns: list[str]) -> list[str]:
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row.replace(r"\mid", "MID"))[1:-1]]
    name, symbol, meaning, *places = (cell.replace("MID", r"\mid") for cell in cells)
    anchor, term = re.findall(r'<a id="(.+?)"></a>(.*)', name)[0]
    symbol = f" {symbol}" if symbol else ""
    found = [
        f"{column}: {place}" for column, place in zip(columns[3:], places, strict=True) if place
    ]
    where = "; ".join(found)
    return [f"(term-{anchor})=", f"**{term}**{symbol}. {meaning}", "", "{.where}", where, ""]
