"""Infer which part of an agent is broken from what the agent did on a probe.

Each function takes the trials of one probe, at least one of which failed, and says in a few
sentences what may have caused the failure. `general_symptom` covers the causes that do not depend
on the probe.
"""

from dataclasses import dataclass

from pg_edu.types import Floats

TRUNCATION_AS_TERMINATION = (
    "Truncation is treated as termination: where an episode is truncated, the value of what would "
    "follow is missing. (That is right if the limit is part of the task, but then the objective "
    "is a different one.)"
)


@dataclass(frozen=True, eq=False)
class Trial:
    """The record of a policy that trained on a probe.

    Args:
        reached: the mean discounted return of the training episodes in the last updates.
        score: the same on a scale where 0 is chance and 1 is the optimum.
        best_score: the score of the best episode in the last updates.
        first_reward: the mean reward of an episode's first step in the last updates.
        action_frequency: how often each action was taken at each observation in the last updates,
            [O, A].
        explores: whether the first batch has different actions for the same observation.
        changes: whether training changed the actor's outputs for any observation.
        sees: whether the outputs differ between observations after training.
        broadcasts: whether an update broadcasts [B, 1] with [B].
    """

    reached: float
    score: float
    best_score: float
    first_reward: float
    action_frequency: Floats
    explores: bool
    changes: bool
    sees: bool
    broadcasts: bool

    @property
    def favorite(self) -> int:
        """The action that was taken most often at the first observation."""
        return int(self.action_frequency[0].argmax())


def general_symptom(trials: list[Trial]) -> str:
    """Return what is wrong for a reason that does not depend on the probe, or ""."""
    if not any(trial.explores for trial in trials):
        return (
            "It never tries another action: it takes the mode (argmax) in training, where it "
            "should draw from its distribution."
        )
    if not any(trial.changes for trial in trials):
        return (
            "It learns nothing: no output of the actor has changed. Possible causes: a learning "
            "rate of 0, an optimizer that holds other parameters, a loss that is cut off from them "
            "(detach, no_grad), or returns that are all 0 (standardized within each episode, or "
            "without their own reward)."
        )
    if all(trial.broadcasts for trial in trials):
        return (
            "Its update pairs every row with every row, [B, 1] with [B], so each return weights "
            "every log-probability. pg_edu.forbid_outer_broadcast() finds the line."
        )
    return ""


def diagnose_single_action(trials: list[Trial]) -> str:
    """Return what a failure of the probe "single action" means."""
    return "Rewards, flags or the order of the rows are not what the environment returned."


def diagnose_two_actions(trials: list[Trial]) -> str:
    """Return what a failure of the probe "two actions" means."""
    if all(trial.score < -0.5 for trial in trials):
        return "It learns the worse action: the sign of the loss, or of the returns, is wrong."
    if all(trial.score > 0.25 for trial in trials):
        return (
            "It learns the better action, but not well enough: the learning rate is far too small, "
            "an entropy term is too strong, or the probabilities are flattened (softmax twice)."
        )
    return (
        "It stays near chance, or settles on an action no matter what it pays: an action is not "
        "weighted by its own return. Are all rows multiplied by all rows ([B, 1] * [B], a "
        "product of means)? Are rows mixed up? Is the action drawn from the distribution that is "
        "scored? Is the action that was taken the one that is scored? Or is an entropy term too "
        "strong, the learning rate far too small, or the first step too large?"
    )


def diagnose_contexts(trials: list[Trial]) -> str:
    """Return what a failure of the probe "contexts" means."""
    if not any(trial.sees for trial in trials):
        return "The observation does not reach the output, which is the same for all observations."
    return (
        "It does not learn the right action for each observation. In the update, an observation is "
        "paired with another row's action and return (shuffled, shifted by one, the next "
        "observation), or the agent acts on another row's observation. Or the optimizer holds only "
        "a part of the actor; or the policy settles before it has tried all the actions."
    )


