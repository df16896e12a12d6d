"""What forbid_outer_broadcast costs: the time of a training step with it over that without it.

python tests/bench/guard.py
"""

import time

import torch
from torch.distributions import Categorical

from pg_edu.guard import forbid_outer_broadcast


def trainer(rows: int, width: int):
    net = torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.Tanh(), torch.nn.Linear(width, 2))
    optim = torch.optim.Adam(net.parameters())
    obs, act, returns = torch.randn(rows, 4), torch.randint(2, (rows,)), torch.randn(rows)

    def step() -> None:
        loss = -(Categorical(logits=net(obs)).log_prob(act) * returns).mean()
        optim.zero_grad()
        loss.backward()
        optim.step()

    return step


def fastest(step, times: int) -> float:
    def once() -> float:
        start = time.perf_counter()
        step()
        return time.perf_counter() - start

    return min(once() for _ in range(times))


if __name__ == "__main__":
    torch.set_num_threads(1)
    for rows, width, times in [(16, 16, 1000), (1000, 64, 500), (10_000, 256, 30)]:
        step = trainer(rows, width)
        without = fastest(step, times)
        with forbid_outer_broadcast():
            guarded = fastest(step, times)
        print(f"{rows} rows, {width} units: {1e3 * without:.2f} ms, x {guarded / without:.2f}")
