"""A term of the loss, or what the rewards went through, changes what the update climbs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pg_edu.lab.exact.estimators import reward_to_go, sum_per_episode
from pg_edu.lab.exact.judge import cosine
from pg_edu.lab.exact.mdp import MDP, Episodes, softmax
from pg_edu.lab.exact.tasks import bandit
from pg_edu.lab.museum.measuring import (
    THREE_ARMS,
    TREASURE,
    PolicyLoss,
    at_sizes,
    by_autograd,
)
from pg_edu.lab.museum.pitfall import Pitfall, Verdict
from pg_edu.types import Floats

# The entropy.


def entropy_added(policy: Any, act: Tensor, returns: Tensor) -> Any:
    return -(policy.log_prob(act) * returns).mean() + 0.5 * policy.entropy().mean()


def entropy_subtracted(policy: Any, act: Tensor, returns: Tensor) -> Any:
    return -(policy.log_prob(act) * returns).mean() - 0.5 * policy.entropy().mean()


def _entropy_gradient(task: MDP) -> Floats:
    """Return ∇H with respect to the logits of a bandit, -π (log π + H)."""
    pi = softmax(task.logits)
    surprise = -np.log(pi)
    gradient: Floats = pi * (surprise - (pi * surprise).sum())
    return gradient


def _weight_of_the_entropy(loss: PolicyLoss) -> Verdict:
    (found,) = at_sizes(by_autograd(loss), THREE_ARMS, (1,))
    slope = _entropy_gradient(THREE_ARMS)
    rest = found.expectation - found.truth
    weight = float((rest * slope).sum() / (slope**2).sum())
    right = bool(np.abs(rest - 0.5 * slope).max() < 1e-12)
    return Verdict(right, {"weight of the entropy in the update": weight, "as intended": 0.5})


def _level_at_the_start() -> Verdict:
    slope = float(np.abs(_entropy_gradient(bandit([1, 0, 5]))).max())
    return Verdict(slope < 1e-12, {"slope of the entropy of a uniform policy": slope})


ENTROPY_SIGN = Pitfall(
    name="the entropy's sign",
    kind="wrong objective",
    believed="An entropy bonus is added to the loss.",
    wrong=entropy_added,
    right=entropy_subtracted,
    check=_weight_of_the_entropy,
    nuance="It is added to the objective. A loss is minimized, so there it is subtracted. At a "
    "uniform policy its slope is 0, so the first updates look the same.",
    half_true=_level_at_the_start,
    sources=("Williams & Peng (1991)", "Mnih et al. (2016)"),
)

# The KL divergence. penalty(log_prob [B], log_ref [B]) -> a scalar tensor.
Penalty = Callable[[Tensor, Tensor], Tensor]


def mean_log_ratio(log_prob: Tensor, log_ref: Tensor) -> Tensor:
    return (log_prob - log_ref).mean()


def mean_squared_log_ratio(log_prob: Tensor, log_ref: Tensor) -> Tensor:
    return 0.5 * ((log_prob - log_ref) ** 2).mean()


def _mean_exp(log_prob: Tensor, log_ref: Tensor) -> Tensor:
    """Return the mean of r - 1 - log r with r = ref / π, which is known as k3."""
    return ((log_ref - log_prob).exp() - 1 + log_prob - log_ref).mean()


POLICY, REFERENCE = np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.3, 0.5])


def _average_gradient(penalty: Penalty) -> Floats:
    """Return E[∇ penalty], [A], over an action of the policy."""
    total: Floats = np.zeros(3)
    for action, chance in enumerate(POLICY):
        logits = torch.tensor(np.log(POLICY), requires_grad=True)
        log_prob = torch.log_softmax(logits, dim=0)[action : action + 1]
        log_ref = torch.tensor(np.log(REFERENCE[action : action + 1]))
        total += chance * torch.autograd.grad(penalty(log_prob, log_ref), logits)[0].numpy()
    return total


def _gradients_of_both_divergences() -> tuple[Floats, Floats]:
    """Return ∇KL(π, ref) and ∇KL(ref, π)."""
    ratio = np.log(POLICY / REFERENCE)
    return POLICY * (ratio - POLICY @ ratio), POLICY - REFERENCE


def _against_the_divergence(penalty: Penalty) -> Verdict:
    found = _average_gradient(penalty)
    truth, _ = _gradients_of_both_divergences()
    figures = {
        "length of the average gradient": float(np.linalg.norm(found)),
        "of the gradient of the KL divergence": float(np.linalg.norm(truth)),
    }
    return Verdict(bool(np.abs(found - truth).max() < 1e-12), figures)


def _its_value_is_right() -> Verdict:
    ratio = np.log(POLICY / REFERENCE)
    k3 = _average_gradient(_mean_exp)
    _, other = _gradients_of_both_divergences()
    figures = {
        "average of the log ratio, which is the KL divergence": float(POLICY @ ratio),
        "cosine of k3's gradient with that of the other KL divergence": cosine(k3, other),
    }
    return Verdict(bool(np.abs(k3 - other).max() < 1e-12), figures)


KL_AS_LOSS = Pitfall(
    name="KL as a loss",
    kind="wrong objective",
    believed="What estimates the KL divergence can be differentiated as its penalty.",
    wrong=mean_log_ratio,
    right=mean_squared_log_ratio,
    check=_against_the_divergence,
    nuance="The log ratio has the right average, and its gradient is a score, whose average is 0. "
    "Subtract it from the reward, or use half its square. The estimate k3 follows the other "
    "divergence, KL(ref, policy).",
    half_true=_its_value_is_right,
    sources=("Schulman (2020), Approximating KL Divergence", "notebook 11"),
)

# The rewards.


def clipped_rewards(batch: Episodes) -> Floats:
    seen = [replace(e, rew=e.rew.clip(-1, 1)) for e in batch]
    return sum_per_episode(batch, reward_to_go(seen))


def rewards_as_paid(batch: Episodes) -> Floats:
    return sum_per_episode(batch, reward_to_go(batch))


def _large_rewards(update: Callable[[Episodes], Floats]) -> Verdict:
    (mild,) = at_sizes(update, THREE_ARMS, (1,))
    (rare,) = at_sizes(update, TREASURE, (1,))
    figures = {"cosine, rewards 1, 0, 5": mild.cosine, "rewards 1, 0, 50": rare.cosine}
    return Verdict(mild.unbiased and rare.unbiased, figures)


def _small_rewards() -> Verdict:
    (found,) = at_sizes(clipped_rewards, bandit([1, 0, -0.5], [0.5, -0.3, 0.1]), (1,))
    bias = float(np.linalg.norm(found.bias))
    return Verdict(found.unbiased, {"bias if no reward is larger than 1": bias})


CLIPPED_REWARDS = Pitfall(
    name="reward clipping",
    kind="wrong objective",
    believed="Clipping rewards to [-1, 1] only makes tasks comparable.",
    wrong=clipped_rewards,
    right=rewards_as_paid,
    check=_large_rewards,
    nuance="It changes nothing where no reward exceeds 1. Where some do, the agent no longer knows "
    "that 50 is more than 1: it maximizes how often it is paid, and not how much.",
    half_true=_small_rewards,
    sources=("Mnih et al. (2015)", "van Hasselt et al. (2016)"),
)

# The baseline in the loss. loss(log_prob [B], returns [B], value) -> a scalar tensor.
ActorCriticLoss = Callable[[Tensor, Tensor, Tensor], Tensor]


def value_attached(log_prob: Tensor, returns: Tensor, value: Tensor) -> Tensor:
    actor = -(log_prob * (returns - value)).mean()
    return actor + 0.5 * ((returns - value) ** 2).mean()


def value_detached(log_prob: Tensor, returns: Tensor, value: Tensor) -> Tensor:
    actor = -(log_prob * (returns - value.detach())).mean()
    return actor + 0.5 * ((returns - value) ** 2).mean()


def _slopes(loss: ActorCriticLoss, value: float) -> tuple[float, Floats]:
    """Return E[∂loss/∂value], and minus the expected slope in the logits, [A]."""
    slope, update = 0.0, np.zeros(3)
    pi = softmax(THREE_ARMS.logits)[0]
    for action, (chance, paid) in enumerate(zip(pi, THREE_ARMS.reward[0], strict=True)):
        logits = torch.tensor(THREE_ARMS.logits[0], requires_grad=True)
        critic = torch.tensor(value, dtype=torch.float64, requires_grad=True)
        log_prob = torch.log_softmax(logits, dim=0)[action : action + 1]
        returns = torch.tensor([float(paid)], dtype=torch.float64)
        by_value, by_logits = torch.autograd.grad(loss(log_prob, returns, critic), (critic, logits))
        slope += float(chance * by_value)
        update -= chance * by_logits.numpy()
    return slope, update


def _where_the_value_settles(loss: ActorCriticLoss) -> Verdict:
    """Find where E[∂loss/∂value], a straight line in the value, is 0."""
    at_0, at_1 = (_slopes(loss, value)[0] for value in (0.0, 1.0))
    settled = -at_0 / (at_1 - at_0)
    truth = THREE_ARMS.J()
    return Verdict(abs(settled - truth) < 1e-9, {"value that is learned": settled, "true": truth})


def _the_policy_does_not_notice() -> Verdict:
    _, update = _slopes(value_attached, 2.0)
    gap = float(np.abs(update - THREE_ARMS.gradient()[0]).max())
    return Verdict(gap < 1e-12, {"bias of the policy's own update": gap})


NOT_DETACHED = Pitfall(
    name="the baseline not detached",
    kind="wrong objective",
    believed="The actor's loss is about the actor, so the critic does not notice it.",
    wrong=value_attached,
    right=value_detached,
    check=_where_the_value_settles,
    nuance="The policy's own update stays unbiased, as with any baseline. But the critic is pushed "
    "by the log-probabilities, here to the value plus the entropy; with shared layers that push "
    "reaches the policy, too.",
    half_true=_the_policy_does_not_notice,
    sources=("Mnih et al. (2016)",),
)
