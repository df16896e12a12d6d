"""An example of a user's code: a policy with its own statistics, trained in the usual way.

`mypy --strict` checks this file as it would check a user's; test_user_code.py runs it.
"""

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch.distributions import Categorical, Distribution

from pg_edu import (
    Actor,
    BatchWithReturnsProtocol,
    Collector,
    CollectStats,
    InfoStats,
    Net,
    OnpolicyTrainer,
    PGPolicy,
    PGTrainingStats,
    ReplayBuffer,
    RolloutBatchProtocol,
    VectorReplayBuffer,
    policy_within_training_step,
    to_torch,
)


@dataclass(kw_only=True)
class EntropyStats(PGTrainingStats):
    """The losses of PGPolicy and the entropy of the policy."""

    entropy: float


class CenteredPG(PGPolicy[EntropyStats]):
    """REINFORCE with a constant baseline, which is subtracted from every return."""

    def __init__(self, *, baseline: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.baseline = baseline

    def process_fn(
        self, batch: RolloutBatchProtocol, buffer: ReplayBuffer, indices: np.ndarray[Any, Any]
    ) -> BatchWithReturnsProtocol:
        with_returns = super().process_fn(batch, buffer, indices)
        with_returns.returns = to_torch(with_returns.returns) - self.baseline
        return with_returns

    def learn(
        self,
        batch: BatchWithReturnsProtocol,
        batch_size: int | None,
        repeat: int,
        *args: Any,
        **kwargs: Any,
    ) -> EntropyStats:
        with torch.no_grad():
            dist: Distribution = self(batch).dist
        losses: PGTrainingStats = super().learn(batch, batch_size, repeat)
        return EntropyStats(loss=losses.loss, entropy=float(dist.entropy().mean()))


def categorical(logits: torch.Tensor) -> Distribution:
    return Categorical(logits=logits)


def make_policy(env: gym.Env[Any, Any], lr: float = 1e-2) -> CenteredPG:
    assert isinstance(env.action_space, gym.spaces.Discrete)
    assert env.observation_space.shape is not None  # a gym.Space may have none
    net = Net(env.observation_space.shape, hidden_sizes=[16])
    actor = Actor(net, env.action_space.n, softmax_output=False)
    return CenteredPG(
        actor=actor,
        optim=torch.optim.Adam(actor.parameters(), lr=lr),
        dist_fn=categorical,
        action_space=env.action_space,
        action_scaling=False,
        baseline=10.0,
    )


def train_by_hand(updates: int) -> list[EntropyStats]:
    policy = make_policy(gym.make("CartPole-v1"))
    buffer = VectorReplayBuffer(4000, 4)
    collector = Collector(policy, gym.make_vec("CartPole-v1", 4), buffer)
    history: list[EntropyStats] = []
    with policy_within_training_step(policy):
        for _ in range(updates):
            collected: CollectStats = collector.collect(n_episode=4)
            assert collected.n_collected_episodes == 4
            history.append(policy.update(0, buffer, batch_size=64, repeat=1))
            collector.reset_buffer()
    return history


def train_by_trainer() -> InfoStats:
    env = gym.make("CartPole-v1")
    policy = make_policy(env)
    return OnpolicyTrainer(
        policy=policy,
        train_collector=Collector(policy, env, ReplayBuffer(1000)),
        max_epoch=1,
        step_per_epoch=200,
        repeat_per_collect=1,
        episode_per_test=1,
        batch_size=64,
        step_per_collect=100,
        show_progress=False,
        verbose=False,
    ).run()
