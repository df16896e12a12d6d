"""The exercises of notebook 04, shapes of log-probabilities: answers, cases, and known mistakes."""

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical

from pg_edu.course import Exercise
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
        hint="Actions have the shape batch_shape + event_shape, and log-probabilities have the "
        "shape batch_shape. Where they do not match, write the shapes one below the other, "
        "aligned on the right.",
        key=[[5], [5, 5], [5, 3], [5], [5, 5], [5]],
        mistakes={
            "Actions of shape [5, 1] are not scored row by row: each is looked up in all five rows "
            "of the logits.": [[5], [5, 1], [5, 3], [5], [5, 5], [5]],
            "[5, 1] with [5] does not give [5]: the column is expanded to five columns.": (
                [[5], [5, 5], [5, 3], [5], [5], [5]]
            ),
            "In the last line the table [5, 5] is summed over its last axis.": (
                [[5], [5, 5], [5, 3], [5], [5, 5], [5, 5]]
            ),
            "A Normal has one log-probability for each number; only Independent sums them.": (
                [[5], [5, 5], [5], [5], [5, 5], [5]]
            ),
            "Independent(..., 1) sums over the last axis.": (
                [[5], [5, 5], [5, 3], [5, 3], [5, 5], [5]]
            ),
            "These are the shapes you would want, but torch broadcasts in lines 2, 5 and 6.": (
                [[5], [5], [5, 3], [5], [5], [5]]
            ),
        },
    ),
    Exercise(
        "04.2",
        hint="The logarithm of a product of A densities is a sum; sum over the last axis.",
        key=_whole_action,
        cases=[
            (np.zeros((2, 1)), np.ones((2, 1)), np.array([[0.0], [1.0]])),
            (np.zeros((2, 3)), np.full((2, 3), 2.0), np.arange(6.0).reshape(2, 3)),
            (np.array([[1.0, -1.0]]), np.array([[0.5, 3.0]]), np.array([[0.0, 2.0]])),
        ],
        mistakes={
            "That is one number for each dimension: the sum over the last axis is missing.": (
                _each_dimension
            ),
            "That is the mean over the dimensions; the logarithm of a product is a sum.": (
                lambda loc, scale, act: _each_dimension(loc, scale, act).mean(axis=1)
            ),
            "You summed over the rows: axis 0 is the batch.": (
                lambda loc, scale, act: _each_dimension(loc, scale, act).sum(axis=0)
            ),
            "The scale is the standard deviation, not the variance: square it.": (
                lambda loc, scale, act: _whole_action(loc, np.sqrt(scale), act)
            ),
            "That is the density itself: the logarithm is missing.": (
                lambda loc, scale, act: np.exp(_whole_action(loc, scale, act))
            ),
            "The term -log σ is missing: a wide Gaussian has a low density.": (
                lambda loc, scale, act: _whole_action(loc, scale, act) + np.log(scale).sum(axis=1)
            ),
            "The term -½ log 2π is missing, once for each dimension.": (
                lambda loc, scale, act: (
                    _whole_action(loc, scale, act) + 0.5 * np.log(2 * np.pi) * loc.shape[1]
                )
            ),
        },
    ),
    Exercise(
        "04.3",
        hint="In which returns does the reward of step k occur, and with which power of the "
        "discount factor in each of them?",
        key=_weight,
        cases=[(0, 0.5), (3, 0.5), (4, 1.0), (2, 0.0)],
        mistakes={
            "That is its weight in the first return alone; it occurs in those of steps 0 to k.": (
                lambda k, gamma: gamma**k
            ),
            "One power too few: G_0 to G_k are k + 1 returns.": (
                lambda k, gamma: _weight(k - 1, gamma)
            ),
            "One power too many: G_0 to G_k are k + 1 returns.": (
                lambda k, gamma: _weight(k + 1, gamma)
            ),
            "That is right only without a discount.": lambda k, gamma: float(k + 1),
        },
    ),
    Exercise(
        "04.4",
        hint="Print the shape of the log-probabilities, and remove the last axis of the "
        "actions and returns.",
        key=_loss,
        cases=[
            (
                torch.tensor([[0.0, 1.0], [2.0, 0.0], [0.5, 0.5]]),
                torch.tensor([[0], [0], [1]]),
                torch.tensor([[1.0], [2.0], [4.0]]),
            ),
            (torch.tensor([[0.0, 1.0, -1.0]]), torch.tensor([[2]]), torch.tensor([[3.0]])),
        ],
        mistakes={
            "That is the original loss, with its bug: every action is scored in every state.": (
                lambda logits, act, returns: -(_scored(logits, act) * returns).mean()
            ),
            "The actions are right now, but [B] times [B, 1] is still a table of all pairs.": (
                lambda logits, act, returns: -(_scored(logits, act.squeeze(-1)) * returns).mean()
            ),
            "The returns are right now, but the actions are still scored in every state.": (
                lambda logits, act, returns: -(_scored(logits, act) * returns.squeeze(-1)).mean()
            ),
            "The minus sign is missing: the optimizer minimizes, and we want to maximize.": (
                lambda logits, act, returns: -_loss(logits, act, returns)
            ),
            "That is the sum over the batch, not the mean.": (
                lambda logits, act, returns: len(act) * _loss(logits, act, returns)
            ),
            "That is one loss for each row: the mean is missing.": (
                lambda logits, act, returns: -_scored(logits, act.squeeze(-1)) * returns.squeeze(-1)
            ),
        },
    ),
]
