"""Learning: PGPolicy.learn against the same gradient steps in plain torch.

A full batch in plain torch ("bare") is as_tensor, network, distribution, log_prob, mean, backward,
Adam's step, loss.item(). That `learn` also permutes the rows, and that `forward` draws actions, is
Tianshou's contract, so it is on our side alone. With minibatches bare permutes too. "bare + draw"
permutes and draws: no `learn` that leaves torch's and numpy's generators as Tianshou's does can be
faster than this, and what is left between it and ours is what pg_edu adds: with minibatches partly
`Batch.split` ("bare + draw + split" takes its rows from there), partly `forward`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from bench.timing import Measurement, Row, milliseconds
from bench.worlds import mlp
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, Normal

import pg_edu


def measurements(quick: bool) -> list[Measurement]:
    repeats = 3 if quick else 21
    return [
        *(
            partial(full_batch, kind, rows, bound, repeats)
            for kind in (discrete, gaussian)
            for rows, bound in ((2000, 1.25), (20_000, 1.10))
        ),
        partial(minibatches, 2000, 64, 1.20, repeats),
    ]


class BareGaussian(nn.Module):
    """The mean from a network, the standard deviation a parameter."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mu = mlp(inputs, outputs)
        self.log_sigma = nn.Parameter(torch.zeros(outputs))

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        return self.mu(obs), self.log_sigma.exp()


# Our actor, the bare network, dist_fn of both, the action space, the data.
Setting = tuple[Any, Any, Callable[[Any], Distribution], gym.Space[Any], dict[str, Any]]


def discrete(rows: int) -> Setting:
    generator = np.random.default_rng(0)
    data = data_of(rows, 4, generator.integers(2, size=rows))
    actor = pg_edu.Net(4, 2, hidden_sizes=[64, 64])
    return actor, mlp(4, 2), lambda x: Categorical(logits=x), gym.spaces.Discrete(2), data


def gaussian(rows: int) -> Setting:
    generator = np.random.default_rng(0)
    data = data_of(rows, 11, generator.normal(size=(rows, 3)).astype(np.float32))
    actor = pg_edu.ActorProb(pg_edu.Net(11, hidden_sizes=[64, 64]), 3, unbounded=True)
    space = gym.spaces.Box(-1, 1, (3,), np.float32)
    return actor, BareGaussian(11, 3), lambda x: Independent(Normal(*x), 1), space, data


def data_of(rows: int, inputs: int, act: Any) -> dict[str, Any]:
    generator = np.random.default_rng(1)
    obs = generator.normal(size=(rows, inputs)).astype(np.float32)
    return {"obs": obs, "act": act, "returns": generator.normal(size=rows)}


def full_batch(kind: Callable[[int], Setting], rows: int, bound: float, repeats: int) -> list[Row]:
    actor, net, dist_fn, space, data = kind(rows)
    optim = torch.optim.Adam(net.parameters(), lr=1e-3)
    times = 40_000 // rows

    def bare(draw: bool) -> None:
        for _ in range(times):
            arrays = data.values()
            if draw:
                order = np.random.permutation(rows)
                arrays = [array[order] for array in arrays]
            bare_step(net, dist_fn, optim, *map(torch.as_tensor, arrays), draw)

    learn = learner(actor, dist_fn, space, data, batch_size=None, repeat=times)
    return compared(f"learn, {rows:,} rows, {kind.__name__}", learn, bare, times, bound, repeats)


def minibatches(rows: int, size: int, bound: float, repeats: int) -> list[Row]:
    actor, net, dist_fn, space, data = discrete(rows)
    optim = torch.optim.Adam(net.parameters(), lr=1e-3)
    times = 2
    starts = range(size, rows - size + 1, size)  # a smaller rest joins the last minibatch

    def bare(draw: bool) -> None:
        for _ in range(times):
            obs, act, returns = map(torch.as_tensor, data.values())
            for index in torch.randperm(rows).tensor_split(list(starts)):
                bare_step(net, dist_fn, optim, obs[index], act[index], returns[index], draw)

    def split() -> None:
        for _ in range(times):
            for piece in pg_edu.Batch(data).split(size, merge_last=True):
                bare_step(net, dist_fn, optim, *map(torch.as_tensor, piece.values()), True)

    learn = learner(actor, dist_fn, space, data, batch_size=size, repeat=times)
    what = f"learn, {rows:,} rows, minibatches of {size}"
    found = milliseconds(learn, split, repeats, times)
    return [
        *compared(what, learn, bare, times, bound, repeats),
        Row(what, "bare + draw + split", *found, "CPU ms", "at most", None),
    ]


def bare_step(
    net: Any, dist_fn: Any, optim: Any, obs: Tensor, act: Tensor, returns: Tensor, draw: bool
) -> float:
    dist = dist_fn(net(obs))
    if draw:
        dist.sample()
    loss = -(dist.log_prob(act) * returns.float()).mean()
    optim.zero_grad()
    loss.backward()
    optim.step()
    return loss.item()


def learner(
    actor: Any, dist_fn: Any, space: gym.Space[Any], data: dict[str, Any], **how: Any
) -> Callable[[], Any]:
    policy = pg_edu.PGPolicy(
        actor=actor,
        optim=torch.optim.Adam(actor.parameters(), lr=1e-3),
        dist_fn=dist_fn,
        action_space=space,
        action_scaling=False,
    )
    return partial(policy.learn, pg_edu.Batch(data), **how)


def compared(what: str, learn: Any, bare: Any, times: int, bound: float, repeats: int) -> list[Row]:
    without, with_draw = (
        milliseconds(learn, partial(bare, draw), repeats, times) for draw in (False, True)
    )
    return [
        Row(what, "bare", *without, "CPU ms", "at most", bound),
        Row(what, "bare + draw", *with_draw, "CPU ms", "at most", None),
    ]
