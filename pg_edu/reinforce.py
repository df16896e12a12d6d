"""REINFORCE: observations in, actions out, and the update that makes good actions likelier.

    Gₜ   = rₜ + γ Gₜ₊₁                                (PGPolicy.process_fn)
    loss = - mean over steps of  log π(aₜ | sₜ) Gₜ    (PGPolicy.learn)

Source: Williams (1992); the API and the numbers are those of Tianshou v1.1.0, PGPolicy.
"""

import inspect
import math
import warnings
from collections.abc import Iterator
from copy import copy
from typing import Any, Generic, cast

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import TypeVar

from pg_edu import types
from pg_edu.actions import BoundMethod
from pg_edu.base_policy import (
    BasePolicy,
    MultipleLRSchedulers,
    episode_ends,
)
from pg_edu.batch import Batch, to_numpy
from pg_edu.buffer import ReplayBuffer
from pg_edu.distributions import check_distribution, make_distribution
from pg_edu.hidden_state import leaves
from pg_edu.log_probs import checked_log_prob
from pg_edu.returns import discounted_returns
from pg_edu.stats import PGTrainingStats, RunningMeanStd, SequenceSummaryStats
from pg_edu.types import Flags, Floats, Ints, TDistFnDiscrOrCont

WITHOUT_MEMORY = (
    "the actor returns a hidden state, but PGPolicy.learn scores every row without one, as "
    "Tianshou v1.1.0 does: with other probabilities than those that the actions were drawn with. "
    "To learn with the memory that acted, write pg_edu.RecurrentPGPolicy in place of PGPolicy."
)
NOT_FOR_LEARN = {"rew", "terminated", "truncated", "done", "obs_next"}  # replaced by the returns
TPGTrainingStats = TypeVar("TPGTrainingStats", bound=PGTrainingStats, default=PGTrainingStats)


