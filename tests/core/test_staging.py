"""Blocks of staged transitions, against rows that are written out by hand."""

import numpy as np
import pytest

from pg_edu.staging import Block

OBS = [np.array([10.0 * t, 10.0 * t + 1]) for t in range(4)]  # of two environments, at each step


def staged(steps: int) -> Block:
    """Return a block of three steps of which the first `steps` are staged."""
    block = Block(3)
    for t in range(steps):
        block.put({"obs": OBS[t], "act": np.array([t, -t])})
        block.end_step()
    return block


def test_the_next_observation_is_that_of_the_following_step() -> None:
    rows = staged(3).take(OBS[3])
    assert rows["obs"].tolist() == [[0, 1], [10, 11], [20, 21]]
    assert rows["obs_next"].tolist() == [[10, 11], [20, 21], [30, 31]]
    assert rows["act"].tolist() == [[0, 0], [1, -1], [2, -2]]


def test_a_block_that_is_not_full_gives_the_steps_that_it_has() -> None:
    block = staged(2)
    assert not block.is_full
    assert block.take(OBS[2])["obs_next"].tolist() == [[10, 11], [20, 21]]


def test_a_final_observation_replaces_the_first_one_of_the_next_episode() -> None:
    """It stands in obs_next of its own environment and step, and nowhere in obs."""
    block = Block(2)
    block.put({"obs": OBS[0]})
    block.put_final_obs(np.float64(99.0), environment=1)
    block.end_step()
    block.put({"obs": OBS[1]})
    block.end_step()
    rows = block.take(OBS[2])
    assert rows["obs_next"].tolist() == [[10, 99], [20, 21]]
    assert rows["obs"].tolist() == [[0, 1], [10, 11]]


def test_what_is_staged_does_not_change_with_the_arrays_that_it_came_from() -> None:
    block, obs, final = Block(1), OBS[0].copy(), OBS[1].copy()
    block.put({"obs": obs})
    block.put_final_obs(final)
    obs[:] = final[:] = -1
    block.end_step()
    rows = block.take(OBS[2])
    assert rows["obs"].tolist() == [[0, 1]] and rows["obs_next"].tolist() == [[10, 11]]


def test_a_block_can_be_filled_again_after_it_was_taken() -> None:
    """Of what was taken nothing remains, not even a final observation."""
    block = Block(1)
    block.put({"obs": OBS[0]})
    block.put_final_obs(np.float64(99.0), environment=0)
    block.end_step()
    block.take(OBS[1])
    assert not block.is_full
    block.put({"obs": OBS[2]})
    block.end_step()
    assert block.take(OBS[3])["obs_next"].tolist() == [[30, 31]]


def test_values_in_dicts_are_staged_key_by_key() -> None:
    block = Block(1)
    block.put({"obs": {"place": OBS[0], "time": np.array([0, 0])}})
    block.put_final_obs({"place": OBS[3], "time": np.array([5, 6])})
    block.end_step()
    rows = block.take({"place": OBS[1], "time": np.array([1, 1])})
    assert rows["obs_next"]["place"].tolist() == [[30, 31]]
    assert rows["obs_next"]["time"].tolist() == [[5, 6]]


def test_a_column_takes_the_wider_dtype_of_its_values() -> None:
    """Rewards 1 and 0.5 are not rounded to 1 and 0."""
    block = Block(2)
    for rew in (np.array([1, 2]), np.array([0.5, 0.25])):
        block.put({"obs": OBS[0], "rew": rew})
        block.end_step()
    assert block.take(OBS[0])["rew"].tolist() == [[1, 2], [0.5, 0.25]]


@pytest.mark.parametrize("value", [np.array(["a", "b"]), [1, 2], np.array([None, None])])
def test_a_value_that_is_not_a_numeric_array_is_an_error(value: object) -> None:
    with pytest.raises(ValueError, match="must be numeric arrays or dicts of them, got"):
        Block(1).put({"obs": value})


def test_a_value_of_another_shape_is_an_error_and_is_not_repeated_to_fill_the_row() -> None:
    block = Block(2)
    block.put({"obs": np.zeros((2, 3))})
    block.end_step()
    with pytest.raises(ValueError, match=r"obs: the first step has shape \[2, 3\].*has \[2, 1\]"):
        block.put({"obs": np.ones((2, 1))})


def test_infos_are_columns_only_if_a_step_has_one() -> None:
    block = Block(2)
    for t in range(2):
        block.put({"obs": OBS[t]})
        block.put_info({}, {"x": OBS[3], "_x": np.array([True, False])} if t else {})
        block.end_step()
    rows = block.take(OBS[2])
    assert "obs_info" not in rows
    assert rows["info"].x.tolist() == [[0, 0], [30, 31]]
    assert rows["info"]._x.tolist() == [[False, False], [True, False]]


def test_a_block_is_full_after_exactly_its_size_of_steps() -> None:
    assert [staged(steps).is_full for steps in range(4)] == [False, False, False, True]


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float32, np.complex64])
def test_a_column_keeps_the_dtype_of_its_values(dtype: type) -> None:
    block = Block(1)
    block.put({"obs": np.array([0, 1]).astype(dtype)})
    block.end_step()
    rows = block.take(np.array([1, 1]).astype(dtype))
    assert (rows["obs"].dtype, rows["obs_next"].dtype) == (np.dtype(dtype), np.dtype(dtype))


def test_large_integers_keep_their_last_digit() -> None:
    """2⁵³ + 1 is no float64."""
    block = Block(1)
    block.put({"obs": np.array([2**53 + 1])})
    block.end_step()
    assert block.take(np.array([0]))["obs"].tolist() == [[2**53 + 1]]


def test_a_narrower_value_does_not_round_the_rows_before_it() -> None:
    block = Block(2)
    for rew in (np.array([0.5, 0.25]), np.array([1, 2])):
        block.put({"obs": OBS[0], "rew": rew})
        block.end_step()
    assert block.take(OBS[0])["rew"].tolist() == [[0.5, 0.25], [1, 2]]
