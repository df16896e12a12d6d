"""The verdict on an estimator: its exact expectation and noise, beside the truth.

    E[g] = Σ p(batch) g(batch),     Cov[g] = Σ p(batch) (g(batch) - E[g]) (g(batch) - E[g])ᵀ

The sum goes over every batch that there is (`MDP.batches`), so nothing here is an estimate. Where
the actions are real numbers the sum is an integral, `gaussian_expectation`.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pg_edu.lab.exact.mdp import Batch, Estimator
from pg_edu.types import Floats


@dataclass(frozen=True, eq=False)
class Judgement:
    """What an estimator comes to: exact moments, beside the truth.

    Args:
        truth: what it was held against.
        expectation: E[g], of the same shape.
        covariance: of g flattened to D numbers, [D, D].
    """

    truth: Floats
    expectation: Floats
    covariance: Floats

    @property
    def bias(self) -> Floats:
        """E[g] - truth."""
        return self.expectation - self.truth

    @property
    def variance(self) -> float:
        """E|g - E[g]|², the trace of the covariance."""
        return float(np.trace(self.covariance))

    @property
    def snr(self) -> float:
        """Signal to noise: |E[g]| over the root of the variance (infinite without noise)."""
        signal = float(np.linalg.norm(self.expectation))
        return signal / math.sqrt(self.variance) if self.variance > 0 else math.inf

    @property
    def cosine(self) -> float:
        """Of the angle between E[g] and the truth: 1 means biased in scale at most."""
        return cosine(self.expectation, self.truth)

    @property
    def scale(self) -> float:
        """The length of E[g] along the truth, in units of the truth's: 1 where g is unbiased."""
        return float(np.vdot(self.expectation, self.truth) / np.vdot(self.truth, self.truth))

    @property
    def unbiased(self) -> bool:
        """|E[g] - truth| < 1e-12, relative to the truth where that is longer than 1."""
        allowed = 1e-12 * max(1.0, float(np.linalg.norm(self.truth)))
        return float(np.linalg.norm(self.bias)) < allowed

    def __str__(self) -> str:
        verdict = "unbiased" if self.unbiased else f"biased by {np.linalg.norm(self.bias):.3g}"
        return f"{verdict}, cosine {self.cosine:.4f}, variance {self.variance:.4g}"


def judge(
    estimator: Estimator, batches: Iterable[tuple[float, Batch]], truth: ArrayLike
) -> Judgement:
    """The exact expectation and covariance of an estimator, and how they compare with the truth.

    Args:
        estimator: a batch of episodes -> an array of the truth's shape, a direction of ascent.
        batches: every batch that there is and its probability: `mdp.batches(n)`, `mdp.windows(n)`.
        truth: e.g. `mdp.gradient()`.

    Raises:
        ValueError: probabilities that do not sum to 1, a result of another shape than the truth's,
            or one that is not finite.

    Example:
        >>> from pg_edu.lab.exact.mdp import MDP
        >>> coin = MDP([1], np.zeros((1, 2, 1)), [[0, 1]], [[0, 0]])
        >>> reinforce = lambda batch: np.mean([e.score[0] * e.rew[0] for e in batch], axis=0)
        >>> print(judge(reinforce, coin.batches(2), coin.gradient()))
        unbiased, cosine 1.0000, variance 0.0625
    """
    target = np.asarray(truth, np.float64)
    weights, values = [], []
    for p, batch in batches:
        value = np.asarray(estimator(batch), np.float64)
        if value.shape != target.shape or not np.isfinite(value).all():
            raise ValueError(
                f"the estimator must give finite numbers of shape {target.shape}, the truth's, but "
                f"for episodes of lengths {[*map(len, batch)]} it gave {value.shape}: {value}."
            )
        weights.append(p)
        values.append(value.ravel())
    probability, results = np.array(weights), np.array(values)
    if abs(probability.sum() - 1) > 1e-9:
        raise ValueError(f"the probabilities of the batches sum to {probability.sum()}, not to 1.")
    mean = probability @ results
    deviation = results - mean
    covariance = (probability * deviation.T) @ deviation
    return Judgement(target, mean.reshape(target.shape), covariance)


def cosine(a: ArrayLike, b: ArrayLike) -> float:
    """Of the angle between two arrays taken as vectors; 0 if one of them is 0."""
    a, b = np.ravel(a), np.ravel(b)
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths > 0 else 0.0


def gaussian_expectation(
    f: Callable[[Floats], Any], mean: float = 0.0, std: float = 1.0, kinks: Sequence[float] = ()
) -> Any:
    """E[f(x)] for x ~ Normal(mean, std), by Gauss-Legendre quadrature piece by piece.

    One Gauss-Hermite rule would do for polynomials, but it converges slowly where f bends (clip)
    or saturates (tanh). Between its kinks f is smooth, and pieces of at most one std suffice unless
    f varies much within one.

    Args:
        f: of an array [n]: an array [..., n].
        mean, std: of the Gaussian.
        kinks: where f or its derivative jumps, e.g. the bounds of a clip.

    Returns:
        float64 [...]; exact to rounding where f, between its kinks, varies on the scale of std and
        grows at most like a polynomial or exp(|x - mean| / std).

    Example:
        >>> float(round(gaussian_expectation(lambda x: np.clip(x, -1, 1) ** 2, kinks=[-1, 1]), 12))
        0.516058550962
    """
    nodes, weights = np.polynomial.legendre.leggauss(24)
    edges = np.union1d(mean + std * np.arange(-14, 15), np.asarray(kinks, np.float64))
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    x = (middle[:, None] + half[:, None] * nodes).ravel()
    density = np.exp(-(((x - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))
    return np.asarray(f(x), np.float64) @ ((half[:, None] * weights).ravel() * density)
