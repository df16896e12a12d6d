"""A policy: observations in, actions out, and the update that makes good actions likelier.

    loss = - mean over steps of  log π(aₜ | sₜ) Gₜ            (PGPolicy.learn)

    obs --forward--> act --map_action--> env;   buffer --process_fn--> returns --learn--> parameters

`BasePolicy` holds what every policy shares (spaces, actions, the order of an update), `PGPolicy`
is REINFORCE (Williams 1992). A policy is collecting, updating or being tested:
`is_within_training_step` is True in the first two, `updating` in the second alone.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any, Generic, Literal, cast

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import TypeVar

from pg_edu import checks, types
from pg_edu.actions import BoundMethod, from_box, to_box
from pg_edu.batch import Batch, to_numpy, to_torch_as, wrap
from pg_edu.buffer import ReplayBuffer
from pg_edu.log_probs import checked_log_prob
from pg_edu.returns import discounted_returns, gae, nstep_return
from pg_edu.stats import PGTrainingStats, RunningMeanStd, SequenceSummaryStats, TrainingStats
from pg_edu.types import AnyArray, TArr, TDistFnDiscrOrCont

Indices = NDArray[np.int64]
FOR_RETURNS = {"rew", "terminated", "truncated", "done", "obs_next"}  # not needed by `learn`
TTrainingStats = TypeVar("TTrainingStats", bound=TrainingStats, default=TrainingStats)
TPGTrainingStats = TypeVar("TPGTrainingStats", bound=PGTrainingStats, default=PGTrainingStats)


class MultipleLRSchedulers:
    """Several learning-rate schedulers that step together.

    Example:
        >>> optim = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> halve = torch.optim.lr_scheduler.ExponentialLR(optim, gamma=0.5)
        >>> optim.step(); MultipleLRSchedulers(halve).step(); optim.param_groups[0]["lr"]
        0.5
    """

    def __init__(self, *schedulers: LRScheduler) -> None:
        self.schedulers = schedulers

    def step(self) -> None:
        """Step each scheduler once."""
        for scheduler in self.schedulers:
            scheduler.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """The state of each scheduler, in their order."""
        return [scheduler.state_dict() for scheduler in self.schedulers]

    def load_state_dict(self, state_dict: list[dict[str, Any]]) -> None:
        """Load what `state_dict` returned, in the same order."""
        checks.check_states(len(state_dict), len(self.schedulers))
        for scheduler, state in zip(self.schedulers, state_dict, strict=True):
            scheduler.load_state_dict(state)


@contextmanager
def torch_train_mode(module: nn.Module, enabled: bool = True) -> Iterator[None]:
    """Within this block the module is in train mode (or in eval mode, if not `enabled`).

    Afterwards every sub-module is in the mode it was in before, a frozen one frozen.
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
    """Within this block the policy is being trained: it samples, and may be updated.

    Afterwards `is_within_training_step` is what it was before.
    """
    before = policy.is_within_training_step
    try:
        policy.is_within_training_step = enabled
        yield
    finally:
        policy.is_within_training_step = before


