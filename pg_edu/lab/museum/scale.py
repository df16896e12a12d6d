"""The expected update is ∇J times a constant factor: its direction is right, its length is not."""

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
from pg_edu.lab.exact.judge import cosine, judge
from pg_edu.lab.exact.mdp import Episodes, Estimator
from pg_edu.lab.exact.tasks import coins, length_bias
from pg_edu.lab.museum.measuring import at_sizes
from pg_edu.lab.museum.pitfall import Pitfall, Verdict
from pg_edu.types import Floats


def minus_the_mean(batch: Episodes) -> Floats:
    return sum_per_episode(batch, minus_time_mean(reward_to_go(batch)))


def minus_the_mean_of_the_others(batch: Episodes) -> Floats:
    return sum_per_episode(batch, minus_leave_one_out(reward_to_go(batch)))


def _with_2_and_3_episodes(estimator: Estimator) -> Verdict:
    two, three = at_sizes(estimator, length_bias(), (2, 3))
    figures = {"scale with 2": two.scale, "with 3": three.scale, "cosine": three.cosine}
    return Verdict(two.unbiased and three.unbiased, figures)


def _the_factor_tends_to_1() -> Verdict:
    sizes = (1, 2, 3, 4)
    found = at_sizes(minus_the_mean, length_bias(), sizes)
    errors = [abs(one.scale - (1 - 1 / n)) for n, one in zip(sizes, found, strict=True)]
    figures = {"scale with 1 episode": found[0].scale, "with 4 episodes": found[3].scale}
    return Verdict(max(errors) < 1e-12, figures)


OWN_MEAN_PER_TIME = Pitfall(
    name="own mean per time",
    kind="scale",
    believed="The batch's mean return is a baseline like any other.",
    wrong=minus_the_mean,
    right=minus_the_mean_of_the_others,
    check=_with_2_and_3_episodes,
    nuance="Taken per time step, with 0 for episodes that have ended, it changes the expected "
    "update only by the factor 1 - 1/N. (With N = 1 nothing at all is learned.)",
    half_true=_the_factor_tends_to_1,
    sources=("Kool, van Hoof & Welling (2019)", "Ahmadian et al. (2024)"),
)

# loss(log_prob [B, A], returns [B]) -> a scalar tensor.
LogProbLoss = Callable[[Tensor, Tensor], Tensor]


def mean_of_dimensions(log_prob: Tensor, returns: Tensor) -> Tensor:
    return -(log_prob * returns[:, None]).mean()  # log_prob [B, A]


def sum_of_dimensions(log_prob: Tensor, returns: Tensor) -> Tensor:
    return -(log_prob.sum(dim=1) * returns).mean()


# a ~ Normal(MEAN, 1) in three dimensions, and r(a) = -|a - TARGET|²: ∇J = -2 (MEAN - TARGET).
MEAN = np.array([0.5, -1.0, 2.0])
TARGET = np.array([0.0, 0.5, 0.3])


def _by_mean(loss: LogProbLoss) -> Floats:
    """Return -∇loss exactly: the rows are quadrature points, whose weights are in the returns."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    act = MEAN + np.array(list(itertools.product(nodes, repeat=3)))
    chance = np.array([*itertools.product(weights / weights.sum(), repeat=3)]).prod(axis=1)
    returns = -len(act) * chance * ((act - TARGET) ** 2).sum(axis=1)
    mean = torch.tensor(MEAN, requires_grad=True)
    policy: torch.distributions.Distribution = Normal(mean.expand(len(act), 3), 1.0)
    value = loss(policy.log_prob(torch.from_numpy(act)), torch.from_numpy(returns))
    return -torch.autograd.grad(value, mean)[0].numpy()


def _in_three_dimensions(loss: LogProbLoss) -> Verdict:
    found = _by_mean(loss)
    truth = -2 * (MEAN - TARGET)
    figures = {"scale": float(found @ truth / (truth @ truth)), "cosine": cosine(found, truth)}
    return Verdict(bool(np.abs(found - truth).max() < 1e-10), figures)


def _first_adam_step(g: Floats) -> Floats:
    """Return the first step of Adam with lr = 1."""
    return g / (np.sqrt(g**2) + 1e-8)


def _adam_does_not_see_it() -> Verdict:
    with_mean = _first_adam_step(_by_mean(mean_of_dimensions))
    with_sum = _first_adam_step(_by_mean(sum_of_dimensions))
    gap = float(np.abs(with_mean - with_sum).max())
    figures = {
        "difference between Adam's first step with the mean and with the sum": gap,
        "true ratio where the mean ratio of 17 dimensions is 1.2": 1.2**17,
    }
    return Verdict(gap < 1e-6, figures)


MEAN_OVER_DIMENSIONS = Pitfall(
    name="mean over action dimensions",
    kind="scale",
    believed="Whether dimensions are summed or averaged is a matter of taste.",
    wrong=mean_of_dimensions,
    right=sum_of_dimensions,
    check=_in_three_dimensions,
    nuance="It is exactly 1/A of the gradient, and Adam divides that out. But an entropy bonus, "
    "which does not shrink with it, weighs too much, and a clip of the ratio acts too late.",
    half_true=_adam_does_not_see_it,
    sources=("Schulman et al. (2017)", "notebook 04"),
)

# deviation(rew [sequences, T], gamma): what the rewards are divided by.
Deviation = Callable[[Floats, float], float]


def running_sums(rew: Floats, gamma: float) -> Floats:
    """Return R of the last step, where R = gamma R + r at each step, [sequences]."""
    return np.asarray(rew @ gamma ** np.arange(rew.shape[1])[::-1], np.float64)


def with_a_gamma_of_its_own(rew: Floats, gamma: float) -> float:
    return float(running_sums(rew, 0.99).std())


def with_the_agents_gamma(rew: Floats, gamma: float) -> float:
    return float(running_sums(rew, gamma).std())


EIGHT_REWARDS = np.array([*itertools.product((-1.0, 1.0), repeat=8)])  # All are equally likely.


def _the_deviation_of_scaled_returns(deviation: Deviation) -> Verdict:
    gamma = 0.5
    scaled = EIGHT_REWARDS / deviation(EIGHT_REWARDS, gamma)
    found = float((scaled @ gamma ** np.arange(8)).std())
    return Verdict(abs(found - 1) < 1e-12, {"deviation of a scaled return": found, "wanted": 1})


def _the_direction_stays() -> Verdict:
    """Judge returns that are divided by the deviation of a gamma of its own."""
    divisor = with_a_gamma_of_its_own(EIGHT_REWARDS, 0.5)

    def estimator(batch: Episodes) -> Floats:
        return sum_per_episode(batch, [w / divisor for w in reward_to_go(batch)])

    found = judge(estimator, coins(3).batches(1), coins(3).gradient())
    figures = {"cosine": found.cosine, "scale": found.scale}
    return Verdict(found.cosine > 1 - 1e-12, figures)


GAMMA_OF_THE_NORMALIZER = Pitfall(
    name="the normalizer's own gamma",
    kind="scale",
    believed="A reward normalizer gives the returns a standard deviation of 1.",
    wrong=with_a_gamma_of_its_own,
    right=with_the_agents_gamma,
    check=_the_deviation_of_scaled_returns,
    nuance="It does if its gamma is the agent's. With another one the direction of the update "
    "stays, and only its size is wrong; an entropy bonus or a value loss notices that.",
    half_true=_the_direction_stays,
    sources=("Gymnasium's documentation of NormalizeReward", "Engstrom et al. (2020)"),
)
