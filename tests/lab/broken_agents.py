"""Agents with one broken part each, and a few unusual agents that are right.

The probes must name the broken part, and must not accuse an agent that is right.
"""

from typing import Any

import numpy as np
import torch
from torch.distributions import Categorical

from pg_edu import Batch, PGPolicy
from pg_edu.batch import to_torch
from pg_edu.returns import discounted_returns

# The loss


class OwnLoss(PGPolicy):
    """PGPolicy with its loss written out, so that a subclass can replace it."""

    def _loss(self, minibatch: Any) -> torch.Tensor:
        dist = self(minibatch).dist
        returns = to_torch(minibatch.returns, torch.float)
        return self.loss(dist, torch.as_tensor(minibatch.act), returns)

    def loss(self, dist: Any, act: torch.Tensor, returns: torch.Tensor) -> torch.Tensor:
        """Return -(1/B) Σ log π(aᵢ|sᵢ) Gᵢ."""
        return -(dist.log_prob(act) * returns).mean()


class SignFlipped(OwnLoss):
    """The sign of the loss is wrong."""

    def loss(self, dist, act, returns):
        return (dist.log_prob(act) * returns).mean()


class SumLoss(OwnLoss):
    """This agent is right: its loss is a sum, which is the mean times a number."""

    def loss(self, dist, act, returns):
        return -(dist.log_prob(act) * returns).sum()


class Broadcast(OwnLoss):
    """The loss multiplies [B] with [B, 1], so every return weights every log-probability."""

    def loss(self, dist, act, returns):
        return -(dist.log_prob(act) * returns[:, None]).mean()


class TwoMeans(OwnLoss):
    """The loss is a product of two means, in place of the mean of the products."""

    def loss(self, dist, act, returns):
        return -dist.log_prob(act).mean() * returns.mean()


class NoReturns(OwnLoss):
    """The loss ignores the returns."""

    def loss(self, dist, act, returns):
        return -dist.log_prob(act).mean()


class ReturnsShuffled(OwnLoss):
    """The loss pairs each action with the return of a random row."""

    def loss(self, dist, act, returns):
        return -(dist.log_prob(act) * returns[torch.randperm(len(returns))]).mean()


class BatchStandardized(OwnLoss):
    """This agent is right on the probes: standardizing returns within a batch changes the scale."""

    def loss(self, dist, act, returns):
        return super().loss(dist, act, (returns - returns.mean()) / (returns.std() + 1e-8))


class Entropy(OwnLoss):
    """This agent is right: its loss has a weak entropy term."""

    def loss(self, dist, act, returns):
        return super().loss(dist, act, returns) - 0.01 * dist.entropy().mean()


class EntropyTooStrong(OwnLoss):
    """The entropy term of the loss is stronger than the rewards."""

    def loss(self, dist, act, returns):
        return super().loss(dist, act, returns) - 10 * dist.entropy().mean()


class Detached(OwnLoss):
    """The loss is detached from the parameters, so all gradients are 0."""

    def loss(self, dist, act, returns):
        parameter = next(iter(self.actor.parameters()))
        return super().loss(dist, act, returns).detach() + 0 * parameter.sum()


class ReversedScored(OwnLoss):
    """The loss scores the opposite of the action that was taken."""

    def loss(self, dist, act, returns):
        act = dist.logits.shape[1] - 1 - act if isinstance(dist, Categorical) else -act
        return super().loss(dist, act, returns)


# Bounds of the action space


class ClippedScored(OwnLoss):
    """The loss scores the clipped action in place of the raw one."""

    def loss(self, dist, act, returns):
        act = act if isinstance(dist, Categorical) else act.clamp(-1, 1)
        return super().loss(dist, act, returns)


class TanhScored(OwnLoss):
    """The loss scores the tanh of the action with the density of the raw one."""

    def __init__(self, **kwargs):
        kwargs["action_bound_method"] = "tanh"
        super().__init__(**kwargs)

    def loss(self, dist, act, returns):
        act = act if isinstance(dist, Categorical) else act.tanh()
        return super().loss(dist, act, returns)


