"""Collecting: Collector.collect against the shortest loop that plays, and against Tianshou's.

The loop ("bare") asks the same network, draws from the same distribution, steps the same
environments, and stores nothing. A repeat is one long collect, so what is measured is the steady
state; emptying the buffer is part of it. Bare makes its distributions as everybody does, so torch
checks their arguments at each step; "bare, unchecked" goes without, as the Collector does after
its first step. "play" is bare with `policy(Batch(obs=obs)).act` in place of network, distribution
and draw, checks on: what it lacks is what a policy costs, and from there to "collect" it is what
storing costs, less the checks. Of AsyncVectorEnv the CPU seconds are the main process's: what the
workers do is the same for both and would only hide the difference.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import torch
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv
from torch.distributions import Categorical

import pg_edu
from bench.timing import Measurement, Row, rates
from bench.worlds import DictActor, Dot, LinearPixelActor, PixelActor, Reach

RATE = "vector steps / CPU s"


def measurements(quick: bool) -> list[Measurement]:
    repeats = 2 if quick else 15
    cartpole = [
        partial(cartpole_against_bare, n, bound, repeats)
        for n, bound in ((16, 0.90), (64, 0.88), (256, 0.86))
    ]
    kinds: list[tuple[str, Callable[[], VectorEnv], Callable[[], Any], int]] = [
        ("8 SyncVectorEnv, CartPole", partial(several, SyncVectorEnv, cart, 8), cart_actor, 1000),
        ("4 AsyncVectorEnv, CartPole", partial(several, AsyncVectorEnv, cart, 4), cart_actor, 500),
        ("8 dict observations", partial(several, SyncVectorEnv, Reach, 8), DictActor, 1000),
        (
            "8 images, linear network",
            partial(several, SyncVectorEnv, Dot, 8),
            LinearPixelActor,
            500,
        ),
        ("8 images, small CNN", partial(several, SyncVectorEnv, Dot, 8), PixelActor, 300),
    ]
    others = [partial(others_against_bare, *kind, repeats) for kind in kinds]
    tianshou = [partial(against_tianshou, n, bound, repeats) for n, bound in ((8, 5.0), (16, 6.0))]
    return [*cartpole, *others, *tianshou]


def cart() -> gym.Env[Any, Any]:
    return gym.make("CartPole-v1")


def cart_actor() -> pg_edu.Net:
    return pg_edu.Net(4, 2, hidden_sizes=[64, 64])


def several(kind: type[VectorEnv], make: Callable[[], gym.Env[Any, Any]], n: int) -> VectorEnv:
    return kind([make] * n)


def cartpole_against_bare(n: int, bound: float, repeats: int) -> list[Row]:
    actor, make = cart_actor(), partial(gym.make_vec, "CartPole-v1", num_envs=n)
    net = actor.model.model  # the nn.Sequential in it

    def ask(obs: Any) -> torch.Tensor:
        return net(torch.as_tensor(obs))

    how = f"{n} CartPole", make, actor, ask, 1000
    return [
        against_bare(*how, bound, repeats),
        against_bare(*how, None, repeats, checks=False),
        play_against_bare(n, actor, ask, 1000, repeats),
    ]


def play_against_bare(
    n: int, actor: torch.nn.Module, ask: Callable[[Any], torch.Tensor], steps: int, repeats: int
) -> Row:
    envs, own = (gym.make_vec("CartPole-v1", num_envs=n) for _ in range(2))
    policy = policy_of(pg_edu, actor, envs.single_action_space)
    ours = loop(envs, lambda obs: policy(pg_edu.Batch(obs=obs)).act, steps)
    bare = loop(own, lambda obs: Categorical(logits=ask(obs)).sample(), steps)
    found = rates(ours, bare, repeats)
    return Row(f"play, {n} CartPole", "bare", *found, RATE, "at least", None)


def loop(envs: VectorEnv, act: Callable[[Any], torch.Tensor], steps: int) -> Callable[[], int]:
    obs, _ = envs.reset(seed=0)

    def play() -> int:
        nonlocal obs
        with torch.no_grad():
            for _ in range(steps):
                obs, _, _, _, _ = envs.step(act(obs).numpy())
        return steps

    return play


def others_against_bare(
    what: str,
    make: Callable[[], VectorEnv],
    make_actor: Callable[[], Any],
    steps: int,
    repeats: int,
) -> list[Row]:
    actor = make_actor()
    return [against_bare(what, make, actor, lambda obs: actor(obs)[0], steps, 0.85, repeats)]


def against_bare(
    what: str,
    make: Callable[[], VectorEnv],
    actor: torch.nn.Module,
    ask: Callable[[Any], torch.Tensor],
    steps: int,
    bound: float | None,
    repeats: int,
    checks: bool = True,
) -> Row:
    """Vector steps a second of both, `steps` in each repeat; `checks` are torch's, see above."""
    torch.manual_seed(0)
    envs, own = make(), make()
    n = envs.num_envs
    collector = pg_edu.Collector(
        policy_of(pg_edu, actor, envs.single_action_space),
        envs,
        pg_edu.VectorReplayBuffer(n * steps, n),
    )
    collector.reset(gym_reset_kwargs={"seed": 0})

    def ours() -> int:
        collector.reset_buffer()
        collector.collect(n_step=n * steps)
        return steps

    def act(obs: Any) -> torch.Tensor:
        return Categorical(logits=ask(obs), validate_args=checks).sample()

    bare = loop(own, act, steps)
    found = rates(ours, bare, repeats)
    envs.close(), own.close()
    against = "bare" if checks else "bare, unchecked"
    return Row(f"collect, {what}", against, *found, RATE, "at least", bound)


def against_tianshou(n: int, bound: float, repeats: int) -> list[Row]:
    """Environment steps a second: our CartPoleVectorEnv against its DummyVectorEnv."""
    import tianshou.data
    import tianshou.env
    import tianshou.policy
    from tianshou.utils.net.common import Net

    torch.manual_seed(0)
    space, steps = gym.spaces.Discrete(2), 1000
    collectors = [
        pg_edu.Collector(
            policy_of(pg_edu, cart_actor(), space),
            gym.make_vec("CartPole-v1", num_envs=n),
            pg_edu.VectorReplayBuffer(n * steps, n),
        ),
        tianshou.data.Collector(
            policy_of(tianshou.policy, Net(4, 2, hidden_sizes=[64, 64]), space),
            tianshou.env.DummyVectorEnv([cart] * n),
            tianshou.data.VectorReplayBuffer(n * steps, n),
        ),
    ]

    def collected(collector: Any, steps: int) -> int:
        collector.reset_buffer()
        return collector.collect(n_step=n * steps).n_collected_steps

    for collector in collectors:
        collector.reset()
    ours, theirs = (partial(collected, c, k) for c, k in zip(collectors, (steps, 300), strict=True))
    found = rates(ours, theirs, repeats)
    return [
        Row(f"collect, {n} CartPole", "Tianshou", *found, "env steps / CPU s", "at least", bound)
    ]


def policy_of(library: Any, actor: torch.nn.Module, space: gym.Space[Any]) -> Any:
    return library.PGPolicy(
        actor=actor,
        optim=torch.optim.Adam(actor.parameters()),
        dist_fn=lambda logits: Categorical(logits=logits),
        action_space=space,
        action_scaling=False,
    )
