"""Action distributions: what they score and what they draw.

The oracles: log-softmax and the density of a Gaussian, written out in NumPy.
"""

import itertools
import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    Normal,
    TanhTransform,
    TransformedDistribution,
    Uniform,
)

from pg_edu import Batch, Collector, VectorReplayBuffer
from pg_edu.distributions import (
    IndependentCategoricals,
    categorical,
    check_distribution,
    declared_shapes,
    gaussian,
)
from tests.helpers import ConstantLogits, make_policy, softmax

logits_of_rows = st.lists(st.lists(st.floats(-3, 3), min_size=3, max_size=3), min_size=1)


@given(logits_of_rows)
def test_a_categorical_has_the_log_probabilities_of_a_softmax(rows):
    logits = np.array(rows)
    dist = categorical(torch.tensor(logits))
    for action in range(3):
        found = dist.log_prob(torch.full((len(rows),), action))
        np.testing.assert_allclose(found, np.log(softmax(logits)[:, action]), atol=1e-12)


def test_a_gaussian_scores_the_numbers_of_an_action_together():
    """log N(a; μ, σ) = Σₖ [-(aₖ - μₖ)²/(2σₖ²) - log σₖ - ½ log 2π], one number per row."""
    rng = np.random.default_rng(0)
    loc, act = rng.normal(size=(2, 5, 3))
    scale = np.exp(rng.normal(size=(5, 3)))
    density = -(((act - loc) / scale) ** 2) / 2 - np.log(scale) - np.log(2 * np.pi) / 2
    dist = gaussian((torch.tensor(loc), torch.tensor(scale)))
    assert dist.batch_shape == (5,)
    assert dist.event_shape == (3,)
    np.testing.assert_allclose(dist.log_prob(torch.tensor(act)), density.sum(axis=1), rtol=1e-12)


SIZES = (2, 3, 1)


def test_independent_categoricals_score_the_sum_over_their_components():
    """log π(a) = Σₖ log softmax(logits of component k)[aₖ], for all 2 · 3 · 1 actions."""
    logits = np.random.default_rng(0).normal(size=(4, 6))
    parts = np.split(logits, [2, 5], axis=1)
    dist = IndependentCategoricals(SIZES)(torch.tensor(logits))
    for action in itertools.product(*map(range, SIZES)):
        expected = sum(np.log(softmax(part))[:, a] for part, a in zip(parts, action, strict=True))
        found = dist.log_prob(torch.tensor([action] * 4))
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_independent_categoricals_draw_each_component_with_its_own_frequencies():
    """Over 20,000 draws the frequencies are the softmax of each part, to five standard errors."""
    torch.manual_seed(0)
    logits = [0.0, 1.0, -1.0, 0.5, 2.0, 7.0]
    n = 20_000
    draws = IndependentCategoricals(SIZES)(torch.tensor([logits] * n)).sample().numpy()
    assert draws.shape == (n, 3)
    for column, part in zip(draws.T, np.split(np.array(logits), [2, 5]), strict=True):
        p = softmax(part)
        frequency = np.bincount(column, minlength=len(p)) / n
        assert (np.abs(frequency - p) <= 5 * np.sqrt(p * (1 - p) / n)).all()


def test_the_mode_of_independent_categoricals_is_the_best_action_of_each_component():
    logits = torch.tensor([[0.0, 1.0, 5.0, -1.0, 2.0, -9.0], [3.0, 1.0, 0.0, -1.0, 2.0, 4.0]])
    assert IndependentCategoricals(SIZES)(logits).mode.tolist() == [[1, 0, 0], [0, 2, 0]]


def test_the_gradient_of_a_score_is_finite_where_components_have_unequal_sizes():
    """The score of component k is one-hot minus softmax; the padding has no effect on it."""
    logits = torch.zeros(1, 6, dtype=torch.float64, requires_grad=True)
    IndependentCategoricals(SIZES)(logits).log_prob(torch.tensor([[1, 0, 0]])).sum().backward()
    assert logits.grad is not None
    expected = [-1 / 2, 1 / 2, 2 / 3, -1 / 3, -1 / 3, 0.0]
    np.testing.assert_allclose(logits.grad[0], expected, atol=1e-15)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_distribution_has_one_entry_for_each_row(rows):
    assert categorical(torch.zeros(rows, 3)).batch_shape == (rows,)
    assert gaussian((torch.zeros(rows, 2), torch.ones(rows, 2))).batch_shape == (rows,)
    assert IndependentCategoricals(SIZES)(torch.zeros(rows, 6)).batch_shape == (rows,)


# Distributions of your own


class TwoHeads:
    """A distribution over MultiDiscrete([3, 2]) with nothing but sample, mode and log_prob."""

    def __init__(self, logits):
        self.heads = [Categorical(logits=part) for part in logits.split([3, 2], -1)]

    def sample(self, sample_shape=()):
        return torch.stack([head.sample() for head in self.heads], -1)

    @property
    def mode(self):
        return torch.stack([head.mode for head in self.heads], -1)

    def log_prob(self, act):
        return sum(head.log_prob(act[:, k]) for k, head in enumerate(self.heads))


class WithoutInit(TwoHeads, Distribution):
    pass


class WithBareInit(TwoHeads, Distribution):
    def __init__(self, logits):
        Distribution.__init__(self, validate_args=False)
        TwoHeads.__init__(self, logits)


class WithShapes(TwoHeads, Distribution):
    def __init__(self, logits):
        Distribution.__init__(self, logits.shape[:1], torch.Size([2]), validate_args=False)
        TwoHeads.__init__(self, logits)


class InAColumn(TwoHeads):
    def log_prob(self, act):
        return super().log_prob(act)[:, None]


