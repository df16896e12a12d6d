"""Sentences that are often heard: no wrong code, and a computation that contradicts them."""

from typing import Any

import numpy as np
from torch import Tensor
from torch.distributions import TanhTransform, TransformedDistribution

from pg_edu.lab.exact.estimators import (
    mean_over_steps,
    minus_constant,
    reward_to_go,
    sum_per_episode,
    total_return,
)
from pg_edu.lab.exact.judge import gaussian_expectation
from pg_edu.lab.exact.mdp import MDP, Estimator, softmax
from pg_edu.lab.exact.tasks import coins, forced_minus_5, length_bias, stop_or_go
from pg_edu.lab.museum.biased_rows import raw
from pg_edu.lab.museum.entry import Pitfall, Verdict
from pg_edu.lab.museum.instruments import THREE_ARMS, at_sizes, gaussian_gradient


def _minus(b: float) -> Estimator:
    return lambda batch: sum_per_episode(batch, minus_constant(reward_to_go(batch), b))


def _a_constant_biases() -> Verdict:
    found = [at_sizes(_minus(b), length_bias(), (1,))[0] for b in (-7.0, 1.0, 100.0)]
    bias = max(float(np.linalg.norm(one.bias)) for one in found)
    return Verdict(bias > 1e-9, {"largest bias of the sum, minus -7, 1 or 100": bias})


def _under_a_mean_over_steps() -> Verdict:
    """Stop-or-go, N = 1: (.4 - .75 b) q, right for no b, and it changes its sign."""
    updates = []
    for b in (0.0, 1.0):
        (found,) = at_sizes(
            lambda batch, b=b: mean_over_steps(batch, minus_constant(reward_to_go(batch), b)),  # type: ignore[misc]
            stop_or_go(),
            (1,),
        )
        updates.append(found.expectation[0, 0] / 0.25)
    figures = {
        "mean over steps, update of stop / q": updates[0],
        "with returns minus 1": updates[1],
    }
    return Verdict(updates[0] > 0 > updates[1], figures)


RUNNING_MEAN = Pitfall(
    name="a running mean has no grounding",
    kind="belief",
    believed="To subtract the running mean of the returns has no theoretical grounding.",
    check=_a_constant_biases,
    nuance="What comes from earlier batches is, to this one, a constant: an unbiased baseline for "
    "a sum over steps. Under a mean over a random number of steps it decides what is learned.",
    half_true=_under_a_mean_over_steps,
    sources=("Williams (1992)", "notebook 08"),
)


def _with_jacobian(policy: Any, u: Tensor) -> Any:
    squash = TanhTransform(cache_size=1)  # so that tanh is undone without rounding
    law: Any = TransformedDistribution(policy, [squash])
    return law.log_prob(squash(u))


def _reward(u: Any) -> Any:
    return -((np.tanh(u) - 0.2) ** 2)


def _the_jacobian_changes_the_gradient() -> Verdict:
    found = [gaussian_gradient(score, _reward, 0.5, 1.0) for score in (_with_jacobian, raw)]
    gap = float(np.abs(found[0] - found[1]).max())
    figures = {"by the mean, with the Jacobian": found[0][0], "without it": found[1][0]}
    return Verdict(gap > 1e-9, figures)


def _the_entropy_needs_it() -> Verdict:
    """d/dlog σ H(u) = 1, and of H(tanh u) = H(u) + E[log(1 - tanh² u)] it is 1 - 2 E[u tanh u]."""
    slope = 1 - 2 * float(gaussian_expectation(lambda u: u * np.tanh(u), 0.0, 2.0))
    figures = {"slope of the entropy of tanh(u) by log sigma": slope, "of the entropy of u": 1}
    return Verdict(slope < 0, figures)


TANH_JACOBIAN = Pitfall(
    name="tanh needs the Jacobian",
    kind="belief",
    believed="With tanh the policy gradient needs log(1 - tanh²).",
    check=_the_jacobian_changes_the_gradient,
    nuance="The Jacobian holds no parameter, so for a stored u the score is the same with it. The "
    "entropy of the action needs it (as in SAC): there more noise can mean less entropy.",
    half_true=_the_entropy_needs_it,
    sources=("Haarnoja et al. (2018)", "notebook 05"),
)

# Three arms that pay 1.5, .5 and 5.5.
PLUS_HALF = MDP([1], np.zeros((1, 3, 1)), THREE_ARMS.reward + 0.5, THREE_ARMS.logits)


def _a_low_return_pushes_down() -> Verdict:
    """Return times 1 - π(a), each arm's own contribution to its own logit."""
    pushes = PLUS_HALF.reward[0] * (1 - softmax(PLUS_HALF.logits)[0])
    figures = {"push of the return 1.5": float(pushes[0]), "least push": float(pushes.min())}
    return Verdict(figures["least push"] < 0, figures)


def _the_sum_may() -> Verdict:
    _, (arm_0, _, arm_2) = PLUS_HALF.episodes()
    batch = [arm_0, arm_2]
    moved = float(sum_per_episode(batch, reward_to_go(batch))[0, 0])
    return Verdict(
        moved < 0, {"update of the logit of the return 1.5, beside a return of 5.5": moved}
    )


LOW_RETURN = Pitfall(
    name="a low return pushes down",
    kind="belief",
    believed="A low return pushes its action down.",
    check=_a_low_return_pushes_down,
    nuance="Without a baseline each positive return pushes its own action up. But probabilities "
    "sum to 1: where a larger return beside it pushes harder, the action sinks all the same.",
    half_true=_the_sum_may,
    sources=("Williams (1992)",),
)


def _variances(world: MDP) -> tuple[float, float]:
    ways = (reward_to_go, total_return)
    (to_go,), (total,) = (
        at_sizes(lambda batch, way=way: sum_per_episode(batch, way(batch)), world, (1,))  # type: ignore[misc]
        for way in ways
    )
    return to_go.variance, total.variance


def _never_noisier() -> Verdict:
    to_go, total = _variances(forced_minus_5())
    return Verdict(to_go <= total, {"variance of reward-to-go": to_go, "of the total": total})


def _coins() -> Verdict:
    to_go, total = _variances(coins(4))
    return Verdict(
        to_go < total, {"four coins, variance of reward-to-go": to_go, "of the total": total}
    )


REWARD_TO_GO = Pitfall(
    name="reward-to-go is less noisy",
    kind="belief",
    believed="Leaving out past rewards always lowers the variance.",
    check=_never_noisier,
    nuance="Usually, and it is always unbiased. But a past reward may cancel a coming one, and "
    "whoever leaves out the loan sees the debt alone.",
    half_true=_coins,
    sources=("Greensmith, Bartlett & Baxter (2004)", "notebook 03"),
)
