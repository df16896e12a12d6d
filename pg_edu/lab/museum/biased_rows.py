"""The expected update differs from ∇J because a row of the batch is not what it seems."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pg_edu.lab.exact import estimators
from pg_edu.lab.exact.estimators import (
    Weights,
    minus_leave_one_out,
    reward_to_go,
    sum_per_episode,
)
from pg_edu.lab.exact.judge import Judgment, cosine, judge
from pg_edu.lab.exact.mdp import MDP, Episodes
from pg_edu.lab.exact.tasks import contexts
from pg_edu.lab.museum.measuring import (
    THREE_ARMS,
    WAITING,
    CutReturns,
    LogProb,
    PolicyLoss,
    after_a_cut,
    at_sizes,
    by_autograd,
    gaussian_gradient,
    pathwise_gradient,
)
from pg_edu.lab.museum.pitfall import Pitfall, Verdict
from pg_edu.returns import discounted_returns
from pg_edu.types import Flags, Floats


def mean_after_cut(rew: Floats, cut: Flags, gamma: float, value: float, mean: float) -> Floats:
    end = np.arange(len(rew)) == len(rew) - 1
    return discounted_returns(rew, end, gamma, bootstrap=np.where(cut, mean, 0.0))


def value_after_cut(rew: Floats, cut: Flags, gamma: float, value: float, mean: float) -> Floats:
    end = np.arange(len(rew)) == len(rew) - 1
    return discounted_returns(rew, end, gamma, bootstrap=np.where(cut, value, 0.0))


# Leave with 3.5, or take 3 and enter a room that pays nothing. Episodes are cut after one step.
EMPTY_ROOM = MDP([1, 0], [[[0, 0], [0, 1]], [[0, 0]] * 2], [[3.5, 3], [0, 0]], np.zeros((2, 2)))


def _empty_room(returns: CutReturns) -> Verdict:
    found = after_a_cut(returns, EMPTY_ROOM, 1)
    unit = 0.25  # p (1 - p)
    figures = {
        "update of the room / p(1-p)": found.expectation[0, 1] / unit,
        "truth": found.truth[0, 1] / unit,
    }
    return Verdict(found.unbiased, figures)


def _nothing_terminates() -> Verdict:
    """Cut two arms that pay 0 and 1 forever after 3 steps, with gamma = .9."""
    endless = MDP([1], np.ones((1, 2, 1)), [[0, 1]], [[0.3, 0]], gamma=0.9)

    def expectation(bootstrap: float) -> Floats:
        def returns(rew: Floats, cut: Flags, gamma: float, value: float, mean: float) -> Floats:
            return mean_after_cut(rew, cut, gamma, value, bootstrap)

        return after_a_cut(returns, endless, 3).expectation

    gap = float(np.abs(expectation(100.0) - expectation(0.0)).max())
    return Verdict(gap < 1e-12, {"change by a bootstrap of 100 where nothing terminates": gap})


CONSTANT_BOOTSTRAP = Pitfall(
    name="constant bootstrap",
    kind="biased",
    believed="The running mean of returns is a fair guess for what follows a cut.",
    wrong=mean_after_cut,
    right=value_after_cut,
    check=_empty_room,
    nuance="If no episode terminates, a constant changes nothing on average (it is added whatever "
    "the actions are). If some do, it is a reward for surviving, or a penalty.",
    half_true=_nothing_terminates,
    sources=("Pardo et al. (2018)", "notebook 08"),
)

EpisodeFilter = Callable[[Episodes], Episodes]


def two_steps(batch: Episodes) -> Episodes:
    return estimators.cut(batch, 2)


def whole_episodes(batch: Episodes) -> Episodes:
    return batch


def _judged(seen: EpisodeFilter, n: int, task: MDP = WAITING) -> Judgment:
    """Judge the sum per episode over the part of n episodes that `seen` keeps."""

    def estimator(batch: Episodes) -> Floats:
        pieces = seen(batch)
        if not pieces:
            return np.zeros_like(task.logits)
        return sum_per_episode(pieces, reward_to_go(pieces)) * len(pieces) / len(batch)

    return judge(estimator, task.batches(n), task.gradient())


def _finished(batch: Episodes) -> Episodes:
    return [e for e in batch if e.terminated]


def _collected(seen: EpisodeFilter) -> Verdict:
    """Judge a window of two steps that begins with an episode, with and without what is cut."""
    all_pieces = _judged(seen, 2)
    finished = _judged(lambda batch: _finished(seen(batch)), 2)
    figures = {"cosine": all_pieces.cosine, "finished episodes only": finished.cosine}
    return Verdict(all_pieces.unbiased, figures)


# Waiting pays 1 at once, and stopping pays nothing.
PAID_FOR_WAITING = replace(WAITING, reward=[[0, 1]] * 3)


def _longer_windows() -> Verdict:
    def window(steps: int) -> EpisodeFilter:
        return lambda batch: estimators.cut(batch, steps)

    cosines = [_judged(window(steps), steps).cosine for steps in (3, 4, 5)]
    paid = _judged(window(3), 3, PAID_FOR_WAITING).cosine
    paid_finished = _judged(lambda batch: _finished(window(3)(batch)), 3, PAID_FOR_WAITING).cosine
    figures = {
        "cosine with a window of 3 steps": cosines[0],
        "of 4 steps": cosines[1],
        "of 5 steps": cosines[2],
        "of 3 steps, if waiting itself pays": paid,
        "and finished episodes only": paid_finished,
    }
    return Verdict(cosines == sorted(cosines) and paid < paid_finished, figures)


COLLECTORS_CUT = Pitfall(
    name="the collector's cut",
    kind="biased",
    believed="A fixed number of steps is as good as a number of episodes.",
    wrong=two_steps,
    right=whole_episodes,
    check=_collected,
    nuance="The longer the window, the fewer returns are cut. To drop unfinished episodes is worse "
    "if the reward waits at the end, as long ones are dropped first. If each step pays, it can "
    "help.",
    half_true=_longer_windows,
    sources=("notebook 07", "notebook 08"),
)

BatchChoice = Callable[[Episodes, Episodes], Episodes]


def the_same_batch(used: Episodes, fresh: Episodes) -> Episodes:
    return used


def a_new_batch(used: Episodes, fresh: Episodes) -> Episodes:
    return fresh


def _second_step(
    choose: BatchChoice, lr: float, weigh: Callable[[Episodes], Weights] = reward_to_go
) -> tuple[Floats, Floats]:
    """Return E[the second step] and E[∇J at the parameters where it is taken], for N = 4."""
    step: Floats = np.zeros((1, 3))
    truth: Floats = np.zeros((1, 3))
    for p_used, used in THREE_ARMS.batches(4, symmetric=True):
        first = sum_per_episode(used, weigh(used))
        moved = THREE_ARMS.at(THREE_ARMS.logits + lr * first)
        truth += p_used * moved.gradient()
        for p_fresh, fresh in moved.batches(4, symmetric=True):
            seen = [replace(e, logits=moved.logits) for e in choose(used, fresh)]
            step += p_used * p_fresh * sum_per_episode(seen, weigh(seen))
    return step, truth


def _with_lr_1(choose: BatchChoice) -> Verdict:
    step, truth = _second_step(choose, 1.0)
    gap = float(np.abs(step - truth).max())
    return Verdict(gap < 1e-12, {"cosine of the second step": cosine(step, truth)})


def _minus_others(batch: Episodes) -> Weights:
    return minus_leave_one_out(reward_to_go(batch))


def _small_steps_or_centered_returns() -> Verdict:
    figures = {
        "cosine of the second step, with lr .1": cosine(*_second_step(the_same_batch, 0.1)),
        "cosine with lr 1 and a leave-one-out baseline": cosine(
            *_second_step(the_same_batch, 1.0, _minus_others)
        ),
    }
    small, centered = figures.values()
    return Verdict(small > 0.98 and centered > 0.98, figures)


REUSE = Pitfall(
    name="the batch used twice",
    kind="biased",
    believed="A second step on the same batch is free.",
    wrong=the_same_batch,
    right=a_new_batch,
    check=_with_lr_1,
    nuance="It nearly is if the first step was small, or if returns are centered by a "
    "leave-one-out baseline. Uncentered returns turn an old batch most; the rest is for importance "
    "weights (notebook 06).",
    half_true=_small_steps_or_centered_returns,
    sources=("Schulman et al. (2017)", "notebook 06"),
)


def scored_as_column(policy: Any, act: Tensor, returns: Tensor) -> Any:
    log_prob = policy.log_prob(act[:, None]).reshape(len(returns), -1).transpose(0, 1)
    return -(log_prob * returns).mean()


def scored_row_by_row(policy: Any, act: Tensor, returns: Tensor) -> Any:
    log_prob = policy.log_prob(act).reshape(len(returns), -1).transpose(0, 1)
    return -(log_prob * returns).mean()


def _four_rows(loss: PolicyLoss) -> Verdict:
    (found,) = at_sizes(by_autograd(loss), contexts(), (4,))
    unit = 0.25  # p (1 - p)
    figures = {
        "update in the rare context / p(1-p)": found.expectation[1, 1] / unit,
        "truth": found.truth[1, 1] / unit,
        "cosine": found.cosine,
    }
    return Verdict(found.unbiased, figures)


def _one_state() -> Verdict:
    (found,) = at_sizes(by_autograd(scored_as_column), THREE_ARMS, (3,))
    return Verdict(found.unbiased, {"cosine with one state only, a bandit": found.cosine})


COLUMN_OF_ACTIONS = Pitfall(
    name="a column of actions",
    kind="biased",
    believed="log_prob of actions [B, 1] is log_prob of actions [B], in another shape.",
    wrong=scored_as_column,
    right=scored_row_by_row,
    check=_four_rows,
    nuance="On a bandit the loss is the same, so a test with one state passes. With two states, "
    "every action is scored in every state of the batch.",
    half_true=_one_state,
    sources=("PyTorch's documentation of torch.distributions", "notebook 04"),
)


def clipped(policy: Any, u: Tensor) -> Any:
    return policy.log_prob(u.clamp(-1, 1))


def raw(policy: Any, u: Tensor) -> Any:
    return policy.log_prob(u)


def _clip_reward(u: Floats) -> Floats:
    return -((u.clip(-1, 1) - 0.2) ** 2)


def _clip_slope(u: Floats) -> Floats:
    return np.where(np.abs(u) < 1, -2 * (u - 0.2), 0.0)


def _mean_on_the_bound(log_prob: LogProb) -> Verdict:
    found = gaussian_gradient(log_prob, _clip_reward, 1.0, 0.6, kinks=(-1, 1))
    truth = pathwise_gradient(_clip_slope, 1.0, 0.6, kinks=(-1, 1))
    figures = {
        "derivative with respect to the mean": found[0],
        "truth": truth[0],
        "cosine": cosine(found, truth),
    }
    return Verdict(bool(np.abs(found - truth).max() < 1e-10), figures)


def _with_point_masses(policy: Any, u: Tensor) -> Tensor:
    one = torch.ones_like(u)
    inside = torch.where(u >= 1, (1 - policy.cdf(one)).log(), policy.log_prob(u))
    return torch.where(u <= -1, policy.cdf(-one).log(), inside)


def _clip_bias(log_prob: LogProb, mean: float, std: float) -> float:
    found = gaussian_gradient(log_prob, _clip_reward, mean, std, kinks=(-1, 1))
    truth = pathwise_gradient(_clip_slope, mean, std, kinks=(-1, 1))
    return float(np.abs(found - truth).max())


def _never_at_the_bound_or_in_its_own_distribution() -> Verdict:
    """Compute the bias with a std of .1, where about one draw in 10^23 is clipped."""
    figures = {
        "bias if no draw reaches the bound, mean 0 and std .1": _clip_bias(clipped, 0.0, 0.1),
        "bias with point masses at the bounds, mean 1 and std .6": _clip_bias(
            _with_point_masses, 1.0, 0.6
        ),
    }
    return Verdict(max(figures.values()) < 1e-10, figures)


CLIPPED_ACTION = Pitfall(
    name="the clipped action scored",
    kind="biased",
    believed="The log-probability is that of the action that was sent.",
    wrong=clipped,
    right=raw,
    check=_mean_on_the_bound,
    nuance="If no draw ever reaches the bound, it is the same action. What was sent can be scored "
    "under its own distribution, with a point mass at each bound, but not under the Gaussian.",
    half_true=_never_at_the_bound_or_in_its_own_distribution,
    sources=("Chou, Maturana & Scherer (2017)", "Fujita & Maeda (2018)", "notebook 05"),
)


def squashed(policy: Any, u: Tensor) -> Any:
    return policy.log_prob(torch.tanh(u))


def _tanh_reward(u: Floats) -> Floats:
    return -((np.tanh(u) - 0.2) ** 2)


def _tanh_slope(u: Floats) -> Floats:
    slope: Floats = -2 * (np.tanh(u) - 0.2) / np.cosh(u) ** 2
    return slope


def _tanh_of_a_gaussian(log_prob: LogProb) -> Verdict:
    found = gaussian_gradient(log_prob, _tanh_reward, 0.5, 1.0)
    truth = pathwise_gradient(_tanh_slope, 0.5, 1.0)
    figures = {
        "derivative with respect to the mean": found[0],
        "truth": truth[0],
        "with respect to log std": found[1],
        "its truth": truth[1],
        "cosine": cosine(found, truth),
    }
    return Verdict(bool(np.abs(found - truth).max() < 1e-10), figures)


def _near_0_tanh_is_straight() -> Verdict:
    """Compare the directions for a mean and std of 1/2, and of a hundredth of that."""

    def squashed_cosine(size: float) -> float:
        found = gaussian_gradient(squashed, _tanh_reward, size, size)
        return cosine(found, pathwise_gradient(_tanh_slope, size, size))

    large = squashed_cosine(0.5)
    small = squashed_cosine(0.005)
    figures = {"cosine with mean and std .5": large, "with both .005": small}
    return Verdict(large < 0.999 < 0.99999 < small, figures)


TANH_SCORED = Pitfall(
    name="tanh scored as a Normal",
    kind="biased",
    believed="Store tanh(u), and score what is stored.",
    wrong=squashed,
    right=raw,
    check=_tanh_of_a_gaussian,
    nuance="Near 0 tanh is nearly linear, so small actions come out right. Stored actions can be "
    "scored under the distribution of tanh(u), with its Jacobian.",
    half_true=_near_0_tanh_is_straight,
    sources=("Haarnoja et al. (2018)", "notebook 05"),
)
