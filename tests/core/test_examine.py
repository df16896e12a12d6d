"""Test what is refused before it trains the wrong thing.

Each fault is put in by hand, so we know which environment, row or parameter the message must name.
"""

import itertools
import warnings
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from torch import nn
from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Geometric,
    Independent,
    MixtureSameFamily,
    Normal,
    OneHotCategorical,
)

from pg_edu import (
    Actor,
    Batch,
    Collector,
    Net,
    PGPolicy,
    VectorReplayBuffer,
    policy_within_training_step,
)
from pg_edu.distributions import IndependentCategoricals
from tests.helpers import ConstantLogits, bandit_policy, categorical, joint_normal, make_policy


def readable(value: Any) -> str:
    """Return an id without an address, which differs from one test process to the other."""
    return str(getattr(value, "__name__", value))


def bernoulli(logits: torch.Tensor) -> Independent:
    return Independent(Bernoulli(logits=logits), 1)


def normal(loc: torch.Tensor) -> Independent:
    return Independent(Normal(loc, 1.0), 1)


def outputs(number: int, space: gym.Space[Any], dist_fn: Any, **settings: Any) -> PGPolicy[Any]:
    """Return a policy whose actor has this number of outputs, all 0."""
    return make_policy(ConstantLogits(np.zeros(number)), space, dist_fn=dist_fn, **settings)


def learnable(act: Any) -> Batch:
    return Batch(obs=np.zeros(len(act)), act=np.asarray(act), returns=np.ones(len(act)))


def warnings_of(call: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in caught]


# The number of outputs


@pytest.mark.parametrize("number", [1, 2, 3, 5, 8])
def test_a_categorical_must_choose_among_exactly_the_actions_of_a_discrete_space(number):
    """Discrete(5): five outputs run, others are refused, when acting and when learning."""
    policy = outputs(number, Discrete(5), categorical)
    calls = [lambda: policy(Batch(obs=np.zeros(3))), lambda: policy.learn(learnable([0]), None, 1)]
    for call in calls:
        if number == 5:
            call()
        else:
            with pytest.raises(ValueError, match=rf"among {number} .*action_space\.n = 5 outputs"):
                call()


def test_an_actor_made_with_the_shape_of_a_discrete_space_is_told_to_take_its_n():
    """The shape of a Discrete space is (), so such an actor has one output and always plays 0."""
    actor = Actor(Net(4, hidden_sizes=[8]), Discrete(2).shape or ())
    policy = make_policy(actor, dist_fn=Categorical)
    with pytest.raises(
        ValueError, match=r"action_space\.n = 2 outputs \(action_space\.shape is \("
    ):
        policy(Batch(obs=np.zeros((3, 4))))


@pytest.mark.parametrize(
    ("space", "sizes", "fits"),
    [
        (MultiDiscrete([3, 2]), (3, 2), True),
        (MultiDiscrete([3, 2]), (3, 3), False),
        (MultiDiscrete([3, 2]), (3, 1), False),
        (MultiDiscrete([3, 2]), (2, 3), False),
        (MultiDiscrete([3, 2]), (4, 2), False),
        (MultiDiscrete([3, 2]), (3, 2, 2), False),
        (MultiDiscrete(np.array([[2, 3], [4, 1]])), (2, 3, 4, 1), True),
        (MultiDiscrete([3]), (3,), True),
        (MultiBinary(2), (2, 2), True),
        (MultiBinary(2), (2, 3), False),
        (MultiBinary((2, 2)), (2, 2, 2, 2), True),
    ],
    ids=readable,
)
def test_each_component_must_have_the_choices_of_its_space(space, sizes, fits):
    """The dist_fn itself tells its sizes; inside a lambda only the distribution tells them.

    A component with too few choices beside a wider one is then padded with choices of probability
    0, which may as well be masked; so (3, 1) is refused only where the sizes are known.
    """

    def make(dist_fn: Any) -> None:
        outputs(sum(sizes), space, dist_fn)(Batch(obs=np.zeros(4)))

    hidden = lambda logits: IndependentCategoricals(sizes)(logits)  # noqa: E731
    if fits:
        make(IndependentCategoricals(sizes))
        make(hidden)
        return
    with pytest.raises(ValueError, match="IndependentCategoricals"):
        make(IndependentCategoricals(sizes))
    if sizes != (3, 1):
        with pytest.raises(ValueError, match="Independent"):
            make(hidden)


