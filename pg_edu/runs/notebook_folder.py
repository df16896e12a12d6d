"""Find the folder of the notebooks, wherever the package is."""

from pathlib import Path

import pg_edu.runs


def find_notebooks() -> Path:
    """Return the folder of the notebooks: in the installed package, or beside it in a clone.

    Raises:
        ValueError: there is none, since the package was installed in an unusual way.
    """
    package = Path(pg_edu.runs.__file__).parents[1]
    for folder in (package / "_notebooks", package.parent / "notebooks"):
        if (folder / "00_quickstart.ipynb").is_file():
            return folder
    raise ValueError(
        f"no notebooks were found with the package in {package}. Install it from its repository "
        "with pip, which adds them."
    )
