"""Rewards become returns.

    Gₜ = rₜ + γ Gₜ₊₁                                      the return (discounted_returns)
    δₜ = rₜ + γ V(sₜ₊₁) - V(sₜ),   Aₜ = δₜ + γλ Aₜ₊₁      the advantage (gae)
    Gₜ = rₜ + ... + γⁿ⁻¹ rₜ₊ₙ₋₁ + γⁿ Q(sₜ₊ₙ)              the n-step return (nstep_return)

The first two are one recursion, xₜ = bₜ + dₜ xₜ₊₁ with dₜ = 0 where an episode ends. So several
episodes can lie in one array, one behind the other, and `end` says where each of them stops.
NumPy only: nothing here knows of networks.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def discounted_returns(
    rew: ArrayLike, end: ArrayLike, gamma: float, bootstrap: ArrayLike = 0.0
) -> Floats:
    """The discounted return of every step, Gₜ = rₜ + γ Gₜ₊₁ within an episode.

    Args:
        rew: rewards, [T], any number type; episodes one behind the other.
        end: bool [T], True on the last step of an episode; nothing follows the array's last step.
        gamma: discount factor in [0, 1].
        bootstrap: the value of what follows the last step of an episode, a number or [T]
            (read only where an episode ends): Gₜ = rₜ + γ bootstrapₜ there.

    Returns:
        float64 [T].

    Source: Sutton & Barto (2018), equations 3.8 and 3.9.

    Example:
        >>> discounted_returns([1, 1, 1, 5], end=[False, False, True, True], gamma=0.5)
        array([1.75, 1.5 , 1.  , 5.  ])
    """
    rewards, ends = _rewards_and_ends(rew, end)
    following = np.where(ends, gamma * np.asarray(bootstrap), 0.0)
    return _backward_scan(rewards + following, np.where(ends, 0.0, gamma))


def gae(
    rew: ArrayLike,
    end: ArrayLike,
    value: ArrayLike,
    next_value: ArrayLike,
    gamma: float,
    gae_lambda: float,
) -> Floats:
    """The generalised advantage estimate of every step, Aₜ = δₜ + γλ Aₜ₊₁.

    Args:
        rew, end, gamma: as in `discounted_returns`.
        value: V(sₜ), [T].
        next_value: V(sₜ₊₁), [T]; 0 where the episode terminated.
        gae_lambda: λ in [0, 1]; 1 gives the return minus the value, 0 the one-step error.

    Returns:
        float64 [T].

    Source: Schulman et al. (2016), High-Dimensional Continuous Control Using Generalized Advantage
    Estimation, equations 12 and 16.

    Example:
        >>> gae([1, 1], [False, True], value=[0, 0], next_value=[0, 0], gamma=0.5, gae_lambda=1)
        array([1.5, 1. ])
    """
    rewards, ends = _rewards_and_ends(rew, end)
    delta = rewards + gamma * np.asarray(next_value, np.float64) - np.asarray(value, np.float64)
    return _backward_scan(delta, np.where(ends, 0.0, gamma * gae_lambda))


def nstep_return(
    rew: ArrayLike,
    end: ArrayLike,
    indices: NDArray[np.int64],
    next_index: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    gamma: float,
    n_step: int,
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """The discounted rewards of the next n steps, as far as the episode goes.

    Args:
        rew, end: rewards and episode ends of the whole storage, [S].
        indices: where to start, [B].
        next_index: index -> index of the following step (itself where there is none).
        gamma: discount factor in [0, 1].
        n_step: at least 1.

    Returns:
        The sum of the m ≤ n rewards up to and including the episode's end [B], the index up to
        n - 1 steps further (where a target value is to be read) [B], and its weight γᵐ [B].

    Source: Sutton & Barto (2018), equation 7.1; the numbers are those of Tianshou v1.1.0,
    BasePolicy.compute_nstep_return.

    Example:
        >>> step = lambda i: np.minimum(i + 1, 3)
        >>> nstep_return([1, 2, 4, 8], [False] * 3 + [True], np.array([0, 2]), step, 0.5, 3)
        (array([3., 8.]), array([2, 3]), array([0.125, 0.25 ]))
    """
    rewards, ends = _rewards_and_ends(rew, end)
    total, weight = np.zeros(len(indices)), np.ones(len(indices))
    alive = np.ones(len(indices), bool)
    for step in range(n_step):
        if step > 0:
            indices = next_index(indices)
        total[alive] += weight[alive] * rewards[indices[alive]]
        weight[alive] *= gamma
        alive &= ~ends[indices]
    return total, indices, weight


def _rewards_and_ends(rew: ArrayLike, end: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    rewards, ends = np.asarray(rew, np.float64), np.asarray(end, bool)
    if rewards.ndim != 1 or rewards.shape != ends.shape:
        raise ValueError(
            f"rew and end must be one-dimensional and of equal length, "
            f"but rew has shape {rewards.shape} and end has shape {ends.shape}."
        )
    return rewards, ends


def _backward_scan(b: Floats, d: Floats) -> Floats:
    """Solve xₜ = bₜ + dₜ xₜ₊₁ for all t, with nothing after the last step.

    The recursion is sequential but linear. Cut into K blocks of S steps, a block is what it would
    be if nothing followed it, plus (product of its d) times the first x of the next block. The
    blocks go side by side, S vector operations for all; their first steps obey the same recursion.
    """
    if len(b) <= 64 or not np.isfinite(b).all():  # 0 * NaN is NaN: blocks would mix the episodes
        return _scan_step_by_step(b, d)
    size = int(len(b) ** 0.35)  # measured: few vector operations, yet blocks that fit the cache
    blocks = -(-len(b) // size)
    padding = np.zeros(blocks * size - len(b))
    # [S, K]: block k is column k.
    x = np.concatenate([b, padding]).reshape(blocks, size).T.copy()
    decay = np.concatenate([d, padding]).reshape(blocks, size).T.copy()
    for s in range(size - 2, -1, -1):
        x[s] += decay[s] * x[s + 1]
        decay[s] *= decay[s + 1]
    first = _backward_scan(x[0], decay[0])
    x[:, :-1] += decay[:, :-1] * first[1:]
    return x.T.reshape(-1)[: len(b)]


def _scan_step_by_step(b: Floats, d: Floats) -> Floats:
    x, following = [], 0.0
    for b_t, d_t in zip(b[::-1].tolist(), d[::-1].tolist(), strict=True):
        following = b_t + d_t * following if d_t else b_t
        x.append(following)
    return np.array(x[::-1], np.float64)
