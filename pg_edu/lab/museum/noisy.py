"""Right on average, and noisier than it need be."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pg_edu.lab.exact.estimators import Weights, minus_constant, reward_to_go, sum_per_episode
from pg_edu.lab.exact.judge import Judgement, judge
from pg_edu.lab.exact.mdp import MDP, Batch
from pg_edu.lab.exact.tasks import coins, stop_or_go
from pg_edu.lab.museum.entry import Pitfall, Verdict
from pg_edu.lab.museum.instruments import THREE_ARMS
from pg_edu.returns import discounted_returns
from pg_edu.types import Flags, Floats


def minus_10(weights: Weights, value: float) -> Weights:
    return minus_constant(weights, 10.0)


def minus_value(weights: Weights, value: float) -> Weights:
    return minus_constant(weights, value)


def _with_baseline(baseline: Callable[[Weights, float], Weights]) -> Judgement:
    value = THREE_ARMS.J()
    return judge(
        lambda batch: sum_per_episode(batch, baseline(reward_to_go(batch), value)),
        THREE_ARMS.batches(1),
        THREE_ARMS.gradient(),
    )


def _less_than_without(baseline: Callable[[Weights, float], Weights]) -> Verdict:
    found, without = _with_baseline(baseline), _with_baseline(lambda weights, _: weights)
    figures = {"variance": found.variance, "without a baseline": without.variance}
    return Verdict(found.unbiased and found.variance < without.variance, figures)


def _every_constant_is_unbiased() -> Verdict:
    constants = (-100.0, 0.0, 10.0)
    found = [_with_baseline(lambda w, _, b=b: minus_constant(w, b)) for b in constants]  # type: ignore[misc]
    bias = max(float(np.linalg.norm(one.bias)) for one in found)
    return Verdict(
        all(one.unbiased for one in found), {"largest bias for the baselines -100, 0, 10": bias}
    )


ANY_BASELINE = Pitfall(
    name="any baseline",
    kind="noisy",
    believed="A baseline never hurts: it can only take variance away.",
    wrong=minus_10,
    right=minus_value,
    check=_less_than_without,
    nuance="It never makes an unbiased sum biased, whatever the constant; but the variance is a "
    "parabola in it.",
    half_true=_every_constant_is_unbiased,
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


# Two games of one decision; between them the step that only resets, whose action nobody reads.
GAMMA = 0.99
WITH_RESET = MDP(
    start=[1, 0, 0],
    transition=np.repeat(np.eye(3, k=1)[:, None], 3, axis=1),
    reward=[[1, 0, 5], [0, 0, 0], [1, 0, 5]],
    logits=THREE_ARMS.logits,
    observation=[0, 0, 0],
)
Rows = Callable[[Floats, Floats, Flags, Flags, float], Floats]


def _on_two_games(estimator: Rows) -> Judgement:
    end, reset = np.array([True, False, True]), np.array([False, True, False])
    return judge(
        lambda batch: estimator(batch[0].score, batch[0].rew, end, reset, GAMMA),
        WITH_RESET.batches(1),
        2 * THREE_ARMS.gradient(),
    )


def _as_noisy_as_two_games(estimator: Rows) -> Verdict:
    found, alone = _on_two_games(estimator), _with_baseline(lambda weights, _: weights)
    figures = {"variance": found.variance, "of two games alone": 2 * alone.variance}
    return Verdict(found.unbiased and found.variance < 2 * alone.variance + 1e-9, figures)


def _its_contribution_is_0() -> Verdict:
    gap = float(np.linalg.norm(_on_two_games(row_kept).bias))
    figures = {"bias of the sum with the row": gap}
    figures["rows that .mean() divides by, for 2 decisions"] = 3
    return Verdict(gap < 1e-12, figures)


AUTO_RESET_ROW = Pitfall(
    name="the auto-reset row",
    kind="noisy",
    believed="With NEXT_STEP auto-reset every row of the buffer is a decision.",
    wrong=row_kept,
    right=row_masked,
    check=_as_noisy_as_two_games,
    nuance="The bogus row earns gamma times the next game's return, and its action was ignored: "
    "it adds 0 on average to a sum. But `.mean()` counts it.",
    half_true=_its_contribution_is_0,
    sources=("Gymnasium's documentation of AutoresetMode", "notebook 07"),
)


def leaking(rew: Floats, end: Flags, gamma: float) -> Floats:
    return discounted_returns(rew, np.arange(len(rew)) == len(rew) - 1, gamma)


def closed(rew: Floats, end: Flags, gamma: float) -> Floats:
    return discounted_returns(rew, end, gamma)


Returns = Callable[[Floats, Flags, float], Floats]


def _two_in_one_array(returns: Returns, world: MDP) -> Judgement:
    def estimator(batch: Batch) -> Floats:
        ends = np.cumsum([len(e) for e in batch])
        rew = np.concatenate([e.rew for e in batch])
        G = returns(rew, np.isin(np.arange(1, len(rew) + 1), ends), world.gamma)
        return sum_per_episode(batch, np.split(G, ends[:-1]))

    return judge(estimator, world.batches(2), world.without_gamma_t())


def _two_coins_twice(returns: Returns) -> Verdict:
    found, right = _two_in_one_array(returns, coins(2)), _two_in_one_array(closed, coins(2))
    figures = {"variance": found.variance, "with end flags": right.variance}
    return Verdict(found.unbiased and found.variance <= right.variance, figures)


def _biased_if_lengths_differ() -> Verdict:
    at_1 = _two_in_one_array(leaking, stop_or_go())
    at_half = _two_in_one_array(leaking, replace(stop_or_go(), gamma=0.5))
    figures = {"bias in stop-or-go with gamma 1": float(np.linalg.norm(at_1.bias))}
    figures["with gamma 1/2"] = float(np.linalg.norm(at_half.bias))
    return Verdict(at_1.unbiased and not at_half.unbiased, figures)


END_FLAG = Pitfall(
    name="the forgotten end flag",
    kind="noisy",
    believed="A return that runs on into the next game is biased.",
    wrong=leaking,
    right=closed,
    check=_two_coins_twice,
    nuance="The next game knows nothing of this action, so with gamma = 1 all of it is noise. If "
    "gamma < 1 and the lengths differ, the action decides how much leaks in: then it is biased.",
    half_true=_biased_if_lengths_differ,
    sources=("Sutton & Barto (2018), equation 3.8", "notebook 02"),
)
