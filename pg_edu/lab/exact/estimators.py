"""The estimators of the course: a batch of N episodes becomes a direction of ascent.

    g = an average over the batch of  ∇log π(aₜ|sₜ) wₜ

An estimator is a choice of the weights w and of the average, and reads like one:

    mean_over_steps(batch, reward_to_go(batch))                         what PGPolicy does
    sum_per_episode(batch, minus_leave_one_out(reward_to_go(batch)))    what it should do

Weights are a list with an array [T] for each episode. Not every function here is right: `RIGHT`
and `WRONG`, at the end, say which combinations estimate ∇E[Σ rₜ] without bias.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pg_edu.lab.exact.mdp import Batch, Episode, Estimator
from pg_edu.returns import discounted_returns
from pg_edu.types import Floats

Weights = list[Floats]

# Weights.


def reward_to_go(batch: Batch, gamma: float = 1.0) -> Weights:
    """wₜ = Gₜ = Σ γᵏ rₜ₊ₖ. Source: Sutton & Barto (2018), equation 3.8.

    Example:
        >>> from pg_edu.lab.exact.tasks import stop_or_go
        >>> _, episodes = stop_or_go().episodes()
        >>> [w.round(3).tolist() for w in reward_to_go(episodes)]
        [[1.0], [2.4, 1.8, 1.2, 0.6]]
    """
    return [discounted_returns(e.rew, np.arange(len(e)) == len(e) - 1, gamma) for e in batch]


def total_return(batch: Batch, gamma: float = 1.0) -> Weights:
    """wₜ = G₀ = Σ γᵏ rₖ, the same at every step; it needs no γᵗ. Source: Williams (1992)."""
    return [np.full(len(w), w[0]) for w in reward_to_go(batch, gamma)]


def times_gamma_t(weights: Weights, gamma: float) -> Weights:
    """γᵗ wₜ, as ∇E[Σ γᵗ rₜ] asks of the discounted reward-to-go. Source: Thomas (2014)."""
    return [gamma ** np.arange(len(w)) * w for w in weights]


def minus_constant(weights: Weights, b: float) -> Weights:
    """wₜ - b, where b does not depend on the batch. Source: Williams (1992)."""
    return [w - b for w in weights]


def minus_value(weights: Weights, batch: Batch, value: Floats) -> Weights:
    """wₜ - V(sₜ), with V [S] given. Source: Sutton et al. (2000)."""
    return [w - value[e.states] for w, e in zip(weights, batch, strict=True)]


def minus_leave_one_out(weights: Weights) -> Weights:
    """wₜ minus the mean of the other N - 1 episodes at t, which weigh 0 after their end.

    With one episode there are no others, and nothing is subtracted.

    Source: Kool, van Hoof & Welling (2019); Ahmadian et al. (2024).

    Example:
        >>> [w.tolist() for w in minus_leave_one_out([np.array([3.0, 2.0]), np.array([1.0])])]
        [[2.0, 2.0], [-2.0]]
    """
    padded, _ = _padded(weights)
    others = max(1, len(weights) - 1)
    return [w - (padded.sum(axis=0)[: len(w)] - w) / others for w in weights]


def minus_leave_one_out_dropping(weights: Weights) -> Weights:
    """wₜ minus the mean of the others that are alive at t; 0 where nobody else is."""
    padded, alive = _padded(weights)
    result = []
    for w in weights:
        others = alive.sum(axis=0)[: len(w)] - 1
        mean = (padded.sum(axis=0)[: len(w)] - w) / np.maximum(others, 1)
        result.append(np.where(others > 0, w - mean, 0.0))
    return result


def minus_batch_mean(weights: Weights) -> Weights:
    """wₜ minus the mean over all steps of the batch, its own included."""
    return minus_constant(weights, float(np.concatenate(weights).mean()))


def minus_time_mean(weights: Weights) -> Weights:
    """wₜ minus the mean of all N episodes at t, which weigh 0 after their end."""
    mean = _padded(weights)[0].mean(axis=0)
    return [w - mean[: len(w)] for w in weights]


def minus_alive_mean(weights: Weights) -> Weights:
    """wₜ minus the mean of all the episodes that are alive at t."""
    padded, alive = _padded(weights)
    mean = padded.sum(axis=0) / alive.sum(axis=0)
    return [w - mean[: len(w)] for w in weights]


def standardised_per_episode(weights: Weights) -> Weights:
    """(wₜ - mean) / (std + 1e-8) of its own episode."""
    return [_standardised(w, w) for w in weights]


def standardised_per_batch(weights: Weights) -> Weights:
    """(wₜ - mean) / (std + 1e-8) over all steps of the batch."""
    everything = np.concatenate(weights)
    return [_standardised(w, everything) for w in weights]


def best_constant(probability: Floats, batch: Batch, weights: Weights) -> float:
    """The constant baseline of least variance for `sum_per_episode`, E⟨Σ s w, Σ s⟩ / E|Σ s|².

    Here s are the scores, and the expectation is over whole episodes: exact, if `batch` and
    `probability` are all of them (`mdp.episodes()`). Source: Greensmith, Bartlett & Baxter (2004).

    Example:
        >>> from pg_edu.lab.exact.tasks import bandit
        >>> probability, episodes = bandit([1, 3]).episodes()
        >>> best_constant(probability, episodes, reward_to_go(episodes))
        2.0
    """
    plain = [e.score.sum(axis=0) for e in batch]
    weighted = [sum_per_episode([e], [w]) for e, w in zip(batch, weights, strict=True)]
    products = [np.vdot(s, g) for s, g in zip(plain, weighted, strict=True)]
    return float(probability @ products / (probability @ [np.vdot(s, s) for s in plain]))


# Averages.


def sum_per_episode(batch: Batch, weights: Weights) -> Floats:
    """(1/N) Σᵢ Σₜ ∇log π wₜ: the sum over each episode's steps, the mean over episodes."""
    return _summed(batch, weights) / len(batch)


