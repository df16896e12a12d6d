"""RecurrentPGPolicy: whole episodes in order, with the state that acted, or an error.

The oracles: the log-probabilities noted while acting; the loss written as a plain loop over one
episode after the other, in float64; the exact expected return of a small world, as a sum over all
its episodes.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.distributions import Normal

from pg_edu import (
    Batch,
    Collector,
    LeaveOneOut,
    PGPolicy,
    Recurrent,
    RecurrentPGPolicy,
    ReplayBuffer,
    VectorReplayBuffer,
    policy_within_training_step,
)
from pg_edu.trainer import collect_and_update
from tests.helpers import counters, make_policy

pytestmark = pytest.mark.filterwarnings("ignore:the actor returns a hidden state")

Episode = list[tuple[Any, int, float]]  # (observation [O], action, reward) of each step


class Elman(nn.Module):
    """A recurrent network in float64: h' = tanh(o W + h U + c), and logits h' V."""

    W: Tensor
    U: Tensor
    c: Tensor
    V: Tensor

    def __init__(
        self,
        obs_size: int = 1,
        pack: Callable[[Tensor], Any] = lambda h: h,
        unpack: Callable[[Any], Tensor] = lambda state: state,
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        for name, shape in {"W": (obs_size, 3), "U": (3, 3), "c": (3,), "V": (3, 2)}.items():
            weights = torch.randn(shape, generator=generator, dtype=torch.float64)
            self.register_parameter(name, nn.Parameter(weights))
        self.pack, self.unpack = pack, unpack

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        """Return the logits [B, 2] and the packed state [B, 3]."""
        h = torch.zeros(len(obs), 3, dtype=torch.float64)
        if state is not None:
            h = self.unpack(state)
        h = torch.tanh(torch.as_tensor(obs).double() @ self.W + h @ self.U + self.c)
        return h @ self.V, self.pack(h)


def log_probs_by_hand(actor: Elman, episode: Episode) -> list[Tensor]:
    """Return the log-probability of each action, from the equations of `Elman`."""
    h = torch.zeros(3, dtype=torch.float64)
    found = []
    for obs, act, _ in episode:
        h = torch.tanh(torch.as_tensor(obs, dtype=torch.float64) @ actor.W + h @ actor.U + actor.c)
        found.append((h @ actor.V).log_softmax(0)[act])
    return found


def loss_by_hand(actor: Elman, episodes: list[Episode]) -> Tensor:
    """Return -mean over all steps of log π Gₜ, one episode after the other."""
    terms = []
    for episode in episodes:
        rewards = [rew for _, _, rew in episode]
        for t, log_prob in enumerate(log_probs_by_hand(actor, episode)):
            terms.append(-log_prob * sum(rewards[t:]))
    return torch.stack(terms).mean()


def gradient_of(actor: nn.Module, value: Tensor) -> dict[str, Any]:
    names, parameters = zip(*actor.named_parameters(), strict=True)
    gradients = torch.autograd.grad(value, parameters)
    return dict(zip(names, (g.numpy() for g in gradients), strict=True))


def recurrent(actor: nn.Module, kind: Any = RecurrentPGPolicy, **kwargs: Any) -> PGPolicy[Any]:
    return make_policy(actor, kind=kind, **({"discount_factor": 1.0} | kwargs))


def stored(episodes: list[Episode], size: int = 50) -> ReplayBuffer:
    """Return a buffer with these episodes, one after the other."""
    buffer = ReplayBuffer(size)
    for episode in episodes:
        for t, (obs, act, rew) in enumerate(episode):
            flags = {"terminated": t == len(episode) - 1, "truncated": False}
            buffer.add(Batch(obs=np.array(obs, np.float64), act=act, rew=rew, **flags))
    return buffer


def update(policy: PGPolicy[Any], buffer: ReplayBuffer, sample_size: Any = 0, **kwargs: Any) -> Any:
    with policy_within_training_step(policy):
        return policy.update(sample_size, buffer, **({"batch_size": None, "repeat": 1} | kwargs))


def step_taken(policy: PGPolicy[Any], buffer: ReplayBuffer, **kwargs: Any) -> dict[str, Any]:
    """Return what an update with SGD at lr = 1 subtracts from each parameter: the gradient."""
    before = {name: p.detach().numpy().copy() for name, p in policy.actor.named_parameters()}
    update(policy, buffer, **kwargs)
    after = policy.actor.named_parameters()
    return {name: before[name] - parameter.detach().numpy() for name, parameter in after}


def assert_equal(found: dict[str, Any], expected: dict[str, Any], rtol: float = 1e-9) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=rtol, atol=1e-12, err_msg=name)


def assert_unchanged(policy: PGPolicy[Any], change: Callable[[], object], match: str) -> None:
    """Require an error that matches, and a policy that is as it was."""
    before = [parameter.tolist() for parameter in policy.parameters()]
    statistics = policy.get_extra_state()
    with pytest.raises(ValueError, match=match):
        change()
    assert [parameter.tolist() for parameter in policy.parameters()] == before
    assert policy.get_extra_state() == statistics


# The log-probabilities and the gradient


class Notes(RecurrentPGPolicy):
    """A policy that stores the log-probability of each action while it acts."""

    def forward(self, batch: Any, state: Any = None, **kwargs: Any) -> Any:
        result: Any = super().forward(batch, state, **kwargs)
        result.policy = Batch(log_prob=result.dist.log_prob(result.act).detach())
        return result


@pytest.mark.parametrize("mode", AutoresetMode, ids=lambda mode: mode.name)
def test_the_log_probabilities_are_those_of_the_policy_that_acted(mode: AutoresetMode) -> None:
    """Loss = -mean of the noted log π times Gₜ; with rewards 1, ..., L, Gₜ is Σₖ₌ₜ (k + 1).

    Seven episodes of three environments, of one to five steps; the later episodes of an environment
    begin with a state of zeros. The float32 network computes rows in batches of other sizes here.
    """
    torch.manual_seed(0)
    policy = recurrent(Recurrent(1, 3, 2, hidden_layer_size=8), kind=Notes)
    buffer = VectorReplayBuffer(60, 3)
    Collector(policy, counters(mode), buffer).collect(n_episode=7)
    rows = buffer[:]
    ends = np.flatnonzero(rows.done)
    lengths = np.diff(ends, prepend=-1)
    returns = np.concatenate([np.cumsum(np.arange(n, 0, -1))[::-1] for n in lengths])
    assert len(ends) == 7 and len(set(lengths)) > 2
    expected = -(np.asarray(rows.policy.log_prob, float) * returns).mean()
    assert update(policy, buffer).loss.mean == pytest.approx(expected, rel=1e-6)


a_step = st.tuples(st.floats(-2, 2).map(lambda x: [x]), st.integers(0, 1), st.integers(-3, 3))
some_episodes = st.lists(st.lists(a_step, min_size=1, max_size=6), min_size=1, max_size=5)


@settings(max_examples=50, deadline=None)
@given(some_episodes)
def test_the_gradient_is_that_of_one_episode_after_the_other(episodes: list[Episode]) -> None:
    actor = Elman()
    expected = gradient_of(actor, loss_by_hand(actor, episodes))
    assert_equal(step_taken(recurrent(actor), stored(episodes)), expected)


EPISODES: list[Episode] = [
    [([1.0], 1, 0.0), ([0.5], 0, 2.0), ([0.0], 1, -1.0)],
    [([-1.0], 0, 3.0)],
    [([0.3], 1, 1.0), ([-2.0], 1, 1.0), ([0.7], 0, 0.0), ([0.1], 0, 5.0)],
    [([2.0], 0, -2.0), ([1.5], 1, 4.0)],
]
FORMS: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]] = {
    "tuple": (lambda h: (h, -h), lambda state: -state[1]),
    "dict": (lambda h: {"h": h, "unused": None}, lambda state: state.h),
    "tuple in a dict": (lambda h: {"lstm": (-h, h)}, lambda state: state["lstm"][1]),
    "Batch in a Batch": (lambda h: Batch(a=Batch(h=h)), lambda state: state.a.h),
    "one more axis": (lambda h: h[:, None], lambda state: state[:, 0]),
    "with a number of steps": (lambda h: (h, torch.ones(len(h), 1).int()), lambda state: state[0]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_state_may_have_any_form_with_the_episodes_on_axis_0(form: str) -> None:
    actor = Elman(1, *FORMS[form])
    expected = gradient_of(actor, loss_by_hand(actor, EPISODES))
    assert_equal(step_taken(recurrent(actor), stored(EPISODES)), expected)


def test_the_rows_may_come_in_any_order() -> None:
    """`sample_size=None` samples every row of a ReplayBuffer once, in random order."""
    actor = Elman()
    expected = gradient_of(actor, loss_by_hand(actor, EPISODES))
    assert_equal(step_taken(recurrent(actor), stored(EPISODES), sample_size=None), expected)


def test_an_unfinished_episode_counts_up_to_its_newest_row() -> None:
    buffer = stored(EPISODES[:2])
    for obs, act, rew in EPISODES[2]:
        flags = {"terminated": False, "truncated": False}
        buffer.add(Batch(obs=np.array(obs), act=act, rew=rew, **flags))
    actor = Elman()
    expected = gradient_of(actor, loss_by_hand(actor, EPISODES[:3]))
    assert_equal(step_taken(recurrent(actor), buffer), expected)


def test_dict_observations_are_carried_along() -> None:
    class OfTwo(Elman):
        def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
            return super().forward(np.stack([obs.a, obs.b], axis=1), state)

    actor = OfTwo(2)
    buffer = ReplayBuffer(20)
    pairs: list[Episode] = [
        [([o, t], act, rew) for t, ([o], act, rew) in enumerate(e)] for e in EPISODES
    ]
    for episode in pairs:
        for t, ((a, b), act, rew) in enumerate(episode):
            flags = {"terminated": t == len(episode) - 1, "truncated": False}
            buffer.add(Batch(obs={"a": a, "b": float(b)}, act=act, rew=rew, **flags))
    expected = gradient_of(actor, loss_by_hand(actor, pairs))
    assert_equal(step_taken(recurrent(actor), buffer), expected)


def test_log_probabilities_of_each_dimension_are_averaged_as_in_pg_policy() -> None:
    """Normal without Independent has log_prob [B, A]; the state is the mean of the next action."""

    class Echo(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.tensor([0.5, 2.0]))

        def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
            total = torch.as_tensor(obs) + (0.0 if state is None else state)
            return (self.gain * total, torch.ones(len(total), 2)), total

    buffer = ReplayBuffer(3)
    obs = np.array([[1.0], [2.0], [4.0]], np.float32)
    act = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], np.float32)
    for t in range(3):
        flags = {"terminated": t == 2, "truncated": False}
        buffer.add(Batch(obs=obs[t], act=act[t], rew=1.0, **flags))
    space = Box(-1, 1, (2,))
    options: dict[str, Any] = {"dist_fn": lambda x: Normal(*x), "action_bound_method": None}
    policy = recurrent(Echo(), action_space=space, **options)
    with pytest.warns(UserWarning, match="log_prob has shape"):
        loss = update(policy, buffer).loss.mean
    mean = np.array([[0.5, 2.0]]) * np.array([[1.0], [3.0], [7.0]])
    log_prob = -((act - mean) ** 2) / 2 - np.log(2 * np.pi) / 2
    assert loss == pytest.approx(-(log_prob * np.array([[3.0], [2.0], [1.0]])).mean(), rel=1e-6)


def test_an_actor_without_memory_learns_what_it_learns_in_pg_policy() -> None:
    def forget(state: Any) -> Any:
        return torch.zeros(len(state), 3, dtype=torch.float64)

    policies = [recurrent(Elman(1, forget), kind=kind) for kind in (RecurrentPGPolicy, PGPolicy)]
    found, expected = [step_taken(policy, stored(EPISODES)) for policy in policies]
    assert_equal(found, expected, rtol=1e-7)


class Both(RecurrentPGPolicy, LeaveOneOut):
    """A policy for actors with memory that subtracts a leave-one-out baseline."""


class BothInReverse(LeaveOneOut, RecurrentPGPolicy):
    """The same, with the two classes in the other order."""


@pytest.mark.parametrize("kind", [Both, BothInReverse])
def test_leave_one_out_can_be_added(kind: type[PGPolicy[Any]]) -> None:
    """g = (1/N) Σ ∇log π (Gᵢₜ - bᵢₜ), where bᵢₜ is the mean over the others, 0 after their end."""
    actor, N = Elman(), len(EPISODES)
    G = [[sum(rew for _, _, rew in e[t:]) for t in range(len(e))] + [0.0] * 9 for e in EPISODES]
    terms = []
    for i, episode in enumerate(EPISODES):
        for t, log_prob in enumerate(log_probs_by_hand(actor, episode)):
            baseline = sum(G[j][t] for j in range(N) if j != i) / (N - 1)
            terms.append(-log_prob * (G[i][t] - baseline) / N)
    expected = gradient_of(actor, torch.stack(terms).sum())
    assert_equal(step_taken(recurrent(actor, kind=kind), stored(EPISODES)), expected, rtol=1e-5)


# The exact gradient of a small world


def all_episodes() -> Iterator[Episode]:
    """Yield the episodes of two steps: a cue of -1 or 1, a blank, and a reward for recalling it."""
    for cue, first, second in itertools.product((-1.0, 1.0), (0, 1), (0, 1)):
        yield [([cue], first, 0.0), ([0.0], second, 3.0 * (2 * second - 1 == cue))]


def expected_step(kind: Any) -> dict[str, Any]:
    """Return the expectation of the sum over steps: Σ P(episode) · (its mean over steps) · 2."""
    total: dict[str, Any] = {}
    for episode in all_episodes():
        actor = Elman()
        probability = 0.5 * torch.stack(log_probs_by_hand(actor, episode)).sum().exp().item()
        step = step_taken(recurrent(actor, kind=kind), stored([episode]))
        total = {name: total.get(name, 0) + 2 * probability * g for name, g in step.items()}
    return total


def exact_gradient() -> dict[str, Any]:
    """Return the gradient of -J = -Σ P(episode) · its return."""
    actor = Elman()
    terms = []
    for episode in all_episodes():
        probability = 0.5 * torch.stack(log_probs_by_hand(actor, episode)).sum().exp()
        terms.append(-probability * sum(rew for _, _, rew in episode))
    return gradient_of(actor, torch.stack(terms).sum())


def test_the_expected_step_is_the_exact_policy_gradient() -> None:
    assert_equal(expected_step(RecurrentPGPolicy), exact_gradient())


def test_the_expected_step_of_pg_policy_is_not_the_policy_gradient() -> None:
    """It has no gradient of U, which carries the memory, and another one of W."""
    found, exact = expected_step(PGPolicy), exact_gradient()
    assert np.abs(exact["U"]).max() > 0.05
    assert np.abs(found["U"]).max() == 0
    assert np.abs(found["W"] - exact["W"]).max() > 0.05


class Recall(gym.Env[Any, Any]):
    """An environment that shows -1 or 1 once; the third action must be 0 or 1 accordingly."""

    observation_space, action_space = Box(-1, 1, (1,)), Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.cue, self.t = int(self.np_random.choice([-1, 1])), 0
        return np.array([self.cue], np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        right = self.t == 3 and 2 * action - 1 == self.cue
        return np.zeros(1, np.float32), float(right), self.t == 3, False, {}


def learn_to_recall(kind: type[PGPolicy[Any]], seed: int) -> float:
    """Train for 40 updates of 64 episodes; return the share of right answers in the last 5."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    actor = Recurrent(1, 1, 2, hidden_layer_size=8)
    policy = recurrent(actor, kind=kind, optim=torch.optim.Adam(actor.parameters(), lr=0.05))
    buffer = VectorReplayBuffer(64 * 3, 64)
    collector = Collector(policy, SyncVectorEnv([Recall] * 64), buffer)
    collector.reset(gym_reset_kwargs={"seed": 1000 * seed})
    shares = []
    for _ in range(40):
        shares.append(collector.collect(n_episode=64).returns.mean())
        update(policy, buffer)
        buffer.reset()
    return float(np.mean(shares[-5:]))


