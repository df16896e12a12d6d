"""Every setting of a run reaches the agent, and every number of a comparison its place."""

import dataclasses
import fnmatch
import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import SyncVectorEnv
from gymnasium.wrappers import TransformReward
from torch import nn

from pg_edu.batch import Batch
from pg_edu.runs.agents import make_env, make_envs, make_policy
from pg_edu.runs.compare import as_text, curves, summarize
from pg_edu.runs.config import Config, good_config
from pg_edu.runs.intervals import bootstrap_interval, interquartile_mean, t_interval
from pg_edu.runs.sweep import Outcome, Run, path_of
from pg_edu.runs.training import Iteration, Result, train
from tests.runs.helpers import SMALL

OBS, ACT = Box(-1, 1, (4,)), Box(-2, 2, (3,))

# Settings of the agent


def policy_with(space: Any = ACT, **settings: Any) -> Any:
    return make_policy(Config(**settings), OBS, space)


def test_the_optimizer_is_adam_with_the_rate_and_the_momentum_of_the_settings() -> None:
    (group,) = policy_with(learning_rate=0.25, momentum=0.5).optim.param_groups
    assert (group["lr"], group["betas"], group["eps"]) == (0.25, (0.5, 0.999), 1e-8)


def test_the_policy_gets_discount_normalization_spaces_and_bound() -> None:
    policy = policy_with(
        discount_factor=0.25, reward_normalization=False, action_bound_method="tanh"
    )
    assert (policy.gamma, policy.rew_norm, policy.action_bound_method) == (0.25, False, "tanh")
    assert (policy.observation_space, policy.action_space) == (OBS, ACT)
    assert policy_with(reward_normalization=True).rew_norm is True


@pytest.mark.parametrize("space", [ACT, Discrete(2)])
def test_the_network_has_tanh_layers_of_the_given_widths_on_the_given_device(space: Any) -> None:
    actor = policy_with(space, hidden_sizes=(7, 5), device="cpu:0").actor
    modules = list(actor.modules())
    hidden = [layer.out_features for layer in modules if isinstance(layer, nn.Linear)]
    assert hidden == [7, 5, 3 if space is ACT else 2]
    assert sum(isinstance(layer, nn.Tanh) for layer in modules) == 2
    assert not any(isinstance(layer, nn.ReLU) for layer in modules)
    devices = [getattr(module, "device", None) for module in modules]
    assert devices.count("cpu:0") == (2 if space is ACT else 1)


def test_a_hidden_layer_is_orthogonal_with_gain_root_two() -> None:
    """W Wᵀ = 2 for a square layer."""
    layers = [m for m in policy_with().actor.modules() if isinstance(m, nn.Linear)]
    W = layers[1].weight.detach().numpy()
    np.testing.assert_allclose(W @ W.T, 2 * np.eye(64), atol=1e-5)


def test_the_mean_of_a_gaussian_has_no_bound() -> None:
    policy = policy_with()
    last = [m for m in policy.actor.modules() if isinstance(m, nn.Linear)][-1]
    nn.init.constant_(last.bias, 5.0)
    mean, _ = policy(Batch(obs=np.zeros((1, 4), np.float32))).logits
    assert mean.tolist() == [[pytest.approx(5.0, abs=1e-6)] * 3]


