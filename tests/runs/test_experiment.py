"""A run is a function of its seed: the same again, resumed, pickled, in another process."""

import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete
from torch.distributions import Categorical

from pg_edu.runs import experiment
from pg_edu.batch import Batch
from pg_edu.runs.experiment import (
    Config,
    IndependentCategoricals,
    Result,
    evaluate,
    good_config,
    initial_policy,
    load_checkpoint,
    make_env,
    make_envs,
    make_policy,
    save_checkpoint,
    train,
    trained_policy,
)

torch.set_num_threads(1)

SMALL = Config(num_envs=4, hidden_sizes=(8,), max_updates=3, target=math.inf)
PENDULUM = replace(SMALL, env_id="Pendulum-v1", num_envs=2)
MINIBATCHES = replace(SMALL, batch_size=32, repeat=2)
AGAINST_OTHERS = replace(SMALL, baseline="leave_one_out", learning_rate_decay=0.5)


def leaves(tree: Any) -> list[Any]:
    """Every value of nested dicts and lists, with the path to it; tensors as exact lists."""
    if isinstance(tree, dict):
        return [(key, leaf) for key, value in tree.items() for leaf in leaves(value)]
    if isinstance(tree, list | tuple):
        return [leaf for value in tree for leaf in leaves(value)]
    return [(str(tree.dtype), tree.tolist()) if isinstance(tree, torch.Tensor) else tree]


def fingerprint(result: Result) -> list[Any]:
    """All that the next iteration depends on, and the history but for its clock."""
    history = [row._replace(seconds=0.0) for row in result.history]
    return leaves([result.policy_state, result.optim_state, history, result.stopped])


def standings(seed: int, config: Config, resume: Result | None = None) -> list[Result]:
    """What `on_iteration` is shown."""
    shown: list[Result] = []
    train(seed, config, resume=resume, on_iteration=shown.append)
    return shown


def test_the_same_seed_gives_the_same_run_whatever_happened_before() -> None:
    first = train(3, SMALL)
    torch.manual_seed(99)
    np.random.seed(99)
    assert fingerprint(train(3, SMALL)) == fingerprint(first)


def test_another_seed_gives_another_run() -> None:
    assert fingerprint(train(4, SMALL)) != fingerprint(train(3, SMALL))


@pytest.mark.parametrize("config", [SMALL, PENDULUM, MINIBATCHES, AGAINST_OTHERS])
@pytest.mark.parametrize("updates", [0, 1, 2])
def test_a_resumed_run_ends_as_the_undisturbed_one(
    config: Config, updates: int, tmp_path: Path
) -> None:
    """Parameters, Adam's moments, running statistics and history, bit for bit, through a file."""
    run = standings(5, config)
    save_checkpoint(run[updates], tmp_path / "checkpoint.pt")
    torch.manual_seed(99)
    np.random.seed(99)
    resumed = train(5, config, resume=load_checkpoint(tmp_path / "checkpoint.pt"))
    assert fingerprint(resumed) == fingerprint(run[-1])


def test_a_standing_is_not_changed_by_the_training_after_it() -> None:
    before: list[Any] = []
    shown: list[Result] = []

    def look(result: Result) -> None:
        shown.append(result)
        before.append(fingerprint(result))

    train(0, SMALL, on_iteration=look)
    assert [fingerprint(result) for result in shown] == before


def test_the_clock_goes_on_when_a_run_is_resumed() -> None:
    run = standings(0, SMALL)
    resumed = train(0, SMALL, resume=run[2])
    assert resumed.history[:2] == run[2].history
    assert resumed.history[2].seconds > resumed.history[1].seconds


def test_a_failed_evaluation_leaves_no_trace_in_the_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failed(*args: Any, **given: Any) -> np.ndarray[Any, Any]:
        return evaluate(*args, **{**given, "episodes": 3}) * 0.0

    monkeypatch.setattr(experiment, "evaluate", failed)
    judged, never = train(0, replace(MINIBATCHES, target=1.0)), train(0, MINIBATCHES)
    assert [row.greedy for row in judged.history] == [0.0, 0.0, 0.0]
    assert leaves(judged.policy_state) == leaves(never.policy_state)
    assert leaves(judged.optim_state) == leaves(never.optim_state)


