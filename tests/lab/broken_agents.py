"""Agents with one wrong part each, and where the probes are to point."""

from typing import Any

import numpy as np
import torch
from torch.distributions import Categorical

from pg_edu import Batch, PGPolicy
from pg_edu.batch import to_torch
from pg_edu.returns import discounted_returns


class Base(PGPolicy):
    """PGPolicy with its loss written out, so that a subclass can get a part of it wrong."""

    def _loss(self, minibatch: Any) -> torch.Tensor:
        dist = self(minibatch).dist
        returns = to_torch(minibatch.returns, torch.float)
        return self.loss(dist, torch.as_tensor(minibatch.act), returns)

    def loss(self, dist: Any, act: torch.Tensor, returns: torch.Tensor) -> torch.Tensor:
        return -(dist.log_prob(act) * returns).mean()


class SignFlipped(Base):
    def loss(self, dist, act, returns):
        return (dist.log_prob(act) * returns).mean()


class SumLoss(Base):
    """Right: a sum is a mean times a number."""

    def loss(self, dist, act, returns):
        return -(dist.log_prob(act) * returns).sum()


class Broadcast(Base):
    def loss(self, dist, act, returns):
        return -(dist.log_prob(act) * returns[:, None]).mean()


class TwoMeans(Base):
    def loss(self, dist, act, returns):
        return -dist.log_prob(act).mean() * returns.mean()


class NoReturns(Base):
    def loss(self, dist, act, returns):
        return -dist.log_prob(act).mean()


class ReturnsShuffled(Base):
    def loss(self, dist, act, returns):
        return -(dist.log_prob(act) * returns[torch.randperm(len(returns))]).mean()


class BatchStandardised(Base):
    """Right enough: biased in scale, not in what it learns here."""

    def loss(self, dist, act, returns):
        return super().loss(dist, act, (returns - returns.mean()) / (returns.std() + 1e-8))


class Detached(Base):
    def loss(self, dist, act, returns):
        p = next(iter(self.actor.parameters()))
        return super().loss(dist, act, returns).detach() + 0 * p.sum()


class ClippedScored(Base):
    def loss(self, dist, act, returns):
        act = act if isinstance(dist, Categorical) else act.clamp(-1, 1)
        return super().loss(dist, act, returns)


class TanhScored(Base):
    def __init__(self, **kwargs):
        kwargs["action_bound_method"] = "tanh"
        super().__init__(**kwargs)

    def loss(self, dist, act, returns):
        act = act if isinstance(dist, Categorical) else act.tanh()
        return super().loss(dist, act, returns)


class TanhRight(Base):
    def __init__(self, **kwargs):
        kwargs["action_bound_method"] = "tanh"
        super().__init__(**kwargs)


class EnvActionStored(PGPolicy):
    """forward hands out what the environment takes; map_action has nothing left to do."""

    def forward(self, batch, state=None, **kwargs):
        result = super().forward(batch, state, **kwargs)
        if self.action_type == "continuous" and not self.updating:
            result.act = torch.as_tensor(super().map_action(result.act))
        return result

    def map_action(self, act):
        return np.asarray(act) if self.action_type == "continuous" else super().map_action(act)


class HalfRange(PGPolicy):
    def map_action(self, act):
        act = np.clip(act, -0.5, 0.5) if self.action_type == "continuous" else act
        return super().map_action(act)


class ReversedScored(Base):
    """The opposite of what was done is scored."""

    def loss(self, dist, act, returns):
        act = dist.logits.shape[1] - 1 - act if isinstance(dist, Categorical) else -act
        return super().loss(dist, act, returns)


class NotMapped(PGPolicy):
    def map_action(self, act):
        return np.asarray(act)


class MappedTwice(PGPolicy):
    def map_action(self, act):
        return super().map_action(super().map_action(act))


class Argmax(PGPolicy):
    def forward(self, batch, state=None, **kwargs):
        result = super().forward(batch, state, **kwargs)
        result.act = result.dist.mode
        return result


class Greedyish(PGPolicy):
    """Draws from a sharper distribution than it scores."""

    def forward(self, batch, state=None, **kwargs):
        result = super().forward(batch, state, **kwargs)
        if isinstance(result.dist, Categorical):
            result.act = Categorical(logits=5 * result.dist.logits).sample()
        return result


