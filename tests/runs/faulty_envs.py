"""Environments that fail in a step; importing this module registers them.

Those that fail only once leave a mark in the folder that FAULTY_ENVS names.
"""

import os
import time
from asyncio import CancelledError  # no Exception, only a BaseException
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np


class Unpicklable(Exception):
    """An exception that cannot be unpickled, since unpickling calls the class with one argument."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


class Faulty(gym.Env[Any, Any]):
    """An environment whose episodes have one step with reward 1, unless it fails before."""

    observation_space = gym.spaces.Box(-1, 1, (2,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, fault: str, render_mode: str | None = None) -> None:
        self.fault = fault

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.fault == "raises":
            raise Unpicklable("this", "that")
        if self.fault == "leaves":
            raise SystemExit(3)
        if self.fault == "infinite":
            return np.zeros(2, np.float32), np.inf, True, False, {}
        if self.fault == "huge":
            return np.zeros(2, np.float32), 1e308, True, False, {}
        if self.fault == "blind":
            return np.full(2, np.nan, np.float32), 1.0, True, False, {}
        if self.fault == "old":
            return np.zeros(2, np.float32), 1.0, True, {}  # type: ignore[return-value]
        if self.fault == "wide":
            return np.zeros(3, np.float32), 1.0, True, False, {}
        if self.fault == "cancelled":
            raise CancelledError("by the simulator")
        if self.fault == "interrupts":
            raise KeyboardInterrupt
        if self.fault == "moves":
            os.chdir(os.sep)
        if self.fault == "no_sensor":
            raise OSError("sensor gone")
        if self.fault == "hangs":
            time.sleep(600)
        if self.fault == "dies":
            os._exit(9)
        if self.fault == "dies_once" and not mark("dead").exists():
            mark("dead").touch()
            os._exit(9)
        if self.fault == "hangs_once" and not mark("pid").exists():
            mark("part").write_text(str(os.getpid()))
            mark("part").rename(mark("pid"))
            time.sleep(600)
        return np.zeros(2, np.float32), 1.0, True, False, {}

    def close(self) -> None:
        if self.fault == "cannot_close":
            raise OSError("valve stuck")


def mark(name: str) -> Path:
    """Return the path of a file by which the second attempt knows that there was a first one."""
    return Path(os.environ["FAULTY_ENVS"], name)


def line_of(text: str) -> int:
    """Return the number of the line of this file that holds the text."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def make(**kwargs: Any) -> Faulty:
    return Faulty(**kwargs)


FAULTS = (
    *("raises", "leaves", "no_sensor", "old", "wide", "blind", "infinite", "huge"),
    *("cancelled", "interrupts", "moves", "cannot_close"),
    *("dies", "dies_once", "hangs", "hangs_once"),
)
for name in FAULTS:
    gym.register(f"{name}-v0", make, kwargs={"fault": name}, max_episode_steps=5)
