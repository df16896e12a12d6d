"""Batches: numbers without rows, places without values, and the one batch that differs."""

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


def test_an_index_array_of_two_axes_gives_rows_of_rows() -> None:
    index = np.array([[2, 0], [1, 1]])
    picked = Batch(a=np.arange(6).reshape(3, 2), s=np.array(["x", "y", "z"]))[index]
    assert picked.a.tolist() == [[[4, 5], [0, 1]], [[2, 3], [2, 3]]]
    assert picked.s.tolist() == [["z", "x"], ["y", "y"]]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_cat_refuses_the_one_batch_whose_keys_differ(place: int) -> None:
    batches = [Batch(a=[1]), Batch(a=[2]), Batch(a=[3])]
    batches[place] = Batch(b=[4])
    with pytest.raises(ValueError, match="all batches must have the same keys"):
        Batch.cat(batches)


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


def test_a_batch_of_no_rows_still_has_its_dtypes_in_cat() -> None:
    """No batch is skipped that has keys: its empty array decides the dtype too."""
    joined = Batch.cat([Batch(a=np.zeros(0)), Batch(a=np.array([1, 2]))])
    assert joined.a.dtype == np.float64
    assert joined.a.tolist() == [1.0, 2.0]


def test_complex_numbers_are_numbers() -> None:
    stacked = Batch.stack([Batch(a=1j), Batch(b=2)])
    assert stacked.a.dtype == np.complex128
    assert stacked.a.tolist() == [1j, 0]
    assert Batch(a=[1j]).to_torch().a.dtype == torch.complex128


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


def test_an_empty_nested_batch_does_not_shorten_the_batch_around_it() -> None:
    assert len(Batch(a=[1, 2], info=Batch(), deep={"er": Batch()})) == 2


def test_nested_batches_become_dicts_too_unless_told_otherwise() -> None:
    batch = Batch(a={"b": {"c": 1}})
    assert isinstance(batch.to_dict()["a"]["b"], dict)
    assert isinstance(batch.to_dict(recursive=False)["a"], Batch)


def test_a_split_that_is_refused_names_its_size_and_the_rows() -> None:
    with pytest.raises(ValueError, match="got -3 of 7"):
        next(Batch(a=np.arange(7)).split(-3))


def test_a_missing_method_of_the_original_says_what_to_write() -> None:
    with pytest.raises(AttributeError, match=r"only \['a'\]\. Write np\.isnan\(batch\.obs\)\.any"):
        Batch(a=1).hasnull()
    with pytest.raises(AttributeError, match=r"only \['a'\]$"):
        _ = Batch(a=1).other