@pytest.mark.slow
def test_a_task_that_needs_memory_is_solved_with_it_and_not_without() -> None:
    """Without the memory in `learn` the answer stays a coin, with the same actor and seeds."""
    for seed in range(3):
        assert learn_to_recall(RecurrentPGPolicy, seed) > 0.95
        assert 0.4 < learn_to_recall(PGPolicy, seed) < 0.6


# Minibatches


class Recorder(RecurrentPGPolicy):
    """A policy that records the observations in each of its minibatches."""

    def _loss(self, minibatch: Any) -> Tensor:
        self.__dict__.setdefault("seen", []).append(sorted(minibatch.obs[:, 0].tolist()))
        return super()._loss(minibatch)


def numbered(*lengths: int) -> ReplayBuffer:
    """Return episodes of these lengths, whose observations number their rows."""
    numbers = iter(range(100))
    return stored([[([next(numbers)], 0, 1.0) for _ in range(length)] for length in lengths])


@pytest.mark.parametrize(
    ("batch_size", "count"), [(None, 1), (0, 1), (-1, 1), (1, 4), (9, 1), (10, 1), (11, 1)]
)
def test_a_minibatch_holds_whole_episodes(batch_size: int | None, count: int) -> None:
    policy: Any = recurrent(Elman(), kind=Recorder)
    update(policy, numbered(3, 1, 4, 2), batch_size=batch_size, repeat=2)
    assert len(policy.seen) == 2 * count
    whole = [[0, 1, 2], [3], [4, 5, 6, 7], [8, 9]]
    for rows in policy.seen:
        assert all(set(e) <= set(rows) or not set(e) & set(rows) for e in whole)
    for one_pass in (policy.seen[:count], policy.seen[count:]):
        assert sorted(itertools.chain(*one_pass)) == list(range(10))


