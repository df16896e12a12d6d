"""Infos: what the actor saw while acting it sees while learning, or it gets an error.

The oracles are worlds in which the info of every step is known: a masked world small enough to
enumerate, Taxi, and environments that count their steps.
"""

import copy
import itertools
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from packaging.version import Version
from torch import nn
from torch.distributions import Categorical

from pg_edu import (
    Batch,
    Collector,
    LeaveOneOut,
    PGPolicy,
    ReplayBuffer,
    VectorReplayBuffer,
    policy_within_training_step,
    to_torch,
)
from pg_edu.infos import kept, make_fit, merged, told
from tests.helpers import ConstantLogits, Counter, make_policy

MODES = pytest.mark.parametrize("mode", AutoresetMode, ids=lambda mode: mode.name)

# A world of three states: from 0 to state 1 (action 0) or 2 (actions 1, 2), and then the end.
MASKS = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]], bool)
REWARDS = np.array([[1, 2, 50], [70, -3, 4], [5, 90, -6]])
LOGITS = np.array([[0.3, -0.2, 0.9], [0.5, 0.1, -0.7], [-0.4, 0.8, 0.2]])


class Masked(gym.Env[Any, Any]):
    """The world of the tables above; its info says which actions are legal."""

    observation_space = gym.spaces.Discrete(3)
    action_space = gym.spaces.Discrete(3)

    def told(self) -> tuple[int, dict[str, Any]]:
        return self.state, {"action_mask": MASKS[self.state]}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.state = 0
        return self.told()

    def step(self, action: Any) -> Any:
        rew, over = float(REWARDS[self.state, action]), self.state > 0
        self.state = 1 if action == 0 else 2
        obs, info = self.told()
        return obs, rew, over, False, info


class MaskedTable(nn.Module):
    """A table of logits, of which the info masks the illegal ones."""

    def __init__(self, logits: Any) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits, dtype=torch.float64))

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[torch.Tensor, Any]:
        legal = torch.as_tensor(info["action_mask"]).bool()
        return torch.where(legal, self.logits[torch.as_tensor(obs)], -1e8), state


class Scripted(Categorical):
    """A Categorical that draws the actions of a script, and zeros after it."""

    script: ClassVar[list[int]] = []

    def sample(self, sample_shape: Any = ()) -> torch.Tensor:
        drawn = self.script.pop(0) if self.script else 0
        return torch.full(self.batch_shape, drawn)


def exact_gradient() -> torch.Tensor:
    """Return ∇ Σ p(τ) R(τ) over the four trajectories of legal actions."""
    logits = torch.tensor(LOGITS, requires_grad=True)
    pi = torch.where(torch.tensor(MASKS), logits, -torch.inf).softmax(dim=1)
    J = sum(
        pi[0, a] * pi[s, b] * (REWARDS[0, a] + REWARDS[s, b])
        for a, s in ((0, 1), (1, 2))
        for b in np.flatnonzero(MASKS[s]).tolist()
    )
    return torch.autograd.grad(torch.as_tensor(J), logits)[0]


@MODES
@pytest.mark.parametrize("kind", [PGPolicy, LeaveOneOut])
def test_under_masks_by_info_the_expected_update_is_the_exact_gradient(
    mode: Any, kind: Any
) -> None:
    """Σ p(τ) Δθ(τ) = ∇J / 2: the loss is the mean over two steps; LeaveOneOut has their sum.

    Learned with the mask of the next state, as v1.1.0 does, it is another number.
    """
    pi = np.where(MASKS, np.exp(LOGITS), 0)
    pi /= pi.sum(axis=1, keepdims=True)
    expected_update = torch.zeros(3, 3, dtype=torch.float64)
    for a, b in itertools.product(range(3), range(3)):
        probability = pi[0, a] * pi[1 if a == 0 else 2, b]
        if probability > 0:
            actor = MaskedTable(LOGITS)
            policy = make_policy(actor, Masked.action_space, kind=kind, discount_factor=1.0)
            policy.dist_fn = lambda logits: Scripted(logits=logits)
            Scripted.script = [a, b]
            envs = SyncVectorEnv([Masked], autoreset_mode=mode)
            collector = Collector(policy, envs, VectorReplayBuffer(10, 1))
            collector.collect(n_episode=1)
            assert collector.buffer[:].act.tolist() == [a, b]
            with policy_within_training_step(policy):
                policy.update(0, collector.buffer, batch_size=None, repeat=1)
            expected_update += probability * (actor.logits.detach() - torch.tensor(LOGITS))
    factor = 1.0 if kind is LeaveOneOut else 0.5
    torch.testing.assert_close(expected_update, factor * exact_gradient(), rtol=1e-6, atol=1e-12)