def diagnose_delay(trials: list[Trial]) -> str:
    """Return what a failure of the probe "delay" means."""
    meaning_of_arm = {
        1: "Only the immediate reward counts: the rewards that follow an action are not summed, or "
        "those that came before it are.",
        2: "Later rewards weigh as much as early ones: the discount factor is not used.",
        3: "Later rewards weigh more than early ones: they are discounted, or summed, from the "
        "wrong end.",
        4: "A loss counts as a gain: the sign of a return is lost (abs, square, unsigned).",
    }
    arms = {_settled_arm(trial) for trial in trials}
    if len(arms) == 1:
        arm = arms.pop()
        if arm in meaning_of_arm:
            return meaning_of_arm[arm]
    return (
        "It does not choose the same arm in each trial, so several arms seem to pay the same. Are "
        "returns rounded to integers (zeros_like of int rewards), or is their variance far too "
        "large?"
    )


def _settled_arm(trial: Trial) -> int:
    """Return the arm that was taken more than 70% of the time, or the right one, 0, if none was.

    Arm 0 explains no failure, so a trial that did not settle rules out an explanation by arm.
    """
    if trial.action_frequency[0].max() > 0.7:
        return trial.favorite
    return 0


def diagnose_lengths(trials: list[Trial]) -> str:
    """Return what a failure of the probe "lengths" means."""
    if min(trial.score for trial in trials) < -0.2:
        return (
            "It stops although going on pays more: after the end of an episode, the return "
            "continues (into the next episode, or with a value), or the sum over each episode is "
            "divided by its own length."
        )
    return (
        "It does not settle, as if it learned nothing from long episodes. Do their steps have the "
        "same weight as those of short episodes?"
    )


def diagnose_time_limit(trials: list[Trial]) -> str:
    """Return what a failure of the probe "time limit" means."""
    worst = min(trials, key=lambda trial: trial.score)
    if worst.favorite == 0:
        return "A value is added after the last reward of an episode that terminated."
    if worst.favorite == 1:
        return TRUNCATION_AS_TERMINATION
    return "It does not settle between termination and truncation."


def diagnose_bound(trials: list[Trial]) -> str:
    """Return what a failure of the probe "bound" means."""
    lowest = min(trial.score for trial in trials)
    highest = max(trial.score for trial in trials)
    if lowest < -0.3 and highest > 0.3:
        return (
            "It goes to the same end, whichever end pays: the action that was sent to the "
            "environment, in its units, is scored as if it had been drawn; or it is mapped twice, "
            "or to the wrong range."
        )
    if highest < -0.3:
        return "It goes to the worse end: the sign of the loss, or of the mapping, is wrong."
    if min(trial.best_score for trial in trials) < 0.9:
        return (
            "It moves in the right direction, but none of its actions reaches the end: they are "
            "clipped or scaled to bounds that are narrower than the environment's."
        )
    return (
        "It stays in the middle: the bounded action (clipped, or its tanh) is scored with the "
        "density of the raw one. Store and score the action that was drawn; send the bounded one."
    )


def diagnose_alias(trials: list[Trial]) -> str:
    """Return what a failure of the probe "alias" means."""
    settled = any(trial.action_frequency.max() > 0.9 for trial in trials)
    behavior = "settles on one action" if settled else "does not keep the right mixture"
    return (
        f"It {behavior} where only a mixture pays. Possible causes: steps that are too large, "
        "gradients that add up over updates (zero_grad is missing), probabilities that are "
        "sharpened, or weights that are never negative or small."
    )


def diagnose_memory(trials: list[Trial]) -> str:
    """Return what a failure of the probe "memory" means."""
    if min(trial.first_reward for trial in trials) > 0.75:
        return (
            "It knows the cue while it sees it and guesses later: the hidden state is not passed "
            "on from step to step, or it is passed to another environment."
        )
    return "It acts on an old cue: the hidden state is not reset to 0 where an episode begins."
