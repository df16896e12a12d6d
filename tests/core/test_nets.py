"""Networks: outputs and names recorded from v1.1.0, shapes, devices, and bad input."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pg_edu.nets import MLP, Actor, ActorProb, Net, Recurrent

OBS = np.arange(6.0).reshape(2, 3)
LAST = ["last.model.0.weight", "last.model.0.bias", "last.model.2.weight", "last.model.2.bias"]
PREPROCESS = ["preprocess.model.model.0.weight", "preprocess.model.model.0.bias"]

RECORDED: dict[str, tuple[Callable[[], nn.Module], list[str], Any]] = {
    "Net": (
        lambda: Net(3, 2, [4, 3], softmax=True),
        [f"model.model.{i}.{kind}" for i in (0, 2, 4) for kind in ("weight", "bias")],
        [[0.47437262535095215, 0.5256273746490479], [0.47569379210472107, 0.5243061780929565]],
    ),
    "Net with norms and activations per layer": (
        lambda: Net(
            3,
            hidden_sizes=[2, 2],
            norm_layer=[nn.LayerNorm, nn.LayerNorm],
            norm_args=[(0.5,), {"eps": 0.25}],
            activation=[nn.Tanh, nn.LeakyReLU],
            act_args=[(), (0.3,)],
        ),
        [f"model.model.{i}.{kind}" for i in (0, 1, 3, 4) for kind in ("weight", "bias")],
        [[0.10266249626874924, -0.03079874999821186], [-0.030922889709472656, 0.10307635366916656]],
    ),
    "Actor": (
        lambda: Actor(Net(3, hidden_sizes=[4]), 2, [5]),
        PREPROCESS + LAST,
        [[0.5214595198631287, 0.47854042053222656], [0.679446280002594, 0.3205537497997284]],
    ),
    "ActorProb": (
        lambda: ActorProb(Net(3, hidden_sizes=[4]), (2,), [5], max_action=2.0),
        ["sigma_param", *PREPROCESS, *(name.replace("last", "mu") for name in LAST)],
        (
            [[0.7223399877548218, 0.5685737729072571], [1.005720615386963, -0.39109933376312256]],
            [[1.0, 1.0], [1.0, 1.0]],
        ),
    ),
    "ActorProb with sigma from the observation": (
        lambda: ActorProb(Net(3, hidden_sizes=[4]), 2, [5], unbounded=True, conditioned_sigma=True),
        [
            *PREPROCESS,
            *(name.replace("last", "mu") for name in LAST),
            *(name.replace("last", "sigma") for name in LAST),
        ],
        (
            [[0.3782307505607605, 0.2923397421836853], [0.5531271696090698, -0.19810104370117188]],
            [[1.115270733833313, 1.5218449831008911], [0.7432641386985779, 2.1459012031555176]],
        ),
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_a_seed_gives_the_weights_of_v1_1_0(name: str) -> None:
    """Recorded from Tianshou v1.1.0 after torch.manual_seed(7)."""
    make, names, expected = RECORDED[name]
    torch.manual_seed(7)
    net = make()
    output, _ = net(OBS, None)
    assert list(net.state_dict()) == names
    for mine, theirs in zip(
        output if isinstance(output, tuple) else [output],
        expected if isinstance(expected, tuple) else [expected],
        strict=True,
    ):
        torch.testing.assert_close(mine, torch.tensor(theirs), rtol=1e-6, atol=1e-6)


def test_net_without_action_shape_ends_with_its_last_hidden_layer() -> None:
    net = Net(4, hidden_sizes=[8, 5])
    assert net.output_dim == 5
    assert isinstance(list(net.modules())[-1], nn.ReLU)


def test_net_without_any_layer_returns_the_flat_observation() -> None:
    assert Net((2, 2)).output_dim == 4
    assert Net((2, 2))(np.ones((3, 2, 2)))[0].shape == (3, 4)


def test_an_mlp_without_layers_takes_an_input_of_any_width() -> None:
    """As in v1.1.0, such an MLP is the identity, for every input_dim."""
    x = torch.rand(64, 3)
    assert torch.equal(MLP(6, output_dim=0)(x), x)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64, np.bool_])
def test_net_accepts_images_of_every_dtype(dtype: Any) -> None:
    obs = (np.arange(2 * 4 * 4 * 3).reshape(2, 4, 4, 3) % 2).astype(dtype)
    net = Net((4, 4, 3), 2)
    torch.testing.assert_close(net(obs)[0], net(obs.astype(np.float32).reshape(2, 48))[0])


def test_net_returns_the_state_unchanged() -> None:
    state = object()
    assert Net(3, 2)(OBS, state)[1] is state


def test_discrete_observations_are_one_hot_encoded() -> None:
    """State s selects row s of the transposed weight: x Wᵀ with x = e_s."""
    net = Net(state_shape=4, action_shape=2)
    linear: Any = net.model.model[0]
    output, _ = net(np.array([3, 0, 3]))
    torch.testing.assert_close(output, linear.weight.T[[3, 0, 3]] + linear.bias)


@pytest.mark.parametrize("state_shape", [1, ()])
def test_scalar_observations_are_treated_as_one_column(state_shape: Any) -> None:
    net = Net(state_shape, 2)
    column = net(np.array([[0.5], [2.0]]))[0]
    torch.testing.assert_close(net(np.array([0.5, 2.0]))[0], column)


@pytest.mark.parametrize(
    "obs", [np.zeros(4), np.array([4]), np.array([-1]), np.zeros((2, 3)), np.zeros((2, 2, 4))]
)
def test_observations_of_another_width_are_an_error(obs: Any) -> None:
    with pytest.raises(ValueError, match="rows with 4 numbers each"):
        Net(state_shape=4, action_shape=2)(obs)


def test_dict_observations_are_an_error_that_names_their_keys() -> None:
    with pytest.raises(TypeError, match=r"\['goal', 'position'\]"):
        Net(4, 2)({"position": np.zeros((1, 2)), "goal": np.zeros((1, 2))})


def test_networks_compute_on_their_device() -> None:
    """On the meta device of torch an operation with any other device would raise an error."""
    actor = Actor(Net(3, hidden_sizes=[4], device="meta"), 2, [4], device="meta")
    gaussian = ActorProb(Net(3, hidden_sizes=[4], device="meta"), 2, device="meta")
    assert actor(OBS)[0].device.type == "meta"
    assert {t.device.type for t in gaussian(OBS)[0]} == {"meta"}


def test_actors_return_the_new_state_of_their_preprocessing_network() -> None:
    class Recalls(nn.Module):
        output_dim = 3

        def forward(self, obs: Any, state: Any) -> tuple[torch.Tensor, Any]:
            return torch.zeros(len(obs), 3), "new"

    assert Actor(Recalls(), 2)(OBS, "old")[1] == "new"
    assert ActorProb(Recalls(), 2)(OBS, "old")[1] == "new"


def test_actor_returns_logits_if_softmax_output_is_false() -> None:
    """softmax(logits) = probs with the same weights."""
    actor = Actor(Net(3, hidden_sizes=[4]), 2)
    probs, _ = actor(OBS)
    actor.softmax_output = False
    torch.testing.assert_close(torch.softmax(actor(OBS)[0], dim=1), probs)


def test_mean_is_bounded_by_max_action_unless_unbounded() -> None:
    net = Net(3)
    obs = 1e3 * np.eye(3)
    bounded, _ = ActorProb(net, 3, max_action=0.5)(obs)[0]
    free, _ = ActorProb(net, 3, unbounded=True)(obs)[0]
    assert bounded.abs().max() == 0.5
    assert free.abs().max() > 1.0


def test_conditioned_sigma_stays_within_its_limits() -> None:
    """sigma = exp(clamp(x, -20, 2))."""
    actor = ActorProb(Net(1), 1, conditioned_sigma=True)
    last_layer: Any = actor.sigma.model[0]
    nn.init.ones_(last_layer.weight)
    _, sigma = actor(np.array([[-1e3], [1e3]]))[0]
    torch.testing.assert_close(sigma, torch.tensor([[-20.0], [2.0]]).exp())


def test_sigma_parameter_is_a_log_standard_deviation_per_action_value() -> None:
    actor = ActorProb(Net(3), 2)
    nn.init.constant_(actor.sigma_param, 0.5)
    assert actor.sigma_param.shape == (2, 1)
    torch.testing.assert_close(actor(OBS)[0][1], torch.full((2, 2), 0.5).exp())


def test_max_action_of_an_unbounded_actor_is_discarded_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="max_action=2.0"):
        assert ActorProb(Net(3), 2, max_action=2.0, unbounded=True).max_action == 1.0


def test_the_output_width_of_a_foreign_network_must_be_given() -> None:
    class Foreign(nn.Module):
        pass

    assert Actor(Foreign(), 2, preprocess_net_output_dim=5).last.input_dim == 5
    with pytest.raises(ValueError, match=r"Foreign.*preprocess_net_output_dim"):
        Actor(Foreign(), 2)
    with pytest.raises(ValueError, match=r"output_dim is 3, preprocess_net_output_dim is 5"):
        ActorProb(Net(3), 2, preprocess_net_output_dim=5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("norm_layer", [nn.LayerNorm]),
        ("norm_args", [()]),
        ("activation", [nn.ReLU] * 3),
        ("act_args", [()] * 3),
    ],
)
def test_lists_must_have_one_entry_per_hidden_layer(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} is a list of {len(value)}.* 2 hidden layers"):
        MLP(3, hidden_sizes=[4, 4], **{name: value})


# Recurrent

LSTM = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]


def recurrent(layer_num: int = 2) -> Recurrent:
    torch.manual_seed(7)
    return Recurrent(layer_num, state_shape=3, action_shape=2, hidden_layer_size=4)


def test_recurrent_gives_the_numbers_of_v1_1_0() -> None:
    """Recorded from Tianshou v1.1.0 after torch.manual_seed(7): two steps, OBS and OBS / 2."""
    net = recurrent()
    lstm = [f"{kind}_l{layer}" for layer in (0, 1) for kind in LSTM]
    linear = [f"{name}.{kind}" for name in ("fc1", "fc2") for kind in ("weight", "bias")]
    assert list(net.state_dict()) == [f"nn.{name}" for name in lstm] + linear

    first, state = net(OBS)
    second, state = net(OBS / 2, state)
    assert list(state.keys()) == ["hidden", "cell"]
    assert state.hidden.shape == state.cell.shape == (2, 2, 4)
    for mine, theirs in [
        (first, [[-0.3417011499, 0.0167527758], [-0.3292463720, -0.0008304939]]),
        (second, [[-0.3404698372, 0.0010583922], [-0.3249713182, -0.0202895552]]),
        (state.hidden[0, 1], [-0.2309972197, 0.1820805818, 0.0418363735, 0.1672186404]),
        (state.cell[1, 0], [-0.4451893866, 0.8040872216, 0.2145139873, -0.2513235807]),
    ]:
        torch.testing.assert_close(mine, torch.tensor(theirs), rtol=1e-6, atol=1e-6)


def test_recurrent_takes_several_steps_as_it_takes_one_after_the_other() -> None:
    net = recurrent()
    steps = torch.rand(5, 4, 3)
    state = None
    for t in range(4):
        output, state = net(steps[:, t], state)
    together, state_after = net(steps)
    torch.testing.assert_close(together, output)
    assert state is not None
    torch.testing.assert_close(state_after.hidden, state.hidden)


def test_the_state_of_recurrent_may_be_a_dict_of_arrays() -> None:
    net = recurrent()
    _, state = net(OBS)
    arrays = {key: value.detach().numpy() for key, value in state.items()}
    torch.testing.assert_close(net(OBS, arrays)[0], net(OBS, state)[0])


@pytest.mark.parametrize("obs", [np.zeros(3), np.zeros((2, 4)), np.zeros((2, 1, 1, 3))], ids=str)
def test_recurrent_refuses_observations_of_another_shape(obs: Any) -> None:
    with pytest.raises(ValueError, match=r"obs must have shape \[B, 3\], or \[B, L, 3\].*but has"):
        recurrent()(obs)


@pytest.mark.parametrize(
    "state", [{"hidden": torch.zeros(2, 1, 4)}, torch.zeros(2, 1, 4)], ids=type
)
def test_recurrent_refuses_a_state_without_its_two_keys(state: Any) -> None:
    with pytest.raises(ValueError, match=r"the keys 'hidden' and 'cell', but it holds"):
        recurrent()(OBS, state)


def test_recurrent_can_be_the_preprocessing_network_of_an_actor() -> None:
    """Its output depends on an earlier observation, so the state has reached it."""
    actor = Actor(recurrent(), 2)
    _, zeros = actor(np.zeros((1, 3)))
    _, ones = actor(np.ones((1, 3)))
    now = np.ones((1, 3))
    assert (actor(now, zeros)[0] - actor(now, ones)[0]).abs().max() > 1e-4


def test_recurrent_computes_on_its_device() -> None:
    net = Recurrent(1, 3, 2, device="meta", hidden_layer_size=4)
    assert net(OBS)[0].device.type == net(OBS)[1].hidden.device.type == "meta"
