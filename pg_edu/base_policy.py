"""The base class of policies: actions in and out of the action space, and the order of an update.

    obs --forward--> act --map_action--> env;   buffer --process_fn--> batch --learn--> parameters

A policy is collecting, updating or being tested: `is_within_training_step` is True in the first
two, `updating` only in the second.
"""

import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Literal, cast

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import TypeVar

from pg_edu import types
from pg_edu.actions import BoundMethod, from_box, to_box
from pg_edu.batch import Batch, to_numpy, to_torch_as
from pg_edu.buffer import ReplayBuffer
from pg_edu.checks import warn
from pg_edu.returns import gae, nstep_return
from pg_edu.stats import TrainingStats
from pg_edu.types import AnyArray, Flags, Floats, Ints, TArr

TTrainingStats = TypeVar("TTrainingStats", bound=TrainingStats, default=TrainingStats)


class MultipleLRSchedulers:
    """Several learning-rate schedulers that step together.

    Raises:
        TypeError: an argument is not a scheduler, such as a list of them, or it cannot step without
            an argument, such as ReduceLROnPlateau.

    Example:
        >>> optim = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> halve = torch.optim.lr_scheduler.ExponentialLR(optim, gamma=0.5)
        >>> optim.step(); MultipleLRSchedulers(halve).step(); optim.param_groups[0]["lr"]
        0.5
    """

    def __init__(self, *schedulers: LRScheduler) -> None:
        for scheduler in schedulers:
            _check_scheduler(scheduler, "MultipleLRSchedulers(first, second)")
        self.schedulers = schedulers

    def step(self) -> None:
        """Step each scheduler once."""
        for scheduler in self.schedulers:
            scheduler.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the state of each scheduler, in their order."""
        return [scheduler.state_dict() for scheduler in self.schedulers]

    def load_state_dict(self, state_dict: list[dict[str, Any]]) -> None:
        """Load what `state_dict` returned; it must hold one state per scheduler."""
        if len(state_dict) != len(self.schedulers):
            raise ValueError(
                f"state_dict holds {len(state_dict)} states for {len(self.schedulers)} schedulers."
            )
        for scheduler, state in zip(self.schedulers, state_dict, strict=True):
            scheduler.load_state_dict(state)


@contextmanager
def torch_train_mode(module: nn.Module, enabled: bool = True) -> Iterator[None]:
    """Put the module in train mode (in eval mode, if not `enabled`) within this block.

    Afterward every submodule is in the mode it was in before, even a frozen one.
    """
    modes = [(child, child.training) for child in module.modules()]
    try:
        module.train(enabled)
        yield
    finally:
        for child, mode in modes:
            child.training = mode


@contextmanager
def policy_within_training_step(policy: "BasePolicy[Any]", enabled: bool = True) -> Iterator[None]:
    """Mark the policy as being trained within this block: it samples, and may be updated.

    Afterward `is_within_training_step` is what it was before.
    """
    before = policy.is_within_training_step
    try:
        policy.is_within_training_step = enabled
        yield
    finally:
        policy.is_within_training_step = before


@contextmanager
def outputs_unexamined(policy: "BasePolicy[Any]") -> Iterator[None]:
    """Let the policy trust its actor's outputs within this block, after it has examined one.

    Examining every output would slow down collecting without finding more, because the parameters
    change only in `learn`.
    """
    if not hasattr(policy, "examines_outputs"):  # a policy of another class examines nothing
        yield
        return
    before = policy.examines_outputs
    try:
        policy.examines_outputs = False
        yield
    finally:
        policy.examines_outputs = before


class BasePolicy(nn.Module, ABC, Generic[TTrainingStats]):
    """The base class of policies; a subclass defines `forward` and `learn`, and may override more.

    Args:
        action_space: of one environment; Discrete, MultiDiscrete, MultiBinary or Box.
        observation_space: of one environment; stored, not used.
        action_scaling: whether to scale actions from [-1, 1] to the Box.
        action_bound_method: how to bring actions into [-1, 1] first: "clip", "tanh" or None (Box).
        lr_scheduler: stepped at the end of every `update`.

    Raises:
        ValueError: an unknown space or bound method; scaling without a Box of finite bounds.
        TypeError: lr_scheduler is not a scheduler, or it cannot step without an argument.

    Source: Tianshou v1.1.0, BasePolicy.
    """

    action_type: Literal["discrete", "continuous"]

    def __init__(
        self,
        *,
        action_space: gym.Space[Any],
        observation_space: gym.Space[Any] | None = None,
        action_scaling: bool = False,
        action_bound_method: BoundMethod = "clip",
        lr_scheduler: LRScheduler | MultipleLRSchedulers | None = None,
    ) -> None:
        _check_action_space(action_space, action_scaling, action_bound_method)
        if lr_scheduler is not None:
            _check_scheduler(lr_scheduler, "lr_scheduler=MultipleLRSchedulers(first, second)")
        super().__init__()
        self.action_space = action_space
        self.observation_space = observation_space
        self.action_type = "continuous" if isinstance(action_space, Box) else "discrete"
        start = np.asarray(getattr(action_space, "start", 0))
        self._start = start if start.any() else None  # of Discrete and MultiDiscrete spaces
        self.action_scaling = action_scaling
        self.action_bound_method: BoundMethod = action_bound_method
        self.lr_scheduler = lr_scheduler
        self.agent_id = 0
        self.updating = False
        self.is_within_training_step = False
        self.examines_outputs = True  # see `outputs_unexamined`

    @abstractmethod
    def forward(
        self, batch: types.ObsBatchProtocol, state: Any = None, **kwargs: Any
    ) -> types.ActBatchProtocol:
        """Return a Batch with the raw actions, `act`, and the hidden `state` (None: no memory)."""

    @abstractmethod
    def learn(self, batch: Any, *args: Any, **kwargs: Any) -> TTrainingStats:
        """Take gradient steps on a batch that `process_fn` has prepared; return the losses."""

    def update(
        self, sample_size: int | None, buffer: ReplayBuffer | None, **kwargs: Any
    ) -> TTrainingStats:
        """Sample, prepare, learn: `buffer.sample`, `process_fn`, `learn`, `post_process_fn`.

        Train mode is set for `learn` alone. The learning-rate scheduler is stepped at the end.

        Args:
            sample_size: the number of rows to sample; 0: all of them, oldest first (None: see
                `buffer.sample_indices`).
            buffer: the buffer to sample from; None: nothing happens.
            **kwargs: for `learn`, e.g. batch_size, repeat.

        Returns:
            What `learn` returns, with `train_time`, the seconds that the whole update took.

        Raises:
            RuntimeError: the policy is not within a training step. After any error, flags and modes
                are as before. If `learn` itself fails, no gradient step remains (see
                `PGPolicy.learn`); if something after it fails, they all do.
        """
        if not self.is_within_training_step:
            raise RuntimeError(
                "update() was called outside a training step (is_within_training_step is "
                "False). Write `with policy_within_training_step(policy):` around it."
            )
        if buffer is None:
            return cast(TTrainingStats, TrainingStats())
        start = time.perf_counter()
        batch, indices = buffer.sample(sample_size)
        self.updating = True
        try:
            batch = self.process_fn(batch, buffer, indices)
            with torch_train_mode(self):
                stats = self.learn(batch, **kwargs)
            self.post_process_fn(batch, buffer, indices)
            if self.lr_scheduler is not None:
                self.lr_scheduler.step()
        finally:
            self.updating = False
        stats.train_time = time.perf_counter() - start
        return stats

    def process_fn(
        self, batch: types.RolloutBatchProtocol, buffer: ReplayBuffer, indices: Ints
    ) -> types.RolloutBatchProtocol:
        """Return the sampled batch unchanged; a subclass may prepare it for `learn` here."""
        return batch

    def post_process_fn(
        self, batch: types.BatchProtocol, buffer: ReplayBuffer, indices: Ints
    ) -> None:
        """Hand `batch.weight` to `buffer.update_weight`, if both exist."""
        if hasattr(buffer, "update_weight") and hasattr(batch, "weight"):
            buffer.update_weight(indices, batch.weight)

    def process_buffer(self, buffer: ReplayBuffer) -> ReplayBuffer:
        """Return the buffer unchanged; a subclass may prepare it here."""
        return buffer

    def exploration_noise(self, act: Any, batch: types.ObsBatchProtocol) -> Any:
        """Return the actions unchanged; a subclass may add noise here."""
        return act

    def soft_update(self, tgt: nn.Module, src: nn.Module, tau: float) -> None:
        """Move the parameters of `tgt` toward those of `src`: tgt <- τ src + (1 - τ) tgt."""
        with torch.no_grad():
            for target, source in zip(tgt.parameters(), src.parameters(), strict=True):
                target.copy_(tau * source + (1 - tau) * target)

    def set_agent_id(self, agent_id: int) -> None:
        """Set the number of this agent, where there are several."""
        self.agent_id = agent_id

    def compute_action(
        self, obs: Any, info: dict[str, Any] | None = None, state: Any = None
    ) -> AnyArray | int:
        """Return the action for one observation, ready for `env.step`.

        Args:
            obs: one observation (array, number, dict), without a batch axis.
            info: the environment's info.
            state: the hidden state of a policy with memory.

        Returns:
            An int (Discrete), else an array of the shape and dtype of `action_space`. It is inside
            a Box if actions are scaled to it. Without action_scaling it is what the collector
            sends as well, and may lie outside: then the environment has to clip it.
        """
        batch = Batch(obs=_with_batch_axis(obs), info=info or Batch())
        with torch.no_grad():
            result = self.forward(cast(types.ObsBatchProtocol, batch), state=state)
        act = self.map_action(to_numpy(result.act)[0])
        if isinstance(self.action_space, Discrete):
            return int(act.item())
        return act.astype(self.action_space.dtype, copy=False).reshape(self.action_space.shape)

    def map_action(self, act: ArrayLike | TArr) -> AnyArray:
        """Return the environment action of a raw action: bounded and scaled, or shifted by `start`.

        Only the environment gets it; the raw action is what is stored and scored.

        Args:
            act: raw actions, [A], [N, A] or, for Discrete, [] or [N].

        Returns:
            A numpy array of the same shape; see `pg_edu.actions.to_box` for its dtype. Numbers of
            choices become integers: a Bernoulli draws 1.0, and an environment may refuse that.

        Raises:
            ValueError: a NaN, an action outside [-1, 1] that is to be scaled but not bounded, or
                the number of a choice that is not whole.
        """
        array = _action_to_numpy(act)
        if isinstance(self.action_space, Box):
            return to_box(array, self.action_space, self.action_bound_method, self.action_scaling)
        if array.dtype.kind == "f":
            array = _whole_numbers(array, self.action_space)
        return array if self._start is None else array + self._start

    def map_action_inverse(self, act: ArrayLike | TArr) -> AnyArray:
        """Return a raw action that `map_action` maps to this environment action."""
        array = _action_to_numpy(act)
        if isinstance(self.action_space, Box):
            return from_box(array, self.action_space, self.action_bound_method, self.action_scaling)
        return array if self._start is None else array - self._start

    @staticmethod
    def value_mask(buffer: ReplayBuffer, indices: Ints) -> Flags:
        """Tell where the value of the next observation counts: bool [B], False where terminated."""
        return ~cast(Flags, buffer.terminated[indices])

    @staticmethod
    def compute_episodic_return(
        batch: types.RolloutBatchProtocol,
        buffer: ReplayBuffer,
        indices: Ints,
        v_s_: TArr | None = None,
        v_s: TArr | None = None,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
    ) -> tuple[Floats, Floats]:
        """Return the returns and advantages of transitions in time order, by GAE.

        Args:
            batch: rows of several episodes, one after the other; it gives the rewards and flags.
            buffer: their buffer; it says which rows are terminated or unfinished.
            indices: the rows' indices in the buffer, [B].
            v_s_: value of each next observation, [B] or [B, 1]; None: 0.
            v_s: value of each observation; None: `v_s_`, masked and rolled by one.
            gamma: discount factor in [0, 1].
            gae_lambda: λ in [0, 1]; must be 1 without `v_s_`.

        Returns:
            returns = advantage + v_s, and advantage; float64, [B].

        Source: Schulman et al. (2016), equation 16; Tianshou v1.1.0.
        """
        rew = np.asarray(batch.rew, np.float64)
        if v_s_ is None:
            if not np.isclose(gae_lambda, 1.0):
                raise ValueError(
                    f"gae_lambda must be 1 when v_s_ is None (there are no values to bootstrap "
                    f"from), got {gae_lambda}."
                )
            next_value = np.zeros_like(rew)
        else:
            # This is not a product with the mask, because 0 * NaN is NaN.
            counts = BasePolicy.value_mask(buffer, indices)
            next_value = np.where(counts, _flat(v_s_, len(indices), "v_s_"), 0.0)
        value = np.roll(next_value, 1) if v_s is None else _flat(v_s, len(indices), "v_s")
        end = episode_ends(batch, buffer, indices)
        advantage = gae(rew, end, value, next_value, gamma, gae_lambda)
        return advantage + value, advantage

    @staticmethod
    def compute_nstep_return(
        batch: types.RolloutBatchProtocol,
        buffer: ReplayBuffer,
        indices: Ints,
        target_q_fn: Callable[[ReplayBuffer, Ints], Tensor],
        gamma: float = 0.99,
        n_step: int = 1,
        rew_norm: bool = False,
    ) -> types.BatchWithReturnsProtocol:
        """Add n-step returns as `batch.returns`, [B, ...] in the dtype of the target; return batch.

        Args:
            batch: the rows `buffer[indices]`.
            buffer: the buffer they come from.
            indices: the rows' indices in the buffer, [B].
            target_q_fn: (buffer, indices) -> value of the next observation, [B] or [B, ...].
            gamma: discount factor in [0, 1].
            n_step: at least 1.
            rew_norm: not supported; leave it False.

        Source: Sutton & Barto (2018), equation 7.1; Tianshou v1.1.0.
        """
        if rew_norm:
            raise ValueError("rew_norm=True is not supported by compute_nstep_return.")
        if n_step < 1:
            raise ValueError(f"n_step must be at least 1, got {n_step}.")
        if len(batch) != len(indices):
            raise ValueError(f"batch has {len(batch)} rows, indices has {len(indices)}.")
        end = cast(Flags, buffer.done).copy()
        end[buffer.unfinished_index()] = True
        rew_sum, last, weight = nstep_return(
            buffer.rew, end, np.asarray(indices), buffer.next, gamma, n_step
        )
        with torch.no_grad():
            target = target_q_fn(buffer, last)
        if len(target) != len(indices):
            raise ValueError(f"target_q_fn gave {len(target)} values for {len(indices)} indices.")
        counts = BasePolicy.value_mask(buffer, last)[:, None]
        value = np.where(counts, to_numpy(target).reshape(len(indices), -1), 0.0)
        batch.returns = to_torch_as(rew_sum[:, None] + weight[:, None] * value, target)
        return cast(types.BatchWithReturnsProtocol, batch)


def episode_ends(batch: types.RolloutBatchProtocol, buffer: ReplayBuffer, indices: Ints) -> Flags:
    """Tell which rows end an episode, or are the newest row of an unfinished one: bool [B]."""
    end = np.asarray(batch.terminated, bool) | np.asarray(batch.truncated, bool)
    if end.shape != (len(indices),):
        raise ValueError(f"batch has flags of shape {end.shape} for {len(indices)} indices.")
    unfinished = np.zeros(buffer.maxsize, bool)
    unfinished[buffer.unfinished_index()] = True
    return cast(Flags, end | unfinished[indices])


def _check_scheduler(scheduler: Any, several: str) -> None:
    """Require something that steps without an argument, as `update` steps it."""
    name = type(scheduler).__name__
    if not callable(getattr(scheduler, "step", None)):
        raise TypeError(
            f"a learning-rate scheduler must have a method step, got a {name}. For several "
            f"schedulers write {several}."
        )
    try:
        inspect.signature(scheduler.step).bind()
    except TypeError as error:
        raise TypeError(
            f"update() steps the learning-rate scheduler without an argument, but step of {name} "
            f"needs one ({error}). Leave it out here, and step it yourself after each update."
        ) from error


def _check_action_space(space: gym.Space[Any], scaling: bool, bound_method: BoundMethod) -> None:
    """Require a known space and bound method; a Box has checks of its own."""
    if bound_method not in ("clip", "tanh", None):
        raise ValueError(
            f'action_bound_method must be "clip", "tanh" or None, got {bound_method!r}.'
        )
    if isinstance(space, Box):
        _check_box(space, scaling, bound_method)
    elif type(space).__module__.split(".")[0] == "gym":
        raise ValueError(
            f"action_space {space} is of the old package gym, which gymnasium replaced. Write "
            "`import gymnasium as gym`, and make environment and spaces with it."
        )
    elif not isinstance(space, Discrete | MultiDiscrete | MultiBinary):
        raise ValueError(
            f"action_space must be a Discrete, MultiDiscrete, MultiBinary or Box, got {space!r}."
        )
    elif scaling:
        raise ValueError(
            f"action_scaling can only be True when action_space is a Box, but it is {space}. "
            "Write action_scaling=False."
        )


def _check_box(space: Box, scaling: bool, bound_method: BoundMethod) -> None:
    """Require finite bounds for scaling; warn if bounding alone can leave the space."""
    infinite = ~(np.isfinite(space.low) & np.isfinite(space.high))
    if scaling and infinite.any():
        where = tuple(int(i) for i in np.argwhere(infinite)[0])
        raise ValueError(
            f"action_scaling needs finite bounds, but dimension {where} of action_space goes from "
            f"{space.low[where]} to {space.high[where]}. Write action_scaling=False."
        )
    if not scaling and bound_method and ((space.low > -1.0) | (space.high < 1.0)).any():
        warn(
            f"action_bound_method={bound_method!r} without action_scaling bounds actions to "
            f"[-1, 1], which goes beyond {space}."
        )


def _flat(values: TArr, rows: int, name: str) -> AnyArray:
    flat = to_numpy(values).flatten()
    if flat.shape != (rows,):
        raise ValueError(f"{name} must have one value per row, {rows}, got {list(values.shape)}.")
    return cast(AnyArray, flat)


def _action_to_numpy(act: Any) -> AnyArray:
    if isinstance(act, np.ndarray):
        return act
    if isinstance(act, Batch | dict):
        raise ValueError(f"act must be an array, a tensor or a list, got {type(act).__name__}.")
    return np.asarray(to_numpy(act) if isinstance(act, Tensor) else act)


def _whole_numbers(act: AnyArray, space: Any) -> AnyArray:
    """Return numbers of choices, drawn as floats, in the integer dtype of the space."""
    whole = np.rint(act)
    if not np.array_equal(act, whole):
        raise ValueError(f"actions of {space} must be whole numbers, got {act}.")
    return whole.astype(space.dtype)


def _with_batch_axis(obs: Any) -> Any:
    if isinstance(obs, dict | Batch):
        entries = vars(obs) if isinstance(obs, Batch) else obs
        return Batch({key: _with_batch_axis(value) for key, value in entries.items()})
    return obs[None] if isinstance(obs, Tensor) else np.asarray(obs)[None]
