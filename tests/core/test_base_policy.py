"""BasePolicy: the order of an update, schedulers, spaces, advantages and n-step returns.

The oracles: sums written out, and numbers computed by hand.
"""

import copy

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn

from pg_edu import (
    BasePolicy,
    Batch,
    MultipleLRSchedulers,
    PGPolicy,
    ReplayBuffer,
    TrainingStats,
    policy_within_training_step,
    torch_train_mode,
)
from tests.helpers import ConstantLogits, bandit_policy, filled, make_policy


class Minimal(BasePolicy):
    """A policy that defines only what a subclass must define."""

    def forward(self, batch, state=None, **kwargs):
        return Batch(act=np.zeros(len(batch.obs)), state=state)

    def learn(self, batch, *args, **kwargs):
        return TrainingStats()


# update


def test_only_learn_sees_train_mode_but_process_fn_sees_updating_too():
    class Spy(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            seen["process_fn"] = self.training, self.updating
            return super().process_fn(batch, buffer, indices)

        def learn(self, batch, batch_size, repeat, *args, **kwargs):
            seen["learn"] = self.training, self.updating
            return super().learn(batch, batch_size, repeat)

    seen: dict[str, tuple[bool, bool]] = {}
    policy = bandit_policy(kind=Spy)
    policy.eval()
    with policy_within_training_step(policy):
        policy.update(0, filled(ReplayBuffer(1), [1], [True]), batch_size=None, repeat=1)
    assert seen == {"process_fn": (False, True), "learn": (True, True)}
    assert (policy.training, policy.updating) == (False, False)


def test_an_update_outside_of_a_training_step_is_an_error_that_says_what_to_write():
    policy = bandit_policy()
    with pytest.raises(RuntimeError, match="policy_within_training_step"):
        policy.update(0, filled(ReplayBuffer(1), [1], [True]), batch_size=None, repeat=1)
    assert torch.equal(policy.actor.logits, torch.zeros(3, dtype=torch.float64))


def test_an_update_without_a_buffer_changes_nothing():
    policy = bandit_policy()
    policy.lr_scheduler = torch.optim.lr_scheduler.ExponentialLR(policy.optim, gamma=0.5)
    with policy_within_training_step(policy):
        assert policy.update(0, None, batch_size=None, repeat=1) == TrainingStats()
    assert policy.optim.param_groups[0]["lr"] == 1.0


def test_several_schedulers_step_together_and_their_states_are_restored_in_order():
    """One step takes the learning rates from 1 to 1/2 and from 1 to 1/10."""
    optims = [torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0) for _ in range(2)]
    schedulers = [
        torch.optim.lr_scheduler.ExponentialLR(optim, gamma=gamma)
        for optim, gamma in zip(optims, (0.5, 0.1), strict=True)
    ]
    both = MultipleLRSchedulers(*schedulers)
    for optim in optims:
        optim.step()
    both.step()
    assert [optim.param_groups[0]["lr"] for optim in optims] == [0.5, 0.1]
    state = copy.deepcopy(both.state_dict())
    both.step()
    both.load_state_dict(state)
    assert [scheduler.get_last_lr() for scheduler in schedulers] == [[0.5], [0.1]]
    with pytest.raises(ValueError, match="1 states for 2 schedulers"):
        both.load_state_dict(state[:1])


def test_the_weight_of_a_batch_goes_to_a_buffer_with_update_weight():
    class Prioritized(ReplayBuffer):
        def update_weight(self, indices, weight):
            given.append((indices.tolist(), weight))

    class Weighing(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            batch.weight = "heavy"
            return super().process_fn(batch, buffer, indices)

    given: list[tuple[list[int], str]] = []
    policy = bandit_policy(kind=Weighing)
    with policy_within_training_step(policy):
        for kind in (ReplayBuffer, Prioritized):
            policy.update(0, filled(kind(2), [1, 1], [True] * 2), batch_size=None, repeat=1)
    assert given == [([0, 1], "heavy")]


def test_a_soft_update_moves_the_target_by_tau():
    """tgt <- τ src + (1 - τ) tgt: 0.25 · 8 + 0.75 · 4 = 5."""
    target = nn.Linear(1, 1)
    source = nn.Linear(1, 1)
    nn.init.constant_(target.weight, 4.0)
    nn.init.constant_(source.weight, 8.0)
    bandit_policy().soft_update(target, source, tau=0.25)
    assert (target.weight.item(), source.weight.item()) == (5.0, 8.0)


def test_torch_train_mode_restores_the_mode_of_every_submodule():
    """A frozen BatchNorm stays frozen after the block."""
    module = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1).eval())
    with torch_train_mode(module):
        assert module[1].training
    assert (module.training, module[0].training, module[1].training) == (True, True, False)


# What a subclass may leave out


def test_a_policy_needs_forward_and_learn():
    with pytest.raises(TypeError, match=r"abstract.*forward.*learn"):
        BasePolicy(action_space=gym.spaces.Discrete(2))  # type: ignore[abstract]


