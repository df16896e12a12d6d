"""Train: collect with the current policy, update it on everything collected, discard it, repeat.

    for each epoch:
        until step_per_epoch transitions are collected:
            collect -> update on the whole buffer (repeat_per_collect passes) -> empty the buffer
        checkpoint, test

An update uses up its data, because the gradient of REINFORCE holds only for actions that the
current policy drew. `collect_and_update` is the innermost line; `OnpolicyTrainer` adds tests,
hooks, logging and a progress bar.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_edu.base_policy import BasePolicy, policy_within_training_step
from pg_edu.batch import piece_bounds
from pg_edu.buffer import ReplayBuffer
from pg_edu.checks import check_exactly_one, warn
from pg_edu.collector import Collector, CollectStats
from pg_edu.examine import check_rewards
from pg_edu.stats import DataclassPPrintMixin, SequenceSummaryStats, TrainingStats

LOSS_WINDOW = 100

StepHook = Callable[[int, int], object] | None  # (epoch, env_step)
SaveHook = Callable[[int, int, int], object] | None  # (epoch, env_step, gradient_step)


@dataclass(kw_only=True)
class TimingStats(DataclassPPrintMixin):
    """The time that training has taken so far, in seconds.

    Attributes:
        total_time: the time that everything took.
        train_time: total_time without test_time.
        train_time_collect: the time spent collecting for updates.
        train_time_update: the time spent updating.
        test_time: the time spent collecting for tests.
        update_speed: transitions collected per second of train_time.
    """

    total_time: float = 0.0
    train_time: float = 0.0
    train_time_collect: float = 0.0
    train_time_update: float = 0.0
    test_time: float = 0.0
    update_speed: float = 0.0


@dataclass(kw_only=True)
class InfoStats(DataclassPPrintMixin):
    """The totals of training so far.

    Attributes:
        gradient_step: the number of optimizer steps.
        best_reward, best_reward_std: mean and standard deviation of the best test's returns.
        train_step, train_episode: transitions and finished episodes of the train collector.
        test_step, test_episode: the same for the test collector.
        timing: the time that training has taken.
    """

    gradient_step: int = 0
    best_reward: float = 0.0
    best_reward_std: float = 0.0
    train_step: int = 0
    train_episode: int = 0
    test_step: int = 0
    test_episode: int = 0
    timing: TimingStats = field(default_factory=TimingStats)


@dataclass
class EpochStats(DataclassPPrintMixin):
    """The statistics of one epoch.

    Attributes:
        epoch: its number, from 1.
        train_collect_stat: the last rollout of the epoch.
        test_collect_stat: the test at the end of the epoch; None without one.
        training_stat: the last update; None if training stopped instead.
        info_stat: the totals of training so far.
    """

    epoch: int
    train_collect_stat: CollectStats
    test_collect_stat: CollectStats | None
    training_stat: TrainingStats | None
    info_stat: InfoStats


class Logger:
    """The interface of a logger. This one records nothing; `TensorboardLogger` does.

    The `log_*` methods take the asdict of a CollectStats, TrainingStats or InfoStats.
    """

    def log_train_data(self, log_data: dict[str, Any], step: int) -> None:
        """Record a rollout in which episodes finished; step: transitions so far."""

    def log_test_data(self, log_data: dict[str, Any], step: int) -> None:
        """Record a test; step: transitions so far."""

    def log_update_data(self, log_data: dict[str, Any], step: int) -> None:
        """Record an update; step: gradient steps so far."""

    def log_info_data(self, log_data: dict[str, Any], step: int) -> None:
        """Record the totals at the end of an epoch; step: the epoch."""

    def save_data(
        self, epoch: int, env_step: int, gradient_step: int, save_checkpoint_fn: SaveHook = None
    ) -> None:
        """Call save_checkpoint_fn at the end of an epoch; a subclass may skip some epochs."""
        if save_checkpoint_fn is not None:
            save_checkpoint_fn(epoch, env_step, gradient_step)


def collect_and_update(
    policy: BasePolicy[Any],
    collector: Collector,
    *,
    n_step: int | None = None,
    n_episode: int | None = None,
    batch_size: int | None = None,
    repeat: int = 1,
    stop_before_update: Callable[[CollectStats], bool] | None = None,
) -> tuple[CollectStats, TrainingStats | None, int]:
    """Do one iteration of on-policy training: collect, update on the whole buffer, empty it.

    Args:
        policy: the policy to update, which is also the collector's.
        collector: collects into the buffer on which the policy is updated.
        n_step, n_episode: how much to collect; exactly one of the two.
        batch_size: transitions per optimizer step; None: all.
        repeat: passes over the buffer.
        stop_before_update: called after collecting, outside the training step. If it returns True,
            there is no update and the buffer keeps its rows.

    Returns:
        The statistics of the rollout, those of the update (None without one), and the number of
        optimizer steps.

    Raises:
        ValueError: a reward, or the return of an episode, is not finite; then there is no update.
    """
    with policy_within_training_step(policy):
        collected = collector.collect(n_step=n_step, n_episode=n_episode)
    _check_rollout(collector.buffer, collected)
    if stop_before_update is not None and stop_before_update(collected):
        return collected, None, 0
    rows = len(collector.buffer)
    with policy_within_training_step(policy):
        updated: TrainingStats = policy.update(
            sample_size=0, buffer=collector.buffer, batch_size=batch_size, repeat=repeat
        )
    # An unfinished episode keeps its return so far; the next rollout continues it.
    collector.reset_buffer(keep_statistics=True)
    minibatches = len(piece_bounds(rows, batch_size or -1, merge_last=True))
    # A policy with minibatches of its own, such as RecurrentPGPolicy, counts them itself.
    steps = getattr(policy, "steps_of_last_learn", minibatches * max(repeat, 0))
    return collected, updated, steps


@dataclass(kw_only=True, eq=False, repr=False)
class OnpolicyTrainer:
    """A trainer that trains a policy epoch by epoch, with tests between the epochs.

    `run()` trains to the end. Iterating yields one `EpochStats` per epoch; each new iteration
    restarts the counters, with the policy as it is then.

    Args:
        policy: the policy to train.
        train_collector, test_collector: collectors with environments of their own. Without a test
            collector there are no tests, and stop_fn is never called.
        max_epoch: the number of epochs, 0 or more.
        step_per_epoch: transitions per epoch, rounded up to whole rollouts.
        repeat_per_collect: passes over the collected transitions in each update.
        batch_size: transitions per optimizer step; None: all.
        episode_per_test: episodes per test; required with a test collector.
        step_per_collect, episode_per_collect: how much to collect for one update; exactly one of
            the two.
        train_fn: called as (epoch, env_step) before each rollout.
        test_fn: called as (epoch, env_step) before each test.
        stop_fn: mean return -> whether it is good enough to stop. Called after every epoch's test,
            with the best test's mean return so far.
        save_best_fn: called with the policy before the first epoch and after every better test.
        save_checkpoint_fn: called as (epoch, env_step, gradient_step) after every epoch's training,
            or as often as the logger decides.
        logger: see `Logger`.
        verbose: whether to print a line after each epoch's test.
        show_progress: whether to show a progress bar for each epoch.
        test_in_train: whether to also call stop_fn with the mean return of each training rollout.
            If it is good enough, a test follows at once; if that is good enough as well, training
            stops without an update.
        reward_metric: returns [n] -> [n], applied to the returns of every rollout before they are
            used.
        resume_from_log, buffer, update_per_step: not part of pg_edu; leave them at their defaults.

    Raises:
        ValueError: a count out of range, both or neither of step_per_collect and
            episode_per_collect, a test collector without episode_per_test, or an argument that is
            not part of pg_edu.

    While training it also raises ValueError for a rollout or a test whose mean return is not
    finite.

    Warns:
        UserWarning: a stop_fn that will never be called.

    Source: Tianshou v1.1.0, OnpolicyTrainer.
    """

    policy: BasePolicy[Any]
    train_collector: Collector
    test_collector: Collector | None = None
    max_epoch: int
    step_per_epoch: int
    repeat_per_collect: int
    batch_size: int | None
    episode_per_test: int | None = None
    step_per_collect: int | None = None
    episode_per_collect: int | None = None
    train_fn: StepHook = None
    test_fn: StepHook = None
    stop_fn: Callable[[float], bool] | None = None
    save_best_fn: Callable[[Any], object] | None = None
    save_checkpoint_fn: SaveHook = None
    logger: Logger = field(default_factory=Logger)
    verbose: bool = True
    show_progress: bool = True
    test_in_train: bool = True
    reward_metric: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    resume_from_log: bool = False
    buffer: None = None
    update_per_step: float = 1.0

    def __post_init__(self) -> None:
        _check_arguments(vars(self))
        # The returns of another policy say nothing about this one.
        self.test_in_train &= self.train_collector.policy is self.policy

    def run(self, reset_prior_to_run: bool = True) -> InfoStats:
        """Train to the end.

        Collectors and counters are reset once, whatever `reset_prior_to_run` is. In v1.1.0 they are
        reset twice, or once if it is False.
        """
        for _ in self:
            pass
        return self._totals()

    def __iter__(self) -> Iterator[EpochStats]:
        self._info = InfoStats()
        self.epoch = self.best_epoch = self.env_step = 0
        self._start_time = time.perf_counter()
        self._stopped, self._train_return = False, 0.0
        self._losses: dict[str, deque[float]] = {}
        self.train_collector.reset(reset_buffer=False)
        if self.test_collector is not None:
            self.test_collector.reset(reset_buffer=False)
        self._keep_as_best(self._test())
        while self.epoch < self.max_epoch and not self._stopped:
            self.epoch += 1
            collected, updated = self._train()
            tested = None if self._stopped else self._save_and_test()
            info = self._totals()
            self.logger.log_info_data(asdict(info), self.epoch)
            yield EpochStats(self.epoch, collected, tested, updated, info)

    def _train(self) -> tuple[CollectStats, TrainingStats | None]:
        """Collect and update until the epoch has its transitions or training stops."""
        from tqdm import tqdm  # type: ignore[import-untyped]

        end = self.env_step + self.step_per_epoch
        title = f"Epoch #{self.epoch}"
        with tqdm(total=self.step_per_epoch, desc=title, disable=not self.show_progress) as bar:
            while self.env_step < end and not self._stopped:
                if self.train_fn is not None:
                    self.train_fn(self.epoch, self.env_step)
                collected, updated, steps = collect_and_update(
                    self.policy,
                    self.train_collector,
                    n_step=self.step_per_collect,
                    n_episode=self.episode_per_collect,
                    batch_size=self.batch_size,
                    repeat=self.repeat_per_collect,
                    stop_before_update=self._stop_before_update,
                )
                if updated is not None:
                    self._record_update(updated, steps)
                bar.update(min(collected.n_collected_steps, bar.total - bar.n))
                rew = f"{self._train_return:.2f}"
                bar.set_postfix(gradient_step=self._info.gradient_step, rew=rew)
        return collected, updated

    def _stop_before_update(self, collected: CollectStats) -> bool:
        """Record a training rollout; if its returns are good enough, test at once."""
        self.env_step += collected.n_collected_steps
        if collected.n_collected_episodes == 0:
            return False
        self._apply_reward_metric(collected, "training rollout")
        self._train_return = float(collected.returns.mean())
        self.logger.log_train_data(asdict(collected), self.env_step)
        if self.test_in_train and self._is_enough(self._train_return):
            tested = self._test()
            if tested is not None and self._is_enough(float(tested.returns.mean())):
                self._stopped = True
                self._keep_as_best(tested)
        return self._stopped

    def _record_update(self, updated: TrainingStats, steps: int) -> None:
        self._info.gradient_step += steps
        self._info.timing.train_time_update += updated.train_time
        for name, loss in updated.get_loss_stats_dict().items():
            if np.isfinite(loss):
                self._losses.setdefault(name, deque(maxlen=LOSS_WINDOW)).append(loss)
        updated.smoothed_loss = {name: float(np.mean(x)) for name, x in self._losses.items()}
        self.logger.log_update_data(asdict(updated), self._info.gradient_step)

    def _save_and_test(self) -> CollectStats | None:
        info = self._info
        hook = self.save_checkpoint_fn
        self.logger.save_data(self.epoch, self.env_step, info.gradient_step, hook)
        tested = self._test()
        if tested is None:
            return None
        mean, std = tested.returns.mean(), tested.returns.std()
        if mean > info.best_reward:
            self._keep_as_best(tested)
        if self.verbose:
            best = f"{info.best_reward:.6f} ± {info.best_reward_std:.6f} in #{self.best_epoch}"
            text = f"Epoch #{self.epoch}: test_reward: {mean:.6f} ± {std:.6f}, best_reward: {best}"
            print(text, flush=True)
        self._stopped = self._is_enough(info.best_reward)
        return tested

    def _test(self) -> CollectStats | None:
        if self.test_collector is None:
            return None
        self.test_collector.reset(reset_stats=False)
        if self.test_fn is not None:
            self.test_fn(self.epoch, self.env_step)
        tested = self.test_collector.collect(n_episode=self.episode_per_test)
        self._apply_reward_metric(tested, "test")
        self.logger.log_test_data(asdict(tested), self.env_step)
        return tested

    def _is_enough(self, mean: float) -> bool:
        return bool(self.test_collector and self.stop_fn and self.stop_fn(mean))

    def _keep_as_best(self, tested: CollectStats | None) -> None:
        if tested is not None:
            self.best_epoch = self.epoch
            self._info.best_reward = float(tested.returns.mean())
            self._info.best_reward_std = float(tested.returns.std())
        if self.save_best_fn is not None:
            self.save_best_fn(self.policy)

    def _apply_reward_metric(self, collected: CollectStats, name: str) -> None:
        if self.reward_metric is not None:
            collected.returns = self.reward_metric(collected.returns)
            collected.returns_stat = SequenceSummaryStats.from_sequence(collected.returns)
        _check_returns(collected, name)

    def _totals(self) -> InfoStats:
        """Return the totals of training so far, as a copy that later steps do not change."""
        info, timing = self._info, self._info.timing
        train, test = self.train_collector, self.test_collector
        info.train_step, info.train_episode = train.collect_step, train.collect_episode
        timing.train_time_collect = train.collect_time
        if test is not None:
            info.test_step, info.test_episode = test.collect_step, test.collect_episode
            timing.test_time = test.collect_time
        timing.total_time = time.perf_counter() - self._start_time
        timing.train_time = timing.total_time - timing.test_time
        timing.update_speed = train.collect_step / max(timing.train_time, 1e-9)
        return deepcopy(info)


def _check_rollout(buffer: ReplayBuffer, collected: CollectStats) -> None:
    """Require finite rewards, and finite returns of the episodes that ended."""
    indices = buffer.sample_indices(0)
    check_rewards(buffer.rew[indices], buffer, indices)
    if collected.n_collected_episodes > 0:
        _check_returns(collected, "rollout")


def _check_returns(collected: CollectStats, name: str) -> None:
    """Require returns with a finite mean: an infinite one would be good enough for any target."""
    with np.errstate(over="ignore"):
        mean = np.mean(collected.returns)
    if not np.isfinite(mean):
        episode = int(np.argmin(np.isfinite(collected.returns)))
        raise ValueError(
            f"the mean return of a {name} is {mean}, and episode {episode} of it has the return "
            f"{collected.returns[episode]}. Rewards must be finite, and small enough to sum."
        )


def _check_arguments(given: dict[str, Any]) -> None:
    """Require counts in their ranges, and Tianshou's defaults for what pg_edu does not support."""
    for name, default in {"resume_from_log": False, "buffer": None, "update_per_step": 1.0}.items():
        if given[name] != default:
            raise ValueError(
                f"{name}={given[name]!r} is not part of pg_edu; leave it at {default!r}"
            )
    check_exactly_one(
        step_per_collect=given["step_per_collect"],
        episode_per_collect=given["episode_per_collect"],
    )
    if given["test_collector"] is not None and given["episode_per_test"] is None:
        raise ValueError("a test_collector needs episode_per_test, the episodes of one test")
    for name, least in {"max_epoch": 0, "step_per_epoch": 1, "episode_per_test": 1}.items():
        count = given[name]
        if count is not None and count < least:
            raise ValueError(f"{name} must be at least {least}, but is {count}")
    if given["stop_fn"] is not None and given["test_collector"] is None:
        warn("stop_fn: without a test_collector it is never called")
