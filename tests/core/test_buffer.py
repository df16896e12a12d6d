"""Replay buffers, compared with a deque of rows per sub-buffer and with numbers of v1.1.0."""

import copy
import pickle
import tracemalloc
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pg_edu.batch import Batch
from pg_edu.buffer import ReplayBuffer, VectorReplayBuffer
from pg_edu.types import Flags, Floats
from tests.core.helpers import counted, row, rows
from tests.helpers import numpy_generator_state


class Deques:
    """The oracle: a deque of rows for each sub-buffer, filled row by row."""

    def __init__(self, num: int, size: int) -> None:
        self.size = size
        self.deques: list[deque[dict[str, Any]]] = [deque(maxlen=size) for _ in range(num)]
        self.written = [0] * num
        self.episodes: list[list[dict[str, Any]]] = [[] for _ in range(num)]

    def add(self, n: int, rew: float, end: bool) -> tuple[int, float, int, int]:
        index = n * self.size + self.written[n] % self.size
        self.written[n] += 1
        new = {"index": index, "rew": rew, "done": end}
        self.deques[n].append(new)
        self.episodes[n].append(new)
        episode = self.episodes[n]
        start = episode[0]["index"]
        if not end:
            return index, 0.0, 0, start
        self.episodes[n] = []
        total = 0.0
        for r in episode:  # Since Python 3.12 sum() corrects its rounding.
            total += r["rew"]
        return index, total, len(episode), start

    def in_time_order(self, key: str) -> list[Any]:
        return [r[key] for stored in self.deques for r in stored]

    def unfinished(self) -> list[int]:
        return [stored[-1]["index"] for stored in self.deques if stored and not stored[-1]["done"]]

    def neighbors(self) -> dict[int, tuple[int, int]]:
        """Return index -> (index before, index after) within the same episode."""
        pairs = {}
        for stored in self.deques:
            here = list(stored)
            for k, r in enumerate(here):
                before = here[k - 1] if k > 0 and not here[k - 1]["done"] else r
                after = here[k + 1] if k + 1 < len(here) and not r["done"] else r
                pairs[r["index"]] = (before["index"], after["index"])
        return pairs


def assert_holds(buffer: ReplayBuffer, oracle: Deques) -> None:
    """Assert that the buffer holds the rows of the oracle, in the same order."""
    assert len(buffer) == len(oracle.in_time_order("index"))
    assert buffer.unfinished_index().tolist() == oracle.unfinished()
    if len(buffer) == 0:
        return
    batch, indices = buffer.sample(0)
    assert indices.tolist() == oracle.in_time_order("index")
    assert batch.rew.tolist() == oracle.in_time_order("rew")
    assert batch.done.tolist() == oracle.in_time_order("done")
    assert buffer[:].rew.tolist() == batch.rew.tolist()
    pairs = [oracle.neighbors()[i] for i in indices.tolist()]
    assert buffer.prev(indices).tolist() == [before for before, _ in pairs]
    assert buffer.next(indices).tolist() == [after for _, after in pairs]


# rew, terminated, truncated and valid, each [T, N]
Block = tuple[Floats, Flags, Flags, Flags]
Case = tuple[int, int, list[Block]]


@st.composite
def blocks(draw: st.DrawFn) -> Case:
    """Draw the size of a sub-buffer, N, and blocks of rew, terminated, truncated, valid, [T, N]."""
    size, num = draw(st.integers(1, 7)), draw(st.integers(1, 4))
    result: list[Block] = []
    for steps in draw(st.lists(st.integers(0, 10), max_size=4)):
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        ends, present = draw(st.floats(0, 0.6)), draw(st.floats(0, 1))
        result.append(
            (
                rng.normal(size=(steps, num)),
                rng.random((steps, num)) < ends,
                rng.random((steps, num)) < ends / 2,
                rng.random((steps, num)) < present,
            )
        )
    return size, num, result


