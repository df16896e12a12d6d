"""Say what to use instead when a module here is asked for a Tianshou name that pg_edu lacks.

Each module sets its own `__getattr__` (PEP 562) under `if not TYPE_CHECKING`, because mypy assumes
that a module with a `__getattr__` has every name.
"""

from collections.abc import Callable
from typing import NoReturn


def explain_missing(module: str, instead: dict[str, str]) -> Callable[[str], NoReturn]:
    """Return the `__getattr__` of a module that says what to use instead of a missing name.

    Args:
        module: the module's `__name__`.
        instead: for each Tianshou name that a user may ask for, a sentence of advice.

    Example:
        >>> explain_missing("pg_edu.tianshou.env", {"Pond": "Use a Lake."})("Pond")
        Traceback (most recent call last):
        ImportError: pg_edu.tianshou.env has no Pond. Use a Lake.
    """

    def module_getattr(name: str) -> NoReturn:
        if name in instead:
            # `from module import name` would replace the message of an AttributeError with its own.
            raise ImportError(f"{module} has no {name}. {instead[name]}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return module_getattr
