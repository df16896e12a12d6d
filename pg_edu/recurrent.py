"""REINFORCE for actors with memory: learn from whole episodes, step after step.

    dist_input_t, h_t = actor(o_t, h_{t-1}),   h_{-1} = None
    loss = - mean over steps of  log π(aₜ | o₀, ..., oₜ) Gₜ

`PGPolicy.learn`, like Tianshou v1.1.0, asks the actor about each row by itself, without a state.
Here `learn` goes through time as the collector did. It orders the rows of a minibatch by step, and
within a step by the length of their episodes:

    step 0    A B C D
    step 1    A B C       D had one step
    step 2    A           B and C had two

So the episodes that go on at a step are the first rows of the state, and nothing has to be padded.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from pg_edu import types
from pg_edu.base_policy import episode_ends, outputs_unexamined, torch_train_mode
from pg_edu.batch import Batch
from pg_edu.buffer import ReplayBuffer
from pg_edu.hidden_state import check_state, first_rows, leaves, reset_rows
from pg_edu.log_probs import checked_log_prob
from pg_edu.reinforce import PGPolicy, order_of_time
from pg_edu.stats import PGTrainingStats
from pg_edu.types import Flags, Ints

SAME_START = 1e-4  # how far the outputs may be apart that an actor gives for None and for zeros
NUDGE = 0.01  # how far to move the parameters, to see whether a hidden state depends on them


class RecurrentPGPolicy(PGPolicy[PGTrainingStats]):
    """REINFORCE for an actor with memory: each action is scored with the memory that drew it.

    Arguments, returns and loss are those of `PGPolicy`. The actor takes one step at a time, as when
    it acts: (obs, state, info) -> (dist_input, new state). The state is None at the first step of
    an episode. It is a tensor with one row for each episode on axis 0, or a tuple, dict or Batch of
    such tensors. `learn` carries it from step to step, and the gradient follows it back to the
    first.

    This needs whole episodes: collect with `n_episode`, into a buffer that holds them all. The
    actor must treat a state of zeros as it treats None, because the collector sets the state of an
    environment to 0 where its next episode begins. It must not detach its state. If it draws random
    numbers itself, `learn` draws others. An actor without a state learns the same as in a
    `PGPolicy`, but the update takes more time.

    Attributes:
        steps_of_last_learn: the number of steps that the optimizer took in the last `learn`.

    To subtract a leave-one-out baseline as well, write
    `class Both(RecurrentPGPolicy, LeaveOneOut): pass`.

    Source: Wierstra, Förster, Peters & Schmidhuber (2010), Recurrent policy gradients.

    Example:
        >>> import gymnasium as gym
        >>> from pg_edu.base_policy import policy_within_training_step
        >>> from pg_edu.buffer import VectorReplayBuffer
        >>> from pg_edu.collector import Collector
        >>> from pg_edu.nets import Recurrent
        >>> envs = gym.make_vec("CartPole-v1", num_envs=2)
        >>> actor = Recurrent(1, state_shape=4, action_shape=2, hidden_layer_size=8)
        >>> policy = RecurrentPGPolicy(actor=actor, optim=torch.optim.Adam(actor.parameters()),
        ...     dist_fn=lambda logits: torch.distributions.Categorical(logits=logits),
        ...     action_space=envs.single_action_space, action_scaling=False)
        >>> buffer = VectorReplayBuffer(1000, buffer_num=2)
        >>> stats = Collector(policy, envs, buffer).collect(n_episode=4)
        >>> with policy_within_training_step(policy):
        ...     losses = policy.update(0, buffer, batch_size=None, repeat=1)
    """

    _gradient_is_checked = False
    steps_of_last_learn = 0  # how many minibatches there are depends on the order of the episodes

    def process_fn(
        self, batch: types.RolloutBatchProtocol, buffer: ReplayBuffer, indices: Ints
    ) -> types.BatchWithReturnsProtocol:
        """Add the returns as `PGPolicy` does, and each row's place in its episode; return batch.

        `episode_number` tells the episodes apart, and `episode_step` counts the steps of each from
        0; both are int [B].

        Args:
            batch: rows of whole episodes, each row once, in any order.
            buffer: the buffer they come from.
            indices: the rows' indices in the buffer, [B].

        Raises:
            ValueError: the first steps of an episode are missing, a row appears twice, or
                `PGPolicy.process_fn` raises. Nothing changes.
        """
        number, step = _places_in_episodes(batch, buffer, indices)
        ready: Any = super().process_fn(batch, buffer, indices)
        ready.episode_number = number
        ready.episode_step = step
        return ready  # type: ignore[no-any-return]

    def learn(
        self,
        batch: types.BatchWithReturnsProtocol,
        batch_size: int | None,
        repeat: int,
        *args: Any,
        **kwargs: Any,
    ) -> PGTrainingStats:
        """Take the gradient steps of `PGPolicy.learn`, with minibatches of whole episodes.

        Args:
            batch: what `process_fn` returned.
            batch_size: the least number of rows in a minibatch; None, 0 or -1: all. Episodes are
                taken in random order until they have that many rows together. A smaller remainder
                joins the last minibatch.
            repeat: the number of passes over the batch, each in a new random order.

        Raises:
            ValueError: before the first step, the batch has no places or a part of an episode; the
                actor starts differently from None and from zeros; it detaches its state; or
                `PGPolicy.learn` raises.
        """
        _check_whole_episodes(batch)
        self.steps_of_last_learn = 0
        return super().learn(batch, batch_size, repeat, *args, **kwargs)

    def _minibatches(self, columns: Batch, batch_size: int | None) -> Iterator[Any]:
        """Yield whole episodes in random order, with their rows ordered by step."""
        if self.steps_of_last_learn == 0:  # the first pass, with the parameters that acted
            self._check_memory(columns)
        number, step = columns.episode_number, columns.episode_step
        shuffled, lengths = _shuffled_episodes(number)
        for start, stop in _piece_bounds(lengths, batch_size):
            rows = np.flatnonzero(np.isin(number, shuffled[start:stop]))
            self.steps_of_last_learn += 1
            yield columns[rows[_order_of_steps(number[rows], step[rows])]]

    def _loss(self, minibatch: types.BatchWithReturnsProtocol) -> Tensor:
        """Return the loss of `PGPolicy`, with log-probabilities taken step after step."""
        state = None
        parts = []
        for rows in _steps(minibatch):
            log_prob, state = self._log_prob_and_state(rows, first_rows(state, len(rows.act)))
            check_state(state, len(rows.act), of="episodes")
            parts.append(log_prob)
        log_prob = torch.cat(parts, dim=1)
        returns = torch.as_tensor(minibatch.returns, dtype=torch.float, device=log_prob.device)
        return -(log_prob * returns.flatten().expand_as(log_prob)).mean()

    def _log_prob_and_state(self, rows: Any, state: Any) -> tuple[Tensor, Any]:
        """Return the log-probabilities of one step, [1 or A, B], and the new hidden state."""
        result = self(rows, state=state)
        act = torch.as_tensor(rows.act, dtype=result.act.dtype, device=result.act.device)
        scores = checked_log_prob(result.dist, act)
        log_prob = scores.reshape(len(act), -1).T
        if len(log_prob) > 1:
            self._warn_of_mean_over_dimensions(scores.shape[1:])
        return log_prob, result.get("state")

    def _check_memory(self, columns: Batch) -> None:
        """Raise unless the actor starts from zeros as from None, and lets gradients through.

        The actor is asked in eval mode, as when it acts, and torch's generator is not moved.
        """
        with torch_train_mode(self, False), outputs_unexamined(self):
            self._check_start(columns[columns.episode_step == 0])
            if not self._gradient_is_checked:
                order = _order_of_steps(columns.episode_number, columns.episode_step)
                self._check_gradient(columns[order])
                self._gradient_is_checked = True

    @torch.no_grad()
    def _check_start(self, first: Any) -> None:
        """Raise unless the actor returns the same at the first steps for None and for zeros."""
        output, state = self._ask(first, None)
        check_state(state, len(first.act), of="episodes")
        zeros = reset_rows(state, np.ones(len(first.act), bool))
        other_output, other_state = self._ask(first, zeros)
        if _differ(output, other_output, SAME_START) or _differ(state, other_state, SAME_START):
            raise ValueError(
                "the actor starts differently from state=None and from a state of zeros. The "
                "collector hands it None after a reset, and zeros where a later episode begins, "
                "so the same first step was taken with two policies. To start from another state, "
                "let the actor put it in place of None and of rows that are 0."
            )

    def _check_gradient(self, all_rows: Any) -> None:
        """Raise if a hidden state depends on the parameters but has no gradient."""
        trained = {name: p for name, p in self.named_parameters() if p.requires_grad}
        nudged = {name: p.detach() + NUDGE for name, p in trained.items()}
        state = None
        for rows in _steps(all_rows):
            before = first_rows(state, len(rows.act))
            _, state = self._ask(rows, before)
            without = [k for k, leaf in enumerate(leaves(state)) if _has_no_gradient(leaf)]
            if not without:
                continue
            _, moved = self._ask(rows, before, nudged)
            parts, moved_parts = list(leaves(state)), list(leaves(moved))
            if any(_differ(parts[k], moved_parts[k], tolerance=0.0) for k in without):
                raise ValueError(
                    "the actor detaches its hidden state: the state depends on the parameters, but "
                    "has no gradient, so nothing would be learned about what to remember. "
                    "Return the state without .detach(), .numpy() or torch.no_grad()."
                )

    def _ask(
        self, rows: Any, state: Any, parameters: dict[str, Tensor] | None = None
    ) -> tuple[Any, Any]:
        """Return the actor's output and state, with other parameters if some are given."""
        with torch.random.fork_rng(devices=[]):
            result = functional_call(self, parameters or {}, (rows,), {"state": state})
        return result.get("logits"), result.get("state")