def test_no_logit_of_an_illegal_action_moves_on_taxi() -> None:
    """Five updates leave these logits as they were, bit for bit, and move others."""
    newest = "Taxi-v4" if "Taxi-v4" in gym.registry else "Taxi-v3"  # Gymnasium 1.2 has no v4.
    envs = gym.make_vec(newest, num_envs=4)
    start = np.random.default_rng(0).normal(size=(500, 6))
    actor = MaskedTable(start)
    policy = make_policy(actor, envs.single_action_space, lr=0.1)
    collector = Collector(policy, envs, VectorReplayBuffer(400, 4))
    envs.action_space.seed(0)
    seen = np.zeros((500, 6), bool)
    with policy_within_training_step(policy):
        for _ in range(5):
            collector.collect(n_step=400)
            rows: Any = collector.buffer[:]
            seen[rows.obs] = rows.obs_info.action_mask == 1
            policy.update(0, collector.buffer, batch_size=64, repeat=2)
            collector.reset_buffer()
    moved = actor.logits.detach().numpy() != start
    assert moved.any()
    assert not moved[~seen].any()


# Rows


class Tells(Counter):
    """A Counter whose info is what `say` returns at step t of an episode; t = 0 is the reset."""

    say: Callable[[int], dict[str, Any]]

    def reset(self, **kwargs: Any) -> Any:
        return super().reset(**kwargs)[0], type(self).say(0)

    def step(self, action: Any) -> Any:
        *outcome, _ = super().step(action)
        return *outcome, type(self).say(self.t)


def telling(told: Callable[[int], dict[str, Any]]) -> type[Tells]:
    """Return a class of environments that say this."""

    class Env(Tells):
        say = staticmethod(told)

    return Env


def vector_of(env: Any, mode: AutoresetMode, *lengths: int) -> SyncVectorEnv:
    return SyncVectorEnv(
        [lambda n=n: env(0, (n,)) for n in lengths],  # type: ignore[misc]
        autoreset_mode=mode,
    )


