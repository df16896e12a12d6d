"""Collecting: Collector.collect against the shortest loop that plays, and against Tianshou's.

The loop ("bare") asks the same network, draws from the same distribution, steps the same
environments, and stores nothing. A repeat is one long collect, so what is measured is the steady
state; emptying the buffer is part of it. Bare makes its distributions as everybody does, so torch
checks their arguments at each step; "bare, unchecked" goes without, as the Collector does after
its first step. "play" is bare with `policy(Batch(obs=obs)).act` in place of network, distribution
and draw, checks on: what it lacks is what a policy costs, and from there to "collect" it is what
storing costs, less the checks. "bare + store" copies each obs and obs_next once, to its last place,
and nothing else; nobody who keeps both can be faster. Of AsyncVectorEnv the CPU seconds are the
main process's: what the workers do is the same for both and would only hide the difference.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from bench.timing import Measurement, Row, rates
from bench.worlds import DictActor, Dot, LinearPixelActor, PixelActor, Reach
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv
from torch.distributions import Categorical

import pg_edu

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
        ("8 images, small CNN", partial(several, SyncVectorEnv, Dot, 8), PixelActor, 300),
    ]
    others = [partial(others_against_bare, *kind, repeats) for kind in kinds]
    others.append(partial(images_against_bare, 500, repeats))
    tianshou = [partial(against_tianshou, n, bound, repeats) for n, bound in ((8, 5.0), (16, 6.0))]
    return [*cartpole, *others, *tianshou]


def cart() -> gym.Env[Any, Any]:
    return gym.make("CartPole-v1")


def cart_actor() -> pg_edu.Net:
    return pg_edu.Net(4, 2, hidden_sizes=[64, 64])


def several(kind: type[VectorEnv], make: Callable[[], gym.Env[Any, Any]], n: int) -> VectorEnv:
    return kind([make] * n)


class World(NamedTuple):
    """What is played, by whom, and for how many vector steps a repeat."""

    what: str
    make: Callable[[], VectorEnv]
    actor: torch.nn.Module
    ask: Callable[[Any], torch.Tensor]  # observations -> logits, as short as it can be
    steps: int


def cartpole_against_bare(n: int, bound: float, repeats: int) -> list[Row]:
    actor = cart_actor()
    net = actor.model.model  # the nn.Sequential in it

    def ask(obs: Any) -> torch.Tensor:
        return net(torch.as_tensor(obs))

    make = partial(gym.make_vec, "CartPole-v1", num_envs=n)
    world = World(f"{n} CartPole", make, actor, ask, 1000)
    return [
        against_bare(world, bound, repeats),
        against_bare(world, None, repeats, checks=False),
        play_against_bare(world, repeats),
    ]


def images_against_bare(steps: int, repeats: int) -> list[Row]:
    """Under a network that costs next to nothing, so that all the rest is seen."""
    actor, make = LinearPixelActor(), partial(several, SyncVectorEnv, Dot, 8)
    world = World("8 images, linear network", make, actor, lambda obs: actor(obs)[0], steps)
    return [
        against_bare(world, 0.85, repeats),
        against_bare(world, None, repeats, checks=False),
        play_against_bare(world, repeats),
        store_against_bare(world, repeats),
    ]


def others_against_bare(
    what: str,
    make: Callable[[], VectorEnv],
    make_actor: Callable[[], Any],
    steps: int,
    repeats: int,
) -> list[Row]:
    actor = make_actor()
    world = World(what, make, actor, lambda obs: actor(obs)[0], steps)
    return [against_bare(world, 0.85, repeats)]


def against_bare(world: World, bound: float | None, repeats: int, checks: bool = True) -> Row:
    """Vector steps a second of both; `checks` are torch's, see above."""
    torch.manual_seed(0)
    envs, own = world.make(), world.make()
    n = envs.num_envs
    collector = pg_edu.Collector(
        policy_of(pg_edu, world.actor, envs.single_action_space),
        envs,
        pg_edu.VectorReplayBuffer(n * world.steps, n),
    )
    collector.reset(gym_reset_kwargs={"seed": 0})

    def ours() -> int:
        collector.reset_buffer()
        collector.collect(n_step=n * world.steps)
        return world.steps

    found = rates(ours, bare_loop(world, own, checks), repeats)
    envs.close(), own.close()
    against = "bare" if checks else "bare, unchecked"
    return Row(f"collect, {world.what}", against, *found, RATE, "at least", bound)


def play_against_bare(world: World, repeats: int) -> Row:
    envs, own = world.make(), world.make()
    policy = policy_of(pg_edu, world.actor, envs.single_action_space)
    ours = loop(envs, lambda obs: policy(pg_edu.Batch(obs=obs)).act, world.steps)
    found = rates(ours, bare_loop(world, own), repeats)
    return Row(f"play, {world.what}", "bare", *found, RATE, "at least", None)


def store_against_bare(world: World, repeats: int) -> Row:
    envs, own = world.make(), world.make()
    space = envs.single_observation_space
    shape = envs.num_envs, world.steps, *space.shape
    obs, obs_next = np.zeros(shape, space.dtype), np.zeros(shape, space.dtype)

    def store(t: int, seen: Any, came: Any) -> None:
        obs[:, t], obs_next[:, t] = seen, came

    found = rates(bare_loop(world, envs, store=store), bare_loop(world, own), repeats)
    return Row(f"bare + store, {world.what}", "bare", *found, RATE, "at least", None)


def bare_loop(world: World, envs: VectorEnv, checks: bool = True, **how: Any) -> Callable[[], int]:
    def act(obs: Any) -> torch.Tensor:
        return Categorical(logits=world.ask(obs), validate_args=checks).sample()

    return loop(envs, act, world.steps, **how)


def loop(
    envs: VectorEnv,
    act: Callable[[Any], torch.Tensor],
    steps: int,
    store: Callable[[int, Any, Any], None] | None = None,
) -> Callable[[], int]:
    obs, _ = envs.reset(seed=0)

    def play() -> int:
        nonlocal obs
        with torch.no_grad():
            for t in range(steps):
                came, _, _, _, _ = envs.step(act(obs).numpy())
                if store is not None:
                    store(t, obs, came)
                obs = came
        return steps

    return play


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
