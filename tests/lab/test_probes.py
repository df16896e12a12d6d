"""The probes: optima by brute force, agents that are right, and some agents with one broken part.

All agents, with three seeds, are in the confusion table: `make probe-table`, docs/PROBE.md.
"""

import itertools
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from pg_edu import PGPolicy, RecurrentPGPolicy
from pg_edu.lab.probes import PROBES, probe, probe_loop
from pg_edu.lab.probes.worlds import LIMIT, Motor, World
from tests.lab import broken_agents, loop_agents, more_agents, new_agents

BY_NAME = {each.name: each for each in PROBES}
TABULAR = [each for each in PROBES if each.mdp is not None]


def value(mdp, policy, steps=200):
    """Return Σ γᵗ E[rₜ] of a policy [S, A], step by step, without a time limit."""
    transition = np.einsum("sa,sap->sp", policy, mdp.transition)
    reward = (policy * mdp.reward).sum(axis=1)
    state_probability, total = mdp.start, 0.0
    for t in range(steps):
        total += mdp.gamma**t * state_probability @ reward
        state_probability = state_probability @ transition
    return total


# The environments


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("each", PROBES, ids=lambda each: each.name)
def test_an_environment_follows_the_rules_of_gymnasium(each, mirror):
    check_env(each.make_env(mirror), skip_render_check=True)


@pytest.mark.parametrize("each", TABULAR, ids=lambda each: each.name)
def test_the_optimum_is_the_best_of_all_policies(each):
    """max Σ γᵗ E[rₜ] over all deterministic policies, or over a grid of mixtures."""
    mdp, actions = each.mdp, each.mdp.logits.shape[1]
    if each.blind:
        grid = np.arange(0, 1.001, 0.05)
        mixtures = [(p, q, 1 - p - q) for p, q in itertools.product(grid, grid) if p + q <= 1]
        policies = [np.tile(mixture, (len(mdp.start), 1)) for mixture in mixtures]
    else:
        # In the other probes, only the first state offers a choice.
        free = [s for s in range(len(mdp.start)) if each.name in ("contexts", "memory") or s == 0]
        rows = np.zeros(len(mdp.start), int)
        policies = []
        for chosen in itertools.product(range(actions), repeat=len(free)):
            rows[free] = chosen
            policies.append(np.eye(actions)[rows])
    assert each.optimum == pytest.approx(max(value(mdp, policy) for policy in policies), abs=1e-12)


@pytest.mark.parametrize("each", TABULAR, ids=lambda each: each.name)
def test_chance_is_the_return_of_uniform_actions(each):
    uniform = np.full(each.mdp.reward.shape, 1 / each.mdp.reward.shape[1])
    assert each.chance == pytest.approx(value(each.mdp, uniform), abs=1e-12)


@pytest.mark.parametrize("first_is_low", [True, False])
def test_the_motor_pays_most_at_one_corner_and_chance_is_the_middle(first_is_low):
    motor = Motor(first_is_low)
    grid = np.linspace(-1, 3, 21)
    rewards = {(a, b): motor.rewards([a, b]).mean() for a, b in itertools.product(grid, grid)}
    assert max(rewards, key=lambda corner: rewards[corner]) == tuple(motor.best)
    assert max(rewards.values()) == BY_NAME["bound"].optimum
    assert np.mean(list(rewards.values())) == pytest.approx(BY_NAME["bound"].chance)


@pytest.mark.parametrize("action", [-1.1, 3.1, np.nan])
def test_the_motor_refuses_an_action_outside_its_bounds(action):
    with pytest.raises(ValueError, match="not mapped"):
        Motor().step(np.array([0.0, action]))


@pytest.mark.parametrize(
    ("arm", "flags"), [(0, (True, False)), (1, (True, False)), (2, (False, True))]
)
def test_a_time_limit_truncates_only_an_episode_that_would_go_on(arm, flags):
    env = World(LIMIT)
    env.reset(seed=0)
    terminated = truncated = False
    while not (terminated or truncated):
        *_, terminated, truncated, _ = env.step(arm)
    assert (terminated, truncated) == flags


