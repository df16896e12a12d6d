"""The update is the gradient of something other than the objective, or of nothing at all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from pg_edu.lab.exact import estimators
from pg_edu.lab.exact.estimators import minus_constant, reward_to_go, sum_per_episode
from pg_edu.lab.exact.judge import cosine, judge
from pg_edu.lab.exact.mdp import MDP, Episodes
from pg_edu.lab.exact.tasks import coins, invest, late_cost, patience, stop_or_go, two_decisions
from pg_edu.lab.museum.biased_rows import value_after_cut
from pg_edu.lab.museum.measuring import (
    THREE_ARMS,
    CutReturns,
    PolicyLoss,
    after_a_cut,
    at_sizes,
    by_autograd,
)
from pg_edu.lab.museum.pitfall import Pitfall, Verdict
from pg_edu.returns import discounted_returns
from pg_edu.types import Flags, Floats

# update(batch, gamma) -> [O, A].
DiscountedUpdate = Callable[[Episodes, float], Floats]


def without_gamma_t(batch: Episodes, gamma: float) -> Floats:
    return sum_per_episode(batch, reward_to_go(batch, gamma))


def with_gamma_t(batch: Episodes, gamma: float) -> Floats:
    return sum_per_episode(batch, estimators.times_gamma_t(reward_to_go(batch, gamma), gamma))


def _field(update: DiscountedUpdate, task: MDP) -> Floats:
    """Return E[update], flattened."""
    zeros = np.zeros_like(task.logits)
    found = judge(lambda batch: update(batch, task.gamma), task.batches(1), zeros)
    return found.expectation.ravel()


def _a_gradient_has_a_symmetric_jacobian(update: DiscountedUpdate) -> Verdict:
    """Compute ∂gᵢ/∂θⱼ by central differences, then follow g in a task with a single logit."""
    end = _followed(update, late_cost())
    figures = {
        "asymmetry": _asymmetry(update, two_decisions()),
        "discounted J where it leads": round(end.J(), 2),
        "plain J there": end.J("undiscounted"),
    }
    return Verdict(figures["asymmetry"] < 1e-8, figures)


def _asymmetry(update: DiscountedUpdate, task: MDP, h: float = 1e-5) -> float:
    """Return the largest |∂gᵢ/∂θⱼ - ∂gⱼ/∂θᵢ| over the four logits of a task."""
    rows = []
    for nudge in h * np.eye(4).reshape(4, 2, 2):
        up = _field(update, task.at(task.logits + nudge))
        down = _field(update, task.at(task.logits - nudge))
        rows.append(up - down)
    jacobian = np.array(rows)
    return float(np.abs(jacobian - jacobian.T).max()) / (2 * h)


def _followed(update: DiscountedUpdate, task: MDP) -> MDP:
    """Return the policy to which E[update] leads from a fair coin."""
    logits = task.logits.copy()
    for _ in range(60):
        logits[0, 1] += np.sign(_field(update, task.at(logits))[1])
    return task.at(logits)


def _nearly_the_average_reward() -> Verdict:
    """Compare Σ d∞(s) ∇π Q_γ with the gradient of r(π), in the long run of a task that restarts."""
    low = _cosine_to_average_reward(0.3)
    high = _cosine_to_average_reward(0.99)
    figures = {
        "cosine with the gradient of the average reward, gamma .3": low,
        "with gamma .99": high,
    }
    return Verdict(low < 0.95 and high > 0.9999, figures)


def _cosine_to_average_reward(gamma: float) -> float:
    endless = replace(patience().restarting(), gamma=gamma)
    visits = endless.occupancy("average")[:, None]
    update = visits * endless.policy * (endless.q() - endless.value()[:, None])
    return cosine(update, endless.gradient("average"))


GAMMA_T = Pitfall(
    name="gamma^t dropped",
    kind="wrong objective",
    believed="Without gamma^t it is still the gradient of an objective, perhaps the undiscounted.",
    wrong=without_gamma_t,
    right=with_gamma_t,
    check=_a_gradient_has_a_symmetric_jacobian,
    nuance="With gamma = 1 there is nothing to drop. In a task that never ends it is nearly the "
    "gradient of the average reward if gamma is near 1. In general it is no gradient at all.",
    half_true=_nearly_the_average_reward,
    sources=("Sutton et al. (2000)", "Thomas (2014)", "Nota & Thomas (2020)", "notebook 08"),
)


def nothing_after_cut(rew: Floats, cut: Flags, gamma: float, value: float, mean: float) -> Floats:
    end = np.arange(len(rew)) == len(rew) - 1
    return discounted_returns(rew, end, gamma)


def _investing(returns: CutReturns) -> Verdict:
    """Compute the mean advantage of action 1 over the steps, -1 + 3 γ⁵ if nothing is cut."""
    at_6 = after_a_cut(returns, invest(), 6)
    at_9 = after_a_cut(returns, invest(), 9)
    unit = 0.25  # p (1 - p)
    figures = {
        "advantage, limit 6": at_6.expectation[0, 1] / unit / 6,
        "limit 9": at_9.expectation[0, 1] / unit / 9,
        "truth": at_6.truth[0, 1] / unit / 6,
    }
    return Verdict(at_6.unbiased and at_9.unbiased, figures)


def _undiscounted(batch: Episodes) -> Floats:
    return sum_per_episode(batch, reward_to_go(batch))


def _the_limit_is_part_of_the_task() -> Verdict:
    (found,) = at_sizes(_undiscounted, replace(invest(6), gamma=1.0), (1,))
    figures = {"cosine with the gradient of the task of six steps": found.cosine}
    return Verdict(found.unbiased, figures)


TRUNCATION = Pitfall(
    name="truncation as termination",
    kind="wrong objective",
    believed="Done is done: after a time limit there is nothing.",
    wrong=nothing_after_cut,
    right=value_after_cut,
    check=_investing,
    nuance="If the limit is part of the task, the cut return is unbiased for that task; the policy "
    "needs to observe the time only if it is to be able to represent the best behavior.",
    half_true=_the_limit_is_part_of_the_task,
    sources=("Pardo et al. (2018)", "notebook 08"),
)


def all_pairs(policy: Any, act: Tensor, returns: Tensor) -> Any:
    log_prob = policy.log_prob(act)
    return -(log_prob * returns[:, None]).mean()  # [B] * [B, 1] is [B, B]


def own_return(policy: Any, act: Tensor, returns: Tensor) -> Any:
    log_prob = policy.log_prob(act)
    return -(log_prob * returns).mean()


# Taking pays 1 at once, and costs .6 at the second step, whatever the action taken there.
TEMPTATION = MDP(
    start=[1, 0, 0],
    transition=[[[0, 1, 0], [0, 0, 1]], [[0] * 3] * 2, [[0] * 3] * 2],
    reward=[[0, 1], [0, 0], [-0.6, -0.6]],
    logits=np.zeros((2, 2)),
    observation=[0, 1, 1],
)


def _temptation(loss: PolicyLoss) -> Verdict:
    """Compare with half the gradient, which is the mean over steps for T = 2; here N = 2."""
    (found,) = at_sizes(by_autograd(loss), TEMPTATION, (2,))
    unit = 0.25  # p (1 - p)
    half = found.truth / 2
    right = bool(np.abs(found.expectation - half).max() < 1e-12)
    figures = {
        "update of take / p(1-p)": found.expectation[0, 1] / unit,
        "truth": half[0, 1] / unit,
    }
    return Verdict(right, figures)


def _one_step_only() -> Verdict:
    two, four, six = at_sizes(by_autograd(all_pairs), THREE_ARMS, (2, 4, 6))
    scales = np.array([two.scale, four.scale, six.scale])
    figures = {
        "signal/noise in episodes of one step, 2 episodes": two.snr,
        "with 4 episodes": four.snr,
        "with 6 episodes": six.snr,
    }
    scaled_by_n = bool((np.abs(np.array([2, 4, 6]) * scales - 1) < 1e-12).all())
    falling = two.snr > four.snr > six.snr
    return Verdict(scaled_by_n and falling and six.cosine > 1 - 1e-12, figures)


ALL_PAIRS = Pitfall(
    name="[B, 1] * [B]",
    kind="wrong objective",
    believed="If the loss is a number and goes down, the shapes were right.",
    wrong=all_pairs,
    right=own_return,
    check=_temptation,
    nuance="For one-step episodes it is 1/N of the gradient: the right direction, but less signal "
    "with more episodes. For longer ones of equal length it climbs the sum of all returns.",
    half_true=_one_step_only,
    sources=("NumPy's documentation of broadcasting", "notebook 04"),
)

# update(batch, mean reward per step, mean return per episode) -> [O, A].
CenteredUpdate = Callable[[Episodes, float, float], Floats]


def centered_rewards(batch: Episodes, mean_reward: float, mean_return: float) -> Floats:
    centered = [replace(e, rew=e.rew - mean_reward) for e in batch]
    return sum_per_episode(batch, reward_to_go(centered))


def centered_returns(batch: Episodes, mean_reward: float, mean_return: float) -> Floats:
    return sum_per_episode(batch, minus_constant(reward_to_go(batch), mean_return))


def _centered(update: CenteredUpdate, task: MDP) -> tuple[Floats, Floats]:
    """Return E[update] and ∇J."""
    mean_return = task.J()
    mean_reward = mean_return / float(task.occupancy().sum())
    found = judge(
        lambda batch: update(batch, mean_reward, mean_return), task.batches(1), task.gradient()
    )
    return found.expectation, found.truth


def _stop_or_go_anywhere(update: CenteredUpdate) -> Verdict:
    gaps = []
    wrong_signs = 0
    for p_stop in np.arange(1, 10) / 10:
        found, truth = _centered(update, stop_or_go(p_stop))
        gaps.append(float(np.abs(found - truth).max()))
        wrong_signs += int(found[0, 0] * truth[0, 0] < 0)
    return Verdict(max(gaps) < 1e-12, {"wrong sign, of 9 policies": wrong_signs})


def _if_all_have_one_length() -> Verdict:
    found, truth = _centered(centered_rewards, coins(3))
    gap = float(np.abs(found - truth).max())
    return Verdict(gap < 1e-12, {"bias if all have 3 steps": gap})


CENTERED_REWARDS = Pitfall(
    name="centered rewards",
    kind="wrong objective",
    believed="Subtracting the mean reward from every reward is a baseline.",
    wrong=centered_rewards,
    right=centered_returns,
    check=_stop_or_go_anywhere,
    nuance="It is if all episodes have the same length. Where the actions influence the length, it "
    "rewards short episodes, or long ones: a different objective.",
    half_true=_if_all_have_one_length,
    sources=("Naik et al. (2024)", "notebook 08"),
)
