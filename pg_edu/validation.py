"""What a policy is given, checked before it can train on something else.

Each function raises a ValueError (or TypeError) that names the argument, what came and what was
expected, or warns. None of them changes anything.
"""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from numpy.typing import NDArray
from torch import nn
from torch.distributions import Categorical, Distribution, Independent

from pg_edu.actions import BoundMethod
from pg_edu.batch import to_numpy
from pg_edu.types import BatchWithReturnsProtocol, TDistFnDiscrOrCont

NEGATIVE_PROBABILITIES = (
    "dist_fn takes the actor's output as probabilities, but some are negative. "
    "If they are logits, write dist_fn=lambda logits: Categorical(logits=logits)."
)


def check_action_space(space: gym.Space[Any], scaling: bool, bound_method: BoundMethod) -> None:
    """A known space; scaling needs finite bounds, bounding alone should stay inside the space."""
    if bound_method not in ("clip", "tanh", None):
        raise ValueError(
            f'action_bound_method must be "clip", "tanh" or None, got {bound_method!r}.'
        )
    if isinstance(space, Discrete | MultiDiscrete | MultiBinary):
        if scaling:
            raise ValueError(
                f"action_scaling can only be True when action_space is a Box, but it is {space}. "
                "Write action_scaling=False."
            )
        return
    if not isinstance(space, Box):
        raise ValueError(
            f"action_space must be a Discrete, MultiDiscrete, MultiBinary or Box, got {space!r}."
        )
    infinite = ~(np.isfinite(space.low) & np.isfinite(space.high))
    if scaling and infinite.any():
        where = tuple(int(i) for i in np.argwhere(infinite)[0])
        raise ValueError(
            f"action_scaling needs finite bounds, but dimension {where} of action_space goes from "
            f"{space.low[where]} to {space.high[where]}. Write action_scaling=False."
        )
    if not scaling and bound_method and ((space.low > -1.0) | (space.high < 1.0)).any():
        warnings.warn(
            f"action_bound_method={bound_method!r} without action_scaling bounds actions to "
            f"[-1, 1], which is more than {space} holds.",
            stacklevel=4,
        )


def check_discount_factor(discount_factor: float) -> None:
    """In [0, 1]."""
    if not 0.0 <= discount_factor <= 1.0:
        raise ValueError(f"discount_factor must be in [0, 1], got {discount_factor}.")


def check_optimizer(actor: nn.Module, optim: torch.optim.Optimizer) -> None:
    """The optimizer must hold something to learn."""
    held = {id(parameter) for group in optim.param_groups for parameter in group["params"]}
    if not any(id(parameter) in held for parameter in actor.parameters()):
        raise ValueError(
            "optim holds none of the actor's parameters, so nothing would be learned. "
            "Write e.g. torch.optim.Adam(actor.parameters())."
        )


def warn_of_double_bounding(actor: nn.Module, scaling: bool, bound_method: BoundMethod) -> None:
    """An actor that bounds or scales by itself, and a policy that does it again."""
    max_action = getattr(actor, "max_action", 1.0)
    if scaling and not np.isclose(max_action, 1.0):
        warnings.warn(
            f"action_scaling expects actions in [-1, 1], but the actor has "
            f"max_action={max_action}: actions would be scaled twice. Give the actor "
            "unbounded=True, or write action_scaling=False and action_bound_method=None.",
            stacklevel=3,
        )
    if bound_method and not getattr(actor, "_unbounded", True):
        warnings.warn(
            "double bounding: the actor bounds its mean by tanh (unbounded=False), and "
            f"action_bound_method={bound_method!r} bounds the sampled action again. Give the actor "
            "unbounded=True.",
            stacklevel=3,
        )


def check_actor_signature(actor: nn.Module, obs: Any, state: Any, info: Any) -> None:
    """The actor must take (obs, state=..., info=...)."""
    try:
        inspect.signature(actor.forward).bind(obs, state=state, info=info)
    except TypeError as error:
        raise TypeError(
            f"actor of type {type(actor).__name__} cannot be called as actor(obs, state=None, "
            f"info=...) -> (dist_input, state): {error}. Wrap it in a module with that signature, "
            "such as pg_edu.Net or pg_edu.Actor."
        ) from error


