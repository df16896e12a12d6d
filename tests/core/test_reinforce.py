"""PGPolicy: what is drawn, the returns of rows in any order, copies, and what a state dict holds.

The oracles: returns computed by hand, and the generators of torch and NumPy.
"""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Normal

from pg_edu import Batch, ReplayBuffer, policy_within_training_step
from pg_edu.base_policy import outputs_unexamined
from tests.helpers import ConstantLogits, bandit_policy, filled, make_policy, returns_of

# forward


@pytest.mark.parametrize("training", [True, False])
def test_train_mode_does_not_decide_whether_actions_are_drawn(training):
    """`policy.eval()` does not make a policy greedy, nor does `policy.train()` make it draw."""
    policy = bandit_policy(deterministic_eval=True).train(training)
    obs = Batch(obs=np.zeros(200))
    assert len(policy(obs).act.unique()) == 1
    with policy_within_training_step(policy):
        assert len(policy(obs).act.unique()) == 3


def test_forward_leaves_its_input_alone_and_returns_the_state():
    policy, batch, memory = bandit_policy(), Batch(obs=np.zeros(2)), np.ones((2, 5))
    result = policy(batch, memory)
    assert set(batch.keys()) == {"obs"}
    assert result.state is memory


@pytest.mark.parametrize("greedy", [False, True])
def test_an_output_that_cannot_be_used_is_an_error_even_where_outputs_are_not_examined(greedy):
    """Drawing from NaN fails inside torch, with a message that names no parameter.

    Taking the mode of NaN does not fail at all.
    """
    policy = bandit_policy((0.0, float("nan")), deterministic_eval=greedy)
    policy.dist_fn = lambda logits: Categorical(logits=logits, validate_args=False)
    with outputs_unexamined(policy), pytest.raises(ValueError, match="logits of Categorical must"):
        policy(Batch(obs=np.zeros(2)))


# process_fn


def test_a_buffer_that_wrapped_around_is_read_oldest_first():
    """Of the rewards 0..5 the last four remain, stored as 4, 5, 2, 3."""
    buffer = filled(ReplayBuffer(4), range(6), [False] * 5 + [True])
    returns = returns_of(bandit_policy(discount_factor=1.0), buffer)
    np.testing.assert_array_equal(buffer.rew, [4, 5, 2, 3])
    np.testing.assert_array_equal(returns, [14, 12, 9, 5])


def test_shuffled_rows_get_their_own_returns():
    """The return belongs to the row, not to its place in the batch."""
    buffer = filled(ReplayBuffer(7), range(1, 7), [False, False, True, False, False, True])
    batch, indices = buffer.sample(None)
    policy = bandit_policy(discount_factor=1.0)
    returns = policy.process_fn(batch, buffer, indices).returns
    np.testing.assert_array_equal(returns, np.array([6, 5, 3, 15, 11, 6])[indices])
    assert sorted(indices) == list(range(6))


def test_rows_in_the_order_of_storage_get_their_own_returns():
    """In a buffer that wrapped around, the oldest row is stored right after the newest one."""
    buffer = filled(ReplayBuffer(4), range(6), [False] * 5 + [True])
    policy = bandit_policy(discount_factor=1.0)
    indices = np.arange(4)
    returns = policy.process_fn(buffer[indices], buffer, indices).returns
    np.testing.assert_array_equal(returns, [9, 5, 14, 12])


def test_whether_a_row_terminated_is_read_from_the_buffer():
    """v1.1.0: ends come from the batch, bootstrap values from the buffer. 1 + 10/2 would be 6."""
    buffer = filled(ReplayBuffer(2), [1, 1], [False, True])
    policy = bandit_policy(discount_factor=0.5)
    policy.ret_rms.mean = 10.0
    batch, indices = buffer.sample(0)
    batch.terminated[:] = False
    batch.truncated[1] = True
    assert policy.process_fn(batch, buffer, indices).returns.tolist() == [1.5, 1.0]


