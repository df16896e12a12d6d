"""Action distributions: what they score and what they draw.

The oracles: log-softmax and the density of a Gaussian, written out in NumPy.
"""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pg_edu.distributions import IndependentCategoricals, categorical, gaussian
from tests.helpers import softmax

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
