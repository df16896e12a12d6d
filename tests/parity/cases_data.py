"""Cases of Batch, the conversions, the buffers, the running and the printed statistics."""

import copy
import pickle
from collections.abc import Callable
from typing import Any, get_type_hints

import numpy as np
import torch
from parity.dice import Dice, area
from torch.distributions import Categorical, Distribution, Independent, Normal


def outcome(call: Callable[[], Any]) -> Any:
    """Return what the call returns, or the name of what it raises."""
    try:
        return call()
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        return f"raises {type(error).__name__}"


# -- Batch ---------------------------------------------------------------------------------------


def random_array(dice: Dice, rows: int) -> np.ndarray:
    """Return an array [rows, ...] of a random dtype and rank."""
    shape = (rows, *dice.choice([(), (), (1,), (2,), (2, 3)]))
    kind = dice.choice([np.float64, np.float32, np.int64, np.int32, np.uint8, np.bool_])
    return (
        dice.integers(0, 9, *shape).astype(kind)
        if kind is not np.bool_
        else dice.flags(0.5, *shape)
    )


def random_tree(dice: Dice, rows: int, depth: int = 2, tensors: bool = True) -> dict[str, Any]:
    """Return nested dicts of arrays and tensors that share their first axis."""
    tree: dict[str, Any] = {}
    for key in "abcd"[: dice.integer(1, 4)]:
        if depth and dice.chance(0.3):
            tree[key] = random_tree(dice, rows, depth - 1, tensors)
        elif dice.chance(0.1):
            tree[key] = {}
        else:
            array = random_array(dice, rows)
            tree[key] = torch.from_numpy(array) if tensors and dice.chance(0.3) else array
    if not any(isinstance(value, np.ndarray | torch.Tensor) for value in tree.values()):
        tree["e"] = dice.reals(-1, 1, rows)
    return tree


