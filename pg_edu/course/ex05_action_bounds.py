"""The exercises of notebook 05, action bounds: answers, cases, and known mistakes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from pg_edu.actions import from_box, to_box
from pg_edu.course.records import Case, Exercise, Extreme, Misconception
from pg_edu.course.worlds import Motor
from pg_edu.types import Floats

# 05.1 and 05.2: to the motor, and back


def _to_motor(u: Floats, low: Floats, high: Floats) -> Floats:
    return to_box(u, Box(low, high, dtype=np.float64), "tanh", scaling=True)


def _from_motor(a: Floats, low: Floats, high: Floats) -> Floats:
    return np.asarray(from_box(a, Box(low, high, dtype=np.float64), "tanh", scaling=True))


def _line(v: Floats, low: Floats, high: Floats) -> Floats:
    return low + (high - low) * (v + 1.0) / 2.0


def _line_inverse(a: Floats, low: Floats, high: Floats) -> Floats:
    return 2.0 * (a - low) / (high - low) - 1.0


def _share(a: Floats, low: Floats, high: Floats) -> Floats:
    return (a - low) / (high - low)


def _sigmoid(u: Floats) -> Any:
    return 1.0 / (1.0 + np.exp(-u))


def _random_motors(rng: np.random.Generator) -> tuple[int, Floats, Floats]:
    """Return a number of rows, and bounds [A] of two or three motors; no range is symmetric."""
    rows, motors = rng.choice([(2, 3), (3, 2), (4, 2), (4, 3)])
    low = rng.choice([-7.0, -3.5, -2.5, 0.5, 1.5, 3.0], size=motors)
    return rows, low, low + rng.choice([2.0, 4.0, 6.0, 10.0], size=motors)


def _random_raw_actions(rng: np.random.Generator) -> Case:
    rows, low, high = _random_motors(rng)
    return np.round(rng.normal(0.0, 1.5, size=(rows, len(low))), 1), low, high


def _random_motor_actions(rng: np.random.Generator) -> Case:
    """Return actions strictly inside of the bounds, none of them in the middle."""
    rows, low, high = _random_motors(rng)
    share = rng.choice([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9], size=(rows, len(low)))
    return np.round(low + (high - low) * share, 1), low, high


# 05.3: a gradient


def _bounded(u: Floats) -> Floats:
    return 2.0 * np.clip(u, -1.0, 1.0)


def _score(x: Any, mu: float, sigma: float) -> Any:
    return (x - mu) / sigma**2


def _estimate(
    score: Callable[[Floats, float, float], Any],
    sent: Callable[[Floats], Floats] = _bounded,
) -> Callable[..., float]:
    """Return an estimator that sends sent(u) to the motor and scores by score(u, mu, sigma)."""

    def gradient(u: Floats, mu: float, sigma: float, motor: Callable[[Floats], Floats]) -> float:
        return float(np.mean(motor(sent(u)) * score(u, mu, sigma)))

    return gradient


def _scored(scored: Callable[[Floats], Floats]) -> Callable[..., float]:
    """Return an estimator that scores scored(u) under the Gaussian."""
    return _estimate(lambda u, mu, sigma: _score(scored(u), mu, sigma))


_scored_as_doubled = _estimate(lambda u, mu, sigma: _score(_bounded(u), 2.0 * mu, 2.0 * sigma))


def _sent(sent: Callable[[Floats], Floats]) -> Callable[..., float]:
    """Return an estimator that scores the raw action and sends sent(u) to the motor."""
    return _estimate(_score, sent)


def _weighed(weights: Callable[[Floats], Floats]) -> Callable[..., float]:
    """Return an estimator that weighs the scores by weights(rewards)."""

    def gradient(u: Floats, mu: float, sigma: float, motor: Callable[[Floats], Floats]) -> float:
        return float(np.mean(weights(motor(_bounded(u))) * _score(u, mu, sigma)))

    return gradient


def _reward_without_the_others(rewards: Floats) -> Floats:
    others: Floats = (rewards.sum() - rewards) / (len(rewards) - 1)
    return rewards - others


def _each_draw(u: Floats, mu: float, sigma: float, motor: Callable[[Floats], Floats]) -> Any:
    return motor(_bounded(u)) * _score(u, mu, sigma)


def _score_within_bounds(u: Floats, mu: float, sigma: float) -> Any:
    return np.where(abs(u) < 1.0, _score(u, mu, sigma), 0.0)


def _log_density(u: Floats, mu: float, sigma: float) -> Any:
    return -0.5 * ((u - mu) / sigma) ** 2 - math.log(sigma) - 0.5 * math.log(2.0 * math.pi)


def _mean_within_bounds(
    u: Floats, mu: float, sigma: float, motor: Callable[[Floats], Floats]
) -> float:
    inside = u[abs(u) < 1.0]
    return float(np.mean(motor(2.0 * inside) * _score(inside, mu, sigma)))


def _score_with_tails(u: Floats, mu: float, sigma: float) -> Any:
    """Return the score of clip(u, -1, 1), which is its mean over the tail at either bound."""
    z_low, z_high = (-1.0 - mu) / sigma, (1.0 - mu) / sigma
    at_low = -_density(z_low) / (sigma * _probability_above(-z_low))
    at_high = _density(z_high) / (sigma * _probability_above(z_high))
    score = _score(u, mu, sigma)
    return np.where(u >= 1.0, at_high, np.where(u <= -1.0, at_low, score))


def _linear_motor(slope: float, at_zero: float) -> Motor:
    return Motor(f"{slope} * a + {at_zero}")


def _motor_with_aim(aim: float) -> Motor:
    return Motor(f"-(a - {aim})**2")


def _random_draws(rng: np.random.Generator) -> Case:
    """Return draws of which the first is clipped above, the second below, and the third not."""
    u = np.round(rng.normal(0.0, 1.5, size=rng.integers(3, 6)), 1)
    u[:3] = rng.choice([1.3, 1.7, 2.4]), rng.choice([-2.6, -1.8, -1.2]), rng.choice([-0.4, 0.7])
    motors = [
        _linear_motor(float(rng.choice([-2.0, -0.5, 1.5])), float(rng.choice([-3.5, 2.5, 4.5]))),
        _motor_with_aim(float(rng.choice([-0.7, 0.3, 1.2]))),
    ]
    mu, sigma = rng.choice([-0.6, 0.2, 0.5]), rng.choice([0.5, 0.8, 1.5])
    return u, float(mu), float(sigma), motors[rng.integers(2)]


# 05.4: two expectations for mu = -1, sigma = 0.5 and a reward of 1

# The mean of the clipped action is mu + sigma / √(2π).
_ABOVE_MU = 0.5 / math.sqrt(2.0 * math.pi)
_PUSH = _ABOVE_MU / 0.5**2

# 05.5: a valve


def _density(z: float) -> float:
    return math.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi)


def _probability_above(z: float) -> float:
    return math.erfc(z / math.sqrt(2.0)) / 2.0


def _valve_score(closed: Callable[[float, float], float]) -> Callable[..., Floats]:
    """Return the score (u - mu) / sigma^2 if the valve is open, else closed(mu / sigma, sigma)."""

    def score(u: Floats, mu: float, sigma: float) -> Floats:
        return np.where(u > 0.0, _score(u, mu, sigma), closed(mu / sigma, sigma))

    return score


def _score_of_closed(z: float, sigma: float) -> float:
    return -_density(z) / (sigma * _probability_above(z))


def _zero_counts_as_open(u: Floats, mu: float, sigma: float) -> Floats:
    return np.where(u >= 0.0, _score(u, mu, sigma), _score_of_closed(mu / sigma, sigma))


def _open_divided_by_sigma(u: Floats, mu: float, sigma: float) -> Floats:
    return np.where(u > 0.0, (u - mu) / sigma, _score_of_closed(mu / sigma, sigma))


def _density_at_each_draw(u: Floats, mu: float, sigma: float) -> Floats:
    bell = np.exp(-(((u - mu) / sigma) ** 2) / 2.0) / math.sqrt(2.0 * math.pi)
    closed = -bell / (sigma * _probability_above(mu / sigma))
    return np.where(u > 0.0, _score(u, mu, sigma), closed)


def _mean_over_closed_rows(u: Floats, mu: float, sigma: float) -> Floats:
    score = _score(u, mu, sigma)
    closed = score[u <= 0.0].mean() if (u <= 0.0).any() else 0.0
    return np.where(u > 0.0, score, closed)


def _random_valve(rng: np.random.Generator) -> Case:
    """Return draws of which the first finds the valve open, and the next two find it closed."""
    u = np.round(rng.normal(0.0, 1.5, size=rng.integers(3, 6)), 1)
    u[:3] = rng.choice([0.3, 1.2, 2.5]), rng.choice([-1.9, -1.4]), rng.choice([-0.6, -0.2])
    mu, sigma = rng.choice([-1.2, -0.4, 0.5, 0.9, 1.6]), rng.choice([0.6, 0.8, 1.5])
    return u, float(mu), float(sigma)


# 05.6: the density of a torque


def _log_density_of_each(u: Floats, mu: Floats, sigma: Floats) -> Any:
    return -0.5 * ((u - mu) / sigma) ** 2 - np.log(sigma) - 0.5 * math.log(2.0 * math.pi)


def _log_of_tanh_slope(u: Floats) -> Any:
    """Return log(1 - tanh(u)^2), finite for every u."""
    return 2.0 * (math.log(2.0) - u - np.logaddexp(0.0, -2.0 * u))


def _log_prob_of_torque(
    tanh_times: float = 1.0,
    scale_times: float = 1.0,
    half: float = 2.0,
    over_motors: Callable[[Floats], Any] = lambda parts: parts.sum(axis=1),
) -> Callable[..., Any]:
    """Return a log-density whose two corrections are multiplied by factors.

    Args:
        tanh_times, scale_times: 1 is right, 0 leaves the correction out, -1 adds it.
        half: by which the range is divided.
        over_motors: what becomes of the parts [B, A].
    """

    def log_prob(u: Floats, mu: Floats, sigma: Floats, low: Floats, high: Floats) -> Any:
        gaussian = _log_density_of_each(u, mu, sigma)
        of_scale = np.log((high - low) / half)
        parts = gaussian - tanh_times * _log_of_tanh_slope(u) - scale_times * of_scale
        return over_motors(parts)

    return log_prob


def _density_of_torque(*case: Any) -> Any:
    return np.exp(_log_prob_of_torque()(*case))


def _scale_counted_once(u: Floats, mu: Floats, sigma: Floats, low: Floats, high: Floats) -> Any:
    first = np.log((high[0] - low[0]) / 2.0)
    return _log_prob_of_torque(scale_times=0.0)(u, mu, sigma, low, high) - first


def _slope_without_logarithm(
    u: Floats, mu: Floats, sigma: Floats, low: Floats, high: Floats
) -> Any:
    of_scale = np.log((high - low) / 2.0)
    of_tanh = 1.0 - np.tanh(u) ** 2
    return (_log_density_of_each(u, mu, sigma) - of_tanh - of_scale).sum(axis=1)


def _gaussian_at_tanh(u: Floats, mu: Floats, sigma: Floats, low: Floats, high: Floats) -> Any:
    return _log_density_of_each(np.tanh(u), mu, sigma).sum(axis=1)


def _random_torques(rng: np.random.Generator) -> Case:
    rows, low, high = _random_motors(rng)
    u = np.round(rng.normal(0.0, 1.5, size=(rows, len(low))), 1)
    mu = rng.choice([-0.7, -0.2, 0.4, 0.9], size=len(low))
    return u, mu, rng.choice([0.5, 0.8, 1.6], size=len(low)), low, high


# 05.7: three motors with the range 0 to 10

_THREE_HALVES = 3.0 * math.log(5.0)

EXERCISES = [
    Exercise(
        "05.1",
        key=_to_motor,
        points=1,
        cases=[
            (
                np.array([[0.5, -1.5], [2.0, 0.3], [-0.8, 0.9]]),
                np.array([4.0, -3.0]),
                np.array([10.0, 2.0]),
            ),
            (np.array([[3.0], [-0.2]]), np.array([-2.0]), np.array([2.0])),
            (
                np.array([[0.0, -0.9, 4.0]]),
                np.array([-9.0, 0.0, -1.0]),
                np.array([-4.0, 255.0, 1.0]),
            ),
        ],
        random=_random_raw_actions,
        extremes=[
            Extreme(
                (np.array([[800.0, -800.0]]), np.array([4.0, -3.0]), np.array([10.0, 2.0])),
                "Right, but not for large raw actions. There an exponential overflows, or "
                "something was cut off short of the bounds. np.tanh alone goes all the way.",
                page="05 Bound: clip and tanh",
            )
        ],
        misconceptions=[
            Misconception(
                "This clips, but the task asks for tanh.",
                lambda u, low, high: _line(np.clip(u, -1, 1), low, high),
                page="05 Bound: clip and tanh",
            ),
            Misconception(
                "This clips after scaling; the task asks for tanh, and before scaling.",
                lambda u, low, high: np.clip(u, low, high),
                page="05 Bound: clip and tanh",
            ),
            Misconception(
                "This clips to the motor's bounds instead of scaling to them: tanh(u) lies in "
                "[-1, 1], so most of the range is never reached.",
                lambda u, low, high: np.clip(np.tanh(u), low, high),
                page="05 Scale, and back",
            ),
            Misconception(
                "The raw action is scaled but not bounded: a large one leaves the range.",
                _line,
                page="05 Bound: clip and tanh",
            ),
            Misconception(
                "This bounds by the sigmoid, which is another curve: tanh(u) = 2 sigmoid(2u) - 1.",
                lambda u, low, high: low + (high - low) * _sigmoid(u),
                page="05 Bound: clip and tanh",
            ),
            Misconception(
                "The bounded action lies in [-1, 1], but it has not been scaled.",
                lambda u, low, high: np.tanh(u),
                page="05 Scale, and back",
            ),
            Misconception(
                "This clips instead of bounding by tanh, and it has not been scaled.",
                lambda u, low, high: np.clip(u, -1.0, 1.0),
                page="05 Bound: clip and tanh",
            ),
            Misconception(
                "v + 1 goes from 0 to 2, so this goes twice as far up as the range: halve it.",
                lambda u, low, high: low + (high - low) * (np.tanh(u) + 1.0),
                page="05 Scale, and back",
            ),
            Misconception(
                "This stretches by high; it must stretch by the width, high - low.",
                lambda u, low, high: low + high * (np.tanh(u) + 1.0) / 2.0,
                page="05 Scale, and back",
            ),
            Misconception(
                "The action lies in [0, 1]: it has not been stretched to the range.",
                lambda u, low, high: (np.tanh(u) + 1.0) / 2.0,
                page="05 Scale, and back",
            ),
            Misconception(
                "The low end is missing: this starts at 0, not at low.",
                lambda u, low, high: (high - low) * (np.tanh(u) + 1.0) / 2.0,
                page="05 Scale, and back",
            ),
            Misconception(
                "This stretches by the middle of the range, (low + high) / 2. It must stretch by "
                "half of the width, (high - low) / 2.",
                lambda u, low, high: (low + high) / 2.0 * (1.0 + np.tanh(u)),
                page="05 Scale, and back",
            ),
            Misconception(
                "The range is not symmetric: its middle, (low + high) / 2, is missing.",
                lambda u, low, high: (high - low) / 2.0 * np.tanh(u),
                page="05 Scale, and back",
            ),
            Misconception(
                "This is right only if low is -high: for u = 0 the motor must get the middle of "
                "its range.",
                lambda u, low, high: high * np.tanh(u),
                page="05 Scale, and back",
            ),
            Misconception(
                "tanh ranges from -1 to 1, a width of 2: here -1 falls below low.",
                lambda u, low, high: low + (high - low) * np.tanh(u),
                page="05 Scale, and back",
            ),
            Misconception(
                "The middle of the range is right, but this stretches twice as far as the range: "
                "half of (high - low) to either side is enough.",
                lambda u, low, high: (low + high) / 2.0 + (high - low) * np.tanh(u),
                page="05 Scale, and back",
            ),
            Misconception(
                "For u = 0 this gives low; the motor must get the middle of its range.",
                lambda u, low, high: low + (high - low) * np.tanh(u) / 2.0,
                page="05 Scale, and back",
            ),
            Misconception(
                "Bound first, then scale: here tanh came after the scaling.",
                lambda u, low, high: np.tanh(_line(u, low, high)),
                page="05 Scale, and back",
            ),
            Misconception(
                "Bound first, then scale: here tanh came after a first scaling.",
                lambda u, low, high: _line(np.tanh(_line(u, low, high)), low, high),
                page="05 Scale, and back",
            ),
            Misconception(
                "low and high are swapped: the motor turns the other way.",
                lambda u, low, high: _to_motor(-u, low, high),
                page="05 Scale, and back",
            ),
            Misconception(
                "All columns are scaled to the range of the first motor; each has its own.",
                lambda u, low, high: _line(np.tanh(u), low[0], high[0]),
                page="05 Scale, and back",
            ),
        ],
    ),
    Exercise(
        "05.2",
        key=_from_motor,
        points=1,
        cases=[
            (
                np.array([[8.2, -0.2], [5.5, 1.2], [6.4, -2.6]]),
                np.array([4.0, -3.0]),
                np.array([10.0, 2.0]),
            ),
            (np.array([[1.9], [-0.4]]), np.array([-2.0]), np.array([2.0])),
            (np.array([[1.995], [-1.99]]), np.array([-2.0]), np.array([2.0])),
            (
                np.array([[-6.5, 250.0, 0.5]]),
                np.array([-9.0, 0.0, -1.0]),
                np.array([-4.0, 255.0, 1.0]),
            ),
        ],
        random=_random_motor_actions,
        misconceptions=[
            Misconception(
                "It is back in [-1, 1], but tanh has not been undone.",
                _line_inverse,
                page="05 Scale, and back",
            ),
            Misconception(
                "tanh is undone, but the scaling is not: what is outside of [-1, 1] becomes NaN.",
                lambda a, low, high: np.arctanh(a),
                page="05 Scale, and back",
            ),
            Misconception(
                "This undoes tan: the inverse of tanh is np.arctanh.",
                lambda a, low, high: np.arctan(_line_inverse(a, low, high)),
                page="05 Scale, and back",
            ),
            Misconception(
                "This is 1 divided by tanh, which is not its inverse: that is np.arctanh.",
                lambda a, low, high: 1.0 / np.tanh(_line_inverse(a, low, high)),
                page="05 Scale, and back",
            ),
            Misconception(
                "This applies tanh once more; its inverse, np.arctanh, is needed.",
                lambda a, low, high: np.tanh(_line_inverse(a, low, high)),
                page="05 Scale, and back",
            ),
            Misconception(
                "This goes to the motor once more, instead of back.",
                _to_motor,
                page="05 Scale, and back",
            ),
            Misconception(
                "This unscales to [0, 1], but tanh ranges from -1 to 1.",
                lambda a, low, high: np.arctanh(_share(a, low, high)),
                page="05 Scale, and back",
            ),
            Misconception(
                "That is where a lies between low and high, from 0 to 1: unscale to [-1, 1], and "
                "then undo tanh.",
                _share,
                page="05 Scale, and back",
            ),
            Misconception(
                "This unscales to [0, 2]: the -1 is missing, and beyond the middle of the range "
                "the result is NaN.",
                lambda a, low, high: np.arctanh(2.0 * _share(a, low, high)),
                page="05 Scale, and back",
            ),
            Misconception(
                "This unscales to [-½, ½]: divide by half of (high - low).",
                lambda a, low, high: np.arctanh(_share(a, low, high) - 0.5),
                page="05 Scale, and back",
            ),
            Misconception(
                "This is right only if low is -high: the middle of the range must become 0.",
                lambda a, low, high: np.arctanh(a / high),
                page="05 Scale, and back",
            ),
            Misconception(
                "This divides by half of the width, but does not subtract the middle of the range "
                "first.",
                lambda a, low, high: np.arctanh(2.0 * a / (high - low)),
                page="05 Scale, and back",
            ),
            Misconception(
                "This is twice the raw action: it undoes the sigmoid, and tanh(u) is "
                "2 sigmoid(2u) - 1.",
                lambda a, low, high: 2.0 * _from_motor(a, low, high),
                page="05 Scale, and back",
            ),
            Misconception(
                "The order is wrong: what was done last, the scaling, must be undone first.",
                lambda a, low, high: _line_inverse(np.arctanh(a), low, high),
                page="05 Scale, and back",
            ),
            Misconception(
                "low and high are swapped: the sign is wrong.",
                lambda a, low, high: -_from_motor(a, low, high),
                page="05 Scale, and back",
            ),
            Misconception(
                "All columns are unscaled by the range of the first motor; each has its own.",
                lambda a, low, high: np.arctanh(_line_inverse(a, low[0], high[0])),
                page="05 Scale, and back",
            ),
        ],
    ),
    Exercise(
        "05.3",
        key=_estimate(_score),
        points=2,
        cases=[
            (np.array([0.3, 1.7, -2.2]), 0.4, 0.6, _linear_motor(-0.5, 3.5)),
            (np.array([0.3, 1.7, -2.2, 0.9]), 0.4, 0.5, _motor_with_aim(0.2)),
            (np.array([1.2, 2.5]), -0.7, 2.0, _linear_motor(1.5, 2.0)),
        ],
        random=_random_draws,
        misconceptions=[
            Misconception(
                "That is the original line: it scores what the motor received.",
                _scored(_bounded),
                page="05 Which log-probability?",
            ),
            Misconception(
                "The factor 2 is out of the score, but the clip is not: the Gaussian drew u, not "
                "clip(u).",
                _scored(lambda u: np.clip(u, -1.0, 1.0)),
                page="05 Which log-probability?",
            ),
            Misconception(
                "The clip is out of the score, but the factor 2 is not: the Gaussian drew u, not "
                "2u.",
                _scored(lambda u: 2.0 * u),
                page="05 Which log-probability?",
            ),
            Misconception(
                "This scores the environment action as if it were a Gaussian with mean 2 mu and "
                "standard deviation 2 sigma. That is the density of 2u, not of 2 clip(u), and the "
                "Gaussian drew u.",
                _scored_as_doubled,
                page="05 Which log-probability?",
            ),
            Misconception(
                "The raw action is scored, as it should be, but it is also sent: the motor must "
                "get it clipped and scaled.",
                _sent(lambda u: u),
                page="05 What the buffer holds",
            ),
            Misconception(
                "The motor gets clip(u) without the factor 2, and clip(u) is scored as well; the "
                "Gaussian drew u.",
                _estimate(
                    lambda u, mu, sigma: _score(np.clip(u, -1.0, 1.0), mu, sigma),
                    sent=lambda u: np.clip(u, -1.0, 1.0),
                ),
                page="05 Which log-probability?",
            ),
            Misconception(
                "The clip is missing, and 2u is sent and scored: the motor takes -2 to 2 only, and "
                "the Gaussian drew u.",
                _estimate(
                    lambda u, mu, sigma: _score(2.0 * u, mu, sigma),
                    sent=lambda u: 2.0 * u,
                ),
                page="05 Which log-probability?",
            ),
            Misconception(
                "The motor gets the scaled action without the clip; it takes -2 to 2 only.",
                _sent(lambda u: 2.0 * u),
                page="05 What the buffer holds",
            ),
            Misconception(
                "The motor gets the clipped action without the factor 2.",
                _sent(lambda u: np.clip(u, -1.0, 1.0)),
                page="05 What the buffer holds",
            ),
            Misconception(
                "The motor gets clip(u, -2, 2). Clip to [-1, 1] first, then scale.",
                _sent(lambda u: np.clip(u, -2.0, 2.0)),
                page="05 Scale, and back",
            ),
            Misconception(
                "The motor gets tanh instead of the clip.",
                _sent(lambda u: 2.0 * np.tanh(u)),
                page="05 Bound: clip and tanh",
            ),
            Misconception(
                "This divides by sigma; the derivative in mu divides by the variance, sigma**2.",
                _estimate(lambda u, mu, sigma: (u - mu) / sigma),
                page="05 Which log-probability?",
            ),
            Misconception(
                "mu is missing from the score: it is (u - mu) / sigma**2.",
                _estimate(lambda u, mu, sigma: u / sigma**2),
                page="05 Which log-probability?",
            ),
            Misconception(
                "That is the derivative with respect to sigma; the task asks for the one with "
                "respect to mu.",
                _estimate(lambda u, mu, sigma: ((u - mu) ** 2 / sigma**2 - 1.0) / sigma),
                page="05 Which log-probability?",
            ),
            Misconception(
                "That is the derivative with respect to log sigma; the task asks for the one with "
                "respect to mu.",
                _estimate(lambda u, mu, sigma: (u - mu) ** 2 / sigma**2 - 1.0),
                page="05 Which log-probability?",
            ),
            Misconception(
                "The rewards weigh the log-probabilities. The score is the derivative of a "
                "log-probability with respect to mu.",
                _estimate(_log_density),
                page="05 Which log-probability?",
            ),
            Misconception(
                "The rewards are not used: that is the mean of the scores alone.",
                lambda u, mu, sigma, motor: float(np.mean(_score(u, mu, sigma))),
                page="05 Which log-probability?",
            ),
            Misconception(
                "That is the sum over the batch, but the task asks for the mean.",
                lambda u, mu, sigma, motor: float(_each_draw(u, mu, sigma, motor).sum()),
                page="05 Which log-probability?",
            ),
            Misconception(
                "That is one number for each draw: the mean over the batch is missing.",
                _each_draw,
                page="05 Which log-probability?",
            ),
            Misconception(
                "That is the mean reward times the mean score: every reward meets every score.",
                _weighed(lambda rewards: np.full_like(rewards, rewards.mean())),
                page="04 A column of returns",
            ),
            Misconception(
                "This is the estimate with the batch's mean reward as a baseline; u.mean() in "
                "place of mu gives the same. The task asks for no baseline, and this one shrinks "
                "the expectation by the factor (B - 1) / B.",
                _weighed(lambda rewards: rewards - rewards.mean()),
                page="05 Which log-probability?",
            ),
            Misconception(
                "Unbiased as well, with the mean of the other rewards as a baseline; but the task "
                "asks for the plain estimate.",
                _weighed(_reward_without_the_others),
                page="05 Which log-probability?",
            ),
            Misconception(
                "Unbiased as well, with the mean of the score over each tail; but the task asks "
                "for the plain estimate.",
                _estimate(_score_with_tails),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "The clipped draws get no score. They must have one, or the estimate is biased.",
                _estimate(_score_within_bounds),
                page="deeper/05 Where the bias comes from",
            ),
            Misconception(
                "The clipped draws are left out of the mean. They belong to the batch, or the "
                "estimate is biased.",
                _mean_within_bounds,
                page="deeper/05 Where the bias comes from",
            ),
        ],
    ),
    Exercise(
        "05.4",
        key=(0.0, _PUSH),
        points=2,
        decimals=2,
        misconceptions=[
            Misconception(
                "(a) is right. For (b) the lemma does not hold: the Gaussian did not draw the "
                "clipped number.",
                (0.0, 0.0),
                page="deeper/05 Where the bias comes from",
            ),
            Misconception(
                "(b) has the wrong sign: below the lower bound, clipping moves actions up.",
                (0.0, -_PUSH),
                page="deeper/05 Where the bias comes from",
            ),
            Misconception(
                "(b) has the wrong sign, and it must be divided by the square of sigma.",
                (0.0, -_ABOVE_MU / 0.5),
                page="deeper/05 Where the bias comes from",
            ),
            Misconception(
                "That is the reward twice. It must be multiplied by the score before the mean.",
                (1.0, 1.0),
                page="05 Which log-probability?",
            ),
            Misconception(
                "In (b) the factor 1 / sigma^2 of the score is missing.",
                (0.0, _ABOVE_MU),
                page="05 Which log-probability?",
            ),
            Misconception(
                "(b) is half of what it should be: divide E[clip(u) - mu] by the square of sigma.",
                (0.0, _ABOVE_MU / 0.5),
                page="05 Which log-probability?",
            ),
            Misconception(
                "(b) is twice too large: half of the draws are clipped. Their score is 0, but they "
                "count in the mean.",
                (0.0, 2.0 * _PUSH),
                page="deeper/05 Where the bias comes from",
            ),
            Misconception(
                "(b) is the probability of being clipped; the task asks for the mean of a score.",
                (0.0, 0.5),
                page="deeper/05 Where the bias comes from",
            ),
            Misconception(
                "(b) is the reward, but the reward is multiplied by the score.",
                (0.0, 1.0),
                page="deeper/05 Where the bias comes from",
            ),
            Misconception(
                "The second decimal of (b) is cut off, not rounded.",
                (0.0, 0.79),
                page="deeper/05 Where the bias comes from",
            ),
            Misconception(
                "The two are in the wrong order: (a) is raw, (b) is clipped.",
                (_PUSH, 0.0),
                page="deeper/05 Where the bias comes from",
            ),
            Misconception(
                "(b) is right, but (a) is another number: the Gaussian did draw the raw action.",
                (_PUSH, _PUSH),
                page="05 Which log-probability?",
            ),
            Misconception(
                "(b) is right. (a) is not the reward, but the mean of reward times score.",
                (1.0, _PUSH),
                page="05 Which log-probability?",
            ),
            Misconception(
                "(b) is right. (a) is not the mean action, but the mean of its score.",
                (-1.0, _PUSH),
                page="05 Which log-probability?",
            ),
            Misconception(
                "These are the mean actions, raw and clipped; the task asks for the mean scores.",
                (-1.0, -1.0 + _ABOVE_MU),
                page="05 Which log-probability?",
            ),
            Misconception(
                "mu is missing from the score: it is (x - mu) / sigma^2.",
                (-4.0, (-1.0 + _ABOVE_MU) / 0.25),
                page="05 Which log-probability?",
            ),
            Misconception(
                "That is (b) alone. Give a pair, with (a) first.",
                _PUSH,
                page="05 Which log-probability?",
            ),
        ],
    ),
    Exercise(
        "05.5",
        key=_valve_score(_score_of_closed),
        points=3,
        cases=[
            (np.array([-2.0, -0.1, 0.4, 3.0]), 0.5, 0.6),
            (np.array([-1.0, 1.0]), -0.3, 2.0),
            (np.array([0.0, 0.2, -0.7]), 0.9, 0.8),
            (np.array([-0.4]), -1.6, 0.7),
            (np.array([1.3, -1.1, 0.6]), 0.0, 1.5),
        ],
        random=_random_valve,
        extremes=[
            Extreme(
                (np.array([3.5, -0.2]), 3.0, 0.5),
                "Right except where the valve is hardly ever closed. That probability is tiny, so "
                "nothing may be added to it, and it may not be cut off.",
                page="deeper/05 A better score: the clipped action policy gradient",
            )
        ],
        misconceptions=[
            Misconception(
                "This scores u, which is unbiased as well. But a closed valve is the same action "
                "for every u, and only one score for all of them has the least variance.",
                _score,
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "This scores max(u, 0) under the Gaussian, which is biased: a closed valve needs "
                "the mean over the tail, not the value at its edge.",
                _valve_score(lambda z, sigma: -z / sigma),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "A closed valve needs a score, too: 0 is biased.",
                _valve_score(lambda z, sigma: 0.0),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, the sign is wrong: the higher the mean, the less often it is closed.",
                _valve_score(lambda z, sigma: _density(z) / (sigma * _probability_above(z))),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, that is the derivative of the probability; for its logarithm, divide by "
                "P(u <= 0).",
                _valve_score(lambda z, sigma: -_density(z) / sigma),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, that is the logarithm of the probability; the score is its derivative.",
                _valve_score(lambda z, sigma: math.log(_probability_above(z))),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, the inner derivative, 1 / sigma, is missing.",
                _valve_score(lambda z, sigma: -_density(z) / _probability_above(z)),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, this divides by sigma**2; the inner derivative is 1 / sigma.",
                _valve_score(lambda z, sigma: _score_of_closed(z, sigma) / sigma),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, this divides by the probability that the valve is open.",
                _valve_score(lambda z, sigma: -_density(z) / (sigma * _probability_above(-z))),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, that is the score of an open valve: the derivative of log P(u > 0).",
                _valve_score(lambda z, sigma: _density(z) / (sigma * _probability_above(-z))),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, the factor 1 / √(2π) of the density is missing.",
                _valve_score(lambda z, sigma: _score_of_closed(z, sigma) * math.sqrt(2 * math.pi)),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, that is the mean of u over the tail; the score needs mu subtracted and "
                "a division by sigma**2.",
                _valve_score(lambda z, s: z * s + s**2 * _score_of_closed(z, s)),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, the density and the probability are taken at mu; they must be at mu / "
                "sigma.",
                _valve_score(lambda z, sigma: _score_of_closed(z * sigma, sigma)),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, density and probability are taken at mu, and the inner derivative, "
                "1 / sigma, is missing, too.",
                _valve_score(lambda z, s: -_density(z * s) / _probability_above(z * s)),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, that is minus the density alone. Divide it by sigma and by P(u <= 0).",
                _valve_score(lambda z, sigma: -_density(z)),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Open and closed are swapped.",
                lambda u, mu, sigma: np.where(
                    u > 0.0, _score_of_closed(mu / sigma, sigma), _score(u, mu, sigma)
                ),
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, the density is taken at u; it must be at 0, the edge of the tail.",
                _density_at_each_draw,
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, that is the mean over the closed rows of this batch; the task needs the "
                "mean over the whole tail of the Gaussian.",
                _mean_over_closed_rows,
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "At u = 0 the valve is closed, too.",
                _zero_counts_as_open,
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "Closed, this is right. Open, divide by sigma**2, not by sigma.",
                _open_divided_by_sigma,
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
            Misconception(
                "That is the score for bounds at -1 and 1; the valve has one stop, at 0.",
                _score_with_tails,
                page="deeper/05 A better score: the clipped action policy gradient",
            ),
        ],
    ),
    Exercise(
        "05.6",
        key=_log_prob_of_torque(),
        points=2,
        cases=[
            (
                np.array([[0.5, -1.5], [2.0, 0.3], [-0.8, 0.9]]),
                np.array([0.3, -0.4]),
                np.array([0.6, 1.5]),
                np.array([4.0, -3.0]),
                np.array([10.0, 2.0]),
            ),
            (
                np.array([[3.0], [-0.2]]),
                np.array([1.0]),
                np.array([2.0]),
                np.array([-2.0]),
                np.array([2.0]),
            ),
        ],
        random=_random_torques,
        extremes=[
            Extreme(
                (
                    np.array([[50.0, -60.0]]),
                    np.array([40.0, -50.0]),
                    np.array([5.0, 5.0]),
                    np.array([4.0, -3.0]),
                    np.array([10.0, 2.0]),
                ),
                "Right, but not for large raw actions: there 1 - tanh(u)^2 is 0, or an exponential "
                "overflows. Take the safe form.",
                page="deeper/05 Tanh and the Jacobian",
            )
        ],
        misconceptions=[
            Misconception(
                "That is the log-density of u. The environment action has another density: both "
                "Jacobians are missing.",
                _log_prob_of_torque(tanh_times=0.0, scale_times=0.0),
                page="deeper/05 Tanh and the Jacobian",
            ),
            Misconception(
                "That is the log-density of v = tanh(u). The scaling stretches as well: subtract "
                "the logarithm of half the range.",
                _log_prob_of_torque(scale_times=0.0),
                page="deeper/05 Several dimensions",
            ),
            Misconception(
                "The scaling is there, but the Jacobian of tanh is missing.",
                _log_prob_of_torque(tanh_times=0.0),
                page="deeper/05 Tanh and the Jacobian",
            ),
            Misconception(
                "Both corrections have the wrong sign: a map that stretches makes the density "
                "smaller.",
                _log_prob_of_torque(tanh_times=-1.0, scale_times=-1.0),
                page="deeper/05 Tanh and the Jacobian",
            ),
            Misconception(
                "The logarithm of the derivative of tanh is added; it must be subtracted.",
                _log_prob_of_torque(tanh_times=-1.0),
                page="deeper/05 Tanh and the Jacobian",
            ),
            Misconception(
                "The logarithm of half the range is added; it must be subtracted.",
                _log_prob_of_torque(scale_times=-1.0),
                page="deeper/05 Several dimensions",
            ),
            Misconception(
                "This divides by the whole range. v goes from -1 to 1, so the line stretches by "
                "half of high - low.",
                _log_prob_of_torque(half=1.0),
                page="deeper/05 Several dimensions",
            ),
            Misconception(
                "That is the mean over the motors. The log-probabilities of independent parts are "
                "added.",
                _log_prob_of_torque(over_motors=lambda parts: parts.mean(axis=1)),
                page="deeper/05 Several dimensions",
            ),
            Misconception(
                "That is one number for each motor; add them, for one number for each row.",
                _log_prob_of_torque(over_motors=lambda parts: parts),
                page="deeper/05 Several dimensions",
            ),
            Misconception(
                "That is one number for the whole batch: add over the motors only.",
                _log_prob_of_torque(over_motors=lambda parts: parts.sum()),
                page="deeper/05 Several dimensions",
            ),
            Misconception(
                "That is the density; the task asks for its logarithm.",
                _density_of_torque,
                page="deeper/05 Tanh and the Jacobian",
            ),
            Misconception(
                "The scaling of the first motor only is counted; each motor has its own.",
                _scale_counted_once,
                page="deeper/05 Several dimensions",
            ),
            Misconception(
                "This subtracts the derivative of tanh itself; its logarithm is missing.",
                _slope_without_logarithm,
                page="deeper/05 Tanh and the Jacobian",
            ),
            Misconception(
                "This scores tanh(u) under the Gaussian, which did not draw it.",
                _gaussian_at_tanh,
                page="deeper/05 Tanh and the Jacobian",
            ),
        ],
    ),
    Exercise(
        "05.7",
        key=(_THREE_HALVES, 3.0),
        points=1,
        decimals=2,
        misconceptions=[
            Misconception(
                "These are the two numbers for one motor; there are three, and entropies add up.",
                (_THREE_HALVES / 3.0, 1.0),
                page="deeper/05 Entropy: of which action?",
            ),
            Misconception(
                "(b) is right. (a) is for one motor only.",
                (_THREE_HALVES / 3.0, 3.0),
                page="deeper/05 Entropy: of which action?",
            ),
            Misconception(
                "(a) is right. (b) is for one motor only.",
                (_THREE_HALVES, 1.0),
                page="deeper/05 Entropy: of which action?",
            ),
            Misconception(
                "(a) takes the whole range; v goes from -1 to 1, so half the range counts.",
                (3.0 * math.log(10.0), 3.0),
                page="deeper/05 Several dimensions",
            ),
            Misconception(
                "(a) has the wrong sign: a wider range makes the action more uncertain.",
                (-_THREE_HALVES, 3.0),
                page="deeper/05 Entropy: of which action?",
            ),
            Misconception(
                "(a) is not 0: entropy of a density depends on the unit, and scaling adds to it.",
                (0.0, 3.0),
                page="deeper/05 Entropy: of which action?",
            ),
            Misconception(
                "In (a) the logarithm is missing.",
                (15.0, 3.0),
                page="deeper/05 Entropy: of which action?",
            ),
            Misconception(
                "(a) multiplies the three half-ranges without a logarithm.",
                (125.0, 3.0),
                page="deeper/05 Several dimensions",
            ),
            Misconception(
                "The two are in the wrong order.",
                (3.0, _THREE_HALVES),
                page="deeper/05 Entropy: of which action?",
            ),
        ],
    ),
]
