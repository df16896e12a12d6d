"""Write the pages of the API: one for each module of the core, one for each package around it.

The texts are the docstrings. What a page adds is the equation of a function, typeset, and the
notebook that derives it, which docs/MAP.md names.
"""

import importlib
import inspect
import re
import reprlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from places import ROOT, write

PACKAGES = [
    "guard",
    "runs",
    "figures",
    "lab.exact",
    "lab.probes",
    "lab.museum",
    "course",
    "coursework",
]

# The equation that a function or a method computes, under its full name.
EQUATIONS = {
    "pg_edu.returns.discounted_returns": r"G_t = r_t + \gamma\, G_{t+1}",
    "pg_edu.returns.gae": (
        r"\delta_t = r_t + \gamma V(s_{t+1}) - V(s_t), \qquad"
        r" \hat A_t = \delta_t + \gamma\lambda\, \hat A_{t+1}"
    ),
    "pg_edu.returns.nstep_return": (
        r"G_t = r_t + \gamma r_{t+1} + \dots + \gamma^{n-1} r_{t+n-1} + \gamma^n Q(s_{t+n})"
    ),
    "pg_edu.reinforce.PGPolicy": (
        r"\text{loss} = -\frac1B \sum_{t} \log \pi_\theta(a_t \mid s_t)\, G_t"
    ),
    "pg_edu.reinforce.PGPolicy.learn": (
        r"\text{loss} = -\frac1B \sum_{t} \log \pi_\theta(a_t \mid s_t)\, G_t"
    ),
    "pg_edu.reinforce.PGPolicy.process_fn": r"G_t = r_t + \gamma\, G_{t+1}",
    "pg_edu.leave_one_out.LeaveOneOut": (r"w_i = G_i - \frac{1}{N-1} \sum_{j \neq i} G_j"),
    "pg_edu.runs.intervals.t_interval": (r"\bar x \pm t_{n-1}\, \frac{s}{\sqrt n}"),
}


def write_reference() -> None:
    """Write a page for each module and package, and one that lists all names."""
    modules = documented()
    for name in modules:
        write(f"api/{name}.md", module_page(name))
    write("api/index.md", index(modules))


def documented() -> list[str]:
    """Return the modules that get a page, in the order in which one reads them."""
    core = re.findall(r"^    (\w+) {2,}\w", importlib.import_module("pg_edu").__doc__ or "", re.M)
    return [f"pg_edu.{name}" for name in [*core, *PACKAGES, "tianshou"]]


def members(module: ModuleType) -> dict[str, Any]:
    """Return the public names of a module: its `__all__`, or what is defined in it."""
    names = getattr(module, "__all__", None)
    if names is not None:
        return {name: getattr(module, name) for name in names}
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    }


def parts_of(name: str) -> list[ModuleType]:
    """Return the modules that a page describes: the module, or a package with all its files."""
    module = importlib.import_module(name)
    folder = ROOT.joinpath(*name.split("."))
    if not folder.is_dir() or hasattr(module, "__all__"):
        return [module]
    files = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    return [module, *(importlib.import_module(f"{name}.{file}") for file in files)]


def module_page(name: str) -> str:
    """Return the page of one module as MyST Markdown."""
    first, *files = parts_of(name)
    lines = [f"# {name}", "", derived_in(name), ""]
    lines += ["```{eval-rst}", f".. automodule:: {name}", "   :no-members:", "```", ""]
    lines += _entries(first)
    for module in files:
        if members(module):
            lines += [f"## {module.__name__}", "", *_entries(module)]
    return "\n".join(lines)


def _entries(module: ModuleType) -> Iterator[str]:
    for name, value in members(module).items():
        full = f"{module.__name__}.{name}"
        if inspect.isclass(value):
            directive, options = "autoclass", ["   :members:", "   :show-inheritance:"]
        elif callable(value):
            directive, options = "autofunction", []
        else:
            directive, options = "py:data", [f"   :value: {reprlib.repr(value)}"]
        yield from ["```{eval-rst}", f".. {directive}:: {full}", *options, "```", ""]


def derived_in(name: str) -> str:
    """Return a sentence that links the notebooks that derive a module, from docs/MAP.md."""
    table = (ROOT / "docs" / "MAP.md").read_text(encoding="utf-8")
    place = name.replace(".", "/")
    pages: list[str] = []
    for row in re.findall(r"^\| \[\d\d\]\(\.\./notebooks/.*$", table, re.MULTILINE):
        if re.search(rf"\(\.\./{place}(?:\.py|/\w+\.py)?\)", row):
            pages += re.findall(r"\.\./notebooks/(\w+)\.ipynb", row)
    links = ", ".join(f"[{page.replace('_', ' ')}](../notebooks/{page}.ipynb)" for page in pages)
    return f"Derived in: {links}" if links else ""


def index(modules: list[str]) -> str:
    """Return the page that lists every module with its public names."""
    lines = [
        "# API",
        "",
        "Every public name, with its docstring. What stands in `pg_edu` itself can be imported "
        "from there: `from pg_edu import PGPolicy`. The core modules come first, in the order in "
        "which the data flows through them.",
        "",
        "```{toctree}",
        ":hidden:",
        "",
        *modules,
        "```",
        "",
        "| module | what it holds | names |",
        "|---|---|---|",
    ]
    for name in modules:
        parts = parts_of(name)
        names = [n for part in parts for n, v in members(part).items() if callable(v)]
        shown = ", ".join(f"`{n}`" for n in names[:9]) + (", ..." if len(names) > 9 else "")
        summary = (parts[0].__doc__ or "").strip().split("\n\n")[0].split("\n")[0]
        lines.append(f"| [{name}]({name}.md) | {_escaped(summary)} | {shown} |")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("|", r"\|").replace("*", r"\*")
