"""A baseline from the other episodes, its use in RLOO and GRPO, and scripts that move.

The oracles: enumeration, linear equations, fractions, autograd, and loops that follow the
definition.
"""

import ast
import re
from dataclasses import replace
from itertools import product
from math import comb
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pg_edu import (
    Collector,
    DummyVectorEnv,
    Net,
    OnpolicyTrainer,
    PGPolicy,
    PGTrainingStats,
    SequenceSummaryStats,
    VectorReplayBuffer,
)
from pg_edu.course.records import record
from pg_edu.lab.exact import estimators
from pg_edu.lab.exact.agent import pgpolicy_step
from pg_edu.lab.exact.judge import cosine, judge
from pg_edu.lab.exact.laws import laws
from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.exact.tasks import (
    bandit,
    coins,
    forced_minus_5,
    length_bias,
    patience,
    stop_or_go,
    two_decisions,
)
from pg_edu.leave_one_out import LeaveOneOut
from tests.helpers import ConstantLogits, buffer_of_episodes, make_policy, returns_of

# LeaveOneOut


def test_the_weights_of_two_episodes_by_hand():
    """Returns 3, 2, 1 and 1 give 3 - 1, 2 - 0, 1 - 0 and 1 - 3, times B/N = 2."""
    policy = make_policy(ConstantLogits(), kind=LeaveOneOut, discount_factor=1.0)
    found = returns_of(policy, buffer_of_episodes([[1, 1, 1], [1]]))
    np.testing.assert_array_equal(found, [4, 4, 2, -4])


@pytest.mark.parametrize("world", [stop_or_go(), forced_minus_5(), replace(patience(), limit=4)])
def test_leave_one_out_is_unbiased_whatever_the_lengths_of_episodes(world):
    """|E[Δθ] - ∇J| < 1e-12 for N = 2, for halves of float32 numbers are exact."""
    found = judge(pgpolicy_step(LeaveOneOut), world.batches(2), world.gradient())
    assert found.unbiased, found


@pytest.mark.parametrize("N", [1, 2, 3, 4])
def test_leave_one_out_is_unbiased_for_every_number_of_episodes(N):
    """E[Δθ] = ∇J for every N, up to the rounding of float32 returns."""
    world = stop_or_go(0.7)
    found = judge(pgpolicy_step(LeaveOneOut), world.batches(N), world.gradient())
    np.testing.assert_allclose(found.expectation, found.truth, rtol=0, atol=1e-7)


@pytest.mark.parametrize("N", [1, 2, 3])
def test_each_update_of_leave_one_out_is_that_of_the_estimator(N):
    estimator, step = estimators.RIGHT["leave-one-out"], pgpolicy_step(LeaveOneOut)
    for _, batch in length_bias().batches(N, symmetric=True):
        np.testing.assert_allclose(step(batch), estimator(batch), rtol=0, atol=1e-6)


def test_leave_one_out_keeps_the_three_laws():
    assert laws(pgpolicy_step(LeaveOneOut), tasks={"": stop_or_go()}, sizes=(1, 2, 3)).broken == ()


def test_with_a_discount_factor_leave_one_out_estimates_the_update_without_gamma_t():
    """For γ = 1/2, E[Δθ] is E[Σ ∇log π Gₜ], not ∇J."""
    world = two_decisions()
    step = pgpolicy_step(LeaveOneOut, discount_factor=world.gamma)
    found = judge(step, world.batches(2), world.without_gamma_t())
    np.testing.assert_allclose(found.expectation, found.truth, rtol=0, atol=1e-7)
    assert np.linalg.norm(found.expectation - world.gradient()) > 0.01


# How much less variance


def relative_variance(name, world, N):
    """Return N · variance / |∇J|², computed exactly."""
    batches = world.batches(N, symmetric=True)
    found = judge(estimators.RIGHT[name], batches, world.gradient())
    return N * found.variance / float((found.truth**2).sum())