@pytest.mark.parametrize(("number", "fits"), [(2, False), (3, True), (4, False), (1, False)])
def test_a_multibinary_space_needs_one_bernoulli_for_each_of_its_n(number, fits):
    policy = outputs(number, MultiBinary(3), bernoulli)
    if fits:
        assert policy(Batch(obs=np.zeros(4))).act.shape == (4, 3)
    else:
        with pytest.raises(ValueError, match=r"shape \(3,\).*action_space\.n = 3 outputs"):
            policy(Batch(obs=np.zeros(4)))


@pytest.mark.parametrize(
    ("space", "number", "dist_fn", "message"),
    [
        (
            Discrete(3),
            1,
            lambda logits: Bernoulli(logits=logits[:, 0]),
            "Bernoulli chooses among 2",
        ),
        (Discrete(3), 3, lambda logits: OneHotCategorical(logits=logits), r"shape \(3,\)"),
        (Discrete(3), 1, lambda loc: Normal(loc[:, 0], 1.0), "draws continuous actions"),
        (MultiDiscrete([2, 2]), 2, normal, "draws continuous actions"),
        (MultiBinary(2), 2, normal, "draws continuous actions"),
        (MultiDiscrete([3, 2]), 5, categorical, r"sum\(action_space\.nvec\) = 5 outputs"),
        (MultiDiscrete([3, 2]), 2, bernoulli, "Bernoulli chooses among 2"),
        (Box(-1, 1, (3,)), 2, normal, "loc and scale with 3 numbers"),
    ],
)
def test_a_distribution_that_does_not_fit_its_space_is_an_error(space, number, dist_fn, message):
    with pytest.raises(ValueError, match=message):
        outputs(number, space, dist_fn)(Batch(obs=np.zeros(4)))


@pytest.mark.parametrize(
    ("space", "number", "dist_fn"),
    [
        (Discrete(2), 1, lambda logits: Bernoulli(logits=logits[:, 0])),
        (MultiDiscrete([2, 2]), 2, bernoulli),
        (Box(0, 255, (1,), np.uint8), 256, categorical),
        (Box(-1, 1, (2, 3)), 6, normal),
    ],
    ids=readable,
)
def test_a_distribution_that_fits_its_space_is_used(space, number, dist_fn):
    outputs(number, space, dist_fn)(Batch(obs=np.zeros(4)))


@pytest.mark.parametrize("shape", [(1,), (2,)])
def test_a_categorical_for_a_box_is_told_to_be_a_normal(shape):
    """A Categorical draws the number of a choice; single_action_space has nothing to do with it."""
    policy = outputs(3, Box(-1, 1, shape), categorical)
    with pytest.raises(ValueError, match=r"draws the number of a choice.*Normal") as caught:
        policy(Batch(obs=np.zeros(4)))
    assert "single_action_space" not in str(caught.value)


def test_a_policy_that_maps_choices_to_vectors_itself_may_use_a_categorical_for_a_box():
    class Table(PGPolicy[Any]):
        def map_action(self, act):
            return np.array([[-1.0], [0.0], [1.0]])[np.asarray(act)]

    policy = outputs(3, Box(-1, 1, (1,)), categorical, kind=Table)
    assert policy(Batch(obs=np.zeros(4))).act.shape == (4,)


def test_a_class_that_lists_only_the_legal_actions_may_hold_fewer():
    """torchrl's MaskedCategorical is such a class, if it is given the indices of legal actions."""

    class Legal(Categorical):
        def sample(self, sample_shape=torch.Size()):  # noqa: B008
            return super().sample(sample_shape) + 3

    policy = outputs(2, Discrete(5), lambda logits: Legal(logits=logits))
    assert set(policy(Batch(obs=np.zeros(50))).act.tolist()) == {3, 4}


def test_logits_of_minus_infinity_may_mask_actions():
    actor = ConstantLogits([0.0, -np.inf, 0.0, 0.0, -np.inf])
    policy = make_policy(actor, MultiDiscrete([3, 2]), dist_fn=IndependentCategoricals((3, 2)))
    acts = policy(Batch(obs=np.zeros(50))).act
    assert set(acts[:, 0].tolist()) == {0, 2}
    assert set(acts[:, 1].tolist()) == {0}


