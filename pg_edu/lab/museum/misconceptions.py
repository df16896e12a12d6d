"""Sentences that are often heard, each with a computation that contradicts it."""

from typing import Any

import numpy as np
from torch import Tensor
from torch.distributions import TanhTransform, TransformedDistribution

from pg_edu.lab.exact.estimators import (
    mean_over_steps,
    minus_constant,
    minus_leave_one_out,
    reward_to_go,
    sum_per_episode,
    total_return,
)
from pg_edu.lab.exact.judge import cosine, gaussian_expectation
from pg_edu.lab.exact.mdp import MDP, Episodes, softmax
from pg_edu.lab.exact.tasks import bandit, coins, forced_minus_5, length_bias, stop_or_go
from pg_edu.lab.museum.biased_rows import raw
from pg_edu.lab.museum.measuring import TREASURE, at_sizes, gaussian_gradient
from pg_edu.lab.museum.pitfall import Pitfall, Verdict
from pg_edu.types import Floats


def _bias_of_sum_minus(b: float) -> float:
    def estimator(batch: Episodes) -> Floats:
        return sum_per_episode(batch, minus_constant(reward_to_go(batch), b))

    (found,) = at_sizes(estimator, length_bias(), (1,))
    return float(np.linalg.norm(found.bias))


def _a_constant_biases() -> Verdict:
    bias = max(_bias_of_sum_minus(b) for b in (-7.0, 1.0, 100.0))
    return Verdict(bias > 1e-9, {"largest bias of the sum, minus -7, 1 or 100": bias})


def _mean_update_of_stop(b: float) -> float:
    def estimator(batch: Episodes) -> Floats:
        return mean_over_steps(batch, minus_constant(reward_to_go(batch), b))

    (found,) = at_sizes(estimator, stop_or_go(), (1,))
    return float(found.expectation[0, 0])


def _under_a_mean_over_steps() -> Verdict:
    """Compute stop-or-go with N = 1, where (.4 - .75 b) p(1-p) changes its sign with b."""
    unit = 0.25  # p (1 - p)
    plain = _mean_update_of_stop(0.0) / unit
    minus_1 = _mean_update_of_stop(1.0) / unit
    figures = {
        "mean over steps, update of stop / p(1-p)": plain,
        "with returns minus 1": minus_1,
    }
    return Verdict(plain > 0 > minus_1, figures)


RUNNING_MEAN = Pitfall(
    name="a running mean has no grounding",
    kind="misconception",
    believed="Subtracting the running mean of the returns has no theoretical grounding.",
    check=_a_constant_biases,
    nuance="What comes from earlier batches is a constant for this one: an unbiased baseline for "
    "a sum over steps. Under a mean over a random number of steps it determines what is learned.",
    half_true=_under_a_mean_over_steps,
    sources=("Williams (1992)", "notebook 08"),
)


def _with_jacobian(policy: Any, u: Tensor) -> Any:
    squash = TanhTransform(cache_size=1)  # The cache undoes tanh without rounding.
    squashed: Any = TransformedDistribution(policy, [squash])
    return squashed.log_prob(squash(u))


def _reward(u: Any) -> Any:
    return -((np.tanh(u) - 0.2) ** 2)


def _the_jacobian_changes_the_gradient() -> Verdict:
    with_it = gaussian_gradient(_with_jacobian, _reward, 0.5, 1.0)
    without = gaussian_gradient(raw, _reward, 0.5, 1.0)
    gap = float(np.abs(with_it - without).max())
    figures = {
        "derivative with respect to the mean, with the Jacobian": with_it[0],
        "without it": without[0],
    }
    return Verdict(gap > 1e-9, figures)


def _the_entropy_needs_it() -> Verdict:
    """Differentiate the entropies H(u) and H(tanh u) with respect to log std.

    The derivative of H(u) is 1; that of H(tanh u) = H(u) + E[log(1 - tanh² u)] is
    1 - 2 E[u tanh u], for a mean of 0.
    """
    slope = 1 - 2 * float(gaussian_expectation(lambda u: u * np.tanh(u), 0.0, 2.0))
    figures = {"slope of the entropy of tanh(u) in log std": slope, "of the entropy of u": 1}
    return Verdict(slope < 0, figures)


