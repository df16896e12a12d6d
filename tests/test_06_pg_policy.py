"""PGPolicy, method by method. The oracles: enumeration, finite differences, sums written out."""

import copy
import itertools
import pickle

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, Normal

from pg_edu import (
    Batch,
    MultipleLRSchedulers,
    PGPolicy,
    ReplayBuffer,
    VectorReplayBuffer,
    policy_within_training_step,
    torch_train_mode,
)


class Logits(nn.Module):
    """One state: the logits of a bandit's arms, the same for every observation."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits, dtype=torch.float64))

    def forward(self, obs, state=None, info=None):
        return self.logits.expand(len(obs), -1), state


class Gaussian(nn.Module):
    """loc = W obs, scale = exp(log_scale), both [B, A]."""

    def __init__(self, actions=2):
        super().__init__()
        self.loc = nn.Linear(3, actions)
        self.log_scale = nn.Parameter(torch.zeros(actions))

    def forward(self, obs, state=None, info=None):
        loc = self.loc(torch.as_tensor(obs, dtype=torch.float32))
        return (loc, self.log_scale.exp().expand_as(loc)), state


def categorical(logits):
    return Categorical(logits=logits)


def joint_normal(loc_scale):
    return Independent(Normal(*loc_scale), 1)


def normal(loc_scale):
    return Normal(*loc_scale)


def bandit(logits=(0.0, 0.0, 0.0), lr=1.0, **kwargs):
    actor = Logits(logits)
    optim = torch.optim.SGD(actor.parameters(), lr=lr)
    space = gym.spaces.Discrete(len(logits))
    return PGPolicy(
        actor=actor,
        optim=optim,
        dist_fn=categorical,
        action_space=space,
        action_scaling=False,
        **kwargs,
    )


def gaussian(dist_fn=joint_normal, lr=1.0, **kwargs):
    torch.manual_seed(0)
    actor = Gaussian()
    optim = torch.optim.SGD(actor.parameters(), lr=lr)
    space = gym.spaces.Box(-1, 1, (2,))
    return PGPolicy(actor=actor, optim=optim, dist_fn=dist_fn, action_space=space, **kwargs)


def filled(buffer, rew, terminated, truncated=None, ids=None):
    """A buffer to which these rewards and flags were added, one row after the other."""
    truncated = truncated or [False] * len(rew)
    for t, (r, end, cut) in enumerate(zip(rew, terminated, truncated, strict=True)):
        row = Batch(obs=t, act=0, rew=r, terminated=end, truncated=cut)
        buffer.add(row) if ids is None else buffer.add(Batch([row]), buffer_ids=[ids[t]])
    return buffer


def returns_of(policy, buffer, sample_size=0):
    batch, indices = buffer.sample(sample_size)
    return policy.process_fn(batch, buffer, indices).returns, indices


# forward


def test_actions_are_drawn_from_the_actors_distribution():
    """The frequencies of 20000 draws are softmax(logits), to four standard errors."""
    policy, n = bandit((0.0, 1.0, -1.0)), 20000
    torch.manual_seed(0)
    frequency = np.bincount(policy(Batch(obs=np.zeros(n))).act, minlength=3) / n
    p = np.exp([0, 1, -1]) / np.exp([0, 1, -1]).sum()
    assert (np.abs(frequency - p) < 4 * np.sqrt(p * (1 - p) / n)).all()


def test_deterministic_eval_acts_by_the_mode_outside_of_training_only():
    """argmax of the logits; within a training step a draw."""
    policy = bandit((0.0, 1.0, 0.0), deterministic_eval=True)
    obs = Batch(obs=np.zeros(200))
    assert set(policy(obs).act.tolist()) == {1}
    with policy_within_training_step(policy):
        assert set(policy(obs).act.tolist()) == {0, 1, 2}


def test_forward_leaves_its_input_alone_and_returns_the_state():
    policy, batch, memory = bandit(), Batch(obs=np.zeros(2)), np.ones((2, 5))
    result = policy(batch, memory)
    assert set(batch.keys()) == {"obs"}
    assert result.state is memory


# process_fn


def test_returns_are_discounted_within_each_episode():
    """Gₜ = Σ γᵏ rₜ₊ₖ: rewards 1 2 | 3 4 with γ = 1/2."""
    buffer = filled(ReplayBuffer(4), [1, 2, 3, 4], [False, True, False, True])
    returns, _ = returns_of(bandit(discount_factor=0.5), buffer)
    np.testing.assert_array_equal(returns, [2, 2, 5, 4])


def test_only_what_did_not_terminate_is_worth_the_running_mean():
    """Gₜ = rₜ + γ mean at a truncated or unfinished row, Gₜ = rₜ at a terminated one."""
    policy = bandit(discount_factor=0.5)
    policy.ret_rms.mean = 10.0
    flags = [True, False, True, False], [False, True, True, False]
    returns, _ = returns_of(policy, filled(ReplayBuffer(4), [1, 1, 1, 1], *flags))
    np.testing.assert_array_equal(returns, [1, 6, 1, 6])


def test_a_ring_that_wrapped_is_read_oldest_first():
    """Rewards 0..5 in a ring of 4: 2, 3, 4, 5 remain."""
    buffer = filled(ReplayBuffer(4), range(6), [False] * 5 + [True])
    returns, indices = returns_of(bandit(discount_factor=1.0), buffer)
    np.testing.assert_array_equal(indices, [2, 3, 0, 1])
    np.testing.assert_array_equal(returns, [14, 12, 9, 5])


def test_episodes_of_several_environments_do_not_mix():
    """Rings 0: 1 2 (terminated), 1: 10 20 (unfinished)."""
    buffer = VectorReplayBuffer(6, 2)
    filled(buffer, [1, 10, 2, 20], [False, False, True, False], ids=[0, 1, 0, 1])
    returns, _ = returns_of(bandit(discount_factor=1.0), buffer)
    np.testing.assert_array_equal(returns, [3, 2, 30, 20])


def test_shuffled_rows_get_their_own_returns():
    """The return belongs to the row, not to its place in the batch."""
    buffer = filled(ReplayBuffer(7), range(1, 7), [False, False, True, False, False, True])
    returns, indices = returns_of(bandit(discount_factor=1.0), buffer, sample_size=None)
    np.testing.assert_array_equal(returns, np.array([6, 5, 3, 15, 11, 6])[indices])
    assert sorted(indices) == list(range(6))


def test_rows_stored_one_behind_the_other_may_still_be_no_neighbours():
    """In a wrapped ring, storage order runs from the newest row into the oldest one."""
    buffer = filled(ReplayBuffer(4), range(6), [False] * 5 + [True])
    policy, indices = bandit(discount_factor=1.0), np.arange(4)
    returns = policy.process_fn(buffer[indices], buffer, indices).returns
    np.testing.assert_array_equal(returns, [9, 5, 14, 12])


def test_normalisation_uses_the_statistics_before_the_batch():
    """First batch: G / sqrt(1 + 1e-8); second: (G - mean) / sqrt(var + 1e-8) of the first."""
    policy = bandit(discount_factor=1.0, reward_normalization=True)
    first, second = np.array([3.0, 2.0]), np.array([12.0, 6.0])
    buffer = filled(ReplayBuffer(2), [1, 2], [False, True])
    np.testing.assert_allclose(returns_of(policy, buffer)[0], first / np.sqrt(1 + 1e-8))
    buffer = filled(ReplayBuffer(2), [6, 6], [False, True])
    expected = (second - first.mean()) / np.sqrt(first.var() + 1e-8)
    np.testing.assert_allclose(returns_of(policy, buffer)[0], expected)
    both = np.concatenate([first, second])
    np.testing.assert_allclose([policy.ret_rms.mean, policy.ret_rms.var], [both.mean(), both.var()])


# learn


@pytest.mark.parametrize("batch_size", [1, 2])
def test_the_expected_step_on_a_bandit_is_the_policy_gradient(batch_size):
    """E[step] = grad J = p (r - p·r), summed over all batches of this size and their chances."""
    logits, reward = np.array([0.5, -0.3, 0.1]), np.array([1.0, 0.0, 5.0])
    p = np.exp(logits) / np.exp(logits).sum()
    expected_step = np.zeros(3)
    for arms in itertools.product(range(3), repeat=batch_size):
        policy = bandit(logits, lr=1.0)
        batch = Batch(obs=np.zeros(batch_size), act=np.array(arms), returns=reward[list(arms)])
        policy.learn(batch, batch_size=None, repeat=1)
        step = policy.actor.logits.detach().numpy() - logits
        expected_step += p[list(arms)].prod() * step
    np.testing.assert_allclose(expected_step, p * (reward - p @ reward), atol=1e-12)


def test_a_gradient_step_follows_the_loss_by_finite_differences():
    """dθ = -lr d/dθ [-mean(log π(a|s) G)], differenced numerically parameter by parameter."""
    rng = np.random.default_rng(0)
    obs, act, returns = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), rng.normal(size=5)
    policy = gaussian(lr=1.0)
    weight = policy.actor.loc.weight.detach().double().numpy()
    bias = policy.actor.loc.bias.detach().double().numpy()

    def loss(w):
        log_prob = -0.5 * (act - obs @ w.T - bias) ** 2 - 0.5 * np.log(2 * np.pi)
        return -(log_prob.sum(1) * returns).mean()

    expected = np.zeros_like(weight)
    for i, j in np.ndindex(*weight.shape):
        h = np.zeros_like(weight)
        h[i, j] = 1e-5
        expected[i, j] = -(loss(weight + h) - loss(weight - h)) / 2e-5
    stats = policy.learn(Batch(obs=obs, act=act, returns=returns), batch_size=None, repeat=1)
    found = policy.actor.loc.weight.detach().double().numpy() - weight
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert stats.loss.mean == pytest.approx(loss(weight), rel=1e-5)


def test_normal_without_independent_takes_the_joint_step_divided_by_the_dimensions():
    """mean over [B, A] = (mean over B of the sum over A) / A, said in a warning."""
    rng = np.random.default_rng(0)
    batch = Batch(obs=rng.normal(size=(5, 3)), act=rng.normal(size=(5, 2)), returns=np.ones(5))
    steps = []
    for dist_fn in (joint_normal, normal):
        policy = gaussian(dist_fn)
        before = policy.actor.loc.weight.detach().clone()
        if dist_fn is normal:
            with pytest.warns(UserWarning, match="Independent"):
                policy.learn(batch, batch_size=None, repeat=1)
        else:
            policy.learn(batch, batch_size=None, repeat=1)
        steps.append((policy.actor.loc.weight - before).detach().numpy())
    np.testing.assert_allclose(steps[1], steps[0] / 2, rtol=1e-5)


@pytest.mark.parametrize(
    "batch_size, repeat, steps",
    [(None, 1, 1), (0, 2, 2), (-1, 3, 3), (4, 1, 2), (3, 2, 6), (100, 1, 1), (4, 0, 0)],
)
def test_a_batch_of_ten_is_cut_into_minibatches_and_the_rest_joins_the_last(
    batch_size, repeat, steps
):
    """10 = 4 + 6, 10 = 3 + 3 + 4; each pass draws one permutation of numpy's generator."""
    policy, seen = bandit(), []
    policy.actor.register_forward_hook(lambda *call: seen.append(len(call[2][0])))
    batch = Batch(obs=np.zeros(10), act=np.zeros(10, int), returns=np.ones(10))
    np.random.seed(0)
    policy.learn(batch, batch_size=batch_size, repeat=repeat)
    drawn = np.random.get_state()[1:3]
    np.random.seed(0)
    for _ in range(repeat):
        np.random.permutation(10)
    assert len(seen) == steps and sum(seen) == 10 * repeat
    assert min(seen, default=10) >= min(10, batch_size or 10) or batch_size == -1
    assert drawn[1] == np.random.get_state()[2] and (drawn[0] == np.random.get_state()[1]).all()


