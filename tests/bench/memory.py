"""Memory: what a buffer takes, and what learning from it adds, in a process of its own.

The measure is the resident memory of the process, which counts whatever numpy, torch and Python
take, whoever asked for it (tracemalloc would not see torch's). The reference is the bytes of the
buffer's arrays. It is read from /proc, so on Linux alone.
"""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench.timing import Measurement, Row

ROWS, RINGS, MINIBATCH = 1_000_000, 16, 4096


def measurements(quick: bool) -> list[Measurement]:
    return [partial(rows, 1 if quick else 3)] if sys.platform == "linux" else []


def rows(repeats: int) -> list[Row]:
    program = [sys.executable, __file__]
    found = [json.loads(subprocess.check_output(program)) for _ in range(repeats)]
    arrays, buffer, learning = ([one[i] for one in found] for i in range(3))
    what = f"{ROWS:,} rows"
    return [
        Row(f"buffer, {what}", "its arrays", buffer, arrays, "MB", "at most", 1.1),
        Row(f"update, {what}, adds", "the arrays", learning, arrays, "MB", "at most", 2.0),
    ]


def measure() -> tuple[float, float, float]:
    """MB of the buffer's arrays, of filling it, and of learning from it at the highest point."""
    import gymnasium as gym
    import numpy as np
    import torch
    from bench.collecting import cart_actor, policy_of

    import pg_edu

    torch.set_num_threads(1)
    policy = policy_of(pg_edu, cart_actor(), gym.spaces.Discrete(2))
    policy.is_within_training_step = True

    def block(steps: int) -> pg_edu.Batch:
        shape = (steps, RINGS)
        obs, act = np.ones((*shape, 4), np.float32), np.ones(shape, int)
        end, never = np.zeros(shape, bool), np.zeros(shape, bool)
        end[-1] = True
        return pg_edu.Batch(
            obs=obs, act=act, rew=np.ones(shape), terminated=end, truncated=never, obs_next=obs
        )

    def fill(size: int) -> Any:
        buffer, steps = pg_edu.VectorReplayBuffer(size, RINGS), 100
        for _ in range(size // RINGS // steps):
            buffer.extend(block(steps), np.ones((steps, RINGS), bool))
        return buffer

    def update(buffer: Any) -> None:
        policy.update(0, buffer, batch_size=MINIBATCH, repeat=1)

    update(fill(100 * RINGS))  # what is loaded or made once
    before = resident("VmRSS")
    buffer = fill(ROWS)
    filled = resident("VmRSS")
    update(buffer)
    fields = pg_edu.buffer.FIELDS
    arrays = sum(getattr(buffer, key).nbytes for key in fields if hasattr(buffer, key)) / 1e6
    return arrays, filled - before, resident("VmHWM") - filled


def resident(which: str) -> float:
    """MB: VmRSS is now, VmHWM the most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(which))) * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(measure()))
