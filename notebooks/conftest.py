"""Let `pytest --nbval` run the notebooks as they were built, whatever settings the user has."""

import os
import tempfile

import build

_empty = tempfile.TemporaryDirectory()  # It is removed when pytest ends.
os.environ.update(build.without_own_settings(_empty.name))
