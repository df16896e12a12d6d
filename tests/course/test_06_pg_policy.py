"""PGPolicy, method by method, then as a whole.

The oracles: enumeration, finite differences, and REINFORCE written out in NumPy.
"""

import copy
import io
import itertools
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal

from pg_edu import (
    Batch,
    Collector,
    MultipleLRSchedulers,
    PGPolicy,
    ReplayBuffer,
    SequenceSummaryStats,
    VectorReplayBuffer,
    policy_within_training_step,
    torch_train_mode,
)
from pg_edu.course.records import record
from tests.helpers import (
    bandit_policy,
    filled,
    joint_normal,
    make_policy,
    numpy_generator_state,
    returns_of,
    softmax,
)


class Gaussian(nn.Module):
    """An actor with loc = W obs + b and scale = exp(log_scale), both [B, A]."""

    def __init__(self, actions=2):
        super().__init__()
        self.loc = nn.Linear(3, actions)
        self.log_scale = nn.Parameter(torch.zeros(actions))

    def forward(self, obs, state=None, info=None):
        loc = self.loc(torch.as_tensor(obs, dtype=torch.float32))
        return (loc, self.log_scale.exp().expand_as(loc)), state


def normal(loc_scale):
    return Normal(*loc_scale)


def gaussian(dist_fn=joint_normal, **settings):
    torch.manual_seed(0)
    space = gym.spaces.Box(-1, 1, (2,))
    return make_policy(Gaussian(), space, dist_fn=dist_fn, action_scaling=True, **settings)


# forward


def test_actions_are_drawn_from_the_actors_distribution():
    """The frequencies of 20,000 draws are softmax(logits), to four standard errors."""
    policy = bandit_policy((0.0, 1.0, -1.0))
    n = 20_000
    torch.manual_seed(0)
    frequency = np.bincount(policy(Batch(obs=np.zeros(n))).act, minlength=3) / n
    p = softmax([0, 1, -1])
    assert (np.abs(frequency - p) < 4 * np.sqrt(p * (1 - p) / n)).all()


def test_deterministic_eval_acts_by_the_mode_outside_of_training_only():
    """The action is the argmax of the logits, but within a training step it is drawn."""
    policy = bandit_policy((0.0, 1.0, 0.0), deterministic_eval=True)
    obs = Batch(obs=np.zeros(200))
    assert set(policy(obs).act.tolist()) == {1}
    with policy_within_training_step(policy):
        assert set(policy(obs).act.tolist()) == {0, 1, 2}


def test_the_mode_of_a_gaussian_is_its_mean():
    policy = gaussian(deterministic_eval=True)
    result = policy(Batch(obs=np.random.default_rng(0).normal(size=(4, 3))))
    assert torch.equal(result.act, result.logits[0])


# process_fn


def test_returns_are_discounted_within_each_episode():
    """Gₜ = Σ γᵏ rₜ₊ₖ: rewards 1 2 | 3 4 with γ = 1/2."""
    buffer = filled(ReplayBuffer(4), [1, 2, 3, 4], [False, True, False, True])
    returns = returns_of(bandit_policy(discount_factor=0.5), buffer)
    np.testing.assert_array_equal(returns, [2, 2, 5, 4])


def test_only_episodes_that_did_not_terminate_are_bootstrapped_with_the_running_mean():
    """Gₜ = rₜ + γ mean at a truncated or unfinished row, Gₜ = rₜ at a terminated one."""
    policy = bandit_policy(discount_factor=0.5)
    policy.ret_rms.mean = 10.0
    flags = [True, False, True, False], [False, True, True, False]
    returns = returns_of(policy, filled(ReplayBuffer(4), [1, 1, 1, 1], *flags))
    np.testing.assert_array_equal(returns, [1, 6, 1, 6])


def test_episodes_of_several_environments_do_not_mix():
    """Environment 0 pays 1, 2 and terminates; environment 1 pays 10, 20 and is unfinished."""
    buffer = VectorReplayBuffer(6, 2)
    filled(buffer, [1, 10, 2, 20], [False, False, True, False], buffer_ids=[0, 1, 0, 1])
    returns = returns_of(bandit_policy(discount_factor=1.0), buffer)
    np.testing.assert_array_equal(returns, [3, 2, 30, 20])


