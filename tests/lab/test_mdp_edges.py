"""MDPs and error budgets at the ends of their ranges, and arrays that they must not share."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pg_edu.lab.exact import budget as budget_module
from pg_edu.lab.exact import mdp as mdp_module
from pg_edu.lab.exact.budget import Settings, batches, budget, update
from pg_edu.lab.exact.mdp import MDP, softmax
from pg_edu.lab.exact.tasks import bandit, coins, stop_or_go

COIN: dict[str, Any] = {
    "start": [1.0],
    "transition": [[[0.0], [1.0]]],
    "reward": [[0.0, 1.0]],
    "logits": [[0.0, 0.0]],
}

# MDPs.


def test_an_mdp_does_not_change_with_the_arrays_that_it_was_made_from():
    given: dict[str, Any] = {name: np.array(value) for name, value in COIN.items()}
    observation = np.array([0])
    mdp = MDP(**given, observation=observation)
    for array in (*given.values(), observation):
        array[...] = 7
    for name, value in COIN.items():
        np.testing.assert_array_equal(getattr(mdp, name), value)
    assert mdp.observation.tolist() == [0]


@pytest.mark.parametrize(
    "change", [{"gamma": 0.0}, {"gamma": 1.0}, {"limit": 1}, {"start": [1 - 1e-12]}]
)
def test_the_ends_of_a_range_are_accepted(change):
    MDP(**(COIN | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gamma": -1e-9}, "gamma must be in"),
        ({"gamma": 1 + 1e-9}, "gamma must be in"),
        ({"limit": 0}, "limit must be at least 1"),
        ({"start": [1 + 1e-6]}, "start must be a distribution"),
        ({"start": [1 - 1e-6]}, "start must be a distribution"),
        ({"observation": [1]}, "observation must hold row numbers"),
        ({"observation": [-1]}, "observation must hold row numbers"),
        ({"transition": [[[0.0], [1 + 1e-6]]]}, "rows sum to at most 1"),
        ({"transition": [[[0.0], [-1e-6]]]}, "rows sum to at most 1"),
        ({"reward": [[0.0, np.inf]]}, "rewards must be finite"),
        ({"reward": [[0.0, np.nan]]}, "rewards must be finite"),
        ({"logits": [[-np.inf, -np.inf]]}, "finite maximum"),
        ({"logits": [[np.inf, 0.0]]}, "finite maximum"),
    ],
)
def test_a_number_just_outside_of_its_range_raises(change, message):
    with pytest.raises(ValueError, match=message):
        MDP(**(COIN | change))


def test_a_negative_start_probability_raises_even_if_the_sum_is_1():
    with pytest.raises(ValueError, match="start must be a distribution"):
        MDP([1.5, -0.5], np.zeros((2, 1, 2)), np.zeros((2, 1)), np.zeros((2, 1)))


def test_an_end_of_small_probability_is_enumerated_too():
    """An episode terminates with probability 1e-4 in each of two steps."""
    mdp = MDP([1.0], [[[1 - 1e-4]]], [[1.0]], [[0.0]], limit=2)
    probability, episodes = mdp.episodes()
    found = [(e.terminated, e.truncated, len(e)) for e in episodes]
    assert sorted(found) == [(False, True, 2), (True, False, 1), (True, False, 2)]
    ended = sum(p for p, e in zip(probability, episodes, strict=True) if e.terminated)
    assert ended == pytest.approx(1e-4 + (1 - 1e-4) * 1e-4, rel=1e-9)
    assert replace(mdp, limit=None).J() == pytest.approx(1e4, rel=1e-9)


def test_large_logits_neither_overflow_nor_drown_the_other_rows():
    """exp(1000) is infinite; each row is shifted by its own maximum."""
    np.testing.assert_array_equal(softmax([[1000.0, 0.0], [0.0, 0.0]]), [[1, 0], [0.5, 0.5]])
    np.testing.assert_allclose(softmax([-1000.0, -1000.0 + np.log(3)]), [0.25, 0.75], rtol=1e-12)


@pytest.mark.parametrize("steps", [0, -1])
def test_windows_need_a_step_and_no_limit(steps):
    with pytest.raises(ValueError, match="windows: expected steps >= 1"):
        list(MDP(**COIN).windows(steps))
    with pytest.raises(ValueError, match="an MDP without a limit"):
        list(MDP(**COIN, limit=2).windows(1))


def test_sampled_episodes_are_truncated_at_the_limit_and_are_not_copies_of_each_other():
    episodes = MDP(**COIN, limit=2).sample(200, np.random.default_rng(0))
    ends = {(len(e), e.act[-1].item(), e.terminated, e.truncated) for e in episodes}
    assert ends == {(1, 0, True, False), (2, 0, True, False), (2, 1, False, True)}


def test_the_gradient_adds_up_the_states_that_share_a_row_of_logits():
    """Two coins with one row of logits: twice the gradient of one, p (1 - p) = 1/4 each."""
    transition = np.zeros((2, 2, 2))
    transition[0, :, 1] = 1.0
    mdp = MDP([1, 0], transition, [[0, 1], [0, 1]], [[0, 0]], observation=[0, 0])
    np.testing.assert_allclose(mdp.gradient(), [[-0.5, 0.5]], rtol=1e-12)


# Settings and budgets.


@pytest.mark.parametrize("gamma", [0, 0.0, 1, 1.0])
def test_a_discount_factor_of_0_or_1_is_a_setting(gamma):
    assert Settings(gamma=gamma).gamma == gamma


@pytest.mark.parametrize(
    "change",
    [
        {"gamma": 1.0001},
        {"gamma": -0.0001},
        {"gamma": True},
        {"gamma": np.nan},
        {"baseline": np.inf},
        {"baseline": np.nan},
        {"baseline": True},
        {"episodes": 0},
        {"window": 0},
    ],
)
def test_settings_that_are_no_numbers_in_range_raise(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        Settings(**change)


@pytest.mark.parametrize("reward", [2e100, -2e100])
def test_a_reward_whose_square_overflows_raises_whatever_its_sign(reward):
    with pytest.raises(ValueError, match="rewards must be at most 1e\\+100 in size"):
        budget(bandit([reward, 0.0]), Settings())
    budget(bandit([reward / 4, 0.0]), Settings())


def test_the_error_is_the_squared_length_of_all_parts_plus_the_variance():
    found = budget(stop_or_go(), Settings(episodes=2, divide_by="steps"))
    bias = np.sum(list(found.parts.values()), axis=0)
    assert found.variance > 0.1 and np.abs(bias).max() > 0.1
    assert found.error == pytest.approx(float((bias**2).sum()) + found.variance, rel=1e-12)


def test_the_parts_of_a_divisor_and_of_a_normalizer_do_not_depend_on_what_comes_after_them():
    settings = Settings(episodes=2, divide_by="steps", normalizer="batch", baseline="value")
    everything = budget(stop_or_go(), settings).parts
    for name in ("discount", "gamma^t", "cut", "mean"):
        alone = budget(stop_or_go(), Settings(episodes=2, divide_by="steps")).parts[name]
        np.testing.assert_allclose(everything[name], alone, atol=1e-12)
    without = budget(stop_or_go(), replace(settings, baseline=None)).parts["normalizer"]
    np.testing.assert_allclose(everything["normalizer"], without, atol=1e-12)


# What an MDP hands on, lists and refuses.


def test_an_mdp_that_restarts_keeps_its_discount_factor():
    """Each toss pays 1/2 on average and another one follows forever: 1/2 / (1 - .9) = 5."""
    assert MDP(**COIN, gamma=0.9).restarting().J() == pytest.approx(5.0, rel=1e-12)


def test_exactly_as_many_episodes_as_allowed_are_enumerated(monkeypatch):
    monkeypatch.setattr(mdp_module, "MOST_EPISODES", 8)
    assert len(coins(3).episodes()[1]) == 8
    with pytest.raises(ValueError, match="more than 8 episodes"):
        coins(4).episodes()


def test_an_episode_that_cannot_occur_is_not_listed():
    """Every pull of an arm ends the episode, so that none is left for the limit to cut."""
    probability, episodes = replace(bandit([1.0, 3.0]), limit=1).episodes()
    assert probability.tolist() == [0.5, 0.5]
    assert [e.terminated for e in episodes] == [True, True]


@pytest.mark.parametrize("leave", [0.1, 1e-4])
def test_a_chain_that_mixes_slowly_has_one_average_reward(leave):
    """It is in each of its two states half of the time, however rarely it leaves one."""
    stay = 1 - leave
    mdp = MDP([1, 0], [[[stay, leave]], [[leave, stay]]], [[0.0], [1.0]], [[0.0], [0.0]])
    assert mdp.J("average") == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize("end", [1e-3, 1e-7])
def test_an_end_that_is_rare_and_several_states_away_is_still_an_end(end):
    """Only the last of five states can end the episode; the first four take a step each."""
    transition = np.diag(np.ones(4), k=1)[:, None]
    transition[4, 0, 4] = 1 - end
    mdp = MDP([1, 0, 0, 0, 0], transition, np.ones((5, 1)), np.zeros((5, 1)))
    assert mdp.J() == pytest.approx(4 + 1 / end, rel=1e-6)


# Budgets at their limits.


def test_exactly_as_many_batches_and_windows_as_allowed_are_enumerated(monkeypatch):
    """Two environments with two arms make three multisets; a window of three steps, eight."""
    arms = bandit([0.0, 1.0])
    monkeypatch.setattr(budget_module, "MOST_BATCHES", 3)
    assert len(list(batches(arms, Settings(episodes=2)))) == 3
    monkeypatch.setattr(budget_module, "MOST_BATCHES", 8)
    assert len(list(batches(arms, Settings(window=3)))) == 8
    with pytest.raises(ValueError, match="more than 8 windows"):
        list(batches(arms, Settings(window=4)))


def test_a_running_mean_that_grows_forever_raises():
    """Every episode is cut and gamma is 1: each bootstrap adds the whole mean once more."""
    endless = MDP([1.0], [[[1.0], [1.0]]], [[0.0, 1.0]], [[0.0, 0.0]], limit=3)
    with pytest.raises(ValueError, match="the running mean never settles"):
        budget(endless, Settings(normalizer="running"))


def test_a_budget_of_nothing_is_a_table_of_zeros():
    lines = str(budget(bandit([0.0, 0.0]), Settings())).splitlines()
    assert {line.split()[1] for line in lines[1:]} == {"0.000"}


def test_the_deviation_of_weights_minus_a_value_by_time_is_that_of_an_infinite_batch():
    """Two fair coins with a limit of two steps: V(0) = 1, V(1) = 1/2.

    The weights G - V are -1, 0, 0, 1 at the first step and -1/2, 1/2 at the second, so their mean
    square is (1/2 + 1/4) / 2. A batch of one episode is standardized by its own deviation, and then
    multiplied by the root of this.
    """
    task = replace(coins(2), limit=2)
    settings = Settings(normalizer="batch", baseline="value")
    _, (none, *_) = task.episodes()
    assert none.rew.tolist() == [0.0, 0.0]
    found = update(task, settings)([none])
    # Its weights are -1 and -1/2: standardized, -1 and 1. The score of tails is (1/2, -1/2).
    size = np.sqrt(3 / 8) / 2
    np.testing.assert_allclose(found, [[-size, size], [size, -size]], rtol=1e-6)
