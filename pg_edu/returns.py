"""Rewards become returns.

    Gₜ = rₜ + γ Gₜ₊₁                                      the return (discounted_returns)
    δₜ = rₜ + γ V(sₜ₊₁) - V(sₜ),   Aₜ = δₜ + γλ Aₜ₊₁      the advantage (gae)
    Gₜ = rₜ + ... + γⁿ⁻¹ rₜ₊ₙ₋₁ + γⁿ Q(sₜ₊ₙ)              the n-step return (nstep_return)

The first two are one recursion, xₜ = bₜ + dₜ xₜ₊₁ with dₜ = 0 where an episode ends. So several
episodes can lie in one array, one behind the other, and `end` says where each of them stops.
NumPy only: nothing here knows of networks.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

BLOCK, AT_ONCE = 31, 1024  # steps, blocks: 0.25 MB; by an odd stride they spread over the cache


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
    b, last = rewards.copy(), np.flatnonzero(ends)
    b[last] += gamma * np.broadcast_to(bootstrap, b.shape)[last]
    return _backward_scan(b, ends, gamma)


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
    return _backward_scan(delta, ends, gamma * gae_lambda)


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


def _backward_scan(x: Floats, end: NDArray[np.bool_], decay: float) -> Floats:
    """Solve xₜ = bₜ + dₜ xₜ₊₁ for all t, with d = 0 at an end, and nothing after the last step.

    The recursion is sequential but linear. Cut into blocks of S steps, a block is what it would be
    if nothing followed it, plus (product of its d) times the first x of the next block. So K blocks
    go side by side, S vector operations for all of them; one after the other go only their first
    steps, and as many blocks at a time as the cache holds.

    Args:
        x: b, float64 [T], which becomes the result.
        end: bool [T].
        decay: d elsewhere.
    """
    rest, following = len(x) % BLOCK, 0.0
    for stop in range(len(x), rest, -BLOCK * AT_ONCE):
        now = slice(max(rest, stop - BLOCK * AT_ONCE), stop)
        d = np.where(end[now], 0.0, decay)
        if math.isfinite(following) and np.isfinite(x[now]).all():
            xs, ds = x[now].reshape(-1, BLOCK).T, d.reshape(-1, BLOCK).T  # views [S, K]
            for s in range(BLOCK - 2, -1, -1):
                xs[s] += ds[s] * xs[s + 1]
                ds[s] *= ds[s + 1]
            first = _scan_step_by_step(xs[0], ds[0], following)
            xs += ds * np.append(first[1:], following)
        else:  # 0 * NaN is NaN: blocks would mix the episodes
            x[now] = _scan_step_by_step(x[now], d, following)
        following = float(x[now.start])
    x[:rest] = _scan_step_by_step(x[:rest], np.where(end[:rest], 0.0, decay), following)
    return x


def _scan_step_by_step(b: Floats, d: Floats, following: float) -> Floats:
    x = []
    for b_t, d_t in zip(b[::-1].tolist(), d[::-1].tolist(), strict=True):
        following = b_t + d_t * following if d_t else b_t
        x.append(following)
    return np.array(x[::-1], np.float64)
