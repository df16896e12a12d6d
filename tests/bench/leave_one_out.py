"""How many updates CartPole-v1 takes with and without a leave-one-out baseline, over seeds.

python tests/bench/leave_one_out.py [SEEDS]

The same network, 16 episodes an update, Adam with lr 1e-2, until the 16 episodes of an update
average 475, or 150 updates. About ten CPU seconds a seed.
"""

import statistics
import sys
import time
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from scipy.stats import mannwhitneyu
from torch.distributions import Categorical

from pg_edu import Collector, Net, PGPolicy, VectorReplayBuffer, policy_within_training_step
from pg_edu.leave_one_out import LeaveOneOut

EPISODES, MOST_UPDATES = 16, 150


def run(kind: Any, seed: int, **settings: Any) -> tuple[int, int, bool]:
    """Updates and environment steps until the agent is done, and whether it solved the task."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    net = Net(4, 2, hidden_sizes=[64, 64], activation=torch.nn.Tanh)
    for weights in net.model.model[-1].parameters():
        torch.nn.init.zeros_(weights)
    policy = kind(
        actor=net,
        optim=torch.optim.Adam(net.parameters(), lr=1e-2),
        dist_fn=lambda logits: Categorical(logits=logits),
        action_space=gym.spaces.Discrete(2),
        action_scaling=False,
        **settings,
    )
    envs = gym.make_vec("CartPole-v1", num_envs=EPISODES)
    collector = Collector(policy, envs, VectorReplayBuffer(500 * EPISODES, EPISODES))
    collector.reset(gym_reset_kwargs={"seed": seed})
    for update in range(1, MOST_UPDATES + 1):
        with policy_within_training_step(policy):
            played = collector.collect(n_episode=EPISODES)
            policy.update(0, collector.buffer, batch_size=None, repeat=1)
        collector.reset_buffer(keep_statistics=True)
        if played.returns.mean() >= 475:
            return update, collector.collect_step, True
    return update, collector.collect_step, False


if __name__ == "__main__":
    torch.set_num_threads(1)
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    kinds = {
        "PGPolicy": (PGPolicy, {}),
        "PGPolicy, reward_normalization": (PGPolicy, {"reward_normalization": True}),
        "LeaveOneOut": (LeaveOneOut, {}),
    }
    print(f"{'':32}solved  updates: median, all                env steps: median, worst   CPU s")
    found = {}
    for name, (kind, settings) in kinds.items():
        start = time.process_time()
        updates, steps, solved = zip(*(run(kind, s, **settings) for s in seeds), strict=True)
        found[name] = updates
        seconds = (time.process_time() - start) / len(seeds)
        counts = f"{statistics.median(updates)} {sorted(updates)}"
        played = f"{statistics.median(steps):.0f}, {max(steps)}"
        print(
            f"{name:32}{sum(solved)}/{len(seeds)}   {counts}   {played}   {seconds:.1f}", flush=True
        )
    for name in ("PGPolicy", "PGPolicy, reward_normalization"):
        p = mannwhitneyu(found[name], found["LeaveOneOut"]).pvalue
        print(f"{name} against LeaveOneOut, rank test over updates: p = {p:.3f}")
