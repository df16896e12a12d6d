"""PGPolicy with a baseline out of the other episodes, and a sum over each episode's steps.

    g = (1/N) Σᵢ Σₜ ∇log π(aₜ|sₜ) (Gᵢₜ - bᵢₜ),   bᵢₜ = 1/(N-1) Σ_{j≠i} Gⱼₜ,   Gⱼₜ = 0 after j's end

bᵢₜ knows nothing of episode i but the time t, so E[∇log π bᵢₜ] = 0; and N, unlike the number of
steps B that `PGPolicy.learn` divides by, is settled before the first action. `PGPolicy` itself is
left as it is: its numbers are those of Tianshou v1.1.0.
"""

from typing import Any

import numpy as np

from pg_edu import types
from pg_edu.buffer import ReplayBuffer
from pg_edu.policy import Indices, PGPolicy
from pg_edu.stats import PGTrainingStats


class LeaveOneOut(PGPolicy[PGTrainingStats]):
    """REINFORCE with a leave-one-out baseline; unbiased, whatever the lengths of the episodes.

    With γ = 1 the expectation of an update's gradient is ∇E[Σ rₜ]; below 1 it is
    E[Σ ∇log π(aₜ|sₜ) Gₜ], in which γᵗ is missing, as it is in `PGPolicy`. This needs N whole and
    independent episodes with N settled beforehand, as from `collect(n_episode=N)`, and one step on
    all of them. With one episode there are no others, and nothing is subtracted. With two the
    baseline is so noisy that the gradient may be noisier than without.

    `reward_normalization` comes first, and then the scale is another; to the returns of truncated
    episodes it also adds a running mean, see `PGPolicy.process_fn`.

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
        self, batch: types.RolloutBatchProtocol, buffer: ReplayBuffer, indices: Indices
    ) -> types.BatchWithReturnsProtocol:
        """Add `batch.returns`, float64 [B]: (Gᵢₜ - bᵢₜ) B/N, since `learn` divides by B.

        Args:
            batch: rows of whole episodes, each one's in the order of time.
            buffer, indices: where they come from, [B].

        Raises:
            ValueError: an episode is not finished, or its rows are not one behind the other. What
                `PGPolicy.process_fn` raises, before that.
        """
        ready = super().process_fn(batch, buffer, indices)
        G, end = ready.returns, np.asarray(batch.terminated | batch.truncated, bool)
        _check_whole(end, buffer, indices)
        last = np.flatnonzero(end)
        t = np.concatenate([np.arange(steps) for steps in np.diff(last, prepend=-1)])
        baseline = (np.bincount(t, weights=G)[t] - G) / max(1, len(last) - 1)
        ready.returns = (G - baseline) * len(G) / len(last)
        return ready

    def learn(
        self,
        batch: types.BatchWithReturnsProtocol,
        batch_size: int | None,
        repeat: int,
        *args: Any,
        **kwargs: Any,
    ) -> PGTrainingStats:
        """As `PGPolicy.learn`, on all rows at once.

        Raises:
            ValueError: minibatches are asked for. Their number grows with B, and that would bring
                back what the division by N has mended.
        """
        if batch_size is not None and 0 < batch_size < len(batch):
            raise ValueError(
                f"batch_size must be None, got {batch_size} for {len(batch)} rows: LeaveOneOut "
                "takes its step on all episodes together."
            )
        return super().learn(batch, batch_size, repeat, *args, **kwargs)


def _check_whole(end: Any, buffer: ReplayBuffer, indices: Indices) -> None:
    goes_on = np.flatnonzero(~end[:-1])
    if not end[-1:].any() or (buffer.next(indices[goes_on]) != indices[goes_on + 1]).any():
        raise ValueError(
            "LeaveOneOut needs whole episodes, their rows in the order of time: collect with "
            "n_episode, not n_step, and update with sample_size=0."
        )
