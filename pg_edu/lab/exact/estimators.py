"""The estimators of the course: each turns a batch of N episodes into a direction of ascent.

    g = an average over the batch of  ∇log π(aₜ|sₜ) wₜ

An estimator is a choice of the weights w and of the average, and its code reads that way:

    mean_over_steps(batch, reward_to_go(batch))                         what PGPolicy does
    sum_per_episode(batch, minus_leave_one_out(reward_to_go(batch)))    what LeaveOneOut does

Weights are a list with one array [T] per episode. Not every function here is right: `RIGHT` and
`WRONG`, at the end, list which combinations are unbiased estimates of ∇E[Σ rₜ] and which are not.
"""

from dataclasses import replace

import numpy as np

from pg_edu.lab.exact.mdp import Episode, Episodes, Estimator
from pg_edu.returns import discounted_returns
from pg_edu.types import Flags, Floats

Weights = list[Floats]

# Weights.


def reward_to_go(batch: Episodes, gamma: float = 1.0) -> Weights:
    """Return wₜ = Gₜ = Σₖ γᵏ rₜ₊ₖ. Source: Sutton & Barto (2018), equation 3.8.

    Example:
        >>> from pg_edu.lab.exact.tasks import stop_or_go
        >>> _, episodes = stop_or_go().episodes()
        >>> [w.round(3).tolist() for w in reward_to_go(episodes)]
        [[1.0], [2.4, 1.8, 1.2, 0.6]]
    """
    return [discounted_returns(e.rew, e.end, gamma) for e in batch]


def total_return(batch: Episodes, gamma: float = 1.0) -> Weights:
    """Return wₜ = G₀ = Σₖ γᵏ rₖ at every step; it needs no factor γᵗ. Source: Williams (1992)."""
    return [np.full(len(w), w[0]) for w in reward_to_go(batch, gamma)]


def times_gamma_t(weights: Weights, gamma: float) -> Weights:
    """Return γᵗ wₜ, the weights of ∇E[Σ γᵗ rₜ] if w is reward-to-go. Source: Thomas (2014)."""
    return [gamma ** np.arange(len(w)) * w for w in weights]


def minus_constant(weights: Weights, b: float) -> Weights:
    """Return wₜ - b, where b does not depend on the batch. Source: Williams (1992)."""
    return [w - b for w in weights]


def minus_value(weights: Weights, batch: Episodes, value: Floats) -> Weights:
    """Return wₜ - V(sₜ), where V is `value` [S]. Source: Sutton et al. (2000)."""
    return [w - value[e.states] for w, e in zip(weights, batch, strict=True)]


def minus_leave_one_out(weights: Weights) -> Weights:
    """Return wₜ minus the mean weight of the other N - 1 episodes at time t.

    After an episode ends its weight is 0. With a single episode nothing is subtracted.

    Source: Kool, van Hoof & Welling (2019); Ahmadian et al. (2024).

    Example:
        >>> [w.tolist() for w in minus_leave_one_out([np.array([3.0, 2.0]), np.array([1.0])])]
        [[2.0, 2.0], [-2.0]]
    """
    padded, _ = _padded(weights)
    total = padded.sum(axis=0)
    others = max(1, len(weights) - 1)
    return [w - (total[: len(w)] - w) / others for w in weights]


def minus_leave_one_out_dropping(weights: Weights) -> Weights:
    """Return wₜ minus the mean of the other episodes that are alive at t, or 0 if there is none."""
    padded, alive = _padded(weights)
    total = padded.sum(axis=0)
    number = alive.sum(axis=0)
    result = []
    for w in weights:
        others = number[: len(w)] - 1
        mean = (total[: len(w)] - w) / np.maximum(others, 1)
        result.append(np.where(others > 0, w - mean, 0.0))
    return result


def minus_batch_mean(weights: Weights) -> Weights:
    """Return wₜ minus the mean over all steps of the batch, including the episode's own."""
    return minus_constant(weights, float(np.concatenate(weights).mean()))


def minus_time_mean(weights: Weights) -> Weights:
    """Return wₜ minus the mean of all N episodes at time t, which have weight 0 after their end."""
    mean = _padded(weights)[0].mean(axis=0)
    return [w - mean[: len(w)] for w in weights]


def minus_alive_mean(weights: Weights) -> Weights:
    """Return wₜ minus the mean of all episodes that are alive at time t."""
    padded, alive = _padded(weights)
    mean = padded.sum(axis=0) / alive.sum(axis=0)
    return [w - mean[: len(w)] for w in weights]


def standardized_per_episode(weights: Weights) -> Weights:
    """Return (wₜ - mean) / (std + 1e-8), with the mean and std of the step's own episode."""
    return [_standardized(w, w) for w in weights]


def standardized_per_batch(weights: Weights) -> Weights:
    """Return (wₜ - mean) / (std + 1e-8), with the mean and std over all steps of the batch."""
    everything = np.concatenate(weights)
    return [_standardized(w, everything) for w in weights]


