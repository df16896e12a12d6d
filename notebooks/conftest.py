"""Let `pytest --nbval` run the notebooks as they were built, whatever settings the user has."""

import os
import tempfile

from kernel_settings import without_own_settings

_empty = tempfile.TemporaryDirectory()  # It is removed when pytest ends.
os.environ.update(without_own_settings(_empty.name))
