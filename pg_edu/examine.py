"""Examine what a policy is given and what it returns; refuse what would train the wrong thing.

    rows of a buffer    finite rewards, observations without NaN       (before the returns)
    rows to learn from  shapes; finite actions and returns             (before the first step)
    actions             those of the action space, no more, no fewer   (at a forward)
    parameters          finite                                         (after the last step)

The functions raise, and change nothing. A message says in which environment, row or parameter the
fault is.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary
from torch import Tensor, nn
from torch.distributions import Bernoulli, Categorical, Distribution
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import is_lazy

from pg_edu.batch import Batch, to_numpy
from pg_edu.buffer import ReplayBuffer
from pg_edu.distributions import IndependentCategoricals, base_of, support_of
from pg_edu.rollback import Before
from pg_edu.types import AnyArray, BatchWithReturnsProtocol, Floats, Ints

# Rows of a buffer


def check_rewards(rew: AnyArray, buffer: ReplayBuffer, indices: Ints) -> None:
    """Reject a reward that is not finite: it would spoil every return before it."""
    bad = np.flatnonzero(~np.isfinite(rew).reshape(len(indices), -1).all(axis=1))
    if len(bad) > 0:
        raise ValueError(
            f"rewards must be finite, but the reward of {_place(buffer, indices[bad[0]])} is "
            f"{rew[bad[0]]}. Look for its cause in the environment."
        )


def check_returns(returns: Floats, buffer: ReplayBuffer, indices: Ints) -> None:
    """Reject a return that is not finite although the rewards are."""
    bad = np.flatnonzero(~np.isfinite(returns))
    if len(bad) > 0:
        raise ValueError(
            f"the returns are not finite: that of {_place(buffer, indices[bad[0]])} is "
            f"{returns[bad[0]]}. The rewards are too large to sum; scale them down."
        )


def check_observations(obs: Any, buffer: ReplayBuffer, indices: Ints) -> None:
    """Reject an observation that holds NaN; infinity may be a mask."""
    found = _first(np.isnan, obs, "obs")
    if found is not None:
        name, row = found
        raise ValueError(
            f"observations must not hold NaN, but {name} of {_place(buffer, indices[row])} does. "
            "Look for its cause in the environment, or replace it there."
        )


def _place(buffer: ReplayBuffer, index: Any) -> str:
    """Return in words where a row of a buffer is: environment n fills sub-buffer n."""
    environment, slot = divmod(int(index), buffer.sub_buffer_size)
    return f"environment {environment}, slot {slot} (buffer index {int(index)})"


def _first(is_so: Any, column: Any, name: str) -> tuple[str, int] | None:
    """Return the first row with a number of which this holds, as (name, row); None if none is."""
    if isinstance(column, Batch | dict):
        entries = vars(column) if isinstance(column, Batch) else column
        found = (_first(is_so, value, f"{name}.{key}") for key, value in entries.items())
        return next((place for place in found if place is not None), None)
    if isinstance(column, Tensor):
        column = column.detach().double().numpy(force=True) if column.is_floating_point() else None
    if not isinstance(column, np.ndarray) or column.dtype.kind != "f":
        return None
    holds = is_so(column)
    if not holds.any():
        return None
    return name, int(holds.reshape(len(holds), -1).any(axis=1).argmax())


# Rows to learn from


def check_learnable(batch: BatchWithReturnsProtocol, batch_size: int | None) -> None:
    """Check what `learn` needs before its first step."""
    if batch_size is not None and batch_size < -1:
        raise ValueError(
            f"batch_size must be positive, or None, 0 or -1 for a full batch, got {batch_size}."
        )
    if "returns" not in batch:
        raise ValueError("batch has no returns: call process_fn first.")
    rows = len(batch.returns)
    if rows == 0:
        raise ValueError("batch has no rows: there is nothing to learn from.")
    if not len(batch.act) == len(batch.obs) == rows:
        raise ValueError(
            f"batch has {len(batch.obs)} observations, {len(batch.act)} actions and {rows} returns."
        )
    if batch.returns.shape not in ((rows,), (rows, 1)):
        raise ValueError(
            f"returns must have shape [{rows}] or [{rows}, 1], got {list(batch.returns.shape)}."
        )
    _check_finite("returns", batch.returns)
    _check_finite("act", batch.act)


def _check_finite(name: str, column: Any) -> None:
    """Require finite values in float32, the dtype in which they are learned from."""
    values = np.asarray(to_numpy(column))
    if values.dtype.kind in "biu":
        return
    with np.errstate(over="ignore"):
        finite = np.isfinite(values.astype(np.float32)).all()
    if not finite:
        raise ValueError(f"{name} must be finite in float32, but it holds NaN or infinity.")


# Actions


def check_fits_space(act: Tensor, dist: Distribution, space: gym.Space[Any]) -> None:
    """Require that a policy's actions are those of the space: their shape and their number.

    Of a distribution of your own, only the shape of its actions is known.
    """
    # The usual case comes first and is decided quickly, because each step of `learn` asks.
    if isinstance(space, Discrete) and isinstance(dist, Categorical):
        is_usual = act.ndim == 1 and dist.param_shape[-1] == space.n
        if is_usual:
            return
    support = support_of(dist)
    if not isinstance(space, Box) and support is not None and not support.is_discrete:
        raise ValueError(
            f"action_space is {space}, but the policy's {type(dist).__name__} draws continuous "
            f"actions, of dtype {act.dtype}."
        )
    shape, got = tuple(space.shape or ()), tuple(act.shape[1:])
    if math.prod(got) != math.prod(shape):
        raise ValueError(
            f"action_space {space} has actions of shape {shape}, but the policy's have shape "
            f"{got}. {_advice_on_shape(space, got)}"
        )
    if not isinstance(space, Box):
        _check_choices(base_of(dist), space)


def check_draws_vectors(dist: Distribution, space: gym.Space[Any]) -> None:
    """Reject a Categorical, which draws the number of a choice, for a Box of real vectors."""
    is_real = isinstance(space, Box) and np.issubdtype(space.dtype, np.floating)
    if is_real and isinstance(base_of(dist), Categorical):
        raise ValueError(
            f"action_space is {space}, whose actions are real numbers, but the policy's "
            f"{type(dist).__name__} draws the number of a choice. Write dist_fn=lambda loc_scale: "
            "Independent(Normal(*loc_scale), 1) for an actor that returns ((loc, scale), state), "
            "or override map_action to turn the number into an action."
        )


def check_drawn(act: Tensor, dist: Distribution, space: gym.Space[Any]) -> None:
    """Reject a choice that the space does not have, of a distribution that may draw any number.

    How many choices a Categorical has is known, and is checked before it draws a wrong one.
    """
    if isinstance(space, Box) or isinstance(base_of(dist), Categorical):
        return
    choices = torch.as_tensor(choices_of(space), device=act.device)
    if act.ndim == 0 or math.prod(act.shape[1:]) != choices.numel():
        return  # the shape is checked elsewhere
    drawn = act.reshape(len(act), -1)
    illegal = (drawn < 0) | (drawn >= choices.reshape(1, -1))
    if illegal.any():
        raise ValueError(
            f"action_space is {space}, but the policy's {type(dist).__name__} drew "
            f"{drawn[illegal][0].item():g}. It must draw whole numbers from 0 to "
            f"{int(choices.max()) - 1} (`map_action` adds the start of the space)."
        )


def check_sizes(dist_fn: Any, space: gym.Space[Any]) -> None:
    """Require IndependentCategoricals of the sizes that the space has."""
    if isinstance(dist_fn, IndependentCategoricals) and not isinstance(space, Box):
        sizes = tuple(choices_of(space).ravel().tolist())
        if tuple(dist_fn.sizes) != sizes:
            raise ValueError(
                f"dist_fn is made for components of {dist_fn.sizes} choices, but action_space is "
                f"{space}. Write IndependentCategoricals({sizes})."
            )


def choices_of(space: Any) -> AnyArray:
    """Return the number of choices of each component of a discrete action, as an array.

    Example:
        >>> choices_of(gym.spaces.Discrete(3)), choices_of(gym.spaces.MultiBinary(2))
        (array(3), array([2, 2]))
    """
    if isinstance(space, Discrete):
        return np.array(int(space.n))
    return np.full(space.shape, 2) if isinstance(space, MultiBinary) else np.asarray(space.nvec)


def _check_choices(base: Distribution, space: gym.Space[Any]) -> None:
    """Require as many choices as the space has, where the class of the distribution tells."""
    choices = choices_of(space)
    if isinstance(base, Bernoulli) and (choices != 2).any():
        raise ValueError(_wrong_number(base, space, 2))
    if not isinstance(base, Categorical):
        return
    offered = base.param_shape[-1]
    widest = int(choices.max())
    too_many = offered > widest and choices.size == 1
    # A class derived from Categorical may hold only the choices that are legal.
    too_few = offered < widest and type(base) is Categorical
    if too_many or too_few:
        raise ValueError(_wrong_number(base, space, offered))
    illegal = np.arange(offered) >= choices.reshape(-1, 1)  # [components, offered]
    if illegal.any() and (base.probs.reshape(-1, *illegal.shape)[:, illegal] > 0).any():
        raise ValueError(_wrong_number(base, space, offered))


def _wrong_number(base: Distribution, space: Any, offered: int) -> str:
    """Return the message about a number of choices that is not that of the space."""
    got = f"action_space is {space}, but the policy's {type(base).__name__} chooses among {offered}"
    if not isinstance(space, Discrete):
        return f"{got} values in a component. {_advice_on_components(space)}"
    one = " (action_space.shape is (), which makes one)" if offered == 1 else ""
    return f"{got} actions. The actor needs action_space.n = {space.n} outputs{one}."


def _advice_on_shape(space: Any, got: tuple[int, ...]) -> str:
    """Return what to write where actions have another shape than those of the space."""
    if isinstance(space, Discrete):
        return "Write dist_fn=lambda logits: Categorical(logits=logits), for logits [B, n]."
    if got == space.shape[1:]:
        single = "If it is the action_space of a vector environment, give its single_action_space."
        return f"{single} Otherwise: {_advice_on_components(space)}"
    return _advice_on_components(space)


def _advice_on_components(space: Any) -> str:
    """Return the actor and dist_fn that suit a space whose actions have several components."""
    if isinstance(space, Box):
        return (
            f"An actor for it returns loc and scale with {math.prod(space.shape)} numbers per row."
        )
    if isinstance(space, MultiBinary):
        outputs = f"action_space.n = {space.n}"
        dist_fn = "lambda logits: Independent(Bernoulli(logits=logits), 1)"
    else:
        sizes = tuple(choices_of(space).ravel().tolist())
        outputs = f"sum(action_space.nvec) = {sum(sizes)}"
        dist_fn = f"pg_edu.distributions.IndependentCategoricals({sizes})"
    return f"The actor needs {outputs} outputs, and dist_fn={dist_fn}."


# Parameters


def cause_of_nan(actor: nn.Module, obs: Any) -> str:
    """Return a sentence about what makes an actor's output NaN; empty if that is not known."""
    found = _first(np.isnan, obs, "obs")
    if found is not None:
        name, row = found
        return f"{name} holds NaN in row {row} (environment {row}, if this is while collecting)."
    for name, parameter in actor.named_parameters():
        if not is_lazy(parameter) and not torch.isfinite(parameter).all():
            return f"The actor's parameter {name} is not finite."
    found = _first(np.isinf, obs, "obs")
    return "" if found is None else f"{found[0]} holds infinity in row {found[1]}."


