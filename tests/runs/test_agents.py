"""Agents and environments that are made from settings."""

import math
import pickle
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete
from torch.distributions import Categorical

from pg_edu.batch import Batch
from pg_edu.distributions import IndependentCategoricals
from pg_edu.runs.agents import make_env, make_envs, make_policy
from pg_edu.runs.config import Config
from pg_edu.runs.training import initial_policy, train
from tests.runs.faulty_envs import Faulty
from tests.runs.helpers import SMALL, leaves


def test_the_first_policy_hardly_prefers_any_action() -> None:
    policy = initial_policy(0, Config())
    obs = np.random.default_rng(0).normal(size=(50, 4))
    probs = policy(Batch(obs=obs)).dist.probs
    assert probs.detach().numpy() == pytest.approx(0.5, abs=0.02)


def test_a_policy_can_be_pickled() -> None:
    policy = initial_policy(0, SMALL)
    copy = pickle.loads(pickle.dumps(policy))
    assert leaves(copy.state_dict()) == leaves(policy.state_dict())


def test_without_momentum_a_step_depends_on_the_last_gradient_alone() -> None:
    """With momentum, Adam's moving average of the gradients is not the last gradient."""
    for momentum, is_last in ((0.0, True), (0.5, False)):
        policy = initial_policy(0, Config(momentum=momentum))
        weight = next(policy.actor.parameters())
        for size in (1.0, 3.0):
            weight.grad = torch.full_like(weight, size)
            policy.optim.step()
        average = policy.optim.state[weight]["exp_avg"]
        assert torch.equal(average, torch.full_like(weight, 3.0)) is is_last


def test_the_learning_rate_decays_from_update_to_update() -> None:
    """After three updates, the optimizer holds the rate of the fourth one."""
    result = train(0, replace(SMALL, learning_rate=0.08, learning_rate_decay=0.5))
    assert result.optim_state["param_groups"][0]["lr"] == 0.01


@pytest.mark.parametrize(("baseline", "moves"), [("none", True), ("leave_one_out", False)])
def test_with_a_leave_one_out_baseline_equal_returns_change_no_parameter(
    baseline: Any, moves: bool
) -> None:
    """No pole falls within five steps, so all returns are equal."""
    same = Config(num_envs=2, max_episode_steps=5, max_updates=1, target=math.inf)
    result = train(0, replace(same, reward_normalization=False, baseline=baseline))
    before = leaves(initial_policy(0, same).state_dict())
    assert (leaves(result.policy_state) != before) is moves


@pytest.mark.parametrize(
    ("space", "bound", "scaling"),
    [
        (Box(-2, 2, (3,)), "clip", True),
        (Box(-np.inf, np.inf, (3,)), None, False),
        (Box(0, np.inf, (3,)), None, False),
    ],
)
def test_actions_are_scaled_to_a_box_only_if_it_is_bounded(
    space: Box, bound: str, scaling: bool
) -> None:
    policy = make_policy(Config(), Box(-1, 1, (4,)), space)
    assert (policy.action_bound_method, policy.action_scaling) == (bound, scaling)


@pytest.mark.parametrize(
    ("space", "shape"),
    [
        (Discrete(3), (5,)),
        (Discrete(3, start=2), (5,)),
        (Box(-1, 1, (3,)), (5, 3)),
        (MultiDiscrete([2, 3, 4]), (5, 3)),
        (MultiBinary(4), (5, 4)),
    ],
)
def test_actions_of_every_supported_space_are_in_it(
    space: gym.Space[Any], shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    policy = make_policy(Config(), Box(-1, 1, (4,)), space)
    act = policy(Batch(obs=np.zeros((5, 4), np.float32))).act
    assert act.shape == shape
    assert all(space.contains(policy.compute_action(np.ones(4, np.float32))) for _ in range(20))


@pytest.mark.parametrize("space", [Dict(a=Discrete(2)), Box(-1, 1, (2, 3)), MultiBinary([2, 3])])
def test_other_action_spaces_are_refused(space: gym.Space[Any]) -> None:
    with pytest.raises(ValueError, match="expected Discrete, or MultiDiscrete"):
        make_policy(Config(), Box(-1, 1, (4,)), space)


def test_independent_categoricals_score_the_product_of_their_parts() -> None:
    """log π(a₁, a₂) = log π₁(a₁) + log π₂(a₂), and the same holds for the gradients."""
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    act = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1], [0, 2], [1, 2]])
    score = IndependentCategoricals((2, 3))(logits).log_prob(act)
    first, second = Categorical(logits=logits[:, :2]), Categorical(logits=logits[:, 2:])
    expected = first.log_prob(act[:, 0]) + second.log_prob(act[:, 1])
    assert score.tolist() == pytest.approx(expected.tolist())
    (gradient,) = torch.autograd.grad(score.sum(), logits)
    assert torch.allclose(gradient, torch.autograd.grad(expected.sum(), logits)[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"env_id": "NoSuchEnv-v0"}, "environment 'NoSuchEnv-v0' cannot be made: .*doesn't exist"),
        (
            {"env_id": "no_such_module:Env-v0"},
            "cannot be made: ModuleNotFoundError: No module named",
        ),
        ({"device": "abacus"}, "device 'abacus' cannot be used"),
        ({"device": "meta"}, "device 'meta' cannot be used"),
    ],
)
def test_an_environment_or_device_that_cannot_be_used_is_named(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        train(0, Config(**changes))


def test_observations_of_variable_size_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry_point(**given: Any) -> Any:
        env = Faulty("fine")
        env.observation_space = gym.spaces.Sequence(Discrete(2))  # type: ignore[assignment]
        return env

    spec = gym.envs.registration.EnvSpec("Words-v0", entry_point=entry_point)
    monkeypatch.setitem(gym.registry, "Words-v0", spec)
    with pytest.raises(ValueError, match=r"Words-v0 has the observation space Sequence"):
        make_env(replace(SMALL, env_id="Words-v0"))


def test_observations_other_than_a_box_are_flattened_into_one() -> None:
    """A Discrete(16) state becomes a vector with a single 1."""
    env = make_env(Config(env_id="FrozenLake-v1"))
    assert env.reset(seed=0)[0].tolist() == [1, *[0] * 15]


@pytest.mark.parametrize(("given", "limit"), [(None, 1000), (7, 7)])
def test_an_environment_without_a_time_limit_gets_one(given: int | None, limit: int) -> None:
    env = make_env(Config(env_id="CliffWalking-v1", max_episode_steps=given))
    env.reset(seed=0)
    ends = [env.step(0)[2:4] for _ in range(limit)]  # Action 0 runs into the wall.
    assert ends.index((False, True)) == limit - 1


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
def test_a_time_limit_holds_in_vectorized_environments(env_id: str) -> None:
    envs = make_envs(Config(env_id=env_id, max_episode_steps=3), 2)
    envs.reset(seed=0)
    ends = [envs.step(envs.action_space.sample())[3].tolist() for _ in range(3)]
    assert ends == [[False, False], [False, False], [True, True]]


def test_cartpole_uses_its_own_vectorized_version() -> None:
    assert type(make_envs(Config(), 2).unwrapped).__name__ == "CartPoleVectorEnv"
