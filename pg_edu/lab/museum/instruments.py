"""What several exhibits are measured with."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical, Normal

from pg_edu.lab.exact.estimators import reward_to_go, sum_per_episode
from pg_edu.lab.exact.judge import Judgement, gaussian_expectation, judge
from pg_edu.lab.exact.mdp import MDP, Batch, Estimator
from pg_edu.lab.exact.tasks import bandit
from pg_edu.types import Floats

# Rewards of three arms and the policy's logits; and a rare treasure.
THREE_ARMS = bandit([1.0, 0.0, 5.0], [0.5, -0.3, 0.1])
TREASURE = bandit([1.0, 0.0, 50.0], [1.5, 0.0, -3.0])
# Three states: action 0 takes 1 and ends, action 1 waits, which pays 4 in the last state.
WAITING = MDP(
    start=[1, 0, 0],
    transition=np.stack([np.zeros((3, 3)), np.eye(3, k=1)], axis=1),
    reward=[[1, 0], [1, 0], [1, 4]],
    logits=np.zeros((3, 2)),
)


def at_sizes(estimator: Estimator, world: MDP, sizes: Sequence[int]) -> list[Judgement]:
    """The verdict for each number of episodes; the estimator does not look at their order."""
    truth = world.gradient("undiscounted")
    return [judge(estimator, world.batches(n, symmetric=True), truth) for n in sizes]


Loss = Callable[[Any, Tensor, Tensor], Any]


def by_autograd(loss: Loss) -> Estimator:
    """Minus the gradient, by the logits [O, A], of loss(policy [B], act [B], returns [B])."""

    def estimator(batch: Batch) -> Floats:
        table = torch.tensor(batch[0].logits, requires_grad=True)
        obs = torch.from_numpy(np.concatenate([e.obs for e in batch]))
        act = torch.from_numpy(np.concatenate([e.act for e in batch]))
        returns = torch.from_numpy(np.concatenate(reward_to_go(batch)))
        value = loss(Categorical(logits=table[obs]), act, returns)
        (gradient,) = torch.autograd.grad(value, table)
        return np.asarray(-gradient, np.float64)

    return estimator


def gaussian_gradient(
    log_prob: Callable[[Any, Tensor], Any],
    reward: Callable[[Floats], Floats],
    mu: float,
    sigma: float,
    kinks: Sequence[float] = (),
) -> Floats:
    """E[R(u) ∇ log_prob(Normal, u)] for u ~ Normal(mu, sigma): by mu, and by log sigma."""

    def integrand(u: Floats) -> Floats:
        loc = torch.full(u.shape, mu, dtype=torch.float64, requires_grad=True)
        log_scale = torch.full_like(loc, float(np.log(sigma)), requires_grad=True)
        scored = log_prob(Normal(loc, log_scale.exp()), torch.from_numpy(u))
        slopes = torch.autograd.grad(scored.sum(), (loc, log_scale))
        return np.asarray(reward(u) * np.stack([slope.numpy() for slope in slopes]), np.float64)

    return np.asarray(gaussian_expectation(integrand, mu, sigma, kinks), np.float64)


def pathwise_gradient(
    slope: Callable[[Floats], Floats], mu: float, sigma: float, kinks: Sequence[float] = ()
) -> Floats:
    """∇E[R(u)] by mu, and by log sigma, from R's derivative: E[R'(u)] and E[R'(u) (u - mu)].

    It knows nothing of log-probabilities, so it can judge them.
    """
    both = gaussian_expectation(lambda u: slope(u) * np.stack([u**0, u - mu]), mu, sigma, kinks)
    return np.asarray(both, np.float64)


def behind_a_cut(returns: Callable[..., Floats], world: MDP, limit: int) -> Judgement:
    """E[Σₜ ∇log π returnsₜ] of episodes cut at a limit that is no part of the world.

    The truth has the advantages of the world without a limit, at the steps that are played.

    Args:
        returns: of (rew [T], cut [T], gamma, value, mean) -> [T]. `cut` is True on the last step
            if the limit ended the episode, `value` is that of what follows it, and `mean` that of
            all whole episodes.
    """
    cut_world, value, mean = replace(world, limit=limit), world.value(), world.J()

    def estimator(batch: Batch) -> Floats:
        weights = []
        for e in batch:
            following = world.transition[e.states[-1], e.act[-1]]
            # Asked behind an end, a value network answers as well: any number will do.
            behind = following @ value / following.sum() if e.truncated else mean
            cut = (np.arange(len(e)) == len(e) - 1) & e.truncated
            weights.append(returns(e.rew, cut, world.gamma, behind, mean))
        return sum_per_episode(batch, weights)

    visits = cut_world.occupancy("undiscounted").sum(axis=0)
    pushes = visits[:, None] * world.policy * (world.q() - value[:, None])
    truth: Floats = np.zeros_like(world.logits)
    np.add.at(truth, world.observation, pushes)
    return judge(estimator, cut_world.batches(1), truth)
