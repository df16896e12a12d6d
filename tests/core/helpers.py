"""Transitions and buffers for the tests of the replay buffers."""

from typing import Any

import numpy as np

from pg_edu import Batch, ReplayBuffer


def row(obs: Any = 0, rew: Any = 0.0, done: Any = False, **more: Any) -> Batch:
    """Return one transition; `done` means terminated."""
    return Batch(obs=obs, act=0, rew=rew, terminated=done, truncated=False, **more)


def rows(*obs: int, done: tuple[int, ...] = (), **more: Any) -> Batch:
    """Return a transition for each of several sub-buffers; those in `done` terminate."""
    numbers = np.array(obs)
    return Batch(
        obs=numbers,
        act=numbers,
        rew=numbers * 1.0,
        terminated=np.isin(numbers, done),
        truncated=np.zeros(len(obs), bool),
        **more,
    )


def counted(size: int, steps: int, done: tuple[int, ...] = ()) -> ReplayBuffer:
    """Return a ReplayBuffer after `steps` rows with obs 0, 1, 2, ... and rew 2 ** obs."""
    buffer = ReplayBuffer(size)
    for t in range(steps):
        buffer.add(row(t, 2.0**t, t in done))
    return buffer
