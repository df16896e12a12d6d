"""REINFORCE: observations in, actions out, and the update that makes good actions likelier.

    Gₜ   = rₜ + γ Gₜ₊₁                                (PGPolicy.process_fn)
    loss = - mean over steps of  log π(aₜ | sₜ) Gₜ    (PGPolicy.learn)

Source: Williams (1992); the API and the numbers are those of Tianshou v1.1.0, PGPolicy.
"""

import inspect
import math
from collections.abc import Iterator
from copy import copy
from typing import Any, Generic, cast

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor, nn
from torch.distributions import Distribution
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
from pg_edu.checks import refuses_older_arguments, warn
from pg_edu.distributions import check_distribution, make_distribution, mode_of
from pg_edu.examine import (
    cause_of_nan,
    check_drawn,
    check_draws_vectors,
    check_fits_space,
    check_learnable,
    check_observations,
    check_returns,
    check_rewards,
    check_sizes,
    finite_parameters,
    modes_that_differ,
)
from pg_edu.hidden_state import leaves
from pg_edu.infos import for_learning
from pg_edu.log_probs import checked_log_prob
from pg_edu.returns import discounted_returns
from pg_edu.rollback import restored_on_error
from pg_edu.stats import PGTrainingStats, RunningMeanStd, SequenceSummaryStats
from pg_edu.types import Flags, Ints, TDistFnDiscrOrCont

