"""Treat a real agent as an estimator: what an update does to the parameters, given a batch.

    g(batch) = parameters after the update - parameters before it

With SGD at lr = 1 this is the gradient that the update follows, as a direction of ascent. So
PGPolicy itself, or any other agent, can be judged like the one-line estimators.
"""

from collections.abc import Callable, Iterable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

from pg_edu.base_policy import policy_within_training_step
from pg_edu.batch import Batch
from pg_edu.buffer import ReplayBuffer
from pg_edu.lab.exact.mdp import Episodes, Estimator
from pg_edu.reinforce import PGPolicy
from pg_edu.stats import RunningMeanStd
from pg_edu.types import Floats

MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class Table(nn.Module):
    """An actor that looks its logits up in a table: observation -> logits[observation].

    An observation is a number, or a vector with a 1 at that number and 0 elsewhere.
    """

    def __init__(self, logits: Floats) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[torch.Tensor, Any]:
        """Return the logits [B, A] of observations [B] or [B, O], and the state."""
        observations = torch.as_tensor(obs)
        if observations.is_floating_point():
            observations = observations.argmax(dim=-1)
        return self.logits[observations], state


def sgd(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return an optimizer that takes plain gradient steps with lr = 1."""
    return torch.optim.SGD(parameters, lr=1.0)


def pgpolicy_step(
    policy_class: Callable[..., Any] = PGPolicy,
    make_optim: MakeOptimizer = sgd,
    *,
    discount_factor: float = 1.0,
    batch_size: int | None = None,
    repeat: int = 1,
    remember: bool = False,
    **kwargs: Any,
) -> Estimator:
    """Return the change that a real `PGPolicy.update` makes to a table of logits, [O, A].

    The policy, its optimizer and its buffer are built once. In each call the table is set to the
    logits that acted in the batch, the buffer is filled with the batch, and the policy updates from
    all of it. Observations are one-hot vectors [O] of floats, so a critic can be linear in them.

    Args:
        policy_class: PGPolicy or a subclass of it.
        make_optim: parameters -> optimizer. With SGD at lr = 1 the change is an ascent direction.
        discount_factor, **kwargs: arguments of the policy's constructor.
        batch_size, repeat: arguments of `learn`; by default one step on the full batch.
        remember: whether the running statistics and the optimizer's state carry over from one call
            to the next, as in training. If not, the change depends on the batch alone.

    Returns:
        An estimator. The policy stores returns in float32, so its numbers are accurate to about
        1e-7.

    Example:
        >>> from pg_edu.lab.exact.judge import judge
        >>> from pg_edu.lab.exact.tasks import stop_or_go
        >>> task = stop_or_go()
        >>> expected = judge(pgpolicy_step(), task.batches(1), task.gradient()).expectation
        >>> unit = 0.5 * (1 - 0.5)  # p (1 - p)
        >>> [float(round(g[0, 0] / unit, 4)) for g in (expected, task.gradient())]
        [0.4, -1.4]
    """

    def make_policy(logits: Floats) -> Any:
        actor = Table(logits)
        return policy_class(
            actor=actor,
            optim=make_optim(actor.parameters()),
            dist_fn=_categorical,
            action_space=gym.spaces.Discrete(logits.shape[1]),
            observation_space=gym.spaces.Box(0.0, 1.0, (logits.shape[0],), np.float32),
            action_scaling=False,
            discount_factor=discount_factor,
            **kwargs,
        )

    return _PolicyStep(make_policy, remember, {"batch_size": batch_size, "repeat": repeat})


class _PolicyStep:
    """The estimator of `pgpolicy_step`, with one policy per shape of logits and one buffer."""

    def __init__(
        self, make_policy: Callable[[Floats], Any], remember: bool, learn_kwargs: dict[str, Any]
    ) -> None:
        self._make_policy = make_policy
        self._remember = remember
        self._learn_kwargs = learn_kwargs
        self._policies: dict[tuple[int, ...], Any] = {}
        self._buffer = ReplayBuffer(64)
        self._obs_size = 0

    def __call__(self, batch: Episodes) -> Floats:
        before = batch[0].logits
        policy = self._policy(before)
        self._fill(batch)
        logits: torch.Tensor = policy.actor.logits
        with torch.no_grad():
            logits.copy_(torch.from_numpy(before))
        with policy_within_training_step(policy):
            policy.update(sample_size=0, buffer=self._buffer, **self._learn_kwargs)
        return _change(before, logits.detach().numpy())

    def _policy(self, logits: Floats) -> Any:
        if logits.shape not in self._policies:
            self._policies[logits.shape] = self._make_policy(logits)
        policy = self._policies[logits.shape]
        if not self._remember:
            policy.ret_rms = RunningMeanStd()
            policy.optim.state.clear()
        return policy

    def _fill(self, batch: Episodes) -> None:
        """Store the episodes one after another; only the last of them may be unfinished."""
        last = np.cumsum([len(e) for e in batch]) - 1
        steps = int(last[-1]) + 1
        terminated = np.zeros(steps, bool)
        terminated[last] = [e.terminated for e in batch]
        truncated = np.zeros(steps, bool)
        truncated[last] = [not e.terminated for e in batch]
        truncated[-1] = batch[-1].truncated
        obs_size = len(batch[0].logits)
        one_hot = np.eye(obs_size, dtype=np.float32)
        transitions = Batch(
            obs=one_hot[np.concatenate([e.obs for e in batch])][:, None],
            act=np.concatenate([e.act for e in batch])[:, None],
            rew=np.concatenate([e.rew for e in batch])[:, None],
            terminated=terminated[:, None],
            truncated=truncated[:, None],
        )
        if steps > self._buffer.maxsize or obs_size != self._obs_size:
            self._buffer = ReplayBuffer(max(64, 2 * steps))
            self._obs_size = obs_size
        self._buffer.reset()
        self._buffer.extend(transitions, np.ones((steps, 1), bool))


def parameter_step(module: nn.Module, update: Callable[[Any], object]) -> Callable[[Any], Floats]:
    """Return what `update(batch)` adds to the parameters of a torch module, as one vector.

    The parameters are restored afterwards, so every batch starts from the same ones. Anything else
    that the update remembers (momentum, for example) stays as the update left it.

    Args:
        module: the module that holds the parameters.
        update: a function of a batch that changes them in place.

    Example:
        >>> scale = nn.PReLU(init=0.25)
        >>> step = parameter_step(scale, lambda x: scale.weight.data.add_(x))
        >>> step(2.0), step(2.0)
        (array([2.]), array([2.]))
    """

    def vector() -> torch.Tensor:
        return nn.utils.parameters_to_vector(module.parameters()).detach().clone()

    def step(batch: Any) -> Floats:
        before = vector()
        update(batch)
        after = vector()
        with torch.no_grad():
            nn.utils.vector_to_parameters(before, module.parameters())
        return _change(before.double().numpy(), after.double().numpy())

    return step


def _change(before: Floats, after: Floats) -> Floats:
    """Return after - before, and 0 where both are the -inf of an action that is not available."""
    unavailable = np.isneginf(before)
    return np.where(unavailable, 0.0, after - np.where(unavailable, 0.0, before))


def _categorical(logits: torch.Tensor) -> Categorical:
    return Categorical(logits=logits)
