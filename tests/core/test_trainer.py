"""The trainer: hooks and tests with scripted returns, and numbers compared with plain loops."""

import math
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from pg_edu import PGPolicy, policy_within_training_step
from pg_edu.buffer import ReplayBuffer, VectorReplayBuffer
from pg_edu.collector import Collector, CollectStats
from pg_edu.nets import Net
from pg_edu.stats import PGTrainingStats, SequenceSummaryStats
from pg_edu.tianshou import DummyVectorEnv
from pg_edu.trainer import InfoStats, OnpolicyTrainer, collect_and_update
from tests.helpers import ConstantLogits, filled, make_policy


class ScriptedPolicy:
    """A stand-in for a policy that reports scripted losses, one per update."""

    def __init__(self, events: list[Any], losses: Iterable[float] = ()) -> None:
        self.events = events
        self.losses = iter(losses)
        self.is_within_training_step = False

    def update(self, **kwargs: Any) -> PGTrainingStats:
        assert self.is_within_training_step
        self.events.append("update")
        losses = [next(self.losses, 0.0)]
        return PGTrainingStats(loss=SequenceSummaryStats.from_sequence(losses), train_time=0.5)


class ScriptedCollector:
    """A stand-in for a collector: each collect reports 10 transitions and scripted returns."""

    def __init__(self, name: str, policy: ScriptedPolicy, script: Iterable[list[float]]) -> None:
        self.name = name
        self.policy = policy
        self.script = iter(script)
        self.buffer = filled(ReplayBuffer(10), [0.0] * 10, [False] * 10)
        self.collect_step = self.collect_episode = 0
        self.collect_time = 0.0

    def reset(self, reset_buffer: bool = True, reset_stats: bool = True) -> None:
        self.policy.events.append(f"reset {self.name} {reset_buffer} {reset_stats}")

    def reset_buffer(self, keep_statistics: bool = False) -> None:
        self.policy.events.append(f"empty buffer {keep_statistics}")

    def collect(self, n_step: int | None = None, n_episode: int | None = None) -> CollectStats:
        training = self.policy.is_within_training_step
        self.policy.events.append(f"{self.name} {n_step} {n_episode} {training}")
        returns = np.array(next(self.script), np.float64)
        self.collect_step += 10
        self.collect_episode += len(returns)
        summary = SequenceSummaryStats.from_sequence(returns) if len(returns) else None
        return CollectStats(
            n_collected_steps=10,
            n_collected_episodes=len(returns),
            returns=returns,
            returns_stat=summary,
            lens=np.full(len(returns), 5),
            lens_stat=summary,
        )


def scripted_trainer(
    train: Iterable[list[float]], test: Iterable[list[float]] | None, **kwargs: Any
) -> tuple[Any, list[Any]]:
    """Return a trainer over scripted returns, and the list that records all events."""
    events: list[Any] = []
    policy = ScriptedPolicy(events, kwargs.pop("losses", ()))

    def note(name: str) -> Callable[..., None]:
        return lambda *args: events.append(f"{name} {' '.join(map(str, args))}")

    defaults: dict[str, Any] = {
        "max_epoch": 1,
        "step_per_epoch": 20,
        "step_per_collect": 10,
        "repeat_per_collect": 1,
        "batch_size": None,
        "episode_per_test": None if test is None else 3,
        "train_fn": note("train_fn"),
        "test_fn": note("test_fn"),
        "save_best_fn": lambda _: events.append("save_best"),
        "save_checkpoint_fn": note("checkpoint"),
        "verbose": False,
        "show_progress": False,
    }
    stand_ins: dict[str, Any] = {
        "policy": policy,
        "train_collector": ScriptedCollector("train", policy, train),
        "test_collector": None if test is None else ScriptedCollector("test", policy, test),
    }
    return OnpolicyTrainer(**(defaults | stand_ins | kwargs)), events


