"""Build networks that map observations to the parameters of an action distribution.

    Net        obs [B, O]  ->  features or logits [B, H]
    Actor      obs [B, O]  ->  one probability (or logit) per discrete action [B, A]
    ActorProb  obs [B, O]  ->  (mu, sigma) of a Gaussian, each [B, A]
    Recurrent  obs [B, O]  ->  features or logits [B, H], and a hidden state

Each takes `(obs, state, info)` and returns `(output, state)`, as a policy requires of its actor;
`state` is the hidden state of a network with memory, and None otherwise. The names of parameters
and the order in which layers are made are those of Tianshou v1.1.0, so that a seed gives the same
weights and state dicts can be exchanged.
"""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pg_edu.batch import Batch, to_numpy
from pg_edu.types import Device, TArr

Shape = int | np.integer[Any] | Sequence[int]
Gaussian = tuple[Tensor, Tensor]
ModuleClass = type[nn.Module]
ModuleArgs = tuple[Any, ...] | dict[str, Any]

LOG_SIGMA_MIN, LOG_SIGMA_MAX = -20, 2


class MLP(nn.Module):
    """A multilayer perceptron: linear layers, the hidden ones with activation and optional norm.

    Without hidden_sizes and output_dim there are no layers: the output is the flattened input.

    Args:
        input_dim: width of the flattened input.
        output_dim: width of a last linear layer without activation; 0: there is no such layer.
        hidden_sizes: widths of the layers before it.
        norm_layer: a module class for every hidden layer, a list of one per hidden layer, or None.
        norm_args: the arguments of its constructor after the layer's width: a tuple of positional
            or a dict of keyword arguments for every hidden layer, or a list of one per layer.
        activation, act_args: the same for the activation, which is not given the width.
        device: the device of the parameters, to which the input is moved; None: nothing is moved.

    Attributes:
        model: the layers as an `nn.Sequential`.
        output_dim: width of the output.

    Raises:
        ValueError: a list does not have one entry per hidden layer, or an input has another width.

    Example:
        >>> MLP(3, output_dim=2, hidden_sizes=[4], activation=nn.Tanh).model
        Sequential(
          (0): Linear(in_features=3, out_features=4, bias=True)
          (1): Tanh()
          (2): Linear(in_features=4, out_features=2, bias=True)
        )
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int = 0,
        hidden_sizes: Sequence[int] = (),
        norm_layer: ModuleClass | list[ModuleClass] | None = None,
        norm_args: ModuleArgs | list[ModuleArgs] | None = None,
        activation: ModuleClass | list[ModuleClass] | None = nn.ReLU,
        act_args: ModuleArgs | list[ModuleArgs] | None = None,
        device: Device | None = None,
    ) -> None:
        super().__init__()
        depth = len(hidden_sizes)
        norms = _one_per_layer(depth, norm_layer=norm_layer, norm_args=norm_args)
        acts = _one_per_layer(depth, activation=activation, act_args=act_args)
        layers: list[nn.Module] = []
        width = input_dim
        for size, norm, act in zip(hidden_sizes, norms, acts, strict=True):
            layers += [nn.Linear(width, size), *_made(*norm, size), *_made(*act)]
            width = size
        if output_dim > 0:
            layers.append(nn.Linear(width, output_dim))
            width = output_dim
        self.model = nn.Sequential(*layers).to(device)
        self.input_dim, self.output_dim = input_dim, width
        self.device = device

    def forward(self, obs: TArr) -> Tensor:
        """Map observations [B, ...] of any dtype to float32 [B, output_dim]; [B] counts as [B, 1].

        Integers [B] from 0 to input_dim - 1, the numbers of Discrete states, are one-hot encoded if
        input_dim > 1.
        """
        x = obs if isinstance(obs, Tensor) else torch.from_numpy(np.asarray(obs))
        n = self.input_dim
        if x.dim() == 1 and n > 1 and not x.is_floating_point() and ((x >= 0) & (x < n)).all():
            x = nn.functional.one_hot(x.long(), n)
        if x.dim() != 2:
            x = x.flatten(1) if x.dim() > 2 else x.reshape(-1, 1)
        if x.shape[1] != n and len(self.model) > 0:
            raise ValueError(
                f"obs must be a batch of rows with {n} numbers each, or of Discrete states from 0 "
                f"to {n - 1}, but has shape {list(obs.shape)}"
            )
        y: Tensor = self.model(x.to(self.device, torch.float32))
        return y


class Net(nn.Module):
    """A network that applies an MLP to a batch of observations.

    Args:
        state_shape: shape of one observation, or the number of its values (for a Discrete space
            the number n of its states).
        action_shape: shape of the output or its width; 0: the output is the last hidden layer.
        hidden_sizes, norm_layer, norm_args, activation, act_args, device: as in `MLP`.
        softmax: whether to turn the output into probabilities.

    Raises:
        ValueError: observations that do not fit state_shape.
        TypeError: dict observations, which need a custom network.

    Example:
        >>> net = Net(state_shape=(4,), action_shape=2, hidden_sizes=[8], softmax=True)
        >>> probs, state = net(np.zeros((3, 4)))
        >>> probs.shape, state
        (torch.Size([3, 2]), None)
    """

    def __init__(
        self,
        state_shape: Shape,
        action_shape: Shape = 0,
        hidden_sizes: Sequence[int] = (),
        norm_layer: ModuleClass | list[ModuleClass] | None = None,
        norm_args: ModuleArgs | list[ModuleArgs] | None = None,
        activation: ModuleClass | list[ModuleClass] | None = nn.ReLU,
        act_args: ModuleArgs | list[ModuleArgs] | None = None,
        device: Device = "cpu",
        softmax: bool = False,
    ) -> None:
        super().__init__()
        layers = (hidden_sizes, norm_layer, norm_args, activation, act_args)
        self.model = MLP(_size(state_shape), _size(action_shape), *layers, device)
        self.output_dim = self.model.output_dim
        self.softmax = softmax

    def forward(self, obs: TArr, state: Any = None, info: Any = None) -> tuple[Tensor, Any]:
        """Map obs [B, *state_shape] or Discrete states [B] to (output [B, output_dim], state)."""
        if hasattr(obs, "keys"):
            raise TypeError(
                f"obs is a dict with keys {sorted(obs.keys())}, but Net takes one array; give the "
                "policy a network of your own that combines the entries"
            )
        y = self.model(obs)
        return (torch.softmax(y, dim=-1) if self.softmax else y), state


class Actor(nn.Module):
    """An actor for discrete actions: a preprocessing network, and an MLP on its output.

    Args:
        preprocess_net: called as `preprocess_net(obs, state)`, returns (features [B, H], state).
        action_shape: the number of actions, or a shape.
        hidden_sizes: layers between the features and the output.
        softmax_output: whether the output is probabilities, for `Categorical(probs)`; if not, it is
            logits, for `Categorical(logits=...)`.
        preprocess_net_output_dim: H, if preprocess_net has no attribute `output_dim`.
        device: as in `MLP`.

    Raises:
        ValueError: H is unknown, or its two sources contradict each other.

    Example:
        >>> actor = Actor(Net(state_shape=4, hidden_sizes=[8]), action_shape=2)
        >>> probs, state = actor(np.zeros((3, 4)))
        >>> probs.sum(dim=1).allclose(torch.ones(3))
        True
    """

    def __init__(
        self,
        preprocess_net: nn.Module,
        action_shape: Shape,
        hidden_sizes: Sequence[int] = (),
        softmax_output: bool = True,
        preprocess_net_output_dim: int | None = None,
        device: Device = "cpu",
    ) -> None:
        super().__init__()
        self.preprocess = preprocess_net
        self.output_dim = _size(action_shape)
        features = _output_width(preprocess_net, preprocess_net_output_dim)
        self.last = MLP(features, self.output_dim, hidden_sizes, device=device)
        self.softmax_output = softmax_output

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Tensor, Any]:
        """Map obs to (probabilities or logits [B, A], the preprocessing network's new state)."""
        features, hidden = self.preprocess(obs, state)
        y = self.last(features)
        return (torch.softmax(y, dim=-1) if self.softmax_output else y), hidden


class ActorProb(nn.Module):
    """An actor for continuous actions: the mean and standard deviation of a Gaussian.

        mu    = max_action · tanh(MLP(features)), or MLP(features) if unbounded
        sigma = exp(sigma_param), or exp(clamp(MLP(features), -20, 2)) if conditioned_sigma

    Args:
        preprocess_net, hidden_sizes, device, preprocess_net_output_dim: as in `Actor`.
        action_shape: shape of one action, or the number A of its dimensions.
        max_action: the largest mean, where it is bounded: one number, or one for each of the A
            action dimensions (an array, a tensor or a sequence).
        unbounded: whether to leave out tanh. A policy bounds actions too (action_bound_method), and
            a mean that is bounded twice hardly reaches the ends of the range.
        conditioned_sigma: whether sigma depends on the observation; if not, it is one parameter for
            each action dimension (`sigma_param` [A, 1], initially 0, so sigma starts at 1).

    Raises:
        ValueError: the mean is bounded, and max_action is neither one finite number nor one for
            each action dimension.

    Warns:
        UserWarning: the mean is unbounded and max_action is not 1; it is then set to 1.

    Example:
        >>> actor = ActorProb(Net(state_shape=3, hidden_sizes=[8]), action_shape=2, unbounded=True)
        >>> (mu, sigma), state = actor(np.zeros((5, 3)))
        >>> mu.shape, sigma[0].tolist()
        (torch.Size([5, 2]), [1.0, 1.0])
    """

    def __init__(
        self,
        preprocess_net: nn.Module,
        action_shape: Shape,
        hidden_sizes: Sequence[int] = (),
        max_action: float | TArr | Sequence[float] = 1.0,
        device: Device = "cpu",
        unbounded: bool = False,
        conditioned_sigma: bool = False,
        preprocess_net_output_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.preprocess = preprocess_net
        self.output_dim = _size(action_shape)
        if unbounded and not np.allclose(to_numpy(max_action), 1.0):
            warnings.warn(f"unbounded mean: max_action={max_action} is set to 1", stacklevel=2)
        bound = 1.0 if unbounded else _mean_bound(max_action, self.output_dim, device)
        features = _output_width(preprocess_net, preprocess_net_output_dim)
        self.mu = MLP(features, self.output_dim, hidden_sizes, device=device)
        if conditioned_sigma:
            self.sigma = MLP(features, self.output_dim, hidden_sizes, device=device)
        else:
            self.sigma_param = nn.Parameter(torch.zeros(self.output_dim, 1, device=device))
        self.conditioned_sigma = conditioned_sigma
        self.max_action: float | Tensor
        if isinstance(bound, Tensor):
            # Module.to moves buffers too; this one stays out of the state dict, as in v1.1.0.
            self.register_buffer("max_action", bound, persistent=False)
        else:
            self.max_action = bound
        self._unbounded = unbounded

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Gaussian, Any]:
        """Map obs to ((mu [B, A], sigma [B, A]), the preprocessing network's new state)."""
        features, hidden = self.preprocess(obs, state)
        mu = self.mu(features)
        if not self._unbounded:
            mu = self.max_action * torch.tanh(mu)
        if self.conditioned_sigma:
            log_sigma = self.sigma(features).clamp(LOG_SIGMA_MIN, LOG_SIGMA_MAX)
        else:
            log_sigma = self.sigma_param.view(1, -1).expand_as(mu)
        return (mu, log_sigma.exp()), hidden


class Recurrent(nn.Module):
    """A network with memory: a linear layer, LSTM layers, and a linear layer.

    The hidden state keeps its graph, so that a gradient reaches the steps before (v1.1.0 detaches
    it). `RecurrentPGPolicy` needs this; `PGPolicy`, which learns without a state, gives the same
    numbers either way.

    Args:
        layer_num: the number of LSTM layers.
        state_shape: shape of one observation, or the number O of its values.
        action_shape: shape of the output or its width.
        device: the device of the parameters, to which observations are moved.
        hidden_layer_size: the width H of each hidden layer.

    Raises:
        ValueError: observations of another width, or a state without "hidden" and "cell".

    Source: Hochreiter & Schmidhuber (1997), Long short-term memory; Tianshou v1.1.0, Recurrent.

    Example:
        >>> net = Recurrent(layer_num=1, state_shape=3, action_shape=2, hidden_layer_size=8)
        >>> logits, state = net(np.zeros((5, 3)))
        >>> logits.shape, state.hidden.shape
        (torch.Size([5, 2]), torch.Size([5, 1, 8]))
        >>> logits, state = net(np.ones((5, 3)), state)  # the next step
    """

    def __init__(
        self,
        layer_num: int,
        state_shape: Shape,
        action_shape: Shape,
        device: Device = "cpu",
        hidden_layer_size: int = 128,
    ) -> None:
        super().__init__()
        self.input_dim, self.output_dim = _size(state_shape), _size(action_shape)
        self.device = device
        H = hidden_layer_size
        self.nn = nn.LSTM(H, H, layer_num, batch_first=True, device=device)
        self.fc1 = nn.Linear(self.input_dim, H, device=device)
        self.fc2 = nn.Linear(H, self.output_dim, device=device)

    def forward(self, obs: TArr, state: Any = None, info: Any = None) -> tuple[Tensor, Batch]:
        """Map obs to (output [B, A] after the last step, the new state).

        Args:
            obs: one step, [B, O], or L steps of each row, [B, L, O].
            state: None, or a dict or Batch of "hidden" and "cell", each [B, layer_num, H], of any
                dtype.
            info: not used.
        """
        x = torch.as_tensor(obs, dtype=torch.float32, device=self.device)
        if x.dim() not in (2, 3) or x.shape[-1] != self.input_dim:
            raise ValueError(
                f"obs must have shape [B, {self.input_dim}], or [B, L, {self.input_dim}] for L "
                f"steps, but has {list(x.shape)}. state_shape is that of one observation."
            )
        steps = x if x.dim() == 3 else x.unsqueeze(1)
        y, (hidden, cell) = self.nn(self.fc1(steps), _lstm_state(state, self.device))
        new_state = {"hidden": hidden.transpose(0, 1), "cell": cell.transpose(0, 1)}
        return self.fc2(y[:, -1]), Batch.of(new_state)


def _lstm_state(state: Any, device: Device) -> tuple[Tensor, Tensor] | None:
    """Return a state of `Recurrent` as an LSTM takes it: float32, with the rows on axis 1."""
    if state is None:
        return None
    keys = list(state.keys()) if hasattr(state, "keys") else type(state).__name__
    if "hidden" not in keys or "cell" not in keys:
        raise ValueError(
            f"state must be None, or hold the keys 'hidden' and 'cell', but it holds {keys}. Pass "
            "the state that the last call returned."
        )
    hidden, cell = (
        torch.as_tensor(state[key], dtype=torch.float32, device=device)
        for key in ("hidden", "cell")
    )
    return hidden.transpose(0, 1).contiguous(), cell.transpose(0, 1).contiguous()


def _one_per_layer(depth: int, **given: Any) -> Iterable[tuple[Any, ...]]:
    """Return each hidden layer's entry of every argument."""
    columns = []
    for name, value in given.items():
        column = value if isinstance(value, list) else [value] * depth
        if len(column) != depth:
            raise ValueError(f"{name} is a list of {len(column)} entries for {depth} hidden layers")
        columns.append(column)
    return zip(*columns, strict=True)


def _made(module: ModuleClass | None, args: ModuleArgs | None, *first: int) -> list[nn.Module]:
    """Return a list with the module, or an empty list if there is none."""
    if not module:
        return []
    if isinstance(args, dict):
        return [module(*first, **args)]
    return [module(*first, *(args or ()))]


def _output_width(net: nn.Module, given: int | None) -> int:
    """Return a network's output width: its attribute `output_dim`, or the given width."""
    known = getattr(net, "output_dim", given)
    if known is None or given not in (None, known):
        raise ValueError(
            f"the output width of {type(net).__name__} is unknown or contradictory: "
            f"preprocess_net.output_dim is {known}, preprocess_net_output_dim is {given}. Pass "
            "preprocess_net_output_dim, the width of preprocess_net's output."
        )
    return int(known)


def _mean_bound(max_action: Any, values: int, device: Device) -> float | Tensor:
    """Return one bound for all action dimensions as a number, or one for each as float32 [A]."""
    given = np.asarray(to_numpy(max_action))
    is_finite = given.dtype.kind in "iuf" and np.isfinite(given).all()
    if not is_finite or given.size not in (1, values):
        raise ValueError(
            f"max_action is {given.tolist()}, but it must be one finite number, or one for each of "
            f"the {values} action dimensions. For a mean without a bound, write unbounded=True."
        )

    if given.size == 1:
        return float(given.item())
    return torch.tensor(given.reshape(-1), dtype=torch.float32, device=device)


def _size(shape: Shape) -> int:
    return int(np.prod(shape))