class Uniform(PGPolicy):
    """Acts at random whatever it has learned."""

    def forward(self, batch, state=None, **kwargs):
        result = super().forward(batch, state, **kwargs)
        if isinstance(result.dist, Categorical):
            result.act = torch.randint(result.dist.logits.shape[1], result.act.shape)
        return result


class ObsZeroed(PGPolicy):
    def forward(self, batch, state=None, **kwargs):
        return super().forward(Batch(obs=batch.obs * 0, info=Batch()), state, **kwargs)


class ObsConstant(PGPolicy):
    def forward(self, batch, state=None, **kwargs):
        return super().forward(Batch(obs=batch.obs * 0 + 1, info=Batch()), state, **kwargs)


class ObsShuffled(PGPolicy):
    def learn(self, batch, batch_size, repeat, *args, **kwargs):
        batch.obs = batch.obs[np.random.permutation(len(batch.obs))]
        return super().learn(batch, batch_size, repeat, *args, **kwargs)


class ObsShifted(PGPolicy):
    def learn(self, batch, batch_size, repeat, *args, **kwargs):
        batch.obs = np.roll(batch.obs, 1, axis=0)
        return super().learn(batch, batch_size, repeat, *args, **kwargs)


class ActShuffled(PGPolicy):
    def learn(self, batch, batch_size, repeat, *args, **kwargs):
        batch.act = batch.act[np.random.permutation(len(batch.act))]
        return super().learn(batch, batch_size, repeat, *args, **kwargs)


class NextObs(PGPolicy):
    def learn(self, batch, batch_size, repeat, *args, **kwargs):
        batch.obs = batch.obs_next
        return super().learn(batch, batch_size, repeat, *args, **kwargs)


class OwnReturns(PGPolicy):
    def process_fn(self, batch, buffer, indices):
        end = batch.terminated | batch.truncated
        batch.returns = self.own_returns(batch.rew, end, batch, buffer, indices)
        return batch


class RewardOnly(OwnReturns):
    def own_returns(self, rew, end, *_):
        return rew


class Undiscounted(OwnReturns):
    def own_returns(self, rew, end, *_):
        return discounted_returns(rew, end, 1.0)


class WrongEnd(OwnReturns):
    """The recursion runs forwards: Gₜ = rₜ + γ Gₜ₋₁."""

    def own_returns(self, rew, end, *_):
        begin = np.append(True, end[:-1])
        return discounted_returns(rew[::-1], begin[::-1], self.gamma)[::-1]


class ReversedDiscount(OwnReturns):
    """γ to the power of the steps that are left."""

    def own_returns(self, rew, end, *_):
        last = np.flatnonzero(end)[np.searchsorted(np.flatnonzero(end), np.arange(len(rew)))]
        weighted = rew * self.gamma ** (last - np.arange(len(rew)))
        return discounted_returns(weighted, end, 1.0)


class ShiftedReward(OwnReturns):
    """Gₜ leaves its own reward out."""

    def own_returns(self, rew, end, *_):
        return discounted_returns(rew, end, self.gamma) - rew


class AbsReturns(OwnReturns):
    def own_returns(self, rew, end, *_):
        return np.abs(discounted_returns(rew, end, self.gamma))


class IntReturns(OwnReturns):
    def own_returns(self, rew, end, *_):
        return discounted_returns(rew, end, self.gamma).astype(int).astype(float)


class RolledReturns(OwnReturns):
    """Each row has the next row's return."""

    def own_returns(self, rew, end, *_):
        return np.roll(discounted_returns(rew, end, self.gamma), -1)


class ValueAfterEnd(OwnReturns):
    """A critic's answer is added after every end: the mean return, or what `guess` says."""

    guess = None

    def own_returns(self, rew, end, *_):
        value = self.ret_rms.mean if self.guess is None else self.guess
        returns = discounted_returns(rew, end, self.gamma, np.where(end, value, 0.0))
        self.ret_rms.update(returns)
        return returns


class OneAfterEnd(ValueAfterEnd):
    guess = 1.0


class DoneIgnored(OwnReturns):
    def own_returns(self, rew, end, *_):
        return discounted_returns(rew, np.arange(len(rew)) == len(rew) - 1, self.gamma)