WITHOUT_MEMORY = (
    "the actor returns a hidden state, but PGPolicy.learn scores every row without one, as "
    "Tianshou v1.1.0 does, so with other probabilities than those with which actions were drawn. "
    "To learn with the memory that acted, write pg_edu.RecurrentPGPolicy in place of PGPolicy."
)
NOT_FOR_LEARN = {"rew", "terminated", "truncated", "done", "obs_next"}  # replaced by the returns
NO_STATISTICS = {"mean": 0.0, "var": 1.0, "count": 0}
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

    An actor with dropout or batch norm acts in eval mode (`Collector`) and is scored in train mode
    (`update`), as in Tianshou v1.1.0. So the policy that is scored is not quite the one that acted;
    a warning says so.

    Raises:
        ValueError: an argument is out of range, or the optimizer holds none of the actor's
            parameters.
        TypeError: an argument is passed by position, or by the name that it has in another version
            of Tianshou.

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
        ...     dist_fn=lambda logits: torch.distributions.Categorical(logits=logits),
        ...     action_space=space, action_scaling=False)
        >>> policy(Batch(obs=np.zeros((3, 4), np.float32))).act.shape
        torch.Size([3])
    """

    _version = 2  # of its state dicts; torch writes it into their metadata

    @refuses_older_arguments
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
        check_sizes(dist_fn, action_space)
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
        self.register_load_state_dict_pre_hook(_complete_statistics)  # type: ignore[no-untyped-call]

    def forward(
        self, batch: types.ObsBatchProtocol, state: Any = None, **kwargs: Any
    ) -> types.DistBatchProtocol:
        """Return actions for observations, drawn from the actor's distribution.

        Args:
            batch: with `obs` ([B, ...]) and, if the actor reads it, `info`; rows of a buffer have
                `obs_info`, what the policy saw when it acted, and the actor gets that.
            state: the hidden state of an actor with memory.

        Returns:
            A new Batch: `logits` (the actor's output; for a Gaussian the tuple (loc, scale)), `act`
            ([B] or [B, A], raw), `state`, `dist`.
        """
        dist_input, hidden = self._call_actor(batch, state)
        try:
            dist, act = self._distribution_and_draw(dist_input, batch.obs)
        except ValueError as error:
            raise ValueError(f"{error} {cause_of_nan(self.actor, batch.obs)}".strip()) from error
        if self.examines_outputs:
            self._check_fits_space(act, dist)
        logits = _of_equal_rank(dist_input)
        result = {"logits": logits, "act": act, "state": _dicts_as_batches(hidden), "dist": dist}
        return cast(types.DistBatchProtocol, Batch.of(result))

    def _call_actor(self, batch: types.ObsBatchProtocol, state: Any) -> tuple[Any, Any]:
        """Return the output of the actor, (dist_input, hidden state), or raise."""
        info = _info_for_actor(batch)
        try:
            output = self.actor(batch.obs, state=state, info=info)
        except TypeError:
            _check_actor_signature(self.actor, batch.obs, state, info)
            raise
        return _checked_output(output)

    def _distribution_and_draw(self, dist_input: Any, obs: Any) -> tuple[Distribution, Tensor]:
        """Return dist_fn(dist_input), and its mode (if the policy is greedy) or a draw from it."""
        dist = make_distribution(self.dist_fn, dist_input)
        greedy = self.deterministic_eval and not self.is_within_training_step
        if self.examines_outputs or greedy:  # unlike `sample`, `mode` accepts NaN
            check_distribution(dist, dist_input, self.dist_fn, len(obs), self._warn_once)
        try:
            return dist, mode_of(dist) if greedy else dist.sample()
        except RuntimeError:  # torch cannot sample, for example from NaN; say why
            check_distribution(dist, dist_input, self.dist_fn, len(obs), self._warn_once)
            raise

    def _check_fits_space(self, act: Tensor, dist: Distribution) -> None:
        # Another map_action may map choices to vectors, or numbers to choices.
        is_mapped_as_here = type(self).map_action is BasePolicy.map_action
        if is_mapped_as_here:
            check_draws_vectors(dist, self.action_space)
        check_fits_space(act, dist, self.action_space)
        if is_mapped_as_here:
            check_drawn(act, dist, self.action_space)

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
            ValueError: a reward or return is not finite, an observation holds NaN, or a row's
                successor is missing. Nothing changes.

        Source: Sutton & Barto (2018), equation 3.8; Tianshou v1.1.0, PGPolicy.process_fn.
        """
        rew = np.asarray(batch.rew, np.float64)
        end = episode_ends(batch, buffer, indices)
        check_rewards(rew, buffer, indices)
        check_observations(vars(batch).get("obs"), buffer, indices)
        bootstrap = np.where(buffer.terminated[indices], 0.0, self.ret_rms.mean)
        order: Any = slice(None)
        place: Any = slice(None)
        if not _is_in_order_of_time(indices, end, buffer):  # sample(0) returns rows in order
            order, place = order_of_time(indices, buffer)
            _check_complete(indices[order], end[order], buffer)
        returns = discounted_returns(rew[order], end[order], self.gamma, bootstrap[order])[place]
        check_returns(returns, buffer, indices)
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
                observations). Its `info` is `obs_info`, what the policy saw when it acted, if the
                batch has that (in v1.1.0 it is the info that came after the step).
            batch_size: the number of rows in a minibatch; None, 0 or -1: all. A smaller remainder
                joins the last minibatch.
            repeat: the number of passes over the batch, each in a new random order.

        Returns:
            The statistics, where `loss` summarizes the losses of all minibatches.

        Raises:
            ValueError: before the first step, shapes or values that would train the wrong thing;
                later, a loss or a parameter that is not finite. After any error parameters,
                buffers, gradients and optimizer are as before; torch's generator may have moved.

        Warns:
            UserWarning: once per policy, if a module acts in eval mode and learns in train mode
                (dropout, batch norm), or if the actor returns a hidden state, which is not used.
        """
        check_learnable(batch, batch_size)
        for message in modes_that_differ(self.actor):
            self._warn_once(message)
        columns = _columns_for_learn(batch)
        losses: list[float] = []
        with restored_on_error(self, self.optim) as before, finite_parameters(self.actor, before):
            for _ in range(repeat):
                for minibatch in self._minibatches(columns, batch_size):
                    losses.append(self._step(minibatch))
        stats = PGTrainingStats(loss=SequenceSummaryStats.from_sequence(losses))
        return cast(TPGTrainingStats, stats)

    def _minibatches(self, columns: Batch, batch_size: int | None) -> Iterator[Any]:
        return Batch.split(columns, batch_size or -1, merge_last=True)

    def _step(self, minibatch: types.BatchWithReturnsProtocol) -> float:
        """Take one gradient step and return the loss before it."""
        loss = self._loss(_with_info_acted_on(minibatch))
        value = loss.item()
        if not math.isfinite(value):
            raise ValueError(
                f"the loss is {value}: look for actions of probability 0, observations or "
                f"parameters that are not finite. {cause_of_nan(self.actor, minibatch.obs)}".strip()
            )
        _check_can_learn(loss)
        self.optim.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        try:
            self.optim.step()
        except TypeError:
            _check_steps_alone(self.optim)
            raise
        return value

    def _loss(self, minibatch: types.BatchWithReturnsProtocol) -> Tensor:
        # `forward` draws actions too, as v1.1.0 does: it moves torch's generator.
        result = self(minibatch)
        self._warn_of_unused_memory(result.get("state"))
        act = torch.as_tensor(minibatch.act, dtype=result.act.dtype, device=result.act.device)
        returns = torch.as_tensor(minibatch.returns, dtype=torch.float, device=act.device).flatten()
        scores = checked_log_prob(result.dist, act)
        log_prob = scores.reshape(len(returns), -1).T  # [1 or A, B]
        if len(log_prob) > 1:
            self._warn_of_mean_over_dimensions(scores.shape[1:])
        return -(log_prob * returns.expand_as(log_prob)).mean()

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
            warn(message)

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
        """Return the running statistics of the returns as plain numbers, for `state_dict`.

        A state dict has them as "_extra_state", but only if there are any (`reward_normalization`).
        Before Tianshou v1.1.0 loads one that has them, write `state.pop("_extra_state", None)`.
        """
        rms = self.ret_rms
        return {"mean": float(rms.mean), "var": float(rms.var), "count": int(rms.count)}

    def set_extra_state(self, state: dict[str, float]) -> None:
        """Restore the running statistics of the returns, for `load_state_dict`."""
        self.ret_rms.mean = state["mean"]
        self.ret_rms.var = state["var"]
        self.ret_rms.count = int(state["count"])

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.get_extra_state() == NO_STATISTICS:
            del destination[f"{prefix}_extra_state"]


def _info_for_actor(batch: types.BatchProtocol) -> Any:
    """Return the info that the policy acted on if the batch has it, and otherwise `info`."""
    if "obs_info" in batch:
        return for_learning(batch.obs_info)
    return batch.info if "info" in batch else Batch()


def _columns_for_learn(batch: types.BatchWithReturnsProtocol) -> Batch:
    """Return what the minibatches are made of: what `forward` gets, actions and returns."""
    unused = NOT_FOR_LEARN | ({"info"} if "obs_info" in batch else set())
    return Batch({key: value for key, value in vars(batch).items() if key not in unused})


def _with_info_acted_on(minibatch: Any) -> Any:
    """Return the minibatch with `obs_info`, if there is one, in the place of `info`."""
    if "obs_info" in minibatch:
        minibatch.info = for_learning(Batch.pop(minibatch, "obs_info"))
    return minibatch


def _complete_statistics(
    policy: PGPolicy[Any], state_dict: dict[str, Any], prefix: str, metadata: Any, *args: Any
) -> None:
    """Let a state dict without statistics load with strict=True.

    If it is one of pg_edu, which its version shows, it lacks them because there were none. One of
    Tianshou v1.1.0 never has them, so the policy keeps its own.
    """
    is_of_pg_edu = metadata.get("version") == PGPolicy._version
    absent = NO_STATISTICS if is_of_pg_edu else policy.get_extra_state()
    state_dict.setdefault(f"{prefix}_extra_state", absent)


def _check_optimizer(actor: nn.Module, optim: torch.optim.Optimizer) -> None:
    """Require an optimizer that holds some of the actor's parameters."""
    held = {id(parameter) for group in optim.param_groups for parameter in group["params"]}
    if not any(id(parameter) in held for parameter in actor.parameters()):
        raise ValueError(
            "optim holds none of the actor's parameters, so nothing would be learned. "
            "Write e.g. torch.optim.Adam(actor.parameters())."
        )


