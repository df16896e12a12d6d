"""Three laws that find bugs without knowing the right answer.

    shift        E[g(G + c)] = E[g(G)]        because E[∇log π(a|s)] = 0
    scale        E[g(3 G)] = 3 E[g(G)]        because ∇J is linear in the rewards
    batch size   E[g] is the same for every N: more episodes lower the variance, not the target

Here g is an estimator, or one update of an agent, and G the returns. Every estimator that is
unbiased for all rewards obeys the laws. They are about returns: a constant c is added to every Gₜ
of an episode. A constant added to every *reward* is different if episodes differ in length: it
favors long episodes (or short ones), and ∇J should change. Adding c (1 - γ) to every reward, and a
further γ c to the last one, shifts every Gₜ by exactly c.

The laws are necessary, not sufficient: minus the gradient obeys all three, and so does the update
without γᵗ, which in general is the gradient of no function.
"""

import copy
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pg_edu.lab.exact.mdp import MDP, Episodes, Estimator
from pg_edu.lab.exact.suspects import Match, identify
from pg_edu.lab.exact.tasks import bandit, contexts, stop_or_go, two_decisions
from pg_edu.types import Floats

LAWS = ("shift", "scale", "batch size")
EQUATIONS = {
    "shift": "E[g(G + c)] = E[g(G)]",
    "scale": "E[g(3 G)] = 3 E[g(G)]",
    "batch size": "E[g] does not depend on N",
}
TASKS: dict[str, MDP] = {
    "a bandit": bandit([1.0, 0.0, 5.0], [0.5, -0.3, 0.1]),
    "contexts": contexts(),
    "two decisions": replace(two_decisions(), gamma=1.0),
    "stop-or-go": stop_or_go(),
    "a coin until tails": MDP(
        [1.0], [[[0.0], [1.0]]], [[0.0, 1.0]], [[0.2, 0.0]], observation=[0], limit=3
    ),
}

ParameterStep = Callable[
    [list[Any]], Any
]  # a batch of episodes -> what an update adds to the parameters


@dataclass(frozen=True)
class Finding:
    """The result of checking one law.

    Args:
        law: "shift", "scale" or "batch size".
        holds: whether no violation was found.
        size: the largest difference between two sides that should be equal, in units of the root
            mean square of |g|; infinite if g is not finite.
        where: the task and the N with the largest difference, or how the law was tested.
    """

    law: str
    holds: bool
    size: float
    where: str


@dataclass(frozen=True, repr=False)
class LawReport:
    """The findings about the three laws; when printed, it says what is broken and the usual cause.

    Args:
        findings: one per law.
        method: how the laws were checked.
        meaning: the usual cause of this combination of violations.
    """

    findings: tuple[Finding, ...]
    method: str
    meaning: str

    @property
    def broken(self) -> tuple[str, ...]:
        """Return the names of the laws that are broken."""
        return tuple(finding.law for finding in self.findings if not finding.holds)

    def __getitem__(self, law: str) -> Finding:
        return {finding.law: finding for finding in self.findings}[law]

    def __repr__(self) -> str:
        meaning = textwrap.wrap(self.meaning, width=92)
        return "\n".join([*map(_line, self.findings), self.method, *meaning])


def with_return_shift(episode: Any, c: float, gamma: float = 1.0) -> Any:
    """Return the episode with rewards such that every discounted return Gₜ is larger by c.

    Example:
        >>> _, (episode, *_) = bandit([3, 4]).episodes()
        >>> with_return_shift(episode, 10).rew
        array([13.])
    """
    rew = _rewards(episode) + c * (1 - gamma)
    rew[-1] += c * gamma
    return _with_rewards(episode, rew)


def with_reward_scale(episode: Any, factor: float) -> Any:
    """Return the episode with every reward, and so every return, multiplied by `factor`."""
    return _with_rewards(episode, factor * _rewards(episode))


# By enumeration.