class TanhRight(OwnLoss):
    """This agent is right: it bounds actions with tanh and scores the raw ones."""

    def __init__(self, **kwargs):
        kwargs["action_bound_method"] = "tanh"
        super().__init__(**kwargs)


class EnvActionStored(PGPolicy):
    """`forward` returns the action in the environment's units, which is then stored and scored."""

    def forward(self, batch, state=None, **kwargs):
        result = super().forward(batch, state, **kwargs)
        if self.action_type == "continuous" and not self.updating:
            result.act = torch.as_tensor(super().map_action(result.act))
        return result

    def map_action(self, act):
        return np.asarray(act) if self.action_type == "continuous" else super().map_action(act)


class HalfRange(PGPolicy):
    """Actions are clipped to half the range of the action space."""

    def map_action(self, act):
        act = np.clip(act, -0.5, 0.5) if self.action_type == "continuous" else act
        return super().map_action(act)


class NotMapped(PGPolicy):
    """Actions are sent to the environment without any mapping."""

    def map_action(self, act):
        return np.asarray(act)


class MappedTwice(PGPolicy):
    """Actions are mapped to the bounds of the action space twice."""

    def map_action(self, act):
        return super().map_action(super().map_action(act))


# Acting


class Argmax(PGPolicy):
    """The policy takes the most likely action in training."""

    def forward(self, batch, state=None, **kwargs):
        result = super().forward(batch, state, **kwargs)
        result.act = result.dist.mode
        return result


class Uniform(PGPolicy):
    """The policy acts uniformly at random, whatever it has learned."""

    def forward(self, batch, state=None, **kwargs):
        result = super().forward(batch, state, **kwargs)
        if isinstance(result.dist, Categorical):
            result.act = torch.randint(result.dist.logits.shape[1], result.act.shape)
        return result


class ObsZeroed(PGPolicy):
    """The policy sees zeros in place of the observation."""

    def forward(self, batch, state=None, **kwargs):
        return super().forward(Batch(obs=batch.obs * 0, info=Batch()), state, **kwargs)


class ObsConstant(PGPolicy):
    """The policy sees ones in place of the observation."""

    def forward(self, batch, state=None, **kwargs):
        return super().forward(Batch(obs=batch.obs * 0 + 1, info=Batch()), state, **kwargs)


# The rows of an update


class ObsShuffled(PGPolicy):
    """The update pairs each action with the observation of a random row."""

    def learn(self, batch, batch_size, repeat, *args, **kwargs):
        batch.obs = batch.obs[np.random.permutation(len(batch.obs))]
        return super().learn(batch, batch_size, repeat, *args, **kwargs)


class ObsShifted(PGPolicy):
    """The update pairs each action with the observation of the previous row."""

    def learn(self, batch, batch_size, repeat, *args, **kwargs):
        batch.obs = np.roll(batch.obs, 1, axis=0)
        return super().learn(batch, batch_size, repeat, *args, **kwargs)


class ActShuffled(PGPolicy):
    """The update pairs each observation with the action of a random row."""

    def learn(self, batch, batch_size, repeat, *args, **kwargs):
        batch.act = batch.act[np.random.permutation(len(batch.act))]
        return super().learn(batch, batch_size, repeat, *args, **kwargs)


class NextObs(PGPolicy):
    """The update pairs each action with the observation that followed it."""

    def learn(self, batch, batch_size, repeat, *args, **kwargs):
        batch.obs = batch.obs_next
        return super().learn(batch, batch_size, repeat, *args, **kwargs)


# Returns


class OwnReturns(PGPolicy):
    """PGPolicy with its returns in a method that a subclass replaces."""

    def process_fn(self, batch, buffer, indices):
        end = batch.terminated | batch.truncated
        batch.returns = self.own_returns(batch.rew, end, batch)
        return batch

    def own_returns(self, rew: Any, end: Any, batch: Any) -> Any:
        """Return the return of every step, [B]."""
        raise NotImplementedError


