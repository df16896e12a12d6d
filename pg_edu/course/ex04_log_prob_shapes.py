"""The exercises of notebook 04, shapes of log-probabilities: answers, cases, and known mistakes."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent

from pg_edu.course.outcomes import loss_and_gradient
from pg_edu.course.records import Case, Exercise, Extreme, Misconception
from pg_edu.types import Floats

# 04.1: six shapes

_RIGHT_SHAPES = [[5], [5, 5], [5, 3], [5], [5, 5], [5]]

# Line, wrong shape, and why; each sentence is true whatever the other lines say.
_WRONG_SHAPES: list[tuple[int, list[int], str]] = [
    (1, [5, 3], "logits [5, 3] are five distributions; the three belong to their actions."),
    (2, [5], "torch does not drop the last axis of [5, 1]; the column meets batch_shape [5]."),
    (2, [5, 1], "the result need not have the shape of the actions: torch stretches them, too."),
    (2, [5, 3], "the 3 of the logits is not in the batch_shape, which is [5]."),
    (3, [5], "a Normal has one log-probability for each number; only Independent sums them."),
    (4, [5, 3], "Independent(..., 1) sums over the last axis."),
    (4, [5, 1], "Independent(..., 1) sums over the last axis and leaves nothing of it."),
    (4, [3], "Independent(..., 1) sums over the last axis, and the batch is the first."),
    (5, [5], "torch lines shapes up at their right ends, so a row [5] meets a column [5, 1]."),
    (5, [5, 1], "torch stretches the distributions, too: a row [5] meets a column [5, 1]."),
    (6, [5, 5], "Independent(..., 1) sums over the last axis, and one axis remains."),
    (
        6,
        [5, 1],
        "Independent(..., 1) sums over the last axis and leaves nothing of it, not even 1.",
    ),
    (6, [], "Independent(..., 1) sums over the last axis alone; one number a row remains."),
]


def _with_shapes(*wrong: tuple[int, list[int], str]) -> list[list[int]]:
    """Return the six shapes with some lines replaced by wrong ones."""
    shapes = list(_RIGHT_SHAPES)
    for line, shape, _ in wrong:
        shapes[line - 1] = shape
    return shapes


_SHAPES_WITH_A_REASON = [
    Misconception(
        "These are the shapes you would want, but in lines 2 and 5 torch broadcasts.",
        [[5], [5], [5, 3], [5], [5], [5]],
        page="04 One number for each decision",
    ),
    Misconception(
        "Not every log-probability is [5]: a Normal does not sum, and in lines 2 and 5 torch "
        "broadcasts.",
        [[5], [5], [5], [5], [5], [5]],
        page="04 One number for each decision",
    ),
    Misconception(
        "Lines 3 and 4 are swapped: a Normal has one log-probability for each number, and "
        "Independent sums them.",
        [[5], [5, 5], [5], [5, 3], [5, 5], [5]],
        page="04 One number for each decision",
    ),
    Misconception(
        "In lines 2, 5 and 6 neither of the two shapes wins: torch stretches both, and "
        "Independent then sums over the last axis.",
        [[5], [5, 1], [5, 3], [5], [5, 1], [5, 1]],
        page="04 One number for each decision",
    ),
    Misconception(
        "These are the numbers of elements. A shape lists the length of each axis.",
        [5, 25, 15, 5, 25, 5],
        page="04 One number for each decision",
    ),
    Misconception(
        "There are six lines, and these are five shapes; so far they are right.",
        [[5], [5, 5], [5, 3], [5], [5, 5]],
        page="04 One number for each decision",
    ),
    Misconception(
        "The shape of an array with one axis is a list, too: write [5], not 5.",
        [5, [5, 5], [5, 3], 5, [5, 5], 5],
        page="04 One number for each decision",
    ),
]


def _one_line_wrong() -> list[Misconception]:
    return [
        Misconception(
            f"Line {wrong[0]}: {wrong[2]}",
            _with_shapes(wrong),
            page="04 One number for each decision",
        )
        for wrong in _WRONG_SHAPES
    ]


def _more_lines_wrong() -> list[Misconception]:
    """Return every answer with three wrong lines or more, and the reason for the first of them."""
    right = [(line, shape, "") for line, shape in enumerate(_RIGHT_SHAPES, start=1)]
    of_line = [[one, *(wrong for wrong in _WRONG_SHAPES if wrong[0] == one[0])] for one in right]
    own = [misconception.answer for misconception in _SHAPES_WITH_A_REASON]
    found = []
    for lines in product(*of_line):
        wrong = [line for line in lines if line[2]]
        if len(wrong) > 2 and _with_shapes(*wrong) not in own:
            numbers = [str(line) for line, _, _ in wrong]
            text = f"Lines {', '.join(numbers[:-1])} and {numbers[-1]} are wrong."
            answer, page = _with_shapes(*wrong), "04 One number for each decision"
            found.append(Misconception(f"{text} Line {numbers[0]}: {wrong[0][2]}", answer, page))
    return found


def _two_lines_wrong() -> list[Misconception]:
    """Return every pair of wrong lines, save the pairs that have a sentence of their own."""
    own = [misconception.answer for misconception in _SHAPES_WITH_A_REASON]
    return [
        Misconception(
            f"Two lines. Line {one[0]}: {one[2]} Line {other[0]}: {other[2]}",
            _with_shapes(one, other),
            page="04 One number for each decision",
        )
        for one, other in combinations(_WRONG_SHAPES, 2)
        if one[0] != other[0] and _with_shapes(one, other) not in own
    ]


# 04.2: a Gaussian

_LOG_ROOT_2_PI = 0.5 * np.log(2.0 * np.pi)


def _each_dimension(loc: Floats, scale: Floats, act: Floats) -> Floats:
    log_prob: Floats = -0.5 * ((act - loc) / scale) ** 2 - np.log(scale) - _LOG_ROOT_2_PI
    return log_prob


def _whole_action(loc: Floats, scale: Floats, act: Floats) -> Floats:
    log_prob: Floats = _each_dimension(loc, scale, act).sum(axis=1)
    return log_prob


def _summed(each: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Return a function that sums each(z, scale) over the dimensions; z = (act - loc) / scale."""

    def log_prob(loc: Floats, scale: Floats, act: Floats) -> Any:
        return each((act - loc) / scale, scale).sum(axis=1)

    return log_prob


