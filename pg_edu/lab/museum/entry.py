"""What an exhibit is made of, and what a check answers."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["biased", "scale", "noisy", "wrong objective", "numerical", "measurement", "belief"]


@dataclass(frozen=True)
class Verdict:
    """What a check has found.

    Args:
        passes: whether the code does what it should; of a belief, whether it survives.
        figures: what the check looked at.

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
    """One exhibit.

    Args:
        name: what stands on the label.
        kind: the room it is shown in.
        believed: what people believe, one sentence.
        check: of code, `check(wrong)` and `check(right)`; of a belief, `check()`.
        nuance: where the belief is half true.
        half_true: the computation behind the nuance; it passes.
        sources: authors and year, or the notebook that derives it.
        wrong, right: the two versions, with the same arguments; None of a belief.
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
        """The check's answer to each version, or to the belief; and to the nuance."""
        if self.wrong is None or self.right is None:
            found = {"believed": self.check()}
        else:
            found = {"wrong": self.check(self.wrong), "right": self.check(self.right)}
        return found | {"half true": self.half_true()}


def _short(value: float) -> str:
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    return f"{round(value, 4) + 0.0:.4g}"  # + 0.0 turns -0 into 0
