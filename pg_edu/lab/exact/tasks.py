"""The small MDPs of the course. `task.at(logits)` is the same MDP with another policy.

An action that is not available, as in a forced step, has logit -inf: it is never taken, and its
component of every gradient is 0.
"""

import numpy as np
from numpy.typing import ArrayLike

from pg_edu.lab.exact.mdp import MDP
from pg_edu.types import Floats

NEVER = -np.inf


def bandit(rewards: ArrayLike, logits: ArrayLike | None = None) -> MDP:
    """Return a single decision in which arm a pays rewards[a]; the logits [A] are 0 by default.

    Example:
        >>> bandit([1, 5]).J()
        3.0
    """
    reward = np.array([rewards], np.float64)
    arms = reward.shape[1]
    preferences = np.zeros(arms) if logits is None else np.asarray(logits)
    return MDP([1.0], np.zeros((1, arms, 1)), reward, [preferences])


def contexts(probability: ArrayLike = (0.7, 0.3)) -> MDP:
    """Return one decision in one of several contexts: in context s, action s pays 1, others 0."""
    start = np.asarray(probability, np.float64)
    states = len(start)
    transition = np.zeros((states, states, states))
    return MDP(start, transition, np.eye(states), np.zeros((states, states)))


def coins(length: int) -> MDP:
    """Return `length` fair coins, each with its own logits; heads (action 1) pays 1."""
    reward = np.tile([0.0, 1.0], (length, 1))
    return MDP(_first(length), _chain(length, 2), reward, np.zeros((length, 2)))


def stop_or_go(p_stop: float = 0.5) -> MDP:
    """Return a choice between 1 at once (stop, action 0) and .6 four times (go, action 1).

    Stopping ends the episode; the three steps that follow going are forced.

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
    """Return a choice between 1 at once (action 0) and .4 followed by three coins (action 1).

    Each head pays .4. The coins share one row of logits.
    """
    transition = _chain(4, 2)
    transition[0, 0] = 0.0
    reward = np.tile([0.0, 0.4], (4, 1))
    reward[0] = 1.0, 0.4
    return MDP(_first(4), transition, reward, np.zeros((2, 2)), observation=[0, 1, 1, 1])


def two_decisions() -> MDP:
    """Return a choice between .2 at once (action 0) and a second decision, which pays 0 or 1.

    gamma = .5.
    """
    transition = _chain(2, 2)
    transition[0, 0] = 0.0
    logits = [[0.0, 0.3], [0.0, -0.2]]
    return MDP(_first(2), transition, [[0.2, 0.0], [0.0, 1.0]], logits, gamma=0.5)


def late_cost() -> MDP:
    """Return two decisions that look alike; action 1 of the second has a cost that comes later.

    At t = 0 action 0 pays 1. At t = 1 action 1 pays 2, and costs 2.5 at t = 4; action 0 ends the
    episode. gamma = .3.
    """
    transition = _chain(5, 2)
    transition[1, 0] = 0.0
    reward = np.zeros((5, 2))
    reward[0, 0] = 1.0
    reward[1, 1] = 2.0
    reward[4] = -2.5
    logits = [[0.0, 0.0], [0.0, NEVER]]
    return MDP(_first(5), transition, reward, logits, gamma=0.3, observation=[0, 0, 1, 1, 1])


def forced_minus_5() -> MDP:
    """Return two decisions: the first pays 5 for action 1, the second .5.

    The second step takes the 5 back.
    """
    transition = np.zeros((3, 2, 3))
    transition[0, 0, 1] = 1.0
    transition[0, 1, 2] = 1.0
    reward = [[0.0, 5.0], [0.0, 0.5], [-5.0, -4.5]]
    return MDP(_first(3), transition, reward, np.zeros((3, 2)))


def patience() -> MDP:
    """Return three states: action 0 pays 1 and ends; action 1 waits, and pays 4 in the last state.

    With probability 1/2 waiting leads to the next state, or from the last state to the end;
    otherwise the state stays the same.
    """
    transition = np.zeros((3, 2, 3))
    transition[:, 1] = 0.5 * (np.eye(3) + np.eye(3, k=1))
    return MDP(_first(3), transition, [[1, 0], [1, 0], [1, 4]], np.zeros((3, 2)))


def invest(limit: int | None = None) -> MDP:
    """Return a task in which action 1 costs 1 at once and pays 3 five steps later, every time.

    gamma = .95. The state is the last five actions, as bits; the policy observes none of it.
    """
    history = np.arange(32)
    transition = np.zeros((32, 2, 32))
    for action in (0, 1):
        transition[history, action, (2 * history + action) % 32] = 1.0
    reward = np.where(history >= 16, 3.0, 0.0)[:, None] - np.array([0.0, 1.0])
    blind = np.zeros(32, int)
    return MDP(_first(32), transition, reward, np.zeros((1, 2)), 0.95, blind, limit)


def short_corridor() -> MDP:
    """Return a corridor of three cells that look alike: go left (0) or right (1) for -1 per step.

    In the middle cell left and right are swapped.

    Source: Sutton & Barto (2018), example 13.1.

    Example:
        >>> best = 2 - np.sqrt(2)  # the probability of right
        >>> round(short_corridor().at([[np.log(1 - best), np.log(best)]]).J(), 2)
        -11.66
    """
    transition = np.zeros((3, 2, 3))
    transition[0, 0, 0] = 1.0
    transition[0, 1, 1] = 1.0
    transition[1, 0, 2] = 1.0
    transition[1, 1, 0] = 1.0
    transition[2, 0, 1] = 1.0
    reward = np.full((3, 2), -1.0)
    return MDP(_first(3), transition, reward, np.zeros((1, 2)), observation=[0, 0, 0])


def _first(states: int) -> Floats:
    """Return the distribution that starts in state 0, [S]."""
    return np.where(np.arange(states) == 0, 1.0, 0.0)


def _chain(states: int, actions: int) -> Floats:
    """Return transitions from each state to the next, [S, A, S]; the last state ends it."""
    transition = np.zeros((states, actions, states))
    for s in range(states - 1):
        transition[s, :, s + 1] = 1.0
    return transition