# update


def test_update_is_sample_process_learn_and_a_step_of_the_scheduler():
    """Two arms, both rewarded by 1: the sampled arm's logit rises by lr (1 - p) G = 0.5."""
    policy = bandit((0.0, 0.0), lr=1.0)
    policy.lr_scheduler = MultipleLRSchedulers(
        torch.optim.lr_scheduler.ExponentialLR(policy.optim, gamma=0.5)
    )
    buffer = filled(ReplayBuffer(2), [1, 1], [True, True])
    with policy_within_training_step(policy):
        stats = policy.update(sample_size=0, buffer=buffer, batch_size=None, repeat=1)
    np.testing.assert_allclose(policy.actor.logits.detach(), [0.5, -0.5])
    assert stats.loss.mean == pytest.approx(np.log(2))
    assert policy.optim.param_groups[0]["lr"] == 0.5
    assert stats.train_time > 0 and not policy.updating


def test_only_learn_sees_train_mode_and_updating():
    class Spy(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            seen["process_fn"] = self.training, self.updating
            return super().process_fn(batch, buffer, indices)

        def learn(self, batch, batch_size, repeat, *args, **kwargs):
            seen["learn"] = self.training, self.updating
            return super().learn(batch, batch_size, repeat)

    seen, policy = {}, bandit()
    policy.__class__ = Spy
    policy.eval()
    with policy_within_training_step(policy):
        policy.update(0, filled(ReplayBuffer(1), [1], [True]), batch_size=None, repeat=1)
    assert seen == {"process_fn": (False, True), "learn": (True, True)}
    assert (policy.training, policy.updating) == (False, False)


def test_train_mode_is_restored_for_every_sub_module():
    """A frozen BatchNorm stays frozen after the block."""
    module = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1).eval())
    with torch_train_mode(module):
        assert module[1].training
    assert (module.training, module[0].training, module[1].training) == (True, True, False)