# Rows of a buffer

ENVIRONMENTS, STEPS = 3, 4


def rollout(obs: Any = None, rew: Any = None) -> VectorReplayBuffer:
    """Return a buffer with one episode of four steps in each of three environments."""
    shape = (STEPS, ENVIRONMENTS)
    end = np.zeros(shape, bool)
    end[-1] = True
    buffer = VectorReplayBuffer(STEPS * ENVIRONMENTS, ENVIRONMENTS)
    block = Batch(
        obs=np.zeros((*shape, 2), np.float32) if obs is None else obs,
        act=np.zeros(shape, int),
        rew=np.zeros(shape) if rew is None else rew,
        terminated=end,
        truncated=np.zeros(shape, bool),
    )
    buffer.extend(block, np.ones(shape, bool))
    return buffer


def update(policy: PGPolicy[Any], buffer: Any) -> None:
    with policy_within_training_step(policy):
        policy.update(0, buffer, batch_size=None, repeat=1)


PLACES = list(itertools.product(range(STEPS), range(ENVIRONMENTS)))


@pytest.mark.parametrize(("step", "environment"), PLACES)
def test_an_observation_of_nan_is_refused_with_its_environment_and_slot(step, environment):
    obs = np.zeros((STEPS, ENVIRONMENTS, 2), np.float32)
    obs[step, environment, 1] = np.nan
    policy = bandit_policy()
    message = rf"NaN, but obs of environment {environment}, slot {step} \(buffer index"
    with pytest.raises(ValueError, match=message):
        update(policy, rollout(obs))
    assert policy.actor.logits.tolist() == [0.0] * 3


def test_an_observation_of_nan_deep_in_a_dict_is_refused_with_its_name():
    camera = np.zeros((STEPS, ENVIRONMENTS, 2, 2))
    camera[2, 1] = np.nan
    obs = {"image": np.zeros((STEPS, ENVIRONMENTS), np.uint8), "robot": {"camera": camera}}
    with pytest.raises(ValueError, match=r"obs\.robot\.camera of environment 1, slot 2"):
        update(bandit_policy(), rollout(obs))