def check_fits_space(act: torch.Tensor, dist: Distribution, space: gym.Space[Any]) -> None:
    """The policy's actions must be actions of the space."""
    if isinstance(space, Discrete):
        outputs = dist.param_shape[-1] if isinstance(dist, Categorical) else space.n
        if outputs > space.n or not (dist.support is None or dist.support.is_discrete):
            raise ValueError(
                f"action_space is {space}, but the policy's {type(dist).__name__} has actions of "
                f"{outputs} kinds and dtype {act.dtype}."
            )
        return
    if act.shape[1:].numel() == np.prod(space.shape or ()):
        return
    raise ValueError(
        f"action_space {space} has actions of shape {space.shape}, but the policy's have shape "
        f"{tuple(act.shape[1:])}. If it is the action_space of a vector environment, "
        "give its single_action_space."
    )


def checked_actor_output(output: Any) -> tuple[Any, Any]:
    """What an actor returns: (dist_input, state)."""
    if isinstance(output, tuple) and len(output) == 2:
        return output
    raise ValueError(
        f"actor must return the tuple (dist_input, state), got {type(output).__name__}. "
        "An actor without memory returns (dist_input, None)."
    )


def made_distribution(dist_fn: Callable[[Any], Distribution], dist_input: Any) -> Distribution:
    """dist_fn(dist_input), or an error that shows what dist_fn is called with."""
    try:
        return dist_fn(dist_input)
    except TypeError as error:
        raise TypeError(
            f"dist_fn failed on the actor's output ({error}). It is called with one argument, what "
            "the actor returns: `lambda logits: Categorical(logits=logits)`, or for an actor that "
            "returns ((loc, scale), state) `lambda loc_scale: Independent(Normal(*loc_scale), 1)`."
        ) from error
    except ValueError as error:
        if dist_fn is Categorical and (dist_input < 0).any():
            raise ValueError(NEGATIVE_PROBABILITIES) from error
        raise


def check_distribution(
    dist: Distribution, dist_input: Any, dist_fn: TDistFnDiscrOrCont, rows: int, warned: set[str]
) -> None:
    """One distribution a row, with valid parameters, and no logits taken for probabilities."""
    if dist.batch_shape[:1] != (rows,):
        raise ValueError(
            f"dist_fn made a {type(dist).__name__} of batch_shape {list(dist.batch_shape)} for "
            f"{rows} observations; its first axis must be theirs. The actor must return "
            "(dist_input, state); a Gaussian one returns ((loc, scale), state)."
        )
    # A Categorical has the attribute that it was built from, until the other is asked for.
    if isinstance(dist, Categorical) and "probs" in vars(dist) and torch.is_tensor(dist_input):
        _check_probabilities(dist.probs, dist_input, dist_fn, warned)
    _check_parameters(dist)


def _check_probabilities(
    probs: torch.Tensor,
    dist_input: torch.Tensor,
    dist_fn: TDistFnDiscrOrCont,
    warned: set[str],
) -> None:
    """What a Categorical takes for probabilities must be some; they should sum to 1."""
    total = dist_input.sum(-1, keepdim=True)
    if dist_fn is not Categorical:  # a function of one's own may have made them probabilities
        taken_as_they_are = torch.equal(probs, dist_input / total)
        if not taken_as_they_are or torch.allclose(probs, dist_input.softmax(-1)):
            return
    if (dist_input < 0).any():
        raise ValueError(NEGATIVE_PROBABILITIES)
    if not torch.allclose(total, torch.ones_like(total), rtol=0.0, atol=1e-3):
        _warn_once(
            "dist_fn takes the actor's output as probabilities, but they do not sum to 1 (they are "
            "divided by their sum). If they are logits, write "
            "dist_fn=lambda logits: Categorical(logits=logits).",
            warned,
        )


