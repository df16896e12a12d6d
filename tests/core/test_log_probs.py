"""Log-probabilities: the shape that is accepted, and the likely cause of every other shape.

The oracles: densities written out with `math`, and torch called without the check.
"""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Distribution, Independent, Normal, Uniform

from pg_edu.log_probs import checked_log_prob


@pytest.mark.parametrize("wrong", [(3, 1), (1,), (1, 3), (3, 3), (2,), ()])
def test_actions_of_any_shape_other_than_the_distributions_are_an_error(wrong):
    """batch_shape + event_shape = [3] is the only shape that is accepted."""
    for dist in (Categorical(logits=torch.zeros(3, 2)), Normal(torch.zeros(3), 1.0)):
        with pytest.raises(ValueError, match="act has shape"):
            checked_log_prob(dist, torch.zeros(wrong))


def test_actions_without_the_last_axis_of_a_gaussian_are_an_error():
    """Torch gives Independent(Normal([B, 1])) actions [B] the sum over the batch, B times."""
    dist, act = Independent(Normal(torch.zeros(3, 1), 1.0), 1), torch.tensor([0.0, 1.0, 2.0])
    each = -(act**2) / 2 - math.log(2 * math.pi) / 2
    torch.testing.assert_close(dist.log_prob(act), each.sum().expand(3))
    with pytest.raises(ValueError, match=r"act has shape \[3\].*unsqueeze"):
        checked_log_prob(dist, act)
    torch.testing.assert_close(checked_log_prob(dist, act[:, None]), each)


def test_a_column_of_actions_is_an_error_that_names_the_table_it_would_make():
    """A Categorical over B states scores actions [B, 1] as a table [B, B]."""
    dist = Categorical(logits=torch.zeros(3, 2))
    column = torch.zeros(3, 1)
    assert dist.log_prob(column).shape == (3, 3)
    with pytest.raises(ValueError, match=r"would have shape \[3, 3\].*act\.squeeze\(-1\)"):
        checked_log_prob(dist, column)


def test_a_normal_has_one_log_probability_for_each_number():
    """log N(a; μ, σ) = -(a - μ)²/(2σ²) - log σ - ½ log 2π, for each of [B, A] numbers."""
    loc = np.array([[0.0, 1.0], [2.0, 3.0]])
    act = np.array([[0.5, 1.0], [2.0, 1.0]])
    expected = -((act - loc) ** 2) / 8 - math.log(2) - math.log(2 * math.pi) / 2
    found = checked_log_prob(Normal(torch.tensor(loc), 2.0), torch.tensor(act))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("validate", [True, False])
def test_an_action_outside_of_the_support_is_an_error_that_names_the_support(validate):
    """The error is raised whether or not torch checks the distribution itself."""
    dist = Uniform(torch.zeros(2), torch.ones(2), validate_args=validate)
    with pytest.raises(ValueError, match="actions that Uniform cannot draw"):
        checked_log_prob(dist, torch.tensor([0.5, 2.0]))


def test_a_distribution_that_breaks_its_promise_about_shapes_is_an_error():
    """A log_prob of another shape than batch_shape would be broadcast later."""

    class Summed(Normal):
        def log_prob(self, value):
            return super().log_prob(value).sum()

    dist: Distribution = Summed(torch.zeros(3), torch.ones(3))
    with pytest.raises(
        ValueError, match=r"log_prob of Summed has shape \[\].*batch_shape is \[3\]"
    ):
        checked_log_prob(dist, torch.zeros(3))


SHAPES = [
    (lambda: Categorical(logits=torch.zeros(3, 2)), (3, 1)),
    (lambda: Normal(torch.zeros(3, 2), 1.0), (3, 2, 1)),
    (lambda: Normal(torch.zeros(3, 3), 1.0), (3, 3, 1)),
    (lambda: Independent(Normal(torch.zeros(3, 1), 1.0), 1), (3,)),
    (lambda: Independent(Normal(torch.zeros(3, 2), 1.0), 1), (3, 2, 1)),
    (lambda: Independent(Normal(torch.zeros(3, 3), 1.0), 1), (3, 3, 1)),
    (lambda: Independent(Normal(torch.zeros(3, 2, 1), 1.0), 2), (3, 2)),
]


@pytest.mark.parametrize(("make", "wrong"), SHAPES)
def test_the_message_promises_only_the_shape_that_torch_would_give(make, wrong):
    """The oracle is torch itself, which broadcasts or fails."""
    dist, act = make(), torch.zeros(wrong)
    try:
        scored = list(dist.log_prob(act).shape)
    except (RuntimeError, ValueError):
        scored = None
    with pytest.raises(ValueError, match="act has shape") as caught:
        checked_log_prob(dist, act)
    message = str(caught.value)
    if scored is None:
        assert "Scored anyway" not in message
    elif scored == list(dist.batch_shape):
        assert "scored against every row" in message
    else:
        assert f"would have shape {scored}." in message


def test_a_column_of_log_probabilities_is_an_error():
    """[B, 1] times returns [B] would be a table of all pairs."""

    class Column(Normal):
        def log_prob(self, value):
            return super().log_prob(value)[:, None]

    with pytest.raises(ValueError, match=r"has shape \[3, 1\].*batch_shape is \[3\]"):
        checked_log_prob(Column(torch.zeros(3), torch.ones(3)), torch.zeros(3))


def test_the_gradient_flows_through_a_checked_log_probability():
    loc = torch.zeros(3, requires_grad=True)
    checked_log_prob(Normal(loc, 1.0), torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert loc.grad is not None and loc.grad.tolist() == [1.0, 2.0, 3.0]


def test_an_own_class_may_sum_its_log_probabilities_over_the_dimensions():
    """Independent does the same; many scripts write it as below, and v1.1.0 learns from it."""

    class Summed(Normal):
        def log_prob(self, value):
            return super().log_prob(value).sum(-1)

    act = torch.tensor([[0.5, -1.0], [2.0, 0.0], [0.3, 0.1]])
    joint = Independent(Normal(torch.zeros(3, 2), torch.ones(3, 2)), 1)
    scores = checked_log_prob(Summed(torch.zeros(3, 2), torch.ones(3, 2)), act)
    assert torch.equal(scores, joint.log_prob(act))
