"""LeaveOneOut: the weight of each row, and the batches that it refuses.

The oracles: the definition of the weights in exact fractions, and numbers computed by hand.
"""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_edu import VectorReplayBuffer, policy_within_training_step
from pg_edu.leave_one_out import LeaveOneOut
from tests.helpers import (
    ConstantLogits,
    buffer_of_episodes,
    filled,
    make_policy,
    returns_of,
)


def leave_one_out(**options):
    defaults = {"discount_factor": 1.0}
    return make_policy(ConstantLogits(), kind=LeaveOneOut, **(defaults | options))


def weights_by_definition(episodes, gamma):
    """Return (Gᵢₜ - Σ_{j≠i} Gⱼₜ / (N-1)) B / N in fractions, with Gⱼₜ = 0 after the end of j."""
    G = [[sum(gamma**k * r for k, r in enumerate(g[t:])) for t in range(len(g))] for g in episodes]
    N, B = len(episodes), sum(map(len, episodes))
    found = []
    for i, own in enumerate(G):
        for t, value in enumerate(own):
            others = [G[j][t] if t < len(G[j]) else Fraction(0) for j in range(N) if j != i]
            found.append((value - (sum(others) / (N - 1) if others else 0)) * Fraction(B, N))
    return found


@settings(max_examples=50)
@given(
    st.lists(st.lists(st.integers(-9, 9), min_size=1, max_size=5), min_size=1, max_size=5),
    st.sampled_from([Fraction(1), Fraction(1, 2)]),
    st.booleans(),
)
def test_the_weights_are_those_of_their_definition(episodes, gamma, truncated):
    """It does not matter whether episodes terminate or are truncated."""
    policy = leave_one_out(discount_factor=float(gamma))
    expected = [float(w) for w in weights_by_definition(episodes, gamma)]
    found = returns_of(policy, buffer_of_episodes(episodes, truncated=truncated))
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


def test_episodes_of_several_environments_are_compared_with_all_others():
    """Rewards 1, 1 in environment 0, and 5 | 2 in environment 1, give returns 2, 1 | 5 | 2."""
    buffer = VectorReplayBuffer(total_size=8, buffer_num=2)
    terminated = [False, True, True, True]
    filled(buffer, [1, 5, 1, 2], terminated, buffer_ids=[0, 1, 0, 1])
    expected = np.array([2 - 7 / 2, 1, 5 - 4 / 2, 2 - 7 / 2]) * 4 / 3
    np.testing.assert_allclose(returns_of(leave_one_out(), buffer), expected, rtol=1e-15)


def test_equal_episodes_get_weights_of_zero():
    found = returns_of(leave_one_out(), buffer_of_episodes([[1] * 500] * 16))
    np.testing.assert_array_equal(found, np.zeros(8000))


def test_an_unfinished_episode_is_an_error():
    with pytest.raises(ValueError, match=r"needs whole episodes.*collect with n_episode"):
        returns_of(leave_one_out(), buffer_of_episodes([[1, 1], [1, 1]], unfinished=True))


def test_an_unfinished_episode_in_the_middle_of_the_rows_is_an_error():
    """The episode of environment 0 is unfinished, that of environment 1 has ended."""
    buffer = VectorReplayBuffer(total_size=8, buffer_num=2)
    filled(buffer, [1, 1], [False, True], buffer_ids=[0, 1])
    with pytest.raises(ValueError, match="needs whole episodes"):
        returns_of(leave_one_out(), buffer)


def test_rows_out_of_the_order_of_time_are_an_error():
    with pytest.raises(ValueError, match="in time order"):
        returns_of(leave_one_out(), buffer_of_episodes([[1, 2, 3], [1]]), order=[1, 0, 2, 3])


def test_minibatches_are_an_error_that_leaves_the_statistics_unchanged():
    policy = leave_one_out(reward_normalization=True)
    with (
        policy_within_training_step(policy),
        pytest.raises(ValueError, match="batch_size must be None, got 2 for 4"),
    ):
        policy.update(0, buffer_of_episodes([[1, 2, 3], [1]]), batch_size=2, repeat=1)
    assert policy.ret_rms.count == 0


@pytest.mark.parametrize("batch_size", [None, 0, -1, 4, 64])
def test_a_batch_size_that_covers_all_rows_is_accepted(batch_size):
    policy = leave_one_out()
    with policy_within_training_step(policy):
        stats = policy.update(
            0, buffer_of_episodes([[1, 2, 3], [1]]), batch_size=batch_size, repeat=1
        )
    assert np.isfinite(stats.loss.mean)


@pytest.mark.parametrize("repeat", [1, 3])
def test_every_pass_takes_one_step(repeat):
    """The optimizer counts the steps; each is on all rows, also after the first one."""
    policy = leave_one_out()
    steps = []
    policy.optim.register_step_post_hook(lambda *_: steps.append(policy.actor.logits.tolist()))
    with policy_within_training_step(policy):
        policy.update(0, buffer_of_episodes([[1, 2, 3], [1]]), batch_size=None, repeat=repeat)
    assert len(steps) == repeat


def test_minibatches_of_one_row_are_an_error():
    policy = leave_one_out()
    with (
        policy_within_training_step(policy),
        pytest.raises(ValueError, match="batch_size must be None, got 1 for 4"),
    ):
        policy.update(0, buffer_of_episodes([[1, 2, 3], [1]]), batch_size=1, repeat=1)