def test_hooks_are_called_in_the_order_of_v1_1_0() -> None:
    """Before the first epoch each is called once (v1.1.0: twice); a test is not a training step."""
    trainer, events = scripted_trainer([[1.0]] * 3, [[1.0]] * 3, max_epoch=2, step_per_epoch=11)
    trainer.train_collector.script = iter([[1.0]] * 4)
    trainer.run()
    before = [
        "reset train False True",
        "reset test False True",
        "reset test True False",
        "test_fn 0 0",
        "test None 3 False",
        "save_best",
    ]

    def epoch(number: int, step: int) -> list[str]:
        return [
            f"train_fn {number} {step}",
            "train 10 None True",
            "update",
            "empty buffer True",
            f"train_fn {number} {step + 10}",
            "train 10 None True",
            "update",
            "empty buffer True",
            f"checkpoint {number} {step + 20} {step // 10 + 2}",
            "reset test True False",
            f"test_fn {number} {step + 20}",
            "test None 3 False",
        ]

    assert events == before + epoch(1, 0) + epoch(2, 20)


def test_only_a_strictly_better_test_is_the_new_best() -> None:
    tests = [[2.0, 4.0], [3.0, 3.0], [1.0, 1.0], [5.0, 9.0], [6.0, 6.0]]
    trainer, events = scripted_trainer([[0.0]] * 8, tests, max_epoch=4)
    best = [(stats.info_stat.best_reward, stats.info_stat.best_reward_std) for stats in trainer]
    assert best == [(3.0, 1.0), (3.0, 1.0), (7.0, 2.0), (7.0, 2.0)]
    assert events.count("save_best") == 2
    assert trainer.best_epoch == 3


def test_training_stops_without_an_update_once_a_training_return_and_a_test_pass() -> None:
    """That test becomes the best one even if an earlier one was better."""
    trainer, events = scripted_trainer(
        [[2.0], [8.0]], [[9.0], [7.0]], max_epoch=5, stop_fn=lambda mean: mean >= 7.0
    )
    (stats,) = list(trainer)
    assert stats.training_stat is None
    assert stats.test_collect_stat is None
    assert stats.train_collect_stat.returns.tolist() == [8.0]
    assert (stats.info_stat.best_reward, stats.info_stat.gradient_step) == (7.0, 1)
    assert events[-4:] == [
        "reset test True False",
        "test_fn 1 20",
        "test None 3 False",
        "save_best",
    ]


def test_training_continues_if_a_training_return_passes_but_the_test_does_not() -> None:
    trainer, events = scripted_trainer(
        [[8.0], [2.0]], [[0.0], [5.0], [3.0]], stop_fn=lambda mean: mean >= 7.0
    )
    (stats,) = list(trainer)
    assert events.count("update") == 2
    assert stats.info_stat.best_reward == 3.0


def test_stop_fn_is_not_asked_about_a_collect_without_finished_episodes() -> None:
    asked: list[float] = []

    def stop(mean: float) -> bool:
        asked.append(mean)
        return False

    trainer, _ = scripted_trainer([[], []], [[1.0]] * 2, stop_fn=stop)
    trainer.run()
    assert asked == [1.0]


def test_after_an_epoch_stop_fn_gets_the_best_test() -> None:
    asked: list[float] = []

    def stop(mean: float) -> bool:
        asked.append(mean)
        return len(asked) == 2

    trainer, _ = scripted_trainer(
        [[0.0]] * 10, [[5.0], [3.0], [6.0]], max_epoch=5, stop_fn=stop, test_in_train=False
    )
    assert [stats.epoch for stats in trainer] == [1, 2]
    assert asked == [5.0, 6.0]


def test_training_returns_of_another_policy_do_not_stop_training() -> None:
    trainer, events = scripted_trainer([[9.0]] * 2, [[0.0], [1.0]], stop_fn=lambda mean: mean > 5)
    other: Any = ScriptedCollector("train", ScriptedPolicy(events), [[9.0]] * 2)
    trainer = OnpolicyTrainer(
        policy=trainer.policy,
        train_collector=other,
        test_collector=trainer.test_collector,
        max_epoch=1,
        step_per_epoch=20,
        step_per_collect=10,
        repeat_per_collect=1,
        batch_size=None,
        episode_per_test=3,
        stop_fn=lambda mean: mean > 5,
        verbose=False,
        show_progress=False,
    )
    other.policy.is_within_training_step = True
    trainer.run()
    assert events.count("update") == 2