def test_normalization_uses_the_statistics_before_the_batch():
    """First batch: G / sqrt(1 + 1e-8); second: (G - mean) / sqrt(var + 1e-8) of the first."""
    policy = bandit_policy(discount_factor=1.0, reward_normalization=True)
    first, second = np.array([3.0, 2.0]), np.array([12.0, 6.0])
    buffer = filled(ReplayBuffer(2), [1, 2], [False, True])
    np.testing.assert_allclose(returns_of(policy, buffer), first / np.sqrt(1 + 1e-8))
    buffer = filled(ReplayBuffer(2), [6, 6], [False, True])
    expected = (second - first.mean()) / np.sqrt(first.var() + 1e-8)
    np.testing.assert_allclose(returns_of(policy, buffer), expected)
    both = np.concatenate([first, second])
    np.testing.assert_allclose([policy.ret_rms.mean, policy.ret_rms.var], [both.mean(), both.var()])


# learn


@pytest.mark.parametrize("batch_size", [1, 2])
def test_the_expected_step_on_a_bandit_is_the_policy_gradient(batch_size):
    """E[step] = ∇J = p (r - p·r), summed over all batches of this size and their probabilities."""
    logits, reward = np.array([0.5, -0.3, 0.1]), np.array([1.0, 0.0, 5.0])
    p = np.exp(logits) / np.exp(logits).sum()
    expected_step = np.zeros(3)
    for arms in itertools.product(range(3), repeat=batch_size):
        policy = bandit_policy(logits, lr=1.0)
        batch = Batch(obs=np.zeros(batch_size), act=np.array(arms), returns=reward[list(arms)])
        policy.learn(batch, batch_size=None, repeat=1)
        step = policy.actor.logits.detach().numpy() - logits
        expected_step += p[list(arms)].prod() * step
    np.testing.assert_allclose(expected_step, p * (reward - p @ reward), atol=1e-12)


def test_a_gradient_step_follows_the_loss_by_finite_differences():
    """Δθ = -lr ∇[-mean(log π(a|s) G)], by finite differences, parameter by parameter."""
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
    """The mean over [B, A] is (mean over B of the sum over A) / A; a warning says so."""
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
    """10 = 4 + 6 and 10 = 3 + 3 + 4; each pass draws one permutation from NumPy."""
    policy = bandit_policy()
    seen = []
    policy.actor.register_forward_hook(lambda *call: seen.append(len(call[2][0])))
    batch = Batch(obs=np.zeros(10), act=np.zeros(10, int), returns=np.ones(10))
    np.random.seed(0)
    policy.learn(batch, batch_size=batch_size, repeat=repeat)
    drawn = numpy_generator_state()
    np.random.seed(0)
    for _ in range(repeat):
        np.random.permutation(10)
    assert len(seen) == steps
    assert sum(seen) == 10 * repeat
    smallest = 10 if batch_size in (None, 0, -1) else min(10, batch_size)
    assert min(seen, default=10) >= smallest
    assert drawn == numpy_generator_state()


def test_the_reported_loss_of_each_minibatch_is_that_before_its_own_step():
    """Two arms, reward 1 for the first one, lr 1: the losses are log 2, then log(1 + 1/e)."""
    batch = Batch(obs=np.zeros(1), act=np.array([0]), returns=np.ones(1))
    found = bandit_policy((0.0, 0.0)).learn(batch, batch_size=None, repeat=2).loss
    expected = SequenceSummaryStats.from_sequence([np.log(2), np.log1p(np.exp(-1))])
    np.testing.assert_allclose(
        [found.mean, found.std, found.max, found.min],
        [expected.mean, expected.std, expected.max, expected.min],
        atol=1e-12,
    )


# learn, twice from the same batch: rewards 1, 0, 5, four decisions per batch, learning rate 1

LOGITS, REWARDS = np.array([0.5, -0.3, 0.1]), np.array([1.0, 0.0, 5.0])
BATCHES = np.array(list(itertools.product(range(3), repeat=4)))