def test_the_hooks_pass_on_what_they_get():
    policy = Minimal(action_space=gym.spaces.Discrete(2))
    buffer = filled(ReplayBuffer(2), [1, 2], [False, True])
    batch, indices = buffer.sample(0)
    act = np.array([0, 1])
    assert policy.process_fn(batch, buffer, indices) is batch
    assert policy.process_buffer(buffer) is buffer
    assert policy.exploration_noise(act, batch) is act


# Action spaces


@pytest.mark.parametrize(
    ("space", "raw", "expected"),
    [
        (gym.spaces.Discrete(3, start=5), [0, 2], [5, 7]),
        (gym.spaces.Discrete(3), [0, 2], [0, 2]),
        (gym.spaces.MultiDiscrete([2, 3], start=[1, 10]), [[0, 2], [1, 0]], [[1, 12], [2, 10]]),
        (gym.spaces.MultiBinary(2), [[0, 1]], [[0, 1]]),
    ],
    ids=str,
)
def test_discrete_actions_are_shifted_by_the_start_of_their_space(space, raw, expected):
    policy = Minimal(action_space=space)
    mapped = policy.map_action(np.array(raw))
    np.testing.assert_array_equal(mapped, expected)
    np.testing.assert_array_equal(policy.map_action_inverse(mapped), raw)


def test_compute_action_gives_the_mapped_action_for_one_observation():
    """The greedy action is 2, and the space begins at 5."""
    actor = ConstantLogits([0.0, 1.0, 9.0])
    policy = make_policy(actor, gym.spaces.Discrete(3, start=5), deterministic_eval=True)
    action = policy.compute_action(np.zeros(4))
    assert isinstance(action, int)
    assert action == 7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"action_space": gym.spaces.Text(3)}, "must be a Discrete, MultiDiscrete, MultiBinary or"),
        ({"action_bound_method": "sigmoid"}, '"clip", "tanh" or None, got \'sigmoid\''),
        ({"action_scaling": True}, "can only be True when action_space is a Box"),
    ],
)
def test_an_unknown_space_or_bound_is_an_error_that_names_the_known_ones(settings, message):
    defaults = {"action_space": gym.spaces.Discrete(2)}
    with pytest.raises(ValueError, match=message):
        Minimal(**(defaults | settings))


# Advantages and n-step returns

REWARDS = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
TERMINATED = [False, False, True, False, False, False]
TRUNCATED = [False, False, False, False, True, False]
VALUES = np.array([3.0, 5.0, 7.0, 2.0, 4.0, 6.0])
NEXT_VALUES = np.array([5.0, 7.0, 9.0, 4.0, 1.0, 8.0])  # after termination it must not count


def stored():
    """Return a buffer with a terminated, a truncated and an unfinished episode."""
    return filled(ReplayBuffer(6), REWARDS, TERMINATED, TRUNCATED)


def test_the_value_of_the_next_observation_counts_unless_the_episode_terminated():
    mask = BasePolicy.value_mask(stored(), np.arange(6))
    np.testing.assert_array_equal(mask, [True, True, False, True, True, True])


@pytest.mark.parametrize("gae_lambda", [0.0, 0.5, 1.0])
def test_episodic_returns_are_advantages_plus_values(gae_lambda):
    """Aₜ = Σₖ (γλ)ᵏ δₜ₊ₖ within the episode, written out as a double sum; γ = 1/2."""
    buffer = stored()
    batch, indices = buffer.sample(0)
    counts = np.array([1, 1, 0, 1, 1, 1])
    delta = REWARDS + 0.5 * counts * NEXT_VALUES - VALUES
    episodes = [(0, 3), (3, 5), (5, 6)]
    expected = [
        sum((0.5 * gae_lambda) ** (k - t) * delta[k] for k in range(t, end))
        for begin, end in episodes
        for t in range(begin, end)
    ]
    returns, advantage = BasePolicy.compute_episodic_return(
        batch, buffer, indices, NEXT_VALUES, VALUES, gamma=0.5, gae_lambda=gae_lambda
    )
    np.testing.assert_allclose(advantage, expected, rtol=1e-13)
    np.testing.assert_allclose(returns, expected + VALUES, rtol=1e-13)


def test_episodic_returns_without_values_are_discounted_sums():
    """Rewards 1 2 4 | 8 16 | 32 with γ = 1/2; there are no values, so λ must be 1."""
    buffer = stored()
    batch, indices = buffer.sample(0)
    returns, _ = BasePolicy.compute_episodic_return(
        batch, buffer, indices, gamma=0.5, gae_lambda=1.0
    )
    np.testing.assert_array_equal(returns, [3.0, 4.0, 4.0, 16.0, 16.0, 32.0])
    with pytest.raises(ValueError, match="gae_lambda must be 1 when v_s_ is None"):
        BasePolicy.compute_episodic_return(batch, buffer, indices, gae_lambda=0.9)


