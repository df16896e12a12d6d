"""Shapes of log-probabilities: one number per decision, what all pairs compute, and the guard.

The oracles: sums written out, enumeration in fractions, and torch itself.
"""

import itertools
import math
from fractions import Fraction

import gymnasium as gym
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, Independent, Normal

from pg_edu import Batch, Net
from pg_edu.lab.exact.estimators import broadcast, mean_over_steps, reward_to_go
from pg_edu.lab.exact.judge import judge
from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.exact.tasks import bandit
from pg_edu.log_probs import checked_log_prob
from tests.helpers import guard_refuses, make_policy

COLUMN, ROW, MATRIX = torch.full((3, 1), 0.5), torch.full((3,), 0.25), torch.full((3, 4), 0.5)


# One number per decision


def test_a_categorical_scores_each_action_in_its_own_state():
    """log π(aᵢ|sᵢ) = zᵢ[aᵢ] - log Σ exp zᵢ."""
    logits, act = torch.tensor([[0.0, 1.0], [2.0, -1.0], [0.5, 0.5]]), torch.tensor([1, 0, 1])
    found = checked_log_prob(Categorical(logits=logits), act)
    expected = [
        z[a] - math.log(sum(map(math.exp, z)))
        for z, a in zip(logits.tolist(), act.tolist(), strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_log_probability_of_a_vector_is_the_sum_over_its_dimensions():
    """log π(a|s) = Σₖ log N(aₖ; μₖ, σ)."""
    loc, act = torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.tensor([[0.5, 1.0], [2.0, 1.0]])
    found = checked_log_prob(Independent(Normal(loc, 2.0), 1), act)
    density = [
        [math.exp(-(((a - m) / 2) ** 2) / 2) / (2 * math.sqrt(2 * math.pi)) for a, m in pairs]
        for pairs in (
            zip(*rows, strict=True) for rows in zip(act.tolist(), loc.tolist(), strict=True)
        )
    ]
    np.testing.assert_allclose(found, [math.log(a * b) for a, b in density], rtol=1e-6)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_a_column_of_returns_weighs_each_action_by_its_own_return(shape):
    """loss = -(1/B) Σ log π(aᵢ|sᵢ) Gᵢ, for returns [B] and for returns [B, 1]."""
    torch.manual_seed(0)
    net, obs = Net(state_shape=2, action_shape=3), np.arange(8, dtype=np.float32).reshape(4, 2)
    act, returns = np.array([0, 2, 1, 1]), np.array([1.0, -2.0, 4.0, 0.5])
    logits = net(obs)[0].tolist()
    log_prob = [z[a] - math.log(sum(map(math.exp, z))) for z, a in zip(logits, act, strict=True)]
    expected = -sum(x * g for x, g in zip(log_prob, returns, strict=True)) / 4
    batch = Batch(obs=obs, act=act, returns=returns.reshape(shape))
    assert make_policy(net, gym.spaces.Discrete(3), lr=0.0).learn(
        batch, None, 1
    ).loss.mean == pytest.approx(expected, rel=1e-5)


# All pairs: [B] * [B, 1]

pairs_of_numbers = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1)


@given(pairs_of_numbers)
def test_the_mean_over_all_pairs_is_the_product_of_the_means(rows):
    """(1/B²) Σᵢ Σⱼ xⱼ Gᵢ = mean(x) mean(G)."""
    x, G = (torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True))
    expected = float(Fraction(sum(a for a, _ in rows) * sum(b for _, b in rows), len(rows) ** 2))
    assert (x * G[:, None]).mean().item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("side", ["returns", "log-probabilities"])
def test_a_column_on_either_side_and_a_mean_taken_early_weigh_all_actions_alike(side):
    """∂/∂xⱼ of mean(x G) is mean(G)/B for [B] * [B, 1] and [B, 1] * [B], as for mean(x) G."""
    x = torch.tensor([-0.5, -2.0, -1.0], dtype=torch.float64, requires_grad=True)
    G = torch.tensor([3.0, 1.0, -1.0], dtype=torch.float64)
    table = x * G[:, None] if side == "returns" else x[:, None] * G
    for product in (table, x.mean() * G):
        (slope,) = torch.autograd.grad(product.mean(), x, retain_graph=True)
        np.testing.assert_allclose(slope, [1 / 3, 1 / 3, 1 / 3], rtol=1e-12)