def _places_in_episodes(
    batch: types.RolloutBatchProtocol, buffer: ReplayBuffer, indices: Ints
) -> tuple[Ints, Ints]:
    """Return the number of each row's episode and of its step there, [B] each, or raise."""
    end = episode_ends(batch, buffer, indices)
    order, place = order_of_time(indices, buffer)
    rows = indices[order]
    goes_on = (rows[1:] == buffer.successor(rows)[:-1]) & ~end[order][:-1]
    begins = np.append(True, ~goes_on)
    _check_places(rows, begins, buffer, len(indices))

    first = np.flatnonzero(begins)
    lengths = np.diff(first, append=len(rows))
    number = np.repeat(np.arange(len(first)), lengths)
    step = np.arange(len(rows)) - np.repeat(first, lengths)
    return number[place], step[place]


def _check_places(rows: Ints, begins: Flags, buffer: ReplayBuffer, sampled: int) -> None:
    """Require that each row appears once, and that it begins an episode where it seems to."""
    if len(rows) < sampled:
        raise ValueError(
            f"{sampled} rows were sampled, but only {len(rows)} different ones. Learning with "
            "memory takes each row once: sample_size=0 (all rows)."
        )
    wrong = np.flatnonzero(begins != buffer.is_first(rows))
    if len(wrong) > 0:
        row = rows[wrong[0]]
        raise ValueError(
            f"the rows at buffer index {row} and after it are a part of an episode without its "
            "first steps, so what the actor remembered there cannot be known. Collect whole "
            "episodes (n_episode=) into a buffer that holds them all, and update from all rows "
            "(sample_size=0)."
        )


