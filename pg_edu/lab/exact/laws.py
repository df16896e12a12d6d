"""Three laws that find bugs without knowing the right answer.

    shift        E[g(G + c)] = E[g(G)]        because E[∇log π(a|s)] = 0
    scale        E[g(3 G)] = 3 E[g(G)]        because ∇J is linear in the rewards
    batch size   E[g] is the same for every N: more episodes are less noise, not another target

Here g is an estimator or one update of an agent, and G the returns. They bind whoever is unbiased
whatever the rewards are. The laws are about returns: a constant c on every Gₜ of an episode. A
constant on every *reward* is something else as soon as episodes differ in length: it pays for long
episodes (or short ones), and ∇J should change. Adding c (1 - γ) to every reward, and γ c more
to the last one, shifts every Gₜ by exactly c.

They are necessary, not sufficient: minus the gradient passes all three, and so does the update
without γᵗ, which is in general no gradient at all.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pg_edu.lab.exact.mdp import MDP, Batch, Estimator
from pg_edu.lab.exact.tasks import bandit, contexts, stop_or_go, two_decisions
from pg_edu.types import Floats

LAWS = ("shift", "scale", "batch size")
SENTENCES = {
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


def with_return_shift(episode: Any, c: float, gamma: float = 1.0) -> Any:
    """The episode with rewards such that every discounted return Gₜ is larger by c.

    Example:
        >>> _, (episode, *_) = bandit([3, 4]).episodes()
        >>> with_return_shift(episode, 10).rew
        array([13.])
    """
    rew = _rewards(episode) + c * (1 - gamma)
    rew[-1] += c * gamma
    return _with_rewards(episode, rew)


def with_reward_scale(episode: Any, factor: float) -> Any:
    """The episode with every reward multiplied by `factor`, and so every return."""
    return _with_rewards(episode, factor * _rewards(episode))


@dataclass(frozen=True)
class Finding:
    """What became of one law.

    Args:
        law: "shift", "scale" or "batch size".
        holds: whether no violation was found.
        size: the largest difference between what should be equal, in units of the root mean square
            of |g|; infinite where g is not finite.
        where: in which task and for which N, or how it was tested.
    """

    law: str
    holds: bool
    size: float
    where: str


@dataclass(frozen=True, repr=False)
class Report:
    """What became of the three laws; printed, it says what is broken and what that usually means.

    Args:
        findings: one a law.
        method: how they were checked.
        meaning: what breaks just these laws, usually.
    """

    findings: tuple[Finding, ...]
    method: str
    meaning: str

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the laws that are broken."""
        return tuple(finding.law for finding in self.findings if not finding.holds)

    def __getitem__(self, law: str) -> Finding:
        return {finding.law: finding for finding in self.findings}[law]

    def __repr__(self) -> str:
        return "\n".join([*map(_line, self.findings), self.method, self.meaning])


def laws(
    estimator: Estimator,
    *,
    tasks: Mapping[str, MDP] = TASKS,
    sizes: Sequence[int] = (1, 2, 3),
    gamma: float = 1.0,
    tolerance: float = 1e-6,
) -> Report:
    """Check the three laws exactly, by enumeration.

    Args:
        estimator: a batch of episodes -> array [O, A]; `pgpolicy_step(MyPolicy)` makes one of a
            policy class.
        tasks: small worlds by name. A law can only be seen to break where there is something to
            break it: episodes of different lengths, several steps, several observations.
        sizes: numbers N of episodes in a batch.
        gamma: the discount factor by which the estimator computes its returns.
        tolerance: the largest difference that counts as rounding, relative to |g|.

    Raises:
        ValueError: fewer than two sizes.

    Example:
        >>> from pg_edu.lab.exact.estimators import RIGHT, WRONG
        >>> laws(RIGHT["leave-one-out"])
        ✓ shift       E[g(G + c)] = E[g(G)]
        ✓ scale       E[g(3 G)] = 3 E[g(G)]
        ✓ batch size  E[g] does not depend on N
        exact: every batch of 1, 2, 3 episodes of 5 tasks
        No law is broken. (That proves nothing right: minus the gradient keeps them too.)
        >>> laws(WRONG["mean over steps"]).broken
        ('shift', 'batch size')
    """
    _check_sizes(sizes)
    gaps: dict[str, list[tuple[float, str]]] = {law: [] for law in LAWS}
    means: dict[str, list[Floats]] = {}
    for name, task in tasks.items():
        for n in sizes:
            batches, where = list(task.batches(n)), f"{name}, N = {n}"
            plain = _moments(estimator, batches)
            shifted = _moments(estimator, batches, lambda e: with_return_shift(e, 1.0, gamma))
            scaled = _moments(estimator, batches, lambda e: with_reward_scale(e, 3.0))
            gaps["shift"].append((_gap(shifted, plain), where))
            gaps["scale"].append((_gap(scaled, (3 * plain[0], 3 * plain[1])), where))
            means.setdefault(name, []).append(plain[0])
            if n == sizes[0]:
                first = plain
            gaps["batch size"].append((_gap(plain, first), f"{where} against {sizes[0]}"))
    worst = {law: max(found) for law, found in gaps.items()}
    findings = tuple(
        Finding(law, size <= tolerance, size, where) for law, (size, where) in worst.items()
    )
    counted = ", ".join(map(str, sizes))
    return Report(
        findings,
        f"exact: every batch of {counted} episodes of {len(tasks)} tasks",
        _meaning(findings, sizes, means.get("a bandit")),
    )


