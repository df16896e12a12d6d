"""Turn rewards into returns, advantages and n-step returns.

    Gₜ = rₜ + γ Gₜ₊₁                                      the return (discounted_returns)
    δₜ = rₜ + γ V(sₜ₊₁) - V(sₜ),   Aₜ = δₜ + γλ Aₜ₊₁      the advantage (gae)
    Gₜ = rₜ + ... + γⁿ⁻¹ rₜ₊ₙ₋₁ + γⁿ Q(sₜ₊ₙ)              the n-step return (nstep_return)

The first two are one recursion, xₜ = yₜ + γₜ xₜ₊₁, with γₜ = 0 where an episode ends. So an array
may hold several episodes, one after the other, and `end` marks the last step of each.
This module uses NumPy only, and knows nothing about networks.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from pg_edu.types import AnyArray, Flags, Floats, Ints

SHORT = 500  # For fewer steps than this the loop is as fast as the scan.
BLOCK = 50  # steps in a block of the scan


def discounted_returns(
    rew: ArrayLike, end: ArrayLike, gamma: float, bootstrap: ArrayLike = 0.0
) -> Floats:
    """Return the discounted return of every step, Gₜ = rₜ + γ Gₜ₊₁ within an episode.

    Args:
        rew: rewards, [T], any number type; episodes one after the other.
        end: bool [T], True at the last step of an episode. The array's last step also ends one.
        gamma: discount factor in [0, 1].
        bootstrap: the value of the state after an episode's last step, a number or [T] (read only
            where `end` is True): Gₜ = rₜ + γ bootstrapₜ there.

    Returns:
        float64 [T].

    Source: Sutton & Barto (2018), equations 3.8 and 3.9.

    Example:
        >>> discounted_returns([1, 1, 1, 5], end=[False, False, True, True], gamma=0.5)
        array([1.75, 1.5 , 1.  , 5.  ])
    """
    rewards, ends = _rewards_and_ends(rew, end)
    if np.any(bootstrap):
        rewards = rewards + gamma * np.where(ends, np.broadcast_to(bootstrap, ends.shape), 0.0)
    return _backward_scan(rewards, ends, gamma)


def gae(
    rew: ArrayLike,
    end: ArrayLike,
    value: ArrayLike,
    next_value: ArrayLike,
    gamma: float,
    gae_lambda: float,
) -> Floats:
    """Return the generalized advantage estimate of every step, Aₜ = δₜ + γλ Aₜ₊₁.

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
    indices: Ints,
    next_index: Callable[[Ints], Ints],
    gamma: float,
    n_step: int,
) -> tuple[Floats, Ints, Floats]:
    """Return the discounted sum of the next n rewards, or of fewer where the episode ends first.

    Args:
        rew, end: rewards and episode ends of the whole storage, [S].
        indices: where to start, [B].
        next_index: index -> index of the following step (the same index where there is none).
        gamma: discount factor in [0, 1].
        n_step: at least 1.

    Returns:
        The sum of m ≤ n rewards, none from beyond the episode's end [B]; the index m - 1 steps
        further, where the target value is to be read [B]; and that value's weight γᵐ [B].

    Source: Sutton & Barto (2018), equation 7.1; the numbers are those of Tianshou v1.1.0,
    BasePolicy.compute_nstep_return.

    Example:
        >>> step = lambda i: np.minimum(i + 1, 3)
        >>> nstep_return([1, 2, 4, 8], [False] * 3 + [True], np.array([0, 2]), step, 0.5, 3)
        (array([3., 8.]), array([2, 3]), array([0.125, 0.25 ]))
    """
    rewards, ends = _rewards_and_ends(rew, end)
    total = np.zeros(len(indices))
    weight = np.ones(len(indices))
    running = np.ones(len(indices), bool)
    for step in range(n_step):
        if step > 0:
            indices = next_index(indices)
        total[running] += weight[running] * rewards[indices[running]]
        weight[running] *= gamma
        running &= ~ends[indices]
    return total, indices, weight


def _rewards_and_ends(rew: ArrayLike, end: ArrayLike) -> tuple[Floats, Flags]:
    rewards = np.asarray(rew, np.float64)
    ends = np.asarray(end, bool)
    if rewards.ndim != 1 or rewards.shape != ends.shape:
        raise ValueError(
            f"rew has shape {rewards.shape} and end has shape {ends.shape}, but both must be [T]."
        )
    return rewards, ends


def _backward_loop(y: Floats, end: Flags, gamma: float) -> Floats:
    """Solve xₜ = yₜ + γₜ xₜ₊₁ from the last step to the first; γₜ is γ, and 0 at an end."""
    x = []
    x_next = 0.0
    for y_t, end_t in zip(reversed(y.tolist()), reversed(end.tolist()), strict=True):
        # If γₜ is 0, not y_t + 0 * x_next, which is NaN if x_next is infinite.
        x_t = y_t if end_t or gamma == 0.0 else y_t + gamma * x_next
        x.append(x_t)
        x_next = x_t
    return np.array(x[::-1], np.float64)


def _backward_scan(y: Floats, end: Flags, gamma: float) -> Floats:
    """Do what `_backward_loop` does, several times faster, for arrays of any length [T].

    The array is cut into K blocks, which are solved side by side as if nothing followed them. A
    step of a block then lacks (product of γₜ from there to the block's end) times the first x of
    the next block. These K first values obey the same recursion, and the loop solves it.
    """
    if len(y) < SHORT:
        return _backward_loop(y, end, gamma)
    x = _in_blocks(y)
    ends = _in_blocks(end)
    product = np.where(ends, 0.0, gamma)  # of γₜ, from a step to the end of its block
    with np.errstate(over="ignore", invalid="ignore"):
        for s in reversed(range(BLOCK - 1)):
            x[s] += product[s] * x[s + 1]
            product[s] *= product[s + 1]
        first = _backward_loop(x[0], np.logical_or.reduce(ends), gamma**BLOCK)
        product[:, :-1] *= first[1:]
        x[:, :-1] += product[:, :-1]
    if not np.isfinite(x).all():  # 0 * infinity is NaN, which would leak across an episode's end
        return _backward_loop(y, end, gamma)
    return x.T.reshape(-1)[: len(y)]


def _in_blocks(values: AnyArray) -> AnyArray:
    """Return [T] values as [BLOCK, K]: block k is column k, and zeros pad the last one."""
    blocks = math.ceil(len(values) / BLOCK)
    padded = np.zeros(blocks * BLOCK, values.dtype)
    padded[: len(values)] = values
    return padded.reshape(blocks, BLOCK).T.copy()  # a copy, so that each x[s] is contiguous