def map_tree(tree: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """Apply `change` to each array of nested dicts."""
    return {
        key: map_tree(value, change) if isinstance(value, dict) else change(value)
        for key, value in tree.items()
    }


def random_index(dice: Dice, rows: int) -> Any:
    """Return an int, a slice, a mask, an index array or a list."""
    kind = dice.integer(0, 5)
    if kind == 0:
        return dice.integer(-rows, rows - 1)
    if kind == 1:
        return slice(*sorted(dice.integers(-rows, rows, 2).tolist()))
    if kind == 2:
        return slice(None, None, dice.choice([1, 2, -1]) if rows > 1 else 1)
    if kind == 3:
        return dice.flags(0.5, rows)
    indices = dice.integers(-rows, rows - 1, dice.integer(1, 6))
    return indices if kind == 4 else indices.tolist()


def without_negative_step(index: Any) -> Any:
    """Return an index of the same rows without a negative step, which torch does not have."""
    return slice(None) if isinstance(index, slice) and index.step == -1 else index


def random_distribution(dice: Dice, rows: int) -> Distribution:
    """Return one of the distributions that a policy puts into its answer."""
    kind = dice.integer(0, 2)
    if kind == 0:
        return Categorical(logits=torch.from_numpy(dice.reals(-2, 2, rows, 3)))
    normal = Normal(
        torch.from_numpy(dice.reals(-2, 2, rows, 2)), torch.from_numpy(dice.reals(0.5, 2, rows, 2))
    )
    return normal if kind == 1 else Independent(normal, 1)


def parameters_of(dist: Distribution) -> dict[str, Any]:
    """Return a distribution's kind, shapes and parameters."""
    base = dist.base_dist if isinstance(dist, Independent) else dist
    names = [name for name in ("loc", "scale", "probs", "logits") if hasattr(base, name)]
    return {
        "kind": f"{type(dist).__name__} of {type(base).__name__}",
        "batch_shape": list(dist.batch_shape),
        "event_shape": list(dist.event_shape),
    } | {name: getattr(base, name) for name in names}


@area(cases=600)
def batch_construction(lib: Any, dice: Dice) -> dict[str, Any]:
    """What a Batch holds after it was made, in each of the ways to make one."""
    rows = dice.integer(1, 4)
    tree = random_tree(dice, rows)
    kind = dice.integer(0, 4)
    if kind == 0:
        batch = lib.Batch(tree)
    elif kind == 1:
        batch = lib.Batch(**tree)
    elif kind == 2:
        batch = lib.Batch(tree, f=dice.integers(0, 9, rows).tolist(), g=dice.integer(0, 9))
    elif kind == 3:
        batch = lib.Batch([map_tree(tree, lambda leaf, i=i: leaf[i]) for i in range(rows)])
    else:
        batch = lib.Batch(f=[torch.arange(3) + i for i in range(rows)], g=1.5, h=np.float32(2))
    keys = sorted(batch.keys())
    seen = {
        "leaves": batch,
        "keys": keys if kind == 3 else list(batch.keys()),
        "get_keys": sorted(batch.get_keys()),
        "items": sorted(key for key, _ in batch.items()),
        "shape": list(batch.shape),
        "contains": ["a" in batch, "z" in batch],
        "get": [batch.get("z"), batch.get("z", 3), batch.get(keys[0])],
        "missing": [outcome(lambda: batch.z), outcome(lambda: batch["z"])],
        "same object": all(batch[key] is getattr(batch, key) for key in keys),
        "not copied": [
            batch[key] is value
            for key, value in tree.items()
            if kind < 2 and not isinstance(value, dict)
        ],
        "to_dict": [type(value).__name__ for value in batch.to_dict().values() if kind != 3],
        "empty": [len(lib.Batch()), list(lib.Batch().shape), str(lib.Batch())],
    }
    if kind in (0, 1, 3):
        seen["len"] = len(batch)
    if kind != 3:
        seen["repr"] = repr(batch)
    return seen


@area(cases=200, recorded=3)
def batch_of_other_values(lib: Any, dice: Dice) -> dict[str, Any]:
    """Strings, None, ragged and nested lists, arrays of dicts, lists of dicts with other keys."""
    low = dice.integer(0, 5)
    values: list[Any] = [
        "text",
        ["a", "bb"],
        None,
        [[low, 1], [2, 3]],
        [[1], [2, low]],
        [np.ones(1), np.ones(2)],
        np.array([{"x": low}, {"x": 2}], dtype=object),
        [{"y": {"z": low}}, {"y": {"z": 3.5}}],
        [{"x": 1}, {"x": 2, "late": low}],
        [True, False],
        (1, 2.5),
        np.float32(1.5),
    ]
    chosen = [values[i] for i in dice.permutation(len(values))[: dice.integer(1, 4)]]
    batch = lib.Batch(dict(zip("abcd", chosen, strict=False)))
    return {
        "types": [str(getattr(value, "dtype", type(value).__name__)) for value in batch.values()],
        "repr": repr(batch),
        "numbers": [value for value in batch.values() if getattr(value, "dtype", "O") != "O"],
        "keys": list(batch.keys()),
    }


@area(cases=800)
def batch_indexing(lib: Any, dice: Dice) -> dict[str, Any]:
    """Rows of a Batch: int, slice, mask and index array, views, distributions, iteration."""
    rows = dice.integer(1, 6)
    batch = lib.Batch(random_tree(dice, rows))
    length, iterated = len(batch), [dict(row.items()) for row in batch]
    index = without_negative_step(random_index(dice, rows))
    if dice.chance(0.3):
        batch.none = None
    if dice.chance(0.3):
        batch.dist = random_distribution(dice, rows)
    part = batch[index]
    seen: dict[str, Any] = {"len": length, "iterated": iterated, "keys": list(part.keys())}
    if "dist" in part:
        seen["dist"] = parameters_of(part.pop("dist"))
    arrays = [key for key, value in batch.items() if isinstance(value, np.ndarray)]
    seen["rows"] = part
    seen["views"] = [np.shares_memory(batch[key], part[key]) for key in arrays]
    return seen


@area(cases=800)
def batch_assignment(lib: Any, dice: Dice) -> dict[str, Any]:
    """Writing into rows, keys and nested keys."""
    rows = dice.integer(2, 6)
    tree = random_tree(dice, rows)
    batch = lib.Batch(tree)
    index = without_negative_step(random_index(dice, rows))
    value = map_tree(tree, lambda leaf: leaf[index] * (leaf[index] > 3))
    for key in list(value):
        if dice.chance(0.2):
            del value[key]
    batch[index] = lib.Batch(value) if dice.chance() else value
    seen: dict[str, Any] = {
        "written": copy.deepcopy(batch),
        "unknown key": outcome(lambda: batch.__setitem__(index, {"unknown": np.zeros(1)})),
        "no batch": outcome(lambda: batch.__setitem__(index, np.zeros(1))),
    }
    batch.new = dice.integers(0, 9, rows).tolist()
    batch["nested"] = {"x": dice.reals(-1, 1, rows)}
    batch.update({"updated": dice.integers(0, 9, rows)}, also=[1.5] * rows)
    seen["popped"] = [batch.pop("new"), batch.pop("absent", None), batch.pop("absent", 7)]
    del batch.nested
    seen["after"] = batch
    seen["keys"] = list(batch.keys())
    seen["deleted"] = outcome(lambda: batch.nested)
    return seen


@area(cases=800)
def batch_split(lib: Any, dice: Dice) -> dict[str, Any]:
    """The minibatches, and what the shuffle leaves numpy's generator with."""
    rows = dice.integer(1, 12)
    batch = lib.Batch(random_tree(dice, rows, depth=1), number=np.arange(rows))
    size = dice.choice([-1, 1, 2, 3, 5, rows, rows + 3])
    options = {"shuffle": dice.chance(0.7), "merge_last": dice.chance()}
    pieces = batch.split(size, **options)
    before = np.random.random_sample()
    return {
        "pieces": list(pieces),
        "generator before and after": [before, np.random.random_sample()],
    }


@area(cases=600)
def batch_cat_and_stack(lib: Any, dice: Dice) -> dict[str, Any]:
    """Joining Batches along an old and a new axis."""
    rows, count = dice.integer(1, 4), dice.integer(1, 4)
    tree = random_tree(dice, rows)
    trees = [map_tree(tree, lambda leaf, i=i: leaf * (i % 2)) for i in range(count)]
    parts = [lib.Batch(part) if dice.chance(0.7) else part for part in trees]
    uneven = [
        lib.Batch(map_tree(part, lambda leaf, i=i: leaf[: i + 1])) for i, part in enumerate(trees)
    ]
    flat = {"p": dice.reals(-1, 1, rows), "q": dice.integers(0, 9, rows, 2)}
    partial = [lib.Batch(flat, r=dice.reals(-1, 1, rows)), lib.Batch(flat), {"p": flat["p"]}]
    return {
        "cat": lib.Batch.cat(parts),
        "cat uneven": lib.Batch.cat(uneven),
        "cat other keys": outcome(lambda: lib.Batch.cat([lib.Batch(a=np.ones(2)), partial[0]])),
        "stack": lib.Batch.stack(parts),
        "stack axis 1": lib.Batch.stack(parts, axis=1),
        "stack partial": lib.Batch.stack(partial),
        "stack rows": lib.Batch.stack([parts_i[0] for parts_i in uneven]),
        "none": [len(lib.Batch.cat([])), len(lib.Batch.stack([]))],
    }


@area(cases=500)
def batch_conversion(lib: Any, dice: Dice) -> dict[str, Any]:
    """To torch and back, as new Batches and in place; the originals stay."""
    rows = dice.integer(1, 4)
    batch = lib.Batch(random_tree(dice, rows))
    in_place = copy.deepcopy(batch)
    in_place.to_torch_()
    seen = {
        "to_torch": batch.to_torch(),
        "to_torch dtype": batch.to_torch().to_torch(dtype=torch.float64),
        "to_numpy": batch.to_numpy(),
        "to_torch_": copy.deepcopy(in_place),
        "original": batch,
    }
    in_place.to_numpy_()
    return seen | {"to_numpy_": in_place}


@area(cases=500)
def conversion_functions(lib: Any, dice: Dice) -> dict[str, Any]:
    """to_numpy, to_torch and to_torch_as over all they take."""
    array = random_array(dice, dice.integer(1, 4))
    number = dice.choice([3, 2.5, True, np.float32(1.5), np.int64(4), np.bool_(False)])
    numbers = dice.integers(0, 9, 3).tolist()
    dtype = dice.choice([None, torch.float32, torch.float64, torch.int64])
    like = torch.zeros(2, dtype=dice.choice([torch.float32, torch.float64, torch.int32]))
    tree = random_tree(dice, 2)
    tensor = torch.from_numpy(array)
    return {
        "to_numpy": [lib.to_numpy(x) for x in (array, tensor, number, numbers, tree)],
        "to_numpy of tensors": lib.to_numpy([tensor, tensor]),
        "to_numpy keeps": lib.to_numpy(array) is array,
        "to_torch": [lib.to_torch(x, dtype) for x in (array, tensor, number, numbers)],
        "to_torch of a tree": lib.to_torch(tree),
        "to_torch_as": [lib.to_torch_as(x, like) for x in (array, tensor, number, numbers)],
        "gradient dropped": lib.to_numpy(torch.ones(2, requires_grad=True) * 2),
    }


@area(cases=400)
def batch_equality(lib: Any, dice: Dice) -> dict[str, Any]:
    """What == compares."""
    tree = random_tree(dice, dice.integer(1, 3), depth=1)
    batch = lib.Batch(tree)
    other = copy.deepcopy(batch)
    key = dice.choice([key for key, value in tree.items() if not isinstance(value, dict)])
    as_numpy, as_torch = batch.to_numpy(), batch.to_torch()
    seen = {
        "itself": batch == batch,
        "copy": batch == other,
        "numpy and torch": as_numpy == as_torch,
        "other order": batch == lib.Batch(dict(reversed(tree.items()))),
        "no batch": batch == 3,
        "empty": [
            lib.Batch() == lib.Batch(),
            lib.Batch() == batch,
            lib.Batch(a=lib.Batch()) == lib.Batch(),
        ],
        "pickled": pickle.loads(pickle.dumps(batch)) == batch,
        "pickled leaves": pickle.loads(pickle.dumps(batch)),
        "nan": lib.Batch(a=np.array([np.nan])) == lib.Batch(a=np.array([np.nan])),
        "row": batch[0] == other[0],
    }
    other[key] = other[key] + 1 if other[key].dtype not in (bool, torch.bool) else ~other[key]
    seen["changed"] = batch == other
    delattr(other, key)
    seen["key gone"] = batch == other
    return seen


# -- buffers -------------------------------------------------------------------------------------


def random_buffer(lib: Any, dice: Dice, smallest: int = 2, largest: int = 14) -> Any:
    """Return an empty ReplayBuffer or VectorReplayBuffer; `largest` is that of a sub-buffer."""
    if dice.chance(0.4):
        return lib.ReplayBuffer(dice.integer(smallest, largest))
    count = dice.integer(1, 4)
    return lib.VectorReplayBuffer(dice.integer(smallest * count, largest * count), count)


class RowMaker:
    """Transitions of one imaginary environment: fixed keys, shapes and dtypes, random values.

    `end` is how likely a row ends its episode. Observations and actions come from the functions
    given, or are of a random kind.
    """

    def __init__(
        self,
        dice: Dice,
        end: float | None = None,
        observations: Callable[[int], Any] | None = None,
        actions: Callable[[int], np.ndarray] | None = None,
    ) -> None:
        self.dice = dice
        self.end = dice.choice([0.0, 0.1, 0.3, 1.0]) if end is None else end
        self.observations = observations or random_observations(dice)
        self.actions = actions or (lambda rows: dice.integers(0, 4, rows))
        self.obs_next, self.info, self.policy = dice.chance(0.7), dice.chance(), dice.chance(0.3)
        self.reward = dice.choice([np.float64, np.float64, np.float32, np.int64])
        self.flag = dice.choice([bool, bool, int])

    def rows(self, n: int) -> dict[str, Any]:
        """Return n transitions, each leaf [n, ...]."""
        dice = self.dice
        done = dice.flags(self.end, n)
        terminated = done & dice.flags(0.6, n)
        rows = {
            "obs": self.observations(n),
            "act": self.actions(n),
            # Multiples of 1/8: sums are exact in any order.
            "rew": (dice.integers(-16, 16, n) / 8).astype(self.reward),
            "terminated": terminated.astype(self.flag),
            "truncated": (done & (~terminated | dice.flags(0.2, n))).astype(self.flag),
        }
        if self.obs_next:
            rows["obs_next"] = self.observations(n)
        if self.info:
            rows["info"] = {"time": dice.integers(0, 9, n), "deep": {"x": dice.reals(0, 1, n)}}
        if self.policy:
            rows["policy"] = {"log_prob": dice.reals(-1, 0, n)}
        return rows

    def row(self) -> dict[str, Any]:
        """Return one transition without a batch axis."""
        return map_tree(self.rows(1), lambda leaf: leaf[0])


def random_observations(dice: Dice) -> Callable[[int], Any]:
    """Return a maker of observations [rows, ...]: vectors, numbers, images or dicts."""
    return dice.choice(
        [
            lambda rows: dice.reals(-1, 1, rows, 3).astype(np.float32),
            lambda rows: dice.integers(0, 9, rows),
            lambda rows: dice.integers(0, 255, rows, 2, 2).astype(np.uint8),
            lambda rows: {"at": dice.reals(-1, 1, rows, 2), "inside": dice.integers(0, 1, rows)},
        ]
    )


def add_rows(lib: Any, dice: Dice, buffer: Any, maker: RowMaker) -> tuple[Any, ...]:
    """Add one transition, or one to each of some sub-buffers; return what `add` returns."""
    if isinstance(buffer, lib.VectorReplayBuffer):
        ids = dice.permutation(buffer.buffer_num)[: dice.integer(1, buffer.buffer_num)]
        if dice.chance():
            return buffer.add(lib.Batch(maker.rows(buffer.buffer_num)))
        return buffer.add(lib.Batch(maker.rows(len(ids))), buffer_ids=ids)
    if dice.chance(0.3):
        return buffer.add(lib.Batch(maker.rows(1)), buffer_ids=[0])
    return buffer.add(lib.Batch(maker.row()))


def filled_buffer(lib: Any, dice: Dice, adds: int, largest: int = 14) -> tuple[Any, RowMaker]:
    """Return a random buffer after 1..adds additions, and the maker of its rows."""
    buffer, maker = random_buffer(lib, dice, largest=largest), RowMaker(dice)
    for _ in range(dice.integer(1, adds)):
        add_rows(lib, dice, buffer, maker)
    return buffer, maker


@area(cases=400, recorded=4)
def buffer_adding(lib: Any, dice: Dice) -> dict[str, Any]:
    """What add returns and stores, in sub-buffers that wrap and are reset."""
    buffer = random_buffer(lib, dice)
    maker = RowMaker(dice)
    seen: dict[str, Any] = {
        "empty": [str(buffer), len(buffer), buffer.maxsize],
        "no field": outcome(lambda: buffer.obs),
    }
    for turn in range(dice.integer(1, 40)):
        index, episode_return, length, start = add_rows(lib, dice, buffer, maker)
        # v1.1.0 sums float32 rewards in float32; pg_edu's returns are always float64.
        seen[f"add {turn}"] = [index, np.asarray(episode_return, float), length, start]
        if dice.chance(0.05):
            keep = dice.chance()
            buffer.reset(keep_statistics=keep)
            seen[f"reset {turn}"] = [len(buffer), buffer.unfinished_index()]
            seen[f"add again {turn}"] = add_rows(lib, dice, buffer, maker)[0]
    seen["len"] = len(buffer)
    seen["fields"] = {
        key: getattr(buffer, key)
        for key in ("obs", "act", "rew", "terminated", "truncated", "done")
    }
    seen["rows"] = buffer[:]
    seen["absent"] = [outcome(lambda: buffer.absent), hasattr(buffer, "info")]
    return seen


@area(cases=500)
def buffer_later_keys(lib: Any, dice: Dice) -> dict[str, Any]:
    """Keys, nested ones too, that appear after the first rows or are missing later."""
    buffer = random_buffer(lib, dice, smallest=3, largest=5)
    maker = RowMaker(dice)
    for _ in range(dice.integer(3, 12)):
        maker.info, maker.policy, maker.obs_next = dice.chance(), dice.chance(), dice.chance(0.9)
        vector = isinstance(buffer, lib.VectorReplayBuffer)
        rows = maker.rows(n := buffer.buffer_num if vector else 1)
        if maker.info and dice.chance():
            rows["info"]["later"] = dice.reals(-1, 1, n, 2)
        if dice.chance(0.3):
            rows["mine"] = dice.integers(0, 9, n)
        buffer.add(lib.Batch(rows), buffer_ids=None if vector else [0])
    rows = buffer[:]
    return {"keys": sorted(rows.keys()), "rows": rows}


@area(cases=500, recorded=3)
def buffer_walking(lib: Any, dice: Dice) -> dict[str, Any]:
    """prev, next, unfinished_index, and the kinds of index."""
    buffer, maker = filled_buffer(lib, dice, adds=30)
    stored = buffer.sample_indices(0)
    some = stored[dice.integers(0, len(stored) - 1, dice.integer(1, 5))]
    one = int(stored[0])
    seen = {
        "stored": stored,
        "prev": buffer.prev(stored),
        "next": buffer.next(stored),
        "prev and next of some": [buffer.prev(some), buffer.next(some)],
        "prev and next of one": [int(buffer.prev(one)), int(buffer.next(one))],
        "of a list": [buffer.prev(np.array(some)), buffer.next(np.array(some))],
        "unfinished": buffer.unfinished_index(),
        "one": buffer[one],
        "some": buffer[some],
        "list": buffer[some.tolist()],
        "slice": buffer[dice.integer(0, 2) : dice.integer(2, 6)],
        "last place": buffer[-1],
        "all": buffer[:],
        "negative": len(buffer.sample(-1)[1]),
    }
    if isinstance(buffer, lib.ReplayBuffer) and not isinstance(buffer, lib.VectorReplayBuffer):
        again = pickle.loads(pickle.dumps(buffer))
        again.add(lib.Batch(maker.row()))
        seen["pickled"] = [again.unfinished_index(), again[:]]
    else:
        seen["sub-buffers"] = [
            [part.maxsize, len(part), part.unfinished_index(), part.sample_indices(0)]
            for part in buffer.buffers
            if len(part)
        ]
    return seen


@area(cases=400, recorded=4)
def buffer_sampling(lib: Any, dice: Dice) -> dict[str, Any]:
    """Random draws of rows, and the generator afterwards."""
    buffer, _ = filled_buffer(lib, dice, adds=30)
    everything = buffer.sample(0)
    untouched = np.random.random_sample()
    n = dice.integer(1, 12)
    drawn = {"indices": buffer.sample_indices(n), "sample": buffer.sample(n)}
    seen = {"everything": everything, "untouched": untouched}
    if isinstance(buffer, lib.VectorReplayBuffer):
        seen["None"] = buffer.sample_indices(None)
    return seen | {"drawn": drawn | {"afterwards": np.random.random_sample()}}


# -- statistics ----------------------------------------------------------------------------------


@area(cases=600)
def running_mean_std(lib: Any, dice: Dice) -> dict[str, Any]:
    """Mean, variance and count after each update, and the normalized values."""
    shape = dice.choice([(), (), (2,), (2, 3)])
    options = dice.choice([{}, {"clip_max": None}, {"clip_max": 0.5}, {"epsilon": 1e-3}])
    rms = lib.RunningMeanStd(**options)
    seen: dict[str, Any] = {"eps": rms.eps}
    for turn in range(dice.integer(1, 4)):
        low = dice.real(-10, 10)
        data = dice.reals(low, low + dice.real(0, 20), dice.integer(1, 9), *shape)
        if dice.chance(0.3):
            data = data.round().astype(np.int64)
        rms.update(data)
        seen[str(turn)] = {
            "mean": np.asarray(rms.mean, float),
            "var": np.asarray(rms.var, float),
            "count": int(rms.count),
            "norm": np.asarray(rms.norm(data), float),
            "norm of one": float(np.ravel(rms.norm(dice.real(-9, 9)))[0]),
        }
    return seen


@area(cases=300, recorded=2)
def printed_statistics(lib: Any, dice: Dice) -> dict[str, Any]:
    """The statistics' fields, dicts and text."""
    losses = dice.reals(-3, 3, dice.integer(0, 5)).round(2)
    summary = lib.SequenceSummaryStats.from_sequence(losses.tolist())
    stats = lib.PGTrainingStats(train_time=dice.real(0, 9), loss=summary)
    stats.smoothed_loss = {"loss": dice.real(0, 1)}
    before = stats.get_loss_stats_dict()
    stats.added, stats.nothing, stats._hidden = dice.real(0, 1), None, 2.0
    timing_class = get_type_hints(lib.InfoStats)["timing"]
    timing = timing_class(total_time=dice.real(0, 9), update_speed=dice.real(0, 9))
    info = lib.InfoStats(
        gradient_step=dice.integer(0, 9),
        best_reward=dice.real(0, 9),
        best_reward_std=dice.real(0, 9),
        train_step=dice.integer(0, 9),
        train_episode=dice.integer(0, 9),
        test_step=dice.integer(0, 9),
        test_episode=dice.integer(0, 9),
        timing=timing,
    )
    lens = dice.integers(1, 9, len(losses))
    collected = lib.CollectStats(
        n_collected_steps=int(lens.sum()),
        n_collected_episodes=len(lens),
        collect_time=1.5,
        collect_speed=2.5,
        returns=losses,
        returns_stat=summary if len(lens) else None,
        lens=lens,
        lens_stat=lib.SequenceSummaryStats.from_sequence(lens) if len(lens) else None,
    )
    epoch = lib.EpochStats(
        epoch=1,
        train_collect_stat=collected,
        test_collect_stat=None,
        training_stat=stats,
        info_stat=info,
    )
    everything = (lib.TrainingStats(), summary, stats, timing, info, collected, epoch)
    indent = dice.integer(1, 4)
    return {
        "summary": [summary.mean, summary.std, summary.max, summary.min],
        "loss dict": [before, stats.get_loss_stats_dict()],
        "repr": [repr(value) for value in everything],
        "text": [value.pprints_asdict() for value in everything],
        "indented": stats.pprints_asdict(exclude_fields=["train_time", "absent"], indent=indent),
        "subclass": [
            isinstance(stats, lib.TrainingStats),
            issubclass(lib.TrainingStatsWrapper, lib.TrainingStats),
        ],
    }


@area(cases=100, recorded=2)
def wrapped_statistics(lib: Any, dice: Dice) -> dict[str, Any]:
    """A TrainingStatsWrapper delegates to what it wraps, and takes no new names after init."""

    class Wrapper(lib.TrainingStatsWrapper):
        def __init__(self, wrapped: Any) -> None:
            self.own = 3.0
            super().__init__(wrapped)

    summary = lib.SequenceSummaryStats.from_sequence(dice.reals(-1, 1, 3))
    wrapped = lib.PGTrainingStats(loss=summary, train_time=dice.real(0, 1))
    wrapper = Wrapper(wrapped)
    seen: dict[str, Any] = {
        "loss": wrapper.loss.mean,
        "times": [wrapper.train_time, wrapped.train_time],
        "loss dict": wrapper.get_loss_stats_dict(),
        "wrapped": wrapper.wrapped_stats is wrapped,
        "new name": outcome(lambda: setattr(wrapper, "later", 1)),
        "absent name": outcome(lambda: wrapper.later),
    }
    wrapper.train_time = 2.0
    wrapper.own = 4.0
    wrapper.loss = lib.SequenceSummaryStats.from_sequence([1.0, 3.0])
    return seen | {
        "set": [wrapper.train_time, wrapped.train_time, wrapper.own, wrapped.loss.mean],
        "loss dict afterwards": wrapper.get_loss_stats_dict(),
    }