TANH_JACOBIAN = Pitfall(
    name="tanh needs the Jacobian",
    kind="misconception",
    believed="With tanh the policy gradient needs log(1 - tanh²).",
    check=_the_jacobian_changes_the_gradient,
    nuance="The Jacobian contains no parameter, so it does not change the score of a stored u. "
    "The entropy of the action needs it (as in SAC): there a larger std can mean less entropy.",
    half_true=_the_entropy_needs_it,
    sources=("Haarnoja et al. (2018)", "notebook 05"),
)

ALL_POSITIVE = bandit([1.5, 0.5, 5.5], [0.5, -0.3, 0.1])


def _a_low_return_pushes_down() -> Verdict:
    """Compute what each arm contributes to its own logit: its return times 1 - π(a)."""
    pushes = ALL_POSITIVE.reward[0] * (1 - softmax(ALL_POSITIVE.logits)[0])
    figures = {"push of the return 1.5": float(pushes[0]), "least push": float(pushes.min())}
    return Verdict(figures["least push"] < 0, figures)


def _the_sum_may() -> Verdict:
    _, (arm_0, _, arm_2) = ALL_POSITIVE.episodes()
    batch = [arm_0, arm_2]
    moved = float(sum_per_episode(batch, reward_to_go(batch))[0, 0])
    figures = {"update of the logit of the return 1.5, next to a return of 5.5": moved}
    return Verdict(moved < 0, figures)


LOW_RETURN = Pitfall(
    name="a low return pushes down",
    kind="misconception",
    believed="A low return pushes its action down.",
    check=_a_low_return_pushes_down,
    nuance="Without a baseline each positive return pushes its own action up. But probabilities "
    "sum to 1: where a larger return beside it pushes harder, the action still sinks.",
    half_true=_the_sum_may,
    sources=("Williams (1992)",),
)


def _variances(task: MDP) -> tuple[float, float]:
    """Return the variance of reward-to-go and that of the total return, for one episode."""
    (to_go,) = at_sizes(lambda batch: sum_per_episode(batch, reward_to_go(batch)), task, (1,))
    (total,) = at_sizes(lambda batch: sum_per_episode(batch, total_return(batch)), task, (1,))
    return to_go.variance, total.variance


def _never_more_variance() -> Verdict:
    to_go, total = _variances(forced_minus_5())
    return Verdict(to_go <= total, {"variance of reward-to-go": to_go, "of the total": total})


def _coins() -> Verdict:
    to_go, total = _variances(coins(4))
    figures = {"four coins, variance of reward-to-go": to_go, "of the total": total}
    return Verdict(to_go < total, figures)


REWARD_TO_GO = Pitfall(
    name="reward-to-go always helps",
    kind="misconception",
    believed="Leaving out past rewards always lowers the variance.",
    check=_never_more_variance,
    nuance="It usually does, and it is always unbiased. But a past reward may cancel a future one: "
    "leave out the loan, and only the debt remains.",
    half_true=_coins,
    sources=("Greensmith, Bartlett & Baxter (2004)", "notebook 03"),
)


def _leave_one_out(batch: Episodes) -> Floats:
    return sum_per_episode(batch, minus_leave_one_out(reward_to_go(batch)))


def _first_step_of_adam(g: Floats) -> Floats:
    """Return Adam's first step with lr = 1, which divides each coordinate by its own size."""
    return g / (np.abs(g) + 1e-8)


def _adam_follows_the_average() -> Verdict:
    (sgd,) = at_sizes(_leave_one_out, TREASURE, (2,))
    (adam,) = at_sizes(lambda batch: _first_step_of_adam(_leave_one_out(batch)), TREASURE, (2,))
    figures = {"cosine of the average update": sgd.cosine, "of Adam's first step": adam.cosine}
    return Verdict(adam.cosine > 1 - 1e-9, figures)


def _without_noise_the_signs_are_right() -> Verdict:
    truth = TREASURE.gradient()
    found = cosine(_first_step_of_adam(truth), truth)
    return Verdict(found > 0.5, {"cosine of Adam's first step on the exact gradient": found})


ADAM = Pitfall(
    name="the optimizer is neutral",
    kind="misconception",
    believed="If the update is unbiased, Adam goes uphill on average.",
    check=_adam_follows_the_average,
    nuance="SGD follows the average of the updates. Adam divides each coordinate by its size, so a "
    "rare large update counts no more than a small one. Without noise each coordinate keeps its "
    "sign.",
    half_true=_without_noise_the_signs_are_right,
    sources=("Kingma & Ba (2015)", "Reddi, Kale & Kumar (2018)"),
)
