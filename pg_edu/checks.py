"""What policies, collectors and trainers are given, checked before anything wrong comes of it.

Each function raises a ValueError (or TypeError) that names the argument, what came and what was
expected, or warns. None of them changes anything.
"""

import inspect
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

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


def positive_integer(name: str, value: int) -> int:
    """A size."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")
    return int(value)


def ring_numbers(buffer_ids: Sequence[int] | NDArray[np.int64], rings: int) -> NDArray[np.int64]:
    """Distinct numbers of a buffer's rings, [B]."""
    ids = np.asarray(buffer_ids)
    ids = ids.astype(int) if ids.shape == (0,) else ids
    distinct = {*range(rings)} & {*ids.ravel().tolist()}
    if ids.ndim != 1 or ids.dtype.kind not in "iu" or len(distinct) < len(ids):
        expected = f"distinct integers in [0, {rings})"
        raise ValueError(f"buffer_ids: expected {expected}, got {buffer_ids!r}")
    return ids


def check_required(given: dict[str, Any], required: Sequence[str]) -> None:
    """Of a row that is to be stored, the fields."""
    missing = [key for key in required if key not in given]
    if missing:
        raise ValueError(f"a row needs {', '.join(required)}; missing: {', '.join(missing)}")


def check_shape(name: str, array: NDArray[Any], expected: tuple[int, ...]) -> None:
    """The leading axes of what is stored in a buffer."""
    if array.shape[: len(expected)] != expected:
        got = f"shape {list(array.shape)}" if array.shape else repr(array.item())
        sizes = ", ".join(map(str, expected))
        raise ValueError(f"{name}: expected an array of shape [{sizes}, ...], got {got}")


def check_mask(valid: NDArray[Any], rings: int) -> None:
    """Which rows of a block [T, N] are to be stored."""
    if valid.dtype != bool or valid.ndim != 2 or valid.shape[1] > rings:
        expected = f"bool [T, N], a column for each of at most {rings} rings"
        raise ValueError(f"extend: valid must be {expected}; got {valid.dtype} {valid.shape}")


def refuse_width(obs: Any, expected: int) -> NoReturn:
    """Of the flattened input of an MLP."""
    raise ValueError(
        f"obs must be a batch of rows with {expected} numbers each, or of Discrete states from 0 "
        f"to {expected - 1}, but has shape {list(obs.shape)}"
    )


def check_one_array(obs: Any) -> None:
    """What Net takes."""
    if hasattr(obs, "keys"):
        raise TypeError(
            f"obs is a dict with keys {sorted(obs.keys())}, but Net takes one array; give the "
            "policy a network of your own that puts the entries together"
        )


def output_width(net: nn.Module, given: int | None) -> int:
    """Of a network, known from its attribute `output_dim`, or given, or both the same."""
    known = getattr(net, "output_dim", given)
    if known is None or given not in (None, known):
        raise ValueError(
            f"one must tell the output width of {type(net).__name__}, or both the same: "
            f"preprocess_net_output_dim is {given}, but preprocess_net.output_dim is {known}"
        )
    return int(known)


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


def check_states(states: int, schedulers: int) -> None:
    """Of several learning-rate schedulers, as many."""
    if states != schedulers:
        raise ValueError(f"state_dict holds {states} states for {schedulers} schedulers.")


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
    """Warn if the actor bounds or scales its actions and the policy does it again."""
    max_action = np.asarray(to_numpy(getattr(actor, "max_action", 1.0))).tolist()
    if scaling and not np.allclose(max_action, 1.0):
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
    if not isinstance(output, tuple) or len(output) != 2:
        raise ValueError(
            f"actor must return the tuple (dist_input, state), got {type(output).__name__}. "
            "An actor without memory returns (dist_input, None)."
        )
    return output


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
    if not torch_checks(dist):
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


def torch_checks(dist: Distribution) -> bool:
    """Whether torch itself checks the distribution's parameters and what it scores."""
    while isinstance(dist, Independent):
        dist = dist.base_dist
    return dist._validate_args


def check_support(dist: Distribution, act: torch.Tensor) -> None:
    """A stored action must be one that the distribution can draw."""
    try:
        support = dist.support
    except NotImplementedError:  # a distribution need not say what its support is
        return
    if support is not None and not support.check(act).all():  # type: ignore[no-untyped-call]
        raise ValueError(
            f"act holds actions that {type(dist).__name__} cannot draw: they lie outside of its "
            f"support, {support}."
        )


def _check_parameters(dist: Distribution) -> None:
    """A distribution's parameters must be what they are called."""
    if isinstance(dist, Independent):
        return _check_parameters(dist.base_dist)
    for name, value in vars(dist).items():  # what it was built from comes first
        constraint = dist.arg_constraints.get(name)
        if constraint is not None and not constraint.check(value).all():  # type: ignore[no-untyped-call]
            raise ValueError(
                f"{name} of {type(dist).__name__} must satisfy {constraint}, but it holds other "
                f"values, from {value.min()} to {value.max()}."
            )