class RewardOnly(OwnReturns):
    """The return of a step is its reward."""

    def own_returns(self, rew, end, batch):
        return rew


class Undiscounted(OwnReturns):
    """The discount factor is not used."""

    def own_returns(self, rew, end, batch):
        return discounted_returns(rew, end, 1.0)


class WrongEnd(OwnReturns):
    """The recursion runs forward in time: Gₜ = rₜ + γ Gₜ₋₁."""

    def own_returns(self, rew, end, batch):
        begin = np.append(True, end[:-1])
        return discounted_returns(rew[::-1], begin[::-1], self.gamma)[::-1]


class ReversedDiscount(OwnReturns):
    """Each reward is multiplied by γ to the power of the number of steps left in the episode."""

    def own_returns(self, rew, end, batch):
        ends = np.flatnonzero(end)
        steps = np.arange(len(rew))
        steps_left = ends[np.searchsorted(ends, steps)] - steps
        return discounted_returns(rew * self.gamma**steps_left, end, 1.0)


class ShiftedReward(OwnReturns):
    """Gₜ lacks the reward of its own step."""

    def own_returns(self, rew, end, batch):
        return discounted_returns(rew, end, self.gamma) - rew


class AbsReturns(OwnReturns):
    """The returns lose their sign."""

    def own_returns(self, rew, end, batch):
        return np.abs(discounted_returns(rew, end, self.gamma))


class IntReturns(OwnReturns):
    """The returns are cut to integers."""

    def own_returns(self, rew, end, batch):
        return discounted_returns(rew, end, self.gamma).astype(int).astype(float)


class RolledReturns(OwnReturns):
    """Each row has the return of the next row."""

    def own_returns(self, rew, end, batch):
        return np.roll(discounted_returns(rew, end, self.gamma), -1)


class TotalReturn(OwnReturns):
    """This agent is right: it uses G₀ at every step."""

    def own_returns(self, rew, end, batch):
        returns = discounted_returns(rew, end, self.gamma)
        first, length = episodes(end)
        return np.repeat(returns[first], length)


class PerEpisodeMean(OwnReturns):
    """The returns of each episode are divided by its length."""

    def own_returns(self, rew, end, batch):
        returns = discounted_returns(rew, end, self.gamma)
        _, length = episodes(end)
        return returns / np.repeat(length, length)


class PerEpisodeStandardized(OwnReturns):
    """The returns are standardized within each episode."""

    def own_returns(self, rew, end, batch):
        returns = discounted_returns(rew, end, self.gamma)
        parts = np.split(returns, np.flatnonzero(end)[:-1] + 1)
        return np.concatenate([(p - p.mean()) / (p.std() + 1e-8) for p in parts])


class NaN(OwnReturns):
    """The returns are standardized within each episode without a lower bound for the deviation."""

    def own_returns(self, rew, end, batch):
        returns = discounted_returns(rew, end, self.gamma)
        parts = np.split(returns, np.flatnonzero(end)[:-1] + 1)
        with np.errstate(all="ignore"):
            return np.concatenate([(p - p.mean()) / p.std() for p in parts])


class Crashes(PGPolicy):
    """Computing the returns raises KeyError."""

    def process_fn(self, batch, buffer, indices):
        raise KeyError("returns")


def episodes(end: Any) -> tuple[Any, Any]:
    """Return the index of the first step of every episode, and the lengths of the episodes."""
    first = np.flatnonzero(np.append(True, end[:-1]))
    return first, np.diff(np.append(first, len(end)))


# What follows the end of an episode


class ValueAfterEnd(OwnReturns):
    """A value is added after every end, as by a bad critic: here the mean return."""

    def own_returns(self, rew, end, batch):
        value_after = np.where(end, self.value(), 0.0)
        returns = discounted_returns(rew, end, self.gamma, value_after)
        self.ret_rms.update(returns)
        return returns

    def value(self) -> Any:
        """Return the value that is added."""
        return self.ret_rms.mean


