"""REINFORCE with a leave-one-out baseline, and a sum over the steps of each episode.

    g = (1/N) Σᵢ Σₜ ∇log π(aₜ|sₜ) (Gᵢₜ - bᵢₜ),   bᵢₜ = 1/(N-1) Σ_{j≠i} Gⱼₜ,   Gⱼₜ = 0 after j's end

The baseline bᵢₜ depends on the time t and on the other episodes, not on episode i, so
E[∇log π bᵢₜ] = 0. The divisor N is fixed before the first action, unlike the number of steps B, by
which `PGPolicy.learn` divides. `PGPolicy` itself keeps the numbers of Tianshou v1.1.0.
"""

from typing import Any

import numpy as np

from pg_edu import types
from pg_edu.buffer import ReplayBuffer
from pg_edu.reinforce import PGPolicy
from pg_edu.stats import PGTrainingStats
from pg_edu.types import Flags, Ints


class LeaveOneOut(PGPolicy[PGTrainingStats]):
    """REINFORCE with a leave-one-out baseline, unbiased whatever the lengths of the episodes.

    With γ = 1 the expectation of an update's gradient is ∇E[Σ rₜ]; below 1 it is
    E[Σ ∇log π(aₜ|sₜ) Gₜ], which lacks the factor γᵗ, as `PGPolicy` does. This needs N whole and
    independent episodes, with N fixed before they are collected, as by `collect(n_episode=N)`, and
    one step on all of them. With one episode there are no others, and nothing is subtracted. With
    two, the variance of the baseline may make the variance of the gradient larger than without it.

    `reward_normalization` is applied before the baseline, and changes the scale; it also adds a
    running mean to the returns of truncated episodes (see `PGPolicy.process_fn`).

    Source: Kool, van Hoof & Welling (2019); Ahmadian et al. (2024).

    Example:
        >>> from pg_edu.lab.exact.agent import pgpolicy_step
        >>> from pg_edu.lab.exact.judge import judge
        >>> from pg_edu.lab.exact.tasks import stop_or_go
        >>> task = stop_or_go()
        >>> for policy in PGPolicy, LeaveOneOut:
        ...     found = judge(pgpolicy_step(policy), task.batches(2), task.gradient())
        ...     print(f"{found.expectation[0, 0]:+.3f} where {found.truth[0, 0]:+.3f} is right")
        -0.020 where -0.350 is right
        -0.350 where -0.350 is right
    """

    def process_fn(
        self, batch: types.RolloutBatchProtocol, buffer: ReplayBuffer, indices: Ints
    ) -> types.BatchWithReturnsProtocol:
        """Add `batch.returns`, float64 [B]: (Gᵢₜ - bᵢₜ) B/N, since `learn` divides by B.

        Args:
            batch: rows of whole episodes, those of each episode in time order.
            buffer: the buffer they come from.
            indices: the rows' indices in the buffer, [B].

        Raises:
            ValueError: an episode is not finished, its rows are not adjacent and in time order, or
                `PGPolicy.process_fn` raises.
        """
        ready = super().process_fn(batch, buffer, indices)
        G = ready.returns
        end = np.asarray(batch.terminated | batch.truncated, bool)
        _check_whole(end, buffer, indices)

        last = np.flatnonzero(end)
        N, B = len(last), len(G)
        lengths = np.diff(last, prepend=-1)
        t = np.concatenate([np.arange(length) for length in lengths])
        sum_at_t = np.bincount(t, weights=G)  # over the episodes that reach step t
        baseline = (sum_at_t[t] - G) / max(1, N - 1)
        ready.returns = (G - baseline) * B / N
        return ready

    def learn(
        self,
        batch: types.BatchWithReturnsProtocol,
        batch_size: int | None,
        repeat: int,
        *args: Any,
        **kwargs: Any,
    ) -> PGTrainingStats:
        """Take the gradient steps of `PGPolicy.learn`, each on all rows.

        Raises:
            ValueError: batch_size asks for minibatches. Their number would grow with B, and the
                bias that the division by N removes would return.
        """
        if batch_size is not None and 0 < batch_size < len(batch):
            raise ValueError(
                f"batch_size must be None, got {batch_size} for {len(batch)} rows: LeaveOneOut "
                "takes its step on all episodes together."
            )
        return super().learn(batch, batch_size, repeat, *args, **kwargs)


def _check_whole(end: Flags, buffer: ReplayBuffer, indices: Ints) -> None:
    """Require that each row ends its episode or is followed by its successor; the last must end."""
    goes_on = np.flatnonzero(~end[:-1])
    is_followed = buffer.next(indices[goes_on]) == indices[goes_on + 1]
    if not end[-1:].any() or not is_followed.all():
        raise ValueError(
            "LeaveOneOut needs whole episodes with their rows in time order: collect with "
            "n_episode, not n_step, and update with sample_size=0."
        )
