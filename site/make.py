"""Build the site into build/site from the executed notebooks, which are not executed again.

    .venv-site/bin/python site/make.py

Warnings are errors. Everything that a page needs is copied into the site: MathJax and MiniSearch
come from .venv-site/npm, where `make site` installs them.
"""

import shutil
import sys
import zipfile

from pages import copy_frames
from places import OUTPUT, PACKAGES, SITE, SOURCES, TEMPLATE
from search_index import write_search_index
from sources import write_sources
from sphinx.cmd.build import build_main


def main() -> int:
    """Build the site; return the exit status."""
    write_sources()
    doctrees = OUTPUT.with_name("site-doctrees")
    options = ["-W", "--keep-going", "-q", "-b", "html", "-c", str(SITE), "-d", str(doctrees)]
    status = build_main([*options, str(SOURCES), str(OUTPUT)])
    if status:
        return status
    copy_packages()
    copy_frames(OUTPUT / "_static")
    zip_template()
    gone = write_search_index()
    # A worker serves only what lies beside it or below, so it stands at the top.
    shutil.copy(SITE / "static" / "sw.js", OUTPUT / "sw.js")
    if gone:
        print(
            f"site/terms.json names sections that no page has: {'; '.join(gone)}", file=sys.stderr
        )
        return 1
    print(f"The site is in {OUTPUT}. To look at it: python -m http.server -d {OUTPUT}")
    return 0


def copy_packages() -> None:
    """Copy the scripts and fonts that the pages use."""
    modules, static = PACKAGES / "node_modules", OUTPUT / "_static"
    mathjax = modules / "mathjax" / "es5"
    (static / "mathjax").mkdir(exist_ok=True)
    shutil.copy(mathjax / "tex-chtml-full.js", static / "mathjax")
    fonts = "output/chtml/fonts/woff-v2"
    shutil.copytree(mathjax / fonts, static / "mathjax" / fonts, dirs_exist_ok=True)
    shutil.copy(modules / "minisearch" / "dist" / "umd" / "index.js", static / "minisearch.js")


def zip_template() -> None:
    """Put the template of docs/NOTEBOOKS_IN_CI.md where its page links to."""
    files = sorted(path for path in TEMPLATE.rglob("*") if path.is_file())
    with zipfile.ZipFile(OUTPUT / "_static" / f"{TEMPLATE.name}.zip", "w") as archive:
        for path in files:
            if "__pycache__" not in path.parts and ".pytest_cache" not in path.parts:
                archive.write(path, path.relative_to(TEMPLATE.parent))


if __name__ == "__main__":
    sys.exit(main())