@given(case=blocks())
def test_a_block_is_stored_as_in_a_deque_for_each_sub_buffer(case: Case) -> None:
    """Column n goes to sub-buffer n in time order; a full one drops its oldest row."""
    size, num, given_blocks = case
    buffer = VectorReplayBuffer(size * num, num)
    oracle = Deques(num, size)
    for rew, terminated, truncated, valid in given_blocks:
        block = Batch(obs=rew, act=rew, rew=rew, terminated=terminated, truncated=truncated)
        added = buffer.extend(block, valid)
        expected = [
            oracle.add(n, rew[t, n], bool(terminated[t, n] | truncated[t, n]))
            for t, n in np.argwhere(valid).tolist()
        ]
        for k, array in enumerate(added):
            assert array.tolist() == [entry[k] for entry in expected]
        assert_holds(buffer, oracle)


@given(blocks())
def test_a_block_of_t_steps_is_stored_like_t_single_steps(
    case: Case,
) -> None:
    size, num, given_blocks = case
    at_once, one_by_one = (VectorReplayBuffer(size * num, num) for _ in range(2))
    for rew, terminated, truncated, valid in given_blocks:
        block = Batch(
            obs={"a": np.stack([rew, -rew], axis=-1), "b": rew.astype(np.float32)},
            act=rew,
            rew=rew,
            terminated=terminated,
            truncated=truncated,
            info={"name": rew.astype(str).astype(object)},
        )
        added = at_once.extend(block, valid)
        parts = [
            one_by_one.add(block[t][valid[t]], buffer_ids=np.flatnonzero(valid[t]))
            for t in range(len(valid))
        ]
        for k, array in enumerate(added):
            assert array.tolist() == [entry for part in parts for entry in part[k].tolist()]
        assert len(at_once) == len(one_by_one)
        if len(at_once):
            assert at_once[:] == one_by_one[:]
            assert repr(at_once) == repr(one_by_one)


@given(
    st.integers(1, 6),
    st.lists(st.tuples(st.floats(-9, 9), st.booleans(), st.booleans()), max_size=20),
)
def test_a_replay_buffer_has_one_sub_buffer(
    size: int, steps: list[tuple[float, bool, bool]]
) -> None:
    buffer, oracle = ReplayBuffer(size), Deques(1, size)
    for rew, end, has_axis in steps:
        if has_axis:
            added = buffer.add(Batch.stack([row(rew, rew, end)]), buffer_ids=[0])
        else:
            added = buffer.add(row(rew, rew, end))
        assert [array.tolist() for array in added] == [[x] for x in oracle.add(0, rew, end)]
        assert_holds(buffer, oracle)


def test_sampling_from_one_sub_buffer_draws_the_numbers_of_v1_1_0() -> None:
    """Recorded from Tianshou v1.1.0: six rows in four slots; the fourth row ends an episode."""
    buffer = counted(size=4, steps=6, done=(3,))
    np.random.seed(0)
    assert buffer.sample_indices(8).tolist() == [0, 3, 1, 0, 3, 3, 3, 3]
    assert np.random.randint(1000) == 9


def test_an_index_has_one_neighbor_and_negative_indices_count_from_the_end() -> None:
    buffer = VectorReplayBuffer(6, 2)
    for t in range(3):
        buffer.add(rows(t, t))
    assert buffer.next(0) == 1
    assert buffer.prev(-1) == 4
    assert buffer.next(-2) == 5
    assert buffer.prev([1, 2]).tolist() == [0, 1]


@pytest.mark.filterwarnings("error")
def test_the_neighbor_of_an_index_in_an_empty_sub_buffer_is_its_first_index() -> None:
    """Recorded from Tianshou v1.1.0."""
    buffer = VectorReplayBuffer(6, 2)
    buffer.add(rows(1), buffer_ids=[0])
    assert buffer.prev([0, 3, 4]).tolist() == buffer.next([0, 3, 4]).tolist() == [0, 3, 3]