def sampled_laws(
    step: Callable[[list[Any]], Any],
    collect: Callable[[int], Sequence[Any]],
    *,
    sizes: Sequence[int] = (1, 2, 4),
    gamma: float = 1.0,
    replications: int = 1000,
    error_rate: float = 0.01,
) -> Report:
    """Test the three laws on anybody's agent and environment, from samples.

    Each replication collects max(sizes) episodes and takes differences that have mean 0 if a law
    holds: the step on shifted returns minus the step (on the whole batch, and on its smallest
    parts); a third of the step on tripled rewards minus the step; the mean of the steps on parts
    of the batch minus the step on all of it. The first half
    of the replications says in which direction the mean difference points, the second half is
    tested along it (t-test, one-sided, Bonferroni over all tests). So the dimension of the
    parameters does not matter, and a right agent is accused in at most about `error_rate` of all
    reports (the t-test is exact for Gaussian differences, an approximation for others). It can only
    fail to find a violation, never prove that there is none; of a law that holds it says how
    large a violation would probably have been seen.

    Args:
        step: what an update adds to the parameters, from a batch of episodes, an array or tensor of
            any shape; it must leave the parameters as they were (`parameter_step` sees to it).
            Plain SGD: the step of Adam is not linear in the gradient.
        collect: n -> n independent episodes, played by the agent with the parameters as they are.
            Any objects with rewards [T] as attribute `rew`.
        sizes: numbers of episodes in a batch.
        gamma: the discount factor of the agent's returns.
        replications: how many batches of max(sizes) episodes to collect.
        error_rate: of accusing a right agent.

    Raises:
        ValueError: fewer than two sizes, or `collect` gave another number of episodes.
        TypeError: an episode has no attribute `rew`.

    Example:
        >>> from pg_edu.lab.exact.estimators import WRONG
        >>> task, rng = stop_or_go(), np.random.default_rng(0)
        >>> sampled_laws(WRONG["own mean per time"], lambda n: task.sample(n, rng)).broken
        ('batch size',)
    """
    _check_sizes(sizes)
    least, *between, most = sorted(set(sizes))
    differences = {law: list[Floats]() for law in LAWS}
    c = _typical_return(collect(4 * most), gamma)
    steps = []
    for _ in range(replications):
        batch = list(collect(most))
        if len(batch) != most:
            raise ValueError(f"collect({most}) must give {most} episodes, but gave {len(batch)}.")
        # A quotient shows its bias best in small parts, a baseline in large ones.
        parts = np.array([_mean_of_parts(step, batch, n) for n in (least, *between, most)])
        raised = [with_return_shift(e, c, gamma) for e in batch]
        shifted = np.array([_mean_of_parts(step, raised, n) for n in (least, most)])
        scaled = _vector(step([with_reward_scale(e, 3.0) for e in batch]))
        steps.append(parts[-1])
        differences["shift"].append(np.ravel(shifted - parts[[0, -1]]))
        differences["scale"].append(scaled / 3 - parts[-1])
        differences["batch size"].append(np.ravel(parts[:-1] - parts[-1]))
    unit = float(np.sqrt((np.array(steps) ** 2).sum(axis=1).mean()))
    findings = tuple(
        _tested(law, np.array(rows), unit, error_rate / len(LAWS))
        for law, rows in differences.items()
    )
    return Report(
        findings,
        f"sampled: {replications} batches of {most} episodes; "
        f"a right agent is accused in about {100 * error_rate:g}% of all reports",
        _meaning(findings, sizes, None),
    )


def _tested(law: str, differences: Floats, unit: float, error_rate: float) -> Finding:
    """Whether the mean of the rows [R, D] is 0: a direction from one half, a t-test of the other.

    Differences below 1e-4 of |g| are float32's rounding.
    """
    # scipy takes 0.3 s to import: only those pay who ask.
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    if not np.isfinite(differences).all() or not np.isfinite(unit):
        return Finding(law, False, np.inf, "in some batch")
    half = len(differences) // 2
    direction = differences[:half].mean(axis=0)
    length, scale = float(np.linalg.norm(direction)), unit or 1.0
    if length <= 1e-4 * scale:
        return Finding(law, True, length / scale, "to rounding, batch by batch")
    along = differences[half:] @ (direction / length) / scale
    mean, error = float(along.mean()), float(along.std(ddof=1) / np.sqrt(len(along)))
    limit = float(stdtrit(len(along) - 1, 1 - error_rate))
    if mean <= max(limit * error, 1e-4):
        seen = (limit + 1.3) * error
        return Finding(law, True, mean, f"{100 * seen:.2g}% of |g| would probably have been seen")
    return Finding(law, False, mean, f"{mean / max(error, 1e-300):.3g} standard errors")