def test_a_minibatch_has_at_least_batch_size_rows_and_a_remainder_joins_the_last() -> None:
    """Ten episodes of two rows: a minibatch of 5 rows or more has three; the last one has four."""
    policy: Any = recurrent(Elman(), kind=Recorder)
    update(policy, numbered(*[2] * 10), batch_size=5, repeat=1)
    assert [len(rows) for rows in policy.seen] == [6, 6, 8]


def test_episodes_are_shuffled_again_in_each_pass() -> None:
    np.random.seed(0)
    policy: Any = recurrent(Elman(), kind=Recorder)
    update(policy, numbered(*[1] * 8), batch_size=1, repeat=2)
    assert policy.seen[:8] != policy.seen[8:] and policy.seen[:8] != sorted(policy.seen[:8])


@pytest.mark.parametrize("batch_size", [None, 1, 4])
def test_a_trainer_counts_the_steps_of_the_optimizer(batch_size: int | None) -> None:
    """The episodes have 2, 3, 4, 5 and 3 rows, so there are not 17 / batch_size minibatches."""
    policy = recurrent(Elman(3))
    taken: list[None] = []
    policy.optim.register_step_post_hook(lambda *_: taken.append(None))
    collector = Collector(policy, counters(), VectorReplayBuffer(60, 3))
    _, _, steps = collect_and_update(
        policy, collector, n_episode=5, batch_size=batch_size, repeat=3
    )
    assert steps == len(taken)


