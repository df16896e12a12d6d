"""Which seeds, causes and numbers a report of probes has, and what it leaves alone.

The training is replaced by trials that are written down here, so that each test says what it needs.
"""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from pg_edu import PGPolicy
from pg_edu.lab.probes import PROBES, probe, probing, symptoms
from pg_edu.lab.probes.symptoms import Trial
from pg_edu.lab.probes.worlds import ALIAS, CONTEXTS, World, best_blind_value

BY_NAME = {each.name: each for each in PROBES}


def trial(**changes):
    """Return the trial of an agent that explores, learns and stays near chance."""
    usual: dict[str, Any] = {
        "reached": 2.5,
        "score": 0.0,
        "best_score": 1.0,
        "first_reward": 0.5,
        "action_frequency": np.array([[0.5, 0.5]]),
        "explores": True,
        "changes": True,
        "sees": True,
        "broadcasts": False,
    }
    return Trial(**(usual | changes))


@pytest.fixture
def trained(monkeypatch):
    """Return a function that sets what the trials of each seed are, and a list of what was run."""
    runs = []

    def set_trials(of_seed):
        def run_both_trials(make_policy, each, updates, seed):
            runs.append((each.name, updates, seed))
            return [trial(**changes) for changes in of_seed(seed)]

        monkeypatch.setattr(probing, "run_both_trials", run_both_trials)
        return runs

    return set_trials


# Seeds.


def test_a_failed_probe_is_repeated_with_two_other_seeds(trained):
    runs = trained(lambda seed: [{"score": 0.1}, {"score": 0.9}])
    probe(PGPolicy, probes=[BY_NAME["two actions"]], updates=30, seed=5)
    assert runs == [("two actions", 30, seed) for seed in (5, 6, 7)]


def test_a_probe_that_passes_runs_once_and_so_does_one_that_an_earlier_failure_explains(trained):
    trained(lambda seed: [{"score": 0.7}, {"score": 0.9}])
    report = probe(PGPolicy, probes=[BY_NAME["two actions"]])
    assert report["two actions"].verdict == "passed"
    runs = trained(lambda seed: [{"score": 0.699}, {"score": 0.9}])
    probe(PGPolicy, probes=[BY_NAME["two actions"], BY_NAME["contexts"]])
    assert [name for name, _, _ in runs].count("contexts") == 1


def test_what_an_agent_reached_is_that_of_the_first_seed_in_its_worse_trial(trained):
    """The other seeds only help to name the cause."""
    trained(
        lambda seed: [
            {"score": 0.5 - seed, "reached": 2.5 - seed},
            {"score": 0.6 - seed, "reached": 2.6 - seed},
        ]
    )
    report = probe(PGPolicy, probes=[BY_NAME["two actions"]])
    assert report["two actions"].reached == 2.5


def test_numpy_is_seeded_before_each_policy_is_made():
    drawn = []

    def make(observation_space, action_space):
        drawn.append(np.random.rand())
        raise RuntimeError

    for before, seed in ((0, 5), (1, 5), (1, 6)):
        np.random.seed(before)
        probe(make, probes=PROBES[:1], seed=seed)
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_random_generators_are_restored_after_an_interrupt_too():
    def interrupt(observation_space, action_space):
        raise KeyboardInterrupt

    torch.manual_seed(0)
    np.random.seed(0)
    expected = torch.rand(1).item(), np.random.rand()
    torch.manual_seed(0)
    np.random.seed(0)
    with pytest.raises(KeyboardInterrupt):
        probe(interrupt, seed=7)
    assert (torch.rand(1).item(), np.random.rand()) == expected


# Causes and the table.


def test_the_first_of_several_failures_is_the_one_to_look_at(trained):
    trained(lambda seed: [{"score": 0.0}] * 2)
    names = ["two actions", "contexts", "delay", "lengths"]
    report = probe(PGPolicy, probes=[BY_NAME[name] for name in names])
    for name in names[1:]:
        assert report[name].meaning == "See two actions first."


def test_a_probe_that_cannot_be_run_is_broken_and_its_line_has_a_dash():
    def no_policy(observation_space, action_space):
        raise RuntimeError("no policy")

    report = probe(no_policy, probes=PROBES[:2])
    assert report.failed == ("single action", "two actions")
    assert repr(report).endswith("Look first at: single action.")
    assert " -    1.750  ERROR" in repr(report["single action"])