def test_a_variance_of_zero_counts_as_1e_8():
    """After returns 1, 1 a return of 2 becomes (2 - 1) / sqrt(0 + 1e-8) = 10,000."""
    policy = bandit_policy(reward_normalization=True)
    returns_of(policy, filled(ReplayBuffer(2), [1, 1], [True, True]))
    returns = returns_of(policy, filled(ReplayBuffer(2), [2, 2], [True, True]))
    np.testing.assert_allclose(returns, [1e4, 1e4])


# learn


def test_the_loss_is_minus_the_mean_of_log_probability_times_return():
    """-(log(1/3) 2 + log(1/3) (-5)) / 2 = -1.5 log 3, for three arms with equal logits."""
    stats = bandit_policy().learn(Batch(obs=np.zeros(2), act=[0, 2], returns=[2.0, -5.0]), None, 1)
    assert stats.loss.mean == pytest.approx(-1.5 * np.log(3), rel=1e-6)


def test_each_minibatch_draws_actions_that_are_not_used():
    """Minibatches of 4 and 6 rows advance the generator of torch as two samples do."""
    batch = Batch(obs=np.zeros(10), act=np.zeros(10, int), returns=np.ones(10))
    torch.manual_seed(0)
    for rows in (4, 6):
        Categorical(logits=torch.zeros(rows, 3, dtype=torch.float64)).sample()
    expected = torch.get_rng_state()
    policy = bandit_policy()
    policy.updating = True  # as it is within update()
    torch.manual_seed(0)
    policy.learn(batch, batch_size=4, repeat=1)
    assert torch.equal(torch.get_rng_state(), expected)


# Copies and state dicts


def trained_policy():
    """Return a policy after one update from returns 1, 2, 3: mean 2, variance 2/3."""
    policy = bandit_policy((0.0, 0.0), reward_normalization=True)
    buffer = filled(ReplayBuffer(3), [1, 2, 3], [True] * 3)
    with policy_within_training_step(policy):
        policy.update(0, buffer, batch_size=None, repeat=1)
    return policy


def test_a_state_dict_holds_the_statistics_and_loads_with_weights_only(tmp_path):
    """The statistics are those of the returns 1, 2, 3: mean 2, variance 2/3."""
    trained = trained_policy()
    torch.save(trained.state_dict(), tmp_path / "policy.pt")
    policy = bandit_policy((0.0, 0.0))
    policy.load_state_dict(torch.load(tmp_path / "policy.pt", weights_only=True))
    assert policy.ret_rms.mean == 2.0
    assert policy.ret_rms.count == 3
    assert policy.ret_rms.var == pytest.approx(2 / 3)
    assert torch.equal(policy.actor.logits, trained.actor.logits)


def test_a_state_dict_without_statistics_loads_strictly_and_leaves_them_unchanged():
    policy = trained_policy()
    state = {key: value for key, value in policy.state_dict().items() if "extra" not in key}
    policy.load_state_dict(state, strict=True)
    assert policy.ret_rms.count == 3


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_learns_without_changing_the_original(clone):
    """The optimizer of the copy holds the parameters of the copy."""
    policy = trained_policy()
    twin = clone(policy)
    before = policy.actor.logits.detach().clone()
    with policy_within_training_step(twin):
        twin.update(0, filled(ReplayBuffer(1), [5], [True]), batch_size=None, repeat=1)
    assert torch.equal(policy.actor.logits, before)
    assert not torch.equal(twin.actor.logits, before)
    twin.load_state_dict(policy.state_dict())
    assert twin.ret_rms.count == 3


def test_a_batch_may_hold_rows_in_any_order_and_gets_the_same_returns():
    """The return belongs to the row: a permuted batch gets permuted returns."""
    rewards = [1.0, 0.0, 4.0, 1.0, 1.0, 3.0]
    buffer = filled(ReplayBuffer(6), rewards, [False, False, True, False, False, False])
    policy = bandit_policy(discount_factor=0.5)
    order = np.random.default_rng(0).permutation(6)
    by_hand = np.array([2.0, 2.0, 4.0, 2.25, 2.5, 3.0])
    np.testing.assert_array_equal(returns_of(policy, buffer), by_hand)
    np.testing.assert_array_equal(returns_of(policy, buffer, order), by_hand[order])


