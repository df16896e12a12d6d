"""Scripts in the manner of Tianshou's tutorials: those for 1.0 to 1.2 run once they are moved.

Of older ones, each line that has changed says what it is called now. (tests/parity runs scripts
with the original next to pg_edu.)
"""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from parity.cases_script import moved_by_prefix, run

from pg_edu import Collector, CollectStats, DummyVectorEnv, SequenceSummaryStats

CARTPOLE = """
import gymnasium as gym
import numpy as np
import tianshou as ts
import torch
from tianshou.utils.net.common import Net

np.random.seed(0)
torch.manual_seed(0)
env = gym.make("CartPole-v1")
train_envs = ts.env.DummyVectorEnv([lambda: gym.make("CartPole-v1") for _ in range(4)])
test_envs = ts.env.DummyVectorEnv([lambda: gym.make("CartPole-v1") for _ in range(2)])
train_envs.seed(0)
test_envs.seed(0)
state_shape = env.observation_space.shape or env.observation_space.n
action_shape = env.action_space.shape or env.action_space.n
net = Net(state_shape, action_shape, hidden_sizes=[32], softmax=True)
optim = torch.optim.Adam(net.parameters(), lr=1e-2)
policy: ts.policy.PGPolicy = ts.policy.PGPolicy(
    actor=net,
    optim=optim,
    dist_fn=torch.distributions.Categorical,
    action_space=env.action_space,
    action_scaling=False,
)
"""

TRAINER = """
train_collector = ts.data.Collector(
    policy, train_envs, ts.data.VectorReplayBuffer(2000, len(train_envs)), exploration_noise=True
)
test_collector = ts.data.Collector(policy, test_envs, exploration_noise=True)
trainer = ts.trainer.OnpolicyTrainer(
    policy=policy,
    train_collector=train_collector,
    test_collector=test_collector,
    max_epoch=2,
    step_per_epoch=200,
    repeat_per_collect=1,
    episode_per_test=2,
    batch_size=64,
    step_per_collect=100,
    stop_fn=lambda mean_reward: mean_reward >= 195,
    show_progress=False,
    verbose=False,
)
"""

# What a tutorial writes to show the loop without a trainer.
BY_HAND = """
from tianshou.data import Batch, Collector, VectorReplayBuffer

collector = Collector(policy, train_envs, VectorReplayBuffer(2000, 4))
collector.reset()
losses = []
for _ in range(3):
    policy.is_within_training_step = True
    collected = collector.collect(n_episode=4)
    losses.append(policy.update(0, collector.buffer, batch_size=64, repeat=1).loss.mean)
    policy.is_within_training_step = False
    collector.reset_buffer(keep_statistics=True)
obs, info = test_envs.reset()
act = policy(Batch(obs=obs, info=info)).act
action = policy.map_action(act)
obs, rew, terminated, truncated, info = test_envs.step(action)
"""

