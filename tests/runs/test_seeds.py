"""Every random draw of a run has its own seed, and an evaluation another than training."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from pg_edu import Collector
from pg_edu.runs import training
from pg_edu.runs.agents import make_envs, make_policy
from pg_edu.runs.training import evaluate, initial_policy, train
from tests.runs.helpers import SMALL, leaves


class Coins(gym.Env[Any, Any]):
    """Ten coins, each of which pays the action 1; nothing but the actions is random."""

    observation_space = Box(0.0, 1.0, (1,))
    action_space = Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return np.zeros(1, np.float32), float(action), self.steps == 10, False, {}


class Vector(SyncVectorEnv):
    """Coins that note whether they have been closed."""

    was_closed = False

    def close(self, **kwargs: Any) -> None:
        self.was_closed = True
        super().close(**kwargs)


@pytest.fixture
def coins(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Vector]]:
    """Let runs and evaluations act in Coins; yield the vectors that they make."""
    made: list[Vector] = []

    def make_envs(_: Any, num_envs: int) -> Vector:
        made.append(Vector([Coins] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP))
        return made[-1]

    monkeypatch.setattr(training, "make_envs", make_envs)
    yield made
    for envs in made:
        envs.close()


def policy_for_coins() -> Any:
    torch.manual_seed(0)
    return make_policy(SMALL, Coins.observation_space, Coins.action_space)


def seeds_of_a_run(seed: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """Return what torch, NumPy, environments and evaluations were seeded with in three updates."""
    seen: dict[str, list[int]] = {"torch": [], "numpy": [], "envs": [], "evaluations": []}
    reset = Collector.reset

    def recorded_reset(collector: Collector, **given: Any) -> Any:
        seen["envs"].append(given["gym_reset_kwargs"]["seed"])
        return reset(collector, **given)

    def recorded_evaluation(*_: Any, **given: Any) -> Any:
        seen["evaluations"].append(given["seed"])
        return np.zeros(100)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "manual_seed", seen["torch"].append)
        patch.setattr(np.random, "seed", seen["numpy"].append)
        patch.setattr(Collector, "reset", recorded_reset)
        patch.setattr(training, "evaluate", recorded_evaluation)
        train(seed, replace(SMALL, target=1.0))
    return seen


def test_no_seed_is_used_twice_in_a_run_or_by_two_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights and three iterations, for torch and NumPy; three resets and three evaluations."""
    used = []
    for seed in (0, 1, 2):
        seen = seeds_of_a_run(seed, monkeypatch)
        assert {name: len(seeds) for name, seeds in seen.items()} == {
            "torch": 4,
            "numpy": 4,
            "envs": 3,
            "evaluations": 3,
        }
        used += [number for seeds in seen.values() for number in seeds]
    assert len(set(used)) == len(used) == 3 * 14


def test_two_seeds_begin_with_different_weights() -> None:
    first, second = (leaves(initial_policy(seed, SMALL).state_dict()) for seed in (0, 1))
    assert first != second


def test_sampled_actions_of_an_evaluation_depend_on_its_seed_alone(coins: list[Vector]) -> None:
    policy = policy_for_coins()
    returns = {seed: evaluate(policy, SMALL, greedy=False, seed=seed).tolist() for seed in (1, 2)}
    assert returns[1] != returns[2]
    torch.manual_seed(99)
    assert evaluate(policy, SMALL, greedy=False, seed=1).tolist() == returns[1]
    assert evaluate(policy, SMALL, greedy=False, seed=2).tolist() == returns[2]


def test_an_evaluation_without_a_seed_has_seed_0(coins: list[Vector]) -> None:
    policy = policy_for_coins()
    expected = evaluate(policy, SMALL, greedy=False, seed=0)
    assert evaluate(policy, SMALL, greedy=False).tolist() == expected.tolist()


def test_a_greedy_evaluation_is_greedy_within_a_training_step_too(coins: list[Vector]) -> None:
    """The mode is one action for all ten coins, so that a return is 0 or 10."""
    policy = policy_for_coins()
    policy.is_within_training_step = True
    returns = evaluate(policy, SMALL, greedy=True)
    assert set(returns.tolist()) <= {0.0, 10.0} and len(set(returns.tolist())) == 1


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("greedy", [False, True])
def test_an_evaluation_restores_deterministic_eval(
    before: bool, greedy: bool, coins: list[Vector]
) -> None:
    policy = policy_for_coins()
    policy.deterministic_eval = before
    evaluate(policy, SMALL, greedy=greedy, episodes=2)
    assert policy.deterministic_eval is before


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("episodes", "environments"), [(1, 1), (3, 3), (100, 100), (150, 100)])
def test_an_evaluation_has_an_environment_for_each_of_at_most_100_episodes(
    episodes: int, environments: int, coins: list[Vector]
) -> None:
    """More would be idle, which the collector warns of."""
    returns = evaluate(policy_for_coins(), SMALL, greedy=False, episodes=episodes)
    assert (len(returns), coins[-1].num_envs) == (episodes, environments)


def test_evaluations_close_their_environments_and_restore_the_policy_after_an_error(
    coins: list[Vector], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = policy_for_coins()
    evaluate(policy, SMALL, greedy=True)

    def broken(*_: Any) -> Any:
        raise RuntimeError("the sensor is gone")

    monkeypatch.setattr(Coins, "step", broken)
    with pytest.raises(RuntimeError, match="the sensor is gone"):
        evaluate(policy, SMALL, greedy=True)
    assert [envs.was_closed for envs in coins] == [True, True]
    assert (policy.deterministic_eval, policy.is_within_training_step) == (False, False)


def test_a_run_closes_its_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    def recorded(*arguments: Any) -> Any:
        envs = make_envs(*arguments)
        monkeypatch.setattr(envs, "close", lambda: closed.append(envs))
        return envs

    monkeypatch.setattr(training, "make_envs", recorded)
    train(0, SMALL)
    assert len(closed) == 1
