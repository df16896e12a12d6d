"""Solving: CPU seconds and environment steps until an environment is solved, over seeds.

Ours is `pg_edu.runs` as it is. It is done when the mean return of a training batch and
those of greedy and of sampled episodes reach the goal: 100 of each on CartPole-v1, 20 elsewhere.
The others have the settings that their own projects publish, and are done at the first evaluation
of 20 greedy episodes whose mean reaches the goal; there is one every 5000 steps. Imports, what is
made once a process, and evaluations count on neither side. A run that reaches its step limit is
not solved; the time until then is what it counts with, less than it would need. "its steps, bare"
is what the loop of "Collecting" takes for as many vector steps, without buffer and update.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal
from unittest import mock

import gymnasium as gym
import numpy as np
import torch
from bench.collecting import loop
from bench.timing import Measurement, Row, milliseconds
from bench.worlds import mlp
from torch import nn
from torch.distributions import Categorical, Distribution, Independent, Normal

from pg_edu.runs import training
from pg_edu.runs.config import LEAVE_ONE_OUT, good_config

EPISODES, STEPS_BETWEEN = 20, 5000  # of the evaluations of the others
LIMIT = 300_000
"""Environment steps after which the others count as unsolved."""


@dataclass(frozen=True)
class Run:
    """One seed: whether it solved the task, after how many CPU seconds and environment steps.

    `vector_steps` are those of ours on CartPole-v1, where the longest episode of an iteration is
    its largest return.
    """

    solved: bool
    seconds: float
    steps: int
    vector_steps: float = 0.0


Solver = Callable[[int], Run]


def measurements(quick: bool) -> list[Measurement]:
    if quick:
        return [partial(cartpole, range(5), range(2))]
    return [
        partial(cartpole, range(40), range(15)),
        partial(others, "Pendulum-v1", -200.0, range(5), 1.0, tianshou_gaussian),
        partial(others, "Acrobot-v1", -100.0, range(5), 1.0, tianshou_categorical),
        partial(others, "InvertedPendulum-v5", 1000.0, range(10), 0.9, tianshou_gaussian),
    ]


def cartpole(seeds: Sequence[int], few: Sequence[int]) -> list[Row]:
    env, goal = "CartPole-v1", 475.0
    plain, loo, a2c, ppo = spread(
        (ours_on(env, goal, 100), seeds),
        (ours_on(env, goal, 100, **LEAVE_ONE_OUT), seeds),
        (stable_baselines("A2C", env, goal), few),
        (stable_baselines("PPO", env, goal), few),
    )
    what, seconds = f"solve {env}", [run.seconds for run in plain]
    worst, median = [max(seconds)], [statistics.median(seconds)]
    step = bare_step_seconds(good_config(env).num_envs)
    bare = [replace(run, seconds=step * run.vector_steps) for run in loo]
    return [
        solved(what, plain, 1.0),
        compared(what, "SB3 A2C", plain, a2c, "CPU s", 0.6),
        compared(what, "SB3 PPO", plain, ppo, "CPU s", 0.4),
        Row(f"{what}, our worst", "our median", worst, median, "CPU s", "at most", 3.0),
        solved(f"{what}, LeaveOneOut", loo, 1.0),
        compared(f"{what}, LeaveOneOut", "SB3 A2C", loo, a2c, "CPU s", 0.45),
        compared(f"{what}, LeaveOneOut, its steps, bare", "SB3 A2C", bare, a2c, "CPU s", None),
    ]


def bare_step_seconds(n: int) -> float:
    """CPU seconds of a vector step in the shortest loop, the median of five times 1000."""
    net, _ = mlp(4, 2), torch.manual_seed(0)
    envs = gym.make_vec("CartPole-v1", num_envs=n)
    play = loop(envs, lambda obs: Categorical(logits=net(torch.as_tensor(obs))).sample(), 1000)
    times, _ = milliseconds(play, lambda: None, 5, 1000)
    return statistics.median(times) / 1000


def others(
    env: str, goal: float, seeds: Sequence[int], share: float, tianshou: Callable[..., Solver]
) -> list[Row]:
    a2c, what = stable_baselines("A2C", env, goal), f"solve {env}"
    ours, *theirs = spread(
        (ours_on(env, goal, EPISODES), seeds), (a2c, range(2)), (tianshou(env, goal), range(2))
    )
    return [
        solved(what, ours, share),
        *(
            compared(what, name, ours, their, unit, None)
            for name, their in zip(("SB3 A2C", "Tianshou"), theirs, strict=True)
            for unit in ("CPU s", "environment steps")
        ),
    ]


def spread(*jobs: tuple[Solver, Sequence[int]]) -> list[list[Run]]:
    """The runs of each solver, spread evenly over the same time."""
    for solve, _ in jobs:
        solve(-1)  # what is made once a process is made here
    order = sorted(
        (k / len(seeds), job, seed)
        for job, (_, seeds) in enumerate(jobs)
        for k, seed in enumerate(seeds)
    )
    found: list[list[Run]] = [[] for _ in jobs]
    for _, job, seed in order:
        found[job].append(jobs[job][0](seed))
    return found


def solved(what: str, ours: list[Run], share: float) -> Row:
    found, unit = [float(sum(run.solved for run in ours))], "seeds solved"
    steps = [run.steps for run in ours]
    note = f"environment steps: median {statistics.median(steps):,.0f}, at most {max(steps):,}"
    goal = f"{len(ours)} seeds"
    return Row(what, goal, found, [float(len(ours))], unit, "at least", share, note=note)


def compared(
    what: str,
    against: str,
    ours: list[Run],
    theirs: list[Run],
    unit: Literal["CPU s", "environment steps"],
    bound: float | None,
) -> Row:
    of = "seconds" if unit == "CPU s" else "steps"
    mine, other = ([float(getattr(run, of)) for run in found] for found in (ours, theirs))
    note = f"{against} solved {sum(run.solved for run in theirs)}/{len(theirs)}"
    return Row(what, against, mine, other, unit, "at most", bound, paired=False, note=note)


class Clock:
    """CPU seconds of this process, but for what is done while it is paused."""

    def __init__(self) -> None:
        self._start, self._paused = time.process_time(), 0.0

    @contextmanager
    def paused(self) -> Iterator[None]:
        start = time.process_time()
        yield
        self._paused += time.process_time() - start

    def seconds(self) -> float:
        return time.process_time() - self._start - self._paused


def ours_on(env: str, goal: float, episodes: int, **changes: Any) -> Solver:
    """`training.train` with the package's settings for this environment, and `changes`."""

    def solve(seed: int) -> Run:
        limits = {"max_updates": 1} if seed < 0 else {}
        config = good_config(env, target=goal, **changes, **limits)
        evaluate, clock = training.evaluate, Clock()

        def unpaid(*args: Any, **kwargs: Any) -> Any:
            with clock.paused():
                return evaluate(*args, episodes=episodes, **kwargs)

        with mock.patch.object(training, "evaluate", unpaid):
            result = training.train(max(seed, 0), config)
        vector_steps = sum(row.return_max for row in result.history)
        return Run(result.solved, clock.seconds(), result.env_steps, vector_steps)

    return solve


