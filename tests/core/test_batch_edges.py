"""Batches: numbers without rows, rows without values, indices of every dtype."""

import operator
from typing import Any

import numpy as np
import pytest
import torch

from pg_edu import Batch


@pytest.mark.parametrize("index", [0, [0], np.array(0), np.array([0]), np.array([0, 1])])
def test_a_number_has_no_rows_whatever_the_index(index: Any) -> None:
    """numpy's take would make one row of it."""
    with pytest.raises(IndexError, match="too many indices"):
        _ = Batch(a=3)[index]


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64])
def test_indices_may_have_every_dtype_of_integers(dtype: Any) -> None:
    """torch takes the numbers 1 and 0 for a mask if they have one byte each."""
    batch = Batch(a=[[1], [2]], b=torch.arange(2))
    index = np.array([1, 0], dtype)
    assert batch[index].a.tolist() == [[2], [1]]
    assert batch[index].b.tolist() == [1, 0]
    batch[index] = {"a": [[3], [4]], "b": [5, 6]}
    assert (batch.a.tolist(), batch.b.tolist()) == ([[4], [3]], [6, 5])


def test_cat_gives_a_batch_without_a_value_as_many_zeros_as_it_has_rows() -> None:
    """The zeros have the dtype of the values that are there."""
    value, tensor = np.array([[5, 6]], np.int8), torch.tensor([7], dtype=torch.int16)
    joined = Batch.cat(
        [
            Batch(a=[1, 2, 3], b=Batch(), c=Batch()),
            Batch(a=[4], b=value, c=tensor),
            Batch(a=[5, 6], b=Batch(), c=Batch()),
        ]
    )
    assert joined.b.tolist() == [[0, 0]] * 3 + [[5, 6]] + [[0, 0]] * 2
    assert joined.c.tolist() == [0, 0, 0, 7, 0, 0]
    assert (joined.b.dtype, joined.c.dtype) == (np.int8, torch.int16)


def test_arrays_of_objects_are_equal_only_if_they_have_the_same_shape() -> None:
    one, two = Batch(a=np.array([None])), Batch(a=np.array([None, None]))
    assert one != two and two != one
    assert two != Batch(a=np.array([[None, None]]))
    assert two == Batch(a=np.array([None, None]))


@pytest.mark.parametrize("operation", ["add", "sub", "mul", "truediv"])
def test_arithmetic_on_a_whole_batch_says_what_to_write(operation: str) -> None:
    with pytest.raises(TypeError, match="Compute with an array that it holds"):
        getattr(operator, operation)(Batch(a=[1.0]), 2)


def test_the_number_in_a_row_of_a_batch_cannot_be_written() -> None:
    """`batch[0]` holds copies of numbers, so writing there must not seem to work."""
    row = Batch(a=[1, 2])[0]
    with pytest.raises(TypeError, match="cannot be assigned"):
        row[0] = Batch(a=3)


def test_a_tuple_is_as_long_as_its_shortest_member() -> None:
    assert len(Batch(a=(torch.zeros(3), torch.zeros(2)))) == 2


def test_a_missing_method_of_the_original_says_what_to_write() -> None:
    with pytest.raises(AttributeError, match=r"only \['a'\]\. Write np\.isnan\(batch\.obs\)\.any"):
        Batch(a=1).hasnull()
    with pytest.raises(AttributeError, match=r"only \['a'\]$"):
        _ = Batch(a=1).other