@pytest.mark.parametrize(("N", "helps"), [(2, False), (3, True), (4, True)])
def test_on_the_bandit_leave_one_out_reduces_variance_from_three_episodes_on(N, helps):
    machine = bandit([1, 0, 5], [0.5, -0.3, 0.1])
    plain = relative_variance("reward-to-go", machine, N)
    assert (relative_variance("leave-one-out", machine, N) < plain) == helps


@pytest.mark.parametrize("T", [1, 2, 3])
@pytest.mark.parametrize("N", [2, 3, 4])
def test_the_variance_of_coins_has_the_formula_on_paper(T, N):
    """(T-1)/2 + ((T+1)/2 + 1)/(N-1) with leave-one-out, (T+1)(T+2)/3 - 1 without."""
    expected = (T - 1) / 2 + ((T + 1) / 2 + 1) / (N - 1)
    assert relative_variance("leave-one-out", coins(T), N) == pytest.approx(expected, rel=1e-12)
    plain = (T + 1) * (T + 2) / 3 - 1
    assert relative_variance("reward-to-go", coins(T), N) == pytest.approx(plain, rel=1e-12)


# Answers of a very small language model, as an MDP

NO, YES, MORE, STOP = range(4)
NEVER = -np.inf


def question(p_no, stop=(0.5, 0.5)):
    """Return the MDP of a question that can be answered with no or yes and more words.

    State 0 is the question, 1 to 3 are no + 0 to 2 words, 4 to 6 are yes + 0 to 2 words.
    """
    transition = np.zeros((7, 4, 7))
    transition[0, NO, 1] = transition[0, YES, 4] = 1.0
    for s in (1, 2, 4, 5):
        transition[s, MORE, s + 1] = 1.0
    reward = np.zeros((7, 4))
    reward[1:4, STOP] = 1.0
    logits = np.full((4, 4), NEVER)
    logits[0, :2] = np.log([p_no, 1 - p_no])
    for row, p in enumerate(stop, start=1):
        logits[row, 2:] = np.log([1 - p, p])
    logits[3, STOP] = 0.0
    return MDP([1.0, *[0.0] * 6], transition, reward, logits, observation=[0, 1, 1, 3, 2, 2, 3])


def weighted_by(advantage, average_tokens=False):
    """Return the estimator that gives each token of an answer the advantage of the answer."""

    def estimator(batch):
        A = advantage(np.array([e.rew.sum() for e in batch]))
        pushes = [e.score.mean(axis=0) if average_tokens else e.score.sum(axis=0) for e in batch]
        return sum(a * push for a, push in zip(A, pushes, strict=True)) / len(batch)

    return estimator


def minus_others(R):
    return np.array([R[i] - np.delete(R, i).mean() for i in range(len(R))])


def minus_mean(R):
    return R - R.mean()


def standardised(R):
    return minus_mean(R) / R.std() if R.std() > 0 else 0 * R


def verdict(advantage, average_tokens=False, p_no=0.3, G=4, stop=(0.5, 0.5)):
    world = question(p_no, stop)
    batches = world.batches(G, symmetric=True)
    return judge(weighted_by(advantage, average_tokens), batches, world.gradient())


def stops(found):
    """Return E[update] of the logit of stop, after no and after yes."""
    return found.expectation[1, STOP], found.expectation[2, STOP]


def test_six_answers_of_two_to_four_tokens_are_possible():
    probability, answers = question(0.3).episodes()
    assert sorted(map(len, answers)) == [2, 2, 3, 3, 4, 4]
    np.testing.assert_allclose(probability, [0.075, 0.075, 0.15, 0.175, 0.175, 0.35], atol=1e-15)


def test_the_reward_does_not_depend_on_the_length_of_an_answer():
    """∂J / ∂logit(stop) = 0."""
    gradient = question(0.3, stop=(0.2, 0.6)).gradient()
    np.testing.assert_allclose(gradient[1:], 0, rtol=0, atol=1e-15)
    np.testing.assert_allclose(gradient[0, :2], [0.21, -0.21], rtol=1e-12)


