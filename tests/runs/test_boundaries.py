"""Runs at the edges: a return that equals the target, and the settings that may change."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pg_edu.runs import training
from pg_edu.runs.config import Config
from pg_edu.runs.training import Result, train
from tests.runs.helpers import SMALL, states

FIVE_STEPS = Config(num_envs=4, hidden_sizes=(8,), max_episode_steps=5, max_updates=2)


def test_a_return_that_equals_the_target_reaches_it() -> None:
    """All episodes have five steps: in training, greedy and sampled, every return is 5."""
    result = train(0, replace(FIVE_STEPS, target=5.0))
    assert (result.stopped, len(result.history)) == ("solved", 1)
    assert result.history[0][3:9] == (5.0, 5.0, 5.0, None, 5.0, 5.0)


def test_a_run_is_not_solved_if_its_returns_are_just_below_the_target() -> None:
    result = train(0, replace(FIVE_STEPS, target=float(np.nextafter(5.0, 6.0))))
    assert (result.stopped, result.solved) == ("max_updates", False)


def test_the_mean_of_the_training_episodes_decides_whether_to_evaluate() -> None:
    first = train(0, replace(SMALL, max_updates=1)).history[0]
    assert first.return_mean < first.return_max
    between = (first.return_mean + first.return_max) / 2
    missed = train(0, replace(SMALL, max_updates=1, target=between))
    assert missed.history[0].greedy is None
    reached = train(0, replace(SMALL, max_updates=1, target=first.return_mean))
    assert reached.history[0].greedy is not None


def test_the_mean_of_an_evaluation_decides_not_its_median(monkeypatch: pytest.MonkeyPatch) -> None:
    few_are_long = np.where(np.arange(100) < 25, 41.0, 1.0)
    monkeypatch.setattr(training, "evaluate", lambda *_, **given: few_are_long)
    result = train(0, replace(FIVE_STEPS, target=4.0, max_updates=1))
    assert (result.solved, result.history[0].greedy, result.history[0].sampled) == (True, 11, 11)


def test_the_evaluation_that_is_sampled_is_not_greedy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def measured(*_: Any, **given: Any) -> Any:
        asked.append(given["greedy"])
        return np.full(100, 6.0 if given["greedy"] else 7.0)

    monkeypatch.setattr(training, "evaluate", measured)
    last = train(0, replace(FIVE_STEPS, target=4.0)).history[-1]
    assert (asked, last.greedy, last.sampled) == ([True, False], 6.0, 7.0)


REFUSED: dict[str, Any] = {
    "env_id": "Acrobot-v1",
    "learning_rate": 0.5,
    "momentum": 0.5,
    "learning_rate_decay": 0.5,
    "discount_factor": 0.5,
    "baseline": "leave_one_out",
    "reward_normalization": False,
    "num_envs": 5,
    "episodes_per_env": 2,
    "hidden_sizes": (9,),
    "action_bound_method": "tanh",
    "batch_size": 7,
    "repeat": 2,
    "max_episode_steps": 7,
}
ALLOWED: dict[str, Any] = {
    "target": 1e6,
    "max_env_steps": 1,
    "max_updates": 1,
    "max_seconds": 1e-9,
    "device": "cpu:0",
}


@pytest.fixture(scope="module")
def after_one_update() -> Result:
    return states(0, SMALL)[1]


@pytest.mark.parametrize("name", REFUSED)
def test_a_setting_on_which_the_past_depends_cannot_change(
    name: str, after_one_update: Result
) -> None:
    with pytest.raises(ValueError, match=f"{name} was .* cannot become"):
        train(0, replace(SMALL, **{name: REFUSED[name]}), resume=after_one_update)


@pytest.mark.parametrize("name", ALLOWED)
def test_the_target_the_limits_and_the_device_can_change(
    name: str, after_one_update: Result
) -> None:
    config = replace(SMALL, max_updates=1, **{name: ALLOWED[name]} if name != "max_updates" else {})
    resumed = train(0, config, resume=after_one_update)
    assert len(resumed.history) == 1
    assert getattr(resumed.config, name) == ALLOWED[name]


@pytest.mark.parametrize(
    ("limit", "amount"), [("max_env_steps", "env_steps"), ("max_seconds", "seconds")]
)
def test_a_limit_that_the_run_has_reached_exactly_ends_it(
    limit: str, amount: str, after_one_update: Result
) -> None:
    spent = getattr(after_one_update.history[0], amount)
    resumed = train(0, replace(SMALL, **{limit: spent}), resume=after_one_update)
    assert (resumed.stopped, len(resumed.history)) == (limit, 1)


def test_a_run_without_an_update_is_not_solved_by_its_limit() -> None:
    result = train(0, replace(SMALL, max_updates=1))
    assert (result.stopped, result.solved) == ("max_updates", False)