def test_rows_are_drawn_with_replacement_from_the_stored_rows() -> None:
    buffer = counted(size=10, steps=3)
    batch, indices = buffer.sample(200)
    assert set(indices.tolist()) == {0, 1, 2}
    assert batch.obs.tolist() == indices.tolist()


def test_sub_buffers_are_drawn_in_proportion_to_their_rows() -> None:
    """With 3 and 1 rows each has probability 1/4 (6000 draws, five standard errors)."""
    buffer = VectorReplayBuffer(9, 3)
    for _ in range(3):
        buffer.add(rows(0), buffer_ids=[0])
    buffer.add(rows(0), buffer_ids=[2])
    np.random.seed(1)
    indices, counts = np.unique(buffer.sample_indices(6000), return_counts=True)
    assert indices.tolist() == [0, 1, 2, 6]
    assert np.abs(counts - 1500).max() < 5 * np.sqrt(6000 * 0.25 * 0.75)


def test_a_sample_of_size_none_has_every_row_once_in_random_order() -> None:
    np.random.seed(0)
    batch, indices = counted(size=50, steps=70).sample(None)
    assert sorted(indices.tolist()) == list(range(50))
    assert indices.tolist() != sorted(indices.tolist())
    assert sorted(batch.obs.tolist()) == list(range(20, 70))


def test_a_sample_of_size_none_from_several_sub_buffers_is_in_the_order_of_time() -> None:
    buffer = VectorReplayBuffer(4, 2)
    for t in range(3):
        buffer.add(rows(t, 10 + t))
    state = numpy_generator_state()
    batch, indices = buffer.sample(None)
    assert indices.tolist() == [1, 0, 3, 2]
    assert batch.obs.tolist() == [1, 2, 11, 12]
    assert numpy_generator_state() == state


@pytest.mark.parametrize("size", [0, 3, None])
def test_a_sample_is_a_copy(size: int | None) -> None:
    buffer = counted(size=4, steps=4)
    batch, _ = buffer.sample(size)
    batch.rew[:] = -1.0
    assert buffer.rew.tolist() == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("buffer", [counted(4, 2), ReplayBuffer(4), VectorReplayBuffer(4, 2)])
def test_a_sample_of_negative_size_is_empty(buffer: ReplayBuffer) -> None:
    batch, indices = buffer.sample(-1)
    assert indices.tolist() == [] and indices.dtype == np.int64
    assert len(batch) == 0


def just_reset() -> ReplayBuffer:
    buffer = counted(4, 2)
    buffer.reset()
    return buffer


@pytest.mark.parametrize("empty", [ReplayBuffer(4), VectorReplayBuffer(4, 2), just_reset()])
@pytest.mark.parametrize(
    "use",
    [
        lambda b: b.sample(0),
        lambda b: b.sample(None),
        lambda b: b.sample_indices(3),
        lambda b: b[0],
        lambda b: b[:],
        lambda b: b.prev(0),
        lambda b: b.next(0),
    ],
)
def test_an_empty_buffer_raises_an_error_that_says_collect_first(
    empty: ReplayBuffer, use: Callable[[ReplayBuffer], Any]
) -> None:
    with pytest.raises((ValueError, IndexError), match="the buffer is empty: collect first"):
        use(empty)


def test_an_empty_buffer_has_no_unfinished_episode_and_a_short_repr() -> None:
    for buffer in (ReplayBuffer(3), VectorReplayBuffer(3, 3)):
        assert buffer.unfinished_index().tolist() == []
        assert len(buffer) == 0
        assert str(buffer) == f"{type(buffer).__name__}()"


def test_rewards_are_stored_as_float64_and_flags_as_bool() -> None:
    buffer = ReplayBuffer(3)
    buffer.add(Batch(obs=0, act=0, rew=np.float32(1), terminated=1, truncated=np.array([0])))
    assert buffer.rew.dtype == np.float64 and buffer.rew.shape == (3,)
    for flags in (buffer.terminated, buffer.truncated, buffer.done):
        assert flags.dtype == bool and flags.shape == (3,)