def laws(
    estimator: Estimator,
    *,
    tasks: Mapping[str, MDP] = TASKS,
    sizes: Sequence[int] = (1, 2, 3),
    gamma: float = 1.0,
    tolerance: float = 1e-6,
) -> LawReport:
    """Check the three laws exactly, by enumeration.

    Args:
        estimator: a function of a batch of episodes that returns an array [O, A];
            `pgpolicy_step(MyPolicy)` makes one of a policy class.
        tasks: small MDPs by name. Together they must have what can break a law: episodes of
            different lengths, several steps, several observations.
        sizes: numbers N of episodes in a batch.
        gamma: the discount factor with which the estimator computes its returns.
        tolerance: the largest difference that counts as rounding, relative to |g|.

    Raises:
        ValueError: there are fewer than two sizes.

    Example:
        >>> from pg_edu.lab.exact.estimators import RIGHT, WRONG
        >>> laws(RIGHT["leave-one-out"])
        ✓ shift       E[g(G + c)] = E[g(G)]
        ✓ scale       E[g(3 G)] = 3 E[g(G)]
        ✓ batch size  E[g] does not depend on N
        exact: every batch of 1, 2, 3 episodes of 5 tasks
        It is reward-to-go minus the others' mean, summed over an episode. No law is broken. (That
        does not prove g right: minus the gradient obeys them too.)
        >>> laws(WRONG["mean over steps"]).broken
        ('shift', 'batch size')
    """
    _check_sizes(sizes)
    trials = {
        name: [_trial(estimator, task, n, gamma) for n in sizes] for name, task in tasks.items()
    }
    gaps = {law: _gaps(law, trials, sizes) for law in LAWS}
    findings = []
    for law in LAWS:
        size, where = max(gaps[law])
        findings.append(Finding(law, size <= tolerance, size, where))

    counted = ", ".join(map(str, sizes))
    return LawReport(
        findings=tuple(findings),
        method=f"exact: every batch of {counted} episodes of {len(tasks)} tasks",
        meaning=_meaning_of(identify(estimator, tasks, gamma), findings),
    )


@dataclass(frozen=True, eq=False)
class _Moments:
    """E[g] and √E[|g|²], which is infinite if g is not finite."""

    mean: Floats
    rms: float


@dataclass(frozen=True, eq=False)
class _Trial:
    """The moments of an estimator over batches of n episodes, as they are and changed."""

    plain: _Moments
    shifted: _Moments
    scaled: _Moments


def _trial(estimator: Estimator, task: MDP, n: int, gamma: float) -> _Trial:
    batches = list(task.batches(n))
    return _Trial(
        plain=_moments(estimator, batches, lambda e: e),
        shifted=_moments(estimator, batches, lambda e: with_return_shift(e, 1.0, gamma)),
        scaled=_moments(estimator, batches, lambda e: with_reward_scale(e, 3.0)),
    )


def _moments(
    estimator: Estimator,
    batches: Iterable[tuple[float, Episodes]],
    change: Callable[[Any], Any],
) -> _Moments:
    weights = []
    values = []
    for p, batch in batches:
        weights.append(p)
        values.append(_vector(estimator([change(e) for e in batch])))
    probability = np.array(weights)
    g = np.array(values)
    if not np.isfinite(g).all():
        return _Moments(g[0], np.inf)
    return _Moments(probability @ g, float(np.sqrt(probability @ (g**2).sum(axis=1))))


def _gaps(
    law: str, trials: Mapping[str, list[_Trial]], sizes: Sequence[int]
) -> list[tuple[float, str]]:
    """Return how far apart the two sides of a law are, for each task and N, and where that is."""
    gaps = []
    for name, of_task in trials.items():
        first = of_task[0].plain
        for n, trial in zip(sizes, of_task, strict=True):
            where = f"{name}, N = {n}"
            if law == "shift":
                gaps.append((_gap(trial.shifted, trial.plain), where))
            elif law == "scale":
                tripled = _Moments(3 * trial.plain.mean, 3 * trial.plain.rms)
                gaps.append((_gap(trial.scaled, tripled), where))
            else:
                gaps.append((_gap(trial.plain, first), f"{where} against {sizes[0]}"))
    return gaps


def _gap(x: _Moments, y: _Moments) -> float:
    unit = max(x.rms, y.rms)
    if not np.isfinite(unit):
        return np.inf
    return float(np.linalg.norm(x.mean - y.mean)) / (unit or 1.0)


# By sampling.