def test_the_checks_of_the_actor_do_not_move_the_generator_of_torch() -> None:
    """The first `learn` of a policy makes more checks than the second."""
    states = []
    for number_of_learns in (1, 2):
        policy = recurrent(Elman(), lr=0.0)
        for _ in range(number_of_learns):
            torch.manual_seed(0)
            update(policy, stored(EPISODES))
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


# What is refused


def test_an_episode_that_began_before_a_reset_of_the_buffer_is_refused() -> None:
    """Steps 0 to 3 were discarded, and the episode goes on."""
    policy = recurrent(Elman(3))
    buffer = VectorReplayBuffer(20, 2)
    collector = Collector(policy, counters(lengths=[(5,), (4,)]), buffer)
    collector.collect(n_step=8)
    collector.reset_buffer(keep_statistics=True)
    collector.collect(n_step=8)
    message = r"part of an episode without its first steps.*\(n_episode=\).*\(sample_size=0\)"
    assert_unchanged(policy, lambda: update(policy, buffer), message)


def test_an_episode_whose_beginning_was_overwritten_is_refused() -> None:
    policy = recurrent(Elman(), reward_normalization=True)
    buffer = stored(EPISODES, size=8)
    assert_unchanged(policy, lambda: update(policy, buffer), "without its first steps")
    whole = stored(EPISODES[:1] + EPISODES[2:], size=6)
    update(policy, whole)  # here the first episode is overwritten as a whole