@pytest.mark.parametrize(
    ("greedy", "sampled", "solved"),
    [(15.0, 15.0, True), (9.0, 15.0, False), (15.0, 9.0, False)],
)
def test_solved_means_that_greedy_and_sampled_episodes_reach_the_target(
    greedy: float, sampled: float, solved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: Any, **given: Any) -> np.ndarray[Any, Any]:
        return np.full(100, greedy if given["greedy"] else sampled)

    monkeypatch.setattr(experiment, "evaluate", measured)
    result = train(0, Config(num_envs=8, max_updates=1, target=12.0))
    assert result.solved is solved


def test_training_episodes_below_the_target_are_not_followed_by_an_evaluation() -> None:
    result = train(0, Config(num_envs=4, max_updates=1, target=400.0))
    assert (result.history[0].greedy, result.history[0].sampled) == (None, None)


def test_the_policy_that_is_saved_is_the_one_that_solved_it() -> None:
    """No update follows the evaluation."""
    result = train(0, Config(num_envs=8, target=-1.0))
    assert leaves(result.policy_state) == leaves(initial_policy(0, result.config).state_dict())
    assert result.history[-1].loss is None


def test_a_solved_run_with_a_higher_target_goes_on_as_if_it_had_been_so_from_the_start() -> None:
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
    result = train(0, Config(num_envs=4, **{limit: value}))
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
    first = standings(0, SMALL)[1]
    with pytest.raises(ValueError, match=message):
        train(seed, config, resume=first)


def test_an_iteration_is_made_of_whole_episodes_of_every_environment() -> None:
    """In CartPole an episode's return is its length: the steps are the sum of the returns."""
    result = train(0, Config(num_envs=4, episodes_per_env=3, max_updates=2))
    steps = [row.env_steps for row in result.history]
    assert [row.episodes for row in result.history] == [12, 12]
    assert np.diff([0, *steps]) == pytest.approx([12 * row.return_mean for row in result.history])


def test_the_run_begins_with_the_initial_policy_of_its_seed() -> None:
    start = standings(7, SMALL)[0]
    assert leaves(start.policy_state) == leaves(initial_policy(7, SMALL).state_dict())


def test_the_trained_policy_is_that_of_the_result() -> None:
    result = train(0, SMALL)
    assert leaves(trained_policy(result).state_dict()) == leaves(result.policy_state)


def test_config_and_result_travel_between_processes() -> None:
    result = train(0, SMALL)
    copy = pickle.loads(pickle.dumps(result))
    assert (fingerprint(copy), copy.config) == (fingerprint(result), result.config)
    assert pickle.loads(pickle.dumps(SMALL)) == SMALL
    assert pickle.loads(pickle.dumps(train)) is train


def test_a_policy_can_be_pickled() -> None:
    policy = initial_policy(0, SMALL)
    copy = pickle.loads(pickle.dumps(policy))
    assert leaves(copy.state_dict()) == leaves(policy.state_dict())


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1", "MountainCarContinuous-v0"])
def test_the_target_is_the_threshold_of_the_environment(env_id: str) -> None:
    expected = {"CartPole-v1": 475.0, "Acrobot-v1": -100.0, "MountainCarContinuous-v0": 90.0}
    config = good_config(env_id, num_envs=1, max_updates=1, max_episode_steps=5)
    assert train(0, config).config.target == expected[env_id]


def test_pendulum_has_a_target_of_its_own() -> None:
    assert good_config("Pendulum-v1").target == -200.0


def test_without_a_threshold_the_run_goes_to_its_limit() -> None:
    result = train(0, Config(env_id="Blackjack-v1", max_updates=2))
    assert (result.config.target, result.stopped) == (math.inf, "max_updates")