class OneAfterEnd(ValueAfterEnd):
    """The value 1 is added after every end."""

    def value(self) -> Any:
        return 1.0


class DoneIgnored(OwnReturns):
    """The return does not stop at the end of an episode."""

    def own_returns(self, rew, end, batch):
        last_row = np.arange(len(rew)) == len(rew) - 1
        return discounted_returns(rew, last_row, self.gamma)


class Bootstrap(OwnReturns):
    """PGPolicy's returns with a value where `is_bootstrapped` says so, for subclasses."""

    def own_returns(self, rew, end, batch):
        value_after = np.where(self.is_bootstrapped(batch), self.ret_rms.mean, 0.0)
        returns = discounted_returns(rew, end, self.gamma, value_after)
        if not self.rew_norm:
            return returns
        normalized = (returns - self.ret_rms.mean) / np.sqrt(self.ret_rms.var + 1e-8)
        self.ret_rms.update(returns)
        return normalized

    def is_bootstrapped(self, batch: Any) -> Any:
        """Return after which steps a value is added, [B]."""
        raise NotImplementedError


class BootstrapAlways(Bootstrap):
    """A value is added after termination and after truncation."""

    def is_bootstrapped(self, batch):
        return batch.terminated | batch.truncated


class BootstrapSwapped(Bootstrap):
    """A value is added after termination, and none after truncation."""

    def is_bootstrapped(self, batch):
        return batch.terminated


class BootstrapNever(Bootstrap):
    """No value is added after truncation."""

    def is_bootstrapped(self, batch):
        return np.zeros(len(batch.rew), bool)


class BootstrapRight(Bootstrap):
    """This agent is right: a value is added after truncation only."""

    def is_bootstrapped(self, batch):
        return batch.truncated


# The optimizer


class OwnLearningRate(PGPolicy):
    """PGPolicy with a learning rate that a subclass sets."""

    learning_rate: float

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        for group in self.optim.param_groups:
            group["lr"] = self.learning_rate


class RateZero(OwnLearningRate):
    """The learning rate is 0."""

    learning_rate = 0.0


class RateTiny(OwnLearningRate):
    """The learning rate is far too small."""

    learning_rate = 1e-5


class RateHuge(OwnLearningRate):
    """The learning rate is far too large."""

    learning_rate = 30.0


class OtherNetwork(PGPolicy):
    """The optimizer holds the parameters of a network that is not the actor."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.decoy = torch.nn.Linear(2, 2)
        self.optim = torch.optim.Adam(self.decoy.parameters())


class NoZeroGrad(PGPolicy):
    """Gradients are never set to zero, so they add up over updates."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        setattr(self.optim, "zero_grad", self.keep_gradients)  # noqa: B010  (mypy: a method)

    def keep_gradients(self, set_to_none: bool = True) -> None:
        """Do nothing, in place of `zero_grad`."""


# The hidden state


class StateNotPassed(PGPolicy):
    """The actor never receives its hidden state."""

    def forward(self, batch, state=None, **kwargs):
        return super().forward(batch, None, **kwargs)


class StateDropped(PGPolicy):
    """`forward` does not return the actor's hidden state."""

    def forward(self, batch, state=None, **kwargs):
        result = super().forward(batch, state, **kwargs)
        result.state = None
        return result


class StateNeverReset(PGPolicy):
    """The policy keeps the hidden state itself, and never resets it."""

    kept: Any = None

    def forward(self, batch, state=None, **kwargs):
        if self.updating:
            return super().forward(batch, None, **kwargs)
        fits = self.kept is not None and len(self.kept) == len(batch.obs)
        result = super().forward(batch, self.kept if fits else None, **kwargs)
        self.kept = result.state
        return result


class StateOfAnother(PGPolicy):
    """Each environment receives the hidden state of another one."""

    def forward(self, batch, state=None, **kwargs):
        state = None if state is None else state.roll(1, dims=0)
        return super().forward(batch, state, **kwargs)