def test_done_is_computed_from_the_two_flags() -> None:
    """done = terminated or truncated, whatever the row says."""
    buffer = ReplayBuffer(2)
    buffer.add(Batch(obs=0, act=0, rew=0, terminated=False, truncated=True, done=False))
    buffer.add(Batch(obs=0, act=0, rew=0, terminated=False, truncated=False, done="yes"))
    assert buffer.done.tolist() == [True, False]
    several = VectorReplayBuffer(4, 2)
    several.add(rows(1, 2, done=(2,)))
    several.add(Batch(rows(1, 2, done=(1,)), done=[True]))
    assert several.done.tolist() == [False, True, True, False]


def test_the_first_row_decides_the_dtype() -> None:
    buffer = ReplayBuffer(3)
    for obs, act in ((np.array([1, 2], np.uint8), np.float32(0.1)), (np.array([3.0, 4.0]), 0.25)):
        buffer.add(Batch(obs=obs, act=act, rew=0, terminated=False, truncated=False))
    assert buffer.obs.dtype == np.uint8 and buffer.act.dtype == np.float32
    assert buffer.obs.tolist() == [[1, 2], [3, 4], [0, 0]]


CHANGED = {  # name: first value, later value, what the warning says
    "a float among integers": (
        1,
        0.7,
        "int64, so 0.7 becomes 0. Give the first row the dtype float64",
    ),
    "300 among bytes": (np.uint8(3), 300, "uint8, so 300 becomes 44"),
    "-1 among bytes": (np.uint8(3), -1, "uint8, so -1 becomes 255"),
    "2 among bools": (True, 2, "bool, so 2 becomes True"),
    "1e300 in float32": (np.float32(1), 1e300, r"float32, so 1e\+300 becomes inf"),
    "a NaN among integers": (1, np.nan, "int64, so nan becomes"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_value_that_the_first_dtype_changes_is_stored_with_one_warning(name: str) -> None:
    """What is stored is what numpy's cast gives, as in v1.1.0, which is silent."""
    first, later, says = CHANGED[name]
    buffer = ReplayBuffer(5)
    buffer.add(row(first))
    with pytest.warns(UserWarning, match=f"obs: rows are stored in the dtype of the first.*{says}"):
        buffer.add(row(later))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        buffer.buffers[0].add(row(later))
        np.testing.assert_array_equal(buffer.obs[1:3], np.array([later] * 2).astype(type(first)))


def test_each_field_has_its_own_warning_in_a_block_too() -> None:
    buffer = VectorReplayBuffer(8, 2)
    buffer.add(rows(1, 2, policy={"x": [1, 2]}))
    block = Batch(rows(1, 2, policy={"x": [0.5, 3]}), obs=np.array([7, 8.5]))
    block = Batch({key: value[None] for key, value in block.items()})
    with pytest.warns(UserWarning) as found:
        buffer.extend(block, [[True, True]])
    assert sorted(str(w.message).split(" ")[0] for w in found) == ["obs:", "policy.x:"]


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (np.float32(1), 0.1),
        (np.float32(1), np.nan),
        (1, np.int8(3)),
        (0, 3.0),
        (np.float64(1), np.float16(0.1)),
        (np.array(None), 3.5),
    ],
)
def test_a_value_that_is_only_rounded_or_fits_needs_no_warning(first: Any, later: Any) -> None:
    buffer = ReplayBuffer(5)
    buffer.add(row(first))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        buffer.add(row(later))


def test_rows_that_are_not_stored_need_no_warning() -> None:
    buffer = ReplayBuffer(5)
    buffer.add(row(1))
    block = Batch({key: np.asarray(value)[None, None] for key, value in row(0.5).items()})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        buffer.extend(block, [[False]])