class BasePolicy(nn.Module, ABC, Generic[TTrainingStats]):
    """What every policy shares. A subclass writes `forward` and `learn`, and may override the rest.

    Args:
        action_space: of one environment; Discrete, MultiDiscrete, MultiBinary or Box.
        observation_space: of one environment; kept, not used.
        action_scaling: whether to scale actions from [-1, 1] to the Box.
        action_bound_method: how to bring actions into [-1, 1] first: "clip", "tanh" or None (Box).
        lr_scheduler: stepped at the end of every `update`.

    Raises:
        ValueError: an unknown space or bound method; scaling without a Box of finite bounds.

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
        checks.check_action_space(action_space, action_scaling, action_bound_method)
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

    @abstractmethod
    def forward(
        self, batch: types.ObsBatchProtocol, state: Any = None, **kwargs: Any
    ) -> types.ActBatchProtocol:
        """Actions for observations: a Batch with `act` (raw) and `state` (None: no memory)."""

    @abstractmethod
    def learn(self, batch: Any, *args: Any, **kwargs: Any) -> TTrainingStats:
        """Take gradient steps on a batch that `process_fn` has prepared; report the losses."""

    def update(
        self, sample_size: int | None, buffer: ReplayBuffer | None, **kwargs: Any
    ) -> TTrainingStats:
        """Sample, prepare, learn: `buffer.sample`, `process_fn`, `learn`, `post_process_fn`.

        Only `learn` runs in train mode. The learning-rate scheduler is stepped at the end.

        Args:
            sample_size: rows to sample; 0 for all of them, oldest first (None: see buffer.sample).
            buffer: where from. None: nothing happens.
            **kwargs: for `learn`, e.g. batch_size, repeat.

        Returns:
            What `learn` reports, with `train_time` in seconds for all of this.

        Raises:
            RuntimeError: not within a training step. If anything is raised, flags and modes are as
                before; gradient steps that were already taken stay.
        """
        checks.check_within_training_step(self.is_within_training_step)
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
        self, batch: types.RolloutBatchProtocol, buffer: ReplayBuffer, indices: Indices
    ) -> types.RolloutBatchProtocol:
        """Prepare a sampled batch for `learn`; to override. Here: as it is."""
        return batch

    def post_process_fn(
        self, batch: types.BatchProtocol, buffer: ReplayBuffer, indices: Indices
    ) -> None:
        """Hand `batch.weight` to `buffer.update_weight`, if both exist."""
        if hasattr(buffer, "update_weight") and hasattr(batch, "weight"):
            buffer.update_weight(indices, batch.weight)

    def process_buffer(self, buffer: ReplayBuffer) -> ReplayBuffer:
        """Prepare a whole buffer once, before training; to override. Here: as it is."""
        return buffer

    def exploration_noise(self, act: Any, batch: types.ObsBatchProtocol) -> Any:
        """Add noise to the actions of `forward`; to override. Here: none."""
        return act

    def soft_update(self, tgt: nn.Module, src: nn.Module, tau: float) -> None:
        """Move the parameters of `tgt` towards those of `src`: tgt <- τ src + (1 - τ) tgt."""
        with torch.no_grad():
            for target, source in zip(tgt.parameters(), src.parameters(), strict=True):
                target.copy_(tau * source + (1 - tau) * target)

    def set_agent_id(self, agent_id: int) -> None:
        """Name the agent, where there are several."""
        self.agent_id = agent_id

    def compute_action(
        self, obs: Any, info: dict[str, Any] | None = None, state: Any = None
    ) -> AnyArray | int:
        """The action for one observation, ready for `env.step`.

        Args:
            obs: one observation (array, number, dict), without a batch axis.
            info: the environment's info.
            state: hidden state of a recurrent policy.

        Returns:
            An int (Discrete), else an array that `action_space` contains.
        """
        batch = Batch(obs=_with_batch_axis(obs), info=info or Batch())
        with torch.no_grad():
            act = to_numpy(self.forward(cast(types.ObsBatchProtocol, batch), state=state).act)
        act = self.map_action(act[0])
        if isinstance(self.action_space, Discrete):
            return int(act.item())
        return act.astype(self.action_space.dtype, copy=False).reshape(self.action_space.shape)

    def map_action(self, act: ArrayLike | TArr) -> AnyArray:
        """The environment's action for a raw one: bounded and scaled (Box), shifted (start).

        It concerns what is sent to the environment, never what is stored or scored.

        Args:
            act: raw actions, [A], [N, A] or, for Discrete, [] or [N].

        Returns:
            numpy array of the same shape; see `pg_edu.actions.to_box` for its dtype.

        Raises:
            ValueError: a NaN, or an action outside [-1, 1] that is to be scaled unbounded.
        """
        act = _action_to_numpy(act)
        if isinstance(self.action_space, Box):
            return to_box(act, self.action_space, self.action_bound_method, self.action_scaling)
        return act if self._start is None else act + self._start

    def map_action_inverse(self, act: ArrayLike | TArr) -> AnyArray:
        """A raw action that `map_action` maps to this environment's action."""
        act = _action_to_numpy(act)
        if isinstance(self.action_space, Box):
            return from_box(act, self.action_space, self.action_bound_method, self.action_scaling)
        return act if self._start is None else act - self._start

    @staticmethod
    def value_mask(buffer: ReplayBuffer, indices: Indices) -> NDArray[np.bool_]:
        """Where the value of the next observation counts: bool [B], False where terminated."""
        return ~cast(NDArray[np.bool_], buffer.terminated[indices])

    @staticmethod
    def compute_episodic_return(
        batch: types.RolloutBatchProtocol,
        buffer: ReplayBuffer,
        indices: Indices,
        v_s_: TArr | None = None,
        v_s: TArr | None = None,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns and advantages of transitions in the order of time, by GAE.

        Args:
            batch: rows of several episodes, one behind the other; rewards and flags are read here.
            buffer: where they come from; tells which rows terminated and which are unfinished.
            indices: their indices in it, [B].
            v_s_: value of each next observation, [B] or [B, 1]; None: 0.
            v_s: value of each observation; None: `v_s_`, masked, rolled by one.
            gamma: discount factor in [0, 1].
            gae_lambda: λ in [0, 1]; must be 1 without `v_s_`.

        Returns:
            returns = advantage + v_s, and advantage; float64, [B].

        Source: Schulman et al. (2016), equation 16; Tianshou v1.1.0.
        """
        rew = np.asarray(batch.rew, np.float64)
        if v_s_ is None:
            checks.check_lambda_without_values(gae_lambda)
            next_value = np.zeros_like(rew)
        else:
            # Not a product: 0 * NaN is NaN.
            counts = BasePolicy.value_mask(buffer, indices)
            next_value = np.where(counts, _flat(v_s_, len(indices), "v_s_"), 0.0)
        value = np.roll(next_value, 1) if v_s is None else _flat(v_s, len(indices), "v_s")
        end = _episode_ends(batch, buffer, indices)
        advantage = gae(rew, end, value, next_value, gamma, gae_lambda)
        return advantage + value, advantage

    @staticmethod
    def compute_nstep_return(
        batch: types.RolloutBatchProtocol,
        buffer: ReplayBuffer,
        indices: Indices,
        target_q_fn: Callable[[ReplayBuffer, Indices], Tensor],
        gamma: float = 0.99,
        n_step: int = 1,
        rew_norm: bool = False,
    ) -> types.BatchWithReturnsProtocol:
        """n-step returns, as `batch.returns` in the dtype of the target, [B, -1].

        Args:
            batch: the rows `buffer[indices]`.
            buffer, indices: where they come from, [B].
            target_q_fn: (buffer, indices) -> value of the next observation, [B] or [B, ...].
            gamma: discount factor in [0, 1].
            n_step: at least 1.
            rew_norm: must be False.

        Source: Sutton & Barto (2018), equation 7.1; Tianshou v1.1.0.
        """
        checks.check_nstep_arguments(rew_norm, n_step, len(batch), len(indices))
        end = cast(AnyArray, buffer.done).copy()
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


class PGPolicy(BasePolicy[TPGTrainingStats], Generic[TPGTrainingStats]):
    """REINFORCE: make each action likelier in proportion to the return that followed it.

    Args:
        actor: (obs, state=None, info=...) -> (dist_input, state). dist_input is what `dist_fn`
            takes: [B, A] action values, or for a Gaussian the tuple (loc, scale), each [B, A].
        optim: optimizer over the actor's parameters.
        dist_fn: dist_input -> torch.distributions.Distribution, called with one argument, e.g.
            `lambda logits: Categorical(logits=logits)` or
            `lambda loc_scale: Independent(Normal(*loc_scale), 1)`.
        action_space: of one environment.
        discount_factor: γ in [0, 1].
        reward_normalization: whether to normalise the *returns* by their running mean and standard
            deviation.
        deterministic_eval: whether to act by the distribution's mode outside of a training step.
        observation_space: of one environment; kept, not used.
        action_scaling, action_bound_method, lr_scheduler: see `BasePolicy`.

    Raises:
        ValueError: an argument out of its range, or an optimizer that holds none of the actor's
            parameters.

    Source: Williams (1992), Simple statistical gradient-following algorithms for connectionist
    reinforcement learning, equation 4; Tianshou v1.1.0, PGPolicy.

    Example:
        >>> from torch.distributions import Categorical
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
        checks.check_discount_factor(discount_factor)
        checks.check_optimizer(actor, optim)
        if isinstance(action_space, Box):
            checks.warn_of_double_bounding(actor, action_scaling, action_bound_method)
        self.actor = actor
        self.optim = optim
        self.dist_fn = dist_fn
        self.gamma = discount_factor
        self.rew_norm = reward_normalization
        self.ret_rms = RunningMeanStd()
        self.deterministic_eval = deterministic_eval
        self._knows_actor = False  # after the first forward, which checks what the actor returns
        self._learned = False  # since the last forward
        self._warned: set[str] = set()
        self.register_load_state_dict_pre_hook(_keep_statistics_if_absent)  # type: ignore[no-untyped-call]

    def forward(
        self, batch: types.ObsBatchProtocol, state: Any = None, **kwargs: Any
    ) -> types.DistBatchProtocol:
        """Actions for observations, drawn from the actor's distribution.

        Args:
            batch: with `obs` ([B, ...]) and, if the actor reads it, `info`.
            state: hidden state of a recurrent actor.

        Returns:
            A new Batch: `logits` (the actor's output; for a Gaussian the tuple (loc, scale)), `act`
            ([B] or [B, A], raw), `state`, `dist`.
        """
        info = batch.info if "info" in batch else Batch()
        unknown = not self._knows_actor
        if unknown:
            checks.check_actor_signature(self.actor, batch.obs, state, info)
        output = self.actor(batch.obs, state=state, info=info)
        dist_input, hidden = checks.checked_actor_output(output)
        dist = checks.made_distribution(self.dist_fn, dist_input)
        greedy = self.deterministic_eval and not self.is_within_training_step
        if unknown or self._learned or greedy or torch.is_grad_enabled():
            self._check(dist, dist_input, batch)  # collecting is spared all but the first
            self._learned = False
        try:
            act = dist.mode if greedy else dist.sample()
        except RuntimeError:  # torch draws from no probabilities that are not finite
            self._check(dist, dist_input, batch)
            raise
        if unknown:
            checks.check_fits_space(act, dist, self.action_space)
            self._knows_actor = True
        if isinstance(dist_input, tuple) and len({part.ndim for part in dist_input}) > 1:
            dist_input = torch.broadcast_tensors(*dist_input)  # type: ignore[no-untyped-call]
        state = _with_dicts_as_batches(hidden)
        result = wrap({"logits": dist_input, "act": act, "state": state, "dist": dist})
        return cast(types.DistBatchProtocol, result)

    def _check(self, dist: Distribution, dist_input: Any, batch: types.ObsBatchProtocol) -> None:
        checks.check_distribution(dist, dist_input, self.dist_fn, len(batch.obs), self._warned)

    def process_fn(
        self, batch: types.RolloutBatchProtocol, buffer: ReplayBuffer, indices: Indices
    ) -> types.BatchWithReturnsProtocol:
        """Add `batch.returns`, the discounted return Gₜ of every row (float64, [B]), in place.

        An episode ends at a terminated or truncated row, or at the newest row of an unfinished one.
        Unless it terminated there, γ times the running mean of the returns is added as the value
        of what follows (0 until `reward_normalization` or a loaded state changes it).
        With `reward_normalization` the returns are normalised by the running mean and variance as
        they were before this batch: (G - mean) / sqrt(var + 1e-8).

        Args:
            batch: rows of whole episodes, in any order; rewards and flags are read here.
            buffer: where they come from; tells which rows terminated and which are unfinished.
            indices: their indices in it, [B].

        Raises:
            ValueError: a reward is not finite, or a row's successor is missing. Nothing changed.

        Source: Sutton & Barto (2018), equation 3.8; Tianshou v1.1.0, PGPolicy.process_fn.
        """
        rew, end = np.asarray(batch.rew, np.float64), _episode_ends(batch, buffer, indices)
        checks.check_finite_rewards(rew, indices)
        bootstrap = np.where(buffer.terminated[indices], 0.0, self.ret_rms.mean)
        rows, back = _order_of_time(indices, end, buffer)
        returns = discounted_returns(rew[rows], end[rows], self.gamma, bootstrap[rows])[back]
        if not np.isfinite(returns).all():
            raise ValueError("the returns are not finite: the rewards are too large to be summed.")
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
        """Gradient steps on loss = -mean(log_prob * returns), over the steps of a minibatch.

        The mean is over steps, not episodes: with episodes of different lengths its expectation is
        not proportional to the policy gradient.

        Args:
            batch: with `obs`, `act` (raw) and `returns`, B rows. `forward` gets these and whatever
                else is in it, but not the columns of which the returns were made (rewards, flags,
                next observations).
            batch_size: rows of a minibatch; None, 0 or -1: all. A smaller rest joins the last one.
            repeat: passes over the batch, each in a new random order.

        Returns:
            `loss` summarises the loss of every minibatch.

        Raises:
            ValueError: shapes or values that would train on something else; before the first
                step where it can be seen, else before the step in question.
        """
        checks.check_learnable(batch, batch_size)
        columns = Batch({k: v for k, v in batch.items() if k not in FOR_RETURNS})
        losses = []
        for _ in range(repeat):
            for minibatch in columns.split(batch_size or -1, merge_last=True):
                self.optim.zero_grad()
                loss = self._loss(minibatch)
                losses.append(loss.item())
                checks.check_finite_loss(losses[-1])
                loss.backward()  # type: ignore[no-untyped-call]
                self.optim.step()
        self._learned = True
        stats = PGTrainingStats(loss=SequenceSummaryStats.from_sequence(losses))
        return cast(TPGTrainingStats, stats)

    def _loss(self, minibatch: types.BatchWithReturnsProtocol) -> Tensor:
        result = self(minibatch)
        act = torch.as_tensor(minibatch.act, dtype=result.act.dtype, device=result.act.device)
        returns = torch.as_tensor(minibatch.returns, dtype=torch.float, device=act.device).flatten()
        log_prob = checked_log_prob(result.dist, act)
        if log_prob.ndim > 1:  # [B, 1] or [B, A, ...]
            checks.warn_of_mean_over_dimensions(log_prob, self._warned)
            log_prob = log_prob.reshape(len(returns), -1).T
        return -(log_prob * returns).mean()

    def update(
        self, sample_size: int | None, buffer: ReplayBuffer | None, **kwargs: Any
    ) -> TPGTrainingStats:
        """As `BasePolicy.update`; `ret_rms` too is as before if anything is raised."""
        before = copy(self.ret_rms)
        try:
            return super().update(sample_size, buffer, **kwargs)
        except BaseException:
            self.ret_rms = before
            raise

    def get_extra_state(self) -> dict[str, float]:
        """The running statistics of the returns, as plain numbers, for `state_dict`."""
        rms = self.ret_rms
        return {"mean": float(rms.mean), "var": float(rms.var), "count": int(rms.count)}

    def set_extra_state(self, state: dict[str, float]) -> None:
        """Put the running statistics of the returns back, for `load_state_dict`."""
        rms = self.ret_rms
        rms.mean, rms.var, rms.count = state["mean"], state["var"], int(state["count"])


def _keep_statistics_if_absent(
    policy: PGPolicy[Any], state_dict: dict[str, Any], prefix: str, *args: Any
) -> None:
    # A state dict of Tianshou v1.1.0 has no statistics; it loads strictly all the same.
    state_dict.setdefault(f"{prefix}_extra_state", policy.get_extra_state())


def _episode_ends(
    batch: types.RolloutBatchProtocol, buffer: ReplayBuffer, indices: Indices
) -> NDArray[np.bool_]:
    end = np.asarray(batch.terminated, bool) | np.asarray(batch.truncated, bool)
    if end.shape != (len(indices),):
        raise ValueError(f"batch has flags of shape {end.shape} for {len(indices)} indices.")
    unfinished = np.zeros(buffer.maxsize, bool)
    unfinished[buffer.unfinished_index()] = True
    return cast(NDArray[np.bool_], end | unfinished[indices])


def _in_order_of_time(indices: Indices, end: NDArray[np.bool_], buffer: ReplayBuffer) -> bool:
    """Whether each row is its episode's last or is followed by its successor."""
    successor = np.arange(1, buffer.maxsize + 1)
    successor[buffer.ring_size - 1 :: buffer.ring_size] -= buffer.ring_size
    follows = end.copy()
    follows[:-1] |= indices[1:] == successor[indices[:-1]]
    return bool(follows.all())


def _order_of_time(indices: Indices, end: NDArray[np.bool_], buffer: ReplayBuffer) -> Any:
    """Which rows to take, that they be in the order of time, each once; and the way back."""
    if _in_order_of_time(indices, end, buffer):
        return slice(None), slice(None)
    stored = buffer.sample_indices(0)
    age = np.full(buffer.maxsize, -1)
    age[stored] = np.arange(len(stored))
    _, rows, inverse = np.unique(age[indices], return_index=True, return_inverse=True)
    checks.check_complete(_in_order_of_time(indices[rows], end[rows], buffer))
    return rows, inverse


def _with_dicts_as_batches(state: Any) -> Any:
    """The hidden state, its leaves as they are: `Batch(...)` would make one array of (h, c)."""
    is_dict = isinstance(state, dict)
    return wrap({k: _with_dicts_as_batches(v) for k, v in state.items()}) if is_dict else state


def _flat(values: TArr, rows: int, name: str) -> AnyArray:
    flat = to_numpy(values).flatten()
    if flat.shape != (rows,):
        raise ValueError(f"{name} must have one value a row, {rows}, got {list(values.shape)}.")
    return cast(AnyArray, flat)


def _action_to_numpy(act: Any) -> AnyArray:
    if isinstance(act, np.ndarray):
        return act
    if isinstance(act, Batch | dict):
        raise ValueError(f"act must be an array, a tensor or a list, got {type(act).__name__}.")
    return np.asarray(to_numpy(act) if isinstance(act, Tensor) else act)


def _with_batch_axis(obs: Any) -> Any:
    if isinstance(obs, dict | Batch):
        return Batch({key: _with_batch_axis(value) for key, value in obs.items()})
    return obs[None] if isinstance(obs, Tensor) else np.asarray(obs)[None]