def test_a_draw_has_the_sample_shape_the_batch_shape_and_the_event_shape():
    """Its log-probability has sample_shape + batch_shape."""
    dist = Independent(Normal(torch.zeros(5, 3), 1.0), 1)
    draws = dist.sample((7, 2))
    assert draws.shape == (7, 2, 5, 3)
    assert dist.log_prob(draws).shape == (7, 2, 5)


# The first action pays 1 now and costs .6 at the next step; the second action has no effect.
TWO_STEPS = MDP(
    start=[1, 0, 0],
    transition=[[[0, 1, 0], [0, 0, 1]], [[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]],
    reward=[[0, 1], [0, 0], [-0.6, -0.6]],
    logits=np.zeros((3, 2)),
)


def test_right_minus_all_pairs_is_the_estimate_centered_by_the_mean_of_the_batch():
    """mean(s G) - mean(s) mean(G) = mean(s (G - mean G)) holds for every possible batch."""
    for batch in [batch for _, batch in TWO_STEPS.batches(2)]:
        weights = reward_to_go(batch)
        s, G = np.concatenate([e.score for e in batch]), np.concatenate(weights)
        centered = sum(score * (g - G.mean()) for score, g in zip(s, G, strict=True)) / len(G)
        difference = mean_over_steps(batch, weights) - broadcast(batch, weights)
        np.testing.assert_allclose(difference, centered, atol=1e-15)


def enumerated(estimate, scores, rewards, probability, N):
    """Return E[estimate(s, G)] over all batches of N pulls of a bandit."""
    total = 0
    for arms in itertools.product(range(len(rewards)), repeat=N):
        weight = math.prod(probability[arm] for arm in arms)
        total += weight * estimate([scores[arm] for arm in arms], [rewards[arm] for arm in arms])
    return total


@pytest.mark.parametrize("N", [1, 2, 3, 4])
def test_for_episodes_of_one_step_all_pairs_give_the_gradient_divided_by_their_number(N):
    """E[mean(s) mean(G)] = ∇J / N for the logit of the first of two arms, in fractions."""
    p = Fraction(1, 3)
    scores, rewards = [1 - p, -p], [Fraction(2), Fraction(5)]
    gradient = p * (1 - p) * (rewards[0] - rewards[1])
    found = enumerated(lambda s, G: sum(s) * sum(G) / N**2, scores, rewards, [p, 1 - p], N)
    assert found == gradient / N
    right = enumerated(
        lambda s, G: sum(x * g for x, g in zip(s, G, strict=True)) / N,
        scores,
        rewards,
        [p, 1 - p],
        N,
    )
    assert right == gradient


def test_the_signal_to_noise_ratio_of_all_pairs_falls_with_the_number_of_episodes():
    """|E g| / std(g) = .39, .30, .26 at N = 2, 4, 6; that of the right estimate grows as √N."""
    task = bandit([1, 0, 5], [0.5, -0.3, 0.1])

    def snr(average, n):
        return judge(lambda b: average(b, reward_to_go(b)), task.batches(n), task.gradient()).snr

    assert [round(snr(broadcast, n), 2) for n in (2, 4, 6)] == [0.39, 0.30, 0.26]
    one = snr(mean_over_steps, 1)
    np.testing.assert_allclose(
        [snr(mean_over_steps, n) for n in (2, 4, 6)], one * np.sqrt([2, 4, 6])
    )


@pytest.mark.parametrize("N", [1, 2, 3])
def test_over_two_steps_all_pairs_follow_another_objective_and_can_reverse_the_sign(N):
    """E = (1 / N T²) ∇E[G₀ + G₁]: rewards +1, -.6 count 1·1 + 2·(-.6) = -.2 instead of +.4."""
    q, T = 1 / 4, 2

    def expectation(average):
        """Return the expected update of the logit of the first action."""

        def estimator(batch):
            return average(batch, reward_to_go(batch))

        return judge(estimator, TWO_STEPS.batches(N), TWO_STEPS.gradient()).expectation[0, 1]

    assert TWO_STEPS.gradient()[0, 1] == pytest.approx(q * 0.4)
    assert expectation(mean_over_steps) == pytest.approx(q * 0.4 / T)
    assert expectation(broadcast) == pytest.approx(q * -0.2 / (N * T**2))


# A column of actions


def all_states_loss(logits, act, returns):
    """Return the loss that scores action i in every state and weights it by Gᵢ."""
    return -(Categorical(logits=logits).log_prob(act[:, None]) * returns[:, None]).mean()


def test_a_categorical_scores_a_column_of_actions_in_every_state():
    """Entry (i, j) of the table is log π(aᵢ|sⱼ)."""
    logits, act = torch.tensor([[0.0, 1.0], [2.0, -1.0], [0.5, 0.5]]), torch.tensor([1, 0, 1])
    table = Categorical(logits=logits).log_prob(act[:, None])
    for i, j in itertools.product(range(3), repeat=2):
        own = checked_log_prob(Categorical(logits=logits[j : j + 1]), act[i : i + 1])
        torch.testing.assert_close(table[i, j], own[0])


def test_with_only_one_state_the_mistake_has_no_effect():
    """All columns are then equal, so the mean over them is the right loss."""
    logits, act = torch.tensor([0.3, -1.0, 0.2]).expand(4, 3), torch.tensor([0, 2, 1, 1])
    returns = torch.tensor([1.0, 4.0, -2.0, 0.5])
    right = -(checked_log_prob(Categorical(logits=logits), act) * returns).mean()
    torch.testing.assert_close(all_states_loss(logits, act, returns), right)


@pytest.mark.parametrize("B", [1, 2, 3, 4])
def test_with_two_contexts_the_rarer_one_learns_the_wrong_action_from_four_rows_on(B):
    """E = p/(4B) (1 + (B - 1)(p - p')), by autograd over all batches, with p = .3 and p' = .7."""
    expected = 0.0
    for context in itertools.product((0, 1), repeat=B):
        for act in itertools.product((0, 1), repeat=B):
            logits = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
            G = torch.tensor([float(a == c) for a, c in zip(act, context, strict=True)])
            loss = all_states_loss(logits[list(context)], torch.tensor(act), G)
            (gradient,) = torch.autograd.grad(loss, logits)
            chance = math.prod((0.7, 0.3)[c] for c in context) * 0.5**B
            expected -= chance * gradient[1, 1].item()
    assert expected == pytest.approx(0.3 / (4 * B) * (1 + (B - 1) * (0.3 - 0.7)), abs=1e-9)
    assert (expected < 0) == (B >= 4)


# Mistakes that no shape shows


@pytest.mark.parametrize("A", [1, 2, 17])
def test_a_mean_over_dimensions_is_the_gradient_divided_by_their_number(A):
    """The gradient of mean_{B,A}(log N(a) G) is that of mean_B(Σₖ log N(aₖ) G), divided by A."""
    torch.manual_seed(0)
    act, G = torch.randn(5, A, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    loc = torch.zeros(5, A, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad((Normal(loc, 1.0).log_prob(act) * G[:, None]).mean(), loc)
    expected = [
        [a * g / (5 * A) for a in row] for row, g in zip(act.tolist(), G.tolist(), strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("A", [2, 4])
def test_probabilities_mistaken_for_logits_limit_the_certainty_of_the_policy(A):
    """The largest probability after a second softmax is softmax(1, 0, ..., 0) = e / (e + A - 1)."""
    certain = torch.eye(A)[0]
    p = checked_log_prob(Categorical(logits=certain[None]), torch.tensor([0])).exp().item()
    assert p == pytest.approx(math.e / (math.e + A - 1))


# The guard: forbid_outer_broadcast (its own tests are in tests/guard)


@pytest.mark.parametrize(
    "loss",
    [
        F.mse_loss,
        F.l1_loss,
        F.smooth_l1_loss,
        F.huber_loss,
        F.kl_div,
        F.poisson_nll_loss,
        F.hinge_embedding_loss,
        F.multilabel_soft_margin_loss,
        lambda x, y: F.gaussian_nll_loss(x, y, torch.ones_like(x)),
        torch.nn.MSELoss(),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_under_the_guard_a_loss_that_averages_over_all_pairs_is_refused(loss):
    """loss([3, 1], [3]) is no error for torch, and loss([3], [3]) is none for the guard."""
    loss(COLUMN, ROW)
    assert guard_refuses(lambda: loss(COLUMN, ROW))
    assert not guard_refuses(lambda: loss(COLUMN[:, 0], ROW))


def test_under_the_guard_a_categorical_refuses_actions_with_an_extra_axis():
    """Without the guard it broadcasts actions [B, 1] to [B, B]."""
    dist, act = Categorical(logits=MATRIX), torch.zeros(3, dtype=torch.long)
    assert dist.log_prob(act[:, None]).shape == (3, 3)
    assert guard_refuses(lambda: dist.log_prob(act[:, None]))
    assert not guard_refuses(lambda: dist.log_prob(act))