def test_a_part_of_the_rows_is_refused() -> None:
    policy, buffer = recurrent(Elman()), stored(EPISODES)
    for rows in ([1, 2], [0, 1], [4, 5, 6]):
        indices = np.array(rows)
        message = "without its first steps|no successor"
        assert_unchanged(policy, lambda i=indices: policy.process_fn(buffer[i], buffer, i), message)  # type: ignore[misc]


def test_a_row_that_was_sampled_twice_is_refused() -> None:
    policy, buffer = recurrent(Elman()), stored(EPISODES)
    twice = np.array([3, 3])
    message = r"2 rows were sampled, but only 1 different.*sample_size=0"
    assert_unchanged(policy, lambda: policy.process_fn(buffer[twice], buffer, twice), message)


def test_the_episodes_of_two_environments_in_one_sub_buffer_are_refused() -> None:
    """The first of them is unfinished, so its rows run into those of the second."""
    source = VectorReplayBuffer(8, 2)
    for t in range(2):
        row = Batch(obs=np.ones((2, 1)), act=[0, 1], rew=[1.0, 1.0])
        row.update(terminated=[False, t == 1], truncated=[False, False])
        source.add(row)
    policy, buffer = recurrent(Elman()), ReplayBuffer(8)
    buffer.update(source)
    assert_unchanged(policy, lambda: update(policy, buffer), "without its first steps")