def logits_after(logits, arms, returns, repeat=1):
    policy = bandit_policy(logits, lr=1.0)
    batch = Batch(obs=np.zeros(len(arms)), act=np.asarray(arms), returns=np.asarray(returns))
    policy.learn(batch, batch_size=None, repeat=repeat)
    return policy.actor.logits.detach().numpy()


def true_gradient(x):
    """Return ∇J = p (r - p·r)."""
    p = softmax(x)
    return p * (REWARDS - (p @ REWARDS)[..., None])


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.fixture(scope="module")
def twice():
    """For each of the 81 batches: its probability, the logits after one step, the second step."""
    chance = softmax(LOGITS)[BATCHES].prod(axis=1)
    after, later = (
        np.array([logits_after(LOGITS, arms, REWARDS[arms], repeat) for arms in BATCHES])
        for repeat in (1, 2)
    )
    return SimpleNamespace(chance=chance, after=after, second=later - after)


def unused_step(logits, weight=(1.0, 1.0, 1.0)):
    """Return E[step from `logits`] on one decision of the old policy, by a sum over its arms."""
    chance = zip(softmax(LOGITS), range(3), strict=True)
    steps = [p * (logits_after(logits, [a], [weight[a] * REWARDS[a]]) - logits) for p, a in chance]
    return np.sum(steps, axis=0)


def test_the_expected_second_step_on_the_same_batch_is_60_degrees_off(twice):
    """cos(E[second step], E[∇J at the new logits]) = .496."""
    found = cosine(twice.chance @ twice.second, twice.chance @ true_gradient(twice.after))
    assert found == pytest.approx(0.4956, abs=1e-4)


def test_the_expected_second_step_on_an_unused_batch_of_the_old_policy_is_nearly_right(twice):
    """The same cosine is .959 if the second step uses another batch of the old policy."""
    steps = np.array([unused_step(x) for x in twice.after])
    found = cosine(twice.chance @ steps, twice.chance @ true_gradient(twice.after))
    assert found == pytest.approx(0.9586, abs=1e-4)


def test_reuse_adds_minus_the_covariance_of_luck_and_the_new_policy(twice):
    """E[same] - E[unused] = -Cov(mean reward of the batch, new policy)."""
    luck, new = REWARDS[BATCHES].mean(axis=1), softmax(twice.after)
    p = softmax(LOGITS)
    unused = p * REWARDS - (p @ REWARDS) * (twice.chance @ new)
    covariance = twice.chance @ (luck[:, None] * new) - (twice.chance @ luck) * (twice.chance @ new)
    np.testing.assert_allclose(twice.chance @ twice.second - unused, -covariance, atol=1e-12)


def test_importance_weights_make_an_unused_batch_exactly_right(twice):
    """E[ρ r ∇log π'] over a ~ π is ∇J(π') with ρ = π'(a) / π(a), for every new policy π'."""
    for x in twice.after[::8]:
        step = unused_step(x, weight=softmax(x) / softmax(LOGITS))
        np.testing.assert_allclose(step, true_gradient(x), atol=1e-6)  # returns are float32


def test_importance_weights_do_not_make_a_used_batch_right(twice):
    """The direction is good, but the length is a quarter short: the batch made the new policy."""
    rho = softmax(twice.after) / softmax(LOGITS)
    steps = []
    for x, ratio, arms in zip(twice.after, rho, BATCHES, strict=True):
        steps.append(logits_after(x, arms, ratio[arms] * REWARDS[arms]) - x)
    found, truth = twice.chance @ np.array(steps), twice.chance @ true_gradient(twice.after)
    assert cosine(found, truth) == pytest.approx(0.9914, abs=1e-4)
    assert np.linalg.norm(found) / np.linalg.norm(truth) == pytest.approx(0.7654, abs=1e-4)