@contextmanager
def torch_does_not_check() -> Iterator[None]:
    """Within this block torch does not check the parameters of each distribution that is made.

    While collecting, that would take a tenth of the time. `PGPolicy.forward` looks at the first
    distribution after each update itself, and at every one that it does not sample from.
    """
    before = Distribution._validate_args
    try:
        Distribution.set_default_validate_args(False)
        yield
    finally:
        Distribution.set_default_validate_args(before)


def check_within_training_step(within: bool) -> None:
    """Only a policy that is being trained may be updated."""
    if not within:
        raise RuntimeError(
            "update() was called outside of a training step (is_within_training_step is False). "
            "Write `with policy_within_training_step(policy):` around it."
        )


def check_lambda_without_values(gae_lambda: float) -> None:
    """Below 1 it weighs values."""
    if not np.isclose(gae_lambda, 1.0):
        raise ValueError(
            f"gae_lambda must be 1 when v_s_ is None (there are no values to bootstrap from), "
            f"got {gae_lambda}."
        )


def check_complete(has_successors: bool) -> None:
    """The return of a row is made of all rows that follow it in its episode."""
    if not has_successors:
        raise ValueError(
            "a row of the batch has no successor in it, so its return cannot be known. "
            "Sample whole episodes: sample_size=0 (all rows)."
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
        values = np.asarray(to_numpy(batch[name]))
        with np.errstate(over="ignore"):
            finite = values.dtype.kind in "biu" or np.isfinite(values.astype(np.float32)).all()
        if not finite:
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
    if not math.isfinite(loss):
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


def check_one_of_two(**counts: int | None) -> None:
    """Exactly one count is given, and it is positive."""
    given = [count for count in counts.values() if count is not None]
    if len(given) != 1 or given[0] <= 0:
        raise ValueError(
            f"give exactly one of {' and '.join(counts)}, and a positive number, got "
            f"{', '.join(f'{name}={count}' for name, count in counts.items())}."
        )


def check_how_much(n_step: int | None, n_episode: int | None, environments: int) -> None:
    """To collect: steps or episodes; of both, enough for each environment."""
    check_one_of_two(n_step=n_step, n_episode=n_episode)
    if n_episode is not None and n_episode < environments:
        idle = f"n_episode={n_episode} leaves some of the {environments} environments idle."
        warnings.warn(idle, stacklevel=5)
    if n_step is not None and n_step % environments:
        taken = -(-n_step // environments) * environments
        more = f"n_step={n_step} is no multiple of the {environments} environments: "
        warnings.warn(f"{more}{taken} are taken.", stacklevel=5)


def check_collector_arguments(
    policy: Any, env: gym.vector.VectorEnv[Any, Any, Any], buffer_num: int
) -> None:
    """A ring for each environment, and a policy for one environment."""
    if buffer_num < env.num_envs:
        raise ValueError(
            f"buffer has {buffer_num} rings for {env.num_envs} environments. Use "
            f"VectorReplayBuffer(total_size, buffer_num={env.num_envs})."
        )
    if policy.action_space == env.action_space != env.single_action_space:
        raise ValueError(
            "the policy was given the action_space of all environments together, "
            f"{policy.action_space}. Give it env.single_action_space, {env.single_action_space}."
        )


def check_room(ring_size: int, buffer_num: int, rows: int) -> None:
    """Rows of an environment that one call collects must not overwrite one another."""
    if rows > ring_size:
        raise ValueError(
            f"buffer holds {ring_size} steps of an environment, this call collects {rows} or more: "
            f"it needs a total size of at least {rows * buffer_num}."
        )


def check_numeric_array(leaf: Any) -> None:
    """What environments and policies give, at each step."""
    if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "biufc":
        raise ValueError(
            "observations and actions must be numeric arrays or dicts of them, got "
            f"{type(leaf).__name__}: {leaf!r}."
        )


def check_hidden_state(shape: tuple[int, ...], environments: int) -> None:
    """The hidden states of all environments, of which some are to begin anew."""
    if shape[:1] != (environments,):
        raise ValueError(
            f"the policy's state must have the {environments} environments on axis 0, "
            f"got shape {list(shape)}."
        )


def check_trainer_arguments(given: dict[str, Any]) -> None:
    """Of `OnpolicyTrainer`, by name."""
    for name, default in {"resume_from_log": False, "buffer": None, "update_per_step": 1.0}.items():
        if given[name] != default:
            raise ValueError(
                f"{name}={given[name]!r} is not part of pg_edu; leave it at {default!r}"
            )
    collects = {name: given[name] for name in ("step_per_collect", "episode_per_collect")}
    check_one_of_two(**collects)
    if given["test_collector"] is not None and given["episode_per_test"] is None:
        raise ValueError("a test_collector needs episode_per_test, the episodes of one test")
    for name in ("max_epoch", "step_per_epoch", "episode_per_test"):
        count, least = given[name], int(name != "max_epoch")
        if count is not None and count < least:
            raise ValueError(f"{name} must be at least {least}, but is {count}")
    if given["stop_fn"] is not None and given["test_collector"] is None:
        warnings.warn("stop_fn: without a test_collector it is never asked", stacklevel=4)


def _warn_once(message: str, warned: set[str]) -> None:
    """Once a policy, whose messages so far are `warned`."""
    if message not in warned:
        warned.add(message)
        warnings.warn(message, stacklevel=4)
