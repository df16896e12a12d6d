"""The exercises of notebook 05, action bounds: answers, cases, and known mistakes."""

import math
from collections.abc import Callable

import numpy as np
from gymnasium.spaces import Box

from pg_edu.actions import from_box, to_box
from pg_edu.course.records import Exercise, Misconception
from pg_edu.types import Floats


def _to_motor(u: Floats, low: Floats, high: Floats) -> Floats:
    return to_box(u, Box(low, high, dtype=np.float64), "tanh", scaling=True)


def _from_motor(a: Floats, low: Floats, high: Floats) -> Floats:
    return np.asarray(from_box(a, Box(low, high, dtype=np.float64), "tanh", scaling=True))


def _line(v: Floats, low: Floats, high: Floats) -> Floats:
    return low + (high - low) * (v + 1.0) / 2.0


def _line_inverse(a: Floats, low: Floats, high: Floats) -> Floats:
    return 2.0 * (a - low) / (high - low) - 1.0


def _gradient(
    scored: Callable[[Floats], Floats],
    sent: Callable[[Floats], Floats] = lambda u: 2.0 * np.clip(u, -1.0, 1.0),
) -> Callable[..., float]:
    """Return an estimator that scores scored(u) and sends sent(u) to the motor."""

    def gradient(u: Floats, mu: float, sigma: float, motor: Callable[[Floats], Floats]) -> float:
        return float(np.mean(motor(sent(u)) * (scored(u) - mu) / sigma**2))

    return gradient


def _pay_near_a_fifth(action: Floats) -> Floats:
    return -((action - 0.2) ** 2)


def _pay_strength(action: Floats) -> Floats:
    return 3.0 + action


def _valve_score(closed: Callable[[float, float], float]) -> Callable[..., Floats]:
    """Return the score (u - mu) / sigma^2 if the valve is open, else closed(mu / sigma, sigma)."""

    def score(u: Floats, mu: float, sigma: float) -> Floats:
        return np.where(u > 0.0, (u - mu) / sigma**2, closed(mu / sigma, sigma))

    return score


def _density(z: float) -> float:
    return math.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi)


def _probability_above(z: float) -> float:
    return math.erfc(z / math.sqrt(2.0)) / 2.0


LOW = np.array([0.0, -2.0])
HIGH = np.array([10.0, 2.0])
# E[(u + 1)⁺] / sigma^2 for mu = -1, sigma = 0.5
PUSH = 1.0 / (0.5 * math.sqrt(2.0 * math.pi))

