"""The worlds of the course, each a few numbers. `task.at(logits)` is another policy in it.

An action that is not available, as in a forced step, has logit -inf: it is never taken, and its
component of every gradient is 0.
"""

import numpy as np
from numpy.typing import ArrayLike

from pg_edu.lab.exact.mdp import MDP
from pg_edu.types import Floats

NEVER = -np.inf


def bandit(rewards: ArrayLike, logits: ArrayLike | None = None) -> MDP:
    """One decision: arm a pays rewards[a]. Logits [A]; default: all arms alike.

    Example:
        >>> bandit([1, 5]).J()
        3.0
    """
    reward = np.array([rewards], np.float64)
    shape = reward.shape[1]
    preferences = np.zeros(shape) if logits is None else np.asarray(logits)
    return MDP([1.0], np.zeros((1, shape, 1)), reward, [preferences])


def contexts(probability: ArrayLike = (0.7, 0.3)) -> MDP:
    """One decision in one of several contexts: 1 if the action is the context's number."""
    start = np.asarray(probability, np.float64)
    n = len(start)
    return MDP(start, np.zeros((n, n, n)), np.eye(n), np.zeros((n, n)))


def coins(length: int) -> MDP:
    """`length` fair coins, each with logits of its own; a head (action 1) pays 1."""
    reward = np.tile([0.0, 1.0], (length, 1))
    return MDP(_first(length), _chain(length, 2), reward, np.zeros((length, 2)))


def stop_or_go(p_stop: float = 0.5) -> MDP:
    """Stop (action 0) pays 1 and ends; go (action 1) pays .6 four times, three of them forced.

    Example:
        >>> task = stop_or_go()
        >>> task.q()[0].round(3)
        array([1. , 2.4])
    """
    transition = _chain(4, 2)
    transition[0, 0] = 0.0
    reward = np.full((4, 2), 0.6)
    reward[0, 0] = 1.0
    logits = np.full((4, 2), [0.0, NEVER])
    logits[0] = np.log([p_stop, 1 - p_stop])
    return MDP(_first(4), transition, reward, logits)


def length_bias() -> MDP:
    """Action 0 pays 1 and ends; action 1 pays .4, and then three coins pay .4 for a head each.

    The coins share one row of logits.
    """
    transition = _chain(4, 2)
    transition[0, 0] = 0.0
    reward = np.tile([0.0, 0.4], (4, 1))
    reward[0] = 1.0, 0.4
    return MDP(_first(4), transition, reward, np.zeros((2, 2)), observation=[0, 1, 1, 1])


def two_decisions() -> MDP:
    """Action 0 ends with .2; action 1 leads to a second decision, which pays 0 or 1. gamma = .5."""
    transition = _chain(2, 2)
    transition[0, 0] = 0.0
    logits = [[0.0, 0.3], [0.0, -0.2]]
    return MDP(_first(2), transition, [[0.2, 0.0], [0.0, 1.0]], logits, gamma=0.5)


def late_cost() -> MDP:
    """Two decisions that look alike; the second one's action 1 costs something later. gamma = .3.

    At t = 0 action 0 pays 1. At t = 1 action 1 pays 2, and takes 2.5 at t = 4; action 0 ends.
    """
    transition = _chain(5, 2)
    transition[1, 0] = 0.0
    reward = np.zeros((5, 2))
    reward[0, 0], reward[1, 1], reward[4] = 1.0, 2.0, -2.5
    logits = [[0.0, 0.0], [0.0, NEVER]]
    return MDP(_first(5), transition, reward, logits, gamma=0.3, observation=[0, 0, 1, 1, 1])


def forced_minus_5() -> MDP:
    """Action 1 pays 5, which the next step takes back; that step's own action 1 pays .5."""
    transition = np.zeros((3, 2, 3))
    transition[0, 0, 1] = transition[0, 1, 2] = 1.0
    reward = [[0.0, 5.0], [0.0, 0.5], [-5.0, -4.5]]
    return MDP(_first(3), transition, reward, np.zeros((3, 2)))


def patience() -> MDP:
    """Three states. Action 0 takes 1 and ends; action 1 waits, which pays 4 in the last state.

    One wait in two leads on: to the next state, and from the last one to the end.
    """
    transition = np.zeros((3, 2, 3))
    transition[:, 1] = 0.5 * (np.eye(3) + np.eye(3, k=1))
    return MDP(_first(3), transition, [[1, 0], [1, 0], [1, 4]], np.zeros((3, 2)))


def invest(limit: int | None = None) -> MDP:
    """Each step action 1 pays 1 now for 3 five steps later. gamma = .95.

    The state is the last five actions, as bits; the policy sees none of it.
    """
    history = np.arange(32)
    transition = np.zeros((32, 2, 32))
    for action in (0, 1):
        transition[history, action, (2 * history + action) % 32] = 1.0
    reward = np.where(history >= 16, 3.0, 0.0)[:, None] - np.array([0.0, 1.0])
    blind = np.zeros(32, int)
    return MDP(_first(32), transition, reward, np.zeros((1, 2)), 0.95, blind, limit)


def short_corridor() -> MDP:
    """Three cells that look alike, left (0) or right (1), -1 a step; the middle one is reversed.

    Source: Sutton & Barto (2018), example 13.1.

    Example:
        >>> best = 2 - np.sqrt(2)  # the probability of right
        >>> round(short_corridor().at([[np.log(1 - best), np.log(best)]]).J(), 2)
        -11.66
    """
    transition = np.zeros((3, 2, 3))
    transition[0, 0, 0] = transition[0, 1, 1] = 1.0
    transition[1, 0, 2] = transition[1, 1, 0] = 1.0
    transition[2, 0, 1] = 1.0
    reward = np.full((3, 2), -1.0)
    return MDP(_first(3), transition, reward, np.zeros((1, 2)), observation=[0, 0, 0])


def _first(states: int) -> Floats:
    return np.where(np.arange(states) == 0, 1.0, 0.0)


def _chain(states: int, actions: int) -> Floats:
    """From each state to the next one; the last one ends."""
    transition = np.zeros((states, actions, states))
    for s in range(states - 1):
        transition[s, :, s + 1] = 1.0
    return transition
