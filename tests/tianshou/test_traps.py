"""The traps of Tianshou v1.1.0: each test is named after what happens in pg_edu instead.

Its docstring says what v1.1.0 does. The numbers are worked out by hand or recorded from v1.1.0.
"""

import copy
import itertools
import math
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray
from torch import nn
from torch.distributions import Categorical, Independent, Normal

from pg_edu import (
    ActorProb,
    Batch,
    Collector,
    InfoStats,
    Net,
    OnpolicyTrainer,
    PGPolicy,
    Recurrent,
    RecurrentPGPolicy,
    ReplayBuffer,
    RunningMeanStd,
    VectorReplayBuffer,
    policy_within_training_step,
    torch_train_mode,
)

SAME_STEP, NEXT_STEP, DISABLED = (
    AutoresetMode.SAME_STEP,
    AutoresetMode.NEXT_STEP,
    AutoresetMode.DISABLED,
)
MODES = pytest.mark.parametrize("mode", AutoresetMode, ids=lambda mode: mode.name)
BOUNDS = pytest.mark.parametrize("bound", ["clip", "tanh"])


def float32(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


class Same(nn.Module):
    """An actor that returns the same learnable numbers for every observation."""

    def __init__(self, *row: float) -> None:
        super().__init__()
        self.row = nn.Parameter(torch.tensor(row))

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        return self.row.expand(len(obs), -1), state


class Gaussian(nn.Module):
    """An actor that returns the same loc [A] for every observation; the scale is 1."""

    def __init__(self, *loc: float) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.tensor(loc))

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        loc = self.loc.expand(len(obs), -1)
        return (loc, torch.ones_like(loc)), state


class Steps(nn.Module):
    """A recurrent actor whose hidden state counts steps, and which records the states it receives.

    The state is a float tensor [B, 1], which `pack` turns into the form that the actor returns.
    """

    def __init__(self, pack: Callable[[torch.Tensor], Any], unpack: Callable[[Any], Any]) -> None:
        super().__init__()
        self.row = nn.Parameter(torch.zeros(2))
        self.pack, self.unpack = pack, unpack
        self.given: list[list[float]] = []

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        steps = torch.zeros(len(obs), 1)
        if state is not None:
            steps = torch.as_tensor(self.unpack(state))
        self.given.append(steps.flatten().tolist())
        return self.row.expand(len(obs), -1), self.pack(steps + 1)