def test_the_value_after_the_limit_is_that_of_going_on_forever():
    """.95 + .8 · .95 + ... = .95 / (1 - .8)"""
    assert BY_NAME["time limit"].value_after_limit == pytest.approx(0.95 / 0.2)


# Agents that are right


def test_pgpolicy_passes_every_probe():
    report = probe(PGPolicy, updates=50)
    assert [result.verdict for result in report.results] == ["passed"] * len(PROBES), report
    assert "Nothing is broken" in repr(report)


def test_a_seed_always_gives_the_same_table():
    first, again = (probe(PGPolicy, probes=PROBES[:1], seed=3) for _ in range(2))
    assert repr(first) == repr(again)


@pytest.mark.filterwarnings("error")
def test_the_probe_of_memory_passes_without_a_warning():
    """It needs only what PGPolicy can learn, so PGPolicy's warning does not apply."""
    report = probe(RecurrentPGPolicy, only=["memory"], updates=40)
    assert report["memory"].verdict == "passed"


def test_an_agent_for_discrete_actions_is_skipped_where_they_are_continuous():
    report = probe(more_agents.MinimalPolicy, only=["two actions", "time limit", "bound", "memory"])
    verdicts = ["passed", "skipped", "skipped", "skipped"]
    assert [result.verdict for result in report.results] == verdicts, report
    assert "'Box' object has no attribute 'n'" in report["bound"].meaning


def test_a_slow_agent_is_called_slow_and_gets_a_number_of_updates():
    result = probe(more_agents.SlowAdam, only=["two actions"], updates=50)["two actions"]
    assert result.verdict == "slow"
    assert "--updates" in result.meaning


def test_the_global_random_generators_are_restored():
    torch.manual_seed(0)
    np.random.seed(0)
    expected = torch.rand(1).item(), np.random.rand()
    torch.manual_seed(0)
    np.random.seed(0)
    probe(PGPolicy, probes=PROBES[:1], updates=25, seed=7)
    assert (torch.rand(1).item(), np.random.rand()) == expected


# Agents with a broken part


@pytest.mark.parametrize(
    ("agent", "name", "cause"),
    [
        (broken_agents.SignFlipped, "two actions", "sign"),
        (broken_agents.Broadcast, "single action", "outer product"),
        (broken_agents.NextObs, "contexts", "other observation"),
        (more_agents.GammaTwice, "delay", "gamma twice"),
        (more_agents.DoneIsTerminated, "lengths", "leak at truncation"),
        (broken_agents.DoneIgnored, "lengths", "leak"),
        (broken_agents.EnvActionStored, "bound", "sent action scored"),
        (broken_agents.NoZeroGrad, "two actions", "zero_grad"),
    ],
)
def test_a_report_names_the_broken_part_alone(agent, name, cause):
    result = probe(agent, only=[name], updates=40)[name]
    assert result.verdict == "FAILED"
    assert result.causes == (cause,), result


def test_a_failure_that_an_earlier_one_explains_refers_to_it():
    report = probe(broken_agents.SignFlipped, only=["two actions", "delay"], updates=30)
    assert report.failed == ("two actions", "delay")
    assert report["delay"].meaning == "See two actions first."
    assert repr(report).endswith("Look first at: two actions.")


# Loops


@pytest.mark.parametrize(
    ("loop", "num_envs", "name", "cause"),
    [
        (loop_agents.rollouts("terminated alone"), 8, "lengths", "leak at truncation"),
        (loop_agents.by_hand("undiscounted"), None, "delay", "undiscounted"),
    ],
)
def test_a_report_names_the_broken_part_of_a_loop(loop, num_envs, name, cause):
    result = probe_loop(loop, gamma=0.6, num_envs=num_envs, only=[name], updates=60)[name]
    assert cause in result.causes, result