@pytest.mark.parametrize("rows", [[0, 2], [1, 2], [0, 0, 1, 2]], ids=str)
def test_learn_refuses_parts_of_episodes(rows: list[int]) -> None:
    policy, buffer = recurrent(Elman()), stored(EPISODES[:1])
    ready: Any = policy.process_fn(buffer[:], buffer, np.arange(3))
    assert_unchanged(policy, lambda: policy.learn(ready[rows], None, 1), "parts of episodes")


def test_learn_refuses_rows_without_their_places() -> None:
    policy = recurrent(Elman())
    batch: Any = Batch(obs=np.ones((2, 1)), act=np.zeros(2, int), returns=np.ones(2))
    assert_unchanged(policy, lambda: policy.learn(batch, None, 1), "call process_fn first")
    batch.episode_number = np.zeros(2, int)
    assert_unchanged(policy, lambda: policy.learn(batch, None, 1), "call process_fn first")


class Starts(Elman):
    """An actor with a start state of its own, which it learns."""

    def __init__(self, start: float, from_zeros_too: bool = False) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.full((3,), start, dtype=torch.float64))
        self.from_zeros_too = from_zeros_too

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        if state is None:
            state = torch.zeros(len(obs), 3, dtype=torch.float64)
            is_start = torch.ones(len(obs), 1).bool()
        else:
            is_start = (state == 0).all(1, keepdim=True) & self.from_zeros_too
        return super().forward(obs, torch.where(is_start, self.start, state))


def test_an_actor_that_starts_from_none_as_from_no_state_of_zeros_is_refused() -> None:
    """The collector hands it None after a reset, and zeros where a later episode begins."""
    policy = recurrent(Starts(1.0))
    message = "starts differently from state=None and from a state of zeros"
    assert_unchanged(policy, lambda: update(policy, stored(EPISODES)), message)


def test_a_learned_start_is_refused_as_soon_as_it_is_not_zero() -> None:
    policy = recurrent(Starts(0.0))
    update(policy, stored(EPISODES))
    message = "starts differently from state=None and from a state of zeros"
    assert_unchanged(policy, lambda: update(policy, stored(EPISODES)), message)


def test_a_learned_start_that_also_stands_for_zeros_is_learned() -> None:
    actor = Starts(1.0, from_zeros_too=True)
    policy = recurrent(actor)
    for _ in range(2):
        update(policy, stored(EPISODES))
    assert (actor.start != 1.0).all()


DETACHED = {
    "tensor": (lambda h: h.detach(), lambda state: state),
    "array": (lambda h: h.detach().numpy(), torch.as_tensor),
    "one of two": (lambda h: (h, h.detach()), lambda state: (state[0] + state[1]) / 2),
}