# rl-baselines3-zoo, hyperparams/a2c.yml and ppo.yml. For InvertedPendulum a2c.yml has nothing; it
# gets what that file has for the PyBullet tasks. A rate "lin_x" falls to 0 at n_timesteps.
TUNED = {
    "n_steps": 8,
    "gae_lambda": 0.9,
    "vf_coef": 0.4,
    "use_sde": True,
    "policy_kwargs": {"log_std_init": -2, "ortho_init": False},
}
ZOO: dict[tuple[str, str], dict[str, Any]] = {
    ("A2C", "CartPole-v1"): {"n_envs": 8, "n_timesteps": 500_000},
    ("A2C", "Acrobot-v1"): {"n_envs": 16, "n_timesteps": 500_000, "normalize": True},
    ("A2C", "Pendulum-v1"): {
        **{"n_envs": 8, "n_timesteps": 1_000_000, "normalize": True},
        **{"gamma": 0.9, "linear": {"learning_rate": 7e-4}, **TUNED},
    },
    ("A2C", "InvertedPendulum-v5"): {
        **{"n_envs": 4, "n_timesteps": 2_000_000, "normalize": True},
        **{"gamma": 0.99, "linear": {"learning_rate": 9.6e-4}, **TUNED},
    },
    ("PPO", "CartPole-v1"): {
        **{"n_envs": 8, "n_timesteps": 100_000, "n_steps": 32, "batch_size": 256},
        **{"gae_lambda": 0.8, "gamma": 0.98, "n_epochs": 20},
        "linear": {"learning_rate": 1e-3, "clip_range": 0.2},
    },
}