def _check_can_learn(loss: Tensor) -> None:
    """Require a loss that depends on a parameter with a gradient."""
    if not loss.requires_grad:
        raise ValueError(
            "the loss does not depend on a parameter that could learn. Look in actor and "
            "dist_fn for torch.no_grad, .detach() and .numpy(), and for parameters that are "
            "all frozen (requires_grad=False)."
        )


def _check_steps_alone(optim: torch.optim.Optimizer) -> None:
    """Require an optimizer that steps without an argument."""
    try:
        inspect.signature(optim.step).bind()
    except TypeError as error:
        raise TypeError(
            f"learn steps the optimizer without an argument, but step of {type(optim).__name__} "
            f"needs one ({error}). Write e.g. torch.optim.Adam(actor.parameters())."
        ) from error


def _warn_of_double_bounding(actor: nn.Module, scaling: bool, bound_method: BoundMethod) -> None:
    """Warn about an actor that bounds or scales its mean when the policy does so again."""
    max_action = np.asarray(to_numpy(getattr(actor, "max_action", 1.0))).tolist()
    if scaling and not np.allclose(max_action, 1.0):
        warn(
            f"action_scaling expects actions in [-1, 1], but the actor has "
            f"max_action={max_action}: actions would be scaled twice. Give the actor "
            "unbounded=True, or write action_scaling=False and action_bound_method=None."
        )
    if bound_method and not getattr(actor, "_unbounded", True):
        warn(
            "double bounding: the actor bounds its mean by tanh (unbounded=False), and "
            f"action_bound_method={bound_method!r} bounds the sampled action again. Give the actor "
            "unbounded=True."
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
