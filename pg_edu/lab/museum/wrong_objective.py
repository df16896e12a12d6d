"""The update climbs something, and it is not what was wanted; or it climbs nothing at all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from pg_edu.lab.exact import estimators
from pg_edu.lab.exact.estimators import minus_constant, reward_to_go, sum_per_episode
from pg_edu.lab.exact.judge import cosine, judge
from pg_edu.lab.exact.mdp import MDP, Batch
from pg_edu.lab.exact.tasks import coins, invest, late_cost, patience, stop_or_go, two_decisions
from pg_edu.lab.museum.biased_rows import value_behind
from pg_edu.lab.museum.entry import Pitfall, Verdict
from pg_edu.lab.museum.instruments import THREE_ARMS, Loss, at_sizes, behind_a_cut, by_autograd
from pg_edu.returns import discounted_returns
from pg_edu.types import Floats

Discounting = Callable[[Batch, float], Floats]


def without_gamma_t(batch: Batch, gamma: float) -> Floats:
    return sum_per_episode(batch, reward_to_go(batch, gamma))


def with_gamma_t(batch: Batch, gamma: float) -> Floats:
    return sum_per_episode(batch, estimators.times_gamma_t(reward_to_go(batch, gamma), gamma))


def _field(update: Discounting, world: MDP) -> Floats:
    """E[update], flat."""
    batches, zeros = world.batches(1), np.zeros_like(world.logits)
    return judge(lambda b: update(b, world.gamma), batches, zeros).expectation.ravel()


def _a_gradient_has_a_symmetric_jacobian(update: Discounting) -> Verdict:
    """∂g_i/∂θ_j by central differences; and where following g leads in a world with one logit."""
    world, h = two_decisions(), 1e-5
    nudges = h * np.eye(4).reshape(4, 2, 2)
    jacobian = [
        _field(update, world.at(world.logits + n)) - _field(update, world.at(world.logits - n))
        for n in nudges
    ]
    asymmetry = float(np.abs(np.array(jacobian) - np.array(jacobian).T).max()) / (2 * h)
    end = _followed(update, late_cost())
    figures = {"asymmetry": asymmetry, "discounted J where it leads": round(end.J(), 2)}
    figures |= {"plain J there": end.J("undiscounted")}
    return Verdict(asymmetry < 1e-8, figures)


def _followed(update: Discounting, world: MDP) -> MDP:
    """The policy at the end of the way uphill along E[update], from a fair coin."""
    logits = world.logits.copy()
    for _ in range(60):
        logits[0, 1] += np.sign(_field(update, world.at(logits))[1])
    return world.at(logits)


def _nearly_the_average_reward() -> Verdict:
    """In the long run of a world that restarts: Σ μ(s) ∇π Q_γ against the gradient of ρ."""
    world, cosines = patience().restarting(), []
    for gamma in (0.3, 0.99):
        x = replace(world, gamma=gamma)
        visits = x.occupancy("average")[:, None]
        update = visits * x.policy * (x.q() - x.value()[:, None])
        cosines.append(cosine(update, x.gradient("average")))
    figures = {"cosine to the gradient of the average reward, gamma .3": cosines[0]}
    figures["with gamma .99"] = cosines[1]
    return Verdict(cosines[0] < 0.95 and cosines[1] > 0.9999, figures)


GAMMA_T = Pitfall(
    name="gamma^t dropped",
    kind="wrong objective",
    believed="Without gamma^t it is the gradient of the undiscounted objective, or of another.",
    wrong=without_gamma_t,
    right=with_gamma_t,
    check=_a_gradient_has_a_symmetric_jacobian,
    nuance="With gamma = 1 there is nothing to drop. In a world that goes on it is nearly the "
    "gradient of the average reward if gamma is near 1. In general it is that of nothing.",
    half_true=_nearly_the_average_reward,
    sources=("Sutton et al. (2000)", "Thomas (2014)", "Nota & Thomas (2020)", "notebook 08"),
)


def nothing_behind(rew: Floats, cut: Floats, gamma: float, value: float, mean: float) -> Floats:
    end = np.arange(len(rew)) == len(rew) - 1
    return discounted_returns(rew, end, gamma)


def _investing(returns: Callable[..., Floats]) -> Verdict:
    """What action 1 gains over action 0, a mean over the steps: -1 + 3 γ⁵, if nothing is cut."""
    at_6, at_9 = (behind_a_cut(returns, invest(), limit) for limit in (6, 9))
    q = 0.25
    figures = {"advantage, limit 6": at_6.expectation[0, 1] / q / 6}
    figures |= {"limit 9": at_9.expectation[0, 1] / q / 9, "truth": at_6.truth[0, 1] / q / 6}
    return Verdict(at_6.unbiased and at_9.unbiased, figures)


def _the_limit_is_a_rule_of_the_game() -> Verdict:
    (found,) = at_sizes(without_discount, replace(invest(6), gamma=1.0), (1,))
    return Verdict(
        found.unbiased, {"cosine to the gradient of the game of six steps": found.cosine}
    )


def without_discount(batch: Batch) -> Floats:
    return sum_per_episode(batch, reward_to_go(batch))


TRUNCATION = Pitfall(
    name="truncation as termination",
    kind="wrong objective",
    believed="Done is done: behind a time limit there is nothing.",
    wrong=nothing_behind,
    right=value_behind,
    check=_investing,
    nuance="If the limit is a rule of the game, the cut return is unbiased for that game, and time "
    "need be seen only for its best policy to be within reach.",
    half_true=_the_limit_is_a_rule_of_the_game,
    sources=("Pardo et al. (2018)", "notebook 08"),
)


def all_pairs(policy: Any, act: Tensor, returns: Tensor) -> Any:
    log_prob = policy.log_prob(act)
    return -(log_prob * returns[:, None]).mean()  # [B] * [B, 1] is [B, B]


def own_return(policy: Any, act: Tensor, returns: Tensor) -> Any:
    log_prob = policy.log_prob(act)
    return -(log_prob * returns).mean()


# To take pays 1 now, and costs .6 at the second step, whatever is done there.
TEMPTATION = MDP(
    start=[1, 0, 0],
    transition=[[[0, 1, 0], [0, 0, 1]], [[0] * 3] * 2, [[0] * 3] * 2],
    reward=[[0, 1], [0, 0], [-0.6, -0.6]],
    logits=np.zeros((2, 2)),
    observation=[0, 1, 1],
)


def _temptation(loss: Loss) -> Verdict:
    """T = 2: the mean over steps is half the gradient, and N = 2."""
    (found,) = at_sizes(by_autograd(loss), TEMPTATION, (2,))
    q, half = 0.25, found.truth / 2
    right = bool(np.abs(found.expectation - half).max() < 1e-12)
    figures = {"update of take / q": found.expectation[0, 1] / q, "truth": half[0, 1] / q}
    return Verdict(right, figures)


def _one_step_only() -> Verdict:
    found = at_sizes(by_autograd(all_pairs), THREE_ARMS, (2, 4, 6))
    scaled = [abs(n * one.scale - 1) < 1e-12 for n, one in zip((2, 4, 6), found, strict=True)]
    names = ("signal/noise in games of one step, 2 episodes", "with 4 episodes", "with 6 episodes")
    figures = {name: one.snr for name, one in zip(names, found, strict=True)}
    falling = found[0].snr > found[1].snr > found[2].snr
    return Verdict(all(scaled) and falling and found[2].cosine > 1 - 1e-12, figures)


ALL_PAIRS = Pitfall(
    name="[B, 1] * [B]",
    kind="wrong objective",
    believed="If the loss is a number and goes down, the shapes were right.",
    wrong=all_pairs,
    right=own_return,
    check=_temptation,
    nuance="In episodes of one step it has the right direction, 1/N of the gradient, and less "
    "signal the more episodes there are. In longer ones, of one length, it climbs the sum of all "
    "returns.",
    half_true=_one_step_only,
    sources=("Williams (1992)", "Mohamed et al. (2020)", "notebook 04"),
)

Centred = Callable[[Batch, float, float], Floats]


def centred_rewards(batch: Batch, mean_reward: float, mean_return: float) -> Floats:
    centred = [replace(e, rew=e.rew - mean_reward) for e in batch]
    return sum_per_episode(batch, reward_to_go(centred))


def centred_returns(batch: Batch, mean_reward: float, mean_return: float) -> Floats:
    return sum_per_episode(batch, minus_constant(reward_to_go(batch), mean_return))


def _centred(update: Centred, world: MDP) -> tuple[Floats, Floats]:
    mean_return = world.J()
    mean_reward = mean_return / float(world.occupancy().sum())
    found = judge(
        lambda batch: update(batch, mean_reward, mean_return), world.batches(1), world.gradient()
    )
    return found.expectation, found.truth


def _stop_or_go_anywhere(update: Centred) -> Verdict:
    gaps, signs = [], []
    for p in np.arange(1, 10) / 10:
        found, truth = _centred(update, stop_or_go(p))
        gaps.append(float(np.abs(found - truth).max()))
        signs.append(found[0, 0] * truth[0, 0] < 0)
    return Verdict(max(gaps) < 1e-12, {"wrong sign, of 9 policies": sum(signs)})


def _if_all_have_one_length() -> Verdict:
    found, truth = _centred(centred_rewards, coins(3))
    gap = float(np.abs(found - truth).max())
    return Verdict(gap < 1e-12, {"bias if all have 3 steps": gap})


CENTRED_REWARDS = Pitfall(
    name="centred rewards",
    kind="wrong objective",
    believed="To subtract the mean reward from every reward is a baseline.",
    wrong=centred_rewards,
    right=centred_returns,
    check=_stop_or_go_anywhere,
    nuance="It is if all episodes have one length. Where the actions decide the length it pays for "
    "short episodes, or for long ones: another game.",
    half_true=_if_all_have_one_length,
    sources=("Naik et al. (2024)", "notebook 08"),
)