def test_many_steps_on_one_batch_lead_to_the_shares_of_the_arms_in_its_rewards():
    """Σ r (e_a - p) = 0 where p = Σ r e_a / Σ r, here (2, 0, 5) / 7."""
    arms = np.array([0, 0, 1, 2])
    logits = logits_after(LOGITS, arms, REWARDS[arms], repeat=300)
    np.testing.assert_allclose(softmax(logits), np.array([2, 0, 5]) / 7, atol=0.01)


def test_a_constant_added_to_all_rewards_reverses_the_loss_but_not_the_step():
    """With rewards r and r - 5 the expected steps are equal; the expected loss falls with the first
    and rises with the second."""
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
    """Two arms that both pay 1: the logit of the sampled arm rises by lr (1 - p) G = 0.5."""
    policy = bandit_policy((0.0, 0.0), lr=1.0)
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


def test_the_scheduler_steps_once_per_update_however_many_gradient_steps_it_takes():
    """Three updates of 2 x 4 gradient steps take the learning rate from 1 to 1/8."""
    policy = bandit_policy(lr=1.0)
    policy.lr_scheduler = torch.optim.lr_scheduler.ExponentialLR(policy.optim, gamma=0.5)
    with policy_within_training_step(policy):
        for _ in range(3):
            buffer = filled(ReplayBuffer(2), [1, 1], [True, True])
            policy.update(0, buffer, batch_size=1, repeat=4)
    assert policy.optim.param_groups[0]["lr"] == 1 / 8


def test_a_policy_knows_whether_it_collects_learns_or_is_tested():
    """The flags are (is_within_training_step, updating, training) at every call of forward."""

    class Witness(PGPolicy):
        def forward(self, batch, state=None, **kwargs):
            seen.add((self.is_within_training_step, self.updating, self.training))
            return super().forward(batch, state, **kwargs)

    def flags_during(work):
        seen.clear()
        work()
        return set(seen)

    seen = set()
    policy = bandit_policy((0.0, 0.0), kind=Witness)
    envs = gym.make_vec("CartPole-v1", num_envs=2)
    collector = Collector(policy, envs, VectorReplayBuffer(40, 2))
    with policy_within_training_step(policy):
        collecting = flags_during(lambda: collector.collect(n_step=8))
        learning = flags_during(lambda: policy.update(0, collector.buffer, batch_size=2, repeat=2))
    tested = flags_during(lambda: collector.collect(n_step=8))
    assert collecting == {(True, False, False)}
    assert learning == {(True, True, True)}
    assert tested == {(False, False, False)}


# The whole

# (reward, terminated, truncated) of two environments; the last episode of the second is unfinished.
ROUNDS = [
    [
        [(1, 0, 0), (2, 0, 0), (-1, 1, 0), (3, 0, 1)],
        [(0, 0, 0), (4, 0, 1), (1, 0, 0)],
    ],
    [[(2, 1, 0), (1, 0, 0), (1, 0, 0), (0, 1, 0)], [(5, 0, 0), (2, 0, 0)]],
    [[(1, 0, 0), (1, 0, 1)], [(-2, 0, 0), (6, 1, 0), (1, 0, 1), (2, 1, 0)]],
]


