"""Add the notebooks to the wheel; everything else about the package is in pyproject.toml.

The notebooks are in one place, the folder notebooks/ beside the package. `pg-edu notebooks` copies
them from the wheel, or, if the package runs from a clone, from that folder.
"""

from pathlib import Path
from shutil import copytree, ignore_patterns

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithNotebooks(build_py):
    """Copy the modules and the notebooks, but not the scripts that build the notebooks."""

    def run(self):
        """Copy them into the folder from which the wheel is made."""
        super().run()
        if not self.editable_mode:
            unwanted = ignore_patterns("src", "frames", "*.py", "__pycache__", ".*")
            target = Path(self.build_lib, "pg_edu", "_notebooks")
            copytree(
                Path(__file__).with_name("notebooks"), target, ignore=unwanted, dirs_exist_ok=True
            )


setup(cmdclass={"build_py": BuildWithNotebooks})