def test_changes_win_over_good_settings() -> None:
    assert good_config("Pendulum-v1", discount_factor=0.5).discount_factor == 0.5


def test_a_checkpoint_holds_tensors_and_plain_values_only(tmp_path: Path) -> None:
    save_checkpoint(train(0, SMALL), tmp_path / "checkpoint.pt")
    plain = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert {plain["format"], plain["seed"]} == {"pg_edu checkpoint 1", 0}

    def types(tree: Any) -> set[type]:
        if isinstance(tree, dict):
            return set().union(*map(types, tree.values()))
        if isinstance(tree, list | tuple):
            return set[type]().union(*map(types, tree))
        return {type(tree)}

    assert types(plain) <= {torch.Tensor, int, float, str, bool, type(None)}


def write_text(path: Path) -> None:
    path.write_text("not a checkpoint")


def write_nothing(path: Path) -> None:
    path.write_bytes(b"")


def write_half(path: Path) -> None:
    save_checkpoint(train(0, SMALL), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_weights(path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2).state_dict(), path)


def write_a_tensor(path: Path) -> None:
    torch.save(torch.zeros(3), path)


def write_objects(path: Path) -> None:
    torch.save({"format": "pg_edu checkpoint 1", "config": SMALL}, path)


def write_other_fields(path: Path) -> None:
    torch.save({"format": "pg_edu checkpoint 1", "config": {"hidden_sizes": []}}, path)


@pytest.mark.parametrize(
    "write",
    [
        write_text,
        write_nothing,
        write_half,
        write_weights,
        write_a_tensor,
        write_objects,
        write_other_fields,
    ],
)
def test_a_foreign_or_damaged_checkpoint_is_refused(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    write(tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"x\.pt is not a checkpoint of pg_edu, or is damaged"):
        load_checkpoint(tmp_path / "x.pt")


def test_a_missing_checkpoint_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "x.pt")


def test_parameters_of_another_network_are_refused() -> None:
    result = standings(0, SMALL)[1]
    other = replace(result, config=Config(hidden_sizes=(9,)))
    with pytest.raises(ValueError, match="the parameters do not fit CartPole-v1"):
        trained_policy(other)


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    result = train(0, SMALL)
    save_checkpoint(result, path)
    before = path.read_bytes()

    def disk_full(_: Any, file: Any) -> None:
        file.write(b"some")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", disk_full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(result, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be a positive number, got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be a positive number, got nan"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"momentum": math.nan}, r"momentum must be in \[0, 1\), got nan"),
        ({"learning_rate_decay": 0.0}, r"learning_rate_decay must be in \(0, 1\], got 0.0"),
        ({"learning_rate_decay": math.nan}, "learning_rate_decay must be"),
        ({"max_seconds": -1.0}, "max_seconds must be a positive number"),
        ({"num_envs": 0}, "num_envs must be a whole number of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"max_env_steps": -5}, "max_env_steps must be"),
        ({"hidden_sizes": (64, 0)}, "hidden_sizes must be positive widths"),
        ({"discount_factor": 1.1}, r"discount_factor must be in \[0, 1\], got 1.1"),
        ({"discount_factor": math.nan}, r"discount_factor must be in \[0, 1\], got nan"),
        ({"action_bound_method": "fold"}, "action_bound_method must be"),
        ({"baseline": "mean"}, 'baseline must be "none" or "leave_one_out", got \'mean\''),
        ({"baseline": "leave_one_out", "batch_size": 64}, "batch_size must be None .*, got 64"),
        ({"target": math.nan}, "target must be a number, got nan"),
    ],
)
def test_a_setting_out_of_its_range_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"env_id": "NoSuchEnv-v0"}, "environment 'NoSuchEnv-v0' cannot be made: .*doesn't exist"),
        ({"env_id": "no_such_module:Env-v0"}, "cannot be made: No module named"),
        ({"device": "abacus"}, "device 'abacus' cannot be used"),
        ({"device": "meta"}, "device 'meta' cannot be used"),
    ],
)
def test_what_cannot_be_had_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(0, Config(**changes))