class Linear(nn.Module):
    """An actor with logits [B, 2] = obs [B, 3] W in float64."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, obs, state=None, info=None):
        return torch.as_tensor(obs) @ self.weight, state


def rows_of(episodes, rng):
    """Return rows (environment, obs, act, reward, terminated, truncated), by environment."""
    return [
        (env, rng.normal(size=3), rng.integers(2), *step)
        for env, steps in enumerate(episodes)
        for step in steps
    ]


def weights_by_numpy(weight, rounds, gamma, batch_size, repeat, lr, decay):
    """Return the weights after each round, by REINFORCE written out.

    The returns are a double sum, and all of them are kept for the statistics.
    """
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


def test_several_updates_give_the_weights_of_reinforce_in_thirty_lines_of_numpy():
    """The weights agree after each update, with minibatches, two passes, normalized returns,
    truncated and unfinished episodes, and a learning rate that falls."""
    rng = np.random.default_rng(0)
    weight, rounds = rng.normal(size=(3, 2)), [rows_of(episodes, rng) for episodes in ROUNDS]
    np.random.seed(0)
    expected = weights_by_numpy(weight, rounds, 0.9, batch_size=3, repeat=2, lr=0.1, decay=0.5)
    actor = Linear(weight)
    optim = torch.optim.SGD(actor.parameters(), lr=0.1)
    policy = make_policy(
        actor,
        optim=optim,
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


# Saving


def new_policy():
    """Return a policy with Adam, normalized returns and a learning rate that falls at update 3."""
    policy = bandit_policy((0.0, 0.5), reward_normalization=True)
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
def test_a_run_can_be_resumed_from_policy_optimizer_and_scheduler_but_not_from_two_of_them(without):
    """`without` is the part that is not restored."""
    policy, file = new_policy(), io.BytesIO()
    two_updates(policy, [1, 2, 4])
    torch.save({name: part.state_dict() for name, part in parts(policy).items()}, file)
    uninterrupted = two_updates(policy, [2, 0, 5])
    file.seek(0)
    saved, twin = torch.load(file, weights_only=True), new_policy()
    for name, part in parts(twin).items():
        if name != without:
            part.load_state_dict(saved[name])
    assert torch.equal(two_updates(twin, [2, 0, 5]), uninterrupted) == (without is None)


# Exercises 06.6 and 06.7, whose answers are values


class Dropped(nn.Module):
    """An actor with the logits 0 and 3 x - 1, where x is 1 after a dropout layer."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(3.0))
        self.layer = nn.Dropout(0.5)

    def forward(self, obs, state=None, info=None):
        z = self.weight * self.layer(torch.ones(len(obs), 1)) - 1
        return torch.cat([torch.zeros_like(z), z], dim=1), state


class Noting(PGPolicy):
    """A policy that notes the share of action 1 at each call of `forward`."""

    def forward(self, batch, state=None, **kwargs):
        result = super().forward(batch, state, **kwargs)
        self.share = float(np.mean(np.asarray(result.act)))
        return result


@pytest.mark.filterwarnings("ignore:the actor has dropout")
def test_the_shares_of_exercise_06_6_are_those_of_a_policy():
    """Line 2 and line 4 act in eval mode, as the collector does (see the page's table)."""
    actor, rows = Dropped(), Batch(obs=np.zeros((40_000, 1)))
    optim = torch.optim.SGD(actor.parameters(), lr=0.0)
    policy: Any = make_policy(actor, kind=Noting, optim=optim, deterministic_eval=True)
    torch.manual_seed(0)
    policy(rows)
    shares = [policy.share]
    with policy_within_training_step(policy):
        policy.eval()(rows)
        shares.append(policy.share)
        rows.act, rows.returns = np.zeros(40_000, int), np.ones(40_000)
        with torch_train_mode(policy):
            policy.learn(rows, batch_size=None, repeat=1)
        shares.append(policy.share)
    policy(rows)
    shares.append(policy.share)
    with policy_within_training_step(policy):
        policy.eval()(rows)
    shares.append(policy.share)
    np.testing.assert_allclose(shares, record("06.6").key, rtol=0, atol=0.01)


def momentum_agent():
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optim = torch.optim.SGD([weight], lr=1.0, momentum=0.5, maximize=True)
    return weight, optim, torch.optim.lr_scheduler.StepLR(optim, step_size=2, gamma=0.5)


def updates(agent, times):
    weight, optim, scheduler = agent
    for _ in range(times):
        weight.grad = torch.ones_like(weight)
        optim.step()
        scheduler.step()
    return weight.item()


def test_the_weights_of_exercise_06_7_are_those_of_torch():
    agent = momentum_agent()
    updates(agent, 3)
    saved = copy.deepcopy([agent[0].detach(), agent[1].state_dict(), agent[2].state_dict()])
    weights = []
    for without in (None, 1, 2, 0):
        twin = momentum_agent()
        if without != 0:
            twin[0].data.copy_(saved[0])
        for part in {1, 2} - {without}:
            twin[part].load_state_dict(copy.deepcopy(saved[part]))
        weights.append(updates(twin, 2))
    assert weights == list(record("06.7").key)