# The manner of the published MuJoCo example.
NORMALIZED = """
import gymnasium as gym
import numpy as np
import torch
from tianshou.data import Collector, CollectStats, VectorReplayBuffer
from tianshou.env import DummyVectorEnv, VectorEnvNormObs
from tianshou.highlevel.logger import LoggerFactoryDefault
from tianshou.policy import PGPolicy
from tianshou.policy.base import BasePolicy
from tianshou.trainer import OnpolicyTrainer
from tianshou.utils import TensorboardLogger
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import ActorProb
from torch import nn
from torch.distributions import Distribution, Independent, Normal
from torch.optim.lr_scheduler import LambdaLR


class Writer:
    add_scalar = flush = close = lambda *args, **kwargs: None


def make():
    return gym.make("Pendulum-v1", max_episode_steps=30)


def dist(loc_scale: tuple[torch.Tensor, torch.Tensor]) -> Distribution:
    loc, scale = loc_scale
    return Independent(Normal(loc, scale), 1)


def save_best_fn(policy: BasePolicy) -> None:
    saved.append({"model": policy.state_dict(), "obs_rms": train_envs.get_obs_rms()})


saved = []
env = make()
train_envs = VectorEnvNormObs(DummyVectorEnv([make for _ in range(3)]))
test_envs = VectorEnvNormObs(DummyVectorEnv([make for _ in range(2)]), update_obs_rms=False)
test_envs.set_obs_rms(train_envs.get_obs_rms())
net_a = Net(env.observation_space.shape, hidden_sizes=[16], activation=nn.Tanh, device="cpu")
actor = ActorProb(net_a, env.action_space.shape, unbounded=True, device="cpu").to("cpu")
torch.nn.init.constant_(actor.sigma_param, -0.5)
for m in actor.mu.modules():
    if isinstance(m, torch.nn.Linear):
        m.weight.data.copy_(0.01 * m.weight.data)
optim = torch.optim.Adam(actor.parameters(), lr=1e-3)
policy: PGPolicy = PGPolicy(
    actor=actor,
    optim=optim,
    dist_fn=dist,
    action_space=env.action_space,
    reward_normalization=True,
    action_bound_method="tanh",
    lr_scheduler=LambdaLR(optim, lr_lambda=lambda epoch: 1 - epoch / 10),
)
buffer = VectorReplayBuffer(600, len(train_envs))
train_collector = Collector[CollectStats](policy, train_envs, buffer, exploration_noise=True)
test_collector = Collector[CollectStats](policy, test_envs)
result = OnpolicyTrainer(
    policy=policy,
    train_collector=train_collector,
    test_collector=test_collector,
    max_epoch=1,
    step_per_epoch=180,
    repeat_per_collect=1,
    episode_per_test=2,
    batch_size=None,
    step_per_collect=90,
    save_best_fn=save_best_fn,
    logger=TensorboardLogger(Writer()),
    test_in_train=False,
    show_progress=False,
    verbose=False,
).run(reset_prior_to_run=False)
test_envs.seed(0)
test_collector.reset()
stats = test_collector.collect(n_episode=2, render=0.0)
"""


def moved(script: str) -> dict[str, Any]:
    """Run a script that imports from pg_edu.tianshou; return its names."""
    return run(moved_by_prefix(script))


def test_a_script_for_1_1_trains_to_the_end() -> None:
    names = moved(CARTPOLE + TRAINER + "result = trainer.run()")
    assert names["result"].train_step == names["trainer"].env_step == 400


def test_a_script_that_iterates_over_the_trainer_gets_an_epoch_at_a_time() -> None:
    names = moved(CARTPOLE + TRAINER + "epochs = [stats.epoch for stats in trainer]")
    assert names["epochs"] == [1, 2]


def test_a_script_without_a_trainer_learns_by_hand() -> None:
    names = moved(CARTPOLE + BY_HAND)
    assert np.isfinite(names["losses"]).all() and len(names["losses"]) == 3
    assert names["action"].shape == (2,)


def test_a_script_in_the_manner_of_the_mujoco_example_trains_and_keeps_its_statistics() -> None:
    """Of 2 x 90 steps, 3 first observations, and 2 x 3 more after the ends of episodes."""
    names = moved(NORMALIZED)
    assert names["result"].train_step == 180
    assert names["saved"][-1]["obs_rms"].count == 180 + 3 + 6
    assert names["stats"].lens.tolist() == [30, 30]