def test_a_hidden_state_is_no_other_observation():
    """Its outputs for equal observations differ, but not after equal episodes until then."""
    right = probe_loop(loop_agents.recurrent(), gamma=0.6, only=["alias"], updates=25)
    assert not right.failed, right
    stale = loop_agents.episodes("stale observation")
    report = probe_loop(stale, gamma=0.6, only=["delay"], updates=25)
    assert report["delay"].causes[0] == "acts on another observation"


def test_a_loop_without_distributions_is_seen_as_well():
    """It is right, and so is what it scores; with minus the gradient it learns the worse action."""
    right = probe_loop(new_agents.tutorial(), gamma=0.6, only=["two actions"], updates=50)
    assert right["two actions"].verdict == "passed"
    wrong = probe_loop(new_agents.tutorial("minus"), only=["two actions"], updates=25)
    assert wrong["two actions"].causes == ("sign",)
    assert "correlation of the weights" in wrong["two actions"].meaning


def test_a_contest_that_is_lost_names_a_leak_although_a_critic_blurs_the_weights():
    train = new_agents.ppo("terminated")
    report = probe_loop(train, gamma=0.6, num_envs=8, only=["lengths"])
    assert report["lengths"].causes == ("leak at truncation",)


def test_an_actor_critic_with_one_step_targets_is_known_not_broken():
    """Where observations are states it is right; those of the contests are not."""
    report = probe_loop(new_agents.one_step(), gamma=0.6, only=["delay"], updates=40)
    assert report["delay"].verdict == "known"
    assert report["delay"].causes == ("one-step targets",)


def test_a_reset_that_is_a_step_is_no_other_observation():
    """In mode next_step, scripts that learn from these rows are right where nothing is lost."""
    train = new_agents.ppo()
    kwargs: Any = {"gamma": 0.6, "num_envs": 8, "autoreset_mode": "next_step"}
    assert probe_loop(train, **kwargs, only=["two actions"])["two actions"].verdict == "passed"


def test_a_right_loop_passes_with_a_discount_that_is_not_known():
    report = probe_loop(loop_agents.by_hand(), only=["two actions", "delay"])
    assert [result.verdict for result in report.results] == ["passed", "passed"], report


# Arguments


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"make_policy": "PGPolicy"}, "make_policy is of type str"),
        ({"make_policy": torch.nn.Linear(1, 1)}, "each probe needs a policy of its own"),
        ({"make_policy": PGPolicy, "updates": 3}, "updates is 3, but it must be at least 25"),
        ({"make_policy": PGPolicy, "seed": -1}, "seed is -1, but it must be at least 0"),
        ({"make_policy": PGPolicy, "only": ["dely"]}, "there is no probe 'dely'; the probes are"),
    ],
)
def test_a_bad_argument_is_refused_by_name(given, message):
    with pytest.raises(ValueError, match=message):
        probe(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train": None}, "pass a function"),
        ({"train": print, "gamma": 1.5}, "gamma is 1.5"),
        ({"train": print, "num_envs": 0}, "num_envs is 0"),
        ({"train": print, "autoreset_mode": "later"}, "must be one of next_step"),
    ],
)
def test_a_bad_argument_for_a_loop_is_refused_by_name(given, message):
    with pytest.raises(ValueError, match=message):
        probe_loop(**given)


def test_a_policy_that_cannot_be_made_is_an_error_in_the_table():
    def no_policy(observation_space: gym.Space, action_space: gym.Space) -> None:
        raise RuntimeError("no policy\nfor these spaces")

    result = probe(no_policy, probes=PROBES[:1])["single action"]
    assert result.verdict == "ERROR"
    assert result.meaning == "RuntimeError: no policy for these spaces"


def test_a_loop_that_returns_at_once_is_an_error_in_the_table():
    result = probe_loop(lambda env, seed: None, only=["two actions"])["two actions"]
    assert result.verdict == "ERROR"
    assert "returned without a step" in result.meaning
