"""The expected update is right, but its variance is higher than necessary."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pg_edu.lab.exact.estimators import Weights, minus_constant, reward_to_go, sum_per_episode
from pg_edu.lab.exact.judge import Judgment, judge
from pg_edu.lab.exact.mdp import MDP, Episodes
from pg_edu.lab.exact.tasks import bandit, coins, stop_or_go
from pg_edu.lab.museum.measuring import THREE_ARMS
from pg_edu.lab.museum.pitfall import Pitfall, Verdict
from pg_edu.returns import discounted_returns
from pg_edu.types import Flags, Floats

# baseline(weights, the constant with the least variance) -> weights.
SubtractBaseline = Callable[[Weights, float], Weights]


def minus_10(weights: Weights, least: float) -> Weights:
    return minus_constant(weights, 10.0)


def minus_least(weights: Weights, least: float) -> Weights:
    return minus_constant(weights, least)


# Action 0 pays 1, action 1 pays nothing, and the policy is nearly certain: π = (.9, .1).
CERTAIN = bandit([1, 0], np.log([0.9, 0.1]))


def _least(task: MDP) -> float:
    """Return the constant with the least variance, E[|score|² G] / E[|score|²], in a bandit."""
    chance, pulls = task.episodes()
    length = chance * np.array([(e.score**2).sum() for e in pulls])
    paid = np.array([e.rew[0] for e in pulls])
    return float(length @ paid / length.sum())


def _with_baseline(subtract: SubtractBaseline, task: MDP = THREE_ARMS) -> Judgment:
    least = _least(task)
    return judge(
        lambda batch: sum_per_episode(batch, subtract(reward_to_go(batch), least)),
        task.batches(1),
        task.gradient(),
    )


def _with_constant(b: float, task: MDP = THREE_ARMS) -> Judgment:
    return _with_baseline(lambda weights, least: minus_constant(weights, b), task)


def _without_baseline(task: MDP = THREE_ARMS) -> Judgment:
    return _with_constant(0.0, task)


def _less_than_without(subtract: SubtractBaseline) -> Verdict:
    found, certain = _with_baseline(subtract), _with_baseline(subtract, CERTAIN)
    without, certain_without = _without_baseline(), _without_baseline(CERTAIN)
    figures = {
        "variance": found.variance,
        "without a baseline": without.variance,
        "variance if the policy is nearly certain": certain.variance,
        "there without a baseline": certain_without.variance,
    }
    less = found.variance < without.variance and certain.variance < certain_without.variance
    return Verdict(found.unbiased and certain.unbiased and less, figures)


def _unbiased_and_even_the_value_may_hurt() -> Verdict:
    found = [_with_constant(b) for b in (-100.0, 0.0, 10.0)]
    bias = max(float(np.linalg.norm(one.bias)) for one in found)
    value, without = _with_constant(CERTAIN.J(), CERTAIN), _without_baseline(CERTAIN)
    figures = {
        "largest bias for the baselines -100, 0, 10": bias,
        "variance with the value if the policy is nearly certain": value.variance,
        "without a baseline": without.variance,
    }
    unbiased = all(one.unbiased for one in found)
    return Verdict(unbiased and value.variance > without.variance, figures)


ANY_BASELINE = Pitfall(
    name="any baseline",
    kind="high variance",
    believed="A baseline never hurts: it can only reduce the variance.",
    wrong=minus_10,
    right=minus_least,
    check=_less_than_without,
    nuance="No constant makes an unbiased sum biased. But the variance is a parabola in it, and "
    "even the value, the usual choice, can have more than no baseline once the policy is nearly "
    "certain.",
    half_true=_unbiased_and_even_the_value_may_hurt,
    sources=(
        "Weaver & Tao (2001)",
        "Greensmith, Bartlett & Baxter (2004)",
        "Chung et al. (2021)",
    ),
)


def row_kept(score: Floats, rew: Floats, end: Flags, reset: Flags, gamma: float) -> Floats:
    return np.tensordot(discounted_returns(rew, end, gamma), score, axes=1)


def row_masked(score: Floats, rew: Floats, end: Flags, reset: Flags, gamma: float) -> Floats:
    return np.tensordot(np.where(reset, 0.0, discounted_returns(rew, end, gamma)), score, axes=1)


# Two episodes of one decision, and between them a reset step, which ignores its action.
GAMMA = 0.99
WITH_RESET = MDP(
    start=[1, 0, 0],
    transition=np.repeat(np.eye(3, k=1)[:, None], 3, axis=1),
    reward=[[1, 0, 5], [0, 0, 0], [1, 0, 5]],
    logits=THREE_ARMS.logits,
    observation=[0, 0, 0],
)
# update(score [B, O, A], rew [B], end [B], reset [B], gamma) -> [O, A].
UpdateFromRows = Callable[[Floats, Floats, Flags, Flags, float], Floats]


def _on_two_episodes(update: UpdateFromRows) -> Judgment:
    end = np.array([True, False, True])
    reset = np.array([False, True, False])
    return judge(
        lambda batch: update(batch[0].score, batch[0].rew, end, reset, GAMMA),
        WITH_RESET.batches(1),
        2 * THREE_ARMS.gradient(),
    )


def _variance_of_two_episodes(update: UpdateFromRows) -> Verdict:
    found = _on_two_episodes(update)
    alone = 2 * _without_baseline().variance
    figures = {"variance": found.variance, "of two episodes alone": alone}
    return Verdict(found.unbiased and found.variance < alone + 1e-9, figures)


def _its_contribution_is_0() -> Verdict:
    gap = float(np.linalg.norm(_on_two_episodes(row_kept).bias))
    figures = {
        "bias of the sum with the row": gap,
        "rows that .mean() divides by, for 2 decisions": 3,
    }
    return Verdict(gap < 1e-12, figures)


AUTO_RESET_ROW = Pitfall(
    name="the auto-reset row",
    kind="high variance",
    believed="With NEXT_STEP autoreset every row of the buffer is a decision.",
    wrong=row_kept,
    right=row_masked,
    check=_variance_of_two_episodes,
    nuance="The return of the reset row is gamma times that of the next episode, and its action "
    "was ignored, so on average it adds 0 to a sum. But `.mean()` counts it.",
    half_true=_its_contribution_is_0,
    sources=("Gymnasium's documentation of AutoresetMode", "notebook 07"),
)

# returns(rew [B], end [B], gamma) -> [B].
ReturnsWithEnds = Callable[[Floats, Flags, float], Floats]


def across_episodes(rew: Floats, end: Flags, gamma: float) -> Floats:
    return discounted_returns(rew, np.arange(len(rew)) == len(rew) - 1, gamma)


def within_episodes(rew: Floats, end: Flags, gamma: float) -> Floats:
    return discounted_returns(rew, end, gamma)


def _two_in_one_array(returns: ReturnsWithEnds, task: MDP) -> Judgment:
    def estimator(batch: Episodes) -> Floats:
        rew = np.concatenate([e.rew for e in batch])
        end = np.concatenate([e.end for e in batch])
        G = returns(rew, end, task.gamma)
        return sum_per_episode(batch, np.split(G, np.flatnonzero(end)[:-1] + 1))

    return judge(estimator, task.batches(2), task.without_gamma_t())


def _two_coins_twice(returns: ReturnsWithEnds) -> Verdict:
    found = _two_in_one_array(returns, coins(2))
    right = _two_in_one_array(within_episodes, coins(2))
    figures = {"variance": found.variance, "with end flags": right.variance}
    return Verdict(found.unbiased and found.variance <= right.variance, figures)


def _biased_if_lengths_differ() -> Verdict:
    at_1 = _two_in_one_array(across_episodes, stop_or_go())
    at_half = _two_in_one_array(across_episodes, replace(stop_or_go(), gamma=0.5))
    figures = {
        "bias in stop-or-go with gamma 1": float(np.linalg.norm(at_1.bias)),
        "with gamma 1/2": float(np.linalg.norm(at_half.bias)),
    }
    return Verdict(at_1.unbiased and not at_half.unbiased, figures)


END_FLAG = Pitfall(
    name="the forgotten end flag",
    kind="high variance",
    believed="A return that runs on into the next episode is biased.",
    wrong=across_episodes,
    right=within_episodes,
    check=_two_coins_twice,
    nuance="The next episode does not depend on this action, so with gamma = 1 it adds only "
    "variance. If gamma < 1 and lengths differ, the action decides how much leaks in, and that is "
    "a bias.",
    half_true=_biased_if_lengths_differ,
    sources=("Sutton & Barto (2018), equation 3.8", "notebook 02"),
)