@pytest.mark.parametrize("seed", [-1, 0.5])
def test_a_seed_is_a_whole_number_of_at_least_0(seed: Any) -> None:
    with pytest.raises(ValueError, match="seed must be a whole number of at least 0"):
        train(seed, SMALL)


def test_greedy_evaluation_is_the_sum_of_rewards_of_the_most_likely_actions() -> None:
    """Against one environment at a time; environment i of a vector has seed + i."""
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


def test_the_first_policy_hardly_prefers_any_action() -> None:
    policy = initial_policy(0, Config())
    obs = np.random.default_rng(0).normal(size=(50, 4))
    probs = policy(Batch(obs=obs)).dist.probs
    assert probs.detach().numpy() == pytest.approx(0.5, abs=0.02)


def test_the_learning_rate_decays_from_update_to_update() -> None:
    """Three updates, and the rate that a fourth would have."""
    result = train(0, replace(SMALL, learning_rate=0.08, learning_rate_decay=0.5))
    assert result.optim_state["param_groups"][0]["lr"] == 0.01


def test_without_momentum_a_step_depends_on_the_last_gradient_alone() -> None:
    """With momentum Adam's moving average of gradients is not the last gradient."""
    for momentum, is_last in ((0.0, True), (0.5, False)):
        policy = initial_policy(0, Config(momentum=momentum))
        weight = next(policy.actor.parameters())
        for size in (1.0, 3.0):
            weight.grad = torch.full_like(weight, size)
            policy.optim.step()
        average = policy.optim.state[weight]["exp_avg"]
        assert torch.equal(average, torch.full_like(weight, 3.0)) is is_last


@pytest.mark.parametrize(("baseline", "moves"), [("none", True), ("leave_one_out", False)])
def test_with_a_leave_one_out_baseline_episodes_that_all_return_the_same_teach_nothing(
    baseline: Any, moves: bool
) -> None:
    """No pole falls within five steps."""
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
def test_a_box_is_scaled_to_where_it_has_bounds(space: Box, bound: str, scaling: bool) -> None:
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
    """log π(a₁, a₂) = log π₁(a₁) + log π₂(a₂), and its gradient is finite."""
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    act = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1], [0, 2], [1, 2]])
    score = IndependentCategoricals((2, 3))(logits).log_prob(act)
    first, second = Categorical(logits=logits[:, :2]), Categorical(logits=logits[:, 2:])
    expected = first.log_prob(act[:, 0]) + second.log_prob(act[:, 1])
    assert score.tolist() == pytest.approx(expected.tolist())
    (gradient,) = torch.autograd.grad(score.sum(), logits)
    assert torch.allclose(gradient, torch.autograd.grad(expected.sum(), logits)[0])


def test_observations_that_are_no_box_are_flattened_into_one() -> None:
    """A Discrete(16) state becomes a row with a single 1."""
    env = make_env(Config(env_id="FrozenLake-v1"))
    assert env.reset(seed=0)[0].tolist() == [1, *[0] * 15]


@pytest.mark.parametrize(("given", "limit"), [(None, 1000), (7, 7)])
def test_an_environment_without_a_time_limit_gets_one(given: int | None, limit: int) -> None:
    env = make_env(Config(env_id="CliffWalking-v1", max_episode_steps=given))
    env.reset(seed=0)
    ends = [env.step(0)[2:4] for _ in range(limit)]  # into the wall, for ever
    assert ends.index((False, True)) == limit - 1


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
def test_a_time_limit_holds_in_vectorised_environments(env_id: str) -> None:
    envs = make_envs(Config(env_id=env_id, max_episode_steps=3), 2)
    envs.reset(seed=0)
    ends = [envs.step(envs.action_space.sample())[3].tolist() for _ in range(3)]
    assert ends == [[False, False], [False, False], [True, True]]


def test_cartpole_is_the_natively_vectorised_one() -> None:
    assert type(make_envs(Config(), 2)).__name__ == "CartPoleVectorEnv"