def mean_over_steps(batch: Batch, weights: Weights) -> Floats:
    """(1/B) Σᵢ Σₜ ∇log π wₜ, where B counts the steps of the batch. What `.mean()` does."""
    return _summed(batch, weights) / sum(map(len, batch))


def mean_per_episode(batch: Batch, weights: Weights) -> Floats:
    """(1/N) Σᵢ (1/Tᵢ) Σₜ ∇log π wₜ: the mean over each episode's steps, then over episodes."""
    return _summed(batch, [w / len(w) for w in weights]) / len(batch)


def broadcast(batch: Batch, weights: Weights) -> Floats:
    """mean(∇log π) · mean(w) over all steps: what the mean of a [B, B] product comes to."""
    ones = [np.ones(len(w)) for w in weights]
    return mean_over_steps(batch, ones) * float(np.concatenate(weights).mean())


def cut(batch: Batch, steps: int) -> list[Episode]:
    """The first `steps` steps of the episodes, played one after the other.

    The last one is cut where the steps are used up, and then it is neither terminated nor
    truncated: its returns lack what came later.
    """
    pieces = []
    for e in batch:
        rows = slice(0, steps)
        fields = {name: getattr(e, name)[rows] for name in ("states", "obs", "act", "rew")}
        if len(e) > steps:
            fields |= {"terminated": False, "truncated": False}
        pieces += [replace(e, **fields)] if steps > 0 else []
        steps -= len(e)
    return pieces


def _summed(batch: Batch, weights: Weights) -> Floats:
    """Σᵢ Σₜ ∇log π wₜ, [O, A]."""
    total: Floats = np.zeros_like(batch[0].logits)
    for episode, w in zip(batch, weights, strict=True):
        total += np.tensordot(w, episode.score, axes=1)
    return total


def _padded(weights: Weights) -> tuple[Floats, NDArray[np.bool_]]:
    """Weights with 0 after the end of an episode, and where it is alive, [N, longest T]."""
    lengths = np.array([len(w) for w in weights])
    alive = np.arange(lengths.max()) < lengths[:, None]
    padded = np.zeros(alive.shape)
    padded[alive] = np.concatenate(weights)
    return padded, alive


def _standardised(weights: Floats, among: Floats) -> Floats:
    return (weights - float(among.mean())) / (float(among.std()) + 1e-8)


RIGHT: dict[str, Estimator] = {
    "total return": lambda b: sum_per_episode(b, total_return(b)),
    "reward-to-go": lambda b: sum_per_episode(b, reward_to_go(b)),
    "constant baseline": lambda b: sum_per_episode(b, minus_constant(reward_to_go(b), 1.0)),
    "leave-one-out": lambda b: sum_per_episode(b, minus_leave_one_out(reward_to_go(b))),
    "leave-one-out of totals": lambda b: sum_per_episode(b, minus_leave_one_out(total_return(b))),
}

WRONG: dict[str, Estimator] = {
    "mean over steps": lambda b: mean_over_steps(b, reward_to_go(b)),
    "mean per episode": lambda b: mean_per_episode(b, reward_to_go(b)),
    "[B,1] * [B]": lambda b: broadcast(b, reward_to_go(b)),
    "standardised per episode": lambda b: sum_per_episode(
        b, standardised_per_episode(reward_to_go(b))
    ),
    "standardised per batch": lambda b: sum_per_episode(b, standardised_per_batch(reward_to_go(b))),
    "own mean over steps": lambda b: sum_per_episode(b, minus_batch_mean(reward_to_go(b))),
    "own mean per time": lambda b: sum_per_episode(b, minus_time_mean(reward_to_go(b))),
    "own mean of the alive": lambda b: sum_per_episode(b, minus_alive_mean(reward_to_go(b))),
    "leave-one-out, steps dropped": lambda b: sum_per_episode(
        b, minus_leave_one_out_dropping(reward_to_go(b))
    ),
}