def test_fields_may_be_nested_and_come_later_and_are_zero_in_earlier_rows() -> None:
    buffer = ReplayBuffer(3)
    buffer.add(row(info={}, policy={}))
    buffer.add(row(info={"a": 1, "b": {"c": 2.5}}, obs_next="end", policy=4.5))
    buffer.add(row(info={"d": [1.0, -np.inf]}, weight=7))
    assert buffer.info.a.tolist() == [0, 1, 0]
    assert buffer.info.b.c.tolist() == [0.0, 2.5, 0.0]
    assert buffer.info.d.tolist() == [[0.0, 0.0], [0.0, 0.0], [1.0, -np.inf]]
    assert buffer.policy.tolist() == [0.0, 4.5, 0.0]
    assert buffer.obs_next.tolist() == [None, "end", None]
    assert buffer.weight.tolist() == [0, 0, 7]


def test_a_field_that_a_row_lacks_is_not_kept_from_the_row_it_overwrites() -> None:
    buffer = ReplayBuffer(1)
    buffer.add(row(obs_next=5, info={"a": 3, "name": "x"}, weight=1.0, policy=2))
    buffer.add(row(info={}, policy={}))
    for leaf in (buffer.obs_next, buffer.info.a, buffer.weight, buffer.policy):
        assert leaf.tolist() == [0]
    assert buffer.info.name.tolist() == [None]


def test_a_vector_buffer_stores_the_standard_fields_only() -> None:
    buffer = VectorReplayBuffer(4, 2)
    buffer.add(rows(1, 2, weight=[1, 2], info={"a": [3, 4]}, policy={"h": [5, 6]}))
    assert set(buffer[:].keys()) == {
        *("obs", "act", "rew", "terminated", "truncated", "done", "obs_next", "info", "policy")
    }
    stored: Any = buffer[:]
    assert stored.info.a.tolist() == [3, 4]
    assert stored.policy.h.tolist() == [5, 6]


def test_observations_may_be_nested_dicts() -> None:
    buffer = VectorReplayBuffer(4, 2)
    for t in range(3):
        batch = rows(t, t)
        batch.obs = {"image": np.full((2, 4, 4), t, np.uint8), "deep": {"x": np.array([t, -t])}}
        buffer.add(batch)
    assert buffer.obs.image.shape == (4, 4, 4) and buffer.obs.image.dtype == np.uint8
    sample: Any = buffer.sample(0)[0]
    assert sample.obs.deep.x.tolist() == [1, 2, -1, -2]
    assert sample.obs.image[:, 0, 0].tolist() == [1, 2, 1, 2]


def test_observations_may_have_no_components() -> None:
    buffer = ReplayBuffer(2)
    buffer.add(row(np.zeros((2, 0))))
    assert buffer[:].obs.shape == (1, 2, 0)


def test_objects_and_none_are_stored_unchanged() -> None:
    thing = object()
    buffer = ReplayBuffer(3)
    for name in ("a", None):
        buffer.add(row(info={"name": name, "thing": thing}))
    stored: Any = buffer[:]
    assert stored.info.name.tolist() == ["a", None]
    assert buffer.info.thing.tolist() == [thing, thing, None]
    several = VectorReplayBuffer(4, 2)
    several.add(rows(1, 2, obs_next=None))
    assert several[:].obs_next.tolist() == [None, None]
    several.add(rows(1, 2, obs_next=[5, 6]))
    assert several[:].obs_next.tolist() == [None, 5, None, 6]


def test_tensors_are_stored_as_arrays() -> None:
    buffer = ReplayBuffer(2)
    buffer.add(row(torch.ones(3, requires_grad=True), torch.tensor(2.0)))
    assert isinstance(buffer.obs, np.ndarray)
    assert buffer[:].obs.tolist() == [[1.0, 1.0, 1.0]] and buffer[:].rew.tolist() == [2.0]