@pytest.mark.parametrize("form", DETACHED)
def test_a_detached_state_is_refused(form: str) -> None:
    """The loss would be right, and its gradient would lack every path through time."""
    actor = Elman(1, *DETACHED[form])
    policy = recurrent(actor)
    assert_unchanged(policy, lambda: update(policy, stored(EPISODES)), "detaches its hidden state")


def test_a_detached_state_is_refused_where_it_depends_on_the_parameters_only_later() -> None:
    """With c = 0 and a first observation of 0, the first state is 0 whatever the weights are."""
    actor = Elman(1, lambda h: h.detach())
    del actor.c
    actor.register_buffer("c", torch.zeros(3, dtype=torch.float64))
    late: list[Episode] = [[([0.0], 1, 1.0), ([1.0], 1, 1.0), ([0.0], 0, 1.0)]]
    policy = recurrent(actor)
    assert_unchanged(policy, lambda: update(policy, stored(late)), "detaches its hidden state")


def test_a_state_that_does_not_depend_on_the_parameters_needs_no_gradient() -> None:
    """-mean(log σ(w Σo) G) for an actor that adds up its observations, with w = 1."""

    class Adds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.ones(()))

        def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
            total = torch.as_tensor(obs) + (0.0 if state is None else state)
            return torch.cat([torch.zeros_like(total), self.w * total], dim=1), total

    episode: Episode = [([1.0], 1, 1.0), ([2.0], 1, 1.0)]
    loss = update(recurrent(Adds()), stored([episode])).loss.mean
    expected = (2 * np.log1p(np.exp(-1.0)) + np.log1p(np.exp(-3.0))) / 2
    assert loss == pytest.approx(expected, rel=1e-6)


def test_a_frozen_memory_needs_no_gradient() -> None:
    actor = Elman()
    for parameter in (actor.W, actor.U, actor.c):
        parameter.requires_grad_(False)
    policy = recurrent(actor)
    taken = step_taken(policy, stored(EPISODES))
    assert np.abs(taken["V"]).max() > 0 and not np.any(taken["U"])


@pytest.mark.parametrize(
    ("pack", "message"),
    [
        (lambda h: h.T, r"the 4 episodes on axis 0, got shape \[3, 4\]"),
        (lambda h: (h, 7), "state holds a int, 7, which has no row for each of the 4 episodes"),
    ],
    ids=["another axis", "a number"],
)
def test_a_state_without_a_row_for_each_episode_is_refused(pack: Any, message: str) -> None:
    policy = recurrent(Elman(1, pack))
    assert_unchanged(policy, lambda: update(policy, stored(EPISODES)), message)


@pytest.mark.parametrize(("start", "is_refused"), [(1e-9, False), (1e-2, True)])
def test_a_start_may_differ_by_rounding_only(start: float, is_refused: bool) -> None:
    policy = recurrent(Starts(start))
    try:
        update(policy, stored(EPISODES))
    except ValueError as error:
        assert is_refused and "starts differently" in str(error)
    else:
        assert not is_refused


class StartsApart(Elman):
    """An actor whose output, or state, is another one if its state is None."""

    def __init__(self, output: float = 0.0, state: float = 0.0) -> None:
        super().__init__()
        self.output, self.state = output, state

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        logits, h = super().forward(obs, state)
        if state is not None:
            return logits, h
        return logits + torch.tensor([self.output, 0.0]), h + self.state


@pytest.mark.parametrize("apart", [{"output": 0.1}, {"state": 0.1}], ids=str)
def test_a_start_that_differs_in_output_or_state_alone_is_refused(apart: Any) -> None:
    policy = recurrent(StartsApart(**apart))
    assert_unchanged(policy, lambda: update(policy, stored(EPISODES)), "starts differently")


def test_the_start_is_examined_with_the_parameters_that_acted() -> None:
    """After the first step the start of this actor is not 0, and the second pass is taken too."""
    actor = Starts(0.0)
    update(recurrent(actor), stored(EPISODES), repeat=2)
    assert (actor.start != 0).any()


