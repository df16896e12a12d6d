"""Real agents as estimators: what an update does to the parameters, as a function of the batch.

    g(batch) = parameters after the update - parameters before it

With SGD at lr = 1 this is the gradient that the update takes, upwards. So PGPolicy itself, or
anybody's agent, can be judged like the estimators that are written down in a line.
"""

from collections.abc import Callable, Iterable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

from pg_edu.base_policy import policy_within_training_step
from pg_edu.batch import Batch as Rows
from pg_edu.buffer import ReplayBuffer
from pg_edu.lab.exact.mdp import Batch, Estimator
from pg_edu.reinforce import PGPolicy
from pg_edu.stats import RunningMeanStd
from pg_edu.types import Floats

MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class Table(nn.Module):
    """An actor that looks its logits up: observation -> logits[observation]."""

    def __init__(self, logits: Floats) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[torch.Tensor, Any]:
        """Logits [B, A] of observations [B], and the state."""
        return self.logits[torch.as_tensor(obs)], state


def sgd(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Plain gradient steps, lr = 1."""
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
    """The change that a real `PGPolicy.update` makes to a table of logits, [O, A].

    The policy, its optimizer and its buffer are built once. At each call the table is set to the
    logits that played the batch, the buffer is filled, and the policy updates from all of it.

    Args:
        policy_class: PGPolicy or a subclass of it.
        make_optim: parameters -> optimizer. With SGD at lr = 1 the change is an ascent direction.
        discount_factor, **kwargs: for the policy.
        batch_size, repeat: for `learn`; by default one step on the full batch.
        remember: whether running statistics and the optimizer's state are kept from call to call,
            as in training. If not, the change depends on the batch alone.

    Returns:
        An estimator. The policy takes returns in float32, so its numbers are good to about 1e-7.

    Example:
        >>> from pg_edu.lab.exact.judge import judge
        >>> from pg_edu.lab.exact.tasks import stop_or_go
        >>> task = stop_or_go()
        >>> q = 0.5 * (1 - 0.5)
        >>> expected = judge(pgpolicy_step(), task.batches(1), task.gradient()).expectation
        >>> float(round(expected[0, 0] / q, 4)), float(round(task.gradient()[0, 0] / q, 4))
        (0.4, -1.4)
    """
    policies: dict[tuple[int, ...], Any] = {}
    buffers = [ReplayBuffer(64)]

    def step(batch: Batch) -> Floats:
        before = batch[0].logits
        if before.shape not in policies:
            actor = Table(before)
            policies[before.shape] = policy_class(
                actor=actor,
                optim=make_optim(actor.parameters()),
                dist_fn=_categorical,
                action_space=gym.spaces.Discrete(before.shape[1]),
                action_scaling=False,
                discount_factor=discount_factor,
                **kwargs,
            )
        policy = policies[before.shape]
        if not remember:
            policy.ret_rms = RunningMeanStd()
            policy.optim.state.clear()
        if sum(map(len, batch)) > buffers[0].maxsize:
            buffers[0] = ReplayBuffer(2 * sum(map(len, batch)))
        _fill(buffers[0], batch)
        logits: torch.Tensor = policy.actor.logits
        with torch.no_grad():
            logits.copy_(torch.from_numpy(before))
        with policy_within_training_step(policy):
            policy.update(sample_size=0, buffer=buffers[0], batch_size=batch_size, repeat=repeat)
        return _change(before, logits.detach().numpy())

    return step


def parameter_step(module: nn.Module, update: Callable[[Any], object]) -> Callable[[Any], Floats]:
    """What `update(batch)` adds to the parameters of a torch module, as one vector.

    The parameters are put back afterwards, so that the next batch meets the same ones. Whatever
    else the update remembers (an optimizer with momentum) stays as it is.

    Args:
        module: whose parameters.
        update: changes them in place.

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


def _fill(buffer: ReplayBuffer, batch: Batch) -> None:
    """The episodes one behind the other; only the last may be unfinished."""
    buffer.reset()
    last = np.cumsum([len(e) for e in batch]) - 1
    terminated, truncated = np.zeros((2, last[-1] + 1), bool)
    terminated[last] = [e.terminated for e in batch]
    truncated[last] = [not e.terminated for e in batch]
    truncated[-1] = batch[-1].truncated
    columns = {
        name: np.concatenate([getattr(e, name) for e in batch])[:, None]
        for name in ("obs", "act", "rew")
    }
    rows = Rows(columns, terminated=terminated[:, None], truncated=truncated[:, None])
    buffer.extend(rows, np.ones((last[-1] + 1, 1), bool))


def _change(before: Floats, after: Floats) -> Floats:
    """after - before, and 0 where both are the -inf of an action that is not available."""
    return np.where(np.isneginf(before), 0.0, after - np.where(np.isneginf(before), 0.0, before))


def _categorical(logits: torch.Tensor) -> Categorical:
    return Categorical(logits=logits)
