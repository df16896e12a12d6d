"""The expected update differs from ∇J because of what is divided by, or what is subtracted."""

import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pg_edu.lab.exact import estimators
from pg_edu.lab.exact.estimators import (
    minus_leave_one_out,
    minus_leave_one_out_dropping,
    minus_value,
    reward_to_go,
    sum_per_episode,
)
from pg_edu.lab.exact.judge import judge
from pg_edu.lab.exact.mdp import MDP, Episodes, Estimator
from pg_edu.lab.exact.tasks import bandit, coins, length_bias, stop_or_go
from pg_edu.lab.museum.measuring import THREE_ARMS, TREASURE, WAITING, at_sizes
from pg_edu.lab.museum.pitfall import Pitfall, Verdict
from pg_edu.types import Floats

# What the sum is divided by.


def mean_over_steps(batch: Episodes) -> Floats:
    return estimators.mean_over_steps(batch, reward_to_go(batch))


def mean_per_episode(batch: Episodes) -> Floats:
    return estimators.mean_per_episode(batch, reward_to_go(batch))


def summed(batch: Episodes) -> Floats:
    return sum_per_episode(batch, reward_to_go(batch))


def _stop_or_go(estimator: Estimator) -> Verdict:
    one, eight = at_sizes(estimator, stop_or_go(), (1, 8))
    unit = 0.25  # p (1 - p)
    figures = {
        "update of stop / p(1-p)": one.expectation[0, 0] / unit,
        "with 8 episodes": eight.expectation[0, 0] / unit,
        "truth": one.truth[0, 0] / unit,
    }
    return Verdict(one.unbiased and eight.unbiased, figures)


def _one_length() -> Verdict:
    (found,) = at_sizes(mean_over_steps, coins(3), (2,))
    third = abs(found.scale - 1 / 3) < 1e-12 and found.cosine > 1 - 1e-12
    return Verdict(third, {"scale if all have 3 steps": found.scale, "cosine then": found.cosine})


MEAN_OVER_STEPS = Pitfall(
    name="mean over steps",
    kind="biased",
    believed="The mean over all steps is just the sum in other units.",
    wrong=mean_over_steps,
    right=summed,
    check=_stop_or_go,
    nuance="It is if all episodes have the same length T: 1/T of the sum per episode. If actions "
    "influence the length, they influence the divisor; the bias fades as 1/N.",
    half_true=_one_length,
    sources=("Williams (1992)", "Liu et al. (2025)", "notebook 03"),
)


def _long_or_short(estimator: Estimator) -> Verdict:
    one, two, three = at_sizes(estimator, length_bias(), (1, 2, 3))
    figures = {"cosine with 1": one.cosine, "with 2": two.cosine, "with 3": three.cosine}
    return Verdict(one.unbiased and two.unbiased and three.unbiased, figures)


def _only_the_mean_over_all_steps_recovers() -> Verdict:
    one, four = at_sizes(mean_over_steps, length_bias(), (1, 4))
    (per_episode,) = at_sizes(mean_per_episode, coins(3), (2,))
    figures = {
        "cosine of the mean over all steps, 1 episode": one.cosine,
        "with 4 episodes": four.cosine,
        "cosine of the mean per episode, if all have one length": per_episode.cosine,
    }
    return Verdict(one.cosine < four.cosine < 1 and per_episode.cosine > 1 - 1e-12, figures)


MEAN_PER_EPISODE = Pitfall(
    name="mean per episode",
    kind="biased",
    believed="Each episode should count the same, so divide it by its length.",
    wrong=mean_per_episode,
    right=summed,
    check=_long_or_short,
    nuance="In the sum each episode already counts once. After the division a step of a long "
    "episode counts less, and more episodes do not help; only equal lengths do.",
    half_true=_only_the_mean_over_all_steps_recovers,
    sources=("Liu et al. (2025)",),
)