# saving


def trained():
    policy = bandit((0.0, 0.0), reward_normalization=True)
    with policy_within_training_step(policy):
        policy.update(0, filled(ReplayBuffer(3), [1, 2, 3], [True] * 3), batch_size=None, repeat=1)
    return policy


def test_a_state_dict_holds_the_statistics_and_torch_loads_it_safely(tmp_path):
    """Returns 1, 2, 3: mean 2, variance 2/3."""
    torch.save(trained().state_dict(), tmp_path / "policy.pt")
    policy = bandit((0.0, 0.0))
    policy.load_state_dict(torch.load(tmp_path / "policy.pt", weights_only=True))
    assert policy.ret_rms.mean == 2.0 and policy.ret_rms.count == 3
    assert policy.ret_rms.var == pytest.approx(2 / 3)
    assert torch.equal(policy.actor.logits, trained().actor.logits)


def test_a_state_dict_without_statistics_loads_strictly_and_leaves_them():
    policy = trained()
    state = {key: value for key, value in policy.state_dict().items() if "extra" not in key}
    policy.load_state_dict(state, strict=True)
    assert policy.ret_rms.count == 3


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_learns_on_its_own_and_alike(clone):
    """Optimizer and parameters of the copy belong together, and to nobody else."""
    policy = trained()
    twin = clone(policy)
    before = policy.actor.logits.detach().clone()
    with policy_within_training_step(twin):
        twin.update(0, filled(ReplayBuffer(1), [5], [True]), batch_size=None, repeat=1)
    assert torch.equal(policy.actor.logits, before)
    assert not torch.equal(twin.actor.logits, before)
    twin.load_state_dict(policy.state_dict())
    assert twin.ret_rms.count == 3