def _constant_once(loc: Floats, scale: Floats, act: Floats) -> Any:
    each = -0.5 * ((act - loc) / scale) ** 2 - np.log(scale)
    return each.sum(axis=1) - _LOG_ROOT_2_PI


def _random_actions(rng: np.random.Generator) -> Case:
    rows, dimensions = rng.choice([(2, 3), (3, 2), (4, 2), (2, 4)])
    loc, act = np.round(rng.normal(0.0, 2.0, size=(2, rows, dimensions)), 1)
    return loc, rng.choice([0.4, 0.7, 1.5, 2.5], size=(rows, dimensions)), act


# 04.3: a weight


def _weight(k: int, gamma: float) -> float:
    return sum(gamma**i for i in range(k + 1))


def _without_discount(instead: Callable[[int], float]) -> Callable[..., float]:
    """Return a weight that is right for gamma < 1, and instead(k) for gamma = 1."""

    def weight(k: int, gamma: float) -> float:
        return instead(k) if gamma == 1.0 else _weight(k, gamma)

    return weight


def _random_reward(rng: np.random.Generator) -> Case:
    return int(rng.integers(0, 7)), float(rng.choice([0.1, 0.3, 0.4, 0.7, 0.8, 0.95]))


# 04.4: a loss


def _steps(logits: list[list[float]], act: list[int], returns: list[float]) -> Case:
    """Return logits [B, A] that require a gradient, and columns [B, 1] of actions and returns."""
    columns = torch.tensor(act)[:, None], torch.tensor(returns)[:, None]
    return torch.tensor(logits, requires_grad=True), *columns


def _random_steps(rng: np.random.Generator) -> Case:
    """Return two to four steps whose loss does not cancel: single precision must be enough."""
    while True:
        rows, actions = rng.choice([(2, 3), (3, 2), (4, 3), (3, 4)])
        logits = np.round(rng.uniform(-1.5, 1.5, size=(rows, actions)), 1)
        act = rng.integers(0, actions, size=rows)
        returns = rng.choice([-3.5, -1.5, -0.5, 2.0, 4.0, 6.0], size=rows)
        case = _steps(logits.tolist(), act.tolist(), returns.tolist())
        if abs(_loss(*case).item()) > 0.2:
            return case


