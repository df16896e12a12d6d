"""Networks and distributions: gradients that must flow, states handed on, thresholds, padding."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, Normal, Uniform

from pg_edu import MLP, Actor, ActorProb, Net, Recurrent
from pg_edu.distributions import (
    IndependentCategoricals,
    check_distribution,
    check_support,
    select_rows,
)

# Networks


class Preprocess(nn.Module):
    """A preprocessing network with a hidden state, which it counts up."""

    output_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Any] = []

    def forward(self, obs: Any, state: Any = None) -> tuple[torch.Tensor, Any]:
        self.given.append(state)
        return torch.as_tensor(obs, dtype=torch.float32)[:, :3], 1 if state is None else state + 1


def test_an_actor_hands_the_state_to_its_preprocessing_network_and_returns_the_new_one() -> None:
    net = Preprocess()
    actor = Actor(net, action_shape=2)
    assert actor(np.zeros((1, 3)))[1] == 1
    assert actor(np.zeros((1, 3)), state=5)[1] == 6
    assert net.given == [None, 5]


def test_a_gaussian_actor_returns_the_new_state_too_where_tianshou_returns_the_old_one() -> None:
    """With the old state, 5, a memory would never leave its first value."""
    net = Preprocess()
    assert ActorProb(net, action_shape=2)(np.zeros((1, 3)), state=5)[1] == 6
    assert net.given == [5]


def test_the_gradient_flows_through_a_network_to_its_input() -> None:
    obs = torch.ones(2, 3, requires_grad=True)
    MLP(3, output_dim=1, hidden_sizes=[4], activation=nn.Tanh)(obs).sum().backward()
    assert obs.grad is not None and bool((obs.grad != 0).any())


@pytest.mark.parametrize("actor", [Net(3, 4, softmax=True), Actor(Preprocess(), action_shape=4)])
def test_probabilities_sum_to_1_in_each_row(actor: nn.Module) -> None:
    probs, _ = actor(np.random.default_rng(0).normal(size=(5, 3)))
    assert probs.sum(dim=1).tolist() == pytest.approx([1.0] * 5)


@pytest.mark.parametrize(("states", "fits"), [([0, 4], True), ([0, 5], False), ([-1, 0], False)])
def test_discrete_states_go_from_0_to_n_minus_1(states: list[int], fits: bool) -> None:
    net = Net(5, 2)
    if fits:
        assert net(np.array(states))[0].shape == (2, 2)
        return
    with pytest.raises(ValueError, match="Discrete states from 0 to 4"):
        net(np.array(states))


def test_floats_are_not_taken_for_the_numbers_of_states() -> None:
    with pytest.raises(ValueError, match="rows with 5 numbers each"):
        Net(5, 2)(np.array([0.0, 4.0]))


def test_the_hidden_layers_of_an_actor_come_after_the_features() -> None:
    widths = [p.shape[0] for p in Actor(Preprocess(), 2, hidden_sizes=[7]).last.parameters()]
    assert widths == [7, 7, 2, 2]
    gaussian = ActorProb(Preprocess(), 2, hidden_sizes=[7], conditioned_sigma=True)
    for mlp in (gaussian.mu, gaussian.sigma):
        assert [p.shape[0] for p in mlp.parameters()] == [7, 7, 2, 2]


def test_normalization_comes_before_the_activation() -> None:
    layers = MLP(3, 2, hidden_sizes=[4], norm_layer=nn.LayerNorm).model
    assert [type(layer) for layer in layers] == [nn.Linear, nn.LayerNorm, nn.ReLU, nn.Linear]


def test_the_state_dict_of_a_gaussian_actor_has_sigma_but_not_the_bound() -> None:
    actor = ActorProb(Preprocess(), action_shape=2, max_action=[1.0, 2.0])
    names = actor.state_dict()
    assert "sigma_param" in names and "max_action" not in names
    assert names["sigma_param"].shape == (2, 1)
    assert isinstance(actor.sigma_param, nn.Parameter)


ON_META: dict[str, Any] = {
    "Net": lambda: Net(3, 2, [4], device="meta"),
    "Actor": lambda: Actor(Net(3, 2, device="meta"), 2, [4], device="meta"),
    "ActorProb": lambda: ActorProb(Net(3, 2, device="meta"), 2, [4], [1.0, 2.0], "meta"),
    "ActorProb with a sigma of the observation": lambda: ActorProb(
        Net(3, 2, device="meta"), 2, [4], 2.0, "meta", conditioned_sigma=True
    ),
    "Recurrent": lambda: Recurrent(2, 3, 2, device="meta"),
}


@pytest.mark.parametrize("name", ON_META)
def test_every_parameter_and_every_bound_is_on_the_device(name: str) -> None:
    """The device "meta" has no memory, and is on every machine."""
    net = ON_META[name]()
    tensors = [*net.parameters(), *net.buffers()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    (output, *_), _ = net(np.zeros((5, 3)))
    assert output.device.type == "meta"


def test_integers_are_numbers_and_not_states_if_there_is_only_one_state() -> None:
    net = Net(1, 2)
    obs = np.array([0, 0, 0])
    torch.testing.assert_close(net(obs)[0], net(obs[:, None])[0])


def test_the_state_of_recurrent_keeps_its_graph() -> None:
    """The output after the second step depends on the first observation."""
    net = Recurrent(1, 3, 2, hidden_layer_size=4)
    first = torch.ones(1, 3, requires_grad=True)
    output, _ = net(torch.ones(1, 3), net(first)[1])
    output.sum().backward()
    assert first.grad is not None and bool((first.grad != 0).all())


def test_the_state_of_recurrent_may_have_any_dtype() -> None:
    net = Recurrent(2, 3, 2, hidden_layer_size=4)
    obs = np.ones((5, 3))
    zeros = {key: np.zeros((5, 2, 4), np.float64) for key in ("hidden", "cell")}
    torch.testing.assert_close(net(obs, zeros)[0], net(obs)[0])


def test_recurrent_has_128_units_in_each_hidden_layer_unless_told_otherwise() -> None:
    net = Recurrent(layer_num=3, state_shape=(2, 2), action_shape=5)
    _, state = net(np.zeros((6, 4)))
    assert state.hidden.shape == state.cell.shape == (6, 3, 128)


@pytest.mark.parametrize(("bound", "warns"), [([1.0, 2.0], 1), ([1.0, 1.0], 0), (1, 0), (0.5, 1)])
def test_only_a_bound_of_1_needs_no_warning_where_the_mean_is_unbounded(
    bound: Any, warns: int
) -> None:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        ActorProb(Net(3, 4), 2, max_action=bound, unbounded=True)
    assert [w.filename for w in found] == [__file__] * warns


@pytest.mark.parametrize("bound", [np.inf, -np.inf, np.nan, [1.0, np.inf]])
def test_a_bound_of_the_mean_must_be_finite(bound: Any) -> None:
    with pytest.raises(ValueError, match="one finite number, or one for each of the 2"):
        ActorProb(Net(3, 4), 2, max_action=bound)


def test_a_sigma_of_the_observation_is_never_0() -> None:
    """With an infinite density the log-probability of the mean would be infinite too."""
    actor = ActorProb(Net(1), 1, conditioned_sigma=True)
    nn.init.ones_(next(actor.sigma.parameters()))
    (_, sigma), _ = actor(np.array([[-1e3], [1e3]]))
    assert sigma.log().flatten().tolist() == pytest.approx([-20.0, 2.0])


# Distributions


def warnings_about(probs: torch.Tensor) -> list[str]:
    shown: list[str] = []
    check_distribution(Categorical(probs), probs, Categorical, len(probs), shown.append)
    return shown


@pytest.mark.parametrize(("excess", "warns"), [(0.0, 0), (5e-4, 0), (2e-3, 1), (-2e-3, 1)])
def test_probabilities_may_miss_1_by_a_thousandth(excess: float, warns: int) -> None:
    assert len(warnings_about(torch.tensor([[0.5, 0.5], [0.25, 0.75 + excess]]))) == warns


def test_logits_give_no_warning_whatever_their_sum() -> None:
    logits, shown = torch.tensor([[1.0, 5.0]]), list[str]()
    dist = Categorical(logits=logits)
    check_distribution(dist, logits, lambda x: Categorical(logits=x), 1, shown.append)
    assert shown == []


def test_a_single_negative_probability_is_an_error() -> None:
    probs = torch.tensor([[0.5, 0.5], [1.25, -0.25]])

    def unchecked(p: torch.Tensor) -> Categorical:
        return Categorical(p, validate_args=False)

    with pytest.raises(ValueError, match="some are negative"):
        check_distribution(unchecked(probs), probs, unchecked, 2)


@pytest.mark.parametrize("shape", [(2, 3), (6,), (1, 3)])
def test_the_first_axis_of_a_distribution_counts_the_rows(shape: tuple[int, ...]) -> None:
    dist = Normal(torch.zeros(shape), 1.0)
    with pytest.raises(ValueError, match="for 3 observations"):
        check_distribution(dist, (dist.loc, dist.scale), lambda x: Normal(*x), 3)


def test_one_action_outside_of_the_support_is_enough() -> None:
    with pytest.raises(ValueError, match="cannot draw"):
        check_support(Uniform(torch.zeros(2), torch.ones(2)), torch.tensor([0.5, 2.0]))


def test_what_pads_a_component_has_probability_0_even_next_to_unlikely_actions() -> None:
    dist: Any = IndependentCategoricals((2, 3))(torch.full((1, 5), -50.0))
    probs = dist.base_dist.probs[0]
    assert probs[0].tolist() == [0.5, 0.5, 0.0]
    assert probs[1].tolist() == pytest.approx([1 / 3] * 3)


def test_rows_of_a_distribution_keep_gradient_parameters_and_event_shape() -> None:
    loc = torch.randn(4, 2, 3, requires_grad=True)
    dist: Any = select_rows(Independent(Normal(loc, torch.ones(4, 2, 3)), 2), [0, 2])
    assert (dist.batch_shape, dist.event_shape) == ((2,), (2, 3))
    dist.log_prob(torch.zeros(2, 2, 3)).sum().backward()
    assert loc.grad is not None and loc.grad[[1, 3]].eq(0).all() and loc.grad[0].ne(0).any()


def test_rows_of_a_categorical_are_made_from_the_parameter_that_it_was_made_from() -> None:
    """Logits that were derived from probabilities, or the reverse, are rounded."""
    raw = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    by_logits, by_probs = Categorical(logits=raw), Categorical(probs=raw.softmax(-1))
    _ = by_logits.probs, by_probs.logits  # torch derives and keeps the other parameter
    for dist, name in ((by_logits, "logits"), (by_probs, "probs")):
        found: Any = select_rows(dist, slice(1, 3))
        torch.testing.assert_close(getattr(found, name), getattr(dist, name)[1:3])
        assert next(key for key in vars(found) if key in ("logits", "probs")) == name


def test_no_rows_of_a_distribution_are_a_distribution() -> None:
    found = select_rows(Categorical(logits=torch.zeros(3, 2)), np.zeros(0, int))
    assert found.batch_shape == (0,)


@pytest.mark.parametrize(
    ("dist_fn", "output"),
    [
        (lambda x: Categorical(x.softmax(-1)), [[2.0, 2.0]]),  # x / Σx is the same
        (lambda x: Categorical(x**2), [[-1.0, 2.0]]),
    ],
    ids=["softmax", "squares"],
)
def test_what_a_dist_fn_makes_into_probabilities_itself_need_not_sum_to_1(
    dist_fn: Any, output: Any
) -> None:
    warned: list[str] = []
    x = torch.tensor(output)
    check_distribution(dist_fn(x), x, dist_fn, 1, warned.append)
    assert warned == []
