"""The exercises of notebook 04, shapes of log-probabilities: answers, cases, and known mistakes."""

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical

from pg_edu.course.records import Exercise, Misconception
from pg_edu.log_probs import checked_log_prob
from pg_edu.types import Floats


def _each_dimension(loc: Floats, scale: Floats, act: Floats) -> Floats:
    log_prob: Floats = -0.5 * ((act - loc) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)
    return log_prob


def _whole_action(loc: Floats, scale: Floats, act: Floats) -> Floats:
    log_prob: Floats = _each_dimension(loc, scale, act).sum(axis=1)
    return log_prob


def _weight(k: int, gamma: float) -> float:
    return sum(gamma**i for i in range(k + 1))


def _loss(logits: Tensor, act: Tensor, returns: Tensor) -> Tensor:
    log_prob = checked_log_prob(Categorical(logits=logits), act.squeeze(-1))
    return -(log_prob * returns.squeeze(-1)).mean()


def _scored(logits: Tensor, act: Tensor) -> Tensor:
    log_prob: Tensor = Categorical(logits=logits).log_prob(act)  # type: ignore[no-untyped-call]
    return log_prob


EXERCISES = [
    Exercise(
        "04.1",
        key=[[5], [5, 5], [5, 3], [5], [5, 5], [5]],
        points=2,
        misconceptions=[
            Misconception(
                (
                    "Actions of shape [5, 1] are not scored row by row: each is looked up in all five rows "
                    "of the logits."
                ),
                [[5], [5, 1], [5, 3], [5], [5, 5], [5]],
                "04 Exercises",
            ),
            Misconception(
                ("[5, 1] with [5] does not give [5]: the column is expanded to five columns."),
                [[5], [5, 5], [5, 3], [5], [5], [5]],
                "04 Exercises",
            ),
            Misconception(
                ("In the last line the table [5, 5] is summed over its last axis."),
                [[5], [5, 5], [5, 3], [5], [5, 5], [5, 5]],
                "04 Exercises",
            ),
            Misconception(
                ("A Normal has one log-probability for each number; only Independent sums them."),
                [[5], [5, 5], [5], [5], [5, 5], [5]],
                "04 Exercises",
            ),
            Misconception(
                ("Independent(..., 1) sums over the last axis."),
                [[5], [5, 5], [5, 3], [5, 3], [5, 5], [5]],
                "04 Exercises",
            ),
            Misconception(
                ("These are the shapes you would want, but torch broadcasts in lines 2, 5 and 6."),
                [[5], [5], [5, 3], [5], [5], [5]],
                "04 Exercises",
            ),
        ],
    ),
    Exercise(
        "04.2",
        key=_whole_action,
        points=1,
        cases=[
            (np.zeros((2, 1)), np.ones((2, 1)), np.array([[0.0], [1.0]])),
            (np.zeros((2, 3)), np.full((2, 3), 2.0), np.arange(6.0).reshape(2, 3)),
            (np.array([[1.0, -1.0]]), np.array([[0.5, 3.0]]), np.array([[0.0, 2.0]])),
        ],
        misconceptions=[
            Misconception(
                ("That is one number for each dimension: the sum over the last axis is missing."),
                _each_dimension,
                "04 Exercises",
            ),
            Misconception(
                ("That is the mean over the dimensions; the logarithm of a product is a sum."),
                lambda loc, scale, act: _each_dimension(loc, scale, act).mean(axis=1),
                "04 Exercises",
            ),
            Misconception(
                ("You summed over the rows: axis 0 is the batch."),
                lambda loc, scale, act: _each_dimension(loc, scale, act).sum(axis=0),
                "04 Exercises",
            ),
            Misconception(
                ("The scale is the standard deviation, not the variance: square it."),
                lambda loc, scale, act: _whole_action(loc, np.sqrt(scale), act),
                "04 Exercises",
            ),
            Misconception(
                ("That is the density itself: the logarithm is missing."),
                lambda loc, scale, act: np.exp(_whole_action(loc, scale, act)),
                "04 Exercises",
            ),
            Misconception(
                ("The term -log σ is missing: a wide Gaussian has a low density."),
                lambda loc, scale, act: _whole_action(loc, scale, act) + np.log(scale).sum(axis=1),
                "04 Exercises",
            ),
            Misconception(
                ("The term -½ log 2π is missing, once for each dimension."),
                lambda loc, scale, act: (
                    _whole_action(loc, scale, act) + 0.5 * np.log(2 * np.pi) * loc.shape[1]
                ),
                "04 Exercises",
            ),
        ],
    ),
    Exercise(
        "04.3",
        key=_weight,
        points=1,
        cases=[(0, 0.5), (3, 0.5), (4, 1.0), (2, 0.0)],
        misconceptions=[
            Misconception(
                (
                    "That is its weight in the first return alone; it occurs in those of steps 0 to k."
                ),
                lambda k, gamma: gamma**k,
                "04 Exercises",
            ),
            Misconception(
                ("One power too few: G_0 to G_k are k + 1 returns."),
                lambda k, gamma: _weight(k - 1, gamma),
                "04 Exercises",
            ),
            Misconception(
                ("One power too many: G_0 to G_k are k + 1 returns."),
                lambda k, gamma: _weight(k + 1, gamma),
                "04 Exercises",
            ),
            Misconception(
                ("That is right only without a discount."),
                lambda k, gamma: float(k + 1),
                "04 Exercises",
            ),
        ],
    ),
    Exercise(
        "04.4",
        key=_loss,
        points=2,
        cases=[
            (
                torch.tensor([[0.0, 1.0], [2.0, 0.0], [0.5, 0.5]]),
                torch.tensor([[0], [0], [1]]),
                torch.tensor([[1.0], [2.0], [4.0]]),
            ),
            (torch.tensor([[0.0, 1.0, -1.0]]), torch.tensor([[2]]), torch.tensor([[3.0]])),
        ],
        misconceptions=[
            Misconception(
                ("That is the original loss, with its bug: every action is scored in every state."),
                lambda logits, act, returns: -(_scored(logits, act) * returns).mean(),
                "04 Exercises",
            ),
            Misconception(
                ("The actions are right now, but [B] times [B, 1] is still a table of all pairs."),
                lambda logits, act, returns: -(_scored(logits, act.squeeze(-1)) * returns).mean(),
                "04 Exercises",
            ),
            Misconception(
                ("The returns are right now, but the actions are still scored in every state."),
                lambda logits, act, returns: -(_scored(logits, act) * returns.squeeze(-1)).mean(),
                "04 Exercises",
            ),
            Misconception(
                ("The minus sign is missing: the optimizer minimizes, and we want to maximize."),
                lambda logits, act, returns: -_loss(logits, act, returns),
                "04 Exercises",
            ),
            Misconception(
                ("That is the sum over the batch, not the mean."),
                lambda logits, act, returns: len(act) * _loss(logits, act, returns),
                "04 Exercises",
            ),
            Misconception(
                ("That is one loss for each row: the mean is missing."),
                lambda logits, act, returns: (
                    -_scored(logits, act.squeeze(-1)) * returns.squeeze(-1)
                ),
                "04 Exercises",
            ),
        ],
    ),
]