@contextmanager
def finite_parameters(actor: nn.Module, before: Before) -> Iterator[None]:
    """Raise after this block if its steps have made a parameter NaN or infinite.

    If a later step of the block fails because of such a parameter, this error replaces its error.
    """
    try:
        yield
    except ValueError:
        _check_parameters(actor, before)
        raise
    _check_parameters(actor, before)


@torch.no_grad()
def _check_parameters(actor: nn.Module, before: Before) -> None:
    for name, parameter in actor.named_parameters():
        if parameter.grad is None or (_is_finite(parameter) and _is_finite(parameter.grad)):
            continue
        kind = "NaN" if torch.isnan(parameter).any() else "infinite"
        fault = f"the update has made the actor's parameter {name} {kind}"
        if not _has_become_infinite(parameter, before.value_of(parameter)):
            if not torch.isnan(parameter.grad).any():
                continue
            # Some optimizers, such as Rprop, skip NaN in a gradient without a word.
            fault = f"the update has left out a part of the actor's parameter {name}"
        if torch.isfinite(parameter.grad).all():
            raise ValueError(f"{fault}: try a smaller learning rate, or clip the gradient.")
        raise ValueError(
            f"{fault}, because its gradient is not finite although the loss is. Look in actor and "
            "dist_fn for what has no derivative where it is used: sqrt or norm at 0, std of one "
            "number, or `where` around one of these."
        )


