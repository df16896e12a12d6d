"""What a pitfall consists of, and what its check returns."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "biased",
    "scale",
    "high variance",
    "wrong objective",
    "numerical",
    "measurement",
    "misconception",
]


@dataclass(frozen=True)
class Verdict:
    """The result of a check.

    Args:
        passes: whether the code does what it should; for a misconception, whether the belief is
            true.
        figures: the numbers on which the check decided, by name.

    Example:
        >>> print(Verdict(False, {"cosine": -0.51234, "rows": 3}))
        ✗ cosine = -0.5123; rows = 3
    """

    passes: bool
    figures: dict[str, float]

    def __str__(self) -> str:
        shown = "; ".join(f"{name} = {_short(value)}" for name, value in self.figures.items())
        return f"{'✓' if self.passes else '✗'} {shown}"


@dataclass(frozen=True, kw_only=True)
class Pitfall:
    """One pitfall, as an exhibit of the museum.

    Args:
        name: the name under which it is shown.
        kind: what goes wrong, which decides where it is shown.
        believed: what people believe, in one sentence.
        check: for code, `check(wrong)` and `check(right)`; for a misconception, `check()`.
        nuance: where the belief is half true.
        half_true: the computation that supports the nuance; its verdict passes.
        sources: authors and year, or the notebook that derives it.
        wrong, right: the two versions, which take the same arguments; None for a misconception.
    """

    name: str
    kind: Kind
    believed: str
    check: Callable[..., Verdict]
    nuance: str
    half_true: Callable[[], Verdict]
    sources: tuple[str, ...]
    wrong: Callable[..., Any] | None = None
    right: Callable[..., Any] | None = None

    def verdicts(self) -> dict[str, Verdict]:
        """Return the verdicts on both versions, or on the belief, and on the nuance."""
        if self.wrong is None or self.right is None:
            return {"believed": self.check(), "half true": self.half_true()}
        return {
            "wrong": self.check(self.wrong),
            "right": self.check(self.right),
            "half true": self.half_true(),
        }


def _short(value: float) -> str:
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    return f"{round(value, 4) + 0.0:.4g}"  # + 0.0 turns -0 into 0
