"""The parts of the capstone that are marked: three functions with hidden cases, and `train`."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch

from pg_edu.course.outcomes import loss_and_gradient
from pg_edu.course.records import Case, Exercise, Extreme, Misconception, record
from pg_edu.coursework.marking.inside.observing import output_and_gradient

GAMMA = 0.6  # that of the worlds with contests, in which a wrong discount factor shows
OUTPUTS = "06 forward"
LOSS = "06 learn"
DIVISOR = "03 What does the mean divide by?"
COLUMN = "04 A column of returns"


@dataclass(frozen=True)
class Training:
    """The part `train`: what the marker needs to know of it.

    Args:
        number: the name of the part.
        points: what it earns.
        worlds: the names of the probes in which it is trained.
        updates: how long each training is, in units of 32 episodes.
        seconds: the CPU time of all trainings together.
    """

    number: str = "train"
    points: int = 5
    worlds: tuple[str, ...] = ("two actions", "contexts", "delay", "lengths")
    updates: int = 100
    seconds: float = 120.0


# forward


def _forward(weight: torch.Tensor, obs: torch.Tensor) -> torch.Tensor:
    return torch.log_softmax(obs @ weight, dim=-1)


def _over_the_batch(weight: torch.Tensor, obs: torch.Tensor) -> torch.Tensor:
    return torch.log_softmax(obs @ weight, dim=0)


def _softmax_twice(weight: torch.Tensor, obs: torch.Tensor) -> torch.Tensor:
    return torch.log_softmax(torch.softmax(obs @ weight, dim=-1), dim=-1)


def _random_forward(rng: np.random.Generator) -> Case:
    rows, size, actions = rng.integers(2, 6, 3)
    return _parameter(rng.normal(size=(size, actions))), torch.tensor(rng.normal(size=(rows, size)))


def _parameter(values: object) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


FORWARD = Exercise(
    "forward",
    key=_forward,
    points=2,
    cases=[
        (_parameter([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]), torch.eye(2, dtype=torch.float64)),
        (_parameter([[2.0, -1.0]]), torch.tensor([[1.0], [-3.0], [0.5]], dtype=torch.float64)),
    ],
    random=_random_forward,
    extremes=[
        Extreme(
            (_parameter([[900.0, -900.0]]), torch.tensor([[1.0], [-1.0]], dtype=torch.float64)),
            "Right, but not for large logits: a probability becomes 0, and its logarithm -inf. "
            "Compute the logarithm in one step, with log_softmax.",
            page=OUTPUTS,
        )
    ],
    observe=output_and_gradient,
    misconceptions=[
        Misconception(
            "These are the logits. Log-probabilities are normalized: exp of each row sums to 1.",
            lambda weight, obs: obs @ weight,
            page=OUTPUTS,
        ),
        Misconception(
            "These are probabilities, not their logarithms.",
            lambda weight, obs: torch.softmax(obs @ weight, dim=-1),
            page=OUTPUTS,
        ),
        Misconception(
            "The softmax runs over the rows of the batch. It must run over the actions, dim=-1.",
            _over_the_batch,
            page=OUTPUTS,
        ),
        Misconception(
            "The softmax is taken twice, so no action can become likely enough.",
            _softmax_twice,
            page=OUTPUTS,
        ),
        Misconception(
            "The result has no gradient: it was detached, or computed under no_grad.",
            lambda weight, obs: _forward(weight, obs).detach(),
            page=LOSS,
        ),
    ],
)

# loss


def _loss(log_prob: torch.Tensor, rets: torch.Tensor) -> torch.Tensor:
    return -(log_prob * rets).mean()


def _centered(rets: torch.Tensor) -> torch.Tensor:
    return rets - rets.mean()


def _random_loss(rng: np.random.Generator) -> Case:
    rows = rng.integers(3, 7)
    rets = rng.integers(1, 60, rows) / 10 * rng.choice([-1.0, 1.0], rows)
    return _parameter(-rng.integers(1, 40, rows) / 10), torch.tensor(rets)


LOSS_PART = Exercise(
    "loss",
    key=_loss,
    points=3,
    cases=[
        (_parameter([-0.5, -2.0, -0.1]), torch.tensor([4.0, -1.0, 2.5], dtype=torch.float64)),
        (_parameter([-3.0]), torch.tensor([2.0], dtype=torch.float64)),
    ],
    random=_random_loss,
    observe=loss_and_gradient,
    misconceptions=[
        Misconception(
            "This is the sum over the steps, where the task asks for their mean.",
            lambda log_prob, rets: -(log_prob * rets).sum(),
            page=DIVISOR,
        ),
        Misconception(
            "This is a product of two means, which is also what [B, 1] times [B] gives: each "
            "return weights every log-probability.",
            lambda log_prob, rets: -log_prob.mean() * rets.mean(),
            page=COLUMN,
        ),
        Misconception(
            "The mean of the returns is subtracted. The task asks for the plain returns; a "
            "baseline belongs into `train`.",
            lambda log_prob, rets: _loss(log_prob, _centered(rets)),
            page=LOSS,
        ),
        Misconception(
            "The returns are standardized. The task asks for the plain ones; a baseline and a "
            "scale belong into `train`.",
            lambda log_prob, rets: _loss(log_prob, _centered(rets) / rets.std(unbiased=False)),
            page=LOSS,
        ),
        Misconception(
            "Probabilities are weighted, where the policy gradient has their logarithms.",
            lambda log_prob, rets: _loss(log_prob.exp(), rets),
            page=LOSS,
        ),
        Misconception(
            "The loss has no gradient: it was detached, or turned into a number.",
            lambda log_prob, rets: _loss(log_prob, rets).detach(),
            page=LOSS,
        ),
    ],
)


@cache
def parts() -> dict[str, Exercise | Training]:
    """Return the parts by their names, in the order in which they build on each other."""
    returns = replace(record("02.2"), number="returns", points=2)
    return {"forward": FORWARD, "returns": returns, "loss": LOSS_PART, "train": Training()}


NAMES = ("forward", "returns", "loss", "train")