class ByHead(TwoHeads):
    def log_prob(self, act):
        return torch.stack([head.log_prob(act[:, k]) for k, head in enumerate(self.heads)], -1)


OWN = [TwoHeads, WithoutInit, WithBareInit, WithShapes, InAColumn]
SPACE = gym.spaces.MultiDiscrete([3, 2])


def policy_of(kind, **settings):
    return make_policy(ConstantLogits([0.5, 1.0, -1.0, 0.0, 2.0]), SPACE, dist_fn=kind, **settings)


@pytest.mark.parametrize("kind", OWN)
def test_an_own_distribution_learns_as_tianshou_does(kind):
    """loss = -mean (log p(a₀) + log p(a₁)) G, and its gradient, written out in NumPy.

    v1.1.0 runs the same classes; next to it the losses agree bit for bit.
    """
    act, returns = np.array([[0, 1], [2, 0], [1, 1]]), np.array([1.0, 2.0, -3.0])
    policy = policy_of(kind)
    p = [softmax([0.5, 1.0, -1.0]), softmax([0.0, 2.0])]
    log_p = np.log(p[0])[act[:, 0]] + np.log(p[1])[act[:, 1]]
    score = np.hstack([np.eye(3)[act[:, 0]] - p[0], np.eye(2)[act[:, 1]] - p[1]])
    after = policy.actor.logits.detach().numpy() + (score * returns[:, None]).mean(axis=0)

    stats = policy.learn(Batch(obs=np.zeros(3), act=act, returns=returns), None, 1)
    assert stats.loss.mean == pytest.approx(-(log_p * returns).mean(), rel=1e-6)
    np.testing.assert_allclose(policy.actor.logits.detach(), after, rtol=1e-6)


def test_an_own_distribution_that_scores_each_dimension_averages_over_them_and_warns():
    """The loss is half of the joint one, as in v1.1.0."""
    batch = Batch(obs=np.zeros(2), act=[[0, 1], [2, 0]], returns=[1.0, 2.0])
    joint = policy_of(TwoHeads).learn(batch, None, 1).loss.mean
    with pytest.warns(UserWarning, match=r"log_prob has shape \[B, 2\]"):
        each = policy_of(ByHead).learn(batch, None, 1).loss.mean
    assert each == pytest.approx(joint / 2, rel=1e-6)


class Still(gym.Env):
    """An environment in which nothing happens."""

    observation_space, action_space = gym.spaces.Box(-1, 1, (2,)), SPACE

    def reset(self, *, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.zeros(2, np.float32), 1.0, False, False, {}


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("kind", [*OWN, ByHead])
def test_an_own_distribution_collects(kind, greedy):
    """While collecting, torch's validation is off; an own class has nothing to check instead."""
    envs = gym.vector.SyncVectorEnv([Still] * 2)
    collector = Collector(
        policy_of(kind, deterministic_eval=greedy), envs, VectorReplayBuffer(8, 2)
    )
    assert collector.collect(n_step=8).n_collected_steps == 8
    assert greedy == (len({tuple(act) for act in collector.buffer.act}) == 1)


def test_an_own_distribution_must_score_each_row():
    class Total(TwoHeads):
        def log_prob(self, act):
            return super().log_prob(act).sum()

    policy = policy_of(Total)
    with pytest.raises(ValueError, match=r"log_prob of Total has shape \[\] for 2 actions"):
        policy.learn(Batch(obs=np.zeros(2), act=[[0, 1], [2, 0]], returns=[1.0, 2.0]), None, 1)


def test_rows_of_an_own_distribution_cannot_be_taken_and_the_message_names_its_class():
    result = policy_of(WithoutInit)(Batch(obs=np.zeros(4)))
    with pytest.raises(TypeError, match="cannot take rows of a WithoutInit"):
        result[1:]


def test_a_dist_fn_that_returns_no_distribution_is_an_error():
    policy = make_policy(ConstantLogits(), dist_fn=lambda logits: logits)
    with pytest.raises(TypeError, match=r"must return a distribution.*it returned a Tensor"):
        policy(Batch(obs=np.zeros(2)))


@pytest.mark.parametrize("validate", [True, False])
def test_shapes_of_torchs_own_distributions_are_always_declared(validate):
    """A Normal over no rows has two empty shapes as well, and is refused for 3 rows."""
    dist = Normal(torch.tensor(0.0), 1.0, validate_args=validate)
    assert declared_shapes(dist) == (torch.Size(), torch.Size())
    with pytest.raises(ValueError, match=r"batch_shape \[\] for 3 observations"):
        check_distribution(dist, None, lambda x: dist, rows=3)


def test_what_depends_on_another_parameter_is_not_checked():
    """The bounds of a Uniform are such; torch's constraint for them cannot be asked."""
    dist = Uniform(torch.zeros(3), torch.ones(3), validate_args=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_distribution(dist, None, lambda x: dist, rows=3)
    scale = Independent(Normal(torch.zeros(3, 1), -torch.ones(3, 1), validate_args=False), 1)
    with pytest.raises(ValueError, match="scale of Normal must satisfy"):
        check_distribution(scale, None, lambda x: scale, rows=3)


def test_a_distribution_without_a_mode_is_an_error_that_names_the_argument():
    """Torch has no mode for a TransformedDistribution."""

    def squashed(loc):
        return TransformedDistribution(Independent(Normal(loc, 1.0), 1), [TanhTransform()])

    policy = make_policy(
        ConstantLogits(np.zeros(2)),
        gym.spaces.Box(-1, 1, (2,)),
        dist_fn=squashed,
        deterministic_eval=True,
    )
    with pytest.raises(ValueError, match=r"deterministic_eval=True .* TransformedDistribution has"):
        policy(Batch(obs=np.zeros((3, 1))))
