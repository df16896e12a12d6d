"""The exercises of notebook 10, the pitfall museum: answers, cases, and known mistakes."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pg_edu.course.outcomes import loss_and_gradient
from pg_edu.course.records import Case, Exercise, Extreme, Misconception
from pg_edu.course.shared import flags
from pg_edu.course.worlds import Field
from pg_edu.types import Flags, Floats, Ints

# 10.2


def _jacobian(field: Field, x: Floats, h: float = 1e-5) -> Floats:
    """Return the slope of component j along coordinate i at [i, j].

    What rounding leaves of a zero is cut off: any other answer has another rest.
    """
    slopes = [(field(x + nudge) - field(x - nudge)) / (2 * h) for nudge in h * np.eye(len(x))]
    return np.array(slopes).round(6)


def _differences(field: Field, x: Floats) -> Floats:
    J = _jacobian(field, x)
    return np.round(J - J.T, 6)


def _asymmetry(field: Field, x: Floats) -> float:
    return float(abs(_differences(field, x)).max())


def _undivided(field: Field, x: Floats, h: float = 1e-5) -> float:
    return 2 * h * _asymmetry(field, x)


def _all_nudged_at_once(field: Field, x: Floats, h: float = 1e-5) -> float:
    slopes = _jacobian(field, x).sum(axis=0)
    return float(abs(slopes - slopes.T).max())


def _largest_slope(field: Field, x: Floats) -> float:
    return float(abs(_jacobian(field, x)).max())


def _of_the_sum(field: Field, x: Floats) -> float:
    J = _jacobian(field, x)
    return float(abs(J + J.T).max())


def _of_the_first_two(field: Field, x: Floats) -> float:
    return float(abs(_differences(field, x)[:2, :2]).max())


def _above_the_diagonal(field: Field, x: Floats) -> float:
    return float(np.triu(_differences(field, x)).max())


def _below_the_diagonal(field: Field, x: Floats) -> float:
    return float(np.tril(_differences(field, x)).max())


def _spread_of_slopes(field: Field, x: Floats) -> float:
    return float(np.ptp(_jacobian(field, x)))


def _random_field(rng: np.random.Generator) -> Case:
    """Draw a quadratic field and a point at which it is clearly not a gradient."""
    n = int(rng.integers(2, 4))
    while True:
        field = Field(*(_random_formula(rng, n) for _ in range(n)))
        x = rng.choice([-2.0, -1.5, -0.5, 0.5, 1.0, 2.5], n)
        if _asymmetry(field, x) >= 0.5:
            return field, x


def _random_formula(rng: np.random.Generator, n: int) -> str:
    a, b = rng.choice([-3, -2, 2, 3, 4], 2)
    i, j, k = rng.integers(n, size=3)
    return f"{a}*x[{i}]*x[{j}] + {b}*x[{k}]"


# 10.3


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
    stops = end if ends else np.zeros_like(end)
    returns = _as_tensor(_returns(rewards, stops, gamma, float if floats else int), log_prob)
    scored = log_prob.sum(dim=1) if whole_actions else log_prob.mean(dim=1)
    terms = scored * returns
    return -terms.sum() / int(end.sum()) if per_episode else -terms.mean()


def _returns(rewards: Ints, stops: Flags, gamma: float, dtype: type = float) -> Floats:
    """Return the returns [B]; an array of integers cuts the decimals off at every step."""
    G: Any = np.zeros(len(rewards) + 1, dtype)
    for t in reversed(range(len(rewards))):
        G[t] = rewards[t] + (0 if stops[t] else gamma * G[t + 1])
    returns: Floats = G[:-1].astype(float)
    return returns


def _as_tensor(weights: Floats, log_prob: Tensor) -> Tensor:
    return torch.as_tensor(weights.copy(), dtype=log_prob.dtype)


def _weighted(log_prob: Tensor, weights: Floats, end: Flags) -> Tensor:
    """Return the loss that is right but for its weights, one for each step."""
    return -(log_prob.sum(dim=1) * _as_tensor(weights, log_prob)).sum() / int(end.sum())


def _lengths(end: Flags) -> Ints:
    """Return for each step the number of steps of its episode."""
    lengths = np.diff(np.flatnonzero(end), prepend=-1)
    return np.repeat(lengths, lengths)


def _time(end: Flags) -> Ints:
    """Return the number of each step within its episode, from 0."""
    lengths = np.diff(np.flatnonzero(end), prepend=-1)
    return np.concatenate([np.arange(length) for length in lengths])


def _key(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    return _loss(log_prob, rewards, end, gamma)


def _bug(**switches: bool) -> Callable[..., Tensor]:
    return lambda log_prob, rewards, end, gamma: _loss(log_prob, rewards, end, gamma, **switches)


def _detached(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    return _key(log_prob, rewards, end, gamma).detach()


def _with_sign_reversed(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    return -_key(log_prob, rewards, end, gamma)


def _summed(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    return _key(log_prob, rewards, end, gamma) * int(end.sum())


def _with_gamma_t(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    weights = gamma ** _time(end) * _returns(rewards, end, gamma)
    return _weighted(log_prob, weights, end)


def _mean_of_each_episode(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    return _weighted(log_prob, _returns(rewards, end, gamma) / _lengths(end), end)


def _cut_at_last(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    return _weighted(log_prob, np.trunc(_returns(rewards, end, gamma)), end)


def _standardized(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    G = _returns(rewards, end, gamma)
    return _weighted(log_prob, (G - G.mean()) / (G.std() + 1e-8), end)


def _divided_by_deviation(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    G = _returns(rewards, end, gamma)
    return _weighted(log_prob, G / (G.std() + 1e-8), end)


def _minus_others(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    t, G = _time(end), _returns(rewards, end, gamma)
    others = np.bincount(t, weights=G)[t] - G
    return _weighted(log_prob, G - others / max(1, int(end.sum()) - 1), end)


def _minus_mean(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    G = _returns(rewards, end, gamma)
    return _weighted(log_prob, G - G.mean(), end)


def _whole_return(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    first = _returns(rewards, end, gamma)[_time(end) == 0]
    return _weighted(log_prob, first[np.cumsum(end) - end], end)


def _rewards_alone(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    return _weighted(log_prob, rewards.astype(float), end)


def _forwards(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    seen = np.zeros(len(rewards))
    for t, new in enumerate(_time(end) == 0):
        seen[t] = rewards[t] + (0 if new else gamma * seen[t - 1])
    return _weighted(log_prob, seen, end)


def _last_reward_lost(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    return _weighted(log_prob, _returns(np.where(end, 0, rewards), end, gamma), end)


def _reset_too_late(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    """Return the loss if the sum is set back after the last step of an episode has been added."""
    late = np.append(end[1:], True)
    return _weighted(log_prob, _returns(rewards, late, gamma), end)


def _table(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    G = _as_tensor(_returns(rewards, end, gamma), log_prob)
    return -(log_prob.sum(dim=1, keepdim=True) * G).sum() / int(end.sum())


def _mean_of_table(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    G = _as_tensor(_returns(rewards, end, gamma), log_prob)
    return -(log_prob.sum(dim=1, keepdim=True) * G).mean()


def _one_for_each_step(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    return -log_prob.sum(dim=1) * _as_tensor(_returns(rewards, end, gamma), log_prob)


def _one_for_each_dimension(log_prob: Tensor, rewards: Ints, end: Flags, gamma: float) -> Tensor:
    G = _as_tensor(_returns(rewards, end, gamma), log_prob)
    return -(log_prob * G[:, None]).sum(dim=0) / int(end.sum())


def _given(log_prob: list[list[float]], rewards: list[int], end: Flags, gamma: float) -> Case:
    return torch.tensor(log_prob, requires_grad=True), np.array(rewards), end, gamma


def _random_batch(rng: np.random.Generator) -> Case:
    """Draw whole episodes; all numbers are exact in binary, so float32 loses nothing."""
    lengths = rng.integers(1, 4, size=rng.integers(2, 4))
    end = np.concatenate([np.arange(length) == length - 1 for length in lengths])
    shape = (len(end), int(rng.integers(2, 4)))
    log_prob = rng.choice([-2.5, -2.0, -1.5, -1.0, -0.75, -0.5, -0.25, 0.5], shape)
    rewards = rng.choice([-3, -2, -1, 1, 2, 3, 5], len(end))
    gamma = float(rng.choice([0.25, 0.5, 0.75]))
    return torch.tensor(log_prob, dtype=torch.float32, requires_grad=True), rewards, end, gamma


def _long_batch() -> Case:
    """Return an episode of 1300 steps and one of two; half to the 1300th is 0 in float64."""
    t = np.arange(1302)
    log_prob = torch.tensor(np.stack([-0.5 - t % 3, -1.0 - t % 2], axis=1), dtype=torch.float32)
    end = (t == 1299) | (t == 1301)
    return log_prob.requires_grad_(), 1 + t % 4, end, 0.5


BUGS = {
    "ends": (
        "the returns run on into the next episode",
        "02 Several episodes in one array",
    ),
    "floats": (
        "the returns are cut to whole numbers",
        "02 Integer rewards",
    ),
    "whole_actions": (
        "the log-probability of an action is the sum over its dimensions, and not their mean",
        "04 Two mistakes that no shape shows",
    ),
    "per_episode": (
        "the sum is divided by the number of steps, which depends on the actions",
        "deeper/10 What the sum is divided by",
    ),
}


def _with_bugs_left() -> list[Misconception]:
    """Return a misconception for every choice of one, two or three of the four bugs."""
    found = []
    for n, count in ((1, "One bug is"), (2, "Two bugs are"), (3, "Three bugs are")):
        for left in combinations(BUGS, n):
            names = "; ".join(BUGS[bug][0] for bug in left)
            answer = _bug(**dict.fromkeys(left, False))
            found.append(Misconception(f"{count} left: {names}.", answer, page=BUGS[left[0]][1]))
    return found


EXERCISES = [
    Exercise(
        "10.1",
        key=11 / 16,
        points=2,
        decimals=3,
        misconceptions=[
            Misconception(
                "That is the true share. But the report is a race, and a success is over sooner "
                "than the failures that began with it.",
                1 / 2,
                page="07 Which episodes count?",
            ),
            Misconception(
                "Not every report is full of successes: in one of eight all three copies begin "
                "with a failure.",
                1.0,
                page="10 Room 6: measurement",
            ),
            Misconception(
                "That is how often the first episode to end is a success. The second and the third "
                "are successes less often.",
                7 / 8,
                page="10 Room 6: measurement",
            ),
            Misconception(
                "That is for two copies and two episodes. With three, successes win still more "
                "often.",
                5 / 8,
                page="07 Which episodes count?",
            ),
            Misconception(
                "That is for eight copies and eight episodes, as in notebook 07. Here there are "
                "three of each.",
                1 - 12870 / 65536,
                page="07 Which episodes count?",
            ),
            Misconception(
                "That is the mean number of successes in the report. The share is a third of it.",
                33 / 16,
                page="10 Room 6: measurement",
            ),
            Misconception(
                "That is the share of failures; the exercise asks for that of successes.",
                5 / 16,
                page="10 Room 6: measurement",
            ),
            Misconception(
                "That counts the reports with one or two successes only. Half of all reports have "
                "three.",
                3 / 16,
                page="10 Room 6: measurement",
            ),
            Misconception(
                "That counts the successes of the first two steps. A copy that has succeeded "
                "twice may do so a third time.",
                21 / 32,
                page="10 Room 6: measurement",
            ),
            Misconception(
                "One success may come before the first failure, the second or the third, so it "
                "has three places, and two successes have six. Every order counts.",
                79 / 96,
                page="07 Which episodes count?",
            ),
            Misconception(
                "A success takes a tenth of the time, but there are not ten of them for each "
                "failure: every new episode is a failure with probability 1/2.",
                10 / 11,
                page="07 Which episodes count?",
            ),
            Misconception(
                "That is the share of the steps that are spent on successes. Count episodes.",
                1 / 11,
                page="09 Which number do you mean?",
            ),
            Misconception(
                "That is a percentage. Give the share as a fraction, between 0 and 1.",
                68.75,
                page="10 Room 6: measurement",
            ),
        ],
    ),
    Exercise(
        "10.2",
        key=_asymmetry,
        points=2,
        cases=[
            (
                Field("x[0]**2 + x[1]*x[2]", "3*x[0]*x[2]", "x[0]*x[1]**2"),
                np.array([-1.5, 3.0, -0.4]),
            ),
            (Field("-2*x[0] + x[1]", "x[0] - 4*x[1]"), np.array([0.3, -0.2])),
            (Field("x[1]", "-2*x[0]"), np.array([0.3, -0.2])),
            (Field("x[0]**2 + 3*x[0]"), np.array([2.0])),
            (
                Field("x[1] + 2*x[3]", "x[2]*x[0]", "x[1]*x[3]", "x[0]**2 - x[1]"),
                np.array([1.0, -0.5, 3.0, 2.0]),
            ),
        ],
        random=_random_field,
        extremes=[
            Extreme(
                (Field("sin(10*x[1])", "x[0]"), np.array([0.3, 0.2])),
                "The nudge is too large: where a field bends, the slope between two points far "
                "apart is not the one at x. Take h = 1e-5.",
                page="10 Room 4: wrong objective",
            )
        ],
        tolerance=1e-3,
        misconceptions=[
            Misconception(
                "That is the largest slope itself. Subtract from the matrix its transpose first.",
                _largest_slope,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is twice as much: from one nudged point to the other it is 2 h.",
                lambda field, x: 2 * _asymmetry(field, x),
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is half of it, as with (J - Jᵀ) / 2, or with the distance h divided by 2 h.",
                lambda field, x: _asymmetry(field, x) / 2,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is the difference for nudges of 1e-5. For a slope, divide by the distance "
                "of the two points.",
                _undivided,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "This is 0 for every field. If all coordinates are nudged at once, there is a "
                "single row of n numbers, and that is its own transpose.",
                _all_nudged_at_once,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is the sum of all differences; the exercise asks for the largest.",
                lambda field, x: abs(_differences(field, x)).sum(),
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is the sum over all pairs; the exercise asks for the pair with the largest "
                "difference.",
                lambda field, x: abs(_differences(field, x)).sum() / 2,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is the mean of all differences; the exercise asks for the largest.",
                lambda field, x: abs(_differences(field, x)).mean(),
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is the root of the sum of all squared differences; the exercise asks for "
                "the largest difference.",
                lambda field, x: np.linalg.norm(_differences(field, x)),
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "The transpose was added. For a gradient the two are equal, and it is their "
                "difference that vanishes.",
                _of_the_sum,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "This looks at the first two coordinates only. Every pair counts.",
                _of_the_first_two,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "Each pair is looked at in one order, and where its difference is negative, it is "
                "lost. Take absolute values first.",
                _above_the_diagonal,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "Each pair is looked at once, and where its difference is negative, it is lost. "
                "Take absolute values first.",
                _below_the_diagonal,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is the largest slope minus the smallest. Compare each slope with the one on "
                "the other side of the diagonal.",
                _spread_of_slopes,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is a yes or no: is it a gradient? The exercise asks how large the largest "
                "difference is.",
                lambda field, x: _asymmetry(field, x) < 1e-6,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is a yes or no: is it not a gradient? The exercise asks how large the "
                "largest difference is.",
                lambda field, x: _asymmetry(field, x) > 1e-6,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is the whole matrix of differences; the exercise asks for the largest one.",
                lambda field, x: abs(_differences(field, x)),
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is the matrix of differences with their signs; the exercise asks for the "
                "largest absolute value in it.",
                _differences,
                page="10 Room 4: wrong objective",
            ),
            Misconception(
                "That is the matrix of slopes. Subtract its transpose, and take the largest "
                "absolute value.",
                _jacobian,
                page="10 Room 4: wrong objective",
            ),
        ],
    ),
    Exercise(
        "10.3",
        key=_key,
        points=3,
        observe=loss_and_gradient,
        cases=[
            _given([[-0.5, -2.0], [-1.5, 0.25], [-0.75, -3.0]], [2, -1, 5], flags(1, 0, 1), 0.75),
            _given([[-1.0], [-2.0], [-4.0], [-8.0]], [1, 2, 5, -3], flags(0, 0, 1, 1), 0.75),
            _given([[-0.5, -1.5]], [3], flags(1), 0.5),
            _given([[-0.5, -1.0], [-2.0, 0.5], [-1.5, -3.0]], [3, -2, 4], flags(1, 0, 1), 1.0),
        ],
        random=_random_batch,
        extremes=[
            Extreme(
                _long_batch(),
                "In a long episode the powers of gamma become 0, and nothing may be divided by "
                "them. Come from behind, one step at a time.",
                page="02 The elegant one-liner",
            )
        ],
        misconceptions=[
            Misconception(
                "That is still the suspect, with all four bugs.",
                _bug(**dict.fromkeys(BUGS, False)),
                page="10 Room 1: biased",
            ),
            *_with_bugs_left(),
            Misconception(
                "The number is right, but the loss has no gradient, so nothing is learned. Keep "
                "to torch from log_prob to the end, without .item(), .detach() or NumPy.",
                _detached,
                page="01 The loss is not a loss",
            ),
            Misconception(
                "The minus sign is missing: the optimizer minimizes, and we want more reward.",
                _with_sign_reversed,
                page="01 The loss is not a loss",
            ),
            Misconception(
                "The sum over all steps is not divided by anything. Divide it by the number of "
                "episodes.",
                _summed,
                page="deeper/10 What the sum is divided by",
            ),
            Misconception(
                "That is the mean over the steps of each episode, and then over episodes. Within "
                "an episode it is a sum: its length depends on the actions.",
                _mean_of_each_episode,
                page="deeper/10 What the sum is divided by",
            ),
            Misconception(
                "A factor γ^t has come in. It was missing in the suspect, and is to stay missing "
                "here.",
                _with_gamma_t,
                page="03 Where $\\gamma^t$ belongs",
            ),
            Misconception(
                "The mean of all returns is subtracted. That is a baseline, and none was asked "
                "for; this one is biased, too, since lengths depend on the actions.",
                _minus_mean,
                page="deeper/10 What is subtracted, and what it is divided by",
            ),
            Misconception(
                "The returns are standardized. That brings in a baseline and another scale, and "
                "neither was asked for.",
                _standardized,
                page="deeper/10 What is subtracted, and what it is divided by",
            ),
            Misconception(
                "The returns are divided by their standard deviation. That is another scale in "
                "every batch, and it was not asked for.",
                _divided_by_deviation,
                page="deeper/10 What is subtracted, and what it is divided by",
            ),
            Misconception(
                "The mean of the other episodes is subtracted. For γ = 1 that is unbiased as "
                "well, but here no baseline is to be added.",
                _minus_others,
                page="11 Compared with the others",
            ),
            Misconception(
                "The returns are right at first, and then cut to whole numbers. Keep them floats.",
                _cut_at_last,
                page="02 Integer rewards",
            ),
            Misconception(
                "Each step is weighted by the return of its whole episode. For γ = 1 that is "
                "unbiased as well, but the suspect counts from each step on, and so should you.",
                _whole_return,
                page="03 The past drops out: reward-to-go",
            ),
            Misconception(
                "Each step is weighted by its own reward alone. What comes later in its episode "
                "belongs to it as well.",
                _rewards_alone,
                page="02 The discount factor: how far does an action hear?",
            ),
            Misconception(
                "The rewards are added up from the front. A return adds up what is still to come.",
                _forwards,
                page="02 Backwards",
            ),
            Misconception(
                "The sum begins again one row off: the return of an episode's last step runs on "
                "into the next episode, and the one before it stops too early.",
                _reset_too_late,
                page="02 Several episodes in one array",
            ),
            Misconception(
                "The reward of an episode's last step is lost. The flag cuts off what comes after "
                "this step, and not what the step itself is paid.",
                _last_reward_lost,
                page="02 Several episodes in one array",
            ),
            Misconception(
                "Two things. Every return weighs every action, as a column [B, 1] times a row [B] "
                "is a table; and the mean over it divides by the square of the number of steps.",
                _mean_of_table,
                page="04 A column of returns",
            ),
            Misconception(
                "Every return weighs every action: a column [B, 1] times a row [B] is a table.",
                _table,
                page="04 A column of returns",
            ),
            Misconception(
                "That is one number for each step. Add them up, and divide by the number of "
                "episodes.",
                _one_for_each_step,
                page="deeper/10 What the sum is divided by",
            ),
            Misconception(
                "That is one number for each action dimension. Add them up: the loss is a single "
                "number.",
                _one_for_each_dimension,
                page="04 One number for each decision",
            ),
        ],
    ),
]
