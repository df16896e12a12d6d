"""Off by a constant factor: E[g] = c ∇J, in the right direction."""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from pg_edu.lab.exact.estimators import (
    minus_leave_one_out,
    minus_time_mean,
    reward_to_go,
    sum_per_episode,
)
from pg_edu.lab.exact.judge import cosine
from pg_edu.lab.exact.mdp import Batch, Estimator
from pg_edu.lab.exact.tasks import length_bias
from pg_edu.lab.museum.entry import Pitfall, Verdict
from pg_edu.lab.museum.instruments import at_sizes
from pg_edu.types import Floats

Loss = Callable[[Tensor, Tensor], Tensor]


def minus_the_mean(batch: Batch) -> Floats:
    return sum_per_episode(batch, minus_time_mean(reward_to_go(batch)))


def minus_the_mean_of_the_others(batch: Batch) -> Floats:
    return sum_per_episode(batch, minus_leave_one_out(reward_to_go(batch)))


def _with_2_and_3_episodes(estimator: Estimator) -> Verdict:
    two, three = at_sizes(estimator, length_bias(), (2, 3))
    figures = {"scale with 2": two.scale, "with 3": three.scale, "cosine": three.cosine}
    return Verdict(two.unbiased and three.unbiased, figures)


def _the_factor_tends_to_1() -> Verdict:
    found = at_sizes(minus_the_mean, length_bias(), (1, 2, 3, 4))
    misses = [abs(one.scale - (1 - 1 / n)) for n, one in enumerate(found, 1)]
    figures = {"scale with 1 episode": found[0].scale, "with 4 episodes": found[3].scale}
    return Verdict(max(misses) < 1e-12, figures)


OWN_MEAN_PER_TIME = Pitfall(
    name="own mean per time",
    kind="scale",
    believed="The batch's mean return is a baseline like any other.",
    wrong=minus_the_mean,
    right=minus_the_mean_of_the_others,
    check=_with_2_and_3_episodes,
    nuance="Per time step, the dead counted as 0, it is off by exactly 1 - 1/N and by nothing "
    "else. (With N = 1 nothing at all is learned.)",
    half_true=_the_factor_tends_to_1,
    sources=("Kool, van Hoof & Welling (2019)", "Ahmadian et al. (2024)"),
)


def mean_of_dimensions(log_prob: Tensor, returns: Tensor) -> Tensor:
    return -(log_prob * returns[:, None]).mean()  # log_prob [B, A]


def sum_of_dimensions(log_prob: Tensor, returns: Tensor) -> Tensor:
    return -(log_prob.sum(dim=1) * returns).mean()


# a ~ Normal(mu, 1) in three dimensions, R = -|a - target|²: ∇J = -2 (mu - target).
MU, TARGET = np.array([0.5, -1.0, 2.0]), np.array([0.0, 0.5, 0.3])


def _by_mu(loss: Loss) -> Floats:
    """-∇loss, exactly: its rows are quadrature points, and their returns hold the weights."""
    x, weight = np.polynomial.hermite_e.hermegauss(4)
    act = MU + np.array(list(itertools.product(x, repeat=3)))
    chance = np.array([*itertools.product(weight / weight.sum(), repeat=3)]).prod(axis=1)
    returns = -len(act) * chance * ((act - TARGET) ** 2).sum(axis=1)
    mu = torch.tensor(MU, requires_grad=True)
    policy: torch.distributions.Distribution = Normal(mu.expand(len(act), 3), 1.0)
    value = loss(policy.log_prob(torch.from_numpy(act)), torch.from_numpy(returns))
    return -torch.autograd.grad(value, mu)[0].numpy()


def _in_three_dimensions(loss: Loss) -> Verdict:
    found, truth = _by_mu(loss), -2 * (MU - TARGET)
    figures = {"scale": float(found @ truth / (truth @ truth)), "cosine": cosine(found, truth)}
    return Verdict(bool(np.abs(found - truth).max() < 1e-10), figures)


def _adam_does_not_see_it() -> Verdict:
    one, other = _by_mu(mean_of_dimensions), _by_mu(sum_of_dimensions)
    steps = [g / (np.sqrt(g**2) + 1e-8) for g in (one, other)]  # Adam's first, with lr = 1
    gap = float(np.abs(steps[0] - steps[1]).max())
    figures = {"difference between Adam's first step with the mean and with the sum": gap}
    figures["true ratio where the mean ratio of 17 dimensions is 1.2"] = 1.2**17
    return Verdict(gap < 1e-6, figures)


MEAN_OVER_DIMENSIONS = Pitfall(
    name="mean over action dimensions",
    kind="scale",
    believed="Whether dimensions are summed or averaged is a matter of taste.",
    wrong=mean_of_dimensions,
    right=sum_of_dimensions,
    check=_in_three_dimensions,
    nuance="It is 1/A of the gradient, exactly, and Adam divides that out. What does not shrink "
    "along with it, such as an entropy bonus or a clipped ratio, then weighs too much.",
    half_true=_adam_does_not_see_it,
    sources=("Schulman et al. (2017)", "notebook 04"),
)
