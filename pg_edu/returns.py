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

from pg_edu.types import Flags, Floats

BLOCK, AT_ONCE = 20, 2048  # steps of a block; blocks that go together, 0.3 MB of rewards
FEW = 500  # steps that may as well go one by one


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


def _rewards_and_ends(rew: ArrayLike, end: ArrayLike) -> tuple[Floats, Flags]:
    rewards, ends = np.asarray(rew, np.float64), np.asarray(end, bool)
    if rewards.ndim != 1 or rewards.shape != ends.shape:
        raise ValueError(
            f"expected [T] twice, but rew has shape {rewards.shape} and end has shape {ends.shape}."
        )
    return rewards, ends


def _backward_scan(b: Floats, end: Flags, decay: float, following: float = 0.0) -> Floats:
    """Solve xₜ = bₜ + dₜ xₜ₊₁ for all t, with d = 0 at an end.

    The recursion is sequential. But cut into K blocks of S steps, all blocks can go side by side,
    in S vector operations, and they do so twice: first as if nothing followed a block. What that
    gives for the first steps obeys a recursion of the same kind, with d = 0 where the block holds
    an end and decay to the power of S elsewhere. It is solved by this function; then it is known
    what follows each block, and the second time all steps come out right. Of a long array only as
    many blocks go at a time as the cache holds, the last ones first.

    Args:
        b: float64 [T].
        end: bool [T].
        decay: d elsewhere.
        following: x of the step behind the last one.
    """
    if len(b) < FEW:
        return _scan_step_by_step(b, end, decay, following)
    x, rest, behind = np.empty_like(b), len(b) % BLOCK, following
    with np.errstate(over="ignore", invalid="ignore"):
        for stop in range(len(b), rest, -BLOCK * AT_ONCE):
            lot = slice(max(rest, stop - BLOCK * AT_ONCE), stop)
            bs, ends = b[lot].reshape(-1, BLOCK).T.copy(), end[lot].reshape(-1, BLOCK).T.copy()
            ds = np.where(ends, 0.0, decay)  # [S, K], like bs and ends
            first = np.zeros(bs.shape[1])
            for b_s, d_s in zip(bs[::-1], ds[::-1], strict=True):
                first *= d_s
                first += b_s
            first = _backward_scan(first, np.logical_or.reduce(ends), decay**BLOCK, behind)
            x_s = np.append(first[1:], behind)
            for b_s, d_s in zip(bs[::-1], ds[::-1], strict=True):
                d_s *= x_s
                b_s += d_s
                x_s = b_s
            if not np.isfinite(x_s).all():  # 0 * NaN is NaN, which gets past an episode's end
                return _scan_step_by_step(b, end, decay, following)
            x[lot].reshape(-1, BLOCK).T[:] = bs
            behind = first[0].item()
    x[:rest] = _scan_step_by_step(b[:rest], end[:rest], decay, behind)
    return x


def _scan_step_by_step(b: Floats, end: Flags, decay: float, following: float) -> Floats:
    steps = zip(b[::-1].tolist(), end[::-1].tolist(), strict=True)
    x = [(following := b_t + decay * following if decay and not e_t else b_t) for b_t, e_t in steps]
    return np.array(x[::-1], np.float64)