class Counting(gym.Env[Any, Any]):
    """An environment that shows how many steps it has made; each is rewarded with 1.

    Its episodes have the given lengths, in turn."""

    action_space = Discrete(2)

    def __init__(self, *lengths: int, as_dict: bool = False) -> None:
        box = Box(0, np.inf, (1,))
        self.observation_space = gym.spaces.Dict(t=box) if as_dict else box
        self.lengths = itertools.cycle(lengths)
        self.as_dict = as_dict
        self.resets = self.steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t, self.length = 0, next(self.lengths)
        self.resets += 1
        return self._obs(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        self.steps += 1
        return self._obs(), 1.0, self.t >= self.length, False, {}

    def _obs(self) -> Any:
        obs = np.array([self.t], np.float32)
        return {"t": obs} if self.as_dict else obs


def discrete(actor: nn.Module | None = None, **kwargs: Any) -> PGPolicy:
    """A policy over two actions; gamma 1, learning rate 1."""
    actor = actor or Same(0.0, 0.0)
    defaults: dict[str, Any] = {
        "optim": torch.optim.SGD(actor.parameters(), lr=1.0),
        "dist_fn": lambda logits: Categorical(logits=logits),
        "action_space": Discrete(2),
        "action_scaling": False,
        "discount_factor": 1.0,
    }
    return PGPolicy(actor=actor, **(defaults | kwargs))


def gaussian(space: Box, actor: nn.Module | None = None, **kwargs: Any) -> PGPolicy:
    """A policy over a Box; gamma 1, learning rate 1, and v1.1.0's defaults."""
    actor = actor or Gaussian(*[0.0] * math.prod(space.shape))
    defaults: dict[str, Any] = {
        "optim": torch.optim.SGD(actor.parameters(), lr=1.0),
        "dist_fn": lambda loc_scale: Independent(Normal(*loc_scale), 1),
        "action_space": space,
        "discount_factor": 1.0,
    }
    return PGPolicy(actor=actor, **(defaults | kwargs))


def to_learn(act: Any, returns: Any) -> Batch:
    return Batch(obs=np.zeros((len(act), 1)), act=np.array(act), returns=np.array(returns))


def envs(*lengths: int, mode: AutoresetMode = SAME_STEP, **kwargs: Any) -> SyncVectorEnv:
    """A vector with one Counting environment for each length."""
    fns = [lambda n=n: Counting(n, **kwargs) for n in lengths]
    return SyncVectorEnv(fns, autoreset_mode=mode)


def steps_of(env: gym.Env[Any, Any]) -> int:
    """How many steps a Counting environment has made."""
    assert isinstance(env, Counting)
    return env.steps


def stored(*rew: float, ends: tuple[int, ...], size: int = 20) -> ReplayBuffer:
    """A buffer with these rewards; the rows in `ends` terminated."""
    buffer = ReplayBuffer(size)
    for t, r in enumerate(rew):
        row = Batch(obs=float32([t]), act=0, rew=r, terminated=t in ends, truncated=False)
        buffer.add(row)
    return buffer


def snapshot(policy: PGPolicy) -> list[Any]:
    """Everything that an exception must leave as it was."""
    rms = policy.ret_rms
    return [
        [parameter.tolist() for parameter in policy.parameters()],
        [module.training for module in policy.modules()],
        (policy.updating, policy.is_within_training_step),
        (rms.mean, rms.var, rms.count),
    ]


def warnings_of(call: Callable[[], object]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in caught]


def test_a_discrete_space_with_default_scaling_is_an_error_that_says_what_to_write() -> None:
    """v1.1.0: a ValueError that does not say what to write."""
    actor = Same(0.0, 0.0)
    with pytest.raises(ValueError, match="action_scaling=False"):
        PGPolicy(
            actor=actor,
            optim=torch.optim.SGD(actor.parameters()),
            dist_fn=Categorical,
            action_space=Discrete(2),
        )


def test_an_actor_without_max_action_is_taken_to_have_max_action_1() -> None:
    """v1.1.0: AttributeError on a Box."""
    assert warnings_of(lambda: gaussian(Box(-2, 2, (1,)))) == []


def test_a_sequential_is_accepted_and_its_first_call_shows_the_signature_of_an_actor() -> None:
    """v1.1.0: AttributeError, because it has no max_action."""
    policy = gaussian(Box(-2, 2, (1,)), nn.Sequential(nn.Linear(1, 2)))
    with pytest.raises(TypeError, match=r"actor\(obs, state=None, info=\.\.\.\)"):
        policy(Batch(obs=np.zeros((3, 1))))


@BOUNDS
def test_an_actor_bounded_by_tanh_and_bounded_again_warns_of_double_bounding(bound: str) -> None:
    """v1.1.0: no warning."""

    def make(unbounded: bool, bound: str | None) -> None:
        actor = ActorProb(Net(1, hidden_sizes=[2]), 1, unbounded=unbounded)
        gaussian(Box(-2, 2, (1,)), actor, action_bound_method=bound)

    assert ["double bounding" in w for w in warnings_of(lambda: make(False, bound))] == [True]
    assert warnings_of(lambda: make(True, bound)) == []
    assert warnings_of(lambda: make(False, None)) == []


def test_max_action_other_than_1_with_scaling_warns() -> None:
    """v1.1.0: a warning as well."""

    class Wide(Gaussian):
        max_action = 2.0

    with pytest.warns(UserWarning, match=r"max_action=2\.0"):
        gaussian(Box(-2, 2, (1,)), Wide(0.0))


HIGH = float32([1.0, 3.0])
PER_DIMENSION = {
    "float32": HIGH,
    "float64": HIGH.astype(np.float64),
    "shape of the space": HIGH[None],
    "list": [1.0, 3.0],
    "tensor": torch.tensor(HIGH),
    "float64 tensor": torch.tensor(HIGH, dtype=torch.float64),
}


def actor_of_two_dimensions(**kwargs: Any) -> ActorProb:
    """An ActorProb over actions of shape (1, 2), with the same weights each time."""
    torch.manual_seed(0)
    return ActorProb(Net(3, hidden_sizes=[4]), (1, 2), **kwargs)


@pytest.mark.parametrize("max_action", PER_DIMENSION.values(), ids=list(PER_DIMENSION))
def test_max_action_may_be_an_array_of_one_bound_for_each_dimension(max_action: Any) -> None:
    """v1.1.0: TypeError when the actor is called; only a tensor works, without action_scaling.

    The weights are the same each time, so μ for bounds [1, 3] is [1, 3] times μ for bound 1.
    """
    obs = float32([[1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]])
    (mu, sigma), _ = actor_of_two_dimensions(max_action=max_action)(obs)
    (mu_of_1, _), _ = actor_of_two_dimensions()(obs)
    assert mu.dtype == sigma.dtype == torch.float32
    assert torch.equal(mu, torch.tensor(HIGH) * mu_of_1)


def test_a_tensor_of_bounds_gives_the_means_of_the_original() -> None:
    """v1.1.0: works as well, without action_scaling; the numbers are recorded from it."""
    obs = np.arange(6).reshape(2, 3) / 6
    (mu, _), _ = actor_of_two_dimensions(max_action=torch.tensor(HIGH))(obs)
    expected = [[-0.08042, 0.15857], [-0.08674, 0.15279]]
    assert mu.tolist() == [pytest.approx(row, abs=1e-5) for row in expected]


def test_bounds_of_each_dimension_move_with_the_module_and_stay_out_of_its_state_dict() -> None:
    """v1.1.0: they stay out of it, too, but do not move to another device."""
    actor = actor_of_two_dimensions(max_action=HIGH)
    assert actor.state_dict().keys() == actor_of_two_dimensions().state_dict().keys()
    assert torch.as_tensor(actor.to("meta").max_action).device.type == "meta"


def test_a_changed_array_of_bounds_does_not_change_the_actor() -> None:
    """v1.1.0: the actor holds the array itself, such as the `high` of the space."""
    bounds = HIGH.copy()
    actor = actor_of_two_dimensions(max_action=bounds)
    bounds[:] = 7.0
    assert torch.as_tensor(actor.max_action).tolist() == [1.0, 3.0]


def test_bounds_of_each_dimension_other_than_1_with_scaling_warn() -> None:
    """v1.1.0: ValueError, the truth value of an array is ambiguous. Bounds of 1 do not warn."""

    def make(max_action: Any) -> None:
        actor = actor_of_two_dimensions(max_action=max_action)
        gaussian(Box(-1, 1, (1, 2)), actor, action_bound_method=None)

    assert ["max_action=[1.0, 3.0]" in w for w in warnings_of(lambda: make(HIGH))] == [True]
    assert warnings_of(lambda: make(np.ones(2))) == []


@pytest.mark.parametrize("max_action", [HIGH, float32([np.inf, 1.0]), math.inf], ids=str)
def test_bounds_of_an_unbounded_actor_are_discarded_with_a_warning(max_action: Any) -> None:
    """v1.1.0: ValueError for several bounds, the truth value of an array is ambiguous."""
    with pytest.warns(UserWarning, match="unbounded mean: max_action"):
        assert actor_of_two_dimensions(max_action=max_action, unbounded=True).max_action == 1.0


@pytest.mark.parametrize("max_action", [np.ones(3), [], np.ones((2, 2)), None, math.nan], ids=str)
def test_bounds_that_fit_no_action_are_an_error_that_names_the_dimensions(max_action: Any) -> None:
    """v1.1.0: TypeError when the actor is called, and nan is accepted."""
    with pytest.raises(ValueError, match=r"max_action is .* each of the 2 action dimensions"):
        actor_of_two_dimensions(max_action=max_action)


@pytest.mark.parametrize("max_action", [float32([2.0]), np.array(2.0), torch.tensor([2.0])])
def test_an_array_of_one_bound_is_a_number(max_action: Any) -> None:
    """v1.1.0: TypeError when the actor is called. Pendulum's `high` is such an array."""
    assert actor_of_two_dimensions(max_action=max_action).max_action == 2.0


@pytest.mark.parametrize("space", [MultiDiscrete([2, 2, 2]), Box(-1, 1, (3, 1))], ids=str)
def test_a_batched_action_space_is_an_error_that_names_single_action_space(space: Any) -> None:
    """v1.1.0: accepted; MultiDiscrete counts as "discrete"."""
    policy = discrete(action_space=space)
    if isinstance(space, Box):
        policy = gaussian(space, Gaussian(0.0))
    with pytest.raises(ValueError, match="single_action_space"):
        policy(Batch(obs=np.zeros((3, 1))))


def test_the_collector_refuses_a_policy_with_the_batched_action_space() -> None:
    """v1.1.0: accepted."""
    vector_env = envs(2, 2)
    with pytest.raises(ValueError, match="single_action_space"):
        Collector(discrete(action_space=vector_env.action_space), vector_env)


def test_a_categorical_of_probabilities_keeps_their_numbers() -> None:
    """v1.1.0: the same; the positional argument of Categorical is `probs`."""
    policy = discrete(Same(0.25, 0.75), dist_fn=Categorical)
    probs = []
    assert warnings_of(lambda: probs.append(policy(Batch(obs=[[0.0]])).dist.probs)) == []
    assert probs[0].tolist() == [[0.25, 0.75]]


def test_probabilities_may_be_a_part_of_the_output_of_the_actor() -> None:
    """v1.1.0: works as well; the actor's output is whatever dist_fn takes."""

    class Pair(Same):
        def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
            probs, state = super().forward(obs, state)
            return (probs, torch.zeros(len(obs))), state

    policy = discrete(Pair(0.25, 0.75), dist_fn=lambda output: Categorical(output[0]))
    assert policy(Batch(obs=[[0.0]])).dist.probs.tolist() == [[0.25, 0.75]]


@pytest.mark.parametrize("row", [(-1.0, -3.0), (2.0, -1.0)])
def test_a_negative_probability_is_an_error_that_names_the_logits(row: tuple[float, ...]) -> None:
    """v1.1.0: the logits [-1, -3] silently become [.25, .75]."""
    policy = discrete(Same(*row), dist_fn=Categorical)
    with pytest.raises(ValueError, match=r"Categorical\(logits=logits\)"):
        policy(Batch(obs=[[0.0]]))


@pytest.mark.parametrize(
    "dist_fn",
    [
        lambda logits: Categorical(logits=logits),
        lambda logits: Categorical(logits.softmax(-1)),
        lambda logits: Categorical(probs=logits.softmax(-1)),
    ],
)
@pytest.mark.parametrize("row", [(-1.0, -3.0), (-1.0, -1.0), (1.0, 1.0), (0.0, 0.0), (-1.0,)])
def test_logits_that_are_taken_as_logits_are_not_mistaken_for_probabilities(
    row: tuple[float, ...], dist_fn: Any
) -> None:
    """v1.1.0: no check. Equal logits give the same distribution whichever way they are taken."""
    policy = discrete(Same(*row), action_space=Discrete(len(row)), dist_fn=dist_fn)
    assert warnings_of(lambda: policy(Batch(obs=[[0.0]]))) == []
    assert warnings_of(lambda: policy.learn(to_learn([0, 0], [1.0, 3.0]), None, 1)) == []


def test_a_probability_that_turns_negative_later_is_an_error_before_the_step() -> None:
    """v1.1.0: trains on."""
    actor = Same(0.25, 0.75)
    policy = discrete(actor, dist_fn=Categorical)
    policy(Batch(obs=[[0.0]]))
    with torch.no_grad():
        actor.row.copy_(torch.tensor([-1.0, -3.0]))
    before = snapshot(policy)
    with pytest.raises(ValueError, match=r"Categorical\(logits=logits\)"):
        policy.learn(to_learn([0, 1], [1.0, 3.0]), None, 1)
    assert snapshot(policy) == before


def test_probabilities_that_do_not_sum_to_1_are_divided_by_their_sum_with_one_warning() -> None:
    """v1.1.0: [1, 3] silently becomes [.25, .75]."""
    for _ in range(2):
        policy = discrete(Same(1.0, 3.0), dist_fn=Categorical)
        with pytest.warns(UserWarning, match=r"Categorical\(logits=logits\)"):
            probs = policy(Batch(obs=[[0.0]])).dist.probs
        assert probs.tolist() == [[0.25, 0.75]]
        assert warnings_of(partial(policy.learn, to_learn([0, 1], [1.0, 3.0]), None, 1)) == []


def test_probabilities_that_sum_to_1_within_a_thousandth_do_not_warn() -> None:
    """v1.1.0: no warning at all."""
    policy = discrete(Same(0.25, 0.7505), dist_fn=Categorical)
    assert warnings_of(lambda: policy(Batch(obs=[[0.0]]))) == []


@pytest.mark.parametrize(
    "dist_fn", [Normal, lambda *x: Normal(*x), lambda loc, scale: Normal(loc, scale)]
)
def test_a_dist_fn_of_several_arguments_is_an_error_that_shows_the_right_form(dist_fn: Any) -> None:
    """v1.1.0: TypeError deep inside torch."""
    policy = gaussian(Box(-1, 1, (1,)), dist_fn=dist_fn)
    with pytest.raises(TypeError, match=r"lambda loc_scale: Independent\(Normal\(\*loc_scale\), 1"):
        policy(Batch(obs=[[0.0]]))


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_an_actor_that_returns_no_state_is_an_error_that_names_the_tuple(rows: int) -> None:
    """v1.1.0: for a batch of 2 the rows are taken for (output, state)."""

    class Stateless(Same):
        def forward(self, obs: Any, state: Any = None, info: Any = None) -> Any:
            return self.row.expand(len(obs), -1)

    with pytest.raises(ValueError, match=r"actor must return the tuple \(dist_input, state\)"):
        discrete(Stateless(0.0, 0.0))(Batch(obs=np.zeros((rows, 1))))


def test_a_gaussian_actor_that_returns_no_state_is_an_error_that_names_the_tuple() -> None:
    """v1.1.0: (loc, scale) are taken for (output, state)."""

    class Stateless(Gaussian):
        def forward(self, obs: Any, state: Any = None, info: Any = None) -> Any:
            return super().forward(obs)[0]

    with pytest.raises((TypeError, ValueError), match=r"actor must return.*state"):
        gaussian(Box(-1, 1, (1,)), Stateless(0.0))(Batch(obs=np.zeros((3, 1))))


def test_a_policy_can_be_called_without_info() -> None:
    """v1.1.0: AttributeError."""
    assert discrete()(Batch(obs=np.zeros((3, 1)))).act.shape == (3,)


class SharedScale(Gaussian):
    """A Gaussian actor whose scale has shape [A], while its loc has shape [B, A]."""

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        (loc, _), state = super().forward(obs, state)
        return (loc, torch.tensor([1.0, 2.0])), state


def test_a_sigma_of_shape_A_is_broadcast_to_the_rows_of_mu() -> None:
    """v1.1.0: TypeError. Here σ = [1, 2] in both rows: log_prob = - a² / 2σ² - ln σ - ln √2π."""
    policy = gaussian(Box(-1, 1, (2,)), SharedScale(0.0, 0.0))
    result = policy(Batch(obs=np.zeros((3, 1))))
    assert result.logits[1].tolist() == [[1.0, 2.0]] * 3
    log_prob = [-0.5 - math.log(4 * math.pi), -0.5 - math.log(4 * math.pi)]
    loss = policy.learn(to_learn([[1.0, 0.0], [0.0, 2.0]], [1.0, 3.0]), None, 1).loss.mean
    assert loss == pytest.approx(-(log_prob[0] * 1.0 + log_prob[1] * 3.0) / 2, rel=1e-6)


def test_the_logits_of_a_gaussian_are_a_tuple_that_is_sliced_by_row() -> None:
    """v1.1.0: stacked to (2, B, A), so that result[0] is the loc of all rows."""
    result = gaussian(Box(-1, 1, (2,)), Gaussian(3.0, 4.0))(Batch(obs=np.zeros((5, 1))))
    assert isinstance(result.logits, tuple)
    assert [part.tolist() for part in result[0].logits] == [[3.0, 4.0], [1.0, 1.0]]
    assert [part.shape for part in result[1:4].logits] == [(3, 2), (3, 2)]


def test_the_length_of_a_gaussian_result_is_its_number_of_rows() -> None:
    """v1.1.0: TypeError."""
    assert len(gaussian(Box(-1, 1, (2,)))(Batch(obs=np.zeros((5, 1))))) == 5


def test_a_normal_without_independent_averages_over_the_action_too_and_warns_once() -> None:
    """v1.1.0: the same number without a warning.

    log_prob = - a² / 2 - c with c = ln √2π, [[-1/2 - c, -c], [-c, -2 - c]], weights 1 and 3:
    loss = (6.5 + 8 c) / 4 = 1.625 + ln 2π.
    """
    batch = to_learn([[1.0, 0.0], [0.0, 2.0]], [1.0, 3.0])
    for _ in range(2):
        actor = Gaussian(0.0, 0.0)
        policy = gaussian(Box(-1, 1, (2,)), actor, dist_fn=lambda loc_scale: Normal(*loc_scale))
        with pytest.warns(UserWarning, match="Independent"):
            loss = policy.learn(batch, None, 1).loss.mean
        assert loss == pytest.approx(1.625 + math.log(2 * math.pi), rel=1e-6)
        assert actor.loc.tolist() == pytest.approx([0.25, 1.5], rel=1e-6)  # as in v1.1.0
        assert warnings_of(partial(policy.learn, batch, 1, 2)) == []


def test_independent_with_actions_of_shape_B_for_B_1_is_an_error() -> None:
    """v1.1.0: log_prob [-6.8, -6.8] instead of [-1.4, -5.4], in the right shape."""
    policy = gaussian(Box(-1, 1, (1,)))
    before = snapshot(policy)
    with pytest.raises(ValueError, match=r"act has shape \[2\].*\[2, 1\]"):
        policy.learn(to_learn([1.0, 3.0], [1.0, 3.0]), None, 1)
    assert snapshot(policy) == before


def test_categorical_with_actions_of_shape_B_1_is_an_error() -> None:
    """v1.1.0: a silent [B, B]."""
    policy = discrete()
    before = snapshot(policy)
    with pytest.raises(ValueError, match=r"act has shape \[2, 1\].*\[2, 2\]"):
        policy.learn(to_learn([[0], [1]], [1.0, 3.0]), None, 1)
    assert snapshot(policy) == before


@pytest.mark.parametrize("returns", [[1.0, 3.0], [[1.0], [3.0]]])
def test_returns_of_shape_B_1_are_flattened(returns: Any) -> None:
    """v1.1.0: a silent [B, B], loss 1.674. Here - (ln .25 · 1 + ln .75 · 3) / 2."""
    policy = discrete(Same(0.25, 0.75), dist_fn=Categorical)
    loss = policy.learn(to_learn([0, 1], returns), None, 1).loss.mean
    assert loss == pytest.approx(-(math.log(0.25) + 3 * math.log(0.75)) / 2, rel=1e-6)


@pytest.mark.parametrize("returns", [[[1.0, 3.0]], [[1.0, 3.0], [1.0, 3.0]], [[[1.0]], [[3.0]]]])
def test_returns_of_another_shape_are_an_error(returns: Any) -> None:
    """v1.1.0: a silent broadcast."""
    with pytest.raises(ValueError, match="returns"):
        discrete().learn(to_learn([0, 1], returns), None, 1)


@pytest.mark.parametrize("batch_size", [-2, -100])
def test_a_batch_size_below_minus_1_is_a_clear_error(batch_size: int) -> None:
    """v1.1.0: a bare AssertionError."""
    with pytest.raises(ValueError, match=f"batch_size must be positive.*{batch_size}"):
        discrete().learn(to_learn([0, 1], [1.0, 3.0]), batch_size, 1)


def test_an_empty_batch_is_a_clear_error() -> None:
    """v1.1.0: a bare AssertionError."""
    batch = Batch(obs=np.zeros((0, 1)), act=np.zeros(0, int), returns=np.zeros(0))
    with pytest.raises(ValueError, match="no rows"):
        discrete().learn(batch, None, 1)


def test_an_optimizer_without_any_parameter_of_the_actor_is_an_error_at_construction() -> None:
    """v1.1.0: silently learns nothing."""
    with pytest.raises(ValueError, match="optim holds none of the actor's parameters"):
        discrete(optim=torch.optim.SGD(Same(0.0, 0.0).parameters(), lr=1.0))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("episodes", [3, 100])
def test_a_reward_that_is_not_finite_leaves_other_episodes_untouched(
    bad: float, episodes: int
) -> None:
    """v1.1.0: it poisons every earlier episode, because 0 * NaN is NaN.

    Episodes of two steps, G = [1 + 1/2, 1]; the bad reward ends the last episode but one.
    """
    rew = np.ones(2 * episodes)
    rew[-3] = bad
    buffer = stored(*rew, ends=tuple(range(1, 2 * episodes, 2)), size=2 * episodes)
    batch, indices = buffer.sample(0)
    returns, advantage = PGPolicy.compute_episodic_return(
        batch, buffer, indices, gamma=0.5, gae_lambda=1.0
    )
    expected = [1.5, 1.0] * (episodes - 2)
    assert returns[:-4].tolist() == advantage[:-4].tolist() == expected
    assert returns[-2:].tolist() == [1.5, 1.0]
    assert not np.isfinite(returns[-4:-2]).any()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_update_names_the_first_reward_that_is_not_finite_and_changes_nothing(bad: float) -> None:
    """v1.1.0: NaN goes into loss and parameters, without an error."""
    policy = discrete(reward_normalization=True)
    before = snapshot(policy)
    buffer = stored(1.0, 1.0, 1.0, bad, 1.0, bad, ends=(1, 3, 5))
    with (
        policy_within_training_step(policy),
        pytest.raises(ValueError, match=r"rewards must be finite.*index 3\D"),
    ):
        policy.update(0, buffer, batch_size=None, repeat=1)
    assert snapshot(policy) == before


def test_a_mean_of_the_returns_that_is_not_a_number_never_reaches_the_parameters() -> None:
    """v1.1.0: poisoned statistics poison every later update."""
    policy = discrete(reward_normalization=True)
    policy.ret_rms.mean = math.nan
    parameters = snapshot(policy)[0]
    with policy_within_training_step(policy), pytest.raises(ValueError, match="finite"):
        policy.update(0, stored(1.0, 1.0, ends=()), batch_size=None, repeat=1)
    assert snapshot(policy)[0] == parameters


NAN_IN_THE_MIDDLE = [(1, 0), (2, 1), (0, 2)]


@pytest.mark.parametrize(("step", "environment"), NAN_IN_THE_MIDDLE)
def test_an_observation_of_nan_is_an_error_that_names_its_environment(
    step: int, environment: int
) -> None:
    """v1.1.0: "logits from nan to nan" where it samples, or NaN goes into the parameters."""
    buffer = VectorReplayBuffer(9, 3)
    for t in range(3):
        obs = np.zeros((3, 1), np.float32)
        obs[environment] = math.nan if t == step else 0.0
        done = np.full(3, t == 2)
        buffer.add(Batch(obs=obs, act=[0] * 3, rew=[1.0] * 3, terminated=done, truncated=~done))
    policy = discrete()
    before = snapshot(policy)
    message = f"NaN, but obs of environment {environment}, slot {step} "
    with policy_within_training_step(policy), pytest.raises(ValueError, match=message):
        policy.update(0, buffer, batch_size=None, repeat=1)
    assert snapshot(policy) == before


class RootOfZero(Same):
    """An actor with a finite output whose gradient is NaN: 0 · 1 / (2 √0)."""

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        return (self.row * 0.0).sqrt().expand(len(obs), -1), state


def test_a_finite_loss_with_a_gradient_of_nan_is_an_error_that_changes_nothing() -> None:
    """v1.1.0: the step is taken and the loss is reported; the parameters are NaN."""
    policy = discrete(RootOfZero(1.0, 2.0))
    before = snapshot(policy)
    with pytest.raises(ValueError, match="parameter row NaN, because its gradient is not finite"):
        policy.learn(to_learn([0, 1], [1.0, 3.0]), None, 1)
    assert snapshot(policy) == before


@pytest.mark.parametrize("outputs", [1, 2, 5, 8])
def test_a_wrong_number_of_outputs_is_an_error_that_names_the_n_of_the_space(outputs: int) -> None:
    """v1.1.0: an actor with one output always plays 0 (loss 0); eight send illegal actions."""
    policy = discrete(Same(*[0.0] * outputs), action_space=Discrete(7))
    with pytest.raises(ValueError, match=r"action_space\.n = 7 outputs"):
        policy(Batch(obs=np.zeros((3, 1))))


def test_a_categorical_for_a_box_is_an_error_that_names_the_normal() -> None:
    """v1.1.0: the number of the choice is clipped to [-1, 1] and scaled."""
    policy = discrete(Same(0.0, 0.0), action_space=Box(-2, 2, (1,)), action_scaling=True)
    with pytest.raises(ValueError, match=r"draws the number of a choice.*Normal\(\*loc_scale\)"):
        policy(Batch(obs=np.zeros((3, 1))))


class ActsOtherwise(nn.Module):
    """An actor with one module that does one thing in train mode and another in eval mode."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        return self.module(torch.as_tensor(obs, dtype=torch.float32)) * self.scale, state


def test_batch_norm_is_scored_by_the_statistics_of_the_batch_with_one_warning() -> None:
    """v1.1.0: the same number without a warning; the actions were drawn without normalization.

    Observations [[0, 0], [2, 4]] are normalized to ∓1, so log π = -log 2 in both rows (up to the
    ε of batch norm); in eval mode, which acted, the second row has log π(1) = -log(1 + e⁻²).
    """
    policy = discrete(ActsOtherwise(nn.BatchNorm1d(2, affine=False)))
    batch = Batch(obs=float32([[0, 0], [2, 4]]), act=np.array([0, 1]), returns=np.array([1.0, 3.0]))
    with torch_train_mode(policy), pytest.warns(UserWarning, match="the actor has batch norm"):
        loss = policy.learn(batch, None, 1).loss.mean
    assert loss == pytest.approx(math.log(2) * (1 + 3) / 2, rel=1e-4)
    with torch_train_mode(policy):
        assert warnings_of(lambda: policy.learn(batch, None, 1)) == []


def test_dropout_is_scored_with_units_dropped_with_one_warning() -> None:
    """v1.1.0: the same number without a warning. With p = 1 all logits are 0: loss 2 log 2."""
    policy = discrete(ActsOtherwise(nn.Dropout(1.0)))
    batch = Batch(obs=float32([[0, 9], [9, 0]]), act=np.array([0, 1]), returns=np.array([1.0, 3.0]))
    with torch_train_mode(policy), pytest.warns(UserWarning, match="the actor has dropout"):
        loss = policy.learn(batch, None, 1).loss.mean
    assert loss == pytest.approx(2 * math.log(2), rel=1e-6)


def test_a_scheduler_that_needs_a_number_is_an_error_at_construction() -> None:
    """v1.1.0: TypeError at the end of the first update, after its gradient steps."""
    actor = Same(0.0, 0.0)
    optim = torch.optim.SGD(actor.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optim)
    with pytest.raises(TypeError, match="step of ReduceLROnPlateau needs one"):
        discrete(actor, optim=optim, lr_scheduler=scheduler)


class Dropout(Same):
    """An actor with one part that is frozen in eval mode."""

    def __init__(self, *row: float) -> None:
        super().__init__(*row)
        self.frozen = nn.Dropout().eval()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("stage", ["process_fn", "learn", "post_process_fn", "lr_scheduler"])
def test_an_exception_inside_update_leaves_flags_modes_and_statistics_as_they_were(
    stage: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """v1.1.0: leaves `updating = True`."""

    def fail(*args: Any, **kwargs: Any) -> None:
        raise error("on purpose")

    policy = discrete(Dropout(0.0, 0.0), reward_normalization=True)
    if stage == "lr_scheduler":
        policy.lr_scheduler = torch.optim.lr_scheduler.ConstantLR(policy.optim)
        monkeypatch.setattr(policy.lr_scheduler, "step", fail)
    else:
        monkeypatch.setattr(policy, stage, fail)
    with policy_within_training_step(policy):
        before = snapshot(policy)
        with pytest.raises(error, match="on purpose"):
            policy.update(0, stored(1.0, 2.0, ends=(1,)), batch_size=None, repeat=0)
        assert snapshot(policy) == before


@pytest.mark.parametrize("buffer", [ReplayBuffer(4), VectorReplayBuffer(4, 2)], ids=["one", "many"])
@pytest.mark.parametrize("sample_size", [0, 3, None])
def test_an_empty_buffer_is_an_error_that_says_collect_first(
    buffer: ReplayBuffer, sample_size: int | None
) -> None:
    """v1.1.0: KeyError 'obs' or ZeroDivisionError."""
    policy = discrete()
    with policy_within_training_step(policy):
        before = snapshot(policy)
        with pytest.raises(ValueError, match="the buffer is empty: collect first"):
            policy.update(sample_size, buffer, batch_size=None, repeat=1)
        assert snapshot(policy) == before


def test_sample_none_gives_every_transition_once_shuffled_each_with_its_right_return() -> None:
    """v1.1.0: drawn with replacement, and the returns are 6 5 4 3 2 1 whatever the rows are.

    Two episodes of 3 steps with rewards 1 2 4 and 8 16 32: G = 7 6 4 and 56 48 32.
    """
    buffer = stored(1.0, 2.0, 4.0, 8.0, 16.0, 32.0, ends=(2, 5))
    np.random.seed(0)
    batch, indices = buffer.sample(None)
    returns = discrete().process_fn(batch, buffer, indices).returns
    assert sorted(indices) == [0, 1, 2, 3, 4, 5] != indices.tolist()
    assert returns.tolist() == [[7.0, 6.0, 4.0, 56.0, 48.0, 32.0][i] for i in indices]


def test_rows_in_any_order_and_more_than_once_get_their_right_returns() -> None:
    """v1.1.0: returns of the rows in the given order. Here the buffer has wrapped, to 2 3 4 5."""
    buffer = stored(1.0, 1.0, 2.0, 3.0, 4.0, 5.0, ends=(3,), size=4)
    indices = np.array([1, 2, 0, 3, 3, 1])  # rewards 5 2 4 3 3 5
    returns = discrete().process_fn(buffer[indices], buffer, indices).returns
    assert returns.tolist() == [5.0, 5.0, 9.0, 3.0, 3.0, 5.0]


def test_single_transitions_of_an_episode_are_an_error_that_says_what_to_sample() -> None:
    """v1.1.0: the returns of rows that do not form an episode."""
    policy = discrete()
    buffer = stored(*[1.0] * 20, ends=(19,))
    np.random.seed(0)
    with (
        policy_within_training_step(policy),
        pytest.raises(ValueError, match=r"no successor.*sample_size=0"),
    ):
        policy.update(3, buffer, batch_size=None, repeat=1)


def test_single_transitions_that_are_whole_episodes_get_their_right_returns() -> None:
    """v1.1.0: they are right as well."""
    buffer = stored(*range(10), ends=tuple(range(10)))
    batch, indices = buffer.sample(7)
    assert discrete().process_fn(batch, buffer, indices).returns.tolist() == indices.tolist()


def test_scaling_a_box_with_an_infinite_side_is_an_error_that_names_the_dimension() -> None:
    """v1.1.0: map_action returns nan and inf."""
    space = Box(float32([-1, -np.inf]), float32([1, 1]))
    with pytest.raises(ValueError, match=r"dimension \(1,\).*action_scaling=False"):
        gaussian(space)


def test_a_box_with_an_infinite_side_works_without_scaling() -> None:
    """v1.1.0: works as well."""
    space = Box(float32([-1, -np.inf]), float32([1, np.inf]))
    policy = gaussian(space, action_scaling=False)
    assert policy.map_action(float32([0.5, -3.0])).tolist() == [0.5, -1.0]
    unbounded = gaussian(space, action_scaling=False, action_bound_method=None)
    assert unbounded.map_action(float32([0.5, -3.0])).tolist() == [0.5, -3.0]


@pytest.mark.parametrize(("high", "dtype"), [(3e38, np.float32), (1.7e308, np.float64)])
def test_a_huge_box_is_mapped_without_overflow(high: float, dtype: Any) -> None:
    """v1.1.0: high - low overflows."""
    high = dtype(high)
    policy = gaussian(Box(-high, high, (3,), dtype))
    act = dtype([-1.0, 0.5, 1.0])
    with np.errstate(over="raise"):
        mapped = policy.map_action(act)
        back = policy.map_action_inverse(mapped)
    assert mapped.tolist() == pytest.approx([-high, high / 2, high], rel=1e-6)
    assert back == pytest.approx(act, rel=1e-6)


INTEGERS = [np.int8, np.int16, np.int32, np.uint8, np.uint16, np.uint32]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_an_action_of_an_integer_box_is_the_nearest_integer_in_its_dtype(dtype: Any) -> None:
    """v1.1.0: int8 and int32 overflow, uint8 has the wrong dtype."""
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    space = Box(low, high, (201,), dtype)
    act = np.linspace(-1, 1, 201)
    mapped = gaussian(space).map_action(act)
    assert mapped.dtype == dtype and space.contains(mapped)
    exact = [low + (high - low) * (a + 1) / 2 for a in act]
    assert max(abs(int(m) - e) for m, e in zip(mapped, exact, strict=True)) <= 0.5 + 1e-6
    assert (mapped[0], mapped[-1]) == (low, high)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
@pytest.mark.parametrize("act_dtype", [np.float32, np.float64])
def test_the_ends_of_a_64_bit_integer_box_are_inside(dtype: Any, act_dtype: Any) -> None:
    """v1.1.0: overflow, because float64 cannot represent the largest 64-bit integers."""
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    space = Box(low, high, (3,), dtype)
    mapped = gaussian(space).map_action(act_dtype([-1.0, 0.0, 1.0]))
    assert space.contains(mapped)
    assert (mapped[0], mapped[2]) == (low, high)


@BOUNDS
@pytest.mark.parametrize("dtype", INTEGERS)
def test_the_integers_of_a_box_round_trip(dtype: Any, bound: str) -> None:
    """v1.1.0: the inverse raises."""
    info = np.iinfo(dtype)
    space = Box(info.min, info.max, (300,), dtype, seed=0)
    policy = gaussian(space, action_bound_method=bound)
    act = space.sample()
    act[:2] = info.min, info.max
    raw = policy.map_action_inverse(act)
    assert np.isfinite(raw).all()
    assert np.array_equal(policy.map_action(raw), act)


@BOUNDS
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("act_dtype", [np.float16, np.float32, np.float64])
def test_a_mapped_action_is_contained_in_a_narrower_box(
    dtype: Any, act_dtype: Any, bound: str
) -> None:
    """v1.1.0: float64 actions give a float64 result, which rounding puts beyond the bounds."""
    rng = np.random.default_rng(0)
    low = rng.normal(size=100).astype(dtype)
    space = Box(low, low + rng.random(100).astype(dtype), dtype=dtype)
    policy = gaussian(space, action_bound_method=bound)
    for act in (-np.ones(100), np.ones(100), np.full(100, -9.0), rng.normal(size=100)):
        if not space.contains(policy.map_action(act.astype(act_dtype))):
            pytest.fail(f"{act} is mapped out of the space")


@BOUNDS
def test_bounding_without_scaling_on_a_smaller_box_warns_at_construction(bound: str) -> None:
    """v1.1.0: silently leaves the space."""

    def make(half: float) -> list[str]:
        box = Box(-half, half, (2,))
        return warnings_of(lambda: gaussian(box, action_scaling=False, action_bound_method=bound))

    assert ["[-1, 1]" in warning for warning in make(0.5)] == [True]
    assert make(1.0) == make(2.0) == []


def unbounded_policy(**kwargs: Any) -> PGPolicy:
    return gaussian(Box(-2, 2, (2,)), action_bound_method=None, **kwargs)


@pytest.mark.parametrize("end", [1.0, -1.0])
def test_an_action_beyond_1_by_the_rounding_of_float32_is_clipped(end: float) -> None:
    """v1.1.0: AssertionError."""
    act = float32([end * 1.0000001, 0.0])
    assert abs(act[0]) > 1.0
    assert unbounded_policy().map_action(act).tolist() == [2.0 * end, 0.0]


@pytest.mark.parametrize("bad", [1.001, -1.001, 5.0, math.inf])
def test_an_action_farther_outside_is_an_error(bad: float) -> None:
    """v1.1.0: AssertionError, but no error under `python -O`."""
    with pytest.raises(ValueError, match=r"act goes from.*action_bound_method"):
        unbounded_policy().map_action(float32([bad, 0.0]))


@pytest.mark.parametrize("scaling", [True, False])
@pytest.mark.parametrize("bound", ["clip", "tanh", None])
def test_an_action_of_nan_is_an_error(bound: Any, scaling: bool) -> None:
    """v1.1.0: AssertionError with scaling, and no error without it."""
    policy = gaussian(Box(-2, 2, (2,)), action_scaling=scaling, action_bound_method=bound)
    for function in (policy.map_action, policy.map_action_inverse):
        for act in (np.array([0.0, np.nan]), torch.tensor([0.0, math.nan]), [0.0, math.nan]):
            with pytest.raises(ValueError, match="NaN"):
                function(act)


@pytest.mark.parametrize(("dtype", "bits"), [(np.float32, 24), (np.float64, 53)])
def test_the_inverse_of_tanh_at_the_bounds_is_that_of_the_number_next_to_1(
    dtype: Any, bits: int
) -> None:
    """v1.1.0: inf. Here it is atanh(1 - ε) = ln((2 - ε) / ε) / 2 with ε = 2^-bits."""
    policy = gaussian(Box(-2, 2, (2,), dtype), action_bound_method="tanh")
    largest = math.log(2.0 ** (bits + 1) - 1) / 2
    raw = policy.map_action_inverse(dtype([-2.0, 2.0]))
    assert raw == pytest.approx([-largest, largest], rel=1e-6)
    assert policy.map_action(raw) == pytest.approx([-2.0, 2.0], rel=1e-6)


def test_a_tanh_saturated_in_float32_comes_back_finite() -> None:
    """v1.1.0: tanh(10) round-trips to inf."""
    policy = gaussian(Box(-2, 2, (1,)), action_bound_method="tanh")
    there = policy.map_action(float32([10.0]))
    assert there.tolist() == [2.0]
    assert policy.map_action_inverse(there) == pytest.approx([12.5 * math.log(2)], rel=1e-6)


@pytest.mark.parametrize("scaling", [True, False])
def test_the_inverse_of_tanh_outside_the_space_is_an_error(scaling: bool) -> None:
    """v1.1.0: nan."""
    space = Box(-1, 1, (2,))
    policy = gaussian(space, action_bound_method="tanh", action_scaling=scaling)
    with pytest.raises(ValueError, match="tanh can be undone inside"):
        policy.map_action_inverse(float32([0.0, 1.01]))


@pytest.mark.parametrize(("bound", "expected"), [("tanh", 0.0), ("clip", -1.0), (None, -1.0)])
def test_the_inverse_of_a_flat_dimension_is_finite(bound: Any, expected: float) -> None:
    """v1.1.0: -inf with tanh, and -1 without it."""
    space = Box(float32([0.5, 0.0]), float32([0.5, 2.0]))
    policy = gaussian(space, action_bound_method=bound)
    assert policy.map_action_inverse(float32([0.5, 1.0])).tolist() == [expected, 0.0]


class Seen(Same):
    """An actor that records the observations that it is given, as nested lists."""

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        self.seen: Any = {k: v.tolist() for k, v in obs.items()} if isinstance(obs, Batch) else obs
        rows = len(obs)
        return self.row.expand(rows, -1), state


@pytest.mark.parametrize("obs", [3, np.int64(3), np.array(3)])
def test_compute_action_takes_a_scalar_observation(obs: Any) -> None:
    """v1.1.0: IndexError."""
    actor = Seen(0.0, 99.0)
    assert discrete(actor).compute_action(obs) == 1
    assert actor.seen.tolist() == [3]


def test_compute_action_takes_a_dict_observation() -> None:
    """v1.1.0: IndexError."""
    actor = Seen(0.0, 99.0)
    assert discrete(actor).compute_action({"position": np.array([1.0, 2.0]), "mode": 3}) == 1
    assert actor.seen == {"position": [[1.0, 2.0]], "mode": [3]}


@pytest.mark.parametrize("scaling", [True, False])
@pytest.mark.parametrize("bound", ["clip", "tanh", None])
@pytest.mark.parametrize("shape", [(1,), (2,), (1, 2)])
def test_compute_action_for_a_box_is_in_the_space(shape: Any, bound: Any, scaling: bool) -> None:
    """v1.1.0: it is not, for a Box of shape (1,) without scaling."""
    space = Box(-1, 1, shape, np.float64)

    class Small(Gaussian):
        def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
            (loc, scale), state = super().forward(obs, state)
            loc, scale = (part.reshape(-1, *shape) for part in (loc, 1e-3 * scale))
            return (loc, scale), state

    actor = Small(*[0.5] * math.prod(shape))
    policy = gaussian(space, actor, action_scaling=scaling, action_bound_method=bound)
    assert space.contains(policy.compute_action(np.zeros(1)))


def test_compute_action_for_a_multidiscrete_of_one_component_is_in_the_space() -> None:
    """v1.1.0: the action is an array without axes."""
    space = MultiDiscrete([2])
    assert space.contains(discrete(action_space=space).compute_action(np.zeros(1)))


def test_compute_action_for_a_discrete_space_with_a_start_is_in_the_space() -> None:
    """v1.1.0: counts from 0."""
    space = Discrete(2, start=5)
    act = discrete(Same(0.0, 99.0), action_space=space).compute_action(np.zeros(1))
    assert act == 6 and type(act) is int and space.contains(act)


def test_the_variance_of_running_statistics_is_the_square_of_std() -> None:
    """v1.1.0: RunningMeanStd(std=2) has var = 2."""
    assert RunningMeanStd(std=2).var == 4


def test_an_empty_update_leaves_running_statistics_unchanged() -> None:
    """v1.1.0: they become nan."""
    statistics = RunningMeanStd()
    statistics.update(np.array([1.0, 3.0]))
    statistics.update(np.array([]))
    assert (statistics.mean, statistics.var, statistics.count) == (2.0, 1.0, 2)


def trained() -> PGPolicy:
    """A policy with statistics of the returns 3 and 1."""
    policy = discrete(Same(0.0, 0.0), dist_fn=Categorical, reward_normalization=True)
    buffer = stored(2.0, 1.0, ends=(1,))
    batch, indices = buffer.sample(0)
    policy.process_fn(batch, buffer, indices)
    return policy


@pytest.mark.parametrize("way", ["state_dict", "torch.save", "pickle", "deepcopy"])
def test_the_statistics_of_the_returns_are_saved_and_restored(way: str, tmp_path: Any) -> None:
    """v1.1.0: the state_dict lacks them. Here the returns are 3 and 1: mean 2, variance 1."""
    policy, other = trained(), discrete(Same(0.0, 0.0), reward_normalization=True)
    if way == "state_dict":
        other.load_state_dict(policy.state_dict())
    elif way == "torch.save":
        torch.save(policy.state_dict(), tmp_path / "policy.pt")
        other.load_state_dict(torch.load(tmp_path / "policy.pt", weights_only=True))
    elif way == "pickle":
        other = pickle.loads(pickle.dumps(policy))
    else:
        other = copy.deepcopy(policy)
    assert (other.ret_rms.mean, other.ret_rms.var, other.ret_rms.count) == (2.0, 1.0, 2)


def test_a_state_dict_without_statistics_loads_strictly_and_keeps_those_of_the_policy() -> None:
    """v1.1.0: none of its state dicts has statistics."""
    policy = trained()
    policy.load_state_dict({"actor.row": torch.tensor([1.0, 2.0])}, strict=True)
    assert policy.state_dict()["actor.row"].tolist() == [1.0, 2.0]
    assert (policy.ret_rms.mean, policy.ret_rms.count) == (2.0, 2)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))])
def test_a_copied_buffer_knows_its_unfinished_episodes(copied: Callable[[Any], Any]) -> None:
    """v1.1.0: unfinished_index of a copy stays at the old rows."""
    buffer = VectorReplayBuffer(8, 2)
    for t in range(2):
        end = np.array([False, t == 1])
        row = Batch(obs=[t, t], act=[0, 0], rew=[1, 1], terminated=end, truncated=[False] * 2)
        buffer.add(row)
    assert buffer.unfinished_index().tolist() == [1]
    twin = copied(buffer)
    twin.add(
        Batch(obs=[2, 2], act=[0, 0], rew=[1, 1], terminated=[False] * 2, truncated=[False] * 2)
    )
    assert twin.unfinished_index().tolist() == [2, 6]
    assert buffer.unfinished_index().tolist() == [1]


def test_to_torch_honors_the_dtype_for_arrays() -> None:
    """v1.1.0: the dtype is ignored for numpy arrays."""
    batch = Batch(a=np.arange(3), b=torch.zeros(3, dtype=torch.float64), c={"d": [1.0, 2.0]})
    new = batch.to_torch(dtype=torch.float32)
    assert {new.a.dtype, new.b.dtype, new.c.d.dtype} == {torch.float32}
    batch.to_torch_(dtype=torch.float32)
    assert {batch.a.dtype, batch.b.dtype, batch.c.d.dtype} == {torch.float32}


@pytest.mark.parametrize("enabled", [True, False])
def test_torch_train_mode_restores_the_mode_of_every_sub_module(enabled: bool) -> None:
    """v1.1.0: a sub-module that was in eval() is put into training mode."""
    actor = Dropout(0.0, 0.0)
    policy = discrete(actor)
    before = snapshot(policy)
    with torch_train_mode(policy, enabled):
        assert actor.frozen.training is enabled
    assert snapshot(policy) == before
    assert policy.training and not actor.frozen.training


FORMS: dict[str, tuple[Any, Any]] = {
    "tensor": (lambda h: h, lambda s: s),
    "array": (lambda h: h.numpy(), lambda s: s),
    "Batch": (lambda h: Batch(h=h), lambda s: s.h),
    "dict": (lambda h: {"h": h}, lambda s: s["h"]),
    "tuple": (lambda h: (-h, h), lambda s: s[1]),
    "arrays in a tuple": (lambda h: (h.numpy(), h.numpy()), lambda s: s[1]),
    "arrays in a tuple in a dict": (
        lambda h: {"lstm": (h.numpy(), h.numpy())},
        lambda s: s["lstm"][1],
    ),
    "tuple in a dict": (lambda h: {"lstm": (-h, h)}, lambda s: s["lstm"][1]),
    "dict in a tuple": (lambda h: ({"h": h}, h), lambda s: s[0]["h"]),
    "Batch in a Batch": (lambda h: Batch(a=Batch(h=h)), lambda s: s.a.h),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_hidden_state_of_an_ended_environment_begins_at_0(form: str) -> None:
    """v1.1.0: a bare tensor is not reset. Here the episodes have 2 and 3 steps."""
    actor = Steps(*FORMS[form])
    Collector(discrete(actor), envs(2, 3)).collect(n_step=12)
    assert actor.given == [[0, 0], [1, 1], [0, 2], [1, 0], [0, 1], [1, 2]]


def test_under_next_step_the_hidden_state_begins_at_0_after_the_ignored_step() -> None:
    """v1.1.0: such environments are not supported.

    Steps 3 and 6 of the first environment are ignored, and step 4 of the second."""
    actor = Steps(*FORMS["tensor"])
    Collector(discrete(actor), envs(2, 3, mode=NEXT_STEP)).collect(n_step=14)
    first, second = zip(*actor.given, strict=True)
    assert [first[step] for step in (0, 1, 3, 4, 6)] == [0, 1, 0, 1, 0]
    assert [second[step] for step in (0, 1, 2, 4, 5, 6)] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("mode", [DISABLED], ids=["DISABLED"])
def test_with_autoreset_disabled_the_hidden_state_begins_at_0(mode: AutoresetMode) -> None:
    """v1.1.0: such environments are not supported."""
    actor = Steps(*FORMS["tensor"])
    Collector(discrete(actor), envs(2, 3, mode=mode)).collect(n_step=12)
    assert actor.given == [[0, 0], [1, 1], [0, 2], [1, 0], [0, 1], [1, 2]]


def test_a_hidden_state_without_the_environments_on_axis_0_is_an_error() -> None:
    """v1.1.0: rows along another axis are set to 0."""
    actor = Steps(lambda h: h[None], lambda s: s[0])
    with pytest.raises(ValueError, match=r"2 environments on axis 0, got shape \[1, 2, 1\]"):
        Collector(discrete(actor), envs(2, 3)).collect(n_step=12)


def test_a_gaussian_actor_returns_the_new_state_of_its_preprocessing_network() -> None:
    """v1.1.0: ActorProb returns the state that it was given, so it never remembers anything."""
    torch.manual_seed(0)
    actor = ActorProb(Recurrent(1, 1, 4, hidden_layer_size=4), 1)
    states = [actor(float32([[cue]]))[1] for cue in (-1.0, 1.0)]
    means = [actor(float32([[1.0]]), state)[0][0].item() for state in states]
    assert abs(means[0] - means[1]) > 1e-4


class Adds(nn.Module):
    """An actor that remembers the sum of the observations of an episode, and acts from it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        total = torch.as_tensor(obs) + (0.0 if state is None else state)
        return torch.cat([-total, total], dim=1) * self.weight, total


def learn_with_memory(kind: type[PGPolicy[Any]] = PGPolicy) -> float:
    """The loss of an episode that shows 2, then 0; both actions are 1, and the returns are 3."""
    actor = Adds()
    policy = kind(
        actor=actor,
        optim=torch.optim.SGD(actor.parameters(), lr=0.0),
        dist_fn=lambda logits: Categorical(logits=logits),
        action_space=Discrete(2),
        action_scaling=False,
        discount_factor=1.0,
    )
    buffer = ReplayBuffer(4)
    for t in range(2):
        row = Batch(obs=float32([2 - 2 * t]), act=1, rew=3.0 * t, terminated=t == 1)
        row.truncated = False
        buffer.add(row)
    with policy_within_training_step(policy):
        return policy.update(0, buffer, batch_size=None, repeat=2).loss.mean


def test_learning_without_the_memory_that_acted_warns_once_and_keeps_the_number() -> None:
    """v1.1.0: no warning. It scores the second action as if the actor had seen 0 at first.

    -(log σ(4) 3 + log σ(0) 3) / 2, where σ is the logistic function.
    """
    with pytest.warns(UserWarning, match=r"without one.*write pg_edu\.RecurrentPGPolicy") as caught:
        loss = learn_with_memory()
    assert len(caught) == 1
    assert loss == pytest.approx(1.5 * (math.log(1 + math.exp(-4)) + math.log(2)), abs=1e-6)


def test_a_recurrent_policy_learns_with_the_memory_that_acted() -> None:
    """v1.1.0: there is none. -(log σ(4) 3 + log σ(4) 3) / 2."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss = learn_with_memory(RecurrentPGPolicy)
    assert loss == pytest.approx(3 * math.log(1 + math.exp(-4)), abs=1e-6)


def test_an_actor_without_memory_learns_without_a_warning() -> None:
    """v1.1.0: Net returns the state that it was given, here None."""

    def update() -> None:
        policy = discrete(Net(1, 2))
        with policy_within_training_step(policy):
            policy.update(0, stored(1.0, 2.0, ends=(1,)), batch_size=None, repeat=1)

    assert warnings_of(update) == []


def test_a_buffer_smaller_than_one_collect_is_an_error_before_collecting() -> None:
    """v1.1.0: rows of that same call are lost silently."""
    vector_env = envs(5, 5)
    buffer = VectorReplayBuffer(20, 2)
    collector = Collector(discrete(), vector_env, buffer)
    with pytest.raises(ValueError, match=r"total size of at least 22\b"):
        collector.collect(n_step=22)
    assert [steps_of(env) for env in vector_env.envs] == [0, 0]
    assert collector.collect(n_step=20).n_collected_steps == len(buffer) == 20


def test_episodes_that_would_overwrite_their_own_call_are_an_error_that_keeps_the_rows() -> None:
    """v1.1.0: rows of that same call are lost silently."""
    buffer = VectorReplayBuffer(20, 2)
    collector = Collector(discrete(), envs(4, 7), buffer)
    with pytest.raises(ValueError, match=r"buffer holds 10 steps.*total size of at least 28\b"):
        collector.collect(n_episode=4)


@MODES
def test_without_a_buffer_any_number_of_steps_is_collected(mode: AutoresetMode) -> None:
    """v1.1.0: the same, by design."""
    collector = Collector(discrete(), envs(4, 7, mode=mode))
    assert collector.collect(n_episode=4).lens.tolist() in ([4, 7, 4, 7], [4, 4, 7, 7])
    assert collector.collect(n_step=100).n_collected_steps > 70


def test_the_rows_of_older_calls_may_be_overwritten() -> None:
    """v1.1.0: the same."""
    buffer = ReplayBuffer(10)
    collector = Collector(discrete(), Counting(100), buffer)
    for _ in range(2):
        collector.collect(n_step=7)
    assert buffer[:].obs.flatten().tolist() == list(range(4, 14))


def test_under_next_step_rows_after_done_are_neither_stored_nor_counted() -> None:
    """v1.1.0: such environments are not supported.

    ceil(13 / 2) = 7 steps of each environment; the 4th, which follows its episode of 3, is ignored.
    """
    buffer = VectorReplayBuffer(20, 2)
    collector = Collector(discrete(), envs(3, 3, mode=NEXT_STEP), buffer)
    with pytest.warns(UserWarning, match="multiple"):
        stats = collector.collect(n_step=13)
    assert stats.n_collected_steps == len(buffer) == 12
    assert buffer[:].obs.flatten().tolist() == [0, 1, 2, 0, 1, 2] * 2
    assert buffer[:].obs_next.flatten().tolist() == [1, 2, 3, 1, 2, 3] * 2
    assert buffer[:].rew.tolist() == [1.0] * 12
    assert buffer[:].done.tolist() == [False, False, True] * 4


def test_under_next_step_an_episode_that_ends_with_a_call_is_not_continued_by_the_next() -> None:
    """v1.1.0: such environments are not supported."""
    buffer = ReplayBuffer(20)
    collector = Collector(discrete(), envs(3, mode=NEXT_STEP), buffer)
    assert [collector.collect(n_step=3).n_collected_steps for _ in range(3)] == [3, 2, 2]
    assert buffer[:].obs.flatten().tolist() == [0, 1, 2, 0, 1, 2, 0]


@MODES
@pytest.mark.parametrize("as_dict", [False, True], ids=["array", "dict"])
def test_episodes_are_collected_fairly_and_surplus_ones_are_not_stored(
    mode: AutoresetMode, as_dict: bool
) -> None:
    """v1.1.0: the first 8 to end have mean length 8.75. Here it is (2·2 + 6·20) / 8 = 15.5."""
    buffer = VectorReplayBuffer(400, 4)
    vector_env = envs(2, 20, 20, 20, mode=mode, as_dict=as_dict)
    stats = Collector(discrete(), vector_env, buffer).collect(n_episode=8)
    assert stats.lens.mean() == stats.returns.mean() == 15.5
    assert stats.n_collected_steps == len(buffer) == 124
    assert [len(sub_buffer) for sub_buffer in buffer.buffers] == [4, 40, 40, 40]


@pytest.mark.parametrize(
    "kwargs", [{"n_step": -3}, {"n_step": 0}, {"n_episode": -1}, {"n_step": 4, "n_episode": 4}, {}]
)
def test_a_collect_of_nothing_or_of_two_things_is_an_error(kwargs: dict[str, Any]) -> None:
    """v1.1.0: n_step=-3, and n_step with n_episode, are accepted."""
    vector_env = envs(2, 2)
    collector = Collector(discrete(), vector_env)
    with pytest.raises(ValueError, match="exactly one of n_step and n_episode"):
        collector.collect(**kwargs)
    assert collector.collect_step == steps_of(vector_env.envs[0]) == 0


def cartpole() -> gym.Env[Any, Any]:
    return gym.make("CartPole-v1")


@pytest.mark.parametrize("vector", [SyncVectorEnv, AsyncVectorEnv])
def test_a_seed_seeds_each_environment_differently(vector: Any) -> None:
    """v1.1.0: gym_reset_kwargs={"seed": 5} seeds every environment with 5."""
    collector = Collector(discrete(), vector([cartpole] * 2))
    obs, _ = collector.reset(gym_reset_kwargs={"seed": 5})
    collector.close()
    assert obs.tolist() == [cartpole().reset(seed=5 + i)[0].tolist() for i in range(2)]


def test_a_seed_seeds_the_single_generator_of_a_vector_that_has_one() -> None:
    """v1.1.0: such environments are not supported."""
    vector_env = gym.make_vec("CartPole-v1", num_envs=3)
    obs, _ = Collector(discrete(), vector_env).reset(gym_reset_kwargs={"seed": 5})
    same, _ = gym.make_vec("CartPole-v1", num_envs=3).reset(seed=5)
    assert obs.tolist() == same.tolist()
    assert len({tuple(row) for row in obs.tolist()}) == 3


class Speaking(Counting):
    """A Counting environment whose info holds 10 + t, and 5 except at a reset."""

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        return super().reset(**kwargs)[0], {"t": 10}

    def step(self, action: Any) -> Any:
        *outcome, _ = super().step(action)
        return *outcome, {"t": 10 + self.t, "later": 5}


class Listening(Same):
    """An actor that records obs and one key of the info."""

    def __init__(self, key: str) -> None:
        super().__init__(0.0, 0.0)
        self.key = key
        self.heard: list[tuple[list[float], list[int]]] = []

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        self.heard.append((obs[:, 0].tolist(), info[self.key].tolist()))
        return super().forward(obs, state)


@MODES
def test_the_actor_learns_from_the_info_on_which_it_acted(mode: AutoresetMode) -> None:
    """v1.1.0 learns from the info of the next state.

    In two episodes it acts on 10, 11 and on 10, 11, 12, but learns from 11, 12 and from 11, 12, 13.
    """
    actor = Listening("t")
    policy = discrete(actor)
    buffer = VectorReplayBuffer(100, 2)
    speaking = SyncVectorEnv([lambda n=n: Speaking(n) for n in (2, 3)], autoreset_mode=mode)  # type: ignore[misc]
    Collector(policy, speaking, buffer).collect(n_step=24)
    policy.is_within_training_step = True
    policy.update(0, buffer, batch_size=None, repeat=1)
    assert len(actor.heard) == 13
    for obs, heard in actor.heard:
        assert heard == [10 + t for t in obs]
    rows: Any = buffer[:]
    assert rows.info.t.tolist() == (11 + rows.obs[:, 0]).tolist()  # as in v1.1.0


def test_an_info_that_an_environment_did_not_give_is_an_error_for_the_actor_that_reads_it() -> None:
    """v1.1.0: at each reset the actor acts on a 0 that nobody gave, and learns from a 5."""
    speaking = SyncVectorEnv([lambda n=n: Speaking(n) for n in (2, 3)], autoreset_mode=SAME_STEP)  # type: ignore[misc]
    collector = Collector(discrete(Listening("t")), speaking, VectorReplayBuffer(100, 2))
    collector.collect(n_step=2)
    collector.policy = discrete(Listening("later"))
    with pytest.raises(ValueError, match="'later' is there in 1 of 2 rows"):
        collector.collect(n_step=24)


def test_a_seed_is_that_of_the_first_episode_of_its_call_and_not_of_all() -> None:
    """v1.1.0 begins with the episode that was open, and gives each later one the seed again."""
    collector = Collector(discrete(), cartpole(), ReplayBuffer(1000))
    collector.collect(n_step=5)
    collector.reset_buffer()
    collector.collect(n_episode=3, gym_reset_kwargs={"seed": 5})
    rows = collector.buffer[:]
    first = rows.obs[np.append(True, rows.done[:-1])]
    again = cartpole()
    expected = [again.reset(seed=5)[0], again.reset()[0], again.reset()[0]]
    assert first.tolist() == [obs.tolist() for obs in expected]


@MODES
@pytest.mark.parametrize("way", ["reset", "reset_env", "reset_before_collect", "n_episode"])
def test_an_episode_cut_off_by_a_reset_has_its_own_returns(way: str, mode: AutoresetMode) -> None:
    """v1.1.0: the cut episode and the next become one, with returns 8 7 6 5 4 3 2 1."""
    buffer = ReplayBuffer(20)
    collector = Collector(discrete(), envs(5, mode=mode), buffer)
    collector.collect(n_step=3)
    if way == "reset":
        collector.reset(reset_buffer=False)
    elif way == "reset_env":
        collector.reset_env()
    stats = collector.collect(n_episode=1, reset_before_collect=way == "reset_before_collect")
    batch, indices = buffer.sample(0)
    returns = discrete().process_fn(batch, buffer, indices).returns
    assert returns.tolist() == [3.0, 2.0, 1.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    assert buffer[:].truncated.tolist() == [False, False, True] + [False] * 5
    assert buffer[:].terminated.tolist() == [False] * 7 + [True]
    assert (stats.returns.tolist(), stats.lens.tolist()) == ([5.0], [5])


def test_a_collector_that_was_not_reset_resets_itself() -> None:
    """v1.1.0: ValueError."""
    vector_env = envs(2, 2)
    assert Collector(discrete(), vector_env).collect(n_step=4).n_collected_steps == 4


def trainer(**kwargs: Any) -> OnpolicyTrainer:
    """One epoch of two collects and updates on episodes of 4 steps, with a test of 1 episode."""
    policy = kwargs.pop("policy", None) or discrete()
    defaults: dict[str, Any] = {
        "train_collector": Collector(policy, Counting(4), ReplayBuffer(100)),
        "test_collector": Collector(policy, Counting(4)),
        "max_epoch": 1,
        "step_per_epoch": 8,
        "repeat_per_collect": 1,
        "episode_per_test": 1,
        "batch_size": None,
        "step_per_collect": 4,
        "verbose": False,
        "show_progress": False,
    }
    return OnpolicyTrainer(policy=policy, **(defaults | kwargs))


class Priceless(Counting):
    """An environment in which each step is rewarded with infinity."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        obs, _, terminated, truncated, info = super().step(action)
        return obs, math.inf, terminated, truncated, info


def test_an_infinite_return_is_an_error_before_it_counts_as_the_best() -> None:
    """v1.1.0: an infinite return is above every target, so training counts as solved."""
    policy = discrete()
    with (
        np.errstate(invalid="ignore"),  # the summary of infinite returns
        pytest.raises(ValueError, match="mean return of a test is inf"),
    ):
        trainer(policy=policy, test_collector=Collector(policy, Priceless(4))).run()


def test_before_the_first_epoch_run_resets_tests_and_saves_once() -> None:
    """v1.1.0: `run()` resets both collectors, tests and calls save_best_fn twice."""
    calls: list[Any] = []
    train_env = Counting(4)
    policy = discrete()
    trainer(
        policy=policy,
        train_collector=Collector(policy, train_env, ReplayBuffer(100)),
        save_best_fn=lambda policy: calls.append("best"),
        test_fn=lambda epoch, step: calls.append(("test", epoch, step)),
        train_fn=lambda epoch, step: calls.append(("train", epoch, step, train_env.resets)),
    ).run()
    assert calls == [("test", 0, 0), "best", ("train", 1, 0, 1), ("train", 1, 4, 2), ("test", 1, 8)]


def test_save_checkpoint_fn_is_called_each_epoch() -> None:
    """v1.1.0: never, with the default logger."""
    calls: list[Any] = []
    trainer(max_epoch=3, save_checkpoint_fn=lambda *args: calls.append(args)).run()
    assert calls == [(1, 8, 2), (2, 16, 4), (3, 24, 6)]


def test_max_epoch_0_trains_no_epoch() -> None:
    """v1.1.0: trains one."""
    calls: list[Any] = []
    info = trainer(max_epoch=0, train_fn=lambda *args: calls.append(args)).run()
    assert (calls, info.train_step, info.gradient_step, info.best_reward) == ([], 0, 0, 4.0)


def test_without_a_test_collector_episode_per_test_is_not_needed() -> None:
    """v1.1.0: a bare AssertionError."""
    info = trainer(test_collector=None, episode_per_test=None).run()
    assert (info.train_step, info.test_step) == (8, 0)


def test_with_a_test_collector_a_missing_episode_per_test_is_a_clear_error() -> None:
    """v1.1.0: a bare AssertionError."""
    with pytest.raises(ValueError, match="episode_per_test"):
        trainer(episode_per_test=None)


def steps_taken(**kwargs: Any) -> tuple[InfoStats, int]:
    """What the trainer reports, and how many steps its optimizer took."""
    policy = discrete()
    steps: list[None] = []
    policy.optim.register_step_post_hook(lambda *_: steps.append(None))
    return trainer(policy=policy, **kwargs).run(), len(steps)


def test_gradient_step_counts_updates_times_repeats() -> None:
    """v1.1.0: 4 for 2 updates of 3 repeats. Here it is 6."""
    info, steps = steps_taken(repeat_per_collect=3)
    assert info.gradient_step == steps == 6


@pytest.mark.parametrize("batch_size", [None, 0, -1, 1, 2, 3, 4, 5])
def test_gradient_step_counts_minibatches(batch_size: int | None) -> None:
    """v1.1.0: it counts the numbers in the loss summary."""
    info, steps = steps_taken(batch_size=batch_size)
    assert info.gradient_step == steps


WITHOUT_ASSERTS = """
import math, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from tests.tianshou.test_traps import *

def act(policy):
    policy(Batch(obs=[[0.0]]))

def learn(act, returns, batch_size=None, **kwargs):
    discrete(**kwargs).learn(to_learn(act, returns), batch_size, 1)

def update(buffer, sample_size=0):
    policy = discrete()
    with policy_within_training_step(policy):
        policy.update(sample_size, buffer, batch_size=None, repeat=1)

probabilities = {"actor": Same(2.0, -1.0), "dist_fn": Categorical}
weights = {"actor": Same(-1.0, -3.0), "dist_fn": Categorical}
cases = [
    ("action_scaling=False", lambda: discrete(action_scaling=True)),
    ("discount_factor", lambda: discrete(discount_factor=1.5)),
    ("max_action is", lambda: actor_of_two_dimensions(max_action=np.ones(3))),
    ("logits=logits", lambda: act(discrete(**weights))),
    ("logits=logits", lambda: act(discrete(**probabilities))),
    ("logits=logits", lambda: learn([0, 1], [1.0, 3.0], **probabilities)),
    ("nan", lambda: act(discrete(Same(math.nan, 0.0)))),
    ("batch_size", lambda: learn([0, 1], [1.0, 3.0], -2)),
    ("no rows", lambda: learn([], [])),
    ("act has shape", lambda: learn([[0], [1]], [1.0, 3.0])),
    ("act holds", lambda: learn([0, 7], [1.0, 3.0])),
    ("returns", lambda: learn([0, 1], [[1.0, 3.0], [1.0, 3.0]])),
    ("rewards must be finite", lambda: update(stored(1.0, math.nan, ends=(1,)))),
    ("collect first", lambda: update(ReplayBuffer(3))),
    ("no successor", lambda: update(stored(*[1.0] * 20, ends=(19,)), 3)),
    ("training step", lambda: discrete().update(0, stored(1.0, ends=(0,)))),
    ("NaN", lambda: unbounded_policy().map_action([0.0, math.nan])),
    ("action_bound_method", lambda: unbounded_policy().map_action([0.0, 1.01])),
    ("exactly one of", lambda: Collector(discrete(), envs(2, 2)).collect(n_step=-3)),
    ("buffer holds", lambda: Collector(discrete(), envs(2), ReplayBuffer(3)).collect(n_step=4)),
    ("buffer has 1 sub-buffers", lambda: Collector(discrete(), envs(2, 2), ReplayBuffer(30))),
    ("episode_per_test", lambda: trainer(episode_per_test=None)),
]
print("asserts:", __debug__)
for message, call in cases:
    try:
        call()
        print("no error says", message)
    except (ValueError, RuntimeError) as error:
        if message not in str(error):
            print(repr(error), "does not say", message)
"""


def test_the_checks_are_exceptions_under_python_O() -> None:
    """v1.1.0: `python -O` switches the checks off."""
    command = [sys.executable, "-O", "-c", WITHOUT_ASSERTS, str(Path(__file__).parents[2])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["asserts: False"]