def collected(
    env: Any, mode: AutoresetMode, *lengths: int, actor: Any = None, steps: int = 9
) -> tuple[PGPolicy[Any], ReplayBuffer]:
    """Return a policy and what it has collected, in two calls, in episodes of these lengths."""
    policy = make_policy(ConstantLogits() if actor is None else actor)
    n = len(lengths)
    buffer = VectorReplayBuffer(1000 * n, n)
    collector = Collector(policy, vector_of(env, mode, *lengths), buffer)
    collector.collect(n_step=(steps // 2) * n)
    collector.collect(n_step=(steps - steps // 2) * n)
    return policy, buffer


def learn(policy: PGPolicy[Any], buffer: ReplayBuffer, batch_size: int | None = None) -> None:
    with policy_within_training_step(policy):
        policy.update(0, buffer, batch_size=batch_size, repeat=1)


class Reads(ConstantLogits):
    """An actor that records what `read(info)` gives."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        super().__init__()
        self.read = read
        self.seen: list[Any] = []

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[torch.Tensor, Any]:
        self.seen.append((np.asarray(obs).copy(), copy.deepcopy(self.read(info))))
        return super().forward(obs, state)


@MODES
@pytest.mark.parametrize("steps", [9, 300])
def test_obs_info_came_with_obs_and_info_came_after_the_step(mode: Any, steps: int) -> None:
    """At the end of an episode `info` is the final one, also where the step resets."""
    env = telling(lambda t: {"t": t, "deep": {"t2": np.array([t, 2 * t])}})
    _, buffer = collected(env, mode, 2, 3, steps=steps)
    rows: Any = buffer[:]
    t = rows.obs[:, 2].astype(int)
    assert rows.obs_info.t.tolist() == t.tolist() and rows.obs_info._t.all()
    assert rows.info.t.tolist() == (t + 1).tolist() and rows.info._t.all()
    assert rows.obs_info.deep.t2.tolist() == np.c_[t, 2 * t].tolist()
    assert rows.info.deep.t2.tolist() == np.c_[t + 1, 2 * t + 2].tolist()
    assert set(vars(rows.info)) == set(vars(rows.obs_info)) == {"t", "_t", "deep", "_deep"}


@MODES
def test_the_actor_gets_the_info_of_its_observation_in_acting_and_in_learning(mode: Any) -> None:
    """The info of each environment is its own also where another one has just been reset."""
    env = telling(lambda t: {"t": t})
    actor = Reads(lambda info: info.t)
    policy, buffer = collected(env, mode, 2, 3, actor=actor)
    learn(policy, buffer, batch_size=4)
    assert len(actor.seen) > 9
    for obs, t in actor.seen:
        np.testing.assert_array_equal(obs[:, 2], t)


def test_nothing_is_stored_where_environments_give_no_info() -> None:
    _, buffer = collected(Counter, AutoresetMode.SAME_STEP, 2, 3)
    assert "obs_info" not in buffer[:] and not hasattr(buffer, "info")


def test_infos_are_stored_as_they_were_although_the_environment_overwrites_them() -> None:
    held, deep = np.zeros(2), [0]

    def overwrites(t: int) -> dict[str, Any]:
        held[:] = t
        deep[0] = t
        return {"held": held, "deep": deep}

    _, buffer = collected(telling(overwrites), AutoresetMode.DISABLED, 5)
    rows: Any = buffer[:]
    t = rows.obs[:, 2].tolist()
    assert rows.obs_info.held[:, 0].tolist() == t
    assert [row[0] for row in rows.obs_info.deep] == t
    assert [row[0] for row in rows.info.deep] == [time + 1 for time in t]


@MODES
def test_a_batch_without_obs_info_is_learned_with_its_info(mode: Any) -> None:
    """As in v1.1.0, for batches and buffers that were made by hand."""
    actor = Reads(lambda info: info.t)
    buffer = ReplayBuffer(3)
    for t in range(3):
        flags = {"terminated": t == 2, "truncated": False}
        buffer.add(Batch(obs=np.zeros(3), act=0, rew=1.0, info={"t": 10 + t}, **flags))
    learn(make_policy(actor), buffer)
    assert sorted(actor.seen[0][1].tolist()) == [10, 11, 12]


def test_a_call_of_the_policy_with_rows_of_a_buffer_gives_the_actor_obs_info() -> None:
    actor = Reads(lambda info: info.t)
    policy, buffer = collected(telling(lambda t: {"t": t}), AutoresetMode.SAME_STEP, 3, actor=actor)
    rows: Any = buffer[:]
    policy(rows)
    assert actor.seen[-1][1].tolist() == rows.obs[:, 2].tolist()


# Keys that are not there


def sometimes(t: int) -> dict[str, Any]:
    """Return an info with a mask at each step but the reset."""
    return {"always": t} | ({"mask": np.ones(2)} if t > 0 else {})


READINGS: dict[str, Callable[[Any], Any]] = {
    "attribute": lambda info: info.mask,
    "item": lambda info: info["mask"],
    "in": lambda info: "mask" in info,
    "get": lambda info: info.get("mask"),
    "pop": lambda info: info.pop("mask", None),
    "getattr": lambda info: getattr(info, "mask", None),
    "hasattr": lambda info: hasattr(info, "mask"),
    "keys": lambda info: list(info.keys()),
    "items": lambda info: dict(info.items()),
    "values": lambda info: list(info.values()),
    "to_dict": lambda info: info.to_dict(),
    "of rows": lambda info: "mask" in info[:1],
    "of tensors": lambda info: to_torch(info).mask,
    "of a copy": lambda info: copy.deepcopy(info).mask,
    "of a pickle": lambda info: pickle.loads(pickle.dumps(info)).mask,
}


@pytest.mark.parametrize("way", READINGS)
def test_reading_a_key_that_was_not_in_every_row_is_an_error(way: str) -> None:
    policy, buffer = collected(telling(sometimes), AutoresetMode.SAME_STEP, 3)
    policy.actor = Reads(READINGS[way])
    with pytest.raises(
        ValueError, match=r"'mask' is there in 6 of 9 rows\. An actor that reads it"
    ):
        learn(policy, buffer)


@pytest.mark.parametrize("way", READINGS)
def test_an_actor_may_act_on_a_key_only_if_every_environment_gave_it(way: str) -> None:
    actor = Reads(READINGS[way])
    env = telling(lambda t: {"mask": np.ones(2)} if t != 2 else {})  # an episode of 2 steps resets
    with pytest.raises(ValueError, match="'mask' is there in 1 of 2 rows"):
        collected(env, AutoresetMode.SAME_STEP, 2, 3, actor=actor)


@MODES
def test_an_actor_that_does_not_read_the_missing_key_is_not_disturbed(mode: Any) -> None:
    actor = Reads(lambda info: (info.always, "always" in info, to_torch(info)["always"].tolist()))
    policy, buffer = collected(telling(sometimes), mode, 2, 3, actor=actor)
    learn(policy, buffer, batch_size=5)
    for obs, (always, is_there, again) in actor.seen:
        assert is_there and always.tolist() == again == obs[:, 2].tolist()


def test_where_an_action_is_ignored_its_environment_need_not_give_the_key() -> None:
    """Under NEXT_STEP the step after an end only resets, so a final info may lack the mask."""

    class Env(Counter):
        def reset(self, **kwargs: Any) -> Any:
            return super().reset(**kwargs)[0], {"mask": 7}

        def step(self, action: Any) -> Any:
            *outcome, terminated, truncated, _ = super().step(action)
            return *outcome, terminated, truncated, {} if terminated else {"mask": 7}

    actor = Reads(lambda info: info.mask)
    policy, buffer = collected(Env, AutoresetMode.NEXT_STEP, 2, 3, actor=actor)
    learn(policy, buffer)
    assert [mask.tolist() for _, mask in actor.seen[1:5]] == [[7, 7], [0, 7], [7, 0], [7, 7]]


def test_a_key_that_comes_late_is_flagged_as_missing_in_earlier_rows() -> None:
    """It comes in the second call, when its column has to be made."""
    env = telling(lambda t: {"late": 3.5} if t > 6 else {})
    _, buffer = collected(env, AutoresetMode.SAME_STEP, 99, steps=10)
    rows: Any = buffer[:]
    assert rows.obs_info._late.tolist() == (rows.obs[:, 2] > 6).tolist()
    assert set(rows.obs_info.late[rows.obs_info._late]) == {3.5}


@MODES
def test_the_statistics_of_episodes_are_stored_where_an_episode_ended(mode: Any) -> None:
    """RecordEpisodeStatistics gives the key "episode" only then."""

    def env(*arguments: Any) -> Any:
        return gym.wrappers.RecordEpisodeStatistics(Counter(*arguments))

    policy, buffer = collected(env, mode, 2, 3)
    rows: Any = buffer[:]
    ended = rows.terminated
    assert rows.info._episode.tolist() == ended.tolist()
    assert rows.info.episode.l[ended].tolist() == (rows.obs[ended, 2] + 1).tolist()
    learn(policy, buffer)


# Values of every kind


def test_a_tensor_in_info_is_a_tensor_in_acting_and_in_learning() -> None:
    """v1.1.0 stacks the tensors of environments too."""
    actor = Reads(lambda info: info.x)
    env = telling(lambda t: {"x": torch.tensor([t, 0.5])})
    policy, buffer = collected(env, AutoresetMode.SAME_STEP, 2, 3, actor=actor)
    learn(policy, buffer)
    for obs, x in actor.seen:
        torch.testing.assert_close(x, torch.tensor([[t, 0.5] for t in obs[:, 2]]))


KINDS: dict[str, Callable[[int], Any]] = {
    "string": lambda t: "abc"[:t],
    "numpy string": lambda t: np.array("abc"[:t]),
    "None": lambda t: None,
    "list": lambda t: [t] * t,
    "bool": lambda t: np.bool_(t > 1),
    "object": lambda t: {"a": {"b": frozenset([t])}},
    "empty dict": lambda t: {},
    "another shape": lambda t: np.full(1 + t % 2, t),
    "another dtype": lambda t: [np.int64(2**62 + t), 0.5][t % 2],
    "tensors of other shapes": lambda t: torch.ones(1 + t),
    "tensors of other dtypes": lambda t: torch.ones(2, dtype=[torch.float, torch.double][t % 2]),
    "a dict or a number": lambda t: [t, {"n": t}][t % 2],
    "a dict or a string": lambda t: ["text", {"n": t}][t % 2],
    "no copy": lambda t: (i for i in range(t)),
    "a tensor with a graph": lambda t: torch.ones(2, requires_grad=True) * t,
}


@MODES
@pytest.mark.parametrize("kind", KINDS)
def test_an_info_of_any_kind_is_stored_and_disturbs_nobody(mode: Any, kind: str) -> None:
    env = telling(lambda t: {"x": KINDS[kind](t)} if t != 2 else {})
    policy, buffer = collected(env, mode, 4, steps=12)
    learn(policy, buffer, batch_size=5)
    rows: Any = buffer[:]
    if kind != "no copy":
        assert rows.obs_info._x.tolist() == (rows.obs[:, 2] != 2).tolist()


def test_numbers_of_several_dtypes_are_stored_as_they_came() -> None:
    """2^62 + 1 is no float64, and would be another number as one."""
    env = telling(lambda t: {"x": KINDS["another dtype"](t)})
    _, buffer = collected(env, AutoresetMode.SAME_STEP, 99, steps=10)
    rows: Any = buffer[:]
    for x, t in zip(rows.obs_info.x, rows.obs[:, 2], strict=True):
        came = KINDS["another dtype"](int(t))
        assert x == came and x.dtype == np.asarray(came).dtype


@pytest.mark.parametrize(
    "kind",
    [
        "another shape",
        "another dtype",
        "tensors of other shapes",
        "tensors of other dtypes",
        "a dict or a number",
        "a dict or a string",
    ],
)
def test_reading_rows_that_are_no_longer_one_array_is_an_error(kind: str) -> None:
    policy, buffer = collected(telling(lambda t: {"x": KINDS[kind](t)}), AutoresetMode.DISABLED, 4)
    policy.actor = Reads(lambda info: info.x)
    with pytest.raises(ValueError, match="'x' changed its shape, dtype or type between steps"):
        learn(policy, buffer)


def test_rows_of_one_dtype_are_one_array_although_others_have_another() -> None:
    """The actor reads the mask of bools that it saw, not one of objects or of integers."""
    dtypes = itertools.chain([bool] * 4, itertools.repeat(np.int8))
    env = telling(lambda t: {"mask": np.ones(2, next(dtypes))})
    policy, buffer = collected(env, AutoresetMode.SAME_STEP, 99, steps=4)
    actor = policy.actor = Reads(lambda info: info.mask)
    collector = Collector(policy, vector_of(env, AutoresetMode.SAME_STEP, 99), buffer)
    policy(buffer[:])
    assert actor.seen[-1][1].dtype == bool
    collector.collect(n_step=4)
    policy(buffer[np.arange(4, 8)])
    assert actor.seen[-1][1].dtype == np.int8


def test_an_object_that_cannot_be_copied_is_not_handed_to_the_actor_in_learning() -> None:
    """By then it may have changed."""
    actor = Reads(lambda info: info.x.shape)
    env = telling(lambda t: {"x": KINDS["no copy"](t)})
    policy, buffer = collected(env, AutoresetMode.SAME_STEP, 4, actor=actor)
    with pytest.raises(ValueError, match=r"'x' is there in 0 of 9 rows.*can be copied"):
        learn(policy, buffer)


class Native(gym.vector.VectorEnv[Any, Any, Any]):
    """Two environments that never end, with an info of their own and without flags."""

    num_envs = 2
    single_observation_space = observation_space = gym.spaces.Box(0, 1, (1,))
    single_action_space = gym.spaces.Discrete(2)
    action_space = gym.spaces.MultiDiscrete([2, 2])

    def __init__(self, *infos: dict[str, Any]) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.infos = itertools.cycle(infos)

    def reset(self, **kwargs: Any) -> Any:
        return np.zeros((2, 1), np.float32), next(self.infos)

    def step(self, actions: Any) -> Any:
        false = np.zeros(2, bool)
        return np.zeros((2, 1), np.float32), np.ones(2), false, false, next(self.infos)


def test_flags_are_made_for_vector_environments_that_give_none() -> None:
    envs = Native({"x": np.array([3, 4]), "list": [5, 6]}, {"deep": {"y": torch.tensor([0.5, 1])}})
    buffer = VectorReplayBuffer(8, 2)
    Collector(make_policy(ConstantLogits()), envs, buffer).collect(n_step=4)
    info = buffer.buffers[1][:].obs_info
    assert info._x.tolist() == info._list.tolist() == [True, False]
    assert info._deep.tolist() == info.deep._y.tolist() == [False, True]
    assert (info.x[0], info.list[0], info.deep.y[1].item()) == (4, 6, 1.0)


@pytest.mark.parametrize("value", ["one", 3, np.zeros((5, 2)), None, [1, 2, 3]])
def test_a_value_without_a_row_for_each_environment_is_read_while_acting_only(value: Any) -> None:
    actor = Reads(lambda info: info["value"])
    policy = make_policy(actor)
    buffer = VectorReplayBuffer(8, 2)
    Collector(policy, Native({"value": value}), buffer).collect(n_step=4)
    np.testing.assert_array_equal(actor.seen[0][1], value)
    with pytest.raises(ValueError, match="'value' is there in 0 of 4 rows"):
        learn(policy, buffer)


@pytest.mark.parametrize(
    "flags", [np.array([1, 0]), np.ones(3, bool), np.ones((2, 1), bool), "yes"]
)
def test_a_key_in_the_place_of_flags_is_an_error(flags: Any) -> None:
    envs = Native({"x": np.zeros(2), "_x": flags})
    with pytest.raises(ValueError, match=r"(?s)keys 'x' and '_x'.*bool \[2\].*Rename one"):
        Collector(make_policy(ConstantLogits()), envs).collect(n_step=2)


def test_a_key_that_is_not_a_string_is_an_error() -> None:
    with pytest.raises(ValueError, match="the keys of info must be strings, got 3"):
        Collector(make_policy(ConstantLogits()), Native({3: 4})).collect(n_step=2)  # type: ignore[dict-item]


def test_a_key_may_have_the_name_of_a_method() -> None:
    names = ("items", "keys", "holding", "refusing", "pop")
    env = telling(lambda t: dict.fromkeys(names, t) | ({"mask": 1} if t else {}))
    actor = Reads(lambda info: [info[key].tolist() for key in names])
    policy, buffer = collected(env, AutoresetMode.SAME_STEP, 2, 3, actor=actor)
    learn(policy, buffer)
    obs, found = actor.seen[-1]
    assert found == [obs[:, 2].tolist()] * 5


def test_a_key_with_an_underscore_is_no_flag_unless_it_belongs_to_another_key() -> None:
    _, buffer = collected(telling(lambda t: {"_alone": t}), AutoresetMode.SAME_STEP, 9)
    rows: Any = buffer[:]
    assert rows.obs_info._alone.tolist() == rows.obs[:, 2].tolist()
    assert rows.obs_info.__alone.all()


# Infos in infos


def test_a_nested_key_is_an_error_only_where_the_action_counts() -> None:
    """As at the top: under NEXT_STEP the final info may lack what the actor reads."""

    class Env(Counter):
        def reset(self, **kwargs: Any) -> Any:
            return super().reset(**kwargs)[0], {"deep": {"mask": 7}}

        def step(self, action: Any) -> Any:
            *outcome, terminated, truncated, _ = super().step(action)
            deep = {} if terminated else {"mask": 7}
            return *outcome, terminated, truncated, {"deep": {"t": self.t, **deep}}

    actor = Reads(lambda info: info.deep.mask)
    collected(Env, AutoresetMode.NEXT_STEP, 2, 3, actor=actor)
    assert [mask.tolist() for _, mask in actor.seen[1:5]] == [[7, 7], [0, 7], [7, 0], [7, 7]]


def test_nested_rows_that_change_their_shape_from_call_to_call_are_stored_as_they_came() -> None:
    env = telling(lambda t: {"deep": {"x": np.full(1 + (t > 5), t)}})
    _, buffer = collected(env, AutoresetMode.SAME_STEP, 99, steps=10)
    rows: Any = buffer[:]
    came = [[t] * (1 + (t > 5)) for t in range(1, 11)]
    assert [x.tolist() for x in rows.info.deep.x] == came


@pytest.mark.parametrize("make", [np.array, torch.tensor], ids=["array", "tensor"])
def test_a_copy_of_an_info_does_not_change_with_it(make: Any) -> None:
    x, y = make([1, 2]), make([3, 4])
    copied = kept(told({"x": x, "deep": {"y": y}}, environments=2))
    x[:] = y[:] = 9
    assert (copied["x"].tolist(), copied["deep"]["y"].tolist()) == ([1, 2], [3, 4])


def test_a_copy_of_a_tensor_in_an_info_has_no_graph() -> None:
    weights = torch.ones(2, requires_grad=True)
    assert not kept(told({"x": weights * 2}, environments=2))["x"].requires_grad


# Two infos


def test_of_two_infos_each_environment_has_its_own_values_and_flags() -> None:
    going_on = {"x": np.array([1, 0]), "_x": np.array([True, False])}
    going_on |= {"y": np.array([5, 6]), "_y": np.array([True, True])}
    begun = {"x": np.array([0, 2]), "_x": np.array([False, True])}
    both = merged(going_on, begun, where=np.array([False, True]))
    assert both["x"].tolist() == [1, 2] and both["_x"].tolist() == [True, True]
    assert both["y"].tolist() == [5, 0] and both["_y"].tolist() == [True, False]


def test_what_only_one_of_two_infos_has_is_0_for_the_others_environments() -> None:
    alone = {"x": torch.tensor([3.0, 4.0]), "_x": np.ones(2, bool)}
    assert merged({}, alone, where=np.array([False, True]))["x"].tolist() == [0, 4]
    assert merged(alone, {}, where=np.array([False, True]))["x"].tolist() == [3, 0]


def test_values_of_two_infos_that_are_not_alike_are_kept_apart() -> None:
    flags = np.ones(2, bool)
    ints = {"x": np.array([1, 2]), "_x": flags}
    pairs = {"x": np.array([[3, 3], [4, 4]]), "_x": flags}
    both = merged(ints, pairs, where=np.array([False, True]))["x"]
    assert [np.asarray(row).tolist() for row in both] == [1, [4, 4]]


def test_columns_without_flags_are_not_made_to_fit() -> None:
    """They are of the user's own rows, and what does not fit in them is an error of the buffer."""
    stored, block = Batch(x=np.array([1, 2])), Batch(x=np.zeros((1, 2, 3)))
    make_fit(stored, block)
    assert (stored.x.dtype, block.x.dtype) == (int, float)


@MODES
def test_the_info_of_a_step_does_not_stay_where_a_reset_has_none(mode: Any) -> None:
    _, buffer = collected(telling(lambda t: {"t": t} if t else {}), mode, 2, 3)
    rows: Any = buffer[:]
    assert rows.obs_info._t.tolist() == (rows.obs[:, 2] > 0).tolist() and rows.info._t.all()


class Lists(Masked):
    """The masked world, which gives its mask as a list of numbers."""

    def told(self) -> tuple[int, dict[str, Any]]:
        return self.state, {"action_mask": MASKS[self.state].tolist()}


@MODES
def test_lists_of_numbers_reach_the_actor_as_one_array_like_those_of_arrays(mode: Any) -> None:
    """Gymnasium makes an array of objects of them, v1.1.0 an array of numbers."""
    learned = []
    for world in Masked, Lists:
        torch.manual_seed(0)
        np.random.seed(0)
        policy = make_policy(MaskedTable(LOGITS), world.action_space)
        envs = SyncVectorEnv([world] * 2, autoreset_mode=mode)
        collector = Collector(policy, envs, VectorReplayBuffer(20, 2))
        collector.collect(n_episode=4)
        with policy_within_training_step(policy):
            policy.update(0, collector.buffer, batch_size=None, repeat=1)
        learned.append(policy.state_dict()["actor.logits"])
    assert torch.equal(*learned)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_the_statistics_of_a_vector_wrapper_are_in_the_row_that_ends_the_episode(
    mode: Any,
) -> None:
    """In DISABLED mode Gymnasium 1.4's wrapper starts anew in every environment at each reset."""
    if mode is AutoresetMode.SAME_STEP and Version(gym.__version__) < Version("1.4"):
        pytest.skip("before Gymnasium 1.4 its wrapper counts one step too few in this mode")
    envs = gym.wrappers.vector.RecordEpisodeStatistics(
        SyncVectorEnv([partial(Counter, n, [2 + n]) for n in (0, 1)], autoreset_mode=mode)
    )
    policy = make_policy(ConstantLogits(np.zeros(2)), envs.single_action_space)
    collector = Collector(policy, envs, VectorReplayBuffer(40, 2))
    collector.collect(n_episode=4)
    rows: Any = collector.buffer[:]
    assert rows.info.episode.l[rows.done].tolist() == [2, 2, 3, 3]
    assert rows.info["_episode"].tolist() == rows.done.tolist()