def test_a_tensor_of_nan_is_refused_as_well():
    obs = torch.zeros(3, 2)
    obs[1, 0] = torch.nan
    buffer = rollout()
    batch = Batch(buffer[np.arange(3)])
    batch.obs = obs
    with pytest.raises(ValueError, match="obs of environment 0, slot 1"):
        bandit_policy().process_fn(batch, buffer, np.arange(3))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_observation_may_be_a_mask(value):
    update(bandit_policy(), rollout(np.full((STEPS, ENVIRONMENTS, 2), value)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_reward_that_is_not_finite_is_refused_with_its_environment_and_slot(bad):
    rew = np.zeros((STEPS, ENVIRONMENTS))
    rew[1, 2] = rew[3, 2] = bad
    with pytest.raises(ValueError, match=rf"environment 2, slot 1 \(buffer index 9\) is {bad}"):
        update(bandit_policy(), rollout(rew=rew))


def test_rewards_too_large_to_sum_are_refused_with_the_first_infinite_return():
    """1e308 + 1e308 is infinite in float64; the last reward alone is not."""
    rew = np.zeros((STEPS, ENVIRONMENTS))
    rew[2:, 1] = 1e308
    policy = bandit_policy(reward_normalization=True, discount_factor=1.0)
    with (
        np.errstate(over="ignore"),
        pytest.raises(ValueError, match=r"environment 1, slot 0 .* is inf.*too large to sum"),
    ):
        update(policy, rollout(rew=rew))
    assert policy.ret_rms.count == 0


# Where sampling fails


class Linear(nn.Module):
    """An actor with one linear layer, whose output for a NaN is NaN."""

    def __init__(self, outputs: int = 2):
        super().__init__()
        self.layer = nn.Linear(2, outputs)

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        return self.layer(torch.as_tensor(obs, dtype=torch.float32)), state


@pytest.mark.parametrize("unexamined", [False, True])
@pytest.mark.parametrize("environment", range(3))
def test_where_sampling_fails_the_message_names_the_row_of_the_observation(environment, unexamined):
    """While collecting, the rows of a batch are the environments."""
    obs = np.zeros((3, 2), np.float32)
    obs[environment, 1] = np.nan
    policy = make_policy(Linear())
    policy.examines_outputs = not unexamined
    with pytest.raises(ValueError, match=rf"obs holds NaN in row {environment} \(environment"):
        policy(Batch(obs=obs))


def test_where_sampling_fails_without_a_nan_observed_the_message_names_the_parameter():
    actor = Linear()
    with torch.no_grad():
        actor.layer.bias[1] = torch.nan
    policy = make_policy(actor)
    with pytest.raises(ValueError, match=r"actor's parameter layer\.bias is not finite"):
        policy(Batch(obs=np.zeros((3, 2))))


def test_the_collector_passes_the_message_on():
    class Sick(gym.Env[Any, Any]):
        observation_space, action_space = Box(-1, 1, (2,)), Discrete(2)

        def __init__(self, sick: bool):
            self.sick = sick

        def reset(self, *, seed=None, options=None):
            return np.zeros(2, np.float32), {}

        def step(self, action):
            return np.full(2, np.nan if self.sick else 0.0, np.float32), 0.0, False, False, {}

    envs = gym.vector.SyncVectorEnv([partial(Sick, n == 2) for n in range(4)])
    with pytest.raises(ValueError, match="obs holds NaN in row 2"):
        Collector(make_policy(Linear()), envs, VectorReplayBuffer(40, 4)).collect(n_step=8)


# Parameters


class Root(nn.Module):
    """An actor whose output is finite while its gradient is not: the root of 0 is 0."""

    def __init__(self):
        super().__init__()
        self.fine = nn.Parameter(torch.zeros(2))
        self.under_root = nn.Parameter(torch.zeros(2))

    def forward(self, obs, state=None, info=None):
        return (self.fine + (self.under_root * 0).sqrt()).expand(len(obs), -1), state


OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.1),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.1),
    "Rprop": lambda p: torch.optim.Rprop(p, lr=0.1),  # it skips NaN without a word
}


@pytest.mark.parametrize("repeat", [1, 2])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=list(OPTIMIZERS))
def test_a_gradient_of_nan_is_refused_with_its_parameter_and_undone(make, repeat):
    """With two passes the second one fails first; the message names the cause all the same."""
    actor = Root()
    optim = make(actor.parameters())
    policy = make_policy(actor, optim=optim)
    with pytest.raises(ValueError, match=r"parameter under_root.*, because its gradient is not"):
        policy.learn(learnable([0, 1, 1]), batch_size=None, repeat=repeat)
    assert [p.tolist() for p in actor.parameters()] == [[0.0, 0.0]] * 2
    assert [p.grad for p in actor.parameters()] == [None, None]
    assert len(optim.state) == 0


def test_a_parameter_that_became_infinite_is_refused_and_undone():
    """Each step adds at most lr, and two of them exceed the largest float64."""
    policy = bandit_policy((0.0, 0.0), lr=1.7e308)
    with pytest.raises(ValueError, match="parameter logits infinite: try a smaller learning rate"):
        batch = Batch(obs=np.zeros(1), act=[0], returns=[3.0])
        policy.learn(batch, batch_size=None, repeat=1)
    assert policy.actor.logits.tolist() == [0.0, 0.0]


def test_a_parameter_that_was_infinite_before_may_be_a_mask():
    policy = bandit_policy((0.0, 0.0, -np.inf))
    policy.learn(learnable([0, 1]), batch_size=None, repeat=1)
    assert policy.actor.logits[2] == -np.inf


def test_a_later_step_that_fails_undoes_the_earlier_ones():
    """The first minibatch is learned from; in one of the others an action has probability 0."""
    policy = bandit_policy((0.0, 0.0, -np.inf))
    with pytest.raises(ValueError, match="the loss is inf"):
        policy.learn(learnable([0, 1, 0, 1, 2]), batch_size=1, repeat=1)
    assert policy.actor.logits.tolist() == [0.0, 0.0, -np.inf]


# Modules that act in one mode and learn in another


