"""Batch: the law batch[i].key = batch.key[i], and the results of Tianshou v1.1.0."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Distribution,
    Independent,
    Multinomial,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
    transforms,
)

from pg_edu.batch import Batch, to_numpy, to_torch, to_torch_as


def rollout(rows: int) -> Batch:
    """Return nested rows of arrays, tensors, a tuple of tensors and objects, all different."""
    count = np.arange(rows)
    return Batch(
        obs=Batch(image=count[:, None, None] + np.zeros((2, 3)), id=count.astype(np.int32)),
        act=torch.arange(rows) + 100,
        rew=count / 7,
        done=count % 3 == 0,
        logits=(torch.arange(2 * rows).reshape(rows, 2), -torch.arange(rows)),
        name=np.array([f"row {i}" for i in count], dtype=object),
        info=Batch(),
    )


lengths = st.integers(1, 8)
rollouts = lengths.map(rollout)


# What a value becomes


@pytest.mark.parametrize("array", [np.zeros(3), np.array(["a", None], dtype=object)])
def test_an_array_is_not_copied(array: Any) -> None:
    assert Batch(a=array).a is array


@pytest.mark.parametrize("tensor", [torch.zeros(3), torch.nn.Parameter(torch.ones(2))])
def test_a_tensor_is_not_copied(tensor: Any) -> None:
    assert Batch(a=tensor).a is tensor


@pytest.mark.parametrize(
    ("number", "dtype"),
    [(3, np.int64), (1.5, np.float64), (True, np.bool_), (np.float32(2), np.float32)],
)
def test_a_number_becomes_an_array_of_no_dimension(number: Any, dtype: Any) -> None:
    value = Batch(a=number).a
    assert (value.shape, value.dtype, value.item()) == ((), dtype, number)


@pytest.mark.parametrize("numbers", [[1, 2.5], (1, 2.5), range(3), torch.Size([4, 2])])
def test_a_sequence_of_numbers_becomes_an_array(numbers: Any) -> None:
    value = Batch(a=numbers).a
    assert isinstance(value, np.ndarray)
    assert value.tolist() == list(numbers)


def test_a_list_of_tensors_becomes_one_tensor() -> None:
    assert torch.equal(Batch(a=[torch.zeros(2), torch.ones(2)]).a, torch.tensor([[0, 0], [1.0, 1]]))


def test_a_tuple_of_tensors_stays_a_tuple() -> None:
    mean, sigma = torch.zeros(3, 2), torch.ones(3, 1)
    logits = Batch(a=(mean, sigma)).a
    assert isinstance(logits, tuple)
    assert logits[0] is mean
    assert logits[1] is sigma


@pytest.mark.parametrize("value", [None, "some text", Categorical(probs=torch.ones(2, 2))])
def test_none_a_string_and_a_distribution_are_not_changed(value: Any) -> None:
    assert Batch(a=value).a is value


@pytest.mark.parametrize(
    "values", [["a", "b"], [None, 1], np.array(["a", "b"]), [[1], [1, 2]], [{"x": 1}, None]]
)
def test_values_that_are_not_numeric_become_an_array_of_objects(values: Any) -> None:
    value = Batch(a=values).a
    assert value.dtype == object
    assert value.tolist() == list(values)


@pytest.mark.parametrize("values", [[], (), np.zeros(0)])
def test_an_empty_sequence_becomes_an_array_of_no_rows(values: Any) -> None:
    """Recorded from Tianshou v1.1.0."""
    assert Batch(a=values) == Batch(a=np.zeros(0))


@pytest.mark.parametrize(("given", "kept"), [({1, 2}, {1, 2}), (np.array("text"), "text")])
def test_a_single_object_is_not_changed(given: Any, kept: Any) -> None:
    """Recorded from Tianshou v1.1.0."""
    value = Batch(a=given).a
    assert type(value) is type(kept)
    assert value == kept


def test_a_dict_becomes_a_batch() -> None:
    batch = Batch(a={"b": {"c": [1, 2]}})
    assert isinstance(batch.a.b, Batch)
    assert batch.a.b.c.tolist() == [1, 2]


@pytest.mark.parametrize("make", [list, tuple, lambda rows: np.array(rows, dtype=object)])
def test_a_sequence_of_dicts_becomes_one_stacked_batch(make: Any) -> None:
    rows = make([{"a": 1, "b": {"c": 2.5}}, {"a": 3, "b": {"c": 4.5}}])
    for batch in (Batch(rows), Batch(nested=rows).nested):
        assert batch.a.tolist() == [1, 3]
        assert batch.b.c.tolist() == [2.5, 4.5]


def test_a_dict_a_batch_and_keywords_make_the_same_batch() -> None:
    assert Batch({"a": [1]}, b=2) == Batch(Batch(a=[1], b=2)) == Batch(a=[1], b=2)


def test_copy_copies_the_arrays_of_dicts_and_keywords() -> None:
    one, two = np.zeros(2), np.zeros(2)
    batch = Batch({"a": {"one": one}}, copy=True, two=two)
    batch.a.one += 1
    batch.two += 1
    assert (one.tolist(), two.tolist()) == ([0, 0], [0, 0])


@pytest.mark.parametrize("given", [5, "abc", {1: 2}])
def test_input_without_string_keys_is_an_error(given: Any) -> None:
    with pytest.raises(TypeError, match="dict with string keys"):
        Batch(given)


@pytest.mark.parametrize(
    "values",
    [
        [torch.zeros(2), torch.zeros(3)],
        [torch.zeros(2), 1],
        [np.zeros((3, 2)), np.zeros((3, 3))],
    ],
)
def test_values_that_do_not_form_an_array_are_an_error(values: Any) -> None:
    with pytest.raises(TypeError, match="cannot make one array"):
        Batch(a=values)


# Keys


def test_a_missing_key_is_an_attribute_error_by_dot() -> None:
    with pytest.raises(AttributeError, match=r"no key 'z', only \['a'\]"):
        _ = Batch(a=1).z


def test_a_missing_key_is_a_key_error_by_brackets() -> None:
    with pytest.raises(KeyError, match="z"):
        _ = Batch(a=1)["z"]


def test_dot_and_brackets_reach_the_same_value() -> None:
    batch = Batch()
    batch.a = [1, 2]
    batch["b"] = {"c": 3}
    assert batch["a"] is batch.a
    assert batch["b"] is batch.b
    assert isinstance(batch.b, Batch)


def test_keys_values_and_items_come_in_the_order_of_insertion() -> None:
    batch = Batch(b="x", a="y")
    assert list(batch.keys()) == list(batch.get_keys()) == ["b", "a"]
    assert list(batch.values()) == ["x", "y"]
    assert dict(**batch) == dict(batch.items()) == {"b": "x", "a": "y"}


def test_a_key_can_be_deleted_either_way() -> None:
    batch = Batch(a=1, b=2, c=3)
    del batch.a
    del batch["b"]
    assert list(batch.keys()) == ["c"]


def test_pop_removes_a_key() -> None:
    batch = Batch(a="x")
    assert batch.pop("a") == "x"
    assert "a" not in batch
    assert batch.pop("a", 5) == 5


def test_get_has_a_default() -> None:
    batch = Batch(a="x")
    assert (batch.get("a"), batch.get("b"), batch.get("b", 5)) == ("x", None, 5)


def test_update_takes_a_dict_or_a_batch_then_keywords() -> None:
    batch = Batch(a=0, b=0)
    batch.update({"a": [1]}, c=2)
    batch.update(Batch(d="x"), a=[3])
    batch.update()
    assert batch == Batch(a=[3], b=0, c=2, d="x")


def test_an_update_that_fails_changes_nothing() -> None:
    batch = Batch(a=0)
    with pytest.raises(TypeError):
        batch.update({"a": 1, "b": [torch.zeros(1), None]})
    assert batch == Batch(a=0)


def test_to_dict_turns_nested_batches_into_dicts() -> None:
    batch = Batch(a={"b": "x"}, c="y")
    assert batch.to_dict() == {"a": {"b": "x"}, "c": "y"}
    assert batch.to_dict(recursive=False)["a"] is batch.a


@pytest.mark.parametrize("key", ["keys", "items", "get", "update", "split", "to_dict", "values"])
def test_a_key_may_have_the_name_of_a_method(key: str) -> None:
    """The info of an environment may have such keys."""
    batch = Batch({key: [1, 2]}, nested={key: [3, 4]})
    row = Batch.cat([batch, batch])[1:3]
    assert row[key].tolist() == [2, 1]
    assert Batch.to_dict(row)["nested"][key].tolist() == [4, 3]
    assert row == Batch.stack(list(row))


# Rows


@given(rollouts, st.data())
def test_a_row_of_the_batch_is_the_row_of_each_value(batch: Batch, data: st.DataObject) -> None:
    """batch[i].key = batch.key[i] for every key."""
    i = data.draw(st.integers(-len(batch), len(batch) - 1))
    row = batch[i]
    assert row.obs.image.tolist() == batch.obs.image[i].tolist()
    assert row.act == batch.act[i]
    assert (row.rew, row.name) == (batch.rew[i], batch.name[i])
    assert torch.equal(row.logits[0], batch.logits[0][i])
    assert row.logits[1] == batch.logits[1][i]
    assert row.info == Batch()


@given(rollouts, st.data())
def test_masks_index_arrays_and_lists_pick_the_same_rows(batch: Batch, data: st.DataObject) -> None:
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(batch), max_size=len(batch))))
    indices = np.flatnonzero(mask)
    assert batch[mask] == batch[indices] == batch[indices.tolist()]
    assert batch[mask].obs.id.tolist() == indices.tolist()


def test_a_slice_is_a_view() -> None:
    batch = rollout(5)
    part = batch[1:3]
    part.obs.image[:] = -1
    part.act[:] = -1
    assert batch.obs.image[:, 0, 0].tolist() == [0, -1, -1, 3, 4]
    assert batch.act.tolist() == [100, -1, -1, 103, 104]


def test_an_index_array_copies() -> None:
    batch = rollout(5)
    batch[np.array([1, 2])].rew[:] = -1
    assert batch.rew.min() == 0


def test_a_tuple_indexes_further_axes() -> None:
    assert Batch(a=[[1, 2], [3, 4]], b={"c": np.zeros((2, 3, 4))})[:, -1].b.c.shape == (2, 4)


def test_none_a_string_and_an_empty_batch_are_the_same_in_every_row() -> None:
    assert Batch(a=[1, 2], b=None, c="text", d={})[1] == Batch(a=2, b=None, c="text", d={})


def test_a_number_has_no_rows() -> None:
    with pytest.raises(IndexError):
        _ = Batch(a=[1, 2], b=3)[0]


def test_an_empty_batch_has_no_rows() -> None:
    assert list(Batch()) == []
    with pytest.raises(IndexError, match="empty Batch"):
        _ = Batch()[0]


@given(rollouts)
def test_iteration_yields_each_row_once(batch: Batch) -> None:
    assert [row.obs.id for row in batch] == list(range(len(batch)))


@pytest.mark.parametrize(
    ("batch", "length"),
    [
        (Batch(), 0),
        (Batch(a=[1, 2, 3], b=torch.zeros(2, 5)), 2),
        (Batch(a=[1, 2, 3], b={}, c={"d": {}}), 3),
        (Batch(a=[1, 2, 3], b=None, c="text"), 3),
        (Batch(a=(torch.zeros(3), torch.zeros(4, 2))), 3),
        (Batch(a=[1, 2, 3], b=Categorical(probs=torch.ones(2, 2))), 3),
    ],
)
def test_len_is_the_length_of_the_shortest_value(batch: Batch, length: int) -> None:
    assert len(batch) == length


@pytest.mark.parametrize("number", [1, np.float64(2), torch.tensor(3)])
def test_a_number_has_no_length(number: Any) -> None:
    with pytest.raises(TypeError, match=r"no len\(\)"):
        len(Batch(a=[1, 2], b=number))


@pytest.mark.parametrize(
    ("batch", "shape"),
    [
        (Batch(), []),
        (Batch(a=np.zeros((3, 4)), b=torch.zeros(2, 5, 6)), [2, 4]),
        (Batch(a=np.zeros((3, 4)), b={"c": np.zeros((3, 2, 2))}), [3, 2]),
        (Batch(a=np.zeros(3), b=1), []),
    ],
)
def test_shape_is_the_smallest_of_each_leading_dimension(batch: Batch, shape: list[int]) -> None:
    """Recorded from Tianshou v1.1.0."""
    assert batch.shape == shape


# Rows of distributions


distributions = [
    Categorical(probs=torch.tensor([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]])),
    Categorical(logits=torch.tensor([[0.2, 0.8], [0.5, -0.5], [1.0, 0.0]])),
    Bernoulli(logits=torch.tensor([[0.2, 0.8], [0.5, -0.5], [1.0, 0.0]])),
    Normal(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor(0.5)),
    Independent(Normal(torch.arange(6.0).reshape(3, 2), torch.ones(3, 2)), 1),
    Independent(Categorical(logits=torch.arange(12.0).reshape(3, 2, 2).sqrt()), 1),
    Binomial(5, probs=torch.tensor([0.5, 0.2, 0.1])),
    Beta(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 2.0, 2.0])),
    MultivariateNormal(torch.arange(6.0).reshape(3, 2), 2 * torch.eye(2)),
]


@pytest.mark.parametrize("dist", distributions, ids=repr)
def test_the_rows_of_a_distribution_give_the_rows_of_its_log_prob(dist: Distribution) -> None:
    """log p[i](a[i]) = (log p(a))[i]."""
    act = torch.ones(dist.batch_shape + dist.event_shape) / 2
    support: Any = dist.support
    if support.is_discrete:
        act = act.round()
    for index in (1, slice(1, 3), np.array([2, 0]), np.array([True, False, True])):
        rows = Batch(act=act, dist=dist)[index]
        assert type(rows.dist) is type(dist)
        assert torch.allclose(rows.dist.log_prob(rows.act), dist.log_prob(act)[index])


@pytest.mark.parametrize("dist", distributions, ids=repr)
def test_zero_rows_of_a_distribution_are_a_distribution(dist: Distribution) -> None:
    """A mask that is False everywhere selects them."""
    none = Batch(dist=dist)[np.zeros(3, bool)].dist
    assert none.batch_shape == (0, *dist.batch_shape[1:])


@pytest.mark.parametrize("parameter", ["probs", "logits"])
def test_a_categorical_keeps_the_parameter_it_was_built_with(parameter: str) -> None:
    values: dict[str, Any] = {parameter: torch.tensor([[0.25, 0.75], [0.5, 0.5]])}
    dist = Categorical(**values)
    _ = dist.logits, dist.probs  # Now the distribution has computed both.
    rows = Batch(dist=dist)[:1].dist
    assert parameter in vars(rows)
    assert len({"probs", "logits"} & set(vars(rows))) == 1


def test_rows_of_a_subclass_are_of_that_subclass() -> None:
    class OwnNormal(Normal):
        """A Normal under another name."""

    dist = OwnNormal(torch.tensor([1.0, 2.0, 3.0]), torch.ones(3))
    rows = Batch(dist=dist)[1:].dist
    assert type(rows) is OwnNormal and rows.loc.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    "dist",
    [
        Multinomial(5, probs=torch.tensor([[0.5, 0.5], [0.2, 0.8]])),
        TransformedDistribution(Normal(torch.zeros(2), 1.0), [transforms.TanhTransform()]),
    ],
    ids=repr,
)
def test_rows_of_a_distribution_that_cannot_be_rebuilt_are_an_error(dist: Distribution) -> None:
    with pytest.raises(TypeError, match="cannot take rows of"):
        _ = Batch(dist=dist)[0]


# Assignment of rows


@given(rollouts, st.data())
def test_assigned_rows_are_read_back(batch: Batch, data: st.DataObject) -> None:
    del batch.logits
    index = np.array(data.draw(st.permutations(range(len(batch)))))[: data.draw(lengths)]
    rest = np.setdiff1d(np.arange(len(batch)), index)
    before, rows = copy.deepcopy(batch), rollout(20)[10 : 10 + len(index)]
    del rows.logits
    batch[index] = rows
    assert batch[index] == rows
    assert batch[rest] == before[rest]


def test_rows_are_assigned_from_a_dict() -> None:
    batch = Batch(a=[1, 2, 3], b={"c": torch.zeros(3)})
    batch[1:] = {"a": 5, "b": {"c": [6, 7]}}
    assert batch == Batch(a=[1, 5, 5], b={"c": torch.tensor([0.0, 6.0, 7.0])})


def test_a_key_that_the_assigned_rows_lack_becomes_zero() -> None:
    """Recorded from Tianshou v1.1.0."""
    batch = Batch(a=[1, 2], b=[3.0, 4.0], n=Batch(c=torch.ones(2)), s=["x", "y"])
    batch[1] = {"a": 9}
    assert batch == Batch(a=[1, 9], b=[3.0, 0], n=Batch(c=torch.tensor([1.0, 0])), s=["x", None])


def test_assigning_rows_does_not_change_none_or_strings() -> None:
    batch = Batch(a=[1, 2], state=None, name="text")
    batch[0] = batch[1]
    assert batch == Batch(a=[2, 2], state=None, name="text")


def test_arrays_can_be_assigned_from_tensors_and_tensors_from_arrays() -> None:
    batch = Batch(a=np.zeros(2), b=torch.zeros(2))
    batch[:] = {"a": torch.ones(2, requires_grad=True), "b": np.ones(2)}
    assert batch == Batch(a=np.ones(2), b=torch.ones(2))


@pytest.mark.parametrize(
    "rows", [{"a": 1, "z": 1}, {"a": 1, "b": {"z": 1}}, {"a": {"z": 1}}, {"a": 1, "b": 2}, 5, [5]]
)
def test_assigning_rows_that_do_not_fit_is_an_error_and_writes_nothing(rows: Any) -> None:
    batch = Batch(a=[1, 2], b={"c": [3, 4]})
    with pytest.raises(ValueError, match="assigned from"):
        batch[0] = rows
    assert batch == Batch(a=[1, 2], b={"c": [3, 4]})


@pytest.mark.parametrize("value", [(torch.ones(2), torch.ones(2)), distributions[0]])
def test_assigning_rows_of_a_tuple_or_a_distribution_is_an_error(value: Any) -> None:
    batch = Batch(a=[1, 2], b=value)
    with pytest.raises(TypeError, match="cannot be assigned"):
        batch[0] = {"a": 5}
    assert batch.a.tolist() == [1, 2]


# Split


def pieces(batch: Batch, *args: Any, **kwargs: Any) -> list[list[int]]:
    return [piece.a.tolist() for piece in batch.split(*args, **kwargs)]


@pytest.mark.parametrize(
    ("size", "merge_last", "lengths"),
    [
        (1, True, [1] * 10),
        (3, False, [3, 3, 3, 1]),
        (3, True, [3, 3, 4]),
        (5, True, [5, 5]),
        (7, False, [7, 3]),
        (7, True, [10]),
        (10, True, [10]),
        (15, True, [10]),
        (-1, False, [10]),
    ],
)
def test_split_gives_pieces_of_the_requested_size(
    size: int, merge_last: bool, lengths: list[int]
) -> None:
    """Recorded from Tianshou v1.1.0 for 10 rows."""
    cut = pieces(Batch(a=np.arange(10)), size, shuffle=False, merge_last=merge_last)
    assert [len(piece) for piece in cut] == lengths
    assert [row for piece in cut for row in piece] == list(range(10))


def test_by_default_split_shuffles_and_keeps_a_smaller_last_piece() -> None:
    np.random.seed(0)
    cut = pieces(Batch(a=np.arange(10)), 3)
    order = np.random.RandomState(0).permutation(10).tolist()
    assert cut == [order[:3], order[3:6], order[6:9], order[9:]]


@given(rollouts, st.integers(1, 10), st.booleans())
def test_the_pieces_of_a_split_concatenate_to_the_whole(
    batch: Batch, size: int, merge_last: bool
) -> None:
    assert Batch.cat(list(batch.split(size, shuffle=False, merge_last=merge_last))) == batch


@given(rollouts, st.sampled_from([-1, 1, 2, 3, 20]), st.booleans(), st.integers(0, 2**32 - 1))
def test_a_shuffled_split_draws_one_permutation(
    batch: Batch, size: int, merge_last: bool, seed: int
) -> None:
    """The rows are those of np.random.permutation(len), and no other number is drawn."""
    np.random.seed(seed)
    expected, next_number = np.random.permutation(len(batch)), np.random.rand()
    np.random.seed(seed)
    whole = Batch.cat(list(batch.split(size, merge_last=merge_last)))
    assert np.random.rand() == next_number
    assert whole == batch[expected]


@pytest.mark.parametrize("size", [1, 2048 // 3, 2048, 2048 + 1])
@pytest.mark.parametrize("rows", [2048 - 1, 2048, 5 * 2048 + 1])
@pytest.mark.parametrize("merge_last", [False, True])
def test_pieces_of_many_rows_are_cut_from_one_permutation(
    size: int, rows: int, merge_last: bool
) -> None:
    """The numbers of rows lie around that which is gathered in one operation."""
    np.random.seed(0)
    cut = pieces(Batch(a=np.arange(rows)), size, merge_last=merge_last)
    order = np.random.RandomState(0).permutation(rows).tolist()
    assert [row for piece in cut for row in piece] == order
    assert {len(piece) for piece in cut[:-1]} <= {size}


def test_a_split_without_shuffle_draws_nothing() -> None:
    np.random.seed(0)
    first = np.random.rand()
    np.random.seed(0)
    list(Batch(a=np.arange(5)).split(2, shuffle=False))
    assert np.random.rand() == first


def test_a_split_draws_its_permutation_when_the_iteration_begins() -> None:
    batch = Batch(a=np.arange(20))
    np.random.seed(0)
    split = batch.split(20)
    np.random.seed(1)
    expected = np.random.RandomState(1).permutation(20)
    assert next(split).a.tolist() == expected.tolist()


@pytest.mark.parametrize("size", [0, -2, -100])
def test_a_bad_size_is_an_error(size: int) -> None:
    with pytest.raises(ValueError, match=f"size must be at least 1.* got {size} of 5"):
        list(Batch(a=np.arange(5)).split(size))


def test_a_batch_without_rows_splits_into_no_pieces() -> None:
    assert list(Batch(a=np.zeros((0, 2))).split(3)) == []
    with pytest.raises(ValueError, match="got -1 of 0"):
        list(Batch(a=np.zeros((0, 2))).split(-1))


# Joining


@given(lengths, lengths)
def test_cat_appends_rows(first: int, second: int) -> None:
    whole = rollout(first + second)
    assert Batch.cat([whole[:first], whole[first:]]) == whole


def test_cat_takes_dicts_and_skips_empty_batches() -> None:
    """Recorded from Tianshou v1.1.0."""
    assert Batch.cat([{"a": [1]}, Batch(), {"a": [2.5]}]) == Batch(a=[1, 2.5])
    assert Batch.cat([]) == Batch()


def test_cat_fills_an_empty_nested_batch_with_zeros() -> None:
    """Recorded from Tianshou v1.1.0."""
    one, two = Batch(a=np.zeros(2), b=Batch()), Batch(a=np.ones(1), b=np.ones((1, 2)))
    assert Batch.cat([one, two]) == Batch(a=[0.0, 0, 1], b=[[0.0, 0], [0, 0], [1, 1]])
    one, two = Batch(a=torch.zeros(2), b=["x", "y"]), Batch(a=torch.ones(1), b=Batch())
    assert Batch.cat([one, two]) == Batch(a=torch.tensor([0.0, 0, 1]), b=["x", "y", None])


def test_cat_fills_a_missing_tuple_with_zeros() -> None:
    one, two = Batch(a=[1], b=(torch.ones(1), torch.ones(1, 2))), Batch(a=[2], b=Batch())
    joined = Batch.cat([one, two])
    assert joined == Batch(a=[1, 2], b=(torch.tensor([1.0, 0]), torch.tensor([[1.0, 1], [0, 0]])))


@pytest.mark.parametrize("join", [Batch.cat, Batch.stack])
def test_joined_tensors_are_a_tensor(join: Any) -> None:
    leaf = torch.ones(2, requires_grad=True)
    joined = join([Batch(a=leaf * 2, b=(leaf,)), Batch(a=leaf * 3, b=(leaf,))])
    joined.a.sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [5, 5]
    assert isinstance(joined.b[0], torch.Tensor)


def test_joining_tuples_of_unequal_length_is_an_error() -> None:
    one, two = torch.ones(2), torch.zeros(2)
    with pytest.raises(ValueError, match="zip"):
        Batch.cat([Batch(a=(one, two)), Batch(a=(one,))])


def test_cat_of_arrays_and_tensors_is_an_array() -> None:
    """Recorded from Tianshou v1.1.0."""
    joined = Batch.cat([Batch(a=torch.ones(2)), Batch(a=np.zeros(2, np.float32))])
    assert joined == Batch(a=np.array([1, 1, 0, 0], np.float32))


@pytest.mark.parametrize(
    "batches",
    [
        [Batch(a=[1]), Batch(b=[1])],
        [Batch(a=[1]), Batch(a=[1], b=[1])],
        [Batch(a={"b": [1]}), Batch(a={"c": [1]})],
        [Batch(a={"b": [1]}), Batch(a=[1])],
        [Batch(a={"b": [1]}), Batch(a={})],
    ],
)
def test_cat_needs_equal_keys(batches: list[Batch]) -> None:
    with pytest.raises(ValueError, match="must have the same keys"):
        Batch.cat(batches)


def test_cat_needs_rows() -> None:
    with pytest.raises(ValueError, match="zero-dimensional"):
        Batch.cat([Batch(a=1), Batch(a=2)])


@pytest.mark.parametrize("join", [Batch.cat, Batch.stack])
def test_only_batches_and_dicts_can_be_joined(join: Any) -> None:
    with pytest.raises(ValueError, match="expected Batches or dicts, got 5"):
        join([Batch(a=[1]), 5])


@given(rollouts)
def test_stack_is_the_inverse_of_taking_rows(batch: Batch) -> None:
    assert Batch.stack(list(batch)) == batch


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_stack_makes_a_new_axis(axis: int) -> None:
    one, two = rollout(4), rollout(5)[1:]
    joined = Batch.stack([one, two], axis)
    assert joined.rew.tolist() == np.stack([one.rew, two.rew], axis).tolist()
    assert joined.obs.image.tolist() == np.stack([one.obs.image, two.obs.image], axis).tolist()
    assert torch.equal(joined.act, torch.stack([one.act, two.act], axis))
    assert torch.equal(joined.logits[0], torch.stack([one.logits[0], two.logits[0]], axis))


def test_stack_fills_missing_keys_with_zeros() -> None:
    """Recorded from Tianshou v1.1.0."""
    stacked = Batch.stack([Batch(a=1, b=2.0, c="x"), Batch(a=4, d=True), Batch(b=6.0), Batch()])
    assert stacked == Batch(a=[1, 4, 0], b=[2.0, 0, 6], c=["x", None, None], d=[False, True, False])


def test_stack_fills_missing_nested_keys_with_zeros() -> None:
    stacked = Batch.stack([{"a": {"b": 1, "c": torch.ones(2)}}, {"a": {}}, {"a": {"b": 3}}])
    expected = torch.tensor([[1.0, 1], [0, 0], [0, 0]])
    assert isinstance(stacked.a.c, torch.Tensor)
    assert stacked == Batch(a={"b": [1, 0, 3], "c": expected})


def test_stack_along_another_axis_needs_equal_keys() -> None:
    with pytest.raises(ValueError, match="axis=1 needs the same keys"):
        Batch.stack([Batch(a=[1]), Batch(b=[1])], axis=1)


def test_stack_keeps_a_key_that_is_empty_everywhere() -> None:
    assert Batch.stack([Batch(a=[1], b={}), Batch(a=[2], b={})], axis=1) == Batch(a=[[1, 2]], b={})


def test_stacked_arrays_of_unequal_shape_become_objects() -> None:
    """Recorded from Tianshou v1.1.0."""
    stacked = Batch([{"a": [1]}, {"a": [1, 2]}]).a
    assert stacked.dtype == object
    assert [element.tolist() for element in stacked] == [[1], [1, 2]]


def test_stacked_numbers_and_none_become_objects() -> None:
    """Recorded from Tianshou v1.1.0."""
    assert Batch([{"a": 1}, {"a": None}]).a.tolist() == [1, None]


def test_joining_an_array_and_a_batch_under_one_key_is_an_error() -> None:
    with pytest.raises(ValueError, match="a Batch and an array under the same key"):
        Batch.stack([Batch(a=1), Batch(a={"b": 1})])


# Tensors and arrays


def test_to_torch_applies_the_dtype_to_arrays_and_tensors() -> None:
    batch = Batch(a=np.arange(2), b={"c": torch.arange(2), "d": np.float64(0.5)})
    tensors = batch.to_torch(dtype=torch.float32)
    dtypes = {tensors.a.dtype, tensors.b.c.dtype, tensors.b.d.dtype}
    assert dtypes == {torch.float32}


def test_to_torch_without_a_dtype_keeps_the_dtype_of_each_value() -> None:
    tensors = Batch(a=np.zeros(2), b=np.zeros(2, np.int32), c=torch.zeros(2).half()).to_torch()
    dtypes = [tensors.a.dtype, tensors.b.dtype, tensors.c.dtype]
    assert dtypes == [torch.float64, torch.int32, torch.float16]


def test_to_torch_moves_to_the_device() -> None:
    tensors = Batch(a=np.zeros(2), b=torch.zeros(2)).to_torch(device="meta")
    assert tensors.a.device.type == tensors.b.device.type == "meta"


@pytest.mark.parametrize("convert", [Batch.to_torch, Batch.to_numpy, to_torch, to_numpy])
def test_conversion_makes_a_new_batch(convert: Any) -> None:
    batch = Batch(a=np.zeros(2), b={"c": torch.zeros(2)}, d=(torch.zeros(2),))
    other = convert(batch)
    other.a += 1
    other.b.c += 1
    other.d[0][:] = 1
    assert batch == Batch(a=np.zeros(2), b={"c": torch.zeros(2)}, d=(torch.zeros(2),))
    assert isinstance(batch.b.c, torch.Tensor)


def test_conversion_in_place_shares_memory() -> None:
    """Recorded from Tianshou v1.1.0."""
    array, nested = np.zeros(2), np.zeros(2)
    batch = Batch(a=array, b={"c": nested})
    batch.to_torch_()
    assert isinstance(batch.a, torch.Tensor)
    batch.a += 1
    batch.b.c += 1
    batch.to_numpy_()
    assert isinstance(batch.a, np.ndarray)
    assert np.shares_memory(batch.a, array)
    assert (array.tolist(), nested.tolist()) == ([1, 1], [1, 1])


def test_conversion_in_place_applies_the_dtype() -> None:
    batch = Batch(a=np.arange(2))
    batch.to_torch_(dtype=torch.float32)
    assert batch.a.dtype == torch.float32


def test_a_reversed_batch_can_become_tensors() -> None:
    assert Batch(a=np.arange(3))[::-1].to_torch().a.tolist() == [2, 1, 0]


def test_to_torch_is_differentiable() -> None:
    leaf = torch.ones(2, requires_grad=True)
    Batch(a=leaf * 3).to_torch(dtype=torch.float64).a.sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [3, 3]


def test_to_numpy_detaches() -> None:
    batch = Batch(a=torch.ones(2, requires_grad=True) * 2, b=(torch.zeros(2, requires_grad=True),))
    assert batch.to_numpy() == Batch(a=np.full(2, 2, np.float32), b=(torch.zeros(2),))


def test_conversion_keeps_none_and_distributions() -> None:
    batch = Batch(a=np.zeros(2), state=None, dist=distributions[0])
    for other in (batch.to_torch(), batch.to_numpy()):
        assert other.state is None
        assert torch.equal(other.dist.probs, batch.dist.probs)


@pytest.mark.parametrize("value", ["text", ["a", "b"], [None, 1]])
def test_to_torch_of_values_that_are_not_numeric_is_an_error(value: Any) -> None:
    batch = Batch(a=np.zeros(2), b=value)
    for convert in (Batch.to_torch, Batch.to_torch_, to_torch):
        with pytest.raises(TypeError):
            convert(batch)
    assert isinstance(batch.a, np.ndarray)


@pytest.mark.parametrize("x", [None, "text", ["a"], distributions[0], object()])
def test_to_torch_of_an_object_is_an_error(x: Any) -> None:
    with pytest.raises(TypeError):
        to_torch(x)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (3, torch.tensor(3)),
        (2.5, torch.tensor(2.5, dtype=torch.float64)),
        (np.bool_(True), torch.tensor(True)),
        ([1, 2], torch.tensor([1, 2])),
        ([np.zeros(2), np.ones(2)], torch.tensor([[0, 0], [1, 1]], dtype=torch.float64)),
        ((torch.zeros(2), torch.ones(2)), torch.tensor([[0.0, 0], [1, 1]])),
        (np.zeros((0, 2), np.float32), torch.zeros(0, 2)),
    ],
)
def test_to_torch_makes_one_tensor(x: Any, expected: torch.Tensor) -> None:
    """Recorded from Tianshou v1.1.0."""
    tensor = to_torch(x)
    assert tensor.dtype == expected.dtype
    assert torch.equal(tensor, expected)
    assert np.array_equal(to_numpy(x), expected.numpy())
    assert to_numpy(x).dtype == expected.numpy().dtype


@pytest.mark.parametrize("sequence", [list, tuple])
def test_tensors_with_a_gradient_can_be_converted_together(sequence: Any) -> None:
    tensors = sequence([torch.ones(2, requires_grad=True), torch.zeros(2)])
    assert to_torch(tensors).requires_grad
    assert to_numpy(tensors).tolist() == [[1, 1], [0, 0]]


@pytest.mark.parametrize("convert", [to_torch, to_numpy])
def test_the_functions_make_a_batch_of_dicts(convert: Any) -> None:
    assert convert({"a": [1]}) == convert(Batch(a=[1])) == convert([{"a": 1}]) == Batch(a=[1])


def test_to_torch_of_an_array_shares_its_memory() -> None:
    array = np.zeros(2)
    to_torch(array)[0] = 1
    assert array[0] == 1


@pytest.mark.parametrize("array", [np.zeros(2), np.array([None, {}]), np.array("text")])
def test_to_numpy_of_an_array_is_that_array(array: Any) -> None:
    assert to_numpy(array) is array


def test_to_numpy_of_none_is_an_array_of_none() -> None:
    """Recorded from Tianshou v1.1.0."""
    assert to_numpy(None).shape == ()
    assert to_numpy(None).item() is None


def test_to_torch_as_takes_dtype_and_device() -> None:
    tensor = to_torch_as(np.arange(2), torch.zeros(1, dtype=torch.float16, device="meta"))
    assert (tensor.dtype, tensor.device.type) == (torch.float16, "meta")


def test_to_torch_as_needs_a_tensor() -> None:
    with pytest.raises(TypeError, match="y must be a tensor, got 5"):
        to_torch_as(np.arange(2), 5)  # type: ignore[arg-type]


# Equality, printing, copies


@pytest.mark.parametrize(
    ("one", "two", "equal"),
    [
        ({"a": 1, "b": [2.0]}, {"b": [2.0], "a": 1}, True),
        ({"a": torch.ones(2)}, {"a": np.ones(2, np.float32)}, True),
        ({"a": torch.ones(2)}, {"a": np.ones(2)}, False),
        ({"a": [1]}, {"a": [1.0]}, False),
        ({"a": [1]}, {"a": [True]}, False),
        ({"a": 1}, {"a": [1]}, True),
        ({"a": np.ones((2, 1))}, {"a": np.ones(2)}, False),
        ({"a": [float("nan")]}, {"a": [float("nan")]}, False),
        ({"a": ["x", None]}, {"a": ["x", None]}, True),
        ({"a": ["x", None]}, {"a": ["x", 1]}, False),
        ({"a": [np.zeros(2), np.ones(3)]}, {"a": [np.zeros(2), np.ones(3)]}, True),
        ({"a": [np.zeros(2), np.ones(3)]}, {"a": [np.zeros(2), np.zeros(3)]}, False),
        ({"a": None}, {"a": None}, True),
        ({"a": None}, {"a": [1, 2]}, False),
        ({"a": "x"}, {"a": "y"}, False),
        ({"a": {}}, {}, False),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, False),
        ({"a": {"b": 1}}, {"a": 1}, False),
    ],
)
def test_batches_are_equal_if_keys_types_and_values_are(one: Any, two: Any, equal: bool) -> None:
    """Recorded from Tianshou v1.1.0."""
    assert (Batch(one) == Batch(two)) is equal
    assert (Batch(two) == Batch(one)) is equal


def test_tuples_are_equal_member_by_member() -> None:
    one = Batch(a=(torch.zeros(2), torch.ones(2)))
    assert one == Batch(a=(torch.zeros(2), torch.ones(2)))
    assert one != Batch(a=(torch.zeros(2), torch.zeros(2)))
    assert one != Batch(a=(torch.zeros(2),))
    assert one != Batch(a=torch.stack(one.a))


def test_a_batch_is_not_equal_to_a_dict() -> None:
    assert Batch(a=[1]) != {"a": [1]}


def test_repr_shows_nested_values_below_each_other() -> None:
    """Recorded from Tianshou v1.1.0."""
    batch = Batch(a=np.zeros(3), b="s", c=None, d=Batch(x=torch.zeros(2, 2), empty={}))
    assert repr(batch) == (
        "Batch(\n"
        "    a: array([0., 0., 0.]),\n"
        "    b: 's',\n"
        "    c: None,\n"
        "    d: Batch(\n"
        "           x: tensor([[0., 0.],\n"
        "                      [0., 0.]]),\n"
        "           empty: Batch(),\n"
        "       ),\n"
        ")"
    )
    assert repr(Batch()) == "Batch()"


@pytest.mark.parametrize("duplicate", [lambda b: pickle.loads(pickle.dumps(b)), copy.deepcopy])
def test_a_pickled_or_deep_copied_batch_is_equal_and_independent(duplicate: Any) -> None:
    batch = rollout(3)
    other = duplicate(batch)
    assert other == batch
    other.obs.image += 1
    other.logits[0][:] = -9
    assert batch == rollout(3)


def test_a_shallow_copy_shares_values_but_not_keys() -> None:
    batch = Batch(a=[1, 2])
    other = copy.copy(batch)
    other.b = 3
    assert other.a is batch.a
    assert "b" not in batch


@pytest.mark.parametrize("index", [[4, 0, 0, -1], []])
@pytest.mark.parametrize(
    "rows",
    [
        np.arange(15, dtype=np.float32).reshape(5, 3),
        np.arange(20, dtype=np.uint8).reshape(5, 2, 2),
        np.arange(10).reshape(5, 2).astype(object),
        np.arange(40, dtype=complex).reshape(10, 4)[::2, ::3],
        np.arange(20.0).reshape(4, 5).T,
        np.zeros((5, 0)),
        np.arange(10) % 3 == 0,
    ],
    ids=["float32", "uint8", "object", "strided", "transposed", "empty rows", "bool"],
)
def test_rows_by_index_are_those_of_numpy(rows, index):
    """Short rows are gathered as single items, which must not change their values."""
    index = np.array(index, int)
    taken = Batch(a=rows)[index].a
    assert taken.dtype == rows.dtype
    np.testing.assert_array_equal(taken, rows[index], strict=True)
    assert not np.shares_memory(taken, rows)


@pytest.mark.parametrize("join", [Batch.cat, Batch.stack])
def test_tensors_that_do_not_fit_are_a_value_error_that_shows_their_shapes(join):
    parts = [Batch(a=torch.zeros(2, 3)), Batch(a=torch.zeros(2, 4))]
    with pytest.raises(ValueError, match=r"cannot join tensors of shapes \[2, 3\], \[2, 4\]"):
        join(parts)


def test_tensors_without_rows_cannot_be_joined_along_them():
    with pytest.raises(ValueError, match=r"cannot join tensors of shapes \[\], \[\]"):
        Batch.cat([Batch(a=torch.tensor(1.0)), Batch(a=torch.tensor(2.0))])


def test_an_axis_that_tensors_do_not_have_is_a_value_error():
    with pytest.raises(ValueError, match=r"cannot join tensors of shapes \[2\], \[2\]"):
        Batch.stack([Batch(a=torch.zeros(2)), Batch(a=torch.zeros(2))], axis=3)
