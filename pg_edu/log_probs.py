"""Score actions: one log-probability per decision, or an error instead of a wrong gradient.

    Categorical(logits [B, A])            actions [B]      log_prob [B]
    Normal(loc [B, A])                    actions [B, A]   log_prob [B, A]   (one per dimension)
    Independent(Normal(loc [B, A]), 1)    actions [B, A]   log_prob [B]      (their sum)

An action has the shape batch_shape + event_shape, its log-probability the shape batch_shape.
Torch broadcasts anything else without a warning: a Categorical [B] scores actions [B, 1] as [B, B],
and log-probabilities [B] times returns [B, 1] are [B, B] as well. `checked_log_prob` refuses the
first; `pg_edu.guard` refuses both, in any code.
"""

from torch import Tensor
from torch.distributions import Distribution

from pg_edu.distributions import check_support, validates_arguments


def checked_log_prob(dist: Distribution, act: Tensor) -> Tensor:
    """Return the log-probabilities of actions whose shape fits the distribution exactly.

    Args:
        dist: distribution over the actions of B transitions, batch_shape [B, ...].
        act: the actions, batch_shape + event_shape.

    Returns:
        The log-probabilities, batch_shape.

    Raises:
        ValueError: a shape does not fit (the message names the shapes and the likely cause), or the
            distribution cannot draw these actions.

    Source: torch.distributions documentation, "batch_shape" and "event_shape".

    Example:
        >>> import torch
        >>> dist = torch.distributions.Categorical(logits=torch.zeros(3, 4))
        >>> checked_log_prob(dist, torch.tensor([0, 3, 1])).shape
        torch.Size([3])
        >>> checked_log_prob(dist, torch.tensor([[0], [3], [1]]))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: act has shape [3, 1], but Categorical with batch_shape [3] ... act.squeeze(-1).
    """
    expected = dist.batch_shape + dist.event_shape
    if act.shape != expected:
        raise ValueError(
            f"act has shape {list(act.shape)}, but {type(dist).__name__} with batch_shape "
            f"{list(dist.batch_shape)} and event_shape {list(dist.event_shape)} scores actions of "
            f"shape {list(expected)}. {_likely_cause(dist, act)}"
        )
    if not validates_arguments(dist):
        check_support(dist, act)
    try:
        log_prob: Tensor = dist.log_prob(act)
    except ValueError:  # Torch has checked the support itself; raise our message instead.
        check_support(dist, act)
        raise
    if log_prob.shape != dist.batch_shape:
        raise ValueError(
            f"log_prob of {type(dist).__name__} has shape {list(log_prob.shape)}, "
            f"but its batch_shape is {list(dist.batch_shape)}."
        )
    return log_prob


def _likely_cause(dist: Distribution, act: Tensor) -> str:
    expected = dist.batch_shape + dist.event_shape
    if expected and act.shape == (*expected, 1):
        outer = [*act.shape[:-1], expected[-1]]
        return (
            f"Scored anyway, the log-probabilities would have shape {outer}. "
            "Store the actions without the last axis: act.squeeze(-1)."
        )
    if (*act.shape, 1) == expected:
        return (
            "Scored anyway, every action would be scored against every row of the batch. "
            "Store the actions with a last axis: act.unsqueeze(-1)."
        )
    return "Check that dist_fn and the stored actions belong to the same action space."