@pytest.mark.parametrize("G", [2, 3, 4])
def test_rloo_is_unbiased(G):
    assert verdict(minus_others, G=G, stop=(0.2, 0.6)).unbiased


@pytest.mark.parametrize("G", [2, 3, 4])
def test_dr_grpo_is_rloo_times_one_minus_one_over_g(G):
    found = verdict(minus_mean, G=G)
    np.testing.assert_allclose(found.expectation, (1 - 1 / G) * found.truth, rtol=0, atol=1e-14)


@pytest.mark.parametrize("G", [2, 3, 4])
@pytest.mark.parametrize("p_no", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("advantage", [minus_mean, standardised])
def test_a_mean_over_tokens_makes_right_answers_shorter_and_wrong_ones_longer(advantage, p_no, G):
    after_no, after_yes = stops(verdict(advantage, True, p_no, G))
    assert after_no > 0 > after_yes


def test_grpo_has_another_direction_than_the_gradient():
    """At p = .3 with four answers the cosine is .976; a seventh of the push goes to lengths."""
    found = verdict(standardised, True)
    assert found.cosine == pytest.approx(0.976, abs=5e-4)
    expected = np.array([0.1359, 0.0215, -0.0215])
    got = [found.expectation[0, NO], *stops(found)]
    np.testing.assert_allclose(got, expected, atol=5e-5)


def test_the_pushes_cancel_if_one_logit_serves_right_and_wrong_answers():
    for G in (2, 3, 4):
        assert sum(stops(verdict(standardised, True, 0.3, G))) == pytest.approx(0, abs=1e-15)


def test_the_pushes_do_not_cancel_if_wrong_answers_are_already_longer():
    assert abs(sum(stops(verdict(standardised, True, stop=(0.7, 0.2))))) > 5e-4


@pytest.mark.parametrize(("G", "bend"), [(2, 0.0872), (3, 0.0595), (4, 0.0450), (5, 0.0361)])
def test_dividing_by_all_tokens_of_the_group_gives_a_bias_that_fades(G, bend):
    def estimator(batch):
        tokens = sum(map(len, batch))
        return weighted_by(minus_mean)(batch) * len(batch) / tokens

    world = question(0.3)
    found = judge(estimator, world.batches(G, symmetric=True), world.gradient())
    assert -stops(found)[1] / found.expectation[0, NO] == pytest.approx(bend, abs=5e-5)


# The standard deviation of the group


def factor(p, G):
    """Return E[σₖ] / (p (1 - p)) for k right answers among G."""
    k = np.arange(G + 1)
    chance = np.array([comb(G, i) for i in k]) * p**k * (1 - p) ** (G - k)
    return chance @ np.sqrt(k / G * (1 - k / G)) / (p * (1 - p))


@pytest.mark.parametrize("G", [2, 3, 4])
@pytest.mark.parametrize("p", [0.1, 0.3, 0.8])
def test_with_rewards_0_and_1_the_standard_deviation_keeps_the_direction(p, G):
    """E[g] = E[σₖ] / (p (1 - p)) ∇J holds for sequences, too."""
    found = verdict(standardised, p_no=p, G=G, stop=(0.3, 0.6))
    np.testing.assert_allclose(found.expectation, factor(p, G) * found.truth, rtol=0, atol=1e-14)


def test_with_rewards_0_and_1_any_divisor_made_of_the_rewards_keeps_the_direction():
    """The divisor here is R.std(ddof=1) + 1/100."""
    found = verdict(lambda R: minus_mean(R) / (R.std(ddof=1) + 0.01))
    assert found.cosine == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.99])
def test_in_groups_of_two_and_three_all_questions_have_equal_weight(p):
    """For G = 2, σ₁ = 1/2, P(k = 1) = 2pq; for G = 3, σ₁ = σ₂ = √2/3, P(k = 1 or 2) = 3pq."""
    assert factor(p, 2) == pytest.approx(1, rel=1e-12)
    assert factor(p, 3) == pytest.approx(np.sqrt(2), rel=1e-12)