def stable_baselines(kind: str, env: str, goal: float) -> Solver:
    """Stable-Baselines3 with the settings of its zoo."""
    import stable_baselines3
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.vec_env import VecNormalize, sync_envs_normalization

    def solve(seed: int) -> Run:
        settings = dict(ZOO[kind, env])
        envs = make_vec_env(env, settings.pop("n_envs"), seed=max(seed, 0))
        test_envs = make_vec_env(env, EPISODES, seed=1000 + seed)
        if settings.pop("normalize", False):
            envs = VecNormalize(envs, gamma=settings.get("gamma", 0.99))
            test_envs = VecNormalize(test_envs, training=False, norm_reward=False)
        for name, first in settings.pop("linear", {}).items():
            settings[name] = partial(lambda first, left: first * left, first)
        timesteps = settings.pop("n_timesteps")
        limit = 1 if seed < 0 else min(LIMIT, timesteps)

        class Judge(BaseCallback):  # type: ignore[misc]
            solved, next_test = False, STEPS_BETWEEN

            def _on_step(self) -> bool:
                if self.num_timesteps >= self.next_test:
                    self.next_test += STEPS_BETWEEN
                    with clock.paused():
                        if isinstance(test_envs, VecNormalize):
                            sync_envs_normalization(envs, test_envs)
                        mean, _ = evaluate_policy(self.model, test_envs, EPISODES, warn=False)
                    self.solved = bool(mean >= goal)
                return not self.solved and self.num_timesteps < limit

        clock = Clock()
        model = getattr(stable_baselines3, kind)(
            "MlpPolicy", envs, seed=max(seed, 0), device="cpu", ent_coef=0.0, **settings
        )
        model.learn(timesteps, callback=(judge := Judge()))
        return Run(judge.solved, clock.seconds(), model.num_timesteps)

    return solve


def tianshou_categorical(env: str, goal: float) -> Solver:
    """Tianshou's PGPolicy with the settings of its test/discrete/test_pg.py."""
    from tianshou.env import DummyVectorEnv
    from tianshou.policy import PGPolicy
    from tianshou.utils.net.common import Net

    def solve(seed: int) -> Run:
        envs, test_envs = (
            DummyVectorEnv([partial(gym.make, env) for _ in range(n)]) for n in (8, EPISODES)
        )
        clock = Clock()
        seed_all(seed, envs, test_envs)
        one = gym.make(env)
        net = Net(
            one.observation_space.shape, one.action_space.n, hidden_sizes=[64, 64], softmax=True
        )
        orthogonal(net)
        policy = PGPolicy(
            actor=net,
            optim=torch.optim.Adam(net.parameters(), lr=1e-3),
            dist_fn=Categorical,
            action_space=one.action_space,
            action_scaling=False,
            discount_factor=0.95,
            reward_normalization=True,
        )
        how = {"n_episode": 8}, {"batch_size": 64, "repeat": 2}
        return tianshou(policy, envs, test_envs, goal, seed, clock, 20_000, *how)

    return solve


