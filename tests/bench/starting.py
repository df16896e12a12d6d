"""Starting: the CPU seconds of whole processes, from their start to their end.

The reference is `import torch`, which nobody who uses PyTorch can avoid. The first process of each
kind is not counted, so the files are in the cache of the operating system.
"""

import os
import subprocess
import sys
from functools import partial

from bench.timing import Measurement, Row, take_turns

IMPORT = "import pg_edu"
FIRST_STEP = """
import gymnasium as gym, torch
from torch.distributions import Categorical
from pg_edu import Collector, Net, PGPolicy, VectorReplayBuffer
envs = gym.make_vec("CartPole-v1", num_envs=16)
net = Net(4, 2, hidden_sizes=[64, 64])
policy = PGPolicy(actor=net, optim=torch.optim.Adam(net.parameters()), action_scaling=False,
    dist_fn=lambda logits: Categorical(logits=logits), action_space=envs.single_action_space)
Collector(policy, envs, VectorReplayBuffer(16, 16)).collect(n_step=16)
"""


def measurements(quick: bool) -> list[Measurement]:
    repeats = 1 if quick else 9
    return [
        partial(against_torch, "import pg_edu", IMPORT, 1.15, repeats),
        partial(against_torch, "from start to first step", FIRST_STEP, 2.2, repeats),
    ]


def against_torch(what: str, program: str, bound: float, repeats: int) -> list[Row]:
    found = take_turns(partial(process, program), partial(process, "import torch"), repeats)
    return [Row(what, "import torch", *found, "CPU s", "at most", bound)]


def process(program: str) -> float:
    """User and system seconds of `python -c program`."""
    child = subprocess.Popen([sys.executable, "-c", program])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"status {child.returncode} of a process that runs: {program}")
    return usage.ru_utime + usage.ru_stime