@pytest.mark.parametrize(
    "count",
    [
        lambda h: torch.ones(len(h)),
        lambda h: torch.full((len(h),), torch.nan),
        lambda h: (h * 1e6).long(),
    ],
    ids=["float", "NaN", "integer"],
)
def test_a_part_of_a_state_that_counts_needs_no_gradient_beside_one_that_learns(
    count: Any,
) -> None:
    """The integer depends on the parameters, but cannot have a gradient."""
    expected = step_taken(recurrent(Elman()), stored(EPISODES))
    actor = Elman(1, lambda h: (h, count(h)), lambda state: state[0])
    assert_equal(step_taken(recurrent(actor), stored(EPISODES)), expected)


def test_a_state_that_loses_rows_at_a_later_step_is_refused() -> None:
    """One row would be taken for the memory of all episodes."""

    class Loses(Elman):
        def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
            logits, h = super().forward(obs, state)
            return logits, h if state is None else h[:1]

    policy = recurrent(Loses())
    message = r"the 3 episodes on axis 0, got shape \[1, 3\]"
    assert_unchanged(policy, lambda: update(policy, stored(EPISODES)), message)


@pytest.mark.parametrize("form", ["tensor", "tuple"])
def test_an_actor_may_add_each_step_to_its_state(form: str) -> None:
    """-mean(log σ(w Σo) G), as for an actor that adds up its observations."""

    class Appends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.ones(()))

        def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
            seen: Any = (torch.as_tensor(obs), *(() if state is None else state))
            if form == "tensor":
                earlier = [] if state is None else [state]
                seen = torch.cat([*earlier, torch.as_tensor(obs)], dim=1)
            total = self.w * sum(seen if form == "tuple" else seen.T.unsqueeze(-1))
            return torch.cat([torch.zeros_like(total), total], dim=1), seen

    episode: Episode = [([1.0], 1, 1.0), ([2.0], 1, 1.0)]
    loss = update(recurrent(Appends()), stored([episode])).loss.mean
    expected = (2 * np.log1p(np.exp(-1.0)) + np.log1p(np.exp(-3.0))) / 2
    assert loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.filterwarnings("ignore:the actor has batch norm")
def test_the_checks_leave_the_running_statistics_of_the_actor_alone() -> None:
    """The loss asks the actor once for each step of the longest episode; the checks ask too."""

    class Normalizes(Elman):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(1, momentum=None)

        def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
            return super().forward(self.norm(torch.as_tensor(obs, dtype=torch.float)), state)

    actor = Normalizes()
    two: list[Episode] = [[([1.0], 0, 1.0), ([2.0], 1, 1.0), ([0.0], 1, 0.5)]] * 2
    update(recurrent(actor), stored(two))
    assert actor.norm.num_batches_tracked == 3


def test_process_fn_that_refuses_an_episode_keeps_no_statistics_of_it() -> None:
    policy, buffer = recurrent(Elman(), reward_normalization=True), stored(EPISODES)
    tail = np.array([1, 2])
    refused = "without its first steps"
    assert_unchanged(policy, lambda: policy.process_fn(buffer[tail], buffer, tail), refused)


def test_minibatches_of_episodes_of_any_lengths_are_large_enough_and_lose_no_row() -> None:
    for seed in range(10):
        np.random.seed(seed)
        policy: Any = recurrent(Elman(), kind=Recorder)
        update(policy, numbered(3, 1, 4, 1, 1), batch_size=4, repeat=1)
        assert min(map(len, policy.seen)) >= 4
        assert sorted(itertools.chain(*policy.seen)) == list(range(10))


def test_rows_in_any_order_of_episodes_of_one_length_keep_their_own_memory() -> None:
    episodes = [EPISODES[0], EPISODES[2][:3]]
    actor, buffer = Elman(), stored(episodes)
    expected = gradient_of(actor, loss_by_hand(actor, episodes))
    policy = recurrent(actor)
    before = {name: p.detach().numpy().copy() for name, p in actor.named_parameters()}
    order = np.array([3, 1, 4, 0, 2, 5])
    ready: Any = policy.process_fn(buffer[order], buffer, order)
    policy.learn(ready, None, 1)
    taken = {name: before[name] - p.detach().numpy() for name, p in actor.named_parameters()}
    assert_equal(taken, expected)
