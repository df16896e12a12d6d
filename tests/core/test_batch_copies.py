"""What a Batch copies and what it shares, and what it hands on to its levels."""

from typing import Any

import numpy as np
import pytest
import torch

from pg_edu import Batch, to_torch, to_torch_as


def nested() -> Batch:
    return Batch(a=np.arange(3.0), t=torch.arange(3), b=Batch(c=np.arange(3)))


def test_a_batch_holds_the_arrays_that_it_is_given_unless_told_to_copy() -> None:
    array, inner = np.zeros(2), {"c": np.zeros(2)}
    shared, copied = Batch(a=array, b=inner), Batch(a=array, b=inner, copy=True)
    array[0] = inner["c"][0] = 5.0
    assert (shared.a[0], shared.b.c[0]) == (5.0, 5.0)
    assert (copied.a[0], copied.b.c[0]) == (0.0, 0.0)


@pytest.mark.parametrize("convert", [Batch.to_numpy, Batch.to_torch])
def test_a_converted_batch_shares_no_memory(convert: Any) -> None:
    batch = nested()
    converted = convert(batch)
    for leaf in (converted.a, converted.t, converted.b.c):
        leaf[0] = 7
    assert (batch.a[0], int(batch.t[0]), batch.b.c[0]) == (0.0, 0, 0)


def test_a_conversion_in_place_shares_memory() -> None:
    array = np.zeros(2)
    batch = Batch(a=array)
    batch.to_torch_()
    array[0] = 5.0
    assert batch.a[0] == 5.0


@pytest.mark.parametrize("in_place", [True, False])
def test_the_dtype_reaches_every_level_and_tensors_too(in_place: bool) -> None:
    batch = nested()
    if in_place:
        batch.to_torch_(torch.float16)
    else:
        batch = batch.to_torch(torch.float16)
    assert {leaf.dtype for leaf in (batch.a, batch.t, batch.b.c)} == {torch.float16}


@pytest.mark.parametrize("in_place", [True, False])
def test_the_device_reaches_every_level(in_place: bool) -> None:
    """The device "meta" has no memory, and is on every machine."""
    batch = nested()
    if in_place:
        batch.to_torch_(device="meta")
    else:
        batch = batch.to_torch(device="meta")
    assert {leaf.device.type for leaf in (batch.a, batch.t, batch.b.c)} == {"meta"}
    assert to_torch(np.zeros(2), device="meta").device.type == "meta"
    found = to_torch({"x": np.zeros(2)}, torch.float16, "meta").x
    assert (found.dtype, found.device.type) == (torch.float16, "meta")


def test_to_torch_as_takes_dtype_and_device_of_the_other_tensor() -> None:
    like = torch.zeros(1, dtype=torch.float16, device="meta")
    found = to_torch_as(np.zeros(2), like)
    assert (found.dtype, found.device.type) == (torch.float16, "meta")


def test_rows_are_written_in_the_dtype_of_the_batch() -> None:
    batch = Batch(a=np.zeros(2, np.float32), t=torch.zeros(2, dtype=torch.int64))
    batch[0] = Batch(a=1.5, t=2.0)
    assert (batch.a.dtype, batch.t.dtype) == (np.float32, torch.int64)
    assert (batch.a.tolist(), batch.t.tolist()) == ([1.5, 0.0], [2, 0])


def test_the_shortest_value_decides_how_many_rows_there_are() -> None:
    batch = Batch(a=np.zeros((3, 5)), b=np.zeros((2, 7)))
    assert (len(batch), batch.shape) == (2, [2, 5])


def test_an_argument_by_name_takes_the_place_of_a_value_in_a_dict() -> None:
    batch = Batch()
    batch.update({"a": 1, "b": 1}, b=2)
    assert (batch.a.item(), batch.b.item()) == (1, 2)


def test_equality_needs_the_same_keys_lengths_dtypes_and_numbers() -> None:
    base = Batch(a=np.array([1.0, 2.0]))
    assert base == Batch(a=np.array([1.0, 2.0]))
    for other in (
        Batch(a=np.array([1, 2])),
        Batch(a=np.array([1.0, 3.0])),
        Batch(a=np.array([1.0, 2.0]), b=1),
        Batch(b=np.array([1.0, 2.0])),
        Batch(a=np.array([1.0])),
    ):
        assert base != other and other != base
    assert Batch(a=np.array([np.nan])) != Batch(a=np.array([np.nan]))
    one, two = (torch.ones(1),), (torch.ones(1), torch.ones(1))
    assert Batch(a=one) != Batch(a=two) and Batch(a=two) != Batch(a=one)


@pytest.mark.parametrize("axis", [0, 1])
def test_stacking_puts_the_new_axis_where_it_is_wanted(axis: int) -> None:
    one, two = (Batch(a=np.full(3, n), t=torch.full((3,), n)) for n in (1, 2))
    stacked = Batch.stack([one, two], axis=axis)
    shape = (2, 3) if axis == 0 else (3, 2)
    assert stacked.a.shape == tuple(stacked.t.shape) == shape
    assert Batch.stack([one, two]).a.shape == (2, 3)


@pytest.mark.parametrize(
    ("size", "merge_last", "lengths"),
    [
        (3, False, [3, 3, 1]),
        (3, True, [3, 4]),
        (7, True, [7]),
        (8, True, [7]),
        (6, True, [7]),
        (-1, False, [7]),
        (1, True, [1] * 7),
    ],
)
def test_the_last_piece_is_merged_only_if_it_is_smaller_and_not_the_only_one(
    size: int, merge_last: bool, lengths: list[int]
) -> None:
    pieces = list(Batch(a=np.arange(7)).split(size, shuffle=False, merge_last=merge_last))
    assert [len(piece) for piece in pieces] == lengths
    assert np.concatenate([piece.a for piece in pieces]).tolist() == list(range(7))


def test_a_split_is_shuffled_by_numpys_global_generator() -> None:
    np.random.seed(3)
    expected = np.random.permutation(7)
    np.random.seed(3)
    (piece,) = Batch(a=np.arange(7)).split(-1)
    assert piece.a.tolist() == expected.tolist()


@pytest.mark.parametrize("size", [0, -2])
def test_pieces_of_no_rows_are_an_error(size: int) -> None:
    with pytest.raises(ValueError, match="size must be at least 1"):
        next(Batch(a=np.arange(7)).split(size))