def _check_parameters(dist: Distribution) -> None:
    """A distribution's parameters must be what they are called; torch checks unless under -O."""
    if isinstance(dist, Independent):
        return _check_parameters(dist.base_dist)
    for name, constraint in dist.arg_constraints.items():
        value = vars(dist).get(name)
        if value is not None and not constraint.check(value).all():  # type: ignore[no-untyped-call]
            raise ValueError(
                f"{name} of {type(dist).__name__} must satisfy {constraint}, but it holds other "
                f"values, from {value.min()} to {value.max()}."
            )


def check_within_training_step(within: bool) -> None:
    """Only a policy that is being trained may be updated."""
    if not within:
        raise RuntimeError(
            "update() was called outside of a training step (is_within_training_step is False). "
            "Write `with policy_within_training_step(policy):` around it."
        )


def check_nstep_arguments(rew_norm: bool, n_step: int, rows: int, indices: int) -> None:
    """Of `compute_nstep_return`."""
    if rew_norm:
        raise ValueError("rew_norm=True is not supported by compute_nstep_return.")
    if n_step < 1:
        raise ValueError(f"n_step must be at least 1, got {n_step}.")
    if rows != indices:
        raise ValueError(f"batch has {rows} rows, indices has {indices}.")


def check_learnable(batch: BatchWithReturnsProtocol, batch_size: int | None) -> None:
    """What `learn` needs, before its first step."""
    if batch_size is not None and batch_size < -1:
        raise ValueError(
            f"batch_size must be positive, or None, 0 or -1 for a full batch, got {batch_size}."
        )
    if "returns" not in batch:
        raise ValueError("batch has no returns: call process_fn first.")
    rows = len(batch.returns)
    if rows == 0:
        raise ValueError("batch has no rows, there is nothing to learn from.")
    if not len(batch.act) == len(batch.obs) == rows:
        raise ValueError(
            f"batch has {len(batch.obs)} observations, {len(batch.act)} actions and {rows} returns."
        )
    if batch.returns.shape not in ((rows,), (rows, 1)):
        raise ValueError(
            f"returns must have shape [{rows}] or [{rows}, 1], got {list(batch.returns.shape)}."
        )
    for name in ("returns", "act"):  # in float32, in which they are learned from
        with np.errstate(over="ignore"):
            values = np.asarray(to_numpy(batch[name]), np.float32)
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite in float32, but it holds NaN or infinity.")


def check_finite_rewards(rew: NDArray[np.float64], indices: NDArray[np.int64]) -> None:
    """A reward that is not finite would poison every return before it."""
    bad = np.flatnonzero(~np.isfinite(rew))
    if len(bad):
        raise ValueError(
            f"rewards must be finite, but row {bad[0]} of the batch (buffer index "
            f"{indices[bad[0]]}) has {rew[bad[0]]}."
        )


def check_finite_loss(loss: float) -> None:
    """A loss that is not finite would make the parameters so."""
    if not np.isfinite(loss):
        raise ValueError(
            f"the loss is {loss}: look for actions of probability 0, observations or parameters "
            "that are not finite."
        )


def warn_of_mean_over_dimensions(log_prob: torch.Tensor, warned: set[str]) -> None:
    """More than one log-probability a row, [B, A, ...]: the loss is their mean, not their sum."""
    if log_prob.numel() > len(log_prob):
        shape = ", ".join(map(str, log_prob.shape[1:]))
        _warn_once(
            f"log_prob has shape [B, {shape}]: the loss is the mean over all of it, so its "
            "gradient is the joint one divided by the number of action dimensions. Wrap the "
            "distribution in torch.distributions.Independent(dist, 1) to sum them.",
            warned,
        )


def _warn_once(message: str, warned: set[str]) -> None:
    """Once a policy, whose messages so far are `warned`."""
    if message not in warned:
        warned.add(message)
        warnings.warn(message, stacklevel=4)
