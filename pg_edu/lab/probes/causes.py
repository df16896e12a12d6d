"""The causes that a report may name, and the page that explains each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """A part of an agent that is broken.

    Args:
        name: a short name, by which tests and tables call it.
        text: what is wrong, in a sentence or two.
        page: the page that explains it.
    """

    name: str
    text: str
    page: str


@dataclass(frozen=True)
class Named:
    """A cause, and the figure that speaks for it."""

    cause: Cause
    figure: str

    def __str__(self) -> str:
        return f"{self.cause.text} [{self.figure}; {self.cause.page}]"


_CAUSES = (
    # The loop and its environments.
    Cause(
        "steps after an end",
        "The loop goes on after an episode was truncated: it looks at `terminated` alone. An "
        "episode is over if either flag is set.",
        "notebook 07",
    ),
    Cause(
        "no reset",
        "The loop goes on after an episode has terminated: call reset() where either flag is set.",
        "notebook 07",
    ),
    Cause(
        "same seed",
        "The environment is reset with the same seed again and again, so it plays the same "
        "episodes. Pass a seed to the first reset alone.",
        "notebook 07",
    ),
    # Acting.
    Cause(
        "greedy",
        "It never tries another action: it takes the mode (argmax) in training, where it should "
        "draw from its distribution.",
        "notebook 07",
    ),
    Cause(
        "acts otherwise",
        "The action that is sent is not the one that was drawn from the distribution that is "
        "scored (drawn uniformly, with an exploration rate, or for another row).",
        "notebook 06",
    ),
    Cause(
        "acts on another observation",
        "While it collects, its outputs for the same observation differ: it acts on an old "
        "observation or on another environment's, or on statistics that move (normalized "
        "observations), or with dropout.",
        "notebook 07",
    ),
    Cause(
        "returns another agent",
        "The agent that comes out does not act like the one that was trained: is a fresh or an "
        "old copy returned?",
        "notebook 07",
    ),
    Cause(
        "blind",
        "The observation does not reach the output, which is the same for all observations.",
        "notebook 06",
    ),
    Cause(
        "bounded outputs",
        "The outputs are squeezed before they become probabilities (softmax twice, tanh, a "
        "clip, a ReLU or a temperature), so no action can become likely enough.",
        "notebook 06",
    ),
    # The rows of an update.
    Cause(
        "outer product",
        "Its update pairs every row with every row, [B, 1] with [B], so each return weights "
        "every log-probability. pg_edu.forbid_outer_broadcast() finds the line.",
        "notebook 04",
    ),
    Cause(
        "rows mixed up",
        "In the update, an observation is paired with another row's action (shuffled, or "
        "shifted by one).",
        "notebook 06",
    ),
    Cause(
        "other observation",
        "The update scores actions under other observations than those on which they were "
        "drawn: the next observation, or another row's.",
        "notebook 06",
    ),
    Cause(
        "other action",
        "The actions that are scored are not those that were taken.",
        "notebook 05",
    ),
    Cause(
        "returns mixed up",
        "An action is not weighted by its own return: the returns, or the actions, belong to "
        "other rows (shuffled, or shifted by one).",
        "notebook 03",
    ),
    Cause(
        "one weight for all",
        "All actions get the same weight, whatever they earned: [B, 1] times [B], a product of "
        "means, or a loss without returns.",
        "notebook 04",
    ),
    Cause(
        "other probabilities",
        "The update scores actions with other probabilities than those with which they were "
        "drawn: statistics that move in between (normalized observations, batch norm), dropout, "
        "a hidden state that is missing, or rows of an older policy.",
        "notebook 06",
    ),
    Cause(
        "rows left out",
        "The update learns from a part of the steps alone.",
        "notebook 06",
    ),
    Cause(
        "reset rows",
        "The update learns from steps that are resets: in mode next_step, the step after an end "
        "ignores its action and pays 0. Leave these rows out of the loss (or use same_step).",
        "notebook 07",
    ),
    Cause(
        "never emptied",
        "The update learns again from the rows of earlier updates: the buffer is not emptied.",
        "notebook 06",
    ),
    # Returns.
    Cause(
        "sign",
        "It learns the worse action: the sign of the loss, or of the returns, is wrong.",
        "notebook 01",
    ),
    Cause(
        "immediate reward",
        "Only the immediate reward counts: the rewards that follow an action are not summed, or "
        "those that came before it are.",
        "notebook 02",
    ),
    Cause(
        "one-step targets",
        "It learns after each step, from its reward and at most a value, as a one-step "
        "actor-critic (λ = 0) does. The observations here do not show what was decided before, so "
        "no such agent can pass. (Without a critic: the rewards that follow are not summed.)",
        "notebook 11",
    ),
    Cause(
        "undiscounted",
        "Later rewards weigh as much as early ones: the discount factor is not used.",
        "notebook 02",
    ),
    Cause(
        "gamma twice",
        "Later rewards weigh too little: they are discounted twice, by γ² for each step.",
        "notebook 02",
    ),
    Cause(
        "other discount",
        "Rewards are summed, but with another discount factor than the agent's.",
        "notebook 02",
    ),
    Cause(
        "from the wrong end",
        "Later rewards weigh more than early ones: they are discounted, or summed, from the "
        "wrong end.",
        "notebook 02",
    ),
    Cause(
        "own reward missing",
        "The return of a step lacks its own reward: it begins one step too late.",
        "notebook 02",
    ),
    Cause(
        "last reward",
        "Only the last reward of an episode counts.",
        "notebook 02",
    ),
    Cause(
        "sign lost",
        "A loss counts as a gain: the sign of a return is lost (abs, square, unsigned).",
        "notebook 02",
    ),
    Cause(
        "negative dropped",
        "Negative returns are dropped: they weigh 0, in place of less than others.",
        "notebook 02",
    ),
    Cause(
        "clipped",
        "Rewards or returns are clipped (or reduced to their signs): a large one counts as much "
        "as a small one.",
        "notebook 02",
    ),
    Cause(
        "integers",
        "Returns are rounded to integers: zeros_like of integer rewards, or an integer dtype.",
        "notebook 02",
    ),
    Cause(
        "first step alone",
        "Only the first step of each episode is learned.",
        "notebook 03",
    ),
    Cause(
        "last step alone",
        "Only the last step of each episode is learned.",
        "notebook 03",
    ),
    Cause(
        "divided by length",
        "Each episode's sum is divided by its own length, so long episodes count less.",
        "notebook 03",
    ),
    Cause(
        "standardized per episode",
        "Returns are standardized within each episode, so that what a whole episode earned is "
        "lost.",
        "notebook 02",
    ),
    Cause(
        "leak",
        "After the end of an episode the return continues into the next one: cut it where "
        "either flag is set.",
        "notebook 02",
    ),
    Cause(
        "leak at truncation",
        "Where an episode is truncated, the return continues into the next one: `done` is "
        "`terminated` alone, and the second flag is forgotten.",
        "notebook 08",
    ),
    Cause(
        "leak at termination",
        "Where an episode terminates, the return continues into the next one or with a value; "
        "where it is truncated it does not. The two flags are swapped.",
        "notebook 08",
    ),
    Cause(
        "value after an end",
        "A value is added after the last reward of an episode that terminated, where nothing "
        "follows.",
        "notebook 08",
    ),
    Cause(
        "truncation as termination",
        "Truncation is treated as termination: where an episode is truncated, the value of what "
        "would follow is missing. (That is right if the limit is part of the task, but then the "
        "objective is a different one.)",
        "notebook 08",
    ),
    Cause(
        "probability scored",
        "The weight of an action grows with its probability: the loss has the probability where "
        "the log-probability belongs.",
        "notebook 01",
    ),
    Cause(
        "returns all zero",
        "All weights are 0: the returns are standardized within each episode or row, or lack their "
        "own reward, or the old log-probability of PPO's ratio is not the stored one.",
        "notebook 02",
    ),
    # The optimizer.
    Cause(
        "no gradient",
        "It learns nothing: the loss is cut off from the parameters (detach, no_grad, .item()), "
        "or no optimizer takes a step.",
        "notebook 06",
    ),
    Cause(
        "other parameters",
        "It learns nothing: the optimizer holds other parameters than those that act.",
        "notebook 06",
    ),
    Cause(
        "rate zero",
        "The learning rate is 0, or falls to 0 too soon: it learns nothing, or no more.",
        "notebook 06",
    ),
    Cause(
        "zero_grad",
        "Gradients add up over updates: zero_grad is missing.",
        "notebook 06",
    ),
    Cause(
        "large steps",
        "The steps are too large: the learning rate is far too high, or one batch is repeated "
        "too often.",
        "notebook 06",
    ),
    Cause(
        "entropy too strong",
        "The entropy term is stronger than the returns.",
        "notebook 11",
    ),
    Cause(
        "entropy punished",
        "The sign of the entropy term is wrong: it makes the policy settle early.",
        "notebook 11",
    ),
    Cause(
        "part of the parameters",
        "A part of the parameters does not learn: the optimizer holds only some of them.",
        "notebook 06",
    ),
    # Actions with bounds.
    Cause(
        "clipped action scored",
        "The bounded action (clipped) is scored with the density of the raw one. Store and "
        "score the action that was drawn; send the bounded one.",
        "notebook 05",
    ),
    Cause(
        "tanh action scored",
        "The tanh of the action is scored with the density of the raw one. Store and score the "
        "action that was drawn; send the bounded one.",
        "notebook 05",
    ),
    Cause(
        "sent action scored",
        "The action that was sent to the environment, in its units, is scored as if it had been "
        "drawn.",
        "notebook 05",
    ),
    Cause(
        "mapped twice",
        "The action is mapped twice, or to the wrong range: of what was drawn, too much is sent "
        "to an end.",
        "notebook 05",
    ),
    Cause(
        "not scaled",
        "The action is clipped to the bounds of the space but not scaled to it, although "
        "action_scaling is True.",
        "notebook 05",
    ),
    Cause(
        "narrow bounds",
        "None of its actions reaches the ends: they are clipped or scaled to bounds that are "
        "narrower than the environment's.",
        "notebook 05",
    ),
    Cause(
        "mean over dimensions",
        "The log-probabilities of the action's dimensions are averaged. They have to be added.",
        "notebook 04",
    ),
    Cause(
        "one dimension",
        "One dimension of the action learns and the other does not: are the log-probabilities "
        "of all dimensions added?",
        "notebook 04",
    ),
    # Memory.
    Cause(
        "state not passed",
        "It knows the cue while it sees it and guesses later: the hidden state is not passed on "
        "from step to step, or it is passed to another environment.",
        "notebook 07, deeper",
    ),
    Cause(
        "state not reset",
        "It acts on an old cue: the hidden state is not reset to 0 where an episode begins.",
        "notebook 07, deeper",
    ),
    Cause(
        "not what was sent",
        "Rewards, flags or the order of the rows are not what the environment returned.",
        "notebook 07",
    ),
)
CAUSES = {cause.name: cause for cause in _CAUSES}

OF_READING = {
    "immediate": "immediate reward",
    "undiscounted": "undiscounted",
    "gamma twice": "gamma twice",
    "backwards": "from the wrong end",
    "reversed": "from the wrong end",
    "own reward missing": "own reward missing",
    "last reward": "last reward",
    "absolute": "sign lost",
    "squared": "sign lost",
    "negative dropped": "negative dropped",
    "clipped rewards": "clipped",
    "clipped returns": "clipped",
    "sign of rewards": "clipped",
    "integers": "integers",
    "integers at each step": "integers",
    "rounded": "integers",
    "first step alone": "first step alone",
    "last step alone": "last step alone",
    "divided by length": "divided by length",
    "standardized per episode": "standardized per episode",
    "leak": "leak",
    "leak at truncation": "leak at truncation",
    "leak at termination": "leak at termination",
    "value after termination": "value after an end",
    "value after every end": "value after an end",
}


def name(cause: str, figure: str) -> Named:
    """Return the cause with this name, and the figure that speaks for it."""
    return Named(CAUSES[cause], figure)
