"""On average in another direction than ∇J: rows that are not what they are taken for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pg_edu.lab.exact import estimators
from pg_edu.lab.exact.estimators import reward_to_go, sum_per_episode
from pg_edu.lab.exact.judge import Judgement, cosine, judge
from pg_edu.lab.exact.mdp import MDP, Batch
from pg_edu.lab.exact.tasks import contexts
from pg_edu.lab.museum.entry import Pitfall, Verdict
from pg_edu.lab.museum.instruments import (
    THREE_ARMS,
    WAITING,
    Loss,
    at_sizes,
    behind_a_cut,
    by_autograd,
    gaussian_gradient,
    pathwise_gradient,
)
from pg_edu.returns import discounted_returns
from pg_edu.types import Floats


def mean_behind(rew: Floats, cut: Floats, gamma: float, value: float, mean: float) -> Floats:
    end = np.arange(len(rew)) == len(rew) - 1
    return discounted_returns(rew, end, gamma, bootstrap=np.where(cut, mean, 0.0))


def value_behind(rew: Floats, cut: Floats, gamma: float, value: float, mean: float) -> Floats:
    end = np.arange(len(rew)) == len(rew) - 1
    return discounted_returns(rew, end, gamma, bootstrap=np.where(cut, value, 0.0))


# Leave with 3.5; or take 3 and enter a room where nothing is ever paid. Watched for one step.
EMPTY_ROOM = MDP([1, 0], [[[0, 0], [0, 1]], [[0, 0]] * 2], [[3.5, 3], [0, 0]], np.zeros((2, 2)))


def _empty_room(returns: Callable[..., Floats]) -> Verdict:
    found = behind_a_cut(returns, EMPTY_ROOM, 1)
    q = 0.25
    figures = {"update of the room / q": found.expectation[0, 1] / q}
    return Verdict(found.unbiased, figures | {"truth": found.truth[0, 1] / q})


def _nothing_terminates() -> Verdict:
    """Two arms that pay 0 and 1 for ever, gamma = .9; cut after 3 steps."""
    world = MDP([1], np.ones((1, 2, 1)), [[0, 1]], [[0.3, 0]], gamma=0.9)

    def constant(c: float) -> Floats:
        def returns(rew: Floats, cut: Floats, gamma: float, value: float, mean: float) -> Floats:
            return mean_behind(rew, cut, gamma, value, c)

        return behind_a_cut(returns, world, 3).expectation

    gap = float(np.abs(constant(100.0) - constant(0.0)).max())
    return Verdict(gap < 1e-12, {"change by a bootstrap of 100 where nothing terminates": gap})


CONSTANT_BOOTSTRAP = Pitfall(
    name="constant bootstrap",
    kind="biased",
    believed="The running mean of returns is a fair guess for what follows a cut.",
    wrong=mean_behind,
    right=value_behind,
    check=_empty_room,
    nuance="Where nothing terminates a constant changes nothing on average (it is added whatever "
    "was done). Where something does, it is a bonus for surviving, or a fine.",
    half_true=_nothing_terminates,
    sources=("Pardo et al. (2018)", "notebook 08"),
)

Pieces = Callable[[Batch], Batch]


def two_steps(batch: Batch) -> Batch:
    return estimators.cut(batch, 2)


def whole_episodes(batch: Batch) -> Batch:
    return batch


def _cut_sum(pieces: Pieces, n: int) -> Judgement:
    def estimator(batch: Batch) -> Floats:
        seen = pieces(batch)
        if not seen:
            return np.zeros_like(WAITING.logits)
        return sum_per_episode(seen, reward_to_go(seen)) * len(seen) / len(batch)

    return judge(estimator, WAITING.batches(n), WAITING.gradient())


def _collected(pieces: Pieces) -> Verdict:
    """Two environments in turn, two steps in all; the window begins with a new episode."""
    found = _cut_sum(pieces, 2)
    finished = _cut_sum(lambda batch: [e for e in pieces(batch) if e.terminated], 2)
    figures = {"cosine": found.cosine, "finished episodes only": finished.cosine}
    return Verdict(found.unbiased, figures)


def _longer_windows() -> Verdict:
    cosines = [_cut_sum(lambda b, n=n: estimators.cut(b, n), n).cosine for n in (3, 4, 5)]  # type: ignore[misc]
    figures = {"cosine with a window of 3 steps": cosines[0]}
    figures |= {"of 4 steps": cosines[1], "of 5 steps": cosines[2]}
    return Verdict(cosines == sorted(cosines), figures)


COLLECTORS_CUT = Pitfall(
    name="the collector's cut",
    kind="biased",
    believed="A fixed number of steps is as good as a number of episodes.",
    wrong=two_steps,
    right=whole_episodes,
    check=_collected,
    nuance="The longer the window, the fewer returns are cut. To drop what is unfinished does "
    "not help: the long episodes go first.",
    half_true=_longer_windows,
    sources=("notebook 07", "notebook 08"),
)

Look = Callable[[Batch, Batch], Batch]


def the_same_batch(used: Batch, fresh: Batch) -> Batch:
    return used


def a_new_batch(used: Batch, fresh: Batch) -> Batch:
    return fresh


def _second_step(look: Look, lr: float, fresh_is_old: bool = False) -> tuple[Floats, Floats]:
    """E[the second step] and E[∇J where it is taken], with batches of 4."""
    step: Floats = np.zeros((1, 3))
    truth: Floats = np.zeros((1, 3))
    for p, used in THREE_ARMS.batches(4, symmetric=True):
        first = sum_per_episode(used, reward_to_go(used))
        moved = THREE_ARMS.at(THREE_ARMS.logits + lr * first)
        truth += p * moved.gradient()
        for q, fresh in (THREE_ARMS if fresh_is_old else moved).batches(4, symmetric=True):
            seen = [replace(e, logits=moved.logits) for e in look(used, fresh)]
            step += p * q * sum_per_episode(seen, reward_to_go(seen))
    return step, truth


def _with_lr_1(look: Look) -> Verdict:
    step, truth = _second_step(look, 1.0)
    gap = float(np.abs(step - truth).max())
    return Verdict(gap < 1e-12, {"cosine of the second step": cosine(step, truth)})


def _small_steps_or_an_unused_batch() -> Verdict:
    small = cosine(*_second_step(the_same_batch, 0.1))
    unused = cosine(*_second_step(a_new_batch, 1.0, fresh_is_old=True))
    figures = {"cosine of the second step, with lr .1": small}
    figures["cosine with lr 1 and a batch as old, but unused"] = unused
    return Verdict(small > 0.98 and unused > 0.95, figures)


REUSE = Pitfall(
    name="the batch used twice",
    kind="biased",
    believed="A second step on the same batch is for free.",
    wrong=the_same_batch,
    right=a_new_batch,
    check=_with_lr_1,
    nuance="If the first step was small, nearly. It is not the batch's age that hurts most but its "
    "use: another old batch, which has not moved the policy, does much better.",
    half_true=_small_steps_or_an_unused_batch,
    sources=("Schulman et al. (2017)", "notebook 06"),
)


def scored_as_column(policy: Any, act: Tensor, returns: Tensor) -> Any:
    log_prob = policy.log_prob(act[:, None]).reshape(len(returns), -1).transpose(0, 1)
    return -(log_prob * returns).mean()


def scored_row_by_row(policy: Any, act: Tensor, returns: Tensor) -> Any:
    log_prob = policy.log_prob(act).reshape(len(returns), -1).transpose(0, 1)
    return -(log_prob * returns).mean()


def _four_rows(loss: Loss) -> Verdict:
    (found,) = at_sizes(by_autograd(loss), contexts(), (4,))
    q = 0.25
    figures = {"update in the rare context / q": found.expectation[1, 1] / q}
    figures |= {"truth": found.truth[1, 1] / q, "cosine": found.cosine}
    return Verdict(found.unbiased, figures)


def _one_state() -> Verdict:
    (found,) = at_sizes(by_autograd(scored_as_column), THREE_ARMS, (3,))
    return Verdict(found.unbiased, {"cosine with one state only, a bandit": found.cosine})


COLUMN_OF_ACTIONS = Pitfall(
    name="a column of actions",
    kind="biased",
    believed="log_prob of actions [B, 1] is that of actions [B], in another shape.",
    wrong=scored_as_column,
    right=scored_row_by_row,
    check=_four_rows,
    nuance="On a bandit the loss is the same, so a test with one state passes. With two, every "
    "action is scored in every state of the batch.",
    half_true=_one_state,
    sources=("PyTorch's documentation of torch.distributions", "notebook 04"),
)

Score = Callable[[Any, Tensor], Any]


def clipped(policy: Any, u: Tensor) -> Any:
    return policy.log_prob(u.clamp(-1, 1))


def raw(policy: Any, u: Tensor) -> Any:
    return policy.log_prob(u)


def _clip_reward(u: Floats) -> Floats:
    return -((u.clip(-1, 1) - 0.2) ** 2)


def _clip_slope(u: Floats) -> Floats:
    return np.where(np.abs(u) < 1, -2 * (u - 0.2), 0.0)


def _mean_on_the_bound(score: Score) -> Verdict:
    found = gaussian_gradient(score, _clip_reward, 1.0, 0.6, kinks=(-1, 1))
    truth = pathwise_gradient(_clip_slope, 1.0, 0.6, kinks=(-1, 1))
    figures = {"by the mean": found[0], "truth": truth[0], "cosine": cosine(found, truth)}
    return Verdict(bool(np.abs(found - truth).max() < 1e-10), figures)


def _with_point_masses(policy: Any, u: Tensor) -> Tensor:
    one = torch.ones_like(u)
    inside = torch.where(u >= 1, (1 - policy.cdf(one)).log(), policy.log_prob(u))
    return torch.where(u <= -1, policy.cdf(-one).log(), inside)


def _never_at_the_bound_or_under_its_own_law() -> Verdict:
    """With sigma = .1 one draw in 10^23 is clipped."""
    cases = {
        "bias if no draw reaches the bound, mean 0 and sigma .1": (clipped, 0.0, 0.1),
        "bias with point masses at the bounds, mean 1 and sigma .6": (_with_point_masses, 1.0, 0.6),
    }
    figures = {}
    for name, (score, mu, sigma) in cases.items():
        found = gaussian_gradient(score, _clip_reward, mu, sigma, kinks=(-1, 1))
        truth = pathwise_gradient(_clip_slope, mu, sigma, kinks=(-1, 1))
        figures[name] = float(np.abs(found - truth).max())
    return Verdict(max(figures.values()) < 1e-10, figures)


CLIPPED_ACTION = Pitfall(
    name="the clipped action scored",
    kind="biased",
    believed="The log-probability is that of the action that was sent.",
    wrong=clipped,
    right=raw,
    check=_mean_on_the_bound,
    nuance="If no draw ever reaches the bound it is the same action. One may score what was sent "
    "under its own law, with a point mass at each bound, but not under the Gaussian.",
    half_true=_never_at_the_bound_or_under_its_own_law,
    sources=("Chou, Maturana & Scherer (2017)", "Fujita & Maeda (2018)", "notebook 05"),
)


def squashed(policy: Any, u: Tensor) -> Any:
    return policy.log_prob(torch.tanh(u))


def _tanh_reward(u: Floats) -> Floats:
    return -((np.tanh(u) - 0.2) ** 2)


def _tanh_slope(u: Floats) -> Floats:
    slope: Floats = -2 * (np.tanh(u) - 0.2) / np.cosh(u) ** 2
    return slope


def _tanh_of_a_gaussian(score: Score) -> Verdict:
    found = gaussian_gradient(score, _tanh_reward, 0.5, 1.0)
    truth = pathwise_gradient(_tanh_slope, 0.5, 1.0)
    figures = {"by the mean": found[0], "truth": truth[0], "by log sigma": found[1]}
    figures |= {"its truth": truth[1], "cosine": cosine(found, truth)}
    return Verdict(bool(np.abs(found - truth).max() < 1e-10), figures)


def _near_0_tanh_is_straight() -> Verdict:
    """The direction, for means and sigmas of 1/2 and a hundredth of it."""
    cosines = []
    for size in (0.5, 0.005):
        found = gaussian_gradient(squashed, _tanh_reward, size, size)
        cosines.append(cosine(found, pathwise_gradient(_tanh_slope, size, size)))
    figures = {"cosine with mean and sigma .5": cosines[0], "with both .005": cosines[1]}
    return Verdict(cosines[0] < 0.999 < 0.99999 < cosines[1], figures)


TANH_SCORED = Pitfall(
    name="tanh scored as a Normal",
    kind="biased",
    believed="Store tanh(u), and score what is stored.",
    wrong=squashed,
    right=raw,
    check=_tanh_of_a_gaussian,
    nuance="Near 0 tanh is straight, and small actions come out right. Stored actions can be "
    "scored if the law is that of tanh(u), with its Jacobian.",
    half_true=_near_0_tanh_is_straight,
    sources=("Haarnoja et al. (2018)", "notebook 05"),
)