def test_max_epoch_0_tests_but_does_not_train() -> None:
    trainer, events = scripted_trainer([], [[4.0]], max_epoch=0)
    assert trainer.run().best_reward == 4.0
    assert "update" not in events


def test_checkpoints_are_saved_each_epoch_without_a_logger_and_without_tests() -> None:
    trainer, events = scripted_trainer([[0.0]] * 4, None, max_epoch=2)
    info = trainer.run()
    assert [event for event in events if "checkpoint" in event] == [
        "checkpoint 1 20 2",
        "checkpoint 2 40 4",
    ]
    assert (info.best_reward, info.test_step, info.test_episode) == (0.0, 0, 0)


def test_episode_per_collect_is_passed_to_the_collector() -> None:
    trainer, events = scripted_trainer(
        [[0.0]] * 2, None, step_per_collect=None, episode_per_collect=4
    )
    trainer.run()
    assert events.count("train None 4 True") == 2


def test_reward_metric_is_applied_to_the_returns_of_training_and_tests() -> None:
    asked: list[float] = []

    def stop(mean: float) -> bool:
        asked.append(mean)
        return False

    trainer, _ = scripted_trainer(
        [[1.0, 3.0]],
        [[4.0], [5.0, 7.0]],
        step_per_epoch=10,
        reward_metric=lambda returns: -returns,
        stop_fn=stop,
    )
    (stats,) = list(trainer)
    assert asked == [-2.0, -4.0]
    assert stats.train_collect_stat.returns_stat == SequenceSummaryStats.from_sequence([-1, -3])
    assert stats.test_collect_stat is not None
    assert stats.test_collect_stat.returns.tolist() == [-5.0, -7.0]


def test_smoothed_loss_is_the_mean_of_the_last_100_finite_losses() -> None:
    losses = [*range(99), math.nan, *range(99, 150)]
    trainer, _ = scripted_trainer([[0.0]] * 151, None, step_per_epoch=1510, losses=losses)
    (stats,) = list(trainer)
    assert stats.training_stat is not None
    assert stats.training_stat.smoothed_loss == {"loss": sum(range(50, 150)) / 100}


def test_a_second_run_resets_the_counters() -> None:
    trainer, _ = scripted_trainer([[0.0]] * 4, [[9.0], [1.0], [2.0], [1.0]])
    first, second = trainer.run(), trainer.run()
    assert (first.best_reward, second.best_reward) == (9.0, 2.0)
    assert first.gradient_step == second.gradient_step == 2


def test_nothing_is_printed_without_verbose_and_show_progress(
    capfd: pytest.CaptureFixture[str],
) -> None:
    trainer, _ = scripted_trainer([[0.0]] * 2, [[1.0]] * 2)
    trainer.run()
    assert capfd.readouterr() == ("", "")


def test_verbose_prints_the_line_of_v1_1_0_after_each_test(
    capfd: pytest.CaptureFixture[str],
) -> None:
    trainer, _ = scripted_trainer(
        [[0.0]] * 4, [[1.0], [2.0, 4.0], [1.0]], max_epoch=2, verbose=True
    )
    trainer.run()
    assert capfd.readouterr().out.splitlines() == [
        "Epoch #1: test_reward: 3.000000 ± 1.000000, best_reward: 3.000000 ± 1.000000 in #1",
        "Epoch #2: test_reward: 1.000000 ± 0.000000, best_reward: 3.000000 ± 1.000000 in #1",
    ]


def test_progress_bar_shows_steps_and_return(capfd: pytest.CaptureFixture[str]) -> None:
    trainer, _ = scripted_trainer([[1.5]] * 2, None, step_per_epoch=15, show_progress=True)
    trainer.run()
    shown = capfd.readouterr().err
    assert "Epoch #1" in shown
    assert "15/15" in shown
    assert "gradient_step=2" in shown
    assert "rew=1.50" in shown


