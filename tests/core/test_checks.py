"""Bad input, given where a user would give it: what the messages say, and what stays unchanged.

Each test calls a public constructor or method, in whatever file the check itself is.
"""

import inspect
import sys
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from torch.distributions import Categorical, Independent, Normal

from pg_edu import (
    Batch,
    Collector,
    PGPolicy,
    ReplayBuffer,
    VectorReplayBuffer,
    policy_within_training_step,
)
from tests.helpers import ConstantLogits, Counter, bandit_policy, counters, filled, make_policy


def batch_of(act: Any, returns: Any) -> Batch:
    """Return a batch from which a policy can learn."""
    return Batch(obs=np.zeros(len(act)), act=np.asarray(act), returns=np.asarray(returns))


def test_a_buffer_with_too_few_sub_buffers_is_an_error_that_shows_the_right_call() -> None:
    with pytest.raises(ValueError, match=r"VectorReplayBuffer\(total_size, buffer_num=3\)"):
        Collector(make_policy(ConstantLogits()), counters(), VectorReplayBuffer(20, 2))


@pytest.mark.parametrize(
    "counts",
    [{}, {"n_step": 3, "n_episode": 3}, {"n_step": 0}, {"n_episode": -1}, {"n_step": True}],
)
def test_collect_needs_exactly_one_positive_count(counts: dict[str, Any]) -> None:
    collector = Collector(make_policy(ConstantLogits()), Counter())
    with pytest.raises(ValueError, match="exactly one of n_step and n_episode"):
        collector.collect(**counts)
    assert collector.collect_step == 0


def test_steps_that_are_not_a_multiple_of_the_environments_are_rounded_up_with_a_warning() -> None:
    """Four steps in three environments take two vector steps, so there are six."""
    collector = Collector(make_policy(ConstantLogits()), counters())
    with pytest.warns(UserWarning, match="n_step=4 .*: 6 steps are taken"):
        assert collector.collect(n_step=4).n_collected_steps == 6


@pytest.mark.parametrize(
    ("act", "returns", "message"),
    [
        ([0, 1], [1.0, 2.0, 3.0], "returns"),
        ([0, 1], [1.0, np.nan], "returns must be finite"),
        ([0, 7], [1.0, 2.0], "actions that Categorical cannot draw"),
    ],
)
def test_learning_from_bad_rows_is_an_error_before_the_first_step(
    act: list[int], returns: list[float], message: str
) -> None:
    policy = bandit_policy()
    with pytest.raises(ValueError, match=message):
        policy.learn(batch_of(act, returns), batch_size=None, repeat=1)
    assert torch.equal(policy.actor.logits, torch.zeros(3, dtype=torch.float64))


def test_a_loss_that_is_not_finite_is_an_error_before_the_step() -> None:
    """An action of probability 0 has the log-probability -∞."""
    policy = bandit_policy([0.0, -np.inf])
    with pytest.raises(ValueError, match="the loss is inf"):
        policy.learn(batch_of([1], [1.0]), batch_size=None, repeat=1)
    assert policy.actor.logits.tolist() == [0.0, -np.inf]


def test_a_distribution_for_another_number_of_rows_is_an_error() -> None:
    """The distribution of one row for all would be broadcast without an error."""
    policy = make_policy(
        ConstantLogits(), dist_fn=lambda logits: Categorical(logits=logits.mean(0, keepdim=True))
    )
    with pytest.raises(ValueError, match=r"batch_shape \[1\] for 5 observations"):
        policy(Batch(obs=np.zeros(5)))


def test_more_outputs_than_actions_are_an_error() -> None:
    policy = make_policy(ConstantLogits([0.0, 0.0, 0.0]), gym.spaces.Discrete(2))
    with pytest.raises(ValueError, match=r"Discrete\(2\), but the policy's Categorical"):
        policy(Batch(obs=np.zeros(1)))


def test_actions_whose_shape_differs_from_the_space_are_an_error() -> None:
    def two_numbers(logits: torch.Tensor) -> Independent:
        return Independent(Normal(logits, 1.0), 1)

    policy = make_policy(ConstantLogits(), gym.spaces.Box(-1, 1, (3,)), dist_fn=two_numbers)
    with pytest.raises(ValueError, match=r"shape \(3,\), but the policy's have shape \(2,\)"):
        policy(Batch(obs=np.zeros(1)))


def test_good_input_raises_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        policy = bandit_policy()
        policy(Batch(obs=np.zeros(2)))
        policy.learn(batch_of([0, 2], [1.0, -1.0]), batch_size=None, repeat=1)


def test_a_number_of_steps_that_is_not_an_integer_is_an_error() -> None:
    collector = Collector(make_policy(ConstantLogits()), counters(AutoresetMode.SAME_STEP))
    with pytest.raises(ValueError, match=r"a positive integer, got n_step=3\.5"):
        collector.collect(n_step=3.5)  # type: ignore[arg-type]


# Warnings point to the user's line


def line_of_this_call() -> int:
    frame = sys._getframe(1)
    return frame.f_lineno


def test_a_warning_of_a_constructor_points_to_the_line_that_calls_it() -> None:
    actor = ConstantLogits()
    settings = {
        "actor": actor,
        "optim": torch.optim.SGD(actor.parameters()),
        "dist_fn": lambda loc: Normal(loc, 1.0),
        "action_space": gym.spaces.Box(-0.5, 0.5, (2,)),
        "action_scaling": False,
    }
    with pytest.warns(UserWarning, match="goes beyond") as caught:
        line = line_of_this_call() + 1
        PGPolicy(**settings)  # type: ignore[arg-type]
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


@pytest.mark.parametrize("way", ["learn", "update", "call"])
def test_a_warning_while_learning_or_acting_points_to_the_line_that_calls_the_policy(
    way: str,
) -> None:
    """`policy(batch)` goes through torch's Module, `update` through several functions of ours."""
    policy = make_policy(ConstantLogits([1.0, 3.0]), dist_fn=Categorical)
    buffer = filled(ReplayBuffer(1), [1.0], [True])
    call = {
        "learn": lambda: policy.learn(batch_of([0, 1], [1.0, 2.0]), None, 1),
        "call": lambda: policy(Batch(obs=np.zeros(2))),
        "update": lambda: policy.update(0, buffer, batch_size=None, repeat=1),
    }[way]
    with policy_within_training_step(policy), pytest.warns(UserWarning, match="sum to 1") as caught:
        call()
    assert caught[0].filename == __file__


# Arguments of older Tianshous


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (("net", "optim", "dist"), {}, r"by name only.* 3 came.*PGPolicy\(actor=\.\.\., optim="),
        ((), {"model": "net", "optim": "optim", "dist_fn": "dist"}, "calls it actor, and requires"),
        ((), {"actor": "net", "gamma": 0.9}, "no argument gamma: .* calls it discount_factor"),
    ],
)
def test_arguments_of_older_tianshous_are_told_their_new_names(
    args: Any, kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        PGPolicy(*args, **kwargs)


def test_a_subclass_that_passes_older_arguments_on_is_named() -> None:
    class Mine(PGPolicy[Any]):
        def __init__(self, model: Any, optim: Any, dist_fn: Any) -> None:
            super().__init__(model, optim, dist_fn)  # type: ignore[call-arg]

    with pytest.raises(TypeError, match="Mine takes arguments by name only"):
        Mine("net", "optim", "dist")


def test_the_signature_of_the_constructor_is_the_one_that_is_written() -> None:
    names = list(inspect.signature(PGPolicy).parameters)
    assert names[:4] == ["actor", "optim", "dist_fn", "action_space"]
