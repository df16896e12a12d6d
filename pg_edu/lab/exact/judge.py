"""Judge an estimator by its exact expectation and covariance, compared with the truth.

    E[g] = Σ p(batch) g(batch),     Cov[g] = Σ p(batch) (g(batch) - E[g]) (g(batch) - E[g])ᵀ

The sum runs over every possible batch (`MDP.batches`), so nothing here is sampled. Where the
actions are real numbers, the sum becomes an integral, `gaussian_expectation`.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pg_edu.lab.exact.mdp import Episodes, Estimator
from pg_edu.types import Floats


@dataclass(frozen=True, eq=False)
class Judgment:
    """The exact moments of an estimator, and the truth that they are compared with.

    Args:
        truth: what the estimator should equal on average.
        expectation: E[g], of the same shape.
        covariance: the covariance matrix of g flattened to M numbers, [M, M].
    """

    truth: Floats
    expectation: Floats
    covariance: Floats

    @property
    def bias(self) -> Floats:
        """Return E[g] - truth, the bias."""
        return self.expectation - self.truth

    @property
    def variance(self) -> float:
        """Return E|g - E[g]|², the trace of the covariance."""
        return float(np.trace(self.covariance))

    @property
    def snr(self) -> float:
        """Return the signal-to-noise ratio |E[g]| / √variance, infinite if the variance is 0."""
        signal = float(np.linalg.norm(self.expectation))
        return signal / math.sqrt(self.variance) if self.variance > 0 else math.inf

    @property
    def cosine(self) -> float:
        """Return the cosine between E[g] and the truth, which is 1 if they differ only in scale."""
        return cosine(self.expectation, self.truth)

    @property
    def scale(self) -> float:
        """Return the length of E[g] along the truth over |truth|, which is 1 if g is unbiased."""
        return float(np.vdot(self.expectation, self.truth) / np.vdot(self.truth, self.truth))

    @property
    def unbiased(self) -> bool:
        """Return whether |E[g] - truth| < 1e-12 · max(1, |truth|)."""
        allowed = 1e-12 * max(1.0, float(np.linalg.norm(self.truth)))
        return float(np.linalg.norm(self.bias)) < allowed

    def __str__(self) -> str:
        verdict = "unbiased" if self.unbiased else f"biased by {np.linalg.norm(self.bias):.3g}"
        return f"{verdict}, cosine {self.cosine:.4f}, variance {self.variance:.4g}"


def judge(
    estimator: Estimator, batches: Iterable[tuple[float, Episodes]], truth: ArrayLike
) -> Judgment:
    """Return the exact expectation and covariance of an estimator, with the truth.

    Args:
        estimator: a function of a batch of episodes that returns an array of the truth's shape, a
            direction of ascent.
        batches: every possible batch and its probability: `mdp.batches(n)` or `mdp.windows(n)`.
        truth: for example `mdp.gradient()`.

    Raises:
        ValueError: the probabilities do not sum to 1, or an estimate is not finite or does not have
            the truth's shape.

    Example:
        >>> from pg_edu.lab.exact.mdp import MDP
        >>> coin = MDP([1], np.zeros((1, 2, 1)), [[0, 1]], [[0, 0]])
        >>> reinforce = lambda batch: np.mean([e.score[0] * e.rew[0] for e in batch], axis=0)
        >>> print(judge(reinforce, coin.batches(2), coin.gradient()))
        unbiased, cosine 1.0000, variance 0.0625
    """
    target = np.asarray(truth, np.float64)
    weights = []
    values = []
    for p, batch in batches:
        weights.append(p)
        values.append(_estimate(estimator, batch, target.shape))
    probability = np.array(weights)
    g = np.array(values)
    if abs(probability.sum() - 1) > 1e-9:
        raise ValueError(f"the probabilities of the batches sum to {probability.sum()}, not to 1.")

    mean = probability @ g
    deviation = g - mean
    covariance = (probability * deviation.T) @ deviation
    return Judgment(target, mean.reshape(target.shape), covariance)


def _estimate(estimator: Estimator, batch: Episodes, shape: tuple[int, ...]) -> Floats:
    """Return the estimate from one batch, flattened, [M]."""
    value = np.asarray(estimator(batch), np.float64)
    if value.shape != shape or not np.isfinite(value).all():
        lengths = [len(e) for e in batch]
        raise ValueError(
            f"the estimator must give finite numbers of shape {shape}, the truth's, but "
            f"for episodes of lengths {lengths} it gave {value.shape}: {value}."
        )
    return value.flatten()  # This is a copy, because an estimator may reuse its array.


def cosine(x: ArrayLike, y: ArrayLike) -> float:
    """Return the cosine of the angle between two arrays, as vectors; 0 if either of them is 0."""
    x, y = np.ravel(x), np.ravel(y)
    lengths = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / lengths if lengths > 0 else 0.0


def gaussian_expectation(
    f: Callable[[Floats], Any], mean: float = 0.0, std: float = 1.0, kinks: Sequence[float] = ()
) -> Any:
    """Return E[f(x)] for x ~ Normal(mean, std), by piecewise Gauss-Legendre quadrature.

    A single Gauss-Hermite rule would do for polynomials, but it converges slowly where f bends
    (clip) or saturates (tanh). Between its kinks f is smooth, and pieces of at most one standard
    deviation suffice unless f varies much within one.

    Args:
        f: a function of an array [n] that returns an array [..., n].
        mean, std: parameters of the Gaussian.
        kinks: the points where f or its derivative jumps, for example the bounds of a clip.

    Returns:
        float64 [...], exact up to rounding if f, between its kinks, varies little within one std
        and grows at most like a polynomial or exp(|x - mean| / std).

    Example:
        >>> float(round(gaussian_expectation(lambda x: np.clip(x, -1, 1) ** 2, kinks=[-1, 1]), 12))
        0.516058550962
    """
    nodes, weights = np.polynomial.legendre.leggauss(24)
    edges = np.union1d(mean + std * np.arange(-14, 15), np.asarray(kinks, np.float64))
    middle = (edges[1:] + edges[:-1]) / 2
    half = (edges[1:] - edges[:-1]) / 2
    x = (middle[:, None] + half[:, None] * nodes).ravel()
    density = np.exp(-(((x - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))
    return np.asarray(f(x), np.float64) @ ((half[:, None] * weights).ravel() * density)
