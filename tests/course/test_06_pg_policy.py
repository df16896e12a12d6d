"""PGPolicy, method by method, then whole. The oracles: enumeration, finite differences, numpy."""

import copy
import io
import itertools
import pickle
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, Normal

from pg_edu import (
    Batch,
    Collector,
    MultipleLRSchedulers,
    PGPolicy,
    ReplayBuffer,
    SequenceSummaryStats,
    TrainingStats,
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


def test_the_mode_of_a_gaussian_is_its_mean():
    policy = gaussian(deterministic_eval=True)
    result = policy(Batch(obs=np.random.default_rng(0).normal(size=(4, 3))))
    assert torch.equal(result.act, result.logits[0])


@pytest.mark.parametrize("training", [True, False])
def test_train_mode_has_no_say_in_drawing_or_not(training):
    """`policy.eval()` does not make a policy greedy, nor does `policy.train()` make it draw."""
    policy = bandit(deterministic_eval=True).train(training)
    obs = Batch(obs=np.zeros(200))
    assert len(policy(obs).act.unique()) == 1
    with policy_within_training_step(policy):
        assert len(policy(obs).act.unique()) == 3


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


def test_a_variance_of_0_is_replaced_by_the_square_of_1e_4():
    """Returns 1 1, then 2 2: (2 - 1) / sqrt(0 + 1e-8) = 10000."""
    policy = bandit(reward_normalization=True)
    returns_of(policy, filled(ReplayBuffer(2), [1, 1], [True, True]))
    returns, _ = returns_of(policy, filled(ReplayBuffer(2), [2, 2], [True, True]))
    np.testing.assert_allclose(returns, [1e4, 1e4])


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


def test_each_minibatch_draws_actions_that_nobody_uses():
    """Two minibatches of 4 and 6 rows move torch's generator as two samples of that size do."""
    batch = Batch(obs=np.zeros(10), act=np.zeros(10, int), returns=np.ones(10))
    torch.manual_seed(0)
    for rows in (4, 6):
        Categorical(logits=torch.zeros(rows, 3, dtype=torch.float64)).sample()
    expected = torch.get_rng_state()
    policy = bandit()
    policy.updating = True  # as within update()
    torch.manual_seed(0)
    policy.learn(batch, batch_size=4, repeat=1)
    assert torch.equal(torch.get_rng_state(), expected)


def test_the_loss_of_each_minibatch_is_taken_before_its_own_step():
    """Two arms, the first one rewarded by 1, lr 1: losses log 2, then log(1 + 1/e)."""
    batch = Batch(obs=np.zeros(1), act=np.array([0]), returns=np.ones(1))
    found = bandit((0.0, 0.0)).learn(batch, batch_size=None, repeat=2).loss
    expected = SequenceSummaryStats.from_sequence([np.log(2), np.log1p(np.exp(-1))])
    np.testing.assert_allclose(
        [found.mean, found.std, found.max, found.min],
        [expected.mean, expected.std, expected.max, expected.min],
        atol=1e-12,
    )


# learn, twice from the same batch: rewards 1, 0, 5, four decisions a batch, learning rate 1

LOGITS, REWARDS = np.array([0.5, -0.3, 0.1]), np.array([1.0, 0.0, 5.0])
BATCHES = np.array(list(itertools.product(range(3), repeat=4)))


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


def logits_after(logits, arms, returns, repeat=1):
    policy = bandit(logits, lr=1.0)
    batch = Batch(obs=np.zeros(len(arms)), act=np.asarray(arms), returns=np.asarray(returns))
    policy.learn(batch, batch_size=None, repeat=repeat)
    return policy.actor.logits.detach().numpy()


def true_gradient(x):
    """grad J = p (r - p·r)."""
    p = softmax(x)
    return p * (REWARDS - (p @ REWARDS)[..., None])


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.fixture(scope="module")
def twice():
    """For each of the 81 batches: its chance, the logits after one step, the second step."""
    chance = softmax(LOGITS)[BATCHES].prod(axis=1)
    after, later = (
        np.array([logits_after(LOGITS, arms, REWARDS[arms], repeat) for arms in BATCHES])
        for repeat in (1, 2)
    )
    return SimpleNamespace(chance=chance, after=after, second=later - after)


def unused_step(logits, weight=(1.0, 1.0, 1.0)):
    """E of a step from `logits` on a decision of the old policy, summed over its three arms."""
    chance = zip(softmax(LOGITS), range(3), strict=True)
    steps = [p * (logits_after(logits, [a], [weight[a] * REWARDS[a]]) - logits) for p, a in chance]
    return np.sum(steps, axis=0)


def test_the_expected_second_step_on_one_batch_is_60_degrees_off(twice):
    """cos(E[second step], E[grad J at the new logits]) = .496."""
    found = cosine(twice.chance @ twice.second, twice.chance @ true_gradient(twice.after))
    assert found == pytest.approx(0.4956, abs=1e-4)


def test_on_a_batch_of_the_old_policy_that_was_not_used_it_is_nearly_right(twice):
    """The same cosine with another batch of the old policy for the second step: .959."""
    steps = np.array([unused_step(x) for x in twice.after])
    found = cosine(twice.chance @ steps, twice.chance @ true_gradient(twice.after))
    assert found == pytest.approx(0.9586, abs=1e-4)


def test_what_the_reuse_adds_is_minus_the_covariance_of_luck_and_the_new_policy(twice):
    """E[same] - E[unused] = -Cov(mean reward of the batch, new policy)."""
    luck, new = REWARDS[BATCHES].mean(axis=1), softmax(twice.after)
    p = softmax(LOGITS)
    unused = p * REWARDS - (p @ REWARDS) * (twice.chance @ new)
    covariance = twice.chance @ (luck[:, None] * new) - (twice.chance @ luck) * (twice.chance @ new)
    np.testing.assert_allclose(twice.chance @ twice.second - unused, -covariance, atol=1e-12)


def test_importance_weights_make_an_unused_batch_exactly_right(twice):
    """E[rho r grad log pi'] over a ~ pi is grad J(pi'), rho = pi'(a) / pi(a), for each new pi'."""
    for x in twice.after[::8]:
        step = unused_step(x, weight=softmax(x) / softmax(LOGITS))
        np.testing.assert_allclose(step, true_gradient(x), atol=1e-6)  # returns are float32


def test_importance_weights_do_not_make_a_used_batch_right(twice):
    """The new policy was made from the batch: the direction is good, the length a quarter short."""
    rho = softmax(twice.after) / softmax(LOGITS)
    steps = []
    for x, ratio, arms in zip(twice.after, rho, BATCHES, strict=True):
        steps.append(logits_after(x, arms, ratio[arms] * REWARDS[arms]) - x)
    found, truth = twice.chance @ np.array(steps), twice.chance @ true_gradient(twice.after)
    assert cosine(found, truth) == pytest.approx(0.9914, abs=1e-4)
    assert np.linalg.norm(found) / np.linalg.norm(truth) == pytest.approx(0.7654, abs=1e-4)


def test_many_steps_on_one_batch_lead_to_its_shares_of_the_reward():
    """Where sum r (e_a - p) = 0: p = sum r e_a / sum r, here (2, 0, 5) / 7."""
    arms = np.array([0, 0, 1, 2])
    logits = logits_after(LOGITS, arms, REWARDS[arms], repeat=300)
    np.testing.assert_allclose(softmax(logits), np.array([2, 0, 5]) / 7, atol=0.01)


def test_a_constant_added_to_all_rewards_turns_the_loss_around_and_not_the_step():
    """Rewards r and r - 5: equal expected steps; the expected loss falls in the one, rises in the
    other."""
    steps, changes = [], []
    for reward in (REWARDS, REWARDS - 5.0):
        step, losses = 0.0, []
        for p, arm in zip(softmax(LOGITS), range(3), strict=True):
            step = step + p * (logits_after(LOGITS, [arm], [reward[arm]]) - LOGITS)
        for x in (LOGITS, LOGITS + step):
            losses.append(-(softmax(x) * np.log(softmax(x))) @ reward)
        steps.append(step)
        changes.append(losses[1] - losses[0])
    np.testing.assert_allclose(steps[0], steps[1], atol=1e-12)
    assert changes[0] < -0.4 and changes[1] > 0.4


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


def test_an_update_outside_of_a_training_step_is_an_error_that_says_what_to_write():
    policy = bandit()
    with pytest.raises(RuntimeError, match="policy_within_training_step"):
        policy.update(0, filled(ReplayBuffer(1), [1], [True]), batch_size=None, repeat=1)
    assert torch.equal(policy.actor.logits, torch.zeros(3, dtype=torch.float64))


def test_without_a_buffer_nothing_happens():
    policy = bandit(lr=1.0)
    policy.lr_scheduler = torch.optim.lr_scheduler.ExponentialLR(policy.optim, gamma=0.5)
    with policy_within_training_step(policy):
        assert policy.update(0, None, batch_size=None, repeat=1) == TrainingStats()
    assert policy.optim.param_groups[0]["lr"] == 1.0


def test_the_scheduler_moves_once_an_update_however_many_steps_that_has():
    """Three updates of 2 x 4 steps: 1 -> 1/8."""
    policy = bandit(lr=1.0)
    policy.lr_scheduler = torch.optim.lr_scheduler.ExponentialLR(policy.optim, gamma=0.5)
    with policy_within_training_step(policy):
        for _ in range(3):
            buffer = filled(ReplayBuffer(2), [1, 1], [True, True])
            policy.update(0, buffer, batch_size=1, repeat=4)
    assert policy.optim.param_groups[0]["lr"] == 1 / 8


def test_several_schedulers_move_together_and_their_states_are_put_back_in_order():
    """lr 1 -> 1/2 and 1 -> 1/10 after one step each."""
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


def test_the_weight_of_a_batch_is_handed_to_the_buffer_that_asks_for_it():
    class Prioritised(ReplayBuffer):
        def update_weight(self, indices, weight):
            given.append((indices.tolist(), weight))

    class Weighing(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            batch.weight = "heavy"
            return super().process_fn(batch, buffer, indices)

    given, policy = [], bandit()
    policy.__class__ = Weighing
    with policy_within_training_step(policy):
        for kind in (ReplayBuffer, Prioritised):
            policy.update(0, filled(kind(2), [1, 1], [True] * 2), batch_size=None, repeat=1)
    assert given == [([0, 1], "heavy")]


def test_a_soft_update_moves_the_target_by_tau():
    """tgt <- tau src + (1 - tau) tgt: 0.25 of 8 and 0.75 of 4 are 5."""
    target, source = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.constant_(target.weight, 4.0), nn.init.constant_(source.weight, 8.0)
    bandit().soft_update(target, source, tau=0.25)
    assert (target.weight.item(), source.weight.item()) == (5.0, 8.0)


def test_playing_learning_and_being_tested_are_told_apart():
    """(is_within_training_step, updating, training) at every call of forward."""

    class Witness(PGPolicy):
        def forward(self, batch, state=None, **kwargs):
            seen.add((self.is_within_training_step, self.updating, self.training))
            return super().forward(batch, state, **kwargs)

    seen, actor, table = set(), nn.Linear(4, 2), []
    actor.forward = lambda obs, state=None, info=None: (
        nn.functional.linear(torch.as_tensor(obs), actor.weight),
        state,
    )
    policy = Witness(
        actor=actor,
        optim=torch.optim.SGD(actor.parameters(), lr=0.1),
        dist_fn=categorical,
        action_space=gym.spaces.Discrete(2),
        action_scaling=False,
    )
    envs = gym.make_vec("CartPole-v1", num_envs=2)
    collector = Collector(policy, envs, VectorReplayBuffer(40, 2))
    with policy_within_training_step(policy):
        collector.collect(n_step=8)
        table, seen = [*table, seen], set()
        policy.update(0, collector.buffer, batch_size=2, repeat=2)
        table, seen = [*table, seen], set()
    collector.collect(n_step=8)
    assert [*table, seen] == [{(True, False, False)}, {(True, True, True)}, {(False, False, False)}]


def test_train_mode_is_restored_for_every_sub_module():
    """A frozen BatchNorm stays frozen after the block."""
    module = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1).eval())
    with torch_train_mode(module):
        assert module[1].training
    assert (module.training, module[0].training, module[1].training) == (True, True, False)


