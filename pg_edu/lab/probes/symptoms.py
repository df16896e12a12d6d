"""What the wrong answers to a probe mean (`probes.py`): from what an agent did to what is broken.

Each function reads the plays of one probe, at least one of which failed, and says in a sentence
which part of an agent does that. `general` knows the symptoms that have nothing to do with a probe.
"""

from dataclasses import dataclass

from pg_edu.types import Floats

INTERRUPTION_IS_AN_END = (
    "An interruption counts as an end: where an episode is truncated, the value of what follows is "
    "missing. (Right if the limit is part of the task: another objective.)"
)


@dataclass(frozen=True, eq=False)
class Run:
    """What a policy did in one of the plays of a probe.

    Args:
        reached: mean discounted return in the last updates, as the policy acts in training.
        score: the same, where 0 is chance and 1 the optimum.
        best: the score of the best episode in the last updates.
        first_reward: mean reward of an episode's first step in the last updates.
        frequency: of each action for each observation in the last updates, [O, A].
        varies: whether the first batch has different actions for one observation.
        learns: whether training changed what the actor puts out, for any observation.
        sees: whether in the end its outputs differ between observations.
        outer: whether an update broadcasts [B, 1] with [B].
    """

    reached: float
    score: float
    best: float
    first_reward: float
    frequency: Floats
    varies: bool
    learns: bool
    sees: bool
    outer: bool

    @property
    def favourite(self) -> int:
        """The action that is taken most at the first observation."""
        return int(self.frequency[0].argmax())


def single(runs: list[Run]) -> str:
    return "Rewards, flags or the order of the rows are not those that the environment gave."


def two(runs: list[Run]) -> str:
    if all(run.score < -0.5 for run in runs):
        return "It learns the worse action: the sign of the loss, or of the returns, is turned."
    if all(run.score > 0.25 for run in runs):
        return (
            "It learns the better action, but not far: a learning rate that is far too small, an "
            "entropy term that is too strong, or probabilities that are flattened (softmax twice)."
        )
    return (
        "It stays near chance, or settles on an action whatever that pays: an action is not "
        "weighed by its own return. Is it multiplied row by row ([B, 1] * [B], a product of "
        "means)? Are rows mixed up? Is the action drawn from what is scored? Is it this action "
        "that is scored? Or is an entropy term too strong, the learning rate far too small, or the "
        "first step too large?"
    )


def contexts(runs: list[Run]) -> str:
    if not any(run.sees for run in runs):
        return "The observation does not reach the output: it is the same for all observations."
    return (
        "It does not learn each observation's own action: in the update an observation is paired "
        "with another row's action and return (shuffled, shifted by one, the next observation), "
        "or it acts by another row's. Or the optimizer holds a part of the actor only; or it "
        "settles before it has tried all the actions."
    )


def delay(runs: list[Run]) -> str:
    wrong = {
        1: "Only the immediate reward counts: what follows is not summed, or what came before is.",
        2: "Later rewards weigh as much as early ones: the discount factor is not used.",
        3: "Later rewards weigh more than early ones: discounted, or summed, from the wrong end.",
        4: "A loss counts as a gain: the sign of a return is lost (abs, square, unsigned).",
    }
    settled = {run.favourite if run.frequency[0].max() > 0.7 else 0 for run in runs}
    if len(settled) == 1 and settled <= wrong.keys():
        return wrong[settled.pop()]
    return (
        "Not the same arm each time: to the agent several of them pay alike. Are returns rounded "
        "to integers (zeros_like of int rewards), or far too noisy?"
    )


def lengths(runs: list[Run]) -> str:
    if min(run.score for run in runs) < -0.2:
        return (
            "It stops although going on pays more: after an end the return goes on (into the next "
            "episode, or by a value), or each episode's sum is divided by its own length."
        )
    return "It does not settle: long episodes are noise to it. Are their rows weighed alike?"


def limit(runs: list[Run]) -> str:
    worst = min(runs, key=lambda run: run.score).favourite
    if worst == 0:
        return "Something follows after an end: a value is added where the episode terminated."
    if worst == 1:
        return INTERRUPTION_IS_AN_END
    return "It does not settle between an end and an interruption."


def bound(runs: list[Run]) -> str:
    low, high = min(run.score for run in runs), max(run.score for run in runs)
    if low < -0.3 and high > 0.3:
        return (
            "It goes to the same end, whichever pays: the action that the environment got, in its "
            "units, is scored as if it had been drawn; or it is mapped twice, or to a wrong range."
        )
    if high < -0.3:
        return "It goes to the worse end: the sign of the loss, or of the mapping."
    if min(run.best for run in runs) < 0.9:
        return (
            "It turns the right way, and no action of its arrives: the bounds that it is clipped "
            "or scaled to are narrower than the environment's."
        )
    return (
        "It stays in the middle: the bounded action (clipped, or its tanh) is scored by the "
        "density of the raw one. Store and score what was drawn; bound what is sent."
    )


def alias(runs: list[Run]) -> str:
    settled = any(run.frequency.max() > 0.9 for run in runs)
    return (
        f"{'It settles on one action' if settled else 'It does not hold the mixture'} where only a "
        "mixture pays: steps that are too large, gradients that add up over updates (zero_grad), "
        "probabilities that are sharpened, or weights that are never negative nor small."
    )


def memory(runs: list[Run]) -> str:
    if min(run.first_reward for run in runs) > 0.75:
        return (
            "It knows the cue while it sees it and guesses later: the hidden state is not handed "
            "on from step to step, or is handed to another environment."
        )
    return "It acts by an old cue: the hidden state is not set to 0 where an episode begins."


def general(runs: list[Run]) -> str:
    """What is wrong in a way that has nothing to do with the probe, or ""."""
    if not any(run.varies for run in runs):
        return (
            "It never tries another action: it acts by the mode (argmax) in training, where it "
            "should draw from its distribution."
        )
    if not any(run.learns for run in runs):
        return (
            "Nothing is learned, no output of the actor changed: a learning rate of 0, an "
            "optimizer that holds other parameters, a loss that is cut off from them (detach, "
            "no_grad), or returns that are all 0 (standardised within an episode, or without "
            "their own reward)."
        )
    if all(run.outer for run in runs):
        return (
            "Its update pairs all rows with all rows, [B, 1] with [B]: every return weighs every "
            "log-probability. pg_edu.forbid_outer_broadcast() shows the line."
        )
    return ""