def test_every_update_makes_the_steps_that_batch_size_and_repeat_ask_for() -> None:
    """Adam counts its steps: two passes over ⌊rows / 8⌋ minibatches in each of three updates."""
    config = dataclasses.replace(SMALL, batch_size=8, repeat=2)
    result = train(0, config)
    rows = np.diff([0, *[row.env_steps for row in result.history]])
    steps = [int(state["step"]) for state in result.optim_state["state"].values()]
    assert set(steps) == {2 * int((rows // 8).sum())}


def test_the_buffer_holds_all_episodes_even_if_they_reach_the_time_limit() -> None:
    config = Config(num_envs=2, episodes_per_env=3, max_episode_steps=5, max_updates=1)
    assert train(0, config).env_steps == 2 * 3 * 5


# Settings of the environment


def test_the_arguments_of_an_environment_are_handed_on_with_and_without_a_time_limit() -> None:
    for env_id in ("CartPole-v1", "CliffWalking-v1"):
        with make_env(Config(env_id=env_id), render_mode="rgb_array") as env:
            assert env.render_mode == "rgb_array"


def test_an_environment_with_wrappers_does_not_use_a_vectorized_version_without_them() -> None:
    wrapper = TransformReward.wrapper_spec(func=lambda reward: 10 * reward)
    spec = dataclasses.replace(
        gym.spec("CartPole-v1"), id="TenfoldCartPole-v1", additional_wrappers=(wrapper,)
    )
    gym.registry[spec.id] = spec
    try:
        envs = make_envs(Config(env_id=spec.id), 2)
        envs.reset(seed=0)
        rewards = envs.step(np.array([0, 1]))[1]
    finally:
        del gym.registry[spec.id]
    assert isinstance(envs.unwrapped, SyncVectorEnv)
    assert rewards.tolist() == [10.0, 10.0]


# Ranges and defaults of settings


@pytest.mark.parametrize(
    "changes",
    [
        {"momentum": 0.0},
        {"discount_factor": 0.0},
        {"discount_factor": 1.0},
        {"learning_rate_decay": 1.0},
        {"target": math.inf},
        {"target": -math.inf},
        {"hidden_sizes": ()},
        {"hidden_sizes": (1,)},
        {"num_envs": 1, "batch_size": 1, "repeat": 1, "max_updates": 1, "max_env_steps": 1},
    ],
)
def test_the_ends_of_a_range_that_belong_to_it_are_accepted(changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        assert getattr(Config(**changes), name) == value


@pytest.mark.parametrize("name", ["learning_rate", "max_seconds"])
def test_an_infinite_rate_or_time_is_refused(name: str) -> None:
    settings: dict[str, Any] = {name: math.inf}
    with pytest.raises(ValueError, match=f"{name} must be a positive number, got inf"):
        Config(**settings)


COUNTS = ["num_envs", "episodes_per_env", "batch_size", "repeat", "max_env_steps", "max_updates"]


@pytest.mark.parametrize("name", [*COUNTS, "max_episode_steps"])
@pytest.mark.parametrize("value", [0, 1.0])
def test_a_count_of_0_and_a_count_that_is_not_whole_are_refused(name: str, value: Any) -> None:
    settings: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1"):
        Config(**settings)


def test_settings_cannot_be_changed_and_equal_ones_are_the_same_key() -> None:
    config = Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.num_envs = 3  # type: ignore[misc]
    assert {config: 1}[Config()] == 1


def test_an_environment_without_good_settings_has_the_defaults() -> None:
    assert good_config("MountainCar-v0") == Config(env_id="MountainCar-v0")


# Intervals


@pytest.mark.parametrize("interval", [t_interval, bootstrap_interval])
@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.1, 1.1, math.nan])
def test_a_confidence_of_0_or_1_is_refused(interval: Any, confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence must be between 0 and 1"):
        interval([1.0, 2.0], confidence=confidence)


@pytest.mark.parametrize("interval", [t_interval, bootstrap_interval])
@pytest.mark.parametrize("values", [[[1.0], [2.0]], [[1.0, 2.0]], [1.0], [], 3.0])
def test_a_column_of_results_is_refused(interval: Any, values: Any) -> None:
    with pytest.raises(ValueError, match=r"values must be \[n\] with n >= 2"):
        interval(values)


def test_two_results_have_the_interval_of_their_line_in_the_table() -> None:
    """x̄ ± 12.7062 |x - y| / 2."""
    mean, low, high = t_interval([1.0, 2.0])
    assert (mean, low, high) == pytest.approx((1.5, 1.5 - 6.3531, 1.5 + 6.3531), abs=1e-3)
    assert bootstrap_interval([1.0, 2.0]) == (1.5, 1.0, 2.0)


def test_the_interquartile_mean_is_taken_along_the_last_axis_unless_told_otherwise() -> None:
    values = np.array([[0.0, 10.0, 20.0, 90.0], [1.0, 11.0, 21.0, 91.0]])
    assert interquartile_mean(values).tolist() == [15.0, 16.0]
    assert interquartile_mean(values.T, axis=0).tolist() == [15.0, 16.0]


def test_the_bootstrap_has_9999_resamples_a_seed_of_0_and_a_confidence_of_95_percent() -> None:
    values = np.random.default_rng(0).normal(size=12)
    default = bootstrap_interval(values)
    assert default == bootstrap_interval(values, np.mean, 0.95, 9999, 0)
    assert default != bootstrap_interval(values, resamples=999)
    assert default != bootstrap_interval(values, seed=1)


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:invalid value")
def test_a_single_resample_is_both_ends_of_its_interval() -> None:
    _, low, high = bootstrap_interval([1.0, 2.0, 4.0], resamples=1)
    assert low == high


def test_a_million_results_are_resampled_one_sample_at_a_time() -> None:
    values = np.zeros(1_000_001)
    assert bootstrap_interval(values, resamples=2) == (0.0, 0.0, 0.0)


# Comparisons


def outcome(seed: int, *means: float) -> Outcome:
    """Return a run with these mean returns; its worst and best episodes are far from them."""
    history = tuple(
        Iteration(k, 100 * k, 1, mean, mean - 50, mean + 70, 0.5, None, None, 0.1 * k)
        for k, mean in enumerate(means, 1)
    )
    return Outcome(Run(seed, SMALL), Result(seed, SMALL, history, "max_updates", {}, {}))


def test_a_comparison_is_about_the_mean_returns_of_the_last_iteration() -> None:
    (summary,) = summarize([outcome(0, 1.0, 10.0), outcome(1, 3.0, 20.0)])
    assert (summary.return_mean, summary.return_iqm) == (15.0, 15.0)
    assert (summary.return_low, summary.return_high) == pytest.approx((-48.5, 78.5), abs=0.1)


def test_a_learning_curve_is_that_of_the_mean_returns_at_200_points() -> None:
    ((steps, returns),) = curves([outcome(0, 1.0, 10.0), outcome(1, 3.0, 20.0)]).values()
    assert (steps[0], steps[-1], returns.shape) == (100.0, 200.0, (2, 200))
    assert returns[:, [0, -1]].tolist() == [[1.0, 10.0], [3.0, 20.0]]


def test_the_table_shows_the_interquartile_mean_in_its_column() -> None:
    text = as_text(summarize([outcome(n, mean) for n, mean in enumerate((90.0, 10.0, 0.0, 20.0))]))
    assert text.splitlines()[0].split()[-1] == "IQM"
    assert text.splitlines()[1].split()[-1] == "15.0"
    assert text.splitlines()[1].split()[-4] == "30.0"


def test_the_file_pattern_fits_the_files_of_all_seeds() -> None:
    (summary,) = summarize([outcome(12, 1.0), outcome(3, 1.0), outcome(111, 1.0)])
    for seed in (3, 12, 111):
        assert fnmatch.fnmatch(path_of(Run(seed, SMALL), "").name, summary.files)
