"""More policies with one broken part each, and a few that are right or slow."""

import numpy as np
import torch
from torch.distributions import Categorical

from pg_edu import BasePolicy, Batch, PGPolicy
from pg_edu.batch import to_torch
from pg_edu.returns import discounted_returns
from pg_edu.stats import TrainingStats
from tests.lab.broken_agents import OwnLearningRate, OwnLoss, OwnReturns, episodes


class DoneIsTerminated(OwnReturns):
    """The return stops where an episode terminates, and not where it is truncated."""

    def own_returns(self, rew, end, batch):
        return discounted_returns(rew, np.asarray(batch.terminated), self.gamma)


class GammaTwice(OwnReturns):
    """Each reward is discounted by γ² for each step."""

    def own_returns(self, rew, end, batch):
        return discounted_returns(rew, end, self.gamma**2)


class RewardsClipped(OwnReturns):
    """Rewards are clipped to [-1, 1]."""

    def own_returns(self, rew, end, batch):
        return discounted_returns(np.clip(rew, -1, 1), end, self.gamma)


class NegativeDropped(OwnReturns):
    """Negative returns become 0."""

    def own_returns(self, rew, end, batch):
        return np.maximum(discounted_returns(rew, end, self.gamma), 0)


class LastReward(OwnReturns):
    """Only the last reward of an episode counts, for each of its steps."""

    def own_returns(self, rew, end, batch):
        _, length = episodes(end)
        return np.repeat(rew[end], length)


class LastStepAlone(PGPolicy):
    """The update gets the last step of each episode alone."""

    def process_fn(self, batch, buffer, indices):
        batch = super().process_fn(batch, buffer, indices)
        return batch[np.flatnonzero(batch.terminated | batch.truncated)]


class FirstStepAlone(PGPolicy):
    """The update gets the first step of each episode alone."""

    def process_fn(self, batch, buffer, indices):
        batch = super().process_fn(batch, buffer, indices)
        end = batch.terminated | batch.truncated
        return batch[np.flatnonzero(np.append(True, end[:-1]))]


