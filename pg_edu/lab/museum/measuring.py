"""Measurements that several pitfalls share: exact judgments and gradients in small tasks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical, Normal

from pg_edu.lab.exact.estimators import reward_to_go, sum_per_episode
from pg_edu.lab.exact.judge import Judgment, gaussian_expectation, judge
from pg_edu.lab.exact.mdp import MDP, Episodes, Estimator
from pg_edu.lab.exact.tasks import bandit
from pg_edu.types import Flags, Floats

# loss(policy, act [B], returns [B]) -> a scalar tensor.
PolicyLoss = Callable[[Any, Tensor, Tensor], Any]
# log_prob(policy, u [n]) -> what is used as the log-probability of the draws u, [n].
LogProb = Callable[[Any, Tensor], Any]
# returns(rew [T], cut [T], gamma, value, mean) -> [T]; see `after_a_cut`.
CutReturns = Callable[[Floats, Flags, float, float, float], Floats]

THREE_ARMS = bandit([1.0, 0.0, 5.0], [0.5, -0.3, 0.1])
# An arm that is rarely pulled pays 50.
TREASURE = bandit([1.0, 0.0, 50.0], [1.5, 0.0, -3.0])
# Three states: action 0 pays 1 and ends, action 1 waits, which pays 4 in the last state.
WAITING = MDP(
    start=[1, 0, 0],
    transition=np.stack([np.zeros((3, 3)), np.eye(3, k=1)], axis=1),
    reward=[[1, 0], [1, 0], [1, 4]],
    logits=np.zeros((3, 2)),
)


def at_sizes(estimator: Estimator, task: MDP, sizes: Sequence[int]) -> list[Judgment]:
    """Judge an estimator that ignores the order of episodes, for each number N of episodes."""
    truth = task.gradient("undiscounted")
    return [judge(estimator, task.batches(n, symmetric=True), truth) for n in sizes]


def by_autograd(loss: PolicyLoss) -> Estimator:
    """Return minus the gradient of a loss with respect to the logits [O, A], as an estimator."""

    def estimator(batch: Episodes) -> Floats:
        table = torch.tensor(batch[0].logits, requires_grad=True)
        obs = torch.from_numpy(np.concatenate([e.obs for e in batch]))
        act = torch.from_numpy(np.concatenate([e.act for e in batch]))
        returns = torch.from_numpy(np.concatenate(reward_to_go(batch)))
        value = loss(Categorical(logits=table[obs]), act, returns)
        (gradient,) = torch.autograd.grad(value, table)
        return np.asarray(-gradient, np.float64)

    return estimator


def gaussian_gradient(
    log_prob: LogProb,
    reward: Callable[[Floats], Floats],
    mean: float,
    std: float,
    kinks: Sequence[float] = (),
) -> Floats:
    """Return E[r(u) ∇ log_prob(u)] for u ~ Normal(mean, std), [2].

    The derivatives are those with respect to the mean and to log std.
    """

    def integrand(u: Floats) -> Floats:
        loc = torch.full(u.shape, mean, dtype=torch.float64, requires_grad=True)
        log_std = torch.full_like(loc, float(np.log(std)), requires_grad=True)
        scored = log_prob(Normal(loc, log_std.exp()), torch.from_numpy(u))
        slopes = torch.autograd.grad(scored.sum(), (loc, log_std))
        return np.asarray(reward(u) * np.stack([slope.numpy() for slope in slopes]), np.float64)

    return np.asarray(gaussian_expectation(integrand, mean, std, kinks), np.float64)


def pathwise_gradient(
    slope: Callable[[Floats], Floats], mean: float, std: float, kinks: Sequence[float] = ()
) -> Floats:
    """Return ∇E[r(u)] with respect to the mean and to log std, [2]: E[r'(u)], E[r'(u) (u - mean)].

    It uses the derivative r' of the reward and no log-probability, so it can judge estimators that
    use one.
    """

    def integrand(u: Floats) -> Floats:
        return slope(u) * np.stack([np.ones_like(u), u - mean])

    return np.asarray(gaussian_expectation(integrand, mean, std, kinks), np.float64)


def after_a_cut(returns: CutReturns, mdp: MDP, limit: int) -> Judgment:
    """Judge E[Σₜ ∇log π returnsₜ] on episodes cut by a limit that is not part of the MDP.

    The truth is computed with the advantages in the MDP without a limit, at the steps before the
    cut.

    Args:
        returns: a function of (rew [T], cut [T], gamma, value, mean) that returns [T]. `cut` is
            True on the last step if the limit cut the episode there, `value` is the value of what
            follows, and `mean` is the mean return of whole episodes.
        mdp: the MDP without a limit.
        limit: the number of steps after which its episodes are cut.
    """
    cut_mdp = replace(mdp, limit=limit)
    value = mdp.value()
    mean = mdp.J()

    def estimator(batch: Episodes) -> Floats:
        weights = []
        for e in batch:
            cut = e.end & e.truncated
            following = mdp.transition[e.states[-1], e.act[-1]]
            # A value network gives a number after a termination, too, so `returns` must ignore it.
            after = following @ value / following.sum() if e.truncated else mean
            weights.append(returns(e.rew, cut, mdp.gamma, after, mean))
        return sum_per_episode(batch, weights)

    visits = cut_mdp.occupancy("undiscounted").sum(axis=0)
    pushes = visits[:, None] * mdp.policy * (mdp.q() - value[:, None])
    truth: Floats = np.zeros_like(mdp.logits)
    np.add.at(truth, mdp.observation, pushes)
    return judge(estimator, cut_mdp.batches(1), truth)
