"""Score actions: one log-probability per decision, or an error instead of a wrong gradient.

    Categorical(logits [B, A])            actions [B]      log_prob [B]
    Normal(loc [B, A])                    actions [B, A]   log_prob [B, A]   (one per dimension)
    Independent(Normal(loc [B, A]), 1)    actions [B, A]   log_prob [B]      (their sum)

An action has the shape batch_shape + event_shape, its log-probability the shape batch_shape.
Torch broadcasts anything else without a warning: a Categorical [B] scores actions [B, 1] as [B, B],
and log-probabilities [B] times returns [B, 1] are [B, B] as well. `checked_log_prob` refuses the
first; `pg_edu.guard` refuses both, in any code.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution

from pg_edu.distributions import check_support, declared_shapes, validates_arguments


def checked_log_prob(dist: Distribution, act: Tensor) -> Tensor:
    """Return the log-probabilities of actions whose shape fits the distribution exactly.

    Args:
        dist: distribution over the actions of B transitions, batch_shape [B, ...].
        act: the actions, batch_shape + event_shape; [B, ...] if `dist` declares no shapes.

    Returns:
        The log-probabilities, batch_shape; [B] if an own class sums them over the dimensions of an
        action; [B, ...] if `dist` declares no shapes.

    Raises:
        ValueError: a shape does not fit (the message names the shapes and the likely cause), or the
            distribution cannot draw these actions.

    Source: torch.distributions documentation, "batch_shape" and "event_shape".

    Example:
        >>> dist = torch.distributions.Categorical(logits=torch.zeros(3, 4))
        >>> checked_log_prob(dist, torch.tensor([0, 3, 1])).shape
        torch.Size([3])
        >>> checked_log_prob(dist, torch.tensor([[0], [3], [1]]))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: act has shape [3, 1], but Categorical with batch_shape [3] ... act.squeeze(-1).
    """
    shapes = declared_shapes(dist)
    if shapes is None:
        return _log_prob_of_rows(dist, act)
    batch_shape, event_shape = shapes
    expected = batch_shape + event_shape
    if act.shape != expected:
        raise ValueError(
            f"act has shape {list(act.shape)}, but {type(dist).__name__} with batch_shape "
            f"{list(batch_shape)} and event_shape {list(event_shape)} scores actions of "
            f"shape {list(expected)}. {_likely_cause(act.shape, batch_shape, event_shape)}"
        )
    log_prob = _log_prob(dist, act)
    is_one_per_row = log_prob.shape == batch_shape[:1]  # where an own class sums the dimensions
    if log_prob.shape != batch_shape and not is_one_per_row:
        raise ValueError(
            f"log_prob of {type(dist).__name__} has shape {list(log_prob.shape)}, "
            f"but its batch_shape is {list(batch_shape)}."
        )
    return log_prob


def _log_prob(dist: Distribution, act: Tensor) -> Tensor:
    """Return dist.log_prob(act), or raise if the distribution cannot draw these actions."""
    if not validates_arguments(dist):
        check_support(dist, act)
    try:
        log_prob: Tensor = dist.log_prob(act)
    except ValueError:  # Torch has checked the support itself; raise our message instead.
        check_support(dist, act)
        raise
    return log_prob


def _log_prob_of_rows(dist: Distribution, act: Tensor) -> Tensor:
    """Return log-probabilities if no shapes are declared; they must have the rows on axis 0."""
    log_prob = _log_prob(dist, act)
    if log_prob.shape[:1] != act.shape[:1]:
        raise ValueError(
            f"log_prob of {type(dist).__name__} has shape {list(log_prob.shape)} for "
            f"{len(act)} actions; its first axis must be that long."
        )
    return log_prob


def _likely_cause(act: torch.Size, batch_shape: torch.Size, event_shape: torch.Size) -> str:
    expected = batch_shape + event_shape
    scored = _shape_if_scored(act, batch_shape, event_shape)
    if expected and act == (*expected, 1):
        return f"{scored}Store the actions without the last axis: act.squeeze(-1)."
    if (*act, 1) == expected:
        return f"{scored}Store the actions with a last axis: act.unsqueeze(-1)."
    return "Check that dist_fn and the stored actions belong to the same action space."


def _shape_if_scored(act: torch.Size, batch_shape: torch.Size, event_shape: torch.Size) -> str:
    """Return a sentence about the shape that broadcasting would give; empty if it would fail."""
    try:
        shape = torch.broadcast_shapes(act, batch_shape + event_shape)  # type: ignore[no-untyped-call]
    except RuntimeError:
        return ""
    scored = list(shape[: len(shape) - len(event_shape)])
    if scored == list(batch_shape):
        return "Scored anyway, every action would be scored against every row of the batch. "
    return f"Scored anyway, the log-probabilities would have shape {scored}. "