# the whole

ROUNDS = [  # (reward, terminated, truncated) of two environments; the second's last game goes on
    [
        [(1, 0, 0), (2, 0, 0), (-1, 1, 0), (3, 0, 1)],
        [(0, 0, 0), (4, 0, 1), (1, 0, 0)],
    ],
    [[(2, 1, 0), (1, 0, 0), (1, 0, 0), (0, 1, 0)], [(5, 0, 0), (2, 0, 0)]],
    [[(1, 0, 0), (1, 0, 1)], [(-2, 0, 0), (6, 1, 0), (1, 0, 1), (2, 1, 0)]],
]


class Linear(nn.Module):
    """Logits [B, 2] = obs [B, 3] W in float64."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, obs, state=None, info=None):
        return torch.as_tensor(obs) @ self.weight, state


def rows_of(games, rng):
    """[(environment, obs, act, reward, terminated, truncated)], environment by environment."""
    return [
        (env, rng.normal(size=3), rng.integers(2), *step)
        for env, steps in enumerate(games)
        for step in steps
    ]


def weights_by_numpy(weight, rounds, gamma, batch_size, repeat, lr, decay):
    """REINFORCE written out: a double sum for the returns, all of them kept for the statistics."""
    weight, past, history = weight.copy(), np.zeros(0), []
    for rows in rounds:
        mean, var = (past.mean(), past.var()) if len(past) else (0.0, 1.0)
        returns = []
        for t in range(len(rows)):
            total, discount = 0.0, 1.0
            for k in range(t, len(rows)):
                env, _, _, reward, terminated, truncated = rows[k]
                total, discount = total + discount * reward, discount * gamma
                goes_on = not (k + 1 == len(rows) or rows[k + 1][0] != env)
                if terminated or truncated or not goes_on:
                    total += 0.0 if terminated else discount * mean
                    break
            returns.append(total)
        G = ((np.array(returns) - mean) / np.sqrt(var + 1e-8)).astype(np.float32)
        past = np.concatenate([past, returns])
        obs, act = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
        for _ in range(repeat):
            order = list(np.random.permutation(len(rows)))
            while order:
                size = len(order) if len(order) < 2 * batch_size else batch_size
                piece, order = order[:size], order[size:]
                score = np.eye(2)[act[piece]] - softmax(obs[piece] @ weight)
                weight += lr * obs[piece].T @ (score * G[piece, None]) / size
        lr *= decay
        history.append(weight.copy())
    return history


def test_a_run_of_updates_is_that_of_thirty_lines_of_numpy():
    """Minibatches, two passes, normalised returns, games cut and unfinished, a learning rate that
    shrinks: the same weights after each update."""
    rng = np.random.default_rng(0)
    weight, rounds = rng.normal(size=(3, 2)), [rows_of(games, rng) for games in ROUNDS]
    np.random.seed(0)
    expected = weights_by_numpy(weight, rounds, 0.9, batch_size=3, repeat=2, lr=0.1, decay=0.5)
    actor = Linear(weight)
    optim = torch.optim.SGD(actor.parameters(), lr=0.1)
    policy = PGPolicy(
        actor=actor,
        optim=optim,
        dist_fn=categorical,
        action_space=gym.spaces.Discrete(2),
        action_scaling=False,
        discount_factor=0.9,
        reward_normalization=True,
        lr_scheduler=torch.optim.lr_scheduler.ExponentialLR(optim, gamma=0.5),
    )
    np.random.seed(0)
    for rows, after in zip(rounds, expected, strict=True):
        buffer = VectorReplayBuffer(10, 2)
        for env, obs, act, rew, terminated, truncated in rows:
            row = Batch(obs=obs, act=act, rew=rew, terminated=terminated, truncated=truncated)
            buffer.add(Batch([row]), buffer_ids=[env])
        with policy_within_training_step(policy):
            policy.update(0, buffer, batch_size=3, repeat=2)
        np.testing.assert_allclose(actor.weight.detach(), after, rtol=0, atol=1e-12)


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


def newborn():
    """Adam, normalised returns, and a learning rate that drops at the third update."""
    policy = bandit((0.0, 0.5), reward_normalization=True)
    policy.optim = torch.optim.Adam(policy.actor.parameters(), lr=0.1)
    policy.lr_scheduler = torch.optim.lr_scheduler.StepLR(policy.optim, step_size=3, gamma=0.1)
    return policy


def two_updates(policy, rewards):
    with policy_within_training_step(policy):
        for _ in range(2):
            buffer = filled(ReplayBuffer(3), rewards, [True] * 3)
            policy.update(0, buffer, batch_size=None, repeat=1)
    return policy.actor.logits.detach().clone()


def parts(policy):
    return {"policy": policy, "optimizer": policy.optim, "scheduler": policy.lr_scheduler}


@pytest.mark.parametrize("without", [None, "policy", "optimizer", "scheduler"])
def test_a_run_resumed_from_policy_optimizer_and_scheduler_is_as_if_never_interrupted(without):
    """And from two of the three it is not."""
    policy, file = newborn(), io.BytesIO()
    two_updates(policy, [1, 2, 4])
    torch.save({name: part.state_dict() for name, part in parts(policy).items()}, file)
    tomorrow = two_updates(policy, [2, 0, 5])
    file.seek(0)
    saved, twin = torch.load(file, weights_only=True), newborn()
    for name, part in parts(twin).items():
        if name != without:
            part.load_state_dict(saved[name])
    assert torch.equal(two_updates(twin, [2, 0, 5]), tomorrow) == (without is None)