def test_without_normalization_no_statistics_are_kept():
    policy = bandit_policy()
    returns_of(policy, filled(ReplayBuffer(2), [1, 2], [True, True]))
    assert (policy.ret_rms.mean, policy.ret_rms.var, policy.ret_rms.count) == (0.0, 1.0, 0)


@pytest.mark.parametrize("discount_factor", [-0.1, 1.1, float("nan")])
def test_a_discount_factor_outside_of_0_to_1_is_an_error(discount_factor):
    with pytest.raises(ValueError, match=r"discount_factor must be in \[0, 1\], got"):
        bandit_policy(discount_factor=discount_factor)


def test_the_logits_of_forward_are_the_output_of_the_actor():
    """`dist` is made from them: its probabilities are their softmax, here 1/6, 2/6, 3/6."""
    policy = bandit_policy(np.log([1.0, 2.0, 3.0]))
    result = policy(Batch(obs=np.zeros(2)))
    np.testing.assert_allclose(result.logits.detach(), np.log([[1.0, 2.0, 3.0]] * 2), rtol=1e-12)
    np.testing.assert_allclose(result.dist.probs.detach(), [[1 / 6, 2 / 6, 3 / 6]] * 2, rtol=1e-12)


# learn


@pytest.mark.parametrize("seed", range(10))
def test_the_loss_of_unsummed_dimensions_is_bit_for_bit_that_of_tianshou(seed):
    """v1.1.0: -(log_prob.reshape(B, -1).T * returns).mean(), with gradients added in that order."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
    obs, act, returns = torch.randn(13, 3), torch.randn(13, 2), torch.randn(13)

    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = copy.deepcopy(net)

        def forward(self, obs, state=None, info=None):
            return self.net(torch.as_tensor(obs)), state

    space = gym.spaces.Box(-9, 9, (2,))
    actor = Mean()
    policy = make_policy(actor, space, dist_fn=lambda mean: Normal(mean, 0.5))
    np.random.seed(seed)
    order = np.random.permutation(13)  # in which learn takes the rows
    np.random.seed(seed)
    with pytest.warns(UserWarning, match="Independent"):
        policy.learn(Batch(obs=obs, act=act, returns=returns), batch_size=None, repeat=1)

    log_prob = Normal(net(obs[order]), 0.5).log_prob(act[order])
    loss = -(log_prob.reshape(13, -1).transpose(0, 1) * returns[order]).mean()
    loss.backward()
    for ours, theirs in zip(actor.net.parameters(), net.parameters(), strict=True):
        assert ours.grad is not None and theirs.grad is not None
        assert torch.equal(ours.grad, theirs.grad)


def test_a_parameter_that_the_update_made_nan_is_named():
    policy = bandit_policy((0.0, 0.0), lr=float("inf"))
    with pytest.raises(ValueError, match="actor's parameter logits NaN"):
        policy.learn(Batch(obs=np.zeros(2), act=[0, 1], returns=[1.0, 1.0]), None, 1)


def test_a_parameter_that_takes_no_part_in_learning_is_not_examined():
    policy = bandit_policy((0.0, 0.0))
    policy.actor.unused = nn.Parameter(torch.tensor([torch.nan]))
    policy.actor.lazy = nn.LazyLinear(3)
    stats = policy.learn(Batch(obs=np.zeros(1), act=[0], returns=[1.0]), None, 1)
    assert stats.loss.mean == pytest.approx(np.log(2))


# State dicts with and without statistics


def test_a_state_dict_has_statistics_only_where_there_are_any():
    """Tianshou v1.1.0 loads it strictly then: its keys are those of the actor."""
    assert list(bandit_policy().state_dict()) == ["actor.logits"]
    assert set(trained_policy().state_dict()) == {"actor.logits", "_extra_state"}


def test_statistics_that_were_set_by_hand_are_saved_as_well():
    policy = bandit_policy()
    policy.ret_rms.mean = 10.0
    assert policy.state_dict()["_extra_state"]["mean"] == 10.0


@pytest.mark.parametrize("way", ["at once", "through a file", "inside another module"])
def test_loading_the_state_of_a_policy_without_statistics_takes_them_away(way, tmp_path):
    """A policy goes back to where it was: with count 0, not with the count of a later update."""
    fresh, policy = bandit_policy((0.0, 0.0)), trained_policy()
    if way == "inside another module":
        nn.ModuleDict({"policy": policy}).load_state_dict(
            nn.ModuleDict({"policy": fresh}).state_dict()
        )
    elif way == "through a file":
        torch.save(fresh.state_dict(), tmp_path / "policy.pt")
        policy.load_state_dict(torch.load(tmp_path / "policy.pt", weights_only=True))
    else:
        policy.load_state_dict(fresh.state_dict())
    assert vars(policy.ret_rms) == vars(fresh.ret_rms)
    assert torch.equal(policy.actor.logits, fresh.actor.logits)


def test_a_state_dict_without_its_statistics_is_the_one_that_tianshou_loads():
    """The line that the docs give: it leaves the actor's parameters and nothing else."""
    state = trained_policy().state_dict()
    state.pop("_extra_state", None)
    assert list(state) == ["actor.logits"]