def test_a_vector_of_rewards_is_summed_per_component() -> None:
    buffer = ReplayBuffer(3)
    buffer.add(row(rew=[1.0, 2.0]))
    _, episode_return, episode_length, _ = buffer.add(row(rew=[10.0, 20.0], done=True))
    assert episode_return.tolist() == [[11.0, 22.0]] and episode_length.tolist() == [2]


def test_fields_that_were_never_added_do_not_exist() -> None:
    buffer = counted(size=2, steps=1)
    for key in ("info", "policy", "obs_next", "update_weight", "weight"):
        assert not hasattr(buffer, key)
    for batch in (buffer[0], buffer[:], buffer[[0]], buffer.sample(0)[0]):
        assert batch.info == batch.policy == batch.obs_next == Batch()
        assert batch.info is not batch.policy


def test_indices_are_places_in_the_storage() -> None:
    buffer = counted(size=4, steps=6)  # The storage is 4 5 2 3.
    assert buffer[0].obs == 4 and buffer[-1].obs == 3
    assert isinstance(buffer[0].rew, np.ndarray) and buffer[0].rew.shape == ()
    assert buffer[:].obs.tolist() == [2, 3, 4, 5]
    assert buffer[1:3].obs.tolist() == [5, 2]
    assert buffer[-2:].obs.tolist() == [2, 3]
    assert buffer[np.array([3, 0])].obs.tolist() == buffer[[3, 0]].obs.tolist() == [3, 4]
    assert buffer[buffer.obs > 3].obs.tolist() == [4, 5]
    assert counted(size=10, steps=2)[0:9].obs.tolist() == [0, 1]


@pytest.mark.parametrize("index", [4, -5, [0, 4], np.array([7])])
def test_an_index_out_of_range_is_an_index_error(index: Any) -> None:
    with pytest.raises(IndexError):
        counted(size=4, steps=6)[index]


def test_update_appends_the_rows_of_another_buffer_in_the_order_of_time() -> None:
    target, source = counted(size=5, steps=1), counted(size=3, steps=5)
    assert target.update(source).tolist() == [1, 2, 3]
    assert target[:].obs.tolist() == [0, 2, 3, 4]
    assert target.update(ReplayBuffer(2)).tolist() == []
    with pytest.raises(NotImplementedError, match="buffers"):
        VectorReplayBuffer(2, 2).update(source)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))])
def test_a_copied_buffer_is_independent(copied: Callable[[Any], Any]) -> None:
    """In v1.1.0 the unfinished_index of a copy did not change with the copy."""
    buffer = VectorReplayBuffer(6, 2)
    buffer.add(rows(1, 2))
    twin = copied(buffer)
    added = twin.add(rows(3, 4, done=(3,)))
    assert [array.tolist() for array in added] == [[1, 4], [4.0, 0.0], [2, 0], [0, 3]]
    assert twin.unfinished_index().tolist() == [4]
    assert twin.buffers[0][:].obs.tolist() == [1, 3]
    assert buffer.unfinished_index().tolist() == [0, 3] and len(buffer) == 2


@pytest.mark.parametrize("size", [0, -1, 2.0, True, None, "3"])
def test_a_size_that_is_not_a_positive_integer_is_an_error(size: Any) -> None:
    with pytest.raises(ValueError, match="size: expected a positive integer"):
        ReplayBuffer(size)
    with pytest.raises(ValueError, match="total_size: expected a positive integer"):
        VectorReplayBuffer(size, 1)
    with pytest.raises(ValueError, match="buffer_num: expected a positive integer"):
        VectorReplayBuffer(1, size)