def test_an_error_explains_the_failures_that_come_after_it(trained):
    trained(lambda seed: [{"score": 0.0}] * 2)
    calls = []

    class NotTheFirst(PGPolicy):
        def __init__(self, **kwargs):
            calls.append(1)
            if len(calls) == 1:
                raise RuntimeError
            super().__init__(**kwargs)

    report = probe(NotTheFirst, probes=[BY_NAME["two actions"], BY_NAME["contexts"]])
    assert report["two actions"].verdict == "ERROR"
    assert report["contexts"].meaning == "See two actions first."


def test_warnings_of_an_agent_are_shown():
    def warn(observation_space, action_space):
        warnings.warn("mine", stacklevel=1)
        raise RuntimeError

    with pytest.warns(UserWarning, match="mine"):
        probe(warn, probes=PROBES[:1])


@pytest.mark.parametrize(("too_much", "score"), [(0.0, 1.0), (0.25, 0.0), (-0.25, 0.0)])
def test_where_there_is_no_choice_only_the_exact_return_passes(too_much, score):
    """A larger return is as wrong as a smaller one: a row was counted twice, for example."""
    each = BY_NAME["single action"]
    assert each.score(each.optimum + too_much) == score


# Symptoms.


@pytest.mark.parametrize(
    ("changes", "meaning"),
    [
        ([{"explores": False}, {"explores": False}], "never tries another action"),
        ([{"explores": False}, {}], ""),
        ([{"changes": False}, {"changes": False}], "learns nothing"),
        ([{"changes": False}, {}], ""),
        ([{"broadcasts": True}, {"broadcasts": True}], "pairs every row with every row"),
        ([{"broadcasts": True}, {}], ""),
    ],
)
def test_a_general_symptom_is_one_of_every_trial(changes, meaning):
    found = symptoms.general_symptom([trial(**each) for each in changes])
    assert meaning in found
    assert bool(found) is bool(meaning)


@pytest.mark.parametrize(
    ("scores", "meaning"),
    [
        ((-0.6, -0.7), "learns the worse action"),
        ((-0.6, 0.0), "stays near chance"),
        ((0.3, 0.6), "learns the better action"),
        ((0.2, 0.6), "stays near chance"),
    ],
)
def test_the_better_or_worse_action_must_be_learned_in_every_trial(scores, meaning):
    found = symptoms.diagnose_two_actions([trial(score=score) for score in scores])
    assert meaning in found


def test_an_arm_explains_a_failure_only_if_each_trial_settles_on_it():
    """What is done at the other observations does not matter."""

    def taking(arm, share):
        first = np.full(5, (1 - share) / 4)
        first[arm] = share
        return trial(action_frequency=np.array([first, [1.0, 0, 0, 0, 0]]))

    explained = symptoms.diagnose_delay([taking(2, 0.8), taking(2, 0.9)])
    assert "the discount factor is not used" in explained
    for other in (taking(2, 0.6), taking(3, 0.9)):
        found = symptoms.diagnose_delay([taking(2, 0.8), other])
        assert "does not choose the same arm" in found


def test_memory_is_lost_between_steps_only_if_every_trial_knows_its_first_cue():
    def diagnosed(*first_rewards):
        return symptoms.diagnose_memory([trial(first_reward=reward) for reward in first_rewards])

    assert "not passed on" in diagnosed(0.9, 0.8)
    assert "not reset to 0" in diagnosed(0.9, 0.6)


# Environments.


def test_a_world_does_not_change_with_the_observations_that_it_has_returned():
    env = World(CONTEXTS)
    obs, _ = env.reset(seed=0)
    first = obs.copy()
    obs[:] = 7
    last, *_ = env.step(0)
    expected = last.copy()
    last[:] = 7
    np.testing.assert_array_equal(env.reset(seed=0)[0], first)
    np.testing.assert_array_equal(env.step(0)[0], expected)
    assert env.reset(seed=0)[0] in env.observation_space


@pytest.mark.parametrize("seed", range(6))
def test_the_final_observation_of_an_episode_that_terminates_is_that_of_another_state(seed):
    """So an agent that learns from it learns something wrong, which the probe shows."""
    env = World(CONTEXTS)
    first, _ = env.reset(seed=seed)
    last, _, terminated, *_ = env.step(0)
    assert terminated
    assert last.argmax() != first.argmax()


@pytest.mark.filterwarnings("error")
def test_an_action_that_never_pays_causes_no_warning():
    """Its share of the return is 0, which has no logarithm."""
    assert best_blind_value(ALIAS) == pytest.approx(0.45, abs=1e-12)