def sampled_laws(
    step: ParameterStep,
    collect: Callable[[int], Sequence[Any]],
    *,
    sizes: Sequence[int] = (1, 2, 4),
    gamma: float = 1.0,
    replications: int = 1000,
    error_rate: float = 0.01,
) -> LawReport:
    """Test the three laws on any agent in any environment, from samples.

    Each replication collects max(sizes) episodes and computes differences that have mean 0 if a law
    holds: the step on shifted returns minus the step (on the whole batch, and on its smallest
    parts); a third of the step on tripled rewards minus the step; the mean of the steps on parts of
    the batch minus the step on the whole. The first half of the replications determines the
    direction in which the mean difference points; the second half is tested along it (a one-sided
    t-test, with a Bonferroni correction over all tests). The dimension of the parameters therefore
    does not matter, and a correct agent is accused in at most about `error_rate` of all reports.
    (The t-test is exact for Gaussian differences and an approximation for others.) The test can
    find a violation, but it cannot prove that there is none; for a law that holds, the report says
    how large a violation would probably have been detected.

    Args:
        step: a function of a batch of episodes that returns what an update adds to the parameters,
            an array or tensor of any shape. It must leave the parameters as they were, which
            `parameter_step` ensures. Use plain SGD: the step of Adam is not linear in the gradient.
        collect: a function of n that returns n independent episodes of the agent with its current
            parameters. Any object with the rewards [T] as its attribute `rew` is an episode.
        sizes: numbers of episodes in a batch.
        gamma: the discount factor of the agent's returns.
        replications: how many batches of max(sizes) episodes to collect.
        error_rate: the probability of accusing a correct agent.

    Raises:
        ValueError: there are fewer than two sizes, or `collect` returned the wrong number of
            episodes.
        TypeError: an episode has no attribute `rew`.

    Example:
        >>> from pg_edu.lab.exact.estimators import WRONG
        >>> task, rng = stop_or_go(), np.random.default_rng(0)
        >>> sampled_laws(WRONG["own mean per time"], lambda n: task.sample(n, rng)).broken
        ('batch size',)
    """
    _check_sizes(sizes)
    parts = sorted(set(sizes))
    most = parts[-1]
    c = _typical_return(collect(4 * most), gamma)
    replicates = [
        _replicate(step, _collected(collect, most), parts, c, gamma) for _ in range(replications)
    ]
    steps = np.array([replicate["step"] for replicate in replicates])
    unit = float(np.sqrt((steps**2).sum(axis=1).mean()))
    findings = []
    for law in LAWS:
        differences = np.array([replicate[law] for replicate in replicates])
        findings.append(_t_test(law, differences, unit, error_rate / len(LAWS)))
    return LawReport(
        findings=tuple(findings),
        method=f"sampled: {replications} batches of {most} episodes; "
        f"a correct agent is accused in about {100 * error_rate:g}% of all reports",
        meaning=_meaning(findings),
    )


def _collected(collect: Callable[[int], Sequence[Any]], n: int) -> list[Any]:
    batch = list(collect(n))
    if len(batch) != n:
        raise ValueError(f"collect({n}) must return {n} episodes, but returned {len(batch)}.")
    return batch


def _replicate(
    step: ParameterStep, batch: list[Any], parts: list[int], c: float, gamma: float
) -> dict[str, Floats]:
    """Return the step on the batch, and for each law the differences that have mean 0 under it."""
    # Small parts show the bias of a quotient best, large ones that of a baseline.
    plain = np.array([_mean_of_parts(step, batch, n) for n in parts])
    raised = [with_return_shift(e, c, gamma) for e in batch]
    shifted = np.array([_mean_of_parts(step, raised, n) for n in (parts[0], parts[-1])])
    scaled = _vector(step([with_reward_scale(e, 3.0) for e in batch]))
    return {
        "step": plain[-1],
        "shift": np.ravel(shifted - plain[[0, -1]]),
        "scale": scaled / 3 - plain[-1],
        "batch size": np.ravel(plain[:-1] - plain[-1]),
    }


def _mean_of_parts(step: ParameterStep, batch: list[Any], n: int) -> Floats:
    """Return the mean step on the batch cut into parts of n episodes."""
    steps = [_vector(step(batch[k : k + n])) for k in range(0, len(batch) - n + 1, n)]
    mean: Floats = np.sum(steps, axis=0) / len(steps)
    return mean


def _t_test(law: str, differences: Floats, unit: float, error_rate: float) -> Finding:
    """Test whether the differences [replications, M] have mean 0.

    One half of them gives the direction, and the other half is tested along it. A mean of less than
    1e-4 of |g| counts as the rounding of float32.
    """
    # scipy takes 0.3 s to import, so only those who call this pay for it.
    from scipy.special import stdtrit

    if not np.isfinite(differences).all() or not np.isfinite(unit):
        return Finding(law, False, np.inf, "in some batch")
    scale = unit or 1.0
    half = len(differences) // 2
    direction = differences[:half].mean(axis=0)
    length = float(np.linalg.norm(direction))
    if length <= 1e-4 * scale:
        return Finding(law, True, length / scale, "up to rounding in every batch")

    along = differences[half:] @ (direction / length) / scale
    mean = float(along.mean())
    error = float(along.std(ddof=1) / np.sqrt(len(along)))
    limit = float(stdtrit(len(along) - 1, 1 - error_rate))
    if mean > max(limit * error, 1e-4):
        return Finding(law, False, mean, f"{mean / max(error, 1e-300):.3g} standard errors")
    detectable = 100 * ((limit + 1.3) * error)
    return Finding(law, True, mean, f"{detectable:.2g}% of |g| would probably have been detected")


