"""The formula is right, but the computer loses a number on the way."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical

from pg_edu.lab.museum.pitfall import Pitfall, Verdict
from pg_edu.returns import discounted_returns
from pg_edu.types import Floats

# returns(rew [T], gamma) -> [T].
ReturnFunction = Callable[[Any, float], Any]


def into_zeros_like(rew: Any, gamma: float) -> Any:
    G = np.zeros_like(rew)
    for t in reversed(range(len(rew))):
        G[t] = rew[t] + (gamma * G[t + 1] if t + 1 < len(rew) else 0)
    return G


def into_floats(rew: Any, gamma: float) -> Any:
    G = np.zeros(len(rew))
    for t in reversed(range(len(rew))):
        G[t] = rew[t] + (gamma * G[t + 1] if t + 1 < len(rew) else 0)
    return G


def _three_coins_of_1(returns: ReturnFunction) -> Verdict:
    exact = 1 + Fraction(9, 10) + Fraction(81, 100)
    found = float(returns(np.array([1, 1, 1]), 0.9)[0])
    return Verdict(abs(found - float(exact)) < 1e-12, {"first return": found, "exact": 2.71})


def _float_rewards_or_no_discount() -> Verdict:
    floats = float(into_zeros_like(np.array([1.0, 1.0, 1.0]), 0.9)[0])
    undiscounted = float(into_zeros_like(np.array([1, 1, 1]), 1.0)[0])
    figures = {
        "first return from float rewards": floats,
        "from int rewards with gamma 1": undiscounted,
    }
    return Verdict(abs(floats - 2.71) < 1e-12 and undiscounted == 3.0, figures)


INT_RETURNS = Pitfall(
    name="int returns",
    kind="numerical",
    believed="zeros_like(rewards) is a suitable array for the returns.",
    wrong=into_zeros_like,
    right=into_floats,
    check=_three_coins_of_1,
    nuance="It is if the rewards are floats, or if there is no discount. With int rewards it "
    "silently cuts off the fraction at every step.",
    half_true=_float_rewards_or_no_discount,
    sources=("Sutton & Barto (2018), equation 3.8", "notebook 02"),
)

# log_prob(logits [A]) -> [A].
LogSoftmax = Callable[[Tensor], Tensor]


def log_of_softmax(logits: Tensor) -> Tensor:
    return torch.softmax(logits, dim=-1).log()


def log_softmax(logits: Tensor) -> Tensor:
    return torch.log_softmax(logits, dim=-1)


def _of_the_rare_action(log_prob: LogSoftmax, gap: float) -> tuple[float, float]:
    """Return log π of an action whose logit is lower by `gap`, and its derivative.

    The derivative is with respect to that logit. They are -gap and 1, up to the probability of the
    action.
    """
    logits = torch.tensor([0.0, gap], dtype=torch.float32, requires_grad=True)
    value = log_prob(logits)[0]
    (slope,) = torch.autograd.grad(value, logits)
    return float(value.detach()), float(slope[0])


def _gap_of_200(log_prob: LogSoftmax) -> Verdict:
    value, slope = _of_the_rare_action(log_prob, 200.0)
    return Verdict(value == -200 and slope == 1, {"log-probability": value, "its slope": slope})


def _by_categorical(logits: Tensor) -> Tensor:
    policy: Any = Categorical(probs=torch.softmax(logits, dim=-1))
    log_prob: Tensor = policy.log_prob(torch.arange(2))
    return log_prob


def _smaller_gaps() -> Verdict:
    at_80, slope_at_80 = _of_the_rare_action(log_of_softmax, 80.0)
    clamped, slope_clamped = _of_the_rare_action(_by_categorical, 20.0)
    figures = {
        "log-probability at a gap of 80": at_80,
        "slope there": slope_at_80,
        "by Categorical(probs=softmax(x)) at a gap of 20": clamped,
        "its slope": slope_clamped,
    }
    accurate = abs(at_80 + 80) < 1e-3 and abs(slope_at_80 - 1) < 1e-3
    return Verdict(accurate and abs(clamped + 15.94) < 0.01 and slope_clamped == 0, figures)


SOFTMAX_THEN_LOG = Pitfall(
    name="softmax, then log",
    kind="numerical",
    believed="log(softmax(x)) and log_softmax(x) are the same.",
    wrong=log_of_softmax,
    right=log_softmax,
    check=_gap_of_200,
    nuance="They are on paper, and nearly in float32 if logits differ by less than about 88. "
    "Categorical(probs=softmax(x)) never returns -inf: its log-probability stops at -15.94, with "
    "slope 0.",
    half_true=_smaller_gaps,
    sources=("PyTorch's documentation of log_softmax", "notebook 04"),
)


def cumsum_over_gamma_t(rew: Floats, gamma: float) -> Any:
    weight = gamma ** np.arange(len(rew))
    return np.cumsum((rew * weight)[::-1])[::-1] / weight


def backward_scan(rew: Floats, gamma: float) -> Any:
    return discounted_returns(rew, np.arange(len(rew)) == len(rew) - 1, gamma)


def _error(returns: ReturnFunction, steps: int, gamma: float) -> float:
    """Return the largest relative error, for a reward of 1 at every step."""
    exact = (1 - gamma ** np.arange(steps, 0, -1)) / (1 - gamma)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.abs(returns(np.ones(steps), gamma) / exact - 1).max())


def _ten_thousand_steps(returns: ReturnFunction) -> Verdict:
    error = _error(returns, 10_000, 0.9)
    return Verdict(error < 1e-9, {"largest relative error": error})


def _five_hundred_steps() -> Verdict:
    error = _error(cumsum_over_gamma_t, 500, 0.99)
    return Verdict(error < 1e-9, {"largest relative error with 500 steps, gamma .99": error})


CUMSUM = Pitfall(
    name="cumsum over gamma^t",
    kind="numerical",
    believed="Dividing a cumulative sum by gamma^t replaces the loop.",
    wrong=cumsum_over_gamma_t,
    right=backward_scan,
    check=_ten_thousand_steps,
    nuance="It does while gamma^T is far from 0. With gamma = .9 it is 0 in float64 after about "
    "7000 steps, and 0/0 is NaN; in float32 after about 1000.",
    half_true=_five_hundred_steps,
    sources=("notebook 02",),
)