class RecordingLogger:
    """A logger that records all calls and saves no checkpoints."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int, Any]] = []

    def log_train_data(self, log_data: dict[str, Any], step: int) -> None:
        self.log.append(("train", step, log_data["returns_stat"]["mean"]))

    def log_test_data(self, log_data: dict[str, Any], step: int) -> None:
        self.log.append(("test", step, log_data["returns_stat"]["mean"]))

    def log_update_data(self, log_data: dict[str, Any], step: int) -> None:
        self.log.append(("update", step, log_data["smoothed_loss"]["loss"]))

    def log_info_data(self, log_data: dict[str, Any], step: int) -> None:
        self.log.append(("info", step, log_data["timing"]["train_time_update"]))

    def save_data(self, epoch: int, env_step: int, gradient_step: int, fn: Any) -> None:
        self.log.append(("save", epoch, (env_step, gradient_step, fn)))


def test_a_logger_gets_all_data_and_decides_about_checkpoints() -> None:
    logger = RecordingLogger()
    trainer, events = scripted_trainer(
        [[1.0], []], [[2.0], [3.0]], losses=[4.0, 6.0], logger=logger
    )
    trainer.run()
    assert logger.log == [
        ("test", 0, 2.0),
        ("train", 10, 1.0),
        ("update", 1, 4.0),
        ("update", 2, 5.0),
        ("save", 1, (20, 2, trainer.save_checkpoint_fn)),
        ("test", 20, 3.0),
        ("info", 1, 1.0),
    ]
    assert not any("checkpoint" in event for event in events)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"resume_from_log": True}, "resume_from_log=True is not part of pg_edu"),
        ({"buffer": range(3)}, "buffer=range.* is not part of pg_edu"),
        ({"update_per_step": 0.5}, "update_per_step=0.5 is not part of pg_edu"),
        ({"step_per_collect": None}, "exactly one of step_per_collect and episode_per_collect"),
        ({"episode_per_collect": 2}, "exactly one of step_per_collect and episode_per_collect"),
        ({"step_per_collect": 0}, "a positive integer, got step_per_collect=0"),
        ({"episode_per_test": None}, "test_collector needs episode_per_test"),
        ({"episode_per_test": 0}, "episode_per_test must be at least 1, but is 0"),
        ({"max_epoch": -1}, "max_epoch must be at least 0, but is -1"),
        ({"step_per_epoch": 0}, "step_per_epoch must be at least 1, but is 0"),
    ],
)
def test_a_bad_argument_is_an_error_that_names_it(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scripted_trainer([], [], **wrong)


def test_arguments_that_are_not_part_of_pg_edu_may_have_their_default_of_v1_1_0() -> None:
    scripted_trainer([], [], resume_from_log=False, buffer=None, update_per_step=1.0)


def test_a_stop_fn_without_a_test_collector_gives_a_warning() -> None:
    with pytest.warns(UserWarning, match="without a test_collector it is never called"):
        scripted_trainer([], None, stop_fn=lambda mean: True)


def cartpole(n: int) -> SyncVectorEnv:
    """Return n environments that reset in the step that ends an episode."""
    return SyncVectorEnv(
        [lambda: gym.make("CartPole-v1")] * n, autoreset_mode=AutoresetMode.SAME_STEP
    )


def cartpole_policy(hidden: int = 8, reward_normalization: bool = False) -> PGPolicy[Any]:
    """Return a policy for CartPole whose parameters are always the same."""
    torch.manual_seed(3)
    net = Net(4, 2, [hidden], softmax=True)
    return make_policy(
        net,
        optim=torch.optim.Adam(net.parameters(), lr=0.01),
        dist_fn=torch.distributions.Categorical,
        reward_normalization=reward_normalization,
    )


def cartpole_collector(policy: PGPolicy[Any]) -> Collector:
    """Return a collector with four environments that always collects the same rows."""
    collector = Collector(policy, cartpole(4), VectorReplayBuffer(400, 4))
    collector.reset_env({"seed": 11})
    torch.manual_seed(5)
    np.random.seed(5)
    return collector


def real_trainer(policy: PGPolicy[Any], **kwargs: Any) -> OnpolicyTrainer:
    """Return a trainer that takes three iterations of 40 steps on CartPole."""
    return OnpolicyTrainer(
        policy=policy,
        train_collector=cartpole_collector(policy),
        max_epoch=1,
        step_per_epoch=120,
        step_per_collect=40,
        verbose=False,
        show_progress=False,
        **kwargs,
    )


@pytest.mark.parametrize(
    ("batch_size", "repeat"),
    [(None, 3), (0, 2), (-1, 2), (7, 2), (20, 1), (100, 3), (7, 0), (7, -1)],
)
def test_gradient_step_is_the_number_of_optimizer_steps(
    batch_size: int | None, repeat: int
) -> None:
    policy = cartpole_policy()
    steps = []
    policy.optim.register_step_post_hook(lambda *_: steps.append(1))
    trainer = real_trainer(policy, batch_size=batch_size, repeat_per_collect=repeat)
    assert trainer.run().gradient_step == len(steps)


def test_training_equals_collect_update_and_reset_buffer_in_a_loop() -> None:
    trained = cartpole_policy()
    real_trainer(trained, batch_size=16, repeat_per_collect=2).run()

    policy = cartpole_policy()
    collector = cartpole_collector(policy)
    collector.reset_env()
    for _ in range(3):
        collector.collect(n_step=40)
        with policy_within_training_step(policy):
            policy.update(0, collector.buffer, batch_size=16, repeat=2)
        collector.reset_buffer(keep_statistics=True)

    for mine, theirs in zip(trained.parameters(), policy.parameters(), strict=True):
        assert mine.tolist() == theirs.tolist()


def test_an_iteration_discards_its_rows_but_not_the_running_episodes() -> None:
    """The rewards before an update count in the return that is reported after it."""
    policy = cartpole_policy()
    collector = cartpole_collector(policy)
    lens: list[int] = []
    rows = 0
    while not lens:
        collected, updated, steps = collect_and_update(policy, collector, n_step=4, repeat=2)
        assert len(collector.buffer) == 0
        assert isinstance(updated, PGTrainingStats)
        assert steps == 2
        assert not policy.is_within_training_step
        rows += collected.n_collected_steps
        lens = collected.lens.tolist()
    assert collected.returns.tolist() == lens == [rows // 4] * len(lens)


def test_an_iteration_that_is_stopped_keeps_its_rows_and_the_parameters() -> None:
    policy = cartpole_policy()
    before = [p.tolist() for p in policy.parameters()]
    collector = cartpole_collector(policy)
    within: list[bool] = []

    def stop(collected: CollectStats) -> bool:
        within.append(policy.is_within_training_step)
        return True

    _, updated, steps = collect_and_update(policy, collector, n_step=40, stop_before_update=stop)
    assert (updated, steps, len(collector.buffer)) == (None, 0, 40)
    assert within == [False]
    assert [p.tolist() for p in policy.parameters()] == before


def test_the_times_and_counts_of_a_run_add_up() -> None:
    policy = cartpole_policy()
    trainer = real_trainer(
        policy,
        batch_size=None,
        repeat_per_collect=1,
        test_collector=Collector(policy, cartpole(2)),
        episode_per_test=2,
    )
    (stats,) = list(trainer)
    info: InfoStats = stats.info_stat
    timing = info.timing
    assert (info.train_step, info.gradient_step, info.test_episode) == (120, 3, 4)
    assert timing.total_time == pytest.approx(timing.train_time + timing.test_time)
    assert timing.train_time >= timing.train_time_collect + timing.train_time_update > 0
    assert timing.update_speed == pytest.approx(info.train_step / timing.train_time)
    assert "'timing': {" in info.pprints_asdict()


def test_a_seed_trains_to_the_parameters_of_v1_1_0() -> None:
    """Recorded from Tianshou v1.1.0 with run(reset_prior_to_run=False), which also resets once."""
    envs = DummyVectorEnv([lambda: gym.make("CartPole-v1")] * 4)
    np.random.seed(3)
    envs.seed(11)
    policy = cartpole_policy(hidden=16, reward_normalization=True)
    OnpolicyTrainer(
        policy=policy,
        train_collector=Collector(policy, envs, VectorReplayBuffer(2000, 4)),
        max_epoch=1,
        step_per_epoch=600,
        step_per_collect=200,
        repeat_per_collect=2,
        batch_size=64,
        verbose=False,
        show_progress=False,
    ).run()
    total = sum(float(p.detach().double().abs().sum()) for p in policy.parameters())
    assert total == pytest.approx(25.97478344477713, rel=1e-6)
    assert torch.rand(1).item() == 0.9555928707122803
    assert np.random.rand() == 0.38997856945462184


# Rewards and returns that are not finite


class Paying(gym.Env[Any, Any]):
    """An environment whose episodes have two steps, each with the given reward."""

    observation_space, action_space = gym.spaces.Box(0, 1, (1,)), gym.spaces.Discrete(2)

    def __init__(self, reward: float) -> None:
        self.reward = reward

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self.t = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        return np.zeros(1, np.float32), self.reward, self.t == 2, False, {}


def paying(*rewards: float) -> SyncVectorEnv:
    fns = [partial(Paying, reward) for reward in rewards]
    return SyncVectorEnv(fns, autoreset_mode=AutoresetMode.SAME_STEP)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_a_reward_that_is_not_finite_stops_training_before_it_counts_as_success(bad: float) -> None:
    """An infinite return is above every target; stop_fn must not see it."""
    actor = ConstantLogits()
    policy = make_policy(actor)
    seen: list[float] = []

    def stop(mean: float) -> bool:
        seen.append(mean)
        return mean > 100.0

    trainer = OnpolicyTrainer(
        policy=policy,
        train_collector=Collector(policy, paying(1.0, bad), VectorReplayBuffer(8, 2)),
        test_collector=Collector(policy, paying(1.0)),
        max_epoch=1,
        step_per_epoch=4,
        repeat_per_collect=1,
        batch_size=None,
        episode_per_test=1,
        episode_per_collect=2,
        stop_fn=stop,
        show_progress=False,
    )
    with pytest.raises(ValueError, match="the reward of environment 1, slot 0"):
        trainer.run()
    assert seen == []
    assert actor.logits.tolist() == [0.0, 0.0]


def test_rewards_too_large_to_sum_stop_training_with_the_episode() -> None:
    policy = make_policy(ConstantLogits())
    collector = Collector(policy, paying(1.0, 1e308), VectorReplayBuffer(8, 2))
    with (
        np.errstate(over="ignore"),
        pytest.raises(ValueError, match=r"mean return of a rollout is inf, and episode 1 .* inf"),
    ):
        collect_and_update(policy, collector, n_episode=2)


def test_a_test_whose_returns_are_not_finite_is_an_error() -> None:
    """v1.1.0 calls it the best test so far."""
    trainer, _ = scripted_trainer([[1.0]], [[2.0, math.inf]])
    with pytest.raises(ValueError, match=r"mean return of a test is inf, and episode 1"):
        trainer.run()


def test_a_reward_metric_may_map_returns_to_finite_ones() -> None:
    trainer, _ = scripted_trainer(
        [[1.0]] * 2, [[2.0, math.inf]] * 2, reward_metric=lambda returns: returns.clip(max=4.0)
    )
    assert trainer.run().best_reward == 3.0


def test_a_single_episode_is_checked_too() -> None:
    policy = make_policy(ConstantLogits())
    collector = Collector(policy, paying(1e308), ReplayBuffer(8))
    with (
        np.errstate(over="ignore"),
        pytest.raises(ValueError, match="mean return of a rollout is inf, and episode 0"),
    ):
        collect_and_update(policy, collector, n_episode=1)


# What a second run begins with, and what a run leaves behind


def test_a_run_after_one_that_stopped_trains_again() -> None:
    trainer, events = scripted_trainer(
        [[9.0]] + [[0.0]] * 2, [[0.0], [9.0], [0.0], [0.0]], stop_fn=lambda mean: mean >= 7.0
    )
    assert trainer.run().gradient_step == 0
    assert trainer.run().gradient_step == 2
    assert events.count("update") == 2


def test_the_losses_of_a_run_are_not_smoothed_into_the_next() -> None:
    trainer, _ = scripted_trainer([[0.0]] * 4, None, losses=[1.0, 3.0, 5.0, 9.0])
    for expected in (2.0, 7.0):
        (stats,) = list(trainer)
        assert stats.training_stat.smoothed_loss == {"loss": expected}


def test_a_run_does_not_show_the_return_of_the_one_before(
    capfd: pytest.CaptureFixture[str],
) -> None:
    trainer, _ = scripted_trainer([[1.5], []], None, step_per_epoch=10, show_progress=True)
    trainer.run()
    assert "rew=1.50" in capfd.readouterr().err
    trainer.run()
    assert "rew=0.00" in capfd.readouterr().err


def test_the_totals_of_an_epoch_are_not_changed_by_later_ones() -> None:
    trainer, _ = scripted_trainer([[0.0]] * 4, [[1.0], [2.0], [3.0]], max_epoch=2)
    first, second = list(trainer)
    found = [
        (i.train_step, i.best_reward, i.test_step) for i in (first.info_stat, second.info_stat)
    ]
    assert found == [(20, 2.0, 20), (40, 3.0, 30)]
    timing = [stats.info_stat.timing.train_time_update for stats in (first, second)]
    assert timing == [1.0, 2.0]


def test_the_times_of_the_collectors_are_totals_and_not_added_up() -> None:
    trainer, _ = scripted_trainer([[0.0]] * 4, [[1.0]] * 3, max_epoch=2)
    trainer.train_collector.collect_time, trainer.test_collector.collect_time = 3.0, 2.0
    timing = trainer.run().timing
    assert (timing.train_time_collect, timing.test_time) == (3.0, 2.0)
    assert timing.train_time == timing.total_time - 2.0


def test_the_test_before_the_first_epoch_is_the_best_of_epoch_0(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Its standard deviation is that of its returns themselves: (2 - 1) for the returns 1 and 3."""
    trainer, _ = scripted_trainer([[0.0]] * 2, [[1.0, 3.0], [-1.0]], verbose=True)
    info = trainer.run()
    assert (info.best_reward, info.best_reward_std, trainer.best_epoch) == (2.0, 1.0, 0)
    assert capfd.readouterr().out.endswith("best_reward: 2.000000 ± 1.000000 in #0\n")


def test_without_tests_the_policy_is_saved_once_before_the_first_epoch() -> None:
    trainer, events = scripted_trainer([[0.0]] * 4, None, max_epoch=2)
    trainer.run()
    assert [event for event in events if event in ("save_best", "update")] == [
        "save_best",
        *["update"] * 4,
    ]


def test_an_infinite_loss_is_not_smoothed_in() -> None:
    trainer, _ = scripted_trainer([[0.0]] * 2, None, losses=[4.0, math.inf])
    (stats,) = list(trainer)
    assert stats.training_stat.smoothed_loss == {"loss": 4.0}


def test_a_logger_gets_the_returns_after_the_reward_metric() -> None:
    logger = RecordingLogger()
    trainer, _ = scripted_trainer(
        [[1.0, 3.0]],
        [[4.0], [5.0]],
        step_per_epoch=10,
        reward_metric=lambda returns: -returns,
        logger=logger,
    )
    trainer.run()
    logged = [(kind, mean) for kind, _, mean in logger.log if kind in ("train", "test")]
    assert logged == [("test", -4.0), ("train", -2.0), ("test", -5.0)]


def test_a_stop_fn_with_a_test_collector_gives_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scripted_trainer([], [], stop_fn=lambda mean: True)