def mean_of_two_micro_batches(batch: Episodes) -> Floats:
    halves = batch[: len(batch) // 2], batch[len(batch) // 2 :]
    parts = [mean_over_steps(half) for half in halves]
    return np.asarray(np.mean(parts, axis=0), np.float64)


def sum_of_two_micro_batches(batch: Episodes) -> Floats:
    halves = batch[: len(batch) // 2], batch[len(batch) // 2 :]
    parts = [len(half) * summed(half) for half in halves]
    return np.asarray(np.sum(parts, axis=0) / len(batch), np.float64)


def _stop_or_go_in_halves(estimator: Estimator) -> Verdict:
    task = stop_or_go()
    two, eight = (judge(estimator, task.batches(n), task.gradient()) for n in (2, 8))
    unit = 0.25  # p (1 - p)
    figures = {
        "update of stop / p(1-p), 2 episodes": two.expectation[0, 0] / unit,
        "8 episodes": eight.expectation[0, 0] / unit,
        "truth": two.truth[0, 0] / unit,
    }
    return Verdict(two.unbiased and eight.unbiased, figures)


def _parts_of_one_size() -> Verdict:
    task = coins(2)
    in_parts, whole = (
        judge(estimator, task.batches(2), task.gradient()).expectation
        for estimator in (mean_of_two_micro_batches, mean_over_steps)
    )
    gap = float(np.abs(in_parts - whole).max())
    return Verdict(gap < 1e-12, {"difference from the whole batch if all have 2 steps": gap})


LOSS_PER_MICRO_BATCH = Pitfall(
    name="loss per micro-batch",
    kind="biased",
    believed="The mean of the losses of all micro-batches is the loss of the batch.",
    wrong=mean_of_two_micro_batches,
    right=sum_of_two_micro_batches,
    check=_stop_or_go_in_halves,
    nuance="It is if all micro-batches have the same number of steps. If not, a step counts more "
    "in a short one. Divide each sum by a number that belongs to the whole batch.",
    half_true=_parts_of_one_size,
    sources=("Hugging Face (2024), Fixing gradient accumulation", "notebook 03"),
)

# What is subtracted from the returns, and what they are divided by.

ReturnTransform = Callable[[Tensor], Tensor]


def standardized(returns: Tensor) -> Tensor:  # of one episode
    return (returns - returns.mean()) / (returns.std() + 1e-8)


def unchanged(returns: Tensor) -> Tensor:
    return returns


# Three steps; the last pays 1 if all three actions were 1. The states record whether they were.
ALL_OR_NOTHING = MDP(
    start=[1, 0, 0, 0, 0],
    transition=[
        [[0, 0, 0, 1, 0], [0, 1, 0, 0, 0]],
        [[0, 0, 0, 0, 1], [0, 0, 1, 0, 0]],
        [[0] * 5, [0] * 5],
        [[0, 0, 0, 0, 1], [0, 0, 0, 0, 1]],
        [[0] * 5, [0] * 5],
    ],
    reward=[[0, 0], [0, 0], [0, 1], [0, 0], [0, 0]],
    logits=np.zeros((3, 2)),
    observation=[0, 1, 2, 1, 2],
)


def _sparse_success(transform: ReturnTransform) -> Verdict:
    def estimator(batch: Episodes) -> Floats:
        weights = [transform(torch.from_numpy(w)).numpy() for w in reward_to_go(batch)]
        return sum_per_episode(batch, weights)

    found = judge(estimator, ALL_OR_NOTHING.batches(1), ALL_OR_NOTHING.gradient())
    figures = {
        "scale": found.scale,
        "weight in an episode of one step": _first_weight(transform, [1.0]),
        "first weight of a success, gamma .9": _first_weight(transform, [0.81, 0.9, 1.0]),
    }
    return Verdict(found.unbiased, figures)


def _first_weight(transform: ReturnTransform, returns: list[float]) -> float:
    with warnings.catch_warnings():  # The std of one number is NaN, of which torch warns.
        warnings.simplefilter("ignore")
        return float(transform(torch.tensor(returns, dtype=torch.float64))[0])


def _units_do_not_matter() -> Verdict:
    G = torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64)
    gap = float((standardized(5 + 100 * G) - standardized(G)).abs().max())
    return Verdict(gap < 1e-6, {"change of the weights if every G is 5 + 100 G": gap})


PER_EPISODE_STD = Pitfall(
    name="standardized per episode",
    kind="biased",
    believed="(G - mean) / std of the episode is a baseline.",
    wrong=standardized,
    right=unchanged,
    check=_sparse_success,
    nuance="It does make the unit and the origin of returns irrelevant. But a baseline must "
    "not depend on the action, and this one erases what tells a good episode from a bad one.",
    half_true=_units_do_not_matter,
    sources=("Williams (1992)", "notebook 08"),
)


def divided_by_std(batch: Episodes) -> Floats:
    return sum_per_episode(batch, estimators.standardized_per_batch(reward_to_go(batch)))


def _two_bandits(estimator: Estimator) -> Verdict:
    (mild,) = at_sizes(estimator, THREE_ARMS, (2,))
    (rare,) = at_sizes(estimator, TREASURE, (2,))
    figures = {"cosine": mild.cosine, "with a rare treasure": rare.cosine}
    return Verdict(mild.unbiased and rare.unbiased, figures)


def _success_or_failure() -> Verdict:
    """Show that with rewards of 0 and 1 in one context E[g] is ∇p times a factor.

    With k successes in N episodes the factor is E[√(k (N - k))] / (N p (1 - p)). It is the same for
    all p if N is 2 or 3, where k (N - k) is a constant unless it is 0.
    """
    arms = bandit([1, 0, 1], [0.5, -0.3, 0.1])
    straight = min(found.cosine for found in at_sizes(divided_by_std, arms, (2, 3, 4)))
    common_3, common_8 = at_sizes(divided_by_std, _success_with(0.5), (3, 8))
    rare_3, rare_8 = at_sizes(divided_by_std, _success_with(0.1), (3, 8))
    figures = {
        "cosine with rewards 0 and 1 in one context": straight,
        "scale with 8 episodes where success has probability .5": common_8.scale,
        "where it has probability .1": rare_8.scale,
    }
    alike = abs(rare_3.scale - common_3.scale) < 1e-6
    return Verdict(straight > 1 - 1e-9 and alike and rare_8.scale > common_8.scale, figures)


def _success_with(p: float) -> MDP:
    return bandit([0, 1], np.log([1 - p, p]))


PER_BATCH_STD = Pitfall(
    name="standardized per batch",
    kind="biased",
    believed="Dividing by the standard deviation of the batch changes only the step size.",
    wrong=divided_by_std,
    right=summed,
    check=_two_bandits,
    nuance="With rewards of 0 and 1 in a single context the direction is exactly right. If the "
    "division is done per context, it gives more weight, from 4 episodes on, to contexts where "
    "success is rare or nearly certain.",
    half_true=_success_or_failure,
    sources=("Liu et al. (2025)", "notebook 08"),
)


def standardized_in_two_minibatches(batch: Episodes) -> Floats:
    halves = batch[: len(batch) // 2], batch[len(batch) // 2 :]
    return np.asarray(np.mean([divided_by_std(half) for half in halves], axis=0), np.float64)


def compared_in_the_whole_batch(batch: Episodes) -> Floats:
    return minus_others(batch)


def _four_pulls(estimator: Estimator) -> Verdict:
    mild, rare = (
        judge(estimator, task.batches(4), task.gradient()) for task in (THREE_ARMS, TREASURE)
    )
    figures = {"cosine": mild.cosine, "with a rare treasure": rare.cosine}
    return Verdict(mild.unbiased and rare.unbiased, figures)


def _larger_minibatches_turn_it_less() -> Verdict:
    two, four, eight = at_sizes(divided_by_std, THREE_ARMS, (2, 4, 8))
    figures = {
        "cosine with minibatches of 2": two.cosine,
        "of 4": four.cosine,
        "of 8": eight.cosine,
    }
    return Verdict(two.cosine < four.cosine < eight.cosine < 1, figures)


PER_MINIBATCH_STD = Pitfall(
    name="standardized per minibatch",
    kind="biased",
    believed="Standardizing each minibatch is standardizing the batch.",
    wrong=standardized_in_two_minibatches,
    right=compared_in_the_whole_batch,
    check=_four_pulls,
    nuance="Each minibatch has a mean and a deviation of its own, so four pulls in two minibatches "
    "are as biased as a batch of two. Larger minibatches turn the update less.",
    half_true=_larger_minibatches_turn_it_less,
    sources=("Huang et al. (2022)", "Andrychowicz et al. (2021)", "notebook 08"),
)


def minus_mean_of_all_steps(batch: Episodes) -> Floats:
    return sum_per_episode(batch, estimators.minus_batch_mean(reward_to_go(batch)))


def minus_others(batch: Episodes) -> Floats:
    return sum_per_episode(batch, minus_leave_one_out(reward_to_go(batch)))


def _it_fades() -> Verdict:
    found = at_sizes(minus_mean_of_all_steps, length_bias(), (1, 2, 3, 4))
    cosines = [one.cosine for one in found]
    return Verdict(cosines == sorted(cosines), {"cosine with 4 episodes": cosines[3]})


OWN_MEAN = Pitfall(
    name="own mean over steps",
    kind="biased",
    believed="The mean return of all steps in the batch is a constant.",
    wrong=minus_mean_of_all_steps,
    right=minus_others,
    check=_long_or_short,
    nuance="It depends on this episode's actions and on its number of steps; with more episodes it "
    "depends on them less. (A mean per time step costs only a factor: see own mean per time.)",
    half_true=_it_fades,
    sources=("Kool, van Hoof & Welling (2019)", "Ahmadian et al. (2024)"),
)


def lonely_steps_dropped(batch: Episodes) -> Floats:
    return sum_per_episode(batch, minus_leave_one_out_dropping(reward_to_go(batch)))


def _waiting(estimator: Estimator) -> Verdict:
    two, three = at_sizes(estimator, WAITING, (2, 3))
    figures = {"cosine with 2": two.cosine, "with 3": three.cosine}
    return Verdict(two.unbiased and three.unbiased, figures)


def _more_variance_with_two() -> Verdict:
    two, three = at_sizes(minus_others, THREE_ARMS, (2, 3))
    (plain,) = at_sizes(summed, THREE_ARMS, (1,))
    figures = {
        "leave-one-out, 2 episodes: 2 x variance": 2 * two.variance,
        "3 episodes: 3 x variance": 3 * three.variance,
        "no baseline, N episodes: N x variance": plain.variance,
    }
    return Verdict(3 * three.variance < plain.variance < 2 * two.variance, figures)


LEAVE_ONE_OUT = Pitfall(
    name="leave-one-out, steps dropped",
    kind="biased",
    believed="Where no other episode is alive there is no baseline, so leave the step out.",
    wrong=lonely_steps_dropped,
    right=minus_others,
    check=_waiting,
    nuance="Leave out the baseline there, not the step: the others have ended, so their return is "
    "0. That is unbiased; but with N = 2 the variance may be higher than with no baseline at all.",
    half_true=_more_variance_with_two,
    sources=("Kool, van Hoof & Welling (2019)",),
)


def value_of_the_next_state(batch: Episodes, value: Floats) -> Floats:
    following = [np.append(value[e.states[1:]], 0.0) for e in batch]
    weights = [w - v for w, v in zip(reward_to_go(batch), following, strict=True)]
    return sum_per_episode(batch, weights)


def value_of_the_state(batch: Episodes, value: Floats) -> Floats:
    return sum_per_episode(batch, minus_value(reward_to_go(batch), batch, value))


def _exact_value(estimator: Callable[[Episodes, Floats], Floats]) -> Verdict:
    value = WAITING.value()
    (found,) = at_sizes(lambda batch: estimator(batch, value), WAITING, (1,))
    return Verdict(found.unbiased, {"cosine": found.cosine})


def _actions_that_lead_nowhere() -> Verdict:
    """Judge it on coins, where the next state does not depend on the action."""
    value = coins(3).value()
    (found,) = at_sizes(lambda batch: value_of_the_next_state(batch, value), coins(3), (1,))
    figures = {"cosine for coins, where every action leads to the same state": found.cosine}
    return Verdict(found.unbiased, figures)


NEXT_VALUE = Pitfall(
    name="value of the next state",
    kind="biased",
    believed="If V is exact, it matters little whether V(s) or V(s') is subtracted.",
    wrong=value_of_the_next_state,
    right=value_of_the_state,
    check=_exact_value,
    nuance="V(s') takes away what the action gained by leading there. Where all actions lead to "
    "the same state, it is a baseline.",
    half_true=_actions_that_lead_nowhere,
    sources=("Sutton et al. (2000)", "notebook 03"),
)