@pytest.mark.parametrize("G", [4, 8, 32])
def test_in_larger_groups_hard_and_easy_questions_have_more_weight(G):
    weights = [factor(p, G) for p in (0.01, 0.1, 0.3, 0.5)]
    assert (np.diff(weights) < 0).all()
    assert factor(0.9, G) == pytest.approx(factor(0.1, G), rel=1e-12)


def test_with_other_rewards_the_standard_deviation_changes_the_direction():
    """Rewards 1, 0 and 5 with two pulls give a cosine of .94."""
    machine = bandit([1, 0, 5], [0.5, -0.3, 0.1])
    found = judge(weighted_by(standardised), machine.batches(2), machine.gradient())
    assert found.cosine == pytest.approx(0.94, abs=5e-3)


def test_the_standard_deviation_changes_the_relative_weights_of_questions():
    """With p = .02 and .5 in groups of four it is not the direction of the summed gradients."""
    found = [verdict(standardised, p_no=p) for p in (0.02, 0.5)]
    together = [np.concatenate([f.expectation, f.truth], axis=1)[0] for f in found]
    ratio = together[0][NO] / together[1][NO] / (0.0196 / 0.25)
    assert ratio == pytest.approx(factor(0.02, 4) / factor(0.5, 4), rel=1e-12)
    assert ratio > 1.06


# One step of PPO


class Clipped(LeaveOneOut):
    """A policy that follows the objective of PPO, min(ρ A, clip(ρ, .8, 1.2) A)."""

    def process_fn(self, batch, buffer, indices):
        batch = super().process_fn(batch, buffer, indices)
        with torch.no_grad():
            batch.old = self(batch).dist.log_prob(torch.as_tensor(batch.act))
        return batch

    def learn(self, batch, batch_size, repeat, *args, **kwargs):
        act = torch.as_tensor(batch.act)
        A = torch.as_tensor(batch.returns)
        losses = []
        for _ in range(repeat):
            ratio = (self(batch).dist.log_prob(act) - batch.old).exp()
            loss = -torch.min(ratio * A, ratio.clamp(0.8, 1.2) * A).mean()
            self.optim.zero_grad()
            loss.backward()
            self.optim.step()
            losses.append(loss.item())
        return PGTrainingStats(loss=SequenceSummaryStats.from_sequence(losses))


def test_the_first_step_of_ppo_is_that_of_reinforce():
    """At the old policy, ρ = 1 and ∇ρ = ∇log π."""
    ppo, reinforce = pgpolicy_step(Clipped), pgpolicy_step(LeaveOneOut)
    for _, batch in forced_minus_5().batches(2):
        np.testing.assert_allclose(ppo(batch), reinforce(batch), rtol=0, atol=1e-14)


def test_the_second_step_of_ppo_differs_from_that_of_reinforce():
    ppo, reinforce = pgpolicy_step(Clipped, repeat=2), pgpolicy_step(LeaveOneOut, repeat=2)
    batches = [batch for _, batch in forced_minus_5().batches(2)]
    assert max(np.abs(ppo(batch) - reinforce(batch)).max() for batch in batches) > 0.1


def test_plain_pgpolicy_is_biased_where_leave_one_out_is_not():
    """On stop-or-go with N = 1 its expected update has the wrong sign."""
    found = judge(pgpolicy_step(PGPolicy), stop_or_go().batches(1), stop_or_go().gradient())
    assert cosine(found.expectation, found.truth) < 0


# The answers to the exercises


@given(st.lists(st.lists(st.integers(-9, 9), min_size=1, max_size=4), min_size=2, max_size=4))
def test_the_answer_of_11_1_is_the_mean_of_the_others_at_t(episodes):
    G = np.concatenate([np.asarray(g, float) for g in episodes])
    end = np.concatenate([np.arange(len(g)) == len(g) - 1 for g in episodes])
    expected = [
        np.mean([g[t] if t < len(g) else 0 for g in episodes[:i] + episodes[i + 1 :]])
        for i, own in enumerate(episodes)
        for t in range(len(own))
    ]
    np.testing.assert_allclose(record("11.1").key(G, end), expected, rtol=1e-13, atol=1e-13)