def test_n_step_returns_add_the_discounted_target_value_unless_the_episode_terminated():
    """n = 2, γ = 1/2, and the target value of row i is 100 + i; computed by hand."""
    buffer = stored()
    batch, indices = buffer.sample(0)
    found = BasePolicy.compute_nstep_return(
        batch,
        buffer,
        indices,
        lambda buffer, index: torch.as_tensor(100.0 + index, dtype=torch.float64),
        gamma=0.5,
        n_step=2,
    ).returns
    expected = [
        1 + 2 / 2 + 101 / 4,
        2 + 4 / 2,
        4,
        8 + 16 / 2 + 104 / 4,
        16 + 104 / 2,
        32 + 105 / 2,
    ]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-13)


def test_n_step_returns_refuse_normalization():
    buffer = stored()
    batch, indices = buffer.sample(0)
    with pytest.raises(ValueError, match="rew_norm=True is not supported"):
        BasePolicy.compute_nstep_return(
            batch, buffer, indices, lambda buffer, index: torch.zeros(6), rew_norm=True
        )


# What is refused when a policy is made


def test_a_scheduler_that_cannot_step_alone_is_refused_when_the_policy_is_made():
    """ReduceLROnPlateau.step needs a number. In v1.1.0 it fails after the gradient steps."""
    actor = ConstantLogits()
    optim = torch.optim.SGD(actor.parameters(), lr=1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optim)
    message = "step of ReduceLROnPlateau needs one.*step it yourself"
    with pytest.raises(TypeError, match=message):
        make_policy(actor, optim=optim, lr_scheduler=plateau)
    with pytest.raises(TypeError, match=message):
        MultipleLRSchedulers(torch.optim.lr_scheduler.ConstantLR(optim), plateau)


def test_a_list_of_schedulers_is_told_how_several_are_given():
    """v1.1.0 fails after the gradient steps."""
    actor = ConstantLogits()
    optim = torch.optim.SGD(actor.parameters(), lr=1.0)
    both = [torch.optim.lr_scheduler.ConstantLR(optim) for _ in range(2)]
    with pytest.raises(TypeError, match=r"got a list.*MultipleLRSchedulers\(first, second\)"):
        MultipleLRSchedulers(both)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"got a list.*lr_scheduler=MultipleLRSchedulers\(first"):
        make_policy(actor, optim=optim, lr_scheduler=both)


def test_an_own_scheduler_needs_only_a_step_without_arguments():
    class Own:
        def step(self, epoch=None):
            steps.append(epoch)

    steps: list[None] = []
    policy = bandit_policy(lr_scheduler=MultipleLRSchedulers(Own(), Own()))  # type: ignore[arg-type]
    with policy_within_training_step(policy):
        policy.update(0, filled(ReplayBuffer(1), [1], [True]), batch_size=None, repeat=1)
    assert steps == [None, None]


def test_a_space_of_the_old_gym_is_told_to_come_from_gymnasium():
    """The class is known by its module; the package gym need not be installed."""
    old = type("Discrete", (), {"__module__": "gym.spaces.discrete", "n": 2})
    with pytest.raises(ValueError, match=r"old package gym.*import gymnasium as gym"):
        Minimal(action_space=old())


# Fields named like methods of a Batch


def test_fields_named_like_methods_of_a_batch_reach_the_actor_when_learning():
    """`items` and `split` hide the methods of those names."""

    class Spy(ConstantLogits):
        def forward(self, obs, state=None, info=None):
            seen.append(sorted(vars(obs)))
            return super().forward(obs.items, state)

    seen: list[list[str]] = []
    policy = make_policy(Spy())
    obs = Batch(items=np.zeros((2, 1)), keys=np.zeros(2), values=np.zeros(2), update=np.zeros(2))
    batch = Batch(obs=obs, act=[0, 1], returns=[1.0, 2.0])
    extra = {"items": np.zeros(2), "split": np.zeros(2), "keys": np.zeros(2), "get": np.zeros(2)}
    vars(batch).update(extra)
    policy.learn(batch, batch_size=1, repeat=1)
    assert seen == [["items", "keys", "update", "values"]] * 2


@pytest.mark.parametrize("kind", [dict, Batch.of])
def test_compute_action_takes_observations_with_fields_named_like_methods(kind):
    class Spy(ConstantLogits):
        def forward(self, obs, state=None, info=None):
            seen.append({key: value.shape for key, value in vars(obs).items()})
            return super().forward(vars(obs)["items"], state)

    seen: list[dict[str, tuple[int, ...]]] = []
    make_policy(Spy()).compute_action(kind({"items": np.zeros(3), "keys": np.zeros(2)}))
    assert seen == [{"items": (1, 3), "keys": (1, 2)}]


def test_compute_action_without_scaling_gives_what_the_policy_drew_even_outside_of_the_space():
    """The collector sends the same; v1.1.0, too."""
    space = gym.spaces.Box(-1, 1, (2,))
    policy = make_policy(
        ConstantLogits([5.0, -7.0]),
        space,
        dist_fn=lambda loc: torch.distributions.Independent(torch.distributions.Normal(loc, 1), 1),
        action_bound_method=None,
        deterministic_eval=True,
    )
    action = np.asarray(policy.compute_action(np.zeros(1)))
    assert action.tolist() == [5.0, -7.0]
    assert action.dtype == np.float32