def best_constant(probability: Floats, batch: Episodes, weights: Weights) -> float:
    """Return the constant baseline that minimizes the variance of `sum_per_episode`.

    With z = Σₜ ∇log π(aₜ|sₜ), the score of a whole episode, it is

        b = E⟨Σₜ ∇log π(aₜ|sₜ) wₜ, z⟩ / E|z|²

    which is exact if `batch` and `probability` list every episode (`mdp.episodes()`).
    Source: Greensmith, Bartlett & Baxter (2004).

    Example:
        >>> from pg_edu.lab.exact.tasks import bandit
        >>> probability, episodes = bandit([1, 3]).episodes()
        >>> best_constant(probability, episodes, reward_to_go(episodes))
        2.0
    """
    scores = [e.score.sum(axis=0) for e in batch]
    updates = [sum_per_episode([e], [w]) for e, w in zip(batch, weights, strict=True)]
    products = [np.vdot(z, g) for z, g in zip(scores, updates, strict=True)]
    squares = [np.vdot(z, z) for z in scores]
    return float(probability @ products / (probability @ squares))


# Averages.


def sum_per_episode(batch: Episodes, weights: Weights) -> Floats:
    """Return (1/N) Σᵢ Σₜ ∇log π wₜ: sum over the steps of an episode, then mean over episodes."""
    return _summed(batch, weights) / len(batch)


def mean_over_steps(batch: Episodes, weights: Weights) -> Floats:
    """Return (1/B) Σᵢ Σₜ ∇log π wₜ with B the number of steps in the batch, as `.mean()` does."""
    return _summed(batch, weights) / sum(map(len, batch))


def mean_per_episode(batch: Episodes, weights: Weights) -> Floats:
    """Return (1/N) Σᵢ (1/Tᵢ) Σₜ ∇log π wₜ: mean over an episode's steps, then over episodes."""
    return _summed(batch, [w / len(w) for w in weights]) / len(batch)


def broadcast(batch: Episodes, weights: Weights) -> Floats:
    """Return mean(∇log π) · mean(w) over all steps, which equals the mean of a [B, B] product."""
    ones = [np.ones(len(w)) for w in weights]
    return mean_over_steps(batch, ones) * float(np.concatenate(weights).mean())


def cut(batch: Episodes, steps: int) -> list[Episode]:
    """Return the first `steps` steps of the episodes, as if collected one after another.

    If the last episode is cut, it is neither terminated nor truncated, and its returns lack the
    later rewards.
    """
    pieces = []
    left = steps
    for episode in batch:
        if left > 0:
            pieces.append(_first_steps(episode, left))
        left -= len(episode)
    return pieces


def _first_steps(episode: Episode, steps: int) -> Episode:
    if len(episode) <= steps:
        return episode
    return replace(
        episode,
        states=episode.states[:steps],
        obs=episode.obs[:steps],
        act=episode.act[:steps],
        rew=episode.rew[:steps],
        terminated=False,
        truncated=False,
    )


def _summed(batch: Episodes, weights: Weights) -> Floats:
    """Return Σᵢ Σₜ ∇log π wₜ, [O, A]."""
    total = np.zeros(batch[0].logits.size)
    for episode, w in zip(batch, weights, strict=True):
        total += w @ episode.score.reshape(len(w), -1)  # np.tensordot is far slower
    return total.reshape(batch[0].logits.shape)


def _padded(weights: Weights) -> tuple[Floats, Flags]:
    """Return the weights, 0 after an episode's end, and where it is alive, both [N, longest T]."""
    lengths = np.array([len(w) for w in weights])
    alive = np.arange(lengths.max()) < lengths[:, None]
    padded = np.zeros(alive.shape)
    padded[alive] = np.concatenate(weights)
    return padded, alive


def _standardized(weights: Floats, among: Floats) -> Floats:
    return (weights - float(among.mean())) / (float(among.std()) + 1e-8)


RIGHT: dict[str, Estimator] = {
    "total return": lambda batch: sum_per_episode(batch, total_return(batch)),
    "reward-to-go": lambda batch: sum_per_episode(batch, reward_to_go(batch)),
    "constant baseline": lambda batch: sum_per_episode(
        batch, minus_constant(reward_to_go(batch), 1.0)
    ),
    "leave-one-out": lambda batch: sum_per_episode(batch, minus_leave_one_out(reward_to_go(batch))),
    "leave-one-out of totals": lambda batch: sum_per_episode(
        batch, minus_leave_one_out(total_return(batch))
    ),
}

WRONG: dict[str, Estimator] = {
    "mean over steps": lambda batch: mean_over_steps(batch, reward_to_go(batch)),
    "mean per episode": lambda batch: mean_per_episode(batch, reward_to_go(batch)),
    "[B, 1] * [B]": lambda batch: broadcast(batch, reward_to_go(batch)),
    "standardized per episode": lambda batch: sum_per_episode(
        batch, standardized_per_episode(reward_to_go(batch))
    ),
    "standardized per batch": lambda batch: sum_per_episode(
        batch, standardized_per_batch(reward_to_go(batch))
    ),
    "own mean over steps": lambda batch: sum_per_episode(
        batch, minus_batch_mean(reward_to_go(batch))
    ),
    "own mean per time": lambda batch: sum_per_episode(batch, minus_time_mean(reward_to_go(batch))),
    "own mean of the alive": lambda batch: sum_per_episode(
        batch, minus_alive_mean(reward_to_go(batch))
    ),
    "leave-one-out, steps dropped": lambda batch: sum_per_episode(
        batch, minus_leave_one_out_dropping(reward_to_go(batch))
    ),
}