def _check_whole_episodes(columns: Any) -> None:
    """Require that the steps of each episode count from 0 to its length - 1."""
    if "episode_number" not in columns or "episode_step" not in columns:
        raise ValueError("batch has no episode_number and episode_step: call process_fn first.")
    number, step = columns.episode_number, columns.episode_step
    order = np.lexsort((step, number))
    _, lengths = np.unique(number, return_counts=True)
    expected = np.concatenate([np.arange(length) for length in lengths])
    if not np.array_equal(step[order], expected):
        raise ValueError(
            "batch holds parts of episodes: some steps are missing or appear twice. Give learn all "
            "rows that process_fn returned."
        )


def _shuffled_episodes(number: Ints) -> tuple[Ints, Ints]:
    """Return the numbers of the episodes in random order, and the number of rows of each."""
    episodes, lengths = np.unique(number, return_counts=True)
    order = np.random.permutation(len(episodes))
    return episodes[order], lengths[order]


def _piece_bounds(lengths: Ints, batch_size: int | None) -> list[tuple[int, int]]:
    """Return where each minibatch starts and stops in a list of episodes of these lengths.

    Example:
        >>> _piece_bounds(np.array([3, 1, 5, 2, 2]), batch_size=4)
        [(0, 2), (2, 3), (3, 5)]
        >>> _piece_bounds(np.array([3, 1, 5, 2]), batch_size=4)  # a remainder of 2 rows
        [(0, 2), (2, 4)]
    """
    least = batch_size if batch_size and batch_size > 0 else lengths.sum()
    stops = []
    rows = 0
    for number, length in enumerate(lengths, start=1):
        rows += length
        if rows >= least:
            stops.append(number)
            rows = 0
    if rows > 0:  # the remainder joins the last minibatch
        stops[-1:] = [len(lengths)]
    return list(pairwise([0, *stops]))


def _order_of_steps(number: Ints, step: Ints) -> Ints:
    """Return the order of rows by step, and within a step by the length of their episodes.

    Example:
        >>> number, step = np.array([0, 1, 1, 1, 2, 2]), np.array([0, 0, 1, 2, 0, 1])
        >>> order = _order_of_steps(number, step)
        >>> number[order], step[order]
        (array([1, 2, 0, 1, 2, 1]), array([0, 0, 0, 1, 1, 2]))
    """
    _, episode, lengths = np.unique(number, return_inverse=True, return_counts=True)
    return np.lexsort((episode, -lengths[episode], step))


def _steps(rows: Any) -> Iterator[Any]:
    """Yield the rows of step 0, of step 1, and so on, from rows in `_order_of_steps`."""
    running = np.bincount(rows.episode_step)  # the number of episodes that reach step t
    for start, stop in pairwise([0, *np.cumsum(running)]):
        yield rows[start:stop]


def _has_no_gradient(leaf: Any) -> bool:
    """Tell whether a part of a hidden state could have a gradient but has none."""
    leaf = torch.as_tensor(leaf)
    return leaf.is_floating_point() and not leaf.requires_grad


def _differ(ours: Any, others: Any, tolerance: float) -> bool:
    """Tell whether two outputs of an actor differ in a number by more than the tolerance."""
    pairs = list(zip(_numbers(ours), _numbers(others), strict=False))
    # The shapes differ if the actor appends each step to its state.
    comparable = [(x, y) for x, y in pairs if x.shape == y.shape]
    return not all(torch.allclose(x, y, tolerance, tolerance, True) for x, y in comparable)


def _numbers(output: Any) -> list[Tensor]:
    """Return the tensors and arrays in an actor's output or hidden state, as float64."""
    return [torch.as_tensor(x).double() for x in leaves(output) if hasattr(x, "dtype")]