def tianshou_gaussian(env: str, goal: float) -> Solver:
    """Tianshou's PGPolicy with the settings of its examples/mujoco/mujoco_reinforce.py."""
    from tianshou.env import DummyVectorEnv, VectorEnvNormObs
    from tianshou.policy import PGPolicy
    from tianshou.utils.net.common import Net
    from tianshou.utils.net.continuous import ActorProb

    def gaussian(loc_scale: Any) -> Distribution:
        return Independent(Normal(*loc_scale), 1)

    def solve(seed: int) -> Run:
        envs, test_envs = (
            DummyVectorEnv([partial(gym.make, env) for _ in range(n)]) for n in (10, EPISODES)
        )
        envs, test_envs = VectorEnvNormObs(envs), VectorEnvNormObs(test_envs, False)
        test_envs.set_obs_rms(envs.get_obs_rms())
        clock = Clock()
        seed_all(seed, envs, test_envs)
        one = gym.make(env)
        net = Net(one.observation_space.shape, hidden_sizes=[64, 64], activation=nn.Tanh)
        actor = ActorProb(net, one.action_space.shape, unbounded=True)
        nn.init.constant_(actor.sigma_param, -0.5)
        orthogonal(actor)
        for layer in actor.mu.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.data *= 0.01
        optim = torch.optim.Adam(actor.parameters(), lr=1e-3)
        updates = -(-30_000 // 2048) * 100
        policy = PGPolicy(
            actor=actor,
            optim=optim,
            dist_fn=gaussian,
            action_space=one.action_space,
            discount_factor=0.99,
            reward_normalization=True,
            action_bound_method="tanh",
            lr_scheduler=torch.optim.lr_scheduler.LambdaLR(optim, lambda k: 1 - k / updates),
        )
        how = {"n_step": 2048}, {"batch_size": None, "repeat": 1}
        return tianshou(policy, envs, test_envs, goal, seed, clock, 4096, *how)

    return solve


def tianshou(
    policy: Any,
    envs: Any,
    test_envs: Any,
    goal: float,
    seed: int,
    clock: Clock,
    rows: int,
    amount: dict[str, int],
    passes: dict[str, Any],
) -> Run:
    """Collect, update, forget, as its OnpolicyTrainer does."""
    from tianshou.data import Collector, VectorReplayBuffer
    from tianshou.policy.base import policy_within_training_step
    from tianshou.utils.torch_utils import torch_train_mode

    collector = Collector(policy, envs, VectorReplayBuffer(rows, len(envs)), exploration_noise=True)
    test_collector = Collector(policy, test_envs)
    collector.reset()
    steps, next_test = 0, STEPS_BETWEEN
    while steps < (1 if seed < 0 else LIMIT):
        with policy_within_training_step(policy):
            steps += int(collector.collect(**amount).n_collected_steps)
            with torch_train_mode(policy):
                policy.update(sample_size=0, buffer=collector.buffer, **passes)
        collector.reset_buffer(keep_statistics=True)
        if steps >= next_test:
            next_test = steps - steps % STEPS_BETWEEN + STEPS_BETWEEN
            with clock.paused(), torch_train_mode(policy, False):
                test_collector.reset()
                mean = test_collector.collect(n_episode=EPISODES).returns.mean()
            if mean >= goal:
                return Run(True, clock.seconds(), steps)
    return Run(False, clock.seconds(), steps)


def seed_all(seed: int, envs: Any, test_envs: Any) -> None:
    torch.manual_seed(max(seed, 0))
    np.random.seed(max(seed, 0))
    envs.seed(max(seed, 0))
    test_envs.seed(1000 + seed)


def orthogonal(net: nn.Module) -> None:
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            nn.init.orthogonal_(layer.weight, np.sqrt(2))
            nn.init.zeros_(layer.bias)