class Hidden(nn.Module):
    def __init__(self, *modules: nn.Module):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 4), *modules, nn.Linear(4, 2))

    def forward(self, obs, state=None, info=None):
        return self.net(torch.as_tensor(obs, dtype=torch.float32)), state


class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 2, num_layers=2, dropout=0.1)

    def forward(self, obs, state=None, info=None):
        return self.gru(torch.as_tensor(obs, dtype=torch.float32))[0], state


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        (lambda: Hidden(nn.Dropout(0.1)), ["dropout"]),
        (lambda: Hidden(nn.AlphaDropout(0.1), nn.Dropout(0.3)), ["dropout"]),
        (lambda: Hidden(nn.BatchNorm1d(4)), ["batch norm"]),
        (lambda: Hidden(nn.Dropout(0.1), nn.BatchNorm1d(4)), ["dropout", "batch norm"]),
        (Memory, ["dropout"]),
        (lambda: Hidden(nn.Dropout(0.0)), []),
        (lambda: Hidden(nn.LayerNorm(4)), []),
        (lambda: Hidden(), []),
    ],
)
def test_a_module_that_acts_otherwise_than_it_learns_warns_once(actor, expected):
    policy = make_policy(actor())
    found = warnings_of(lambda: update(policy, rollout()))
    assert [message.split(":")[0] for message in found] == [f"the actor has {x}" for x in expected]
    assert warnings_of(lambda: update(policy, rollout())) == []


def test_a_module_that_stays_in_eval_mode_while_learning_does_not_warn():
    class Frozen(Hidden):
        def train(self, mode=True):
            return super().train(False)

    policy = make_policy(Frozen(nn.Dropout(0.5), nn.BatchNorm1d(4)))
    assert warnings_of(lambda: update(policy, rollout())) == []


def test_an_actor_for_a_box_is_not_disturbed():
    class Pair(Linear):
        def forward(self, obs, state=None, info=None):
            loc, state = super().forward(obs, state)
            return (loc, torch.ones_like(loc)), state

    policy = make_policy(Pair(3), Box(-1, 1, (3,)), dist_fn=joint_normal, action_scaling=True)
    assert policy(Batch(obs=np.zeros((2, 2)))).act.shape == (2, 3)


@pytest.mark.parametrize("column", ["obs", "rew"])
def test_a_row_of_a_part_of_the_buffer_is_named_by_its_place_in_the_buffer(column):
    """Row 1 of the batch is row 5 of the buffer: slot 1 of environment 1."""
    values = np.zeros((STEPS, ENVIRONMENTS))
    values[1, 1] = np.nan
    buffer, indices = rollout(**{column: values}), np.arange(4, 8)
    with pytest.raises(ValueError, match=r"environment 1, slot 1 \(buffer index 5\)"):
        bandit_policy().process_fn(buffer[indices], buffer, indices)


def test_a_return_of_a_part_of_the_buffer_is_named_by_its_place_in_the_buffer():
    rew = np.zeros((STEPS, ENVIRONMENTS))
    rew[1:3, 1] = 1e308
    buffer, indices = rollout(rew=rew), np.arange(4, 8)
    with (
        np.errstate(over="ignore"),
        pytest.raises(ValueError, match=r"environment 1, slot 0 .*inf"),
    ):
        bandit_policy(discount_factor=1.0).process_fn(buffer[indices], buffer, indices)


# Numbers of choices at the ends of their ranges


def test_the_sizes_of_components_are_examined_when_the_policy_is_made():
    with pytest.raises(ValueError, match=r"IndependentCategoricals\(\(3, 2\)\)"):
        outputs(5, MultiDiscrete([3, 2]), IndependentCategoricals((2, 3)))
    outputs(5, Box(-1, 1, (2,)), IndependentCategoricals((2, 3)))  # its map_action may be its own


def table_of(rows: int) -> Any:
    """Return a dist_fn whose logits are two components of as many choices."""
    return lambda logits: Independent(Categorical(logits=logits.reshape(len(logits), 2, rows)), 1)


def test_the_widest_component_decides_how_many_choices_are_needed():
    with pytest.raises(ValueError, match="Categorical chooses among 2 values in a component"):
        outputs(4, MultiDiscrete([2, 3]), table_of(2))(Batch(obs=np.zeros(4)))


