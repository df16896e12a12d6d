"""What a policy hands on, restores, leaves alone, warns of, and accepts at the ends of a range."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary
from torch import nn
from torch.distributions import Bernoulli, Distribution, Independent

from pg_edu import (
    ActorProb,
    Batch,
    Net,
    PGPolicy,
    ReplayBuffer,
    VectorReplayBuffer,
    policy_within_training_step,
)
from pg_edu.base_policy import BasePolicy, outputs_unexamined, torch_train_mode
from pg_edu.distributions import torch_validation_off
from tests.helpers import (
    ConstantLogits,
    bandit_policy,
    box,
    buffer_of_episodes,
    filled,
    joint_normal,
    make_policy,
    returns_of,
)


class Recorder(ConstantLogits):
    """An actor that notes what it is called with, and whether gradients are computed."""

    def __init__(self, logits: Any = (0.0, 0.0)) -> None:
        super().__init__(logits)
        self.calls: list[dict[str, Any]] = []

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[torch.Tensor, Any]:
        self.calls.append({"state": state, "info": info, "grad": torch.is_grad_enabled()})
        return super().forward(obs, state, info)


# Handed on


def test_compute_action_hands_on_info_and_state_and_needs_no_gradient() -> None:
    actor = Recorder()
    state = torch.ones(1, 3)
    make_policy(actor).compute_action(np.zeros(4), info={"mask": np.array([1, 0])}, state=state)
    (call,) = actor.calls
    assert np.ravel(call["info"].mask).tolist() == [1, 0]
    assert call["state"] is state
    assert call["grad"] is False


def test_forward_hands_on_info_and_state() -> None:
    actor = Recorder()
    state = torch.ones(2, 3)
    batch = Batch(obs=np.zeros((2, 4)), info=Batch(mask=np.array([[1, 0], [0, 1]])))
    assert make_policy(actor)(batch, state=state).state is state
    assert actor.calls[0]["info"].mask.tolist() == [[1, 0], [0, 1]]
    assert actor.calls[0]["state"] is state


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_action_has_the_dtype_and_shape_of_its_space_without_any_mapping(dtype: type) -> None:
    actor = ActorProb(Net(4), action_shape=2, unbounded=True)
    space = Box(-np.inf, np.inf, (2,), dtype)
    policy = make_policy(actor, space, dist_fn=joint_normal, action_bound_method=None)
    act = policy.compute_action(np.zeros(4, np.float32))
    assert isinstance(act, np.ndarray)
    assert (act.dtype, act.shape) == (np.dtype(dtype), (2,))


def test_a_discrete_action_is_an_int() -> None:
    assert type(make_policy(ConstantLogits()).compute_action(np.zeros(4))) is int


def test_the_scheduler_steps_once_for_each_update() -> None:
    actor = ConstantLogits()
    optim = torch.optim.SGD(actor.parameters(), lr=1.0)
    halve = torch.optim.lr_scheduler.ExponentialLR(optim, gamma=0.5)
    policy = make_policy(actor, optim=optim, lr_scheduler=halve)
    with policy_within_training_step(policy):
        for _ in range(2):
            policy.update(0, buffer_of_episodes([[1.0, 2.0]]), batch_size=1, repeat=3)
    assert optim.param_groups[0]["lr"] == 0.25


# Flags that are nested in themselves


def test_training_steps_can_be_nested() -> None:
    policy = make_policy(ConstantLogits())
    with policy_within_training_step(policy):
        with policy_within_training_step(policy):
            pass
        assert policy.is_within_training_step
        with policy_within_training_step(policy, enabled=False):
            assert not policy.is_within_training_step
        assert policy.is_within_training_step
    assert not policy.is_within_training_step


def test_unexamined_outputs_can_be_nested_and_end_with_an_error() -> None:
    policy = make_policy(ConstantLogits())
    with outputs_unexamined(policy):
        with outputs_unexamined(policy):
            pass
        assert not policy.examines_outputs
    with pytest.raises(KeyError), outputs_unexamined(policy):
        raise KeyError
    assert policy.examines_outputs


def test_train_modes_can_be_nested_and_train_is_the_default() -> None:
    net = nn.Sequential(nn.Linear(1, 1), nn.Dropout()).eval()
    with torch_train_mode(net):
        assert net.training and net[1].training
        with torch_train_mode(net, enabled=False):
            assert not net[1].training
        assert net.training and net[1].training
    assert not net.training and not net[1].training


@pytest.mark.parametrize("before", [True, False])
def test_torchs_validation_can_be_switched_off_twice(before: bool) -> None:
    try:
        Distribution.set_default_validate_args(before)
        with torch_validation_off():
            with torch_validation_off():
                pass
            assert Distribution._validate_args is False
        assert Distribution._validate_args is before
    finally:
        Distribution.set_default_validate_args(True)


# Gradients and NaN that must not get through


def test_no_gradient_flows_through_an_action() -> None:
    """A reparameterized draw would add the gradient of its own path."""
    actor = ActorProb(Net(4), action_shape=2, unbounded=True)
    result = make_policy(actor, box([-1, -1], [1, 1]), dist_fn=joint_normal)(
        Batch(obs=np.zeros((3, 4), np.float32))
    )
    assert result.logits[0].requires_grad
    assert not result.act.requires_grad


def test_no_gradient_flows_through_the_target_of_an_n_step_return() -> None:
    buffer = buffer_of_episodes([[1.0, 2.0]])
    weight = nn.Parameter(torch.ones(2))
    enabled = []

    def target(_: Any, indices: Any) -> torch.Tensor:
        enabled.append(torch.is_grad_enabled())
        return weight[indices]

    batch = BasePolicy.compute_nstep_return(buffer[:], buffer, np.arange(2), target)
    assert enabled == [False]
    assert not torch.as_tensor(batch.returns).requires_grad


def test_a_soft_update_is_no_part_of_a_graph() -> None:
    target, source = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.constant_(target.weight, 4.0)
    nn.init.constant_(source.weight, 8.0)
    policy = make_policy(ConstantLogits())
    for tau, expected in ((0.0, 4.0), (0.25, 5.0), (1.0, 8.0)):
        policy.soft_update(target, source, tau)
        assert target.weight.item() == expected
    assert target.weight.is_leaf and target.weight.grad_fn is None


def test_a_value_behind_a_termination_may_be_nan() -> None:
    """0 * NaN is NaN, so that a product with the mask would let it through."""
    buffer = buffer_of_episodes([[1.0, 2.0], [4.0]])
    rows, indices = buffer.sample(0)
    values = np.array([0.5, np.nan, np.nan])
    returns, _ = BasePolicy.compute_episodic_return(
        rows, buffer, indices, v_s_=values, v_s=np.zeros(3), gamma=0.5, gae_lambda=1.0
    )
    np.testing.assert_array_equal(returns, [2.25, 2.0, 4.0])
    batch = BasePolicy.compute_nstep_return(
        rows, buffer, indices, lambda *_: torch.tensor([0.5, math.nan, math.nan]), 0.5, 2
    )
    np.testing.assert_array_equal(np.ravel(batch.returns)[1:], [2.0, 4.0])


def test_values_that_are_not_given_are_those_of_the_row_before() -> None:
    """Without v_s, the value of a row is the next value of the row before it.

    The first row has none before it, and gets the one of the last row: 0, where it is terminated.
    """
    buffer = buffer_of_episodes([[1.0, 2.0, 4.0]])
    rows, indices = buffer.sample(0)
    settings: dict[str, Any] = {"v_s_": np.array([8.0, 16.0, 99.0]), "gamma": 0.5}
    for gae_lambda in (0.0, 0.5):
        settings["gae_lambda"] = gae_lambda
        found = BasePolicy.compute_episodic_return(rows, buffer, indices, **settings)
        expected = BasePolicy.compute_episodic_return(
            rows, buffer, indices, v_s=np.array([0.0, 8.0, 16.0]), **settings
        )
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("given", [{}, {"gae_lambda": 0.99}])
def test_returns_without_values_need_a_lambda_of_1(given: dict[str, Any]) -> None:
    buffer = buffer_of_episodes([[1.0, 2.0]])
    rows, indices = buffer.sample(0)
    with pytest.raises(ValueError, match="gae_lambda must be 1 when v_s_ is None"):
        BasePolicy.compute_episodic_return(rows, buffer, indices, **given)


@pytest.mark.parametrize("n_step", [0, -1])
def test_n_steps_below_1_are_an_error(n_step: int) -> None:
    buffer = buffer_of_episodes([[1.0, 2.0]])
    with pytest.raises(ValueError, match="n_step must be at least 1"):
        BasePolicy.compute_nstep_return(
            buffer[:], buffer, np.arange(2), lambda *_: torch.zeros(2), n_step=n_step
        )


def test_batches_and_targets_with_another_number_of_rows_are_an_error() -> None:
    buffer = buffer_of_episodes([[1.0, 2.0]])
    with pytest.raises(ValueError, match="batch has 2 rows, indices has 1"):
        BasePolicy.compute_nstep_return(buffer[:], buffer, np.arange(1), lambda *_: torch.zeros(1))
    with pytest.raises(ValueError, match="gave 1 values for 2 indices"):
        BasePolicy.compute_nstep_return(buffer[:], buffer, np.arange(2), lambda *_: torch.zeros(1))
    with pytest.raises(ValueError, match="v_s_ must have one value per row"):
        rows, indices = buffer.sample(0)
        BasePolicy.compute_episodic_return(rows, buffer, indices, v_s_=np.zeros((2, 2)))


# The arrays of the buffer


@pytest.mark.parametrize("normalize", [False, True])
def test_no_method_of_a_policy_writes_into_the_buffer(normalize: bool) -> None:
    """One environment has an unfinished episode, one a truncated one."""
    buffer = VectorReplayBuffer(total_size=8, buffer_num=2)
    truncated = [False, False, False, True]
    filled(buffer, [1, 5, 1, 2], [False] * 4, truncated, buffer_ids=[0, 1, 0, 1])
    stored = {key: np.copy(getattr(buffer, key)) for key in ("obs", "act", "rew", "done")}
    flags = np.copy(buffer.terminated), np.copy(buffer.truncated)

    policy = make_policy(ConstantLogits(), reward_normalization=normalize)
    indices = buffer.sample_indices(0)
    policy.process_fn(buffer[indices], buffer, indices)
    values = np.ones(len(indices))
    policy.compute_episodic_return(buffer[indices], buffer, indices, v_s_=values)
    policy.compute_nstep_return(
        buffer[indices], buffer, indices, lambda *_: torch.ones(len(indices)), n_step=2
    )
    with policy_within_training_step(policy):
        policy.update(0, buffer, batch_size=None, repeat=2)
    for key, before in stored.items():
        np.testing.assert_array_equal(getattr(buffer, key), before)
    np.testing.assert_array_equal((buffer.terminated, buffer.truncated), flags)
    np.testing.assert_array_equal(values, np.ones(len(indices)))


# Learning


def learned(policy: Any, returns: Any, **given: Any) -> list[float]:
    """Return the parameters after learning from two actions with these returns."""
    batch = Batch(obs=np.zeros((2, 1)), act=np.array([0, 1]), returns=np.asarray(returns))
    policy.learn(batch, **({"batch_size": None, "repeat": 1} | given))
    return policy.actor.logits.tolist()


def test_returns_in_a_column_are_learned_like_returns_in_a_row() -> None:
    """[B, 1] times [B] would pair every return with every action."""
    row = learned(bandit_policy((0.0, 0.0)), [1.0, 5.0])
    assert learned(bandit_policy((0.0, 0.0)), [[1.0], [5.0]]) == row
    assert row == pytest.approx([0.5 * (1 - 5) / 2, 0.5 * (5 - 1) / 2])


def test_a_step_starts_from_a_gradient_of_zero() -> None:
    policy = bandit_policy((0.0, 0.0))
    policy.actor.logits.grad = torch.full((2,), 100.0, dtype=torch.float64)
    assert learned(policy, [1.0, 5.0]) == learned(bandit_policy((0.0, 0.0)), [1.0, 5.0])


@pytest.mark.parametrize("batch_size", [0, -1, 2, 5])
def test_batch_sizes_that_mean_all_rows_take_the_same_step(batch_size: int) -> None:
    found = learned(bandit_policy((0.0, 0.0)), [1.0, 5.0], batch_size=batch_size)
    assert found == learned(bandit_policy((0.0, 0.0)), [1.0, 5.0])


def test_the_reported_loss_is_that_before_the_step() -> None:
    """-(log ½ · 1 + log ½ · 5) / 2 in the first of two passes."""
    policy = bandit_policy((0.0, 0.0))
    batch = Batch(obs=np.zeros((2, 1)), act=np.array([0, 1]), returns=np.array([1.0, 5.0]))
    stats = policy.learn(batch, batch_size=None, repeat=1)
    assert stats.loss.mean == pytest.approx(3 * math.log(2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"returns": np.zeros((1, 2))}, r"must have shape \[1\] or \[1, 1\]|observations"),
        ({"returns": np.zeros((2, 2))}, r"must have shape \[2\] or \[2, 1\], got \[2, 2\]"),
        ({"returns": np.array([1.0, np.nan])}, "returns must be finite"),
        ({"returns": np.array([1.0, np.inf])}, "returns must be finite"),
        ({"returns": np.array([1.0, 1e39])}, "returns must be finite in float32"),
        ({"act": np.array([0.0, np.nan])}, "act must be finite"),
        ({"obs": np.zeros((3, 1))}, "3 observations, 2 actions and 2 returns"),
        ({"act": np.array([0, 1, 1])}, "2 observations, 3 actions and 2 returns"),
    ],
)
def test_a_batch_that_would_train_something_else_is_refused_before_a_step(
    change: dict[str, Any], message: str
) -> None:
    fields: dict[str, Any] = {
        "obs": np.zeros((2, 1)),
        "act": np.array([0, 1]),
        "returns": np.array([1.0, 5.0]),
    }
    policy = bandit_policy((0.0, 0.0))
    with pytest.raises(ValueError, match=message):
        policy.learn(Batch(fields | change), batch_size=None, repeat=1)
    assert policy.actor.logits.tolist() == [0.0, 0.0]


def test_a_batch_size_below_minus_1_and_an_empty_batch_are_refused() -> None:
    policy = bandit_policy((0.0, 0.0))
    with pytest.raises(ValueError, match="batch_size must be positive"):
        learned(policy, [1.0, 5.0], batch_size=-2)
    nothing = Batch(obs=np.zeros((0, 1)), act=np.zeros(0, int), returns=np.zeros(0))
    with pytest.raises(ValueError, match="no rows"):
        policy.learn(nothing, batch_size=None, repeat=1)


def test_greedy_actions_are_taken_outside_of_a_training_step_only() -> None:
    torch.manual_seed(0)
    policy = bandit_policy((0.1, 0.0), deterministic_eval=True)
    obs = Batch(obs=np.zeros((200, 1)))
    assert set(policy(obs).act.tolist()) == {0}
    with policy_within_training_step(policy):
        assert set(policy(obs).act.tolist()) == {0, 1}
    policy.deterministic_eval = False
    assert set(policy(obs).act.tolist()) == {0, 1}


# Warnings that must appear, and others that must not


def messages_of(make: Any) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make()
    return " ".join(str(warning.message) for warning in caught)


@pytest.mark.parametrize(
    ("low", "high", "scaling", "method", "warns"),
    [
        (-0.5, 0.5, False, "clip", True),
        (-0.5, 2.0, False, "tanh", True),
        (-2.0, 0.5, False, "clip", True),
        (-1.0, 1.0, False, "clip", False),
        (-2.0, 2.0, False, "clip", False),
        (-0.5, 0.5, False, None, False),
        (-0.5, 0.5, True, "clip", False),
    ],
)
def test_a_bound_that_leaves_the_space_gives_a_warning(
    low: float, high: float, scaling: bool, method: Any, warns: bool
) -> None:
    actor = ActorProb(Net(4), action_shape=1, unbounded=True)
    shown = messages_of(
        lambda: make_policy(
            actor,
            box([low], [high]),
            dist_fn=joint_normal,
            action_scaling=scaling,
            action_bound_method=method,
        )
    )
    assert ("goes beyond" in shown) is warns
    assert warns or shown == ""


@pytest.mark.parametrize(
    ("max_action", "unbounded", "scaling", "method", "words"),
    [
        (2.0, False, True, None, "scaled twice"),
        (2.0, False, False, None, ""),
        (1.0, False, True, None, ""),
        (1.0, False, True, "clip", "double bounding"),
        (1.0, True, True, "clip", ""),
    ],
)
def test_an_actor_that_bounds_or_scales_too_gives_a_warning(
    max_action: float, unbounded: bool, scaling: bool, method: Any, words: str
) -> None:
    actor = ActorProb(Net(4), action_shape=1, max_action=max_action, unbounded=unbounded)
    shown = messages_of(
        lambda: make_policy(
            actor,
            box([-2], [2]),
            dist_fn=joint_normal,
            action_scaling=scaling,
            action_bound_method=method,
        )
    )
    assert words in shown
    assert words or shown == ""


def test_scaling_needs_finite_bounds_in_every_dimension() -> None:
    space = box([-1, -np.inf], [1, np.inf])
    with pytest.raises(ValueError, match=r"needs finite bounds, but dimension \(1,\)"):
        make_policy(ConstantLogits(), space, action_scaling=True)


@pytest.mark.parametrize("discount_factor", [0.0, 1.0])
def test_a_discount_factor_of_0_or_1_is_accepted(discount_factor: float) -> None:
    assert make_policy(ConstantLogits(), discount_factor=discount_factor).gamma == discount_factor


def test_an_optimizer_may_hold_only_a_part_of_the_actor() -> None:
    actor = Net(4, 2, hidden_sizes=[3])
    optim = torch.optim.SGD([next(actor.parameters())], lr=1.0)
    assert make_policy(actor, Discrete(2), optim=optim).optim is optim
    with pytest.raises(ValueError, match="holds none of the actor's parameters"):
        make_policy(actor, Discrete(2), optim=torch.optim.SGD([nn.Parameter(torch.ones(1))]))


def test_in_any_order_what_follows_is_worth_something_in_the_truncated_episode_only() -> None:
    """γ · 10 = 5 is added behind the second episode, whose rows are the first of the batch."""
    ends: dict[str, Any] = {"terminated": [False, True, False, False]}
    buffer = filled(ReplayBuffer(4), [1] * 4, truncated=[False] * 3 + [True], **ends)
    policy = make_policy(ConstantLogits(), discount_factor=0.5)
    policy.ret_rms.mean = 10.0
    by_hand = np.array([1.5, 1.0, 4.0, 6.0])
    order = [3, 0, 2, 1]
    assert returns_of(policy, buffer, order).tolist() == by_hand[order].tolist()


def test_integer_actions_are_scored_by_a_distribution_of_floats() -> None:
    """The loss of two fair coins with the return 1 is -2 log 0.5."""

    def coins(logits: torch.Tensor) -> Distribution:
        return Independent(Bernoulli(logits=logits), 1)

    policy = make_policy(ConstantLogits(), MultiBinary(2), dist_fn=coins)
    batch: Any = Batch(
        obs=np.zeros((3, 1)), act=np.array([[0, 1], [1, 1], [0, 0]]), returns=[1.0] * 3
    )
    stats = policy.learn(batch, batch_size=None, repeat=1)
    assert stats.loss.mean == pytest.approx(2 * math.log(2))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_statistics_of_returns_are_as_before_if_learning_fails(error: Any) -> None:
    policy = make_policy(ConstantLogits(), reward_normalization=True)
    buffer = buffer_of_episodes([[1.0, 2.0], [5.0]])

    def interrupt(*_: Any) -> None:
        raise error("on purpose")

    with policy_within_training_step(policy):
        policy.update(0, buffer, batch_size=None, repeat=1)
        before = dict(vars(policy.ret_rms))
        policy.optim.register_step_post_hook(interrupt)
        with pytest.raises(error, match="on purpose"):
            policy.update(0, buffer, batch_size=None, repeat=1)
    assert vars(policy.ret_rms) == before


def test_a_policy_knows_the_observation_space_that_it_was_given() -> None:
    space = Discrete(5)
    assert make_policy(ConstantLogits(), observation_space=space).observation_space is space


def test_an_actor_that_does_not_say_whether_it_bounds_gives_no_warning() -> None:
    space = box([-1], [1])
    assert messages_of(lambda: make_policy(ConstantLogits(), space, dist_fn=joint_normal)) == ""


def test_learning_hands_the_forward_what_the_policy_stored_beside_its_actions() -> None:
    class Asks(PGPolicy[Any]):
        def forward(self, batch: Any, state: Any = None, **kwargs: Any) -> Any:
            seen.append(batch.policy.note.tolist())
            return super().forward(batch, state, **kwargs)

    seen: list[Any] = []
    policy = make_policy(ConstantLogits(), kind=Asks)
    batch: Any = Batch(obs=np.zeros(2), act=[0, 1], returns=[1.0, 1.0], policy={"note": [7, 7]})
    policy.learn(batch, batch_size=None, repeat=1)
    assert seen == [[7, 7]]


def test_learn_gets_the_batch_that_process_fn_returns_and_the_update_says_how_long_it_took() -> (
    None
):
    class Prepares(PGPolicy[Any]):
        def process_fn(self, batch: Any, buffer: Any, indices: Any) -> Any:
            super().process_fn(batch, buffer, indices)
            return Batch(obs=np.zeros(1), act=[0], returns=[4.0])

    policy = make_policy(ConstantLogits(), kind=Prepares)
    with policy_within_training_step(policy):
        stats = policy.update(0, buffer_of_episodes([[1.0, 2.0]]), batch_size=None, repeat=1)
    assert stats.loss.mean == pytest.approx(4 * math.log(2))
    assert stats.train_time > 0