def _loss(logits: Tensor, act: Tensor, returns: Tensor) -> Tensor:
    log_prob = logits.log_softmax(dim=1).gather(1, act)  # [B, 1], as the returns
    return -(log_prob * returns).mean()


def _scored(logits: Tensor, act: Tensor) -> Tensor:
    log_prob: Tensor = Categorical(logits=logits).log_prob(act)  # type: ignore[no-untyped-call]
    return log_prob


def _weighed(log_prob: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """Return the loss with another function of the logits for their log-probabilities, [B, A]."""

    def loss(logits: Tensor, act: Tensor, returns: Tensor) -> Tensor:
        return -(log_prob(logits).gather(1, act) * returns).mean()

    return loss


def _summed_over_the_batch() -> Iterator[Callable[..., Tensor]]:
    """Yield losses with Independent around the Categorical, columns squeezed or left."""

    def loss(logits: Tensor, act: Tensor, returns: Tensor) -> Tensor:
        dist = Independent(Categorical(logits=logits), 1)
        log_prob: Tensor = dist.log_prob(act)  # type: ignore[no-untyped-call]
        return -(log_prob * returns).mean()

    yield loss
    yield lambda logits, act, returns: loss(logits, act, returns[:, 0])
    yield lambda logits, act, returns: loss(logits, act[:, 0], returns)


# 04.5: signal over noise


def _signal_and_variance(estimates: Floats, probability: Floats) -> tuple[Floats, Floats]:
    """Return the expectation and the variance of each coordinate, both [A]."""
    mean: Floats = probability @ estimates
    return mean, probability @ (estimates - mean) ** 2


def _signal_to_noise(estimates: Floats, probability: Floats) -> float:
    mean, variance = _signal_and_variance(estimates, probability)
    return float(np.linalg.norm(mean) / np.sqrt(variance.sum()))


def _from_moments(ratio: Callable[[Floats, Floats], Any]) -> Callable[..., Any]:
    """Return a function of the expectation and the variances of the coordinates."""
    return lambda estimates, probability: ratio(*_signal_and_variance(estimates, probability))


def _of_equal_rows(estimates: Floats, probability: Floats) -> float:
    return _signal_to_noise(estimates, np.full(len(estimates), 1.0 / len(estimates)))


def _around_the_plain_mean(estimates: Floats, probability: Floats) -> Any:
    mean = estimates.mean(axis=0)
    return np.linalg.norm(mean) / np.sqrt(probability @ ((estimates - mean) ** 2).sum(axis=1))


def _not_centered(estimates: Floats, probability: Floats) -> Any:
    mean_square = probability @ (estimates**2).sum(axis=1)
    return np.linalg.norm(probability @ estimates) / np.sqrt(mean_square)


def _mean_length(estimates: Floats, probability: Floats) -> Any:
    _, variance = _signal_and_variance(estimates, probability)
    return probability @ np.linalg.norm(estimates, axis=1) / np.sqrt(variance.sum())


def _mean_distance(estimates: Floats, probability: Floats) -> Any:
    mean, _ = _signal_and_variance(estimates, probability)
    return np.linalg.norm(mean) / (probability @ np.linalg.norm(estimates - mean, axis=1))


def _spread_of_lengths(estimates: Floats, probability: Floats) -> Any:
    lengths = np.linalg.norm(estimates, axis=1)
    spread = np.sqrt(probability @ (lengths - probability @ lengths) ** 2)
    return np.linalg.norm(probability @ estimates) / spread


def _random_estimates(rng: np.random.Generator) -> Case:
    shape = rng.choice([(3, 2), (4, 3), (5, 2), (3, 4)])
    weights = rng.permutation(np.arange(1.0, shape[0] + 1.0))
    return np.round(rng.normal(0.8, 2.0, size=shape), 1), weights / weights.sum()


# 04.6: what the guard compares

Shapes = Sequence[Sequence[int]]


def _result(shapes: Shapes) -> int:
    return math.prod(np.broadcast_shapes(*map(tuple, shapes)))


def _sizes(shapes: Shapes) -> list[int]:
    return [math.prod(shape) for shape in shapes]


def _growth(shapes: Shapes) -> float:
    return _result(shapes) / max(_sizes(shapes))


def _over(size: Callable[[list[int]], float]) -> Callable[..., float]:
    """Return the elements of the result, divided by a function of those of the operands."""
    return lambda shapes: _result(shapes) / size(_sizes(shapes))


def _over_the_one_with_most_axes(shapes: Shapes) -> float:
    axes = [len(shape) for shape in shapes]
    return _result(shapes) / _sizes(shapes)[axes.index(max(axes))]


def _all_combinations(shapes: Shapes) -> float:
    return math.prod(_sizes(shapes)) / max(_sizes(shapes))


def _aligned_at_the_left(shapes: Shapes) -> float:
    """Return the growth if missing axes were added at the right; 0 if the shapes did not fit."""
    most = max(map(len, shapes))
    padded = [[*shape, *[1] * (most - len(shape))] for shape in shapes]
    try:
        return _growth(padded)
    except ValueError:
        return 0.0


def _random_shapes(rng: np.random.Generator) -> Case:
    """Return two or three shapes that fit together; their axes are shortened or left out."""
    full = rng.integers(2, 6, size=3)
    shapes = []
    for _ in range(rng.integers(2, 4)):
        shape = np.where(rng.random(3) < 0.5, 1, full)
        shapes.append(shape[rng.integers(0, 3) :].tolist())
    return (shapes,)


EXERCISES = [
    Exercise(
        "04.1",
        key=_RIGHT_SHAPES,
        points=2,
        misconceptions=[
            *_SHAPES_WITH_A_REASON,
            *_one_line_wrong(),
            *_two_lines_wrong(),
            *_more_lines_wrong(),
        ],
    ),
    Exercise(
        "04.2",
        key=_whole_action,
        points=1,
        cases=[
            (
                np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.6]]),
                np.array([[0.5, 2.0, 3.0], [0.8, 1.5, 0.4]]),
                np.array([[1.2, 0.7, -2.5], [-0.4, 1.8, 0.5]]),
            ),
            (
                np.array([[0.4], [-1.5], [2.0]]),
                np.full((3, 1), 0.5),
                np.array([[1.3], [0.2], [2.0]]),
            ),
            (np.array([[1.0, -1.0]]), np.array([[0.5, 3.0]]), np.array([[0.0, 2.0]])),
            (np.zeros((2, 4)), np.ones((2, 4)), np.arange(8.0).reshape(2, 4)),
        ],
        random=_random_actions,
        extremes=[
            Extreme(
                (np.array([[0.0, 1.0]]), np.array([[0.5, 2.0]]), np.array([[60.0, -90.0]])),
                "Right, but not far from the mean. There the density underflows to 0, and its "
                "logarithm is minus infinity. Do not go by the density, and cut nothing off: add "
                "logarithms.",
                page="10 Room 5: numerical",
            ),
            Extreme(
                (np.zeros((2, 150)), np.full((2, 150), 0.001), np.full((2, 150), 0.0005)),
                "With many dimensions the product of the densities overflows. Do not multiply "
                "them: add their logarithms.",
                page="10 Room 5: numerical",
            ),
        ],
        misconceptions=[
            Misconception(
                "That is one number for each dimension: the sum over the last axis is missing.",
                _each_dimension,
                page="04 One number for each decision",
            ),
            Misconception(
                "That is the mean over the dimensions; the logarithm of a product is a sum.",
                lambda loc, scale, act: _each_dimension(loc, scale, act).mean(axis=1),
                page="04 Two mistakes that no shape shows",
            ),
            Misconception(
                "The sum is over axis 0, the batch; it must be over the dimensions of an action.",
                lambda loc, scale, act: _each_dimension(loc, scale, act).sum(axis=0),
                page="04 One number for each decision",
            ),
            Misconception(
                "That is one number for the whole batch: sum over the dimensions alone.",
                lambda loc, scale, act: _each_dimension(loc, scale, act).sum(),
                page="04 One number for each decision",
            ),
            Misconception(
                "The log-probabilities of the dimensions are multiplied. The densities are "
                "multiplied, so their logarithms are added.",
                lambda loc, scale, act: _each_dimension(loc, scale, act).prod(axis=1),
                page="04 One number for each decision",
            ),
            Misconception(
                "That is the density itself: the logarithm is missing.",
                lambda loc, scale, act: np.exp(_whole_action(loc, scale, act)),
                page="04 One number for each decision",
            ),
            Misconception(
                "The densities of the dimensions are added before the logarithm; the density of "
                "the whole action is their product.",
                lambda loc, scale, act: np.log(
                    np.exp(_each_dimension(loc, scale, act)).sum(axis=1)
                ),
                page="04 One number for each decision",
            ),
            Misconception(
                "The scale is taken for the variance, but it is the standard deviation.",
                _summed(lambda z, s: -0.5 * z**2 * s - 0.5 * np.log(s) - _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "The squared distance is divided by σ, but it must be divided by σ².",
                _summed(lambda z, s: -0.5 * z**2 * s - np.log(s) - _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "This has -½ log σ, or -log of the square root of σ. It must be -log σ.",
                _summed(lambda z, s: -0.5 * z**2 - 0.5 * np.log(s) - _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "This has -2 log σ, or -log σ². It must be -log σ.",
                _summed(lambda z, s: -0.5 * z**2 - 2.0 * np.log(s) - _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "The distance is divided by σ² before it is squared: divide it by σ.",
                _summed(lambda z, s: -0.5 * (z / s) ** 2 - np.log(s) - _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "That is the exponent alone: the terms -log σ and -½ log 2π are missing.",
                _summed(lambda z, s: -0.5 * z**2),
                page="04 One number for each decision",
            ),
            Misconception(
                "The distance is not divided by σ: take the square of (a - μ) / σ.",
                _summed(lambda z, s: -0.5 * (z * s) ** 2 - np.log(s) - _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "The term -log σ is missing: the wider a Gaussian, the lower its density.",
                _summed(lambda z, s: -0.5 * z**2 - _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "The term log σ has the wrong sign: the wider a Gaussian, the lower its density.",
                _summed(lambda z, s: -0.5 * z**2 + np.log(s) - _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "The term -½ log 2π is missing, once for each dimension.",
                _summed(lambda z, s: -0.5 * z**2 - np.log(s)),
                page="04 One number for each decision",
            ),
            Misconception(
                "The term -½ log 2π is there once, but each dimension has one of its own.",
                _constant_once,
                page="04 One number for each decision",
            ),
            Misconception(
                "This has -log 2π. It must be half of that for each dimension: the density has the "
                "square root of 2π.",
                _summed(lambda z, s: -0.5 * z**2 - np.log(s) - 2.0 * _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "The term ½ log 2π has the wrong sign.",
                _summed(lambda z, s: -0.5 * z**2 - np.log(s) + _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "This has -½ (log 2) π. The logarithm must be taken of 2π.",
                _summed(lambda z, s: -0.5 * z**2 - np.log(s) - 0.5 * np.log(2.0) * np.pi),
                page="04 One number for each decision",
            ),
            Misconception(
                "The factor ½ before the squared distance is missing.",
                _summed(lambda z, s: -(z**2) - np.log(s) - _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "The squared distance has the wrong sign, as if actions far from the mean were the "
                "likely ones.",
                _summed(lambda z, s: 0.5 * z**2 - np.log(s) - _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "The distance (a - μ) / σ is not squared.",
                _summed(lambda z, s: -0.5 * z - np.log(s) - _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
            Misconception(
                "The factor -½ is squared as well, so the sign is lost: square the distance alone.",
                _summed(lambda z, s: (-0.5 * z) ** 2 - np.log(s) - _LOG_ROOT_2_PI),
                page="04 One number for each decision",
            ),
        ],
    ),
    Exercise(
        "04.3",
        key=_weight,
        points=1,
        cases=[(3, 0.6), (0, 0.7), (1, 0.2), (4, 1.0), (2, 0.0), (0, 1.0), (12, 0.9), (4, 0.995)],
        random=_random_reward,
        misconceptions=[
            Misconception(
                "That is its weight in G_0 alone; the reward is in G_0 to G_k.",
                lambda k, gamma: gamma**k,
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "The last power is missing: from G_k back to G_0 there are k + 1 returns.",
                lambda k, gamma: _weight(k - 1, gamma),
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "One power is too many: from G_k back to G_0 there are k + 1 returns.",
                lambda k, gamma: _weight(k + 1, gamma),
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "The 1 is missing: in G_k the reward is not discounted at all.",
                lambda k, gamma: _weight(k, gamma) - 1.0,
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "Every power is one too high: in G_k the reward is not discounted at all.",
                lambda k, gamma: gamma * _weight(k, gamma),
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "That counts the returns that hold the reward, but does not discount it.",
                lambda k, gamma: k + 1.0,
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "The reward is in k + 1 returns, but only in G_0 is it discounted by γ^k.",
                lambda k, gamma: (k + 1) * gamma**k,
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "The reward is discounted by the same γ in every return before G_k; two steps back "
                "it must be γ².",
                lambda k, gamma: 1.0 + k * gamma,
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "That is the mean of the k + 1 powers; the task asks for their sum.",
                lambda k, gamma: _weight(k, gamma) / (k + 1),
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "These are the weights in the single returns; the task asks for their sum.",
                lambda k, gamma: [gamma**i for i in range(k + 1)],
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "That is 1 - γ^(k + 1), the numerator of the closed form: divide it by 1 - γ.",
                lambda k, gamma: 1.0 - gamma ** (k + 1),
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "Right for γ < 1. For γ = 1 the powers are k + 1 ones, not k.",
                _without_discount(lambda k: float(k)),
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "Right for γ < 1. For γ = 1 every one of the k + 1 returns counts, not one alone.",
                _without_discount(lambda k: 1.0),
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "Right for γ < 1. For γ = 1 the weight is not 0: all k + 1 powers are 1.",
                _without_discount(lambda k: 0.0),
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "Right for γ < 1. For γ = 1 the closed form is 0 divided by 0, which is NaN.",
                _without_discount(lambda k: float("nan")),
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "Right for γ = 1. For γ < 1 the last power is missing: the closed form has "
                "γ^(k + 1) in it, not γ^k.",
                lambda k, gamma: k + 1.0 if gamma == 1.0 else _weight(k - 1, gamma),
                page="deeper/04 What it learns from longer episodes",
            ),
            Misconception(
                "Wrong for γ = 0 alone: γ⁰ is 1, also for γ = 0, so r_k still counts in G_k.",
                lambda k, gamma: _weight(k, gamma) if gamma > 0.0 else 0.0,
                page="deeper/04 What it learns from longer episodes",
            ),
        ],
    ),
    Exercise(
        "04.4",
        key=_loss,
        points=2,
        observe=loss_and_gradient,
        tolerance=1e-4,  # The tensors have single precision.
        cases=[
            _steps([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]], [2, 0], [4.0, -1.5]),
            _steps([[0.4, 1.1], [2.0, -0.6], [0.5, 0.9]], [0, 1, 1], [2.5, 3.0, -4.0]),
            _steps([[0.2, 1.0, -1.3]], [2], [3.0]),
            _steps([[0.7, -0.2], [-0.7, 0.6]], [1, 1], [3.0, 5.0]),
        ],
        random=_random_steps,
        extremes=[
            Extreme(
                _steps([[150.0, 0.0, -20.0], [-40.0, 90.0, 0.5]], [1, 0], [2.0, 3.0]),
                "Here a probability underflows to 0, and its logarithm is lost. Go by the logits: "
                "Categorical(logits=...) or log_softmax.",
                page="10 Room 5: numerical",
            )
        ],
        misconceptions=[
            Misconception(
                "That is the original loss with its bug: every action is scored in every state.",
                lambda logits, act, returns: -(_scored(logits, act) * returns).mean(),
                page="04 A column of actions",
            ),
            Misconception(
                "This is the mean of the log-probabilities times the mean of the returns: [B] met "
                "[B, 1], and that is a table of all pairs.",
                lambda logits, act, returns: -(_scored(logits, act[:, 0]) * returns).mean(),
                page="04 A column of returns",
            ),
            *(
                Misconception(
                    "Log-probabilities are summed over the batch, as by Independent. It is for "
                    "vectors of numbers; in a batch of a Categorical's actions nothing is summed.",
                    loss,
                    page="04 A column of log-probabilities",
                )
                for loss in _summed_over_the_batch()
            ),
            Misconception(
                "Every action is still scored in every state, and weighed by the return of that "
                "state's own step.",
                lambda logits, act, returns: -(_scored(logits, act) * returns[:, 0]).mean(),
                page="04 A column of actions",
            ),
            Misconception(
                "The minus sign is missing: the optimizer minimizes, and we want to maximize.",
                lambda logits, act, returns: -_loss(logits, act, returns),
                page="04 One number for each decision",
            ),
            Misconception(
                "That is the sum over the batch, not the mean.",
                lambda logits, act, returns: len(act) * _loss(logits, act, returns),
                page="04 One number for each decision",
            ),
            Misconception(
                "That is one loss for each step: the mean over the batch is missing.",
                lambda logits, act, returns: -_scored(logits, act[:, 0]) * returns[:, 0],
                page="04 One number for each decision",
            ),
            Misconception(
                "The loss is right, but it is cut off from the logits, so nothing can be learned "
                "from it: .item(), .detach(), numpy and a new tensor do that.",
                lambda logits, act, returns: _loss(logits, act, returns).detach(),
                page="01 The loss is not a loss",
            ),
            Misconception(
                "The mean return is subtracted as a baseline; the task asks for the loss without "
                "one.",
                lambda logits, act, returns: _loss(logits, act, returns - returns.mean()),
                page="deeper/04 What it learns from episodes of one step",
            ),
            Misconception(
                "The returns are not used: every action gets the same weight.",
                lambda logits, act, returns: -_scored(logits, act[:, 0]).mean(),
                page="04 One number for each decision",
            ),
            Misconception(
                "The returns weigh the probabilities of the actions; the loss needs their "
                "logarithms.",
                _weighed(lambda logits: logits.softmax(dim=1)),
                page="04 One number for each decision",
            ),
            Misconception(
                "The returns weigh the logits; a log-probability is a logit minus the "
                "log-sum-exp of its row.",
                _weighed(lambda logits: logits),
                page="04 One number for each decision",
            ),
            Misconception(
                "The softmax is taken over the batch, axis 0; it must be over the actions.",
                _weighed(lambda logits: logits.log_softmax(dim=0)),
                page="04 One number for each decision",
            ),
            Misconception(
                "There are two softmaxes: probabilities are taken for logits.",
                _weighed(lambda logits: logits.softmax(dim=1).log_softmax(dim=1)),
                page="04 Two mistakes that no shape shows",
            ),
            Misconception(
                "All actions of a state are weighed by the return, not only the one that was "
                "taken.",
                lambda logits, act, returns: -(logits.log_softmax(dim=1) * returns).mean(),
                page="04 One number for each decision",
            ),
        ],
    ),
    Exercise(
        "04.5",
        key=_signal_to_noise,
        points=2,
        cases=[
            (np.array([[2.0, -1.0], [0.0, 3.0], [1.0, 1.0]]), np.array([0.5, 0.3, 0.2])),
            (np.array([[1.0, 0.5, 2.0], [0.0, -1.0, 5.0]]), np.array([0.25, 0.75])),
            (np.array([[-3.0], [1.0], [2.0], [-1.0]]), np.array([0.4, 0.3, 0.2, 0.1])),
            (np.array([[1.0, -2.0], [-1.0, 2.0]]), np.array([0.5, 0.5])),
        ],
        random=_random_estimates,
        extremes=[
            Extreme(
                (1e8 + np.array([[0.0, 1.0], [1.0, -2.0], [-1.0, 1.0]]), np.array([0.5, 0.3, 0.2])),
                "Right, but not where the noise is small against the signal. The difference of two "
                "large squares loses its digits: subtract the mean from each estimate first, and "
                "square then.",
                page="10 Room 5: numerical",
            )
        ],
        misconceptions=[
            Misconception(
                "The signal is divided by the variance; the noise is its root, the standard "
                "deviation.",
                _from_moments(lambda mean, var: np.linalg.norm(mean) / var.sum()),
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "This is noise over signal, upside down.",
                _from_moments(
                    lambda mean, var: np.float64(var.sum()) ** 0.5 / np.linalg.norm(mean)
                ),
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "This is the square of the ratio: length squared over variance.",
                _from_moments(lambda mean, var: mean @ mean / var.sum()),
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "The estimates are not equally likely: weigh each by its probability.",
                _of_equal_rows,
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "The estimates are not equally likely, for the expectation either: weigh each by "
                "its probability.",
                _around_the_plain_mean,
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "The signal is the length of the mean, not the mean of the lengths: opposite "
                "estimates cancel.",
                _mean_length,
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "The noise is measured around 0 here. It is the spread around the expectation: "
                "subtract that first.",
                _not_centered,
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "That is one ratio for each coordinate. Take the length of the mean, and add the "
                "variances of the coordinates.",
                _from_moments(lambda mean, var: mean / np.sqrt(var)),
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "That is one ratio for each coordinate, without its sign. Take the length of the "
                "mean, and add the variances of the coordinates.",
                _from_moments(lambda mean, var: abs(mean) / np.sqrt(var)),
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "That is the mean of one ratio for each coordinate. Take the length of the mean, "
                "and add the variances of the coordinates.",
                _from_moments(lambda mean, var: np.mean(abs(mean) / np.sqrt(var))),
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "The coordinates of the mean are added. Its length is the root of the sum of "
                "their squares.",
                _from_moments(lambda mean, var: mean.sum() / np.sqrt(var.sum())),
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "The absolute values of the mean's coordinates are added. Its length is the root "
                "of the sum of their squares.",
                _from_moments(lambda mean, var: abs(mean).sum() / np.sqrt(var.sum())),
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "The standard deviations of the coordinates are added. Add their variances, and "
                "take the root of the sum.",
                _from_moments(lambda mean, var: np.linalg.norm(mean) / np.sqrt(var).sum()),
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "The variance is the mean over the coordinates here; it must be their sum.",
                _from_moments(lambda mean, var: np.linalg.norm(mean) / np.sqrt(var.mean())),
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "The noise is the mean distance here. Square the distances, and take the root of "
                "their mean.",
                _mean_distance,
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "The noise is the spread of the lengths here. It must be the spread of the "
                "vectors: directions vary, too.",
                _spread_of_lengths,
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "That is the signal alone: divide it by the standard deviation.",
                _from_moments(lambda mean, var: np.linalg.norm(mean)),
                page="deeper/04 Signal and noise",
            ),
            Misconception(
                "That is the noise alone: divide the length of the expectation by it.",
                _from_moments(lambda mean, var: np.sqrt(var.sum())),
                page="deeper/04 Signal and noise",
            ),
        ],
    ),
    Exercise(
        "04.6",
        key=_growth,
        points=2,
        cases=[
            ([[3], [4, 1, 3], [2, 1]],),
            ([[5], [5, 1]],),
            ([[5, 3], [3]],),
            ([[5, 3], [5, 1], []],),
            ([[5], [5]],),
            ([[], []],),
            ([[1, 4], [6, 1], [6, 4]],),
            ([[3, 1], [3], [1, 3]],),
            ([[2000, 1], [1500]],),
        ],
        random=_random_shapes,
        misconceptions=[
            Misconception(
                "The result is compared with the smallest operand. It must be the largest: where "
                "that one does not grow, nothing is wrong.",
                _over(min),
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "The result is compared with the first operand, but any of them may be the "
                "largest.",
                _over(lambda sizes: sizes[0]),
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "The result is compared with the last operand, but any of them may be the largest.",
                _over(lambda sizes: sizes[-1]),
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "The result is compared with all operands together. Compare it with the largest.",
                _over(sum),
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "The result is compared with the mean operand. Compare it with the largest.",
                _over(lambda sizes: sum(sizes) / len(sizes)),
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "The result is compared with the operand that has the most axes. Another one may "
                "have more elements.",
                _over_the_one_with_most_axes,
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "Only the first two operands count here, but there may be more of them.",
                lambda shapes: _growth(shapes[:2]),
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "That is the number of elements of the result: divide it by that of the largest "
                "operand.",
                _over(lambda sizes: 1),
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "That is the number of elements of the largest operand: divide that of the result "
                "by it.",
                lambda shapes: max(_sizes(shapes)),
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "This is upside down: the largest operand over the result.",
                lambda shapes: 1 / _growth(shapes),
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "Not every element meets every other: along an axis that two operands share, they "
                "go in step.",
                _all_combinations,
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "That is how many elements are added. The task asks how many times as many there "
                "are.",
                lambda shapes: _result(shapes) - max(_sizes(shapes)),
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "That is whether the operation is refused; the task asks for the number that "
                "decides it.",
                lambda shapes: _growth(shapes) > 1,
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "The shapes are lined up at their left ends here; torch lines them up at their "
                "right ends.",
                _aligned_at_the_left,
                page="deeper/04 How the guard works",
            ),
            Misconception(
                "The axes are counted here. Count elements: the product of the lengths of the "
                "axes.",
                lambda shapes: (
                    max(map(len, shapes)) / max(1, len(max(shapes, key=lambda s: math.prod(s))))
                ),
                page="deeper/04 How the guard works",
            ),
        ],
    ),
]
