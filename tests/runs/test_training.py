"""A run is a function of its seed: repeated, resumed, pickled, or evaluated."""

import math
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from pg_edu.runs import training
from pg_edu.runs.checkpoint import load_checkpoint, save_checkpoint
from pg_edu.runs.config import Config, good_config
from pg_edu.runs.training import Result, evaluate, initial_policy, train, trained_policy
from tests.runs.helpers import SMALL, fingerprint, leaves, states

PENDULUM = replace(SMALL, env_id="Pendulum-v1", num_envs=2)
MINIBATCHES = replace(SMALL, batch_size=32, repeat=2)
LEAVE_ONE_OUT = replace(SMALL, baseline="leave_one_out", learning_rate_decay=0.5)


def test_the_same_seed_gives_the_same_run_whatever_happened_before() -> None:
    first = train(3, SMALL)
    torch.manual_seed(99)
    np.random.seed(99)
    assert fingerprint(train(3, SMALL)) == fingerprint(first)


def test_another_seed_gives_another_run() -> None:
    assert fingerprint(train(4, SMALL)) != fingerprint(train(3, SMALL))


@pytest.mark.parametrize("config", [SMALL, PENDULUM, MINIBATCHES, LEAVE_ONE_OUT])
@pytest.mark.parametrize("updates", [0, 1, 2])
def test_a_resumed_run_ends_like_an_uninterrupted_one(
    config: Config, updates: int, tmp_path: Path
) -> None:
    """Parameters, Adam's moments, running statistics and history are the same, bit for bit."""
    run = states(5, config)
    save_checkpoint(run[updates], tmp_path / "checkpoint.pt")
    torch.manual_seed(99)
    np.random.seed(99)
    resumed = train(5, config, resume=load_checkpoint(tmp_path / "checkpoint.pt"))
    assert fingerprint(resumed) == fingerprint(run[-1])


def test_training_does_not_change_the_states_that_it_has_shown() -> None:
    before: list[Any] = []
    shown: list[Result] = []

    def look(result: Result) -> None:
        shown.append(result)
        before.append(fingerprint(result))

    train(0, SMALL, on_iteration=look)
    assert [fingerprint(result) for result in shown] == before


def test_the_clock_continues_when_a_run_is_resumed() -> None:
    run = states(0, SMALL)
    resumed = train(0, SMALL, resume=run[2])
    assert resumed.history[:2] == run[2].history
    assert resumed.history[2].seconds > resumed.history[1].seconds


def test_a_failed_evaluation_leaves_no_trace_in_the_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failed(*args: Any, **given: Any) -> np.ndarray[Any, Any]:
        return evaluate(*args, **{**given, "episodes": 3}) * 0.0

    monkeypatch.setattr(training, "evaluate", failed)
    evaluated = train(0, replace(MINIBATCHES, target=1.0))
    never = train(0, MINIBATCHES)
    assert [row.greedy for row in evaluated.history] == [0.0, 0.0, 0.0]
    assert leaves(evaluated.policy_state) == leaves(never.policy_state)
    assert leaves(evaluated.optim_state) == leaves(never.optim_state)


@pytest.mark.parametrize(
    ("greedy", "sampled", "solved"),
    [(15.0, 15.0, True), (9.0, 15.0, False), (15.0, 9.0, False)],
)
def test_solved_means_that_greedy_and_sampled_episodes_reach_the_target(
    greedy: float, sampled: float, solved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: Any, **given: Any) -> np.ndarray[Any, Any]:
        return np.full(100, greedy if given["greedy"] else sampled)

    monkeypatch.setattr(training, "evaluate", measured)
    result = train(0, Config(num_envs=8, max_updates=1, target=12.0))
    assert result.solved is solved


def test_there_is_no_evaluation_if_the_training_episodes_miss_the_target() -> None:
    result = train(0, Config(num_envs=4, max_updates=1, target=400.0))
    assert (result.history[0].greedy, result.history[0].sampled) == (None, None)


def test_the_saved_policy_is_the_one_that_solved_the_task() -> None:
    """No update follows the evaluation that reached the target."""
    result = train(0, Config(num_envs=8, target=-1.0))
    assert leaves(result.policy_state) == leaves(initial_policy(0, result.config).state_dict())
    assert result.history[-1].loss is None


def test_a_solved_run_resumed_with_a_higher_target_ends_like_a_run_with_that_target() -> None:
    easy = Config(num_envs=8, target=-1.0, max_updates=3)
    hard = Config(num_envs=8, target=400.0, max_updates=3)
    solved = train(0, easy)
    assert solved.solved
    assert fingerprint(train(0, hard, resume=solved)) == fingerprint(train(0, hard))


@pytest.mark.parametrize(
    ("limit", "value", "iterations"),
    [("max_updates", 2, 2), ("max_env_steps", 1, 1), ("max_seconds", 1e-9, 1)],
)
def test_a_limit_ends_the_run_after_the_iteration_that_reaches_it(
    limit: str, value: float, iterations: int
) -> None:
    limits: dict[str, Any] = {limit: value}
    result = train(0, Config(num_envs=4, **limits))
    assert (result.stopped, len(result.history)) == (limit, iterations)


