"""nbval's kernels, too, run without the settings of the user."""

import os
import tempfile

from build import without_own_settings

os.environ.update(without_own_settings(tempfile.mkdtemp()))