def test_choices_beyond_the_widest_component_may_be_masked_but_not_those_of_a_discrete_space():
    no = -np.inf
    padded = ConstantLogits([0.0, 0.0, no, no, 0.0, 0.0, 0.0, no])
    policy = make_policy(padded, MultiDiscrete([2, 3]), dist_fn=table_of(4))
    assert policy(Batch(obs=np.zeros(9))).act.shape == (9, 2)
    with pytest.raises(ValueError, match=r"among 4 actions.*action_space\.n = 3 outputs"):
        make_policy(ConstantLogits([0.0, 0.0, 0.0, no]), Discrete(3))(Batch(obs=np.zeros(4)))


def test_the_space_of_all_environments_together_is_told_to_be_that_of_one():
    policy = outputs(3, MultiDiscrete([3, 3]), categorical)  # of two environments with Discrete(3)
    with pytest.raises(ValueError, match="give its single_action_space"):
        policy(Batch(obs=np.zeros(4)))


# Draws of distributions that are no Categorical


@pytest.mark.parametrize(
    ("make", "drew"),
    [
        (lambda x: Geometric(torch.full((len(x),), 1e-6)), ".+"),
        (lambda x: MixtureSameFamily(mixture(x, 1), Categorical(logits=peak(x, 5, at=4))), "4"),
        (lambda x: Binomial(9, torch.ones(len(x))), "9"),
    ],
)
def test_a_choice_that_the_space_does_not_have_is_an_error(make: Any, drew: str) -> None:
    policy = outputs(1, Discrete(4), make)
    with pytest.raises(ValueError, match=rf"Discrete\(4\), but .* drew {drew}. It must .* 0 to 3"):
        policy(Batch(obs=np.zeros((3, 1))))


def mixture(rows: torch.Tensor, parts: int) -> Categorical:
    return Categorical(torch.ones(len(rows), parts))


def peak(rows: torch.Tensor, width: int, at: int) -> torch.Tensor:
    return (torch.arange(width) == at).float().expand(len(rows), 1, width) * 1e4


@pytest.mark.parametrize("space", [Discrete(2), Discrete(2, start=5), MultiBinary(1)])
def test_a_choice_drawn_as_a_float_reaches_the_environment_as_an_integer(space: Any) -> None:
    """A Bernoulli draws 1.0, which Discrete(2) does not contain."""
    policy = outputs(1, space, lambda x: Bernoulli(logits=x.squeeze(-1) + 100.0))
    action = policy.map_action(policy(Batch(obs=np.zeros((3, 1)))).act)
    assert action.dtype == space.dtype
    assert action.tolist() == [getattr(space, "start", 0) + 1] * 3


def test_a_choice_that_is_not_whole_is_an_error() -> None:
    with pytest.raises(ValueError, match="must be whole numbers, got"):
        outputs(2, Discrete(2), categorical).map_action(np.array([0.0, 0.5]))


# What cannot be learned


def test_an_actor_of_which_no_parameter_can_learn_is_an_error_that_says_where_to_look() -> None:
    policy = outputs(2, Discrete(2), categorical)
    policy.actor.requires_grad_(False)
    with pytest.raises(ValueError, match=r"does not depend on a parameter .* frozen"):
        policy.learn(learnable([0, 1]), batch_size=None, repeat=1)


def test_an_optimizer_that_needs_a_closure_is_an_error_that_names_it() -> None:
    policy = outputs(2, Discrete(2), categorical)
    policy.optim = torch.optim.LBFGS(policy.actor.parameters())
    with pytest.raises(TypeError, match="without an argument, but step of LBFGS needs one"):
        policy.learn(learnable([0, 1]), batch_size=None, repeat=1)


def test_infinite_observations_are_named_where_they_make_the_output_nan() -> None:
    class Difference(ConstantLogits):
        def forward(self, obs: Any, state: Any = None, info: Any = None) -> Any:
            x = torch.as_tensor(obs)
            return self.logits + x - x, state

    policy = make_policy(Difference(np.zeros(2)), Discrete(2))
    with pytest.raises(ValueError, match=r"obs holds infinity in row 1\.$"):
        policy(Batch(obs=np.array([[0.0, 1.0], [0.0, np.inf]])))