# What learn leaves after an error


def state_of(policy):
    """Return everything that learning changes, as plain numbers."""
    parameters = [parameter.tolist() for parameter in policy.parameters()]
    moments = [
        {name: torch.as_tensor(value).tolist() for name, value in entry.items()}
        for entry in policy.optim.state_dict()["state"].values()
    ]
    return parameters, moments, policy.optim.param_groups[0]["lr"]


@pytest.mark.parametrize("error", [ValueError, RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("fails_at", [1, 2, 5])
@pytest.mark.parametrize("updates_before", [0, 1])
def test_an_error_in_any_step_leaves_the_policy_as_it_was_before_learn(
    updates_before, fails_at, error
):
    """Five minibatches of one row; the step of one of them is interrupted halfway."""
    actor = ConstantLogits((0.0, 0.0))
    optim = torch.optim.Adam(actor.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optim, gamma=0.5)
    policy = make_policy(actor, optim=optim, lr_scheduler=scheduler)
    buffer = filled(ReplayBuffer(5), [1.0] * 5, [True] * 5)
    steps: list[None] = []

    def interrupt(*args):
        steps.append(None)
        if len(steps) == fails_at:
            raise error("on purpose")

    with policy_within_training_step(policy):
        for _ in range(updates_before):
            policy.update(0, buffer, batch_size=1, repeat=1)
        before = copy.deepcopy(state_of(policy))
        hook = optim.register_step_post_hook(interrupt)
        with pytest.raises(error, match="on purpose"):
            policy.update(0, buffer, batch_size=1, repeat=1)
        assert state_of(policy) == before
        hook.remove()
        policy.update(0, buffer, batch_size=1, repeat=1)
    assert scheduler.last_epoch == updates_before + 1


def test_a_failed_learn_leaves_no_trace_in_what_follows():
    """A twin that did not fail has the same parameters after the next update, bit for bit."""
    batch = Batch(obs=np.zeros(4), act=[0, 1, 1, 2], returns=[1.0, 2.0, 3.0, 4.0])
    bad = Batch(obs=np.zeros(4), act=[0, 1, 1, 7], returns=[1.0, 2.0, 3.0, 4.0])
    policies = []
    for fails in (False, True):
        actor = ConstantLogits((0.0, 0.0, 0.0))
        optim = torch.optim.Adam(actor.parameters(), lr=0.1)
        policy = make_policy(actor, gym.spaces.Discrete(3), optim=optim)
        np.random.seed(1)
        policy.learn(batch, batch_size=None, repeat=2)
        if fails:
            with pytest.raises(ValueError, match="cannot draw"):
                policy.learn(bad, batch_size=1, repeat=1)
        np.random.seed(0)  # one order of the rows for both
        policy.learn(batch, batch_size=None, repeat=1)
        policies.append(actor.logits.tolist())
    assert policies[0] == policies[1]
