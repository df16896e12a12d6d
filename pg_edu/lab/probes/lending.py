"""Environments that are lent to an agent's own loop, and what they saw of it.

A lent environment passes everything on to a small world and notes it: which actions were sent, when
it was reset and with which seed, and whether it was stepped after the end of an episode.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from pg_edu.lab.probes.watching import Watch
from pg_edu.types import Floats

STEPS_AFTER_TRUNCATION = 20  # then an environment that nobody resets terminates
STEPS_PER_EPISODE = 20  # a loop may take this many steps for each episode of its budget


class TrainingOver(BaseException):
    """The signal that a lent environment has been used enough; `probe_loop` catches it.

    It is not an Exception, so that a loop that goes on after errors does not go on after this.
    """


@dataclass
class Step:
    """One step: which environment, what it showed, what it was sent, and what came of it.

    Args:
        env: the number of the environment.
        obs, obs_next: the numbers of the observations before and after the step.
        action: what was sent, as an array.
        reward, terminated, truncated: what came back.
        is_first: whether it is the first step of its episode.
        params, drawn: the parameters of the distribution from which the agent drew, and the draw;
            None if that is not known.
    """

    env: int
    obs: int
    obs_next: int
    action: Any
    reward: float
    terminated: bool
    truncated: bool
    is_first: bool
    params: Floats | None
    drawn: Floats | None


@dataclass
class Record:
    """The notes of the lent environments of one training.

    Args:
        env_count: how many environments were lent.
        budget: how many episodes may end before `TrainingOver` is raised; None: any number.
        steps: the steps within episodes, in order.
        seeds: how often each seed was passed to `reset`.
        resets: how often an environment was reset.
        dropped: how often it was reset before its episode had ended.
        after_termination, after_truncation: steps that were sent after an end, before a reset.
        resets_are_steps: whether the vector uses up a step for a reset, as in mode `next_step`.
        autoresets: these steps, by the number of steps that optimizers had taken before.
    """

    env_count: int
    budget: int | None = None
    watch: Watch | None = None
    steps: list[Step] = field(default_factory=list)
    seeds: Counter[Any] = field(default_factory=Counter)
    resets: int = 0
    dropped: int = 0
    ended: int = 0
    after_termination: int = 0
    after_truncation: int = 0
    resets_are_steps: bool = False
    autoresets: dict[int, list[Step]] = field(default_factory=dict)

    def clock(self) -> int:
        """Return how many steps have been taken."""
        return len(self.steps)

    def check_budget(self) -> None:
        """Raise TrainingOver if the environments have been used enough."""
        if self.budget is None:
            return
        wasted = self.after_termination + self.after_truncation
        if self.ended >= self.budget or len(self.steps) + wasted >= STEPS_PER_EPISODE * self.budget:
            raise TrainingOver

    def draw_of(self, env: int, action: Any) -> tuple[Floats | None, Floats | None]:
        """Return the parameters and the draw on which an environment is being stepped.

        Where only a softmax was seen, what is sent is taken for what was drawn.
        """
        draw = None if self.watch is None else self.watch.last_draw
        if draw is None or len(draw.params) != self.env_count:
            return None, None
        if draw.values is not None:
            return draw.params[env], draw.values[env]
        if draw.at <= self.clock() - self.env_count:
            return None, None  # it was computed for an earlier step
        return draw.params[env], np.array(action, np.float64).reshape(-1)

    def keep_first_episodes(self, since: int) -> None:
        """Drop the steps that an environment took after the end of its first episode since then."""
        done: set[int] = set()
        kept = []
        for step in self.steps[since:]:
            if step.env not in done:
                kept.append(step)
            if step.terminated or step.truncated:
                done.add(step.env)
        self.steps[since:] = kept


class LentEnv(gym.Env[Any, Any]):
    """A world that notes what it is sent.

    Args:
        world: the environment to lend; its observations are one-hot.
        record: where to note it.
        number: the number of this environment in the record.
    """

    def __init__(self, world: gym.Env[Any, Any], record: Record, number: int = 0) -> None:
        self.world = world
        self.record = record
        self.number = number
        self.observation_space = world.observation_space
        self.action_space = world.action_space
        self._ended = ""  # "", "termination" or "truncation"
        self._is_first = True
        self._steps_after = 0

    @property
    def budget(self) -> int | None:
        """The number of episodes after which training is over."""
        return self.record.budget

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the world and note the seed."""
        record = self.record
        record.check_budget()
        record.resets += 1
        if seed is not None:
            record.seeds[self.number, seed] += 1
        record.dropped += not self._ended and not self._is_first
        if record.resets_are_steps and self._ended:
            self._note_autoreset()
        self._ended = ""
        self._is_first = True
        self._steps_after = 0
        self._obs, info = self.world.reset(seed=seed, options=options)
        return self._obs, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Pass the action on and note the step."""
        self.record.check_budget()
        if self._ended:
            return self._step_after_end()
        before = int(np.argmax(self._obs))
        self._obs, reward, terminated, truncated, info = self.world.step(action)
        self._note(before, action, float(reward), terminated, truncated)
        return self._obs, float(reward), terminated, truncated, info

    def _note_autoreset(self) -> None:
        """Note what was drawn on the last observation of an episode, and ignored."""
        watch = self.record.watch
        params, drawn = self.record.draw_of(self.number, np.nan)
        if watch is not None and drawn is not None:
            obs = int(np.argmax(self._obs))
            step = Step(self.number, obs, obs, drawn, 0.0, False, False, False, params, drawn)
            self.record.autoresets.setdefault(watch.optimizer_steps, []).append(step)

    def _note(
        self, before: int, action: Any, reward: float, terminated: bool, truncated: bool
    ) -> None:
        """Note a step that was taken on observation number `before`."""
        params, drawn = self.record.draw_of(self.number, action)
        self.record.steps.append(
            Step(
                env=self.number,
                obs=before,
                obs_next=int(np.argmax(self._obs)),
                action=np.array(action, copy=True),
                reward=reward,
                terminated=terminated,
                truncated=truncated,
                is_first=self._is_first,
                params=params,
                drawn=drawn,
            )
        )
        self._is_first = False
        if terminated or truncated:
            self._ended = "termination" if terminated else "truncation"
            self.record.ended += 1

    def _step_after_end(self) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Note a step after the end, and answer as Gymnasium's own time limit does."""
        self._steps_after += 1
        if self._ended == "termination":
            self.record.after_termination += 1
            return self._obs, 0.0, True, False, {}
        self.record.after_truncation += 1
        return self._obs, 0.0, self._steps_after >= STEPS_AFTER_TRUNCATION, True, {}


def lend_env(make_world: Callable[[], gym.Env[Any, Any]], record: Record) -> LentEnv:
    """Return one environment that notes into the record."""
    return LentEnv(make_world(), record)


def lend_vector(
    make_world: Callable[[], gym.Env[Any, Any]], record: Record, mode: AutoresetMode
) -> SyncVectorEnv:
    """Return as many environments as the record says, as a vector environment."""

    def make(number: int) -> LentEnv:
        return LentEnv(make_world(), record, number)

    record.resets_are_steps = mode == AutoresetMode.NEXT_STEP
    makers = [partial(make, number) for number in range(record.env_count)]
    return SyncVectorEnv(makers, autoreset_mode=mode)