# Lines of scripts for 0.4, 0.5 and 1.0, and a part of the message that says what to write.
OLD_LINES = [
    ("ts.trainer.onpolicy_trainer(policy, train_envs)", r"OnpolicyTrainer\(policy=policy, "),
    ("ts.trainer.offpolicy_trainer(policy, train_envs)", r"OnpolicyTrainer\(policy=..., "),
    ("ts.utils.BasicLogger(None)", r"TensorboardLogger\(writer\)"),
    ("ts.env.VectorEnv([])", r"DummyVectorEnv\(env_fns\)"),
    ("ts.exploration.GaussianNoise(0.1)", "no noise is added"),
    ("ts.data.Collector(policy, env, preprocess_fn=print)", "gymnasium.Wrapper"),
    ("ts.data.ReplayBuffer(20, stack_num=4)", r"FrameStackObservation\(env, 4\)"),
    ("ts.data.VectorReplayBuffer(20, 4, stack_num=4)", r"FrameStackObservation\(env, 4\)"),
    ("ts.data.ReplayBuffer(20, ignore_obs_next=True)", "obs_next is always stored"),
    ("ts.data.VectorReplayBuffer(20, 4, save_only_last_obs=True)", "Leave both out"),
    ("ts.data.VectorReplayBuffer(20, 4, sample_avail=True)", "Leave both out"),
    ("collector.collect(n_episode=4)['n/ep']", r"Write \.n_collected_episodes\."),
    ("collector.collect(n_episode=4)['rews']", r"Write \.returns\."),
    ("collector.collect(n_episode=4)['rew']", r"Write \.returns_stat\.mean\."),
    ("ts.data.InfoStats()['duration']", r"Write \.timing\.total_time\."),
    ("ts.data.InfoStats()['best_reward']", r"Write \.best_reward\."),
    ("epoch, epoch_stat, info = ts.data.InfoStats()", "It has gradient_step, best_reward"),
    ("ts.data.Batch(rew=1.0) + 1", r"batch\.rew = batch\.rew \+ 1"),
    ("ts.data.Batch(rew=1.0).cat_(ts.data.Batch(rew=1.0))", r"Batch\.cat\(\[batch, other\]\)"),
    ("ts.data.Collector(policy, object())", "import gymnasium as gym"),
    ("ts.env.DummyVectorEnv([env])", r"\[lambda: gym\.make"),
]


@pytest.fixture(scope="module")
def old_names() -> dict[str, Any]:
    return moved(CARTPOLE + "collector = ts.data.Collector(policy, train_envs)")


@pytest.mark.parametrize(("line", "fix"), OLD_LINES)
def test_a_line_of_an_older_script_says_what_to_write(
    old_names: dict[str, Any], line: str, fix: str
) -> None:
    with pytest.raises((ImportError, ValueError, TypeError, AttributeError), match=fix):
        exec(line, dict(old_names))


def test_defaults_of_the_original_may_be_written_out() -> None:
    moved(
        "import tianshou as ts\n"
        "ts.data.ReplayBuffer(5, stack_num=1, ignore_obs_next=False, save_only_last_obs=False)\n"
        "ts.data.VectorReplayBuffer(6, 2, sample_avail=False)\n"
    )


class Seen(gym.Wrapper):
    """CartPole that counts how often it is rendered."""

    def __init__(self) -> None:
        super().__init__(gym.make("CartPole-v1"))
        self.count = 0

    def render(self) -> None:
        self.count += 1


def test_render_0_does_not_render(old_names: dict[str, Any]) -> None:
    """Tianshou's examples pass render=0.0 by default; v1.1.0 renders if render is above 0."""
    envs = DummyVectorEnv([Seen])
    collector = Collector(old_names["policy"], envs)
    collector.collect(n_step=3, render=0.0)
    assert envs.get_env_attr("count") == [0]
    collector.collect(n_step=3, render=1e-9)
    assert envs.get_env_attr("count") == [3]


def test_statistics_are_made_from_returns_and_lengths() -> None:
    """Scripts with a collector of their own call this; v1.1.0 has the same summaries."""
    stats = CollectStats.with_autogenerated_stats(
        returns=np.array([1.0, 4.0]), lens=np.array([10, 30]), n_collected_steps=40
    )
    assert stats.returns_stat == SequenceSummaryStats(mean=2.5, std=1.5, max=4.0, min=1.0)
    assert stats.lens_stat == SequenceSummaryStats(mean=20.0, std=10.0, max=30.0, min=10.0)
    assert (stats.n_collected_steps, stats.n_collected_episodes) == (40, 0)


def test_statistics_of_no_episode_have_no_summary() -> None:
    stats = CollectStats.with_autogenerated_stats(returns=np.zeros(0), lens=np.zeros(0, int))
    assert stats.returns_stat is None
    assert stats.lens_stat is None