def test_the_answer_of_11_2_is_the_limit_of_the_factor():
    assert record("11.2").key == pytest.approx(factor(1e-9, 10), rel=1e-6)


def test_minus_the_gradient_of_the_loss_of_11_3_is_right_on_average():
    """E[-∇loss] = ∇J for four arms of 1 or 2 tokens, by finite differences of both."""
    reward = np.array([1.0, 0.0, 0.5, 0.0])
    tokens = np.array([1, 2, 2, 1])
    z = np.array([0.3, -0.2, 0.1, 0.0])

    def log_pi(z):
        return z - np.log(np.exp(z).sum())

    def loss(z, group):  # The log-probability of an answer stands at its first token.
        mask = np.arange(2) < tokens[group][:, None]
        log_prob = np.where(np.arange(2) == 0, log_pi(z)[group][:, None], 0.0)
        return record("11.3").key(log_prob, mask, reward[group])

    nudges = 1e-5 * np.eye(4)
    groups = [np.array(group) for group in product(range(4), repeat=2)]
    pi = np.exp(log_pi(z))
    slopes = [
        sum(pi[g].prod() * (loss(z + n, g) - loss(z - n, g)) for g in groups) / 2e-5 for n in nudges
    ]
    truth = [(np.exp(log_pi(z + n)) - np.exp(log_pi(z - n))) @ reward / 2e-5 for n in nudges]
    np.testing.assert_allclose(slopes, -np.array(truth), atol=1e-9)


def test_the_answer_of_11_4_agrees_with_autograd():
    rng = np.random.default_rng(0)
    log_ratio = torch.tensor(rng.normal(0, 0.5, 200), requires_grad=True)
    A = rng.normal(size=200)
    ratio, advantage = log_ratio.exp(), torch.tensor(A)
    torch.min(ratio * advantage, ratio.clamp(0.7, 1.3) * advantage).sum().backward()
    assert log_ratio.grad is not None
    found = record("11.4").key(ratio.detach().numpy(), A, 0.3)
    np.testing.assert_allclose(found, log_ratio.grad.numpy(), rtol=1e-12, atol=0)


def test_the_trainer_does_with_the_settings_of_11_5_what_the_loop_did():
    """2 envs, 6 steps, 30 in all, 2 passes of 3 parts: 24 steps, 2 · 2 · 3 gradient steps."""
    epoch, collect, repeat, size = record("11.5").key(2, 6, 30, 2, 3)
    policy = make_policy(Net(4, 2), action_space=gym.spaces.Discrete(2))
    steps = []
    policy.optim.register_step_post_hook(lambda *_: steps.append(1))
    envs = DummyVectorEnv([lambda: gym.make("CartPole-v1") for _ in range(2)])
    trainer = OnpolicyTrainer(
        policy=policy,
        max_epoch=1,
        step_per_epoch=epoch,
        step_per_collect=collect,
        repeat_per_collect=repeat,
        batch_size=size,
        train_collector=Collector(policy, envs, VectorReplayBuffer(24, 2)),
        episode_per_test=1,
        verbose=False,
        show_progress=False,
    )
    trainer.run()
    assert (trainer.env_step, len(steps)) == (24, 12)


# Scripts that move

SOURCE = Path(__file__).parents[2] / "notebooks" / "src" / "11_where_next.md"


def test_every_name_that_the_script_imports_from_tianshou_is_a_name_of_pg_edu():
    from parity.cases_script import script

    import pg_edu

    imports = [node for node in ast.parse(script()).body if isinstance(node, ast.ImportFrom)]
    names = [alias.name for node in imports for alias in node.names]
    assert len(names) == 7
    assert set(names) <= set(pg_edu.__all__)


def test_the_script_for_tianshou_2_is_python():
    blocks = re.findall(
        r"^```py\n(.*?)^```", SOURCE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    (text,) = [block for block in blocks if "from tianshou.algorithm" in block]
    assert ast.parse(text)
