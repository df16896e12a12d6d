"""Claims: sentences, each next to the computation that verifies it.

A notebook does not only say that something is true; it shows the reader the check. Each claim
prints one line, the same for a reader and for `pytest --nbval`. A false claim stops the notebook.
"""

import numbers

import numpy as np


class ClaimError(AssertionError):
    """The error that a false claim raises."""


def claim(sentence: str, holds: bool | np.bool_, **values: object) -> None:
    """Print a sentence with a check mark if it holds; otherwise print it with a cross and raise.

    Args:
        sentence: the claim, in plain words.
        holds: the result of the check, a single truth value.
        **values: the numbers that the check used, printed after the sentence. Real numbers are
            rounded to four digits; integers and fractions are exact.

    Raises:
        ClaimError: the claim is false.
        TypeError: `holds` is not a single truth value, so nothing was checked.

    Example:
        >>> claim("heads and tails of a fair coin are equally likely", 0.5 == 1 - 0.5)
        ✓ heads and tails of a fair coin are equally likely
        >>> claim("e is less than 3", np.e < 3, e=np.e, gap=3 - np.e)
        ✓ e is less than 3 (e = 2.718, gap = 0.2817)
    """
    if not isinstance(holds, bool | np.bool_):
        raise TypeError(
            f"holds is {holds!r} of type {type(holds).__name__}, but must be True or False. "
            "Compare the value with something, and write .all() or .any() for an array."
        )
    mark = "✓" if holds else "✗"
    shown = ", ".join(f"{name} = {_short(value)}" for name, value in values.items())
    line = f"{mark} {sentence} ({shown})" if shown else f"{mark} {sentence}"
    print(line)
    if not holds:
        raise ClaimError(line)


def _short(value: object) -> str:
    """Return a value as text, with real numbers rounded to four digits."""
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Rational):
        return f"{float(value) + 0.0:.4g}"  # Adding 0.0 turns -0 into 0.
    return str(value)