@pytest.mark.parametrize("key", ["obs", "act", "rew", "terminated", "truncated"])
def test_a_missing_field_is_named(key: str) -> None:
    incomplete = row()
    del incomplete[key]
    with pytest.raises(ValueError, match=f"missing: {key}$"):
        ReplayBuffer(2).add(incomplete)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"obs": np.zeros(3)}, r"obs: rows are stored as numbers of shape \[\], got .* \[3\]"),
        ({"obs": {"a": 1}}, r"obs: .* numbers of shape \[\], got a Batch of \['a'\]"),
        ({"info": {"a": np.zeros(2)}}, r"info\.a: rows are stored as numbers of shape \[\]"),
        ({"info": 3}, r"info: rows are stored as a Batch of \['a'\], got numbers"),
        ({"act": "left"}, "act: rows are stored as numbers of .* got objects of"),
        ({"rew": "a"}, "rew: expected numbers"),
        ({"rew": {"a": 1}}, "rew: expected numbers"),
        ({"rew": [1.0, 2.0]}, r"rew: rows .* numbers of shape \[\], got numbers of shape \[2\]"),
        ({"terminated": [True, False]}, "terminated: expected one flag per row"),
        ({"truncated": None}, "truncated: expected numbers"),
    ],
)
def test_a_row_that_does_not_fit_is_an_error_and_changes_nothing(
    changes: dict[str, Any], message: str
) -> None:
    buffer = ReplayBuffer(3)
    buffer.add(row(obs=1, rew=2.0, info={"a": 1}))
    before = copy.deepcopy(buffer)
    bad = row(obs=5, rew=7.0, info={"a": 5}, new=1)
    bad.update(changes)
    with pytest.raises(ValueError, match=message):
        buffer.add(bad)
    assert repr(buffer) == repr(before)
    for b in (buffer, before):
        assert [a.tolist() for a in b.add(row(1, 3.0, True))] == [[1], [5.0], [2], [0]]


@pytest.mark.parametrize("obs", [[1, 2, 3], 5, "a"])
def test_a_value_without_a_row_for_each_sub_buffer_is_an_error(obs: Any) -> None:
    batch = rows(1, 2)
    batch.obs = obs
    with pytest.raises(ValueError, match=r"obs: expected an array of shape \[2, \.\.\.\]"):
        VectorReplayBuffer(4, 2).add(batch)


@pytest.mark.parametrize("ids", [[0, 0], [0, 2], [-1, 0], [0.0, 1.0], [[0, 1]], 1, [True, False]])
def test_buffer_ids_must_be_distinct_numbers_of_sub_buffers(ids: Any) -> None:
    buffer = VectorReplayBuffer(4, 2)
    for use in (lambda: buffer.add(rows(1, 2), ids), lambda: buffer.mark_truncated(ids)):
        with pytest.raises(ValueError, match=r"buffer_ids: expected distinct integers in \[0, 2\)"):
            use()
    assert len(buffer) == 0


@pytest.mark.parametrize("valid", [np.ones((2, 3), bool), np.ones(2, bool), np.ones((2, 2)), True])
def test_valid_must_have_a_column_for_each_sub_buffer(valid: Any) -> None:
    with pytest.raises(ValueError, match="extend: valid must be bool"):
        VectorReplayBuffer(4, 2).extend(rows(1, 2), valid)


def test_a_field_cannot_be_replaced_by_assignment() -> None:
    buffer = counted(size=2, steps=2)
    with pytest.raises(AttributeError, match=r"rew is a field.*buffer\.rew\[index\] = "):
        buffer.rew = np.zeros(2)
    buffer.rew[0] = 5.0
    assert buffer[:].rew.tolist() == [5.0, 2.0]


def test_a_buffer_takes_no_more_memory_than_its_arrays() -> None:
    """Each of 10⁵ rows takes 51 bytes: 4 + 4 float32, int64, float64 and three flags."""
    size, num = 100_000, 10
    values = np.zeros((10, num, 4), np.float32)
    flags = np.zeros((10, num), bool)
    block = Batch(
        obs=values,
        act=np.zeros((10, num), int),
        rew=np.zeros((10, num)),
        terminated=flags,
        truncated=flags,
        obs_next=values,
    )
    tracemalloc.start()
    buffer = VectorReplayBuffer(size, num)
    buffer.extend(block, ~flags)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(buffer) == 100
    assert used < 1.1 * 51 * size
