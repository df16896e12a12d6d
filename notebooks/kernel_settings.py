"""The environment variables with which a kernel does not follow its user's own settings.

This is a module of its own, since `conftest.py` needs nothing else of `build.py`, which takes most
of a second to import.
"""

from importlib.util import find_spec
from pathlib import Path


def without_own_settings(empty: str) -> dict[str, str]:
    """Return environment variables for a kernel that draws as a new Matplotlib and IPython do.

    Otherwise the user's MPLBACKEND, matplotlibrc and profile of IPython would decide whether a
    picture appears below a cell, in which format, and what is printed beside it.

    Args:
        empty: an empty folder, for the profile that IPython makes.

    Raises:
        ModuleNotFoundError: Matplotlib is not installed.
    """
    matplotlib = find_spec("matplotlib")  # finds the package and does not import it
    if matplotlib is None or matplotlib.origin is None:
        raise ModuleNotFoundError("matplotlib is missing; install it: pip install matplotlib")
    return {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": str(Path(matplotlib.origin).with_name("mpl-data") / "matplotlibrc"),
        "IPYTHONDIR": empty,
    }