class PGPolicy(BasePolicy[TPGTrainingStats], Generic[TPGTrainingStats]):
    """REINFORCE: make each action likelier in proportion to the return that followed it.

    Args:
        actor: (obs, state=None, info=...) -> (dist_input, state). dist_input is what `dist_fn`
            takes: logits or probabilities [B, A]; for a Gaussian the tuple (loc, scale), [B, A].
        optim: optimizer over the actor's parameters.
        dist_fn: dist_input -> torch.distributions.Distribution, called with one argument, e.g.
            `lambda logits: Categorical(logits=logits)` or
            `lambda loc_scale: Independent(Normal(*loc_scale), 1)`.
        action_space: of one environment.
        discount_factor: γ in [0, 1].
        reward_normalization: whether to normalize the *returns* by their running mean and standard
            deviation.
        deterministic_eval: whether to take the distribution's mode outside a training step.
        observation_space: of one environment; stored, not used.
        action_scaling, action_bound_method, lr_scheduler: see `BasePolicy`.

    Raises:
        ValueError: an argument is out of range, or the optimizer holds none of the actor's
            parameters.

    Source: Williams (1992), Simple statistical gradient-following algorithms for connectionist
    reinforcement learning, equation 4; Tianshou v1.1.0, PGPolicy.

    Example:
        >>> space = gym.spaces.Discrete(2)
        >>> class Actor(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.net = nn.Linear(4, 2)
        ...     def forward(self, obs, state=None, info=None):
        ...         return self.net(torch.as_tensor(obs)), state
        >>> actor = Actor()
        >>> policy = PGPolicy(actor=actor, optim=torch.optim.Adam(actor.parameters()),
        ...     dist_fn=lambda logits: Categorical(logits=logits),
        ...     action_space=space, action_scaling=False)
        >>> policy(Batch(obs=np.zeros((3, 4), np.float32))).act.shape
        torch.Size([3])
    """

    def __init__(
        self,
        *,
        actor: nn.Module,
        optim: torch.optim.Optimizer,
        dist_fn: TDistFnDiscrOrCont,
        action_space: gym.Space[Any],
        discount_factor: float = 0.99,
        reward_normalization: bool = False,
        deterministic_eval: bool = False,
        observation_space: gym.Space[Any] | None = None,
        action_scaling: bool = True,
        action_bound_method: BoundMethod = "clip",
        lr_scheduler: LRScheduler | MultipleLRSchedulers | None = None,
    ) -> None:
        super().__init__(
            action_space=action_space,
            observation_space=observation_space,
            action_scaling=action_scaling,
            action_bound_method=action_bound_method,
            lr_scheduler=lr_scheduler,
        )
        if not 0.0 <= discount_factor <= 1.0:
            raise ValueError(f"discount_factor must be in [0, 1], got {discount_factor}.")
        _check_optimizer(actor, optim)
        if isinstance(action_space, Box):
            _warn_of_double_bounding(actor, action_scaling, action_bound_method)
        self.actor = actor
        self.optim = optim
        self.dist_fn = dist_fn
        self.gamma = discount_factor
        self.rew_norm = reward_normalization
        self.ret_rms = RunningMeanStd()
        self.deterministic_eval = deterministic_eval
        self._warned: set[str] = set()  # the warnings given so far
        self.register_load_state_dict_pre_hook(_keep_statistics_if_absent)  # type: ignore[no-untyped-call]

    def forward(
        self, batch: types.ObsBatchProtocol, state: Any = None, **kwargs: Any
    ) -> types.DistBatchProtocol:
        """Return actions for observations, drawn from the actor's distribution.

        Args:
            batch: with `obs` ([B, ...]) and, if the actor reads it, `info`.
            state: the hidden state of a recurrent actor.

        Returns:
            A new Batch: `logits` (the actor's output; for a Gaussian the tuple (loc, scale)), `act`
            ([B] or [B, A], raw), `state`, `dist`.
        """
        dist_input, hidden = self._call_actor(batch, state)
        dist = make_distribution(self.dist_fn, dist_input)
        greedy = self.deterministic_eval and not self.is_within_training_step
        if self.examines_outputs or greedy:  # unlike `sample`, `mode` accepts NaN
            self._check(dist, dist_input, rows=len(batch.obs))
        try:
            act = dist.mode if greedy else dist.sample()
        except RuntimeError:  # torch cannot sample, for example from NaN; say why
            self._check(dist, dist_input, rows=len(batch.obs))
            raise
        if self.examines_outputs:
            _check_fits_space(act, dist, self.action_space)
        logits = _of_equal_rank(dist_input)
        result = {"logits": logits, "act": act, "state": _dicts_as_batches(hidden), "dist": dist}
        return cast(types.DistBatchProtocol, Batch.of(result))

    def _call_actor(self, batch: types.ObsBatchProtocol, state: Any) -> tuple[Any, Any]:
        """Return the output of the actor, (dist_input, hidden state), or raise."""
        info = batch.info if "info" in batch else Batch()
        try:
            output = self.actor(batch.obs, state=state, info=info)
        except TypeError:
            _check_actor_signature(self.actor, batch.obs, state, info)
            raise
        return _checked_output(output)

    def _check(self, dist: Distribution, dist_input: Any, rows: int) -> None:
        check_distribution(dist, dist_input, self.dist_fn, rows, self._warn_once)

    def process_fn(
        self, batch: types.RolloutBatchProtocol, buffer: ReplayBuffer, indices: Ints
    ) -> types.BatchWithReturnsProtocol:
        """Add `batch.returns`, the discounted return Gₜ of every row (float64, [B]); return batch.

        An episode ends at a terminated or truncated row, or at the newest row of an unfinished one.
        Unless it terminated there, γ times the running mean of the returns is added, as the value
        of what follows (0 until `reward_normalization` or a loaded state changes it).
        With `reward_normalization` the returns are normalized by the running mean and variance as
        they were before this batch: (G - mean) / sqrt(var + 1e-8).

        Args:
            batch: rows of whole episodes, in any order; it gives the rewards and flags.
            buffer: their buffer; it says which rows are terminated or unfinished.
            indices: the rows' indices in the buffer, [B].

        Raises:
            ValueError: a reward is not finite, or a row's successor is missing. Nothing changes.

        Source: Sutton & Barto (2018), equation 3.8; Tianshou v1.1.0, PGPolicy.process_fn.
        """
        rew = np.asarray(batch.rew, np.float64)
        end = episode_ends(batch, buffer, indices)
        _check_finite_rewards(rew, indices)
        bootstrap = np.where(buffer.terminated[indices], 0.0, self.ret_rms.mean)
        order: Any = slice(None)
        place: Any = slice(None)
        if not _is_in_order_of_time(indices, end, buffer):  # sample(0) returns rows in order
            order, place = order_of_time(indices, buffer)
            _check_complete(indices[order], end[order], buffer)
        returns = discounted_returns(rew[order], end[order], self.gamma, bootstrap[order])[place]
        if not np.isfinite(returns).all():
            raise ValueError("the returns are not finite: the rewards are too large to sum.")
        if self.rew_norm:
            batch.returns = (returns - self.ret_rms.mean) / np.sqrt(self.ret_rms.var + 1e-8)
            self.ret_rms.update(returns)
        else:
            batch.returns = returns
        return cast(types.BatchWithReturnsProtocol, batch)

    def learn(
        self,
        batch: types.BatchWithReturnsProtocol,
        batch_size: int | None,
        repeat: int,
        *args: Any,
        **kwargs: Any,
    ) -> TPGTrainingStats:
        """Take gradient steps on loss = -mean(log_prob * returns) over the rows of a minibatch.

        The mean is over steps, not episodes: with episodes of different lengths its expectation is
        not proportional to the policy gradient. An actor with memory is asked about each row
        without its hidden state (see `RecurrentPGPolicy`).

        Args:
            batch: with `obs`, `act` (raw) and `returns`, B rows. `forward` gets these and whatever
                else is in the batch, except what the returns replace (rewards, flags, next
                observations).
            batch_size: the number of rows in a minibatch; None, 0 or -1: all. A smaller remainder
                joins the last minibatch.
            repeat: the number of passes over the batch, each in a new random order.

        Returns:
            The statistics, where `loss` summarizes the losses of all minibatches.

        Raises:
            ValueError: before a step, shapes or values that would train the wrong thing; after the
                last step, a parameter that has become NaN.
        """
        _check_learnable(batch, batch_size)
        columns = Batch({k: v for k, v in batch.items() if k not in NOT_FOR_LEARN})
        losses: list[float] = []
        for _ in range(repeat):
            for minibatch in self._minibatches(columns, batch_size):
                losses.append(self._step(minibatch))
        self._check_parameters()
        stats = PGTrainingStats(loss=SequenceSummaryStats.from_sequence(losses))
        return cast(TPGTrainingStats, stats)

    def _minibatches(self, columns: Batch, batch_size: int | None) -> Iterator[Any]:
        return columns.split(batch_size or -1, merge_last=True)

    def _step(self, minibatch: types.BatchWithReturnsProtocol) -> float:
        """Take one gradient step and return the loss before it."""
        self.optim.zero_grad()
        loss = self._loss(minibatch)
        value = loss.item()
        if not math.isfinite(value):
            raise ValueError(
                f"the loss is {value}: look for actions of probability 0, observations or "
                "parameters that are not finite."
            )
        loss.backward()  # type: ignore[no-untyped-call]
        self.optim.step()
        return value

    def _loss(self, minibatch: types.BatchWithReturnsProtocol) -> Tensor:
        result = self(minibatch)  # draws actions too, as v1.1.0 does: it moves torch's generator
        self._warn_of_unused_memory(result.get("state"))
        act = torch.as_tensor(minibatch.act, dtype=result.act.dtype, device=result.act.device)
        returns = torch.as_tensor(minibatch.returns, dtype=torch.float, device=act.device).flatten()
        log_prob = checked_log_prob(result.dist, act).reshape(len(returns), -1).T  # [1 or A, B]
        if len(log_prob) > 1:
            self._warn_of_mean_over_dimensions(result.dist.batch_shape[1:])
        return -(log_prob * returns.expand_as(log_prob)).mean()

    def _check_parameters(self) -> None:
        """Raise if the steps of `learn` have made a parameter NaN."""
        for name, parameter in self.actor.named_parameters():
            was_updated = parameter.grad is not None
            if was_updated and torch.isnan(parameter).any():
                raise ValueError(
                    f"the update has made the actor's parameter {name} NaN: try a smaller "
                    "learning rate, or clip the gradient."
                )

    def _warn_of_unused_memory(self, hidden: Any) -> None:
        if next(leaves(hidden), None) is not None:
            self._warn_once(WITHOUT_MEMORY)

    def _warn_of_mean_over_dimensions(self, dimensions: torch.Size) -> None:
        shape = ", ".join(map(str, dimensions))
        self._warn_once(
            f"log_prob has shape [B, {shape}]: the loss is the mean over all of it, so its "
            "gradient is the joint one divided by the number of action dimensions. Wrap the "
            "distribution in torch.distributions.Independent(dist, 1) to sum them."
        )

    def _warn_once(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            warnings.warn(message, stacklevel=4)

    def update(
        self, sample_size: int | None, buffer: ReplayBuffer | None, **kwargs: Any
    ) -> TPGTrainingStats:
        """Update as `BasePolicy.update` does; after an error, `ret_rms` is also as before."""
        before = copy(self.ret_rms)
        try:
            return super().update(sample_size, buffer, **kwargs)
        except BaseException:
            self.ret_rms = before
            raise

    def get_extra_state(self) -> dict[str, float]:
        """Return the running statistics of the returns as plain numbers, for `state_dict`."""
        rms = self.ret_rms
        return {"mean": float(rms.mean), "var": float(rms.var), "count": int(rms.count)}

    def set_extra_state(self, state: dict[str, float]) -> None:
        """Restore the running statistics of the returns, for `load_state_dict`."""
        self.ret_rms.mean = state["mean"]
        self.ret_rms.var = state["var"]
        self.ret_rms.count = int(state["count"])


def _keep_statistics_if_absent(
    policy: PGPolicy[Any], state_dict: dict[str, Any], prefix: str, *args: Any
) -> None:
    # A state dict of Tianshou v1.1.0 has no statistics; with these it loads with strict=True.
    state_dict.setdefault(f"{prefix}_extra_state", policy.get_extra_state())


def _check_optimizer(actor: nn.Module, optim: torch.optim.Optimizer) -> None:
    """Require an optimizer that holds some of the actor's parameters."""
    held = {id(parameter) for group in optim.param_groups for parameter in group["params"]}
    if not any(id(parameter) in held for parameter in actor.parameters()):
        raise ValueError(
            "optim holds none of the actor's parameters, so nothing would be learned. "
            "Write e.g. torch.optim.Adam(actor.parameters())."
        )


def _warn_of_double_bounding(actor: nn.Module, scaling: bool, bound_method: BoundMethod) -> None:
    """Warn about an actor that bounds or scales its mean when the policy does so again."""
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


def _check_actor_signature(actor: nn.Module, obs: Any, state: Any, info: Any) -> None:
    """Require an actor that takes (obs, state=..., info=...)."""
    try:
        inspect.signature(actor.forward).bind(obs, state=state, info=info)
    except TypeError as error:
        raise TypeError(
            f"actor of type {type(actor).__name__} cannot be called as actor(obs, state=None, "
            f"info=...) -> (dist_input, state): {error}. Wrap it in a module with that signature, "
            "such as pg_edu.Net or pg_edu.Actor."
        ) from error


def _checked_output(output: Any) -> tuple[Any, Any]:
    """Return an actor's output, (dist_input, state), or raise if it is something else."""
    if not isinstance(output, tuple) or len(output) != 2:
        raise ValueError(
            f"actor must return the tuple (dist_input, state), got {type(output).__name__}. "
            "An actor without memory returns (dist_input, None)."
        )
    return output


def _of_equal_rank(dist_input: Any) -> Any:
    """Return the parts of a tuple broadcast together, if they differ in the number of axes."""
    if isinstance(dist_input, tuple) and len({part.ndim for part in dist_input}) > 1:
        return torch.broadcast_tensors(*dist_input)  # type: ignore[no-untyped-call]
    return dist_input


def _dicts_as_batches(state: Any) -> Any:
    """Return a hidden state with its dicts as Batches; `Batch(...)` would join a tuple (h, c)."""
    if isinstance(state, dict):
        return Batch.of({key: _dicts_as_batches(value) for key, value in state.items()})
    return state


def _check_fits_space(act: Tensor, dist: Distribution, space: gym.Space[Any]) -> None:
    """Require that the policy's actions are actions of the space."""
    if isinstance(space, Discrete):
        if isinstance(dist, Categorical) and dist.param_shape[-1] > space.n:
            raise ValueError(
                f"action_space is {space}, but the policy's Categorical chooses among "
                f"{dist.param_shape[-1]} actions."
            )
        if dist.support is not None and not dist.support.is_discrete:
            raise ValueError(
                f"action_space is {space}, but the policy's {type(dist).__name__} draws continuous "
                f"actions, of dtype {act.dtype}."
            )
        return
    if act.shape[1:].numel() != np.prod(space.shape or ()):
        raise ValueError(
            f"action_space {space} has actions of shape {space.shape}, but the policy's have shape "
            f"{tuple(act.shape[1:])}. If it is the action_space of a vector environment, "
            "give its single_action_space."
        )


def _check_finite_rewards(rew: Floats, indices: Ints) -> None:
    """Reject a reward that is not finite: it would spoil every return before it."""
    bad = np.flatnonzero(~np.isfinite(rew))
    if len(bad) > 0:
        raise ValueError(
            f"rewards must be finite, but row {bad[0]} of the batch (buffer index "
            f"{indices[bad[0]]}) has {rew[bad[0]]}."
        )


def order_of_time(indices: Ints, buffer: ReplayBuffer) -> tuple[Ints, Ints]:
    """Return the rows of a batch oldest first, each once, and the place of each row among them."""
    stored = buffer.sample_indices(0)
    age = np.full(buffer.maxsize, -1)
    age[stored] = np.arange(len(stored))
    _, oldest_first, place = np.unique(age[indices], return_index=True, return_inverse=True)
    return oldest_first, place


def _is_in_order_of_time(indices: Ints, end: Flags, buffer: ReplayBuffer) -> bool:
    """Tell whether each row ends its episode or is followed by its successor."""
    is_followed = np.append(indices[1:] == buffer.successor(indices)[:-1], False)
    return bool((end | is_followed).all())


def _check_complete(indices: Ints, end: Flags, buffer: ReplayBuffer) -> None:
    """Require that no row is missing: once sorted, the rows are in time order."""
    if not _is_in_order_of_time(indices, end, buffer):
        raise ValueError(
            "a row of the batch has no successor in it, so its return cannot be known. "
            "Sample whole episodes: sample_size=0 (all rows)."
        )


def _check_learnable(batch: types.BatchWithReturnsProtocol, batch_size: int | None) -> None:
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
