"""Draw an MDP from its own arrays, so that the picture cannot disagree with the world.

The drawing code must not import the laboratory, so a `Task` says which arrays are needed.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure

from pg_edu.figures.worlds import Move, Positions, draw_world

END = "end"
ROUNDING = 1e-12


class Task(Protocol):
    """The arrays of an MDP, as `pg_edu.lab.exact.mdp.MDP` has them."""

    @property
    def start(self) -> Any:
        """Distribution of the first state, [S]."""

    @property
    def transition(self) -> Any:
        """P(s' | s, a), [S, A, S]; what a row lacks to 1 ends the episode."""

    @property
    def reward(self) -> Any:
        """r(s, a), [S, A]."""

    @property
    def logits(self) -> Any:
        """Logits of the policy, [O, A]; -inf where an action is not available."""

    @property
    def observation(self) -> Any:
        """The observation of each state, int [S]."""


def draw_task(
    task: Task,
    states: Positions,
    actions: Sequence[str],
    *,
    end: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Draw an MDP from its own arrays: an arrow for each move that has a positive probability.

    An action that is not available, whose logit is -inf, has no arrows. Where only one action is
    available, the step is forced: its arrows are gray and have no name. Where an episode may end,
    an arrow leads to a double circle named "end". A time limit is not drawn.

    Args:
        task: the MDP, with S states and A actions; see `pg_edu.lab.exact.mdp.MDP`.
        states: the position of each of the S states by name, in inches, in the order of the arrays.
        actions: names of the A actions.
        end: position of the double circle; needed if an episode can end.
        title: what is written above.

    Raises:
        ValueError: the numbers of states or actions are not those of the task, an action has an
            empty name or that of another one, a state is named "end", or `end` is missing.

    Example:
        >>> from pg_edu.lab.exact.tasks import two_decisions
        >>> states = {"first": (0, 0), "second": (2, 0)}
        >>> figure = draw_task(two_decisions(), states, ["take", "wait"], end=(4, 0))
        >>> [text.get_text() for text in figure.axes[0].texts][3:]
        ['start', 'take: +0.2', 'wait: 0', 'take: 0', 'wait: +1']
    """
    transition = np.asarray(task.transition, float)
    _check_task(transition.shape, states, actions)
    moves = list(_moves(task, list(states), actions))
    places = dict(states)
    ends = [END] if any(move.target == END for move in moves) else []
    if ends and end is None:
        raise ValueError("end: an episode of this task can end, so pass the position of the end")
    if ends and end is not None:
        places[END] = end

    probabilities = np.asarray(task.start, float).tolist()
    start = {name: p for name, p in zip(states, probabilities, strict=True) if p > 0}
    return draw_world(places, moves, start=start, ends=ends, title=title)


def draw_town(task: Task) -> Figure:
    """Draw the courier's town: depot, bridge, square and door, where the courier walks or rides.

    Args:
        task: an MDP with 4 states and 2 actions.

    Raises:
        ValueError: the task has other numbers of states or actions.
    """
    states = {
        "depot\n0": (0.0, 0.0),
        "bridge\n1": (2.6, 2.05),
        "square\n2": (2.6, -2.05),
        "door\n3": (5.2, 0.0),
    }
    return draw_task(task, states, ["walk", "ride"], end=(2.6, 0.0))


def draw_corridor(task: Task) -> Figure:
    """Draw the short corridor: three cells in a row, then the end.

    Args:
        task: an MDP with 3 states and 2 actions, such as `tasks.short_corridor()`.

    Raises:
        ValueError: the task has other numbers of states or actions.
    """
    states = {"cell 0": (0.0, 0.0), "cell 1": (1.8, 0.0), "cell 2": (3.6, 0.0)}
    return draw_task(task, states, ["left", "right"], end=(5.4, 0.0))


def draw_stop_or_go(task: Task) -> Figure:
    """Draw the game with two buttons: stop at once, or go four times.

    Args:
        task: an MDP with 4 states and 2 actions, such as `tasks.stop_or_go()`.

    Raises:
        ValueError: the task has other numbers of states or actions.
    """
    states = {f"place {s}": (1.75 * s, 0.0) for s in range(4)}
    return draw_task(task, states, ["stop", "go"], end=(2.625, -1.4))


def _moves(task: Task, names: Sequence[str], actions: Sequence[str]) -> Iterator[Move]:
    """Yield the moves of a task that have a positive probability; a forced one has no action."""
    is_available = np.asarray(task.logits, float)[np.asarray(task.observation)] > -np.inf
    is_forced = is_available.sum(axis=1) == 1
    transition = np.asarray(task.transition, float)
    for s, a in np.argwhere(is_available).tolist():
        action = "" if is_forced[s] else actions[a]
        follows = [*transition[s, a].tolist(), 1.0 - transition[s, a].sum()]
        for target, probability in zip([*names, END], follows, strict=True):
            if probability > ROUNDING:
                yield Move(names[s], target, action, float(task.reward[s, a]), probability)


def _check_task(shape: Sequence[int], states: Positions, actions: Sequence[str]) -> None:
    if len(states) != shape[0]:
        raise ValueError(f"states: expected {shape[0]} positions, got {len(states)}")
    if len(actions) != shape[1] or len(set(actions) - {""}) != shape[1]:
        raise ValueError(f"actions: expected {shape[1]} different names, got {list(actions)}")
    if END in states:
        raise ValueError(f"states: {END!r} is the name of the end, so no state can have it")