# What a report says.

NOTHING_BROKEN = (
    "No law is broken. (That does not prove g right: minus the gradient obeys them too.)"
)
UNKNOWN = (
    "Which mistake this is cannot be said: it is none of the known estimators, so the laws that it "
    "breaks are all that is known."
)
NOT_FINITE = (
    "Usual cause: the std of one number, or the mean of no numbers; look at the smallest batches."
)
NOT_LINEAR = (
    "Usual cause: returns divided by their own spread (standardized per batch or episode), "
    "clipped gradients, or an optimizer other than SGD."
)
ALL_PAIRS = (
    "Usual cause: [B, 1] * [B], so each return multiplies every log-probability; "
    "on one-step episodes E[g] is proportional to 1/N."
)
MEAN_OVER_STEPS = (
    "Usual cause: a mean over the steps of all episodes, whose number depends on the actions."
)
MEAN_PER_EPISODE = (
    "Usual cause: a mean over the steps of each episode, whose length depends on the actions."
)
OWN_MEAN = (
    "Usual cause: each return is part of the mean that is subtracted from it; "
    "on one-step episodes E[g] is proportional to 1 - 1/N."
)
OWN_BASELINE = (
    "Usual cause: a baseline computed from the same returns, or steps dropped where no other "
    "episode is alive."
)


USUAL_CAUSES = {
    "averaged over all steps": MEAN_OVER_STEPS,
    "averaged over each episode's": MEAN_PER_EPISODE,
    "[B, 1] * [B]": ALL_PAIRS,
    "standardized": NOT_LINEAR,
    "their own mean at each time": OWN_MEAN,
    "minus the mean": OWN_MEAN,
    "steps dropped": OWN_BASELINE,
}


def _meaning_of(match: Match, findings: Sequence[Finding]) -> str:
    """Return what the estimator was found to be, and the usual cause of its violations."""
    if not all(np.isfinite(finding.size) for finding in findings):
        return NOT_FINITE
    if all(finding.holds for finding in findings):
        return f"{match.text} {NOTHING_BROKEN}".strip()
    if not match.text:
        return UNKNOWN
    causes = [cause for part, cause in USUAL_CAUSES.items() if part in match.text]
    return " ".join([match.text, *causes[:1]])


def _meaning(findings: Sequence[Finding]) -> str:
    """Return the usual cause of these violations, where episodes cannot be enumerated."""
    shift, scale, batch_size = (finding.holds for finding in findings)
    if shift and scale and batch_size:
        return NOTHING_BROKEN
    if not all(np.isfinite(finding.size) for finding in findings):
        return NOT_FINITE
    if not scale:
        return NOT_LINEAR
    if not shift:
        return MEAN_PER_EPISODE if batch_size else MEAN_OVER_STEPS
    return OWN_BASELINE


def _line(finding: Finding) -> str:
    mark = "✓" if finding.holds else "✗"
    line = f"{mark} {finding.law:<10}  {EQUATIONS[finding.law]}"
    if finding.holds:
        return f"{line} ({finding.where})" if "detected" in finding.where else line
    size = f"off by {100 * finding.size:.2g}% of |g|" if np.isfinite(finding.size) else "not finite"
    return f"{line}: {size} ({finding.where})"


# Helpers.


def _check_sizes(sizes: Sequence[int]) -> None:
    if len(set(sizes)) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes must be at least two numbers of episodes, got {sizes}.")


def _typical_return(episodes: Sequence[Any], gamma: float) -> float:
    """Return the root mean square of G₀, or 1 if there are no rewards."""
    rewards = [_rewards(e) for e in episodes]
    totals = [np.dot(gamma ** np.arange(len(rew)), rew) for rew in rewards]
    return float(np.sqrt(np.mean(np.square(totals)))) or 1.0


def _vector(step: Any) -> Floats:
    array = step.detach().cpu().numpy() if hasattr(step, "detach") else np.asarray(step)
    return array.astype(np.float64).ravel()


def _rewards(episode: Any) -> Floats:
    if not hasattr(episode, "rew"):
        raise TypeError(
            f"an episode must have its rewards [T] as attribute rew, got {type(episode).__name__}."
        )
    return np.asarray(episode.rew, np.float64)


def _with_rewards(episode: Any, rew: Floats) -> Any:
    changed = copy.copy(episode)
    object.__setattr__(changed, "rew", rew)
    return changed