def test_a_run_at_its_limit_is_resumed_with_a_higher_one() -> None:
    short = train(0, Config(num_envs=4, max_updates=2))
    longer = Config(num_envs=4, max_updates=4)
    assert fingerprint(train(0, longer, resume=short)) == fingerprint(train(0, longer))


@pytest.mark.parametrize(
    ("seed", "config", "message"),
    [
        (1, SMALL, "seed was 0 in the run to resume and cannot become 1"),
        (0, Config(num_envs=5, hidden_sizes=(8,)), "num_envs was 4"),
        (0, Config(num_envs=4, hidden_sizes=(9,)), "hidden_sizes was"),
    ],
)
def test_a_run_is_not_resumed_as_another_one(seed: int, config: Config, message: str) -> None:
    first = states(0, SMALL)[1]
    with pytest.raises(ValueError, match=message):
        train(seed, config, resume=first)


@pytest.mark.parametrize("seed", [-1, 0.5])
def test_a_seed_must_be_a_whole_number_of_at_least_0(seed: Any) -> None:
    with pytest.raises(ValueError, match="seed must be a whole number of at least 0"):
        train(seed, SMALL)


def test_an_iteration_consists_of_complete_episodes_of_every_environment() -> None:
    """In CartPole an episode's return is its length, so the steps are the sum of the returns."""
    result = train(0, Config(num_envs=4, episodes_per_env=3, max_updates=2))
    steps = [row.env_steps for row in result.history]
    assert [row.episodes for row in result.history] == [12, 12]
    assert np.diff([0, *steps]) == pytest.approx([12 * row.return_mean for row in result.history])


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1", "MountainCarContinuous-v0"])
def test_the_target_is_the_threshold_of_the_environment(env_id: str) -> None:
    expected = {"CartPole-v1": 475.0, "Acrobot-v1": -100.0, "MountainCarContinuous-v0": 90.0}
    config = good_config(env_id, num_envs=1, max_updates=1, max_episode_steps=5)
    assert train(0, config).config.target == expected[env_id]


def test_without_a_threshold_a_run_continues_to_its_limit() -> None:
    result = train(0, Config(env_id="Blackjack-v1", max_updates=2))
    assert (result.config.target, result.stopped) == (math.inf, "max_updates")


def test_a_run_begins_with_the_initial_policy_of_its_seed() -> None:
    start = states(7, SMALL)[0]
    assert leaves(start.policy_state) == leaves(initial_policy(7, SMALL).state_dict())


def test_the_trained_policy_has_the_parameters_of_the_result() -> None:
    result = train(0, SMALL)
    assert leaves(trained_policy(result).state_dict()) == leaves(result.policy_state)


def test_parameters_of_another_network_are_refused() -> None:
    result = states(0, SMALL)[1]
    other = replace(result, config=Config(hidden_sizes=(9,)))
    with pytest.raises(ValueError, match="the parameters do not fit CartPole-v1"):
        trained_policy(other)


def test_config_result_and_train_can_be_pickled() -> None:
    result = train(0, SMALL)
    copy = pickle.loads(pickle.dumps(result))
    assert (fingerprint(copy), copy.config) == (fingerprint(result), result.config)
    assert pickle.loads(pickle.dumps(SMALL)) == SMALL
    assert pickle.loads(pickle.dumps(train)) is train


def test_greedy_evaluation_is_the_sum_of_rewards_of_the_most_likely_actions() -> None:
    """Compare with single environments; environment i of a vector has seed + i."""
    policy = initial_policy(0, PENDULUM)
    returns = evaluate(policy, PENDULUM, greedy=True, episodes=3, seed=11)
    expected = []
    for seed in (11, 12, 13):
        env = gym.make("Pendulum-v1")
        obs, _ = env.reset(seed=seed)
        total, truncated = 0.0, False
        while not truncated:
            mean = policy.actor(obs[None])[0][0].detach().numpy()[0]
            obs, reward, _, truncated, _ = env.step(2 * np.clip(mean, -1, 1))
            total += float(reward)
        expected.append(total)
    assert sorted(returns) == pytest.approx(sorted(expected), rel=1e-4)


def test_sampled_evaluation_is_not_the_greedy_one() -> None:
    policy = initial_policy(0, SMALL)
    greedy = evaluate(policy, SMALL, greedy=True, seed=1)
    sampled = evaluate(policy, SMALL, greedy=False, seed=1)
    assert greedy.shape == sampled.shape == (100,)
    assert greedy.tolist() != sampled.tolist()


def test_evaluation_leaves_policy_and_generator_as_they_were() -> None:
    policy = initial_policy(0, SMALL)
    policy.is_within_training_step = True
    state = torch.get_rng_state()
    evaluate(policy, SMALL, greedy=True, episodes=5)
    assert torch.equal(torch.get_rng_state(), state)
    assert (policy.deterministic_eval, policy.is_within_training_step) == (False, True)
