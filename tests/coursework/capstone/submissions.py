"""Capstones to mark: the solved one, and five with one part broken."""

from dataclasses import dataclass
from pathlib import Path

SOLVED = (Path(__file__).parent / "solved.py").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Broken:
    """A capstone with one wrong line.

    Args:
        old, new: the line of the solved one, and what stands there instead.
        part: the part that is wrong.
        says: what its diagnosis says.
    """

    old: str
    new: str
    part: str
    says: str

    @property
    def code(self) -> str:
        """The whole file."""
        assert SOLVED.count(self.old) == 1
        return SOLVED.replace(self.old, self.new)


BROKEN = {
    "the softmax runs over the batch": Broken(
        "dim=-1", "dim=0", "forward", "It must run over the actions"
    ),
    "returns leak across episodes": Broken(
        "(0.0 if end[t] else following)", "following", "returns", "hears the rewards of the next"
    ),
    "a product of two means": Broken(
        "-(log_prob * rets).mean()",
        "-log_prob.mean() * rets.mean()",
        "loss",
        "product of two means",
    ),
    "no reset after a termination": Broken(
        "if end[-1]:", "if truncated:", "train", "call reset() where either flag is set"
    ),
    "another agent is returned": Broken(
        "    return act\n",
        "    return lambda obs: int(env.action_space.n) - 1 - act(obs)\n",
        "train",
        "does not act like the one that was trained",
    ),
}
