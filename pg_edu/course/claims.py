"""Claims: a sentence and the computation that proves it, side by side.

A notebook does not say that something is so, it lets the reader see it checked. Each claim prints
one line, the same for a reader and for `pytest --nbval`, and a claim that is false stops the
notebook.
"""

import numbers

import numpy as np


class ClaimError(AssertionError):
    """A claim that does not hold."""


def claim(sentence: str, holds: bool | np.bool_, **values: object) -> None:
    """Print that `sentence` was checked and holds, or print that it does not and raise.

    Args:
        sentence: what is claimed, as a reader would say it.
        holds: the check, one truth value.
        **values: what the check looked at, shown behind the sentence. Real numbers are rounded
            to four digits, integers and fractions are exact.

    Raises:
        ClaimError: the claim is false.
        TypeError: `holds` is not one truth value, so nothing was checked.

    Example:
        >>> claim("a fair coin has no favourite", 0.5 == 1 - 0.5)
        ✓ a fair coin has no favourite
        >>> claim("e is less than 3", np.e < 3, e=np.e, gap=3 - np.e)
        ✓ e is less than 3 (e = 2.718, gap = 0.2817)
    """
    if not isinstance(holds, bool | np.bool_):
        raise TypeError(
            f"holds must be True or False, got {type(holds).__name__}: {holds!r}. "
            "Compare it with something; of an array, say .all() or .any()."
        )
    shown = ", ".join(f"{name} = {_short(value)}" for name, value in values.items())
    line = f"{'✓' if holds else '✗'} {sentence}" + (f" ({shown})" if shown else "")
    print(line)
    if not holds:
        raise ClaimError(line)


def _short(value: object) -> str:
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Rational):
        return f"{float(value) + 0.0:.4g}"  # + 0.0 turns -0 into 0
    return str(value)