def _moments(
    estimator: Estimator,
    batches: Iterable[tuple[float, Batch]],
    change: Callable[[Any], Any] = lambda episode: episode,
) -> tuple[Floats, float]:
    """E[g] and the root of E[|g|²]."""
    found = [(p, _vector(estimator([change(e) for e in batch]))) for p, batch in batches]
    probability, g = np.array([p for p, _ in found]), np.array([value for _, value in found])
    if not np.isfinite(g).all():
        return g[0], np.inf
    return probability @ g, float(np.sqrt(probability @ (g**2).sum(axis=1)))


def _check_sizes(sizes: Sequence[int]) -> None:
    if len(set(sizes)) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes must be at least two numbers of episodes, got {sizes}.")


def _gap(a: tuple[Floats, float], b: tuple[Floats, float]) -> float:
    unit = max(a[1], b[1])
    if not np.isfinite(unit):
        return np.inf
    return float(np.linalg.norm(a[0] - b[0])) / (unit or 1.0)


def _mean_of_parts(step: Callable[[list[Any]], Any], batch: list[Any], n: int) -> Floats:
    """The mean step on the batch cut into parts of n episodes."""
    steps = [_vector(step(batch[k : k + n])) for k in range(0, len(batch) - n + 1, n)]
    mean: Floats = np.sum(steps, axis=0) / len(steps)
    return mean


def _meaning(findings: Sequence[Finding], sizes: Sequence[int], means: list[Floats] | None) -> str:
    shift, scale, size = (finding.holds for finding in findings)
    if shift and scale and size:
        return "No law is broken. (That proves nothing right: minus the gradient keeps them too.)"
    if not all(np.isfinite(finding.size) for finding in findings):
        return "Usually: a std of one number, or a mean of none; look at the smallest batches."
    if not scale:
        return (
            "Usually: returns divided by their own spread (standardised per batch or episode), "
            "clipped gradients, or an optimizer other than SGD."
        )
    over_n = means is not None and _proportional(means, [1 / n for n in sizes])
    if over_n:
        return (
            "Usually: [B, 1] * [B], each return times every log-probability; "
            "on one-step episodes E[g] goes as 1/N."
        )
    if not shift and not size:
        return "Usually: a mean over the steps of all episodes, whose number the actions decide."
    if not shift:
        return "Usually: a mean over the steps of each episode, whose length the actions decide."
    if means is not None and _proportional(means, [1 - 1 / n for n in sizes]):
        return (
            "Usually: each return is part of the mean that is taken from it; "
            "on one-step episodes E[g] goes as 1 - 1/N."
        )
    return "Usually: a baseline made of the same returns, or steps dropped where nobody else is."


def _proportional(means: list[Floats], factors: list[float]) -> bool:
    pattern = np.outer(factors, means[-1]) / factors[-1]
    return float(np.linalg.norm(means[-1])) > 0 and np.allclose(np.array(means), pattern, atol=1e-6)


def _line(finding: Finding) -> str:
    line = f"{'✓' if finding.holds else '✗'} {finding.law:<10}  {SENTENCES[finding.law]}"
    if finding.holds:
        return line + (f" ({finding.where})" if "seen" in finding.where else "")
    size = f"off by {100 * finding.size:.2g}% of |g|" if np.isfinite(finding.size) else "not finite"
    return f"{line}: {size} ({finding.where})"


def _typical_return(episodes: Sequence[Any], gamma: float) -> float:
    """The root mean square of G₀; 1 if there are no rewards."""
    rewards = [_rewards(e) for e in episodes]
    totals = [np.dot(gamma ** np.arange(len(rew)), rew) for rew in rewards]
    return float(np.sqrt(np.mean(np.square(totals)))) or 1.0


def _vector(step: Any) -> Floats:
    array = step.detach().cpu().numpy() if hasattr(step, "detach") else np.asarray(step)
    return array.astype(np.float64).ravel()


def _rewards(episode: Any) -> Floats:
    if not hasattr(episode, "rew"):
        raise TypeError(
            f"an episode needs its rewards [T] as attribute rew, got {type(episode).__name__}."
        )
    return np.asarray(episode.rew, np.float64)


def _with_rewards(episode: Any, rew: Floats) -> Any:
    changed = copy.copy(episode)
    object.__setattr__(changed, "rew", rew)
    return changed