def _is_finite(values: Tensor) -> bool:
    """Tell whether the sum of these values is finite: then each of them is."""
    return math.isfinite(abs(values.sum().item()))


def _has_become_infinite(parameter: Tensor, before: Tensor) -> bool:
    """Tell whether a parameter holds NaN, or an infinity that it did not hold before."""
    if torch.isfinite(parameter).all():
        return False
    was_finite = torch.isfinite(before)  # -inf may have been a mask
    return bool((torch.isnan(parameter) | (torch.isinf(parameter) & was_finite)).any())


# Modules


def modes_that_differ(actor: nn.Module) -> list[str]:
    """Return a message for each kind of module that acts in eval mode and learns in train mode."""
    kinds = {}
    for module in actor.modules():
        rate = getattr(module, "p", 0) if isinstance(module, _DropoutNd) else 0
        if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
            rate = module.dropout
        if module.training and rate > 0:
            kinds["dropout"] = "drops units at random"
        if module.training and isinstance(module, _BatchNorm):
            kinds["batch norm"] = "normalizes by the statistics of the minibatch"
    return [
        f"the actor has {kind}: it acts in eval mode, but learn scores its actions in train mode, "
        f"which {effect}. So the policy that is scored is not the one that acted (as in Tianshou "
        "v1.1.0). Use an actor without it."
        for kind, effect in kinds.items()
    ]