EXERCISES = [
    Exercise(
        "05.1",
        key=_to_motor,
        points=1,
        cases=[
            (np.array([[0.5, -1.5], [0.0, 0.0]]), LOW, HIGH),
            (np.array([[3.0, -0.2]]), np.array([-1.0, 4.0]), np.array([1.0, 5.0])),
        ],
        misconceptions=[
            Misconception(
                ("This clips, but the exercise asks for tanh."),
                lambda u, low, high: _line(np.clip(u, -1, 1), low, high),
                "05 Exercises",
            ),
            Misconception(
                ("The raw action is scaled but not bounded: a large one leaves the range."),
                _line,
                "05 Exercises",
            ),
            Misconception(
                ("The bounded action lies in [-1, 1], but it has not been scaled."),
                lambda u, low, high: np.tanh(u),
                "05 Exercises",
            ),
            Misconception(
                ("The range is not symmetric: its middle, (low + high) / 2, is missing."),
                lambda u, low, high: (high - low) / 2 * np.tanh(u),
                "05 Exercises",
            ),
            Misconception(
                ("tanh ranges from -1 to 1, a width of 2: here -1 falls below low."),
                lambda u, low, high: low + (high - low) * np.tanh(u),
                "05 Exercises",
            ),
            Misconception(
                ("Bound first, then scale: here tanh came after the scaling."),
                lambda u, low, high: _line(np.tanh(_line(u, low, high)), low, high),
                "05 Exercises",
            ),
            Misconception(
                ("low and high are swapped: the motor turns the other way."),
                lambda u, low, high: _to_motor(-u, low, high),
                "05 Exercises",
            ),
        ],
    ),
    Exercise(
        "05.2",
        key=_from_motor,
        points=1,
        cases=[
            (np.array([[7.5, -1.0], [5.0, 0.0]]), LOW, HIGH),
            (np.array([[0.9, 4.1]]), np.array([-1.0, 4.0]), np.array([1.0, 5.0])),
        ],
        misconceptions=[
            Misconception(
                ("It is back in [-1, 1], but tanh has not been undone."),
                _line_inverse,
                "05 Exercises",
            ),
            Misconception(
                (
                    "The inverse of tanh is np.arctanh (arctan belongs to tan, and 1 / tanh is not "
                    "the inverse)."
                ),
                lambda a, low, high: np.arctan(_line_inverse(a, low, high)),
                "05 Exercises",
            ),
            Misconception(
                ("This applies tanh once more, but its inverse np.arctanh is needed."),
                lambda a, low, high: np.tanh(_line_inverse(a, low, high)),
                "05 Exercises",
            ),
            Misconception(
                ("This unscales to [0, 1], but tanh ranges from -1 to 1."),
                lambda a, low, high: np.arctanh((a - low) / (high - low)),
                "05 Exercises",
            ),
            Misconception(
                ("low and high are swapped: the sign is wrong."),
                lambda a, low, high: -_from_motor(a, low, high),
                "05 Exercises",
            ),
        ],
    ),
    Exercise(
        "05.3",
        key=_gradient(scored=lambda u: u),
        points=2,
        cases=[
            (np.array([0.3, 1.7, -2.2, 0.9]), 0.4, 0.5, _pay_near_a_fifth),
            (np.array([1.2, 2.5]), 1.0, 2.0, _pay_strength),
        ],
        misconceptions=[
            Misconception(
                ("That is the original line: it scores what the motor received."),
                _gradient(scored=lambda u: 2.0 * np.clip(u, -1.0, 1.0)),
                "05 Exercises",
            ),
            Misconception(
                ("Not scaled, but still clipped: the Gaussian drew the raw action."),
                _gradient(scored=lambda u: np.clip(u, -1.0, 1.0)),
                "05 Exercises",
            ),
            Misconception(
                ("The raw action is scored, but it is also sent: the motor accepts only -2 to 2."),
                _gradient(scored=lambda u: u, sent=lambda u: u),
                "05 Exercises",
            ),
            Misconception(
                ("The motor gets the bounded action without its scale."),
                _gradient(scored=lambda u: u, sent=lambda u: np.clip(u, -1.0, 1.0)),
                "05 Exercises",
            ),
            Misconception(
                ("This divides by sigma; the derivative in mu divides by the variance, sigma**2."),
                lambda u, mu, sigma, motor: (
                    sigma * _gradient(scored=lambda u: u)(u, mu, sigma, motor)
                ),
                "05 Exercises",
            ),
            Misconception(
                ("That is the sum over the batch, but the exercise asks for the mean."),
                lambda u, mu, sigma, motor: (
                    len(u) * _gradient(scored=lambda u: u)(u, mu, sigma, motor)
                ),
                "05 Exercises",
            ),
        ],
    ),
    Exercise(
        "05.4",
        key=(0.0, PUSH),
        points=2,
        decimals=2,
        misconceptions=[
            Misconception(
                ("The lemma holds for what the Gaussian drew, not for the clipped number."),
                (0.0, 0.0),
                "05 Exercises",
            ),
            Misconception(
                ("(b) has the wrong sign: below the lower bound, clipping moves actions up."),
                (
                    0.0,
                    -PUSH,
                ),
                "05 Exercises",
            ),
            Misconception(
                ("In (b) the factor 1 / sigma^2 of the score is missing."),
                (0.0, PUSH / 4.0),
                "05 Exercises",
            ),
            Misconception(
                ("In (b) divide by the variance, not by the standard deviation."),
                (0.0, PUSH / 2.0),
                "05 Exercises",
            ),
            Misconception(
                ("The two are in the wrong order: (a) is raw, (b) is clipped."),
                (PUSH, 0.0),
                "05 Exercises",
            ),
        ],
    ),
    Exercise(
        "05.5",
        key=_valve_score(lambda z, sigma: -_density(z) / (sigma * _probability_above(z))),
        points=3,
        cases=[
            (np.array([-2.0, -0.1, 0.4, 3.0]), 0.5, 0.6),
            (np.array([-1.0, 1.0]), -0.3, 2.0),
        ],
        misconceptions=[
            Misconception(
                (
                    "This scores u. That is unbiased, but a closed valve is the same action for every u "
                    "and needs the same score."
                ),
                lambda u, mu, sigma: (u - mu) / sigma**2,
                "05 Exercises",
            ),
            Misconception(
                ("This scores max(u, 0) under the Gaussian, which is biased."),
                _valve_score(lambda z, sigma: -z / sigma),
                "05 Exercises",
            ),
            Misconception(
                ("A closed valve needs a score, too: 0 would be biased."),
                _valve_score(lambda z, sigma: 0.0),
                "05 Exercises",
            ),
            Misconception(
                ("The sign is wrong: the higher the mean, the less often the valve is closed."),
                _valve_score(lambda z, sigma: _density(z) / (sigma * _probability_above(z))),
                "05 Exercises",
            ),
            Misconception(
                (
                    "That is the derivative of the probability; for its logarithm, divide by P(u <= 0)."
                ),
                _valve_score(lambda z, sigma: -_density(z) / sigma),
                "05 Exercises",
            ),
            Misconception(
                ("The inner derivative, 1 / sigma, is missing."),
                _valve_score(lambda z, sigma: -_density(z) / _probability_above(z)),
                "05 Exercises",
            ),
            Misconception(
                ("You divided by the probability that the valve is open, but it is closed."),
                _valve_score(lambda z, sigma: -_density(z) / (sigma * _probability_above(-z))),
                "05 Exercises",
            ),
        ],
    ),
]
