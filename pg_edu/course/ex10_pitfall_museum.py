"""The exercises of notebook 10, the pitfall museum: answers, cases, and known mistakes."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from pg_edu.course.records import Exercise, Misconception
from pg_edu.returns import discounted_returns
from pg_edu.types import Flags, Floats, Ints

Field = Callable[[Floats], Floats]


def _jacobian(field: Field, x: Floats, h: float = 1e-5) -> Floats:
    nudges = h * np.eye(len(x))
    return np.array([(field(x + n) - field(x - n)) / (2 * h) for n in nudges])


def _asymmetry(field: Field, x: Floats) -> float:
    jacobian = _jacobian(field, x)
    return float(abs(jacobian - jacobian.T).max())


def bowl(x: Floats) -> Floats:
    """Return the gradient of -(x₀² - x₀ x₁ + 2 x₁²)."""
    return np.array([-2 * x[0] + x[1], x[0] - 4 * x[1]])


def whirl(x: Floats) -> Floats:
    """Return a field that circles around 0 and is not the gradient of any function."""
    return np.array([-x[1], x[0]])


def product(x: Floats) -> Floats:
    """Return ∇(x₀ x₁ x₂) with its last component doubled, which is no gradient."""
    return np.array([x[1] * x[2], x[0] * x[2], 2 * x[0] * x[1]])


def _loss(
    log_prob: Tensor,
    rewards: Ints,
    end: Flags,
    gamma: float,
    ends: bool = True,
    whole_actions: bool = True,
    per_episode: bool = True,
    floats: bool = True,
) -> Tensor:
    """Return the loss, a sum over steps and action dimensions and a mean over episodes.

    Setting one of the four switches to False turns one bug on.
    """
    stops = end if ends else np.arange(len(end)) == len(end) - 1
    returns_of = discounted_returns if floats else _truncated_returns
    returns = torch.as_tensor(returns_of(rewards, stops, gamma), dtype=log_prob.dtype)
    scored = log_prob.sum(dim=1) if whole_actions else log_prob.mean(dim=1)
    terms = scored * returns
    if per_episode:
        return -terms.sum() / int(end.sum())
    return -terms.mean()


def _truncated_returns(rewards: Ints, end: Flags, gamma: float) -> Floats:
    G = np.zeros_like(rewards)
    for t in reversed(range(len(G))):
        G[t] = rewards[t] + (0 if end[t] else gamma * G[t + 1])
    return G.astype(float)


def _bug(**switch: bool) -> Callable[..., Tensor]:
    return lambda log_prob, rewards, end, gamma: _loss(log_prob, rewards, end, gamma, **switch)


BUGS = {
    "floats": "the returns are truncated to integers",
    "ends": "the returns run on into the next episode",
    "whole_actions": "a mean over action dimensions is not the log-probability of an action",
    "per_episode": "the mean is over steps, whose number depends on the actions",
}


def _bugs_left() -> dict[str, Callable[..., Tensor]]:
    """Return diagnosis -> loss for every choice of one, two or three of the four bugs."""
    losses = {}
    for n, count in ((1, "One bug is"), (2, "Two bugs are"), (3, "Three bugs are")):
        for left in combinations(BUGS, n):
            names = "; ".join(BUGS[bug] for bug in left)
            losses[f"{count} left: {names}."] = _bug(**dict.fromkeys(left, False))
    return losses


EXERCISES = [
    Exercise(
        "10.1",
        key=11 / 16,
        points=2,
        misconceptions=[
            Misconception(
                (
                    "That is the true share, and also the probability that all three are successes; "
                    "cases with one or two successes add to it."
                ),
                0.5,
                "10 Exercises",
            ),
            Misconception(
                ("Failures are reported, too, if all copies are in one."), 1.0, "10 Exercises"
            ),
            Misconception(
                (
                    "That is for the first episode to end. The second and the third are successes less "
                    "often."
                ),
                7 / 8,
                "10 Exercises",
            ),
            Misconception(
                ("That is the share with two copies. With three the race is worse."),
                5 / 8,
                "10 Exercises",
            ),
            Misconception(
                ("That is the number of successes; give their share among three."),
                33 / 16,
                "10 Exercises",
            ),
            Misconception(("That is the share of failures."), 5 / 16, "10 Exercises"),
            Misconception(("That is a percentage; give a share."), 68.75, "10 Exercises"),
        ],
    ),
    Exercise(
        "10.2",
        key=_asymmetry,
        points=2,
        cases=[
            (bowl, np.array([0.3, -0.2])),
            (product, np.array([1.0, 2.0, -5.0])),
            (whirl, np.array([0.3, -0.2])),
        ],
        tolerance=1e-4,
        misconceptions=[
            Misconception(
                ("That is the largest entry of the Jacobian; compare it with its transpose."),
                lambda field, x: float(abs(_jacobian(field, x)).max()),
                "10 Exercises",
            ),
            Misconception(
                ("The sign does not matter: take the absolute value, then the largest entry."),
                lambda field, x: float(
                    (np.triu(_jacobian(field, x) - _jacobian(field, x).T)).min()
                ),
                "10 Exercises",
            ),
            Misconception(
                ("That is twice as much: divide the difference by the whole distance, 2 h."),
                lambda field, x: 2 * _asymmetry(field, x),
                "10 Exercises",
            ),
            Misconception(
                (
                    "That is half of it, as in (J - Jᵀ) / 2; the exercise asks for the difference "
                    "itself."
                ),
                lambda field, x: _asymmetry(field, x) / 2,
                "10 Exercises",
            ),
            Misconception(
                ("That is the sum of all differences; the exercise asks for the largest."),
                lambda field, x: float(abs(_jacobian(field, x) - _jacobian(field, x).T).sum()),
                "10 Exercises",
            ),
        ],
    ),
    Exercise(
        "10.3",
        key=lambda log_prob, rewards, end, gamma: _loss(log_prob, rewards, end, gamma),
        points=3,
        cases=[
            (
                torch.tensor([[-0.5, -1.0], [-2.0, -0.25], [-1.0, -3.0]]),
                np.array([1, 3, 3]),
                np.array([False, True, True]),
                0.5,
            ),
            (
                torch.tensor([[-1.0], [-2.0], [-4.0], [-8.0]]),
                np.array([1, 1, 1, 5]),
                np.array([False, False, True, True]),
                0.9,
            ),
        ],
        misconceptions=[
            Misconception(
                ("That is still the suspect, with all four bugs."),
                _bug(**dict.fromkeys(BUGS, False)),
                "10 Exercises",
            ),
            *[Misconception(text, loss, "10 Exercises") for text, loss in _bugs_left().items()],
            Misconception(
                ("The minus sign is missing: the optimizer minimizes, and we want to maximize."),
                lambda *given: -_loss(*given),
                "10 Exercises",
            ),
        ],
    ),
]