class TotalReturn(OwnReturns):
    """Right: G₀ at every step."""

    def own_returns(self, rew, end, *_):
        returns = discounted_returns(rew, end, self.gamma)
        first = np.flatnonzero(np.append(True, end[:-1]))
        return np.repeat(returns[first], np.diff(np.append(first, len(rew))))


class PerEpisodeMean(OwnReturns):
    def own_returns(self, rew, end, *_):
        returns = discounted_returns(rew, end, self.gamma)
        first = np.flatnonzero(np.append(True, end[:-1]))
        length = np.diff(np.append(first, len(rew)))
        return returns / np.repeat(length, length)


class PerEpisodeStandardised(OwnReturns):
    def own_returns(self, rew, end, *_):
        returns = discounted_returns(rew, end, self.gamma)
        parts = np.split(returns, np.flatnonzero(end)[:-1] + 1)
        return np.concatenate([(p - p.mean()) / (p.std() + 1e-8) for p in parts])


class Bootstrap(OwnReturns):
    where: Any

    def own_returns(self, rew, end, batch, buffer, indices):
        value = np.where(type(self).where(batch), self.ret_rms.mean, 0.0)
        returns = discounted_returns(rew, end, self.gamma, value)
        if not self.rew_norm:
            return returns
        normal = (returns - self.ret_rms.mean) / np.sqrt(self.ret_rms.var + 1e-8)
        self.ret_rms.update(returns)
        return normal


class BootstrapAlways(Bootstrap):
    where = staticmethod(lambda batch: batch.terminated | batch.truncated)


class BootstrapSwapped(Bootstrap):
    where = staticmethod(lambda batch: batch.terminated)


class BootstrapNever(Bootstrap):
    where = staticmethod(lambda batch: np.zeros(len(batch.rew), bool))


class BootstrapRight(Bootstrap):
    where = staticmethod(lambda batch: batch.truncated)


class RateZero(PGPolicy):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        for group in self.optim.param_groups:
            group["lr"] = 0.0


class RateTiny(PGPolicy):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        for group in self.optim.param_groups:
            group["lr"] = 1e-5


class EntropyTooStrong(Base):
    def loss(self, dist, act, returns):
        return super().loss(dist, act, returns) - 10 * dist.entropy().mean()


class RateHuge(PGPolicy):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        for group in self.optim.param_groups:
            group["lr"] = 30.0


class OtherNetwork(PGPolicy):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.decoy = torch.nn.Linear(2, 2)
        self.optim = torch.optim.Adam(self.decoy.parameters())


class NoZeroGrad(PGPolicy):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.optim.zero_grad = lambda *a, **k: None


class StateNotPassed(PGPolicy):
    def forward(self, batch, state=None, **kwargs):
        return super().forward(batch, None, **kwargs)


class StateDropped(PGPolicy):
    def forward(self, batch, state=None, **kwargs):
        result = super().forward(batch, state, **kwargs)
        result.state = None
        return result


class StateNeverReset(PGPolicy):
    kept: Any = None

    def forward(self, batch, state=None, **kwargs):
        if self.updating or self.kept is None or len(self.kept) != len(batch.obs):
            state = None
        else:
            state = self.kept
        result = super().forward(batch, state, **kwargs)
        self.kept = self.kept if self.updating else result.state
        return result


class StateOfAnother(PGPolicy):
    def forward(self, batch, state=None, **kwargs):
        state = None if state is None else state.roll(1, dims=0)
        return super().forward(batch, state, **kwargs)


class Crashes(PGPolicy):
    def process_fn(self, batch, buffer, indices):
        raise KeyError("returns")


class NaN(OwnReturns):
    def own_returns(self, rew, end, *_):
        returns = discounted_returns(rew, end, self.gamma)
        parts = np.split(returns, np.flatnonzero(end)[:-1] + 1)
        with np.errstate(all="ignore"):
            return np.concatenate([(p - p.mean()) / p.std() for p in parts])


class Entropy(Base):
    """Right: with a little entropy besides."""

    def loss(self, dist, act, returns):
        return super().loss(dist, act, returns) - 0.01 * dist.entropy().mean()