class HalfTheRows(PGPolicy):
    """The update gets the first half of the rows."""

    def process_fn(self, batch, buffer, indices):
        batch = super().process_fn(batch, buffer, indices)
        return batch[np.arange(len(batch.rew) // 2)]


class OneEpisode(PGPolicy):
    """The update gets the first episode alone."""

    def process_fn(self, batch, buffer, indices):
        batch = super().process_fn(batch, buffer, indices)
        end = np.flatnonzero(batch.terminated | batch.truncated)
        return batch[np.arange(end[0] + 1)]


class ProbabilityScored(OwnLoss):
    """The loss has the probability in place of its logarithm."""

    def loss(self, dist, act, returns):
        return -(dist.log_prob(act).exp() * returns).mean()


class EntropyPunished(OwnLoss):
    """The sign of the entropy term is wrong."""

    def loss(self, dist, act, returns):
        return super().loss(dist, act, returns) + 0.5 * dist.entropy().mean()


class MeanOverDimensions(OwnLoss):
    """The log-probabilities of an action's dimensions are averaged."""

    def loss(self, dist, act, returns):
        if isinstance(dist, Categorical):
            return super().loss(dist, act, returns)
        return -(dist.base_dist.log_prob(act).mean(-1) * returns).mean()


class OwnDistribution(PGPolicy):
    """PGPolicy whose outputs a subclass changes before they become a distribution."""

    def __init__(self, **kwargs):
        make = kwargs["dist_fn"]
        if hasattr(kwargs["action_space"], "n"):
            kwargs["dist_fn"] = lambda logits: make(self.changed(logits))
        super().__init__(**kwargs)


class ClippedLogits(OwnDistribution):
    """The logits are clipped to [-0.5, 0.5]."""

    def changed(self, logits):
        return logits.clamp(-0.5, 0.5)


class SoftmaxTwice(OwnDistribution):
    """Probabilities are passed on as logits."""

    def changed(self, logits):
        return logits.softmax(-1)


class NotScaled(PGPolicy):
    """Actions are clipped to the bounds of the space, but not scaled to it."""

    def map_action(self, act):
        if self.action_type == "continuous":
            return np.clip(np.asarray(act), self.action_space.low, self.action_space.high)
        return super().map_action(act)


class MovingNormalizer(PGPolicy):
    """Observations are normalized with statistics that move while it collects."""

    mean: object = None

    def forward(self, batch, state=None, **kwargs):
        obs = np.asarray(batch.obs, np.float64)
        if self.mean is None:
            self.mean, self.square = np.zeros(obs.shape[1]), np.ones(obs.shape[1])
        if not self.updating:
            self.mean = 0.9 * self.mean + 0.1 * obs.mean(axis=0)
            self.square = 0.9 * self.square + 0.1 * np.square(obs).mean(axis=0)
        spread = np.sqrt(np.maximum(self.square - self.mean**2, 1e-2))
        normalized = ((obs - self.mean) / spread).astype(np.float32)
        return super().forward(Batch(obs=normalized, info=Batch()), state, **kwargs)


class OnlyTheBias(PGPolicy):
    """The optimizer holds the bias of the actor alone."""

    def __init__(self, **kwargs):
        parameters = dict(kwargs["actor"].named_parameters())
        kept = [value for key, value in parameters.items() if "bias" in key]
        kwargs["optim"] = torch.optim.Adam(kept or list(parameters.values()), lr=0.1)
        super().__init__(**kwargs)


class OwnOptimizer(PGPolicy):
    """This agent is right: it takes SGD with momentum."""

    def __init__(self, **kwargs):
        kwargs["optim"] = torch.optim.SGD(kwargs["actor"].parameters(), lr=1.0, momentum=0.9)
        super().__init__(**kwargs)


class RateTimesThree(OwnLearningRate):
    """This agent is right: its learning rate is three times the usual one."""

    learning_rate = 0.3


class RateByThree(OwnLearningRate):
    """This agent is right: its learning rate is a third of the usual one."""

    learning_rate = 0.1 / 3


class OwnRMSprop(PGPolicy):
    """This agent is right; its optimizer is RMSprop."""

    def __init__(self, **kwargs):
        kwargs["optim"] = torch.optim.RMSprop(kwargs["actor"].parameters(), lr=0.05)
        super().__init__(**kwargs)


class PlainSGD(PGPolicy):
    """This agent is right: it takes SGD without momentum."""

    def __init__(self, **kwargs):
        kwargs["optim"] = torch.optim.SGD(kwargs["actor"].parameters(), lr=0.5)
        super().__init__(**kwargs)


class GradientClipped(OwnOptimizer):
    """This agent is right: it takes SGD, and clips the norm of the gradient to 0.05."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        parameters = list(self.actor.parameters())
        step = self.optim.step

        def clipped_step(*args, **more):
            torch.nn.utils.clip_grad_norm_(parameters, 0.05)
            return step(*args, **more)

        self.optim.step = clipped_step


class ReturnsScaled(OwnReturns):
    """This agent is right: returns are divided by a running standard deviation."""

    scale = 1.0

    def own_returns(self, rew, end, batch):
        returns = discounted_returns(rew, end, self.gamma)
        self.scale = 0.9 * self.scale + 0.1 * float(returns.std() + 1e-3)
        return returns / self.scale


class SlowAdam(OwnLearningRate):
    """This agent is right, but slow."""

    learning_rate = 0.003


class SlowSGD(PGPolicy):
    """This agent is right, but slow."""

    def __init__(self, **kwargs):
        kwargs["optim"] = torch.optim.SGD(kwargs["actor"].parameters(), lr=0.01)
        super().__init__(**kwargs)


class MinimalPolicy(BasePolicy):
    """A policy with its own loss that does not discount, and whose forward returns only actions."""

    def __init__(self, observation_space, action_space):
        super().__init__(action_space=action_space)
        self.layer = torch.nn.Linear(observation_space.shape[0], int(action_space.n))
        self.optim = torch.optim.Adam(self.parameters(), lr=0.1)

    def logits(self, obs):
        return torch.log_softmax(self.layer(torch.as_tensor(obs)), dim=-1)

    def forward(self, batch, state=None, **kwargs):
        probabilities = self.logits(batch.obs).exp()
        return Batch(act=torch.multinomial(probabilities, 1)[:, 0], state=None)

    def learn(self, batch, *args, **kwargs):
        returns = discounted_returns(batch.rew, batch.terminated | batch.truncated, 1.0)
        log_prob = self.logits(batch.obs)[range(len(batch.act)), batch.act]
        loss = -(log_prob * to_torch(returns, torch.float)).sum()
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        return TrainingStats()
