"""The error budget: how the expected update of an agent comes to differ from ∇J, part by part.

    E[update] = ∇J + discount + gamma^t + cut + mean + normalizer + baseline
    E|update - ∇J|² = |sum of the parts|² + variance

A part is the change of the expected update when one more choice of the agent is switched on, in
this order. All of them are exact: the first three vectors come from linear equations, the others
from enumerating every possible batch. The MDP must be small; the settings may be any.

A constant factor does not count as an error, because the learning rate can make up for it. So a
random divisor is measured relative to the value it tends to as the number of environments grows:
the sum over the batch is divided by divisor / E[divisor] and by the expected number of whole
episodes, and weights that are divided by the standard deviation of a batch are multiplied by that
of all such weights. (The standard deviation within an episode does not converge, so those weights
are multiplied by the same overall standard deviation.)
"""

import itertools
import math
import numbers
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import numpy as np

from pg_edu.checks import positive_integer
from pg_edu.lab.exact import estimators
from pg_edu.lab.exact.estimators import Weights
from pg_edu.lab.exact.judge import cosine, judge
from pg_edu.lab.exact.mdp import MDP, Episodes, Estimator, Objective
from pg_edu.returns import discounted_returns
from pg_edu.types import Floats

Divisor = Literal["steps", "pieces"]
Normalizer = Literal["running", "batch", "episode"]
Baseline = Literal["value", "leave-one-out", "batch mean"]
Rollouts = list[tuple[float, Episodes]]  # what one environment may collect, and its probability

MOST_BATCHES = 5_000
LARGEST_REWARD = 1e100


@dataclass(frozen=True)
class Settings:
    """The settings of the update that an agent makes from its episodes.

    Args:
        gamma: discount factor of the returns, in [0, 1]. As usual, the update has no factor γᵗ.
        episodes: number N of environments; each of them collects one whole episode.
        window: if given, each environment collects this many steps instead. It begins where the
            previous window stopped (in the long run), restarts when an episode ends, and cuts the
            last episode if that is unfinished.
        divide_by: what the sum over all steps is divided by: a fixed number (None), "steps" as
            `.mean()` does, or "pieces", the number of episodes and parts of episodes in the batch.
        normalizer: "running" is what PGPolicy's `reward_normalization` does once its statistics
            have settled: their mean is subtracted, and is the bootstrap where an episode did not
            terminate. "batch" and "episode" standardize by the mean and standard deviation of the
            batch or of each episode.
        baseline: what is first subtracted from the returns: a number, "value" (V(s) for this
            gamma), "leave-one-out" (the mean of the other episodes, or pieces, at that time), or
            "batch mean".

    Raises:
        ValueError: a number is out of range, or a name is unknown.
    """

    gamma: float = 1.0
    episodes: int = 1
    window: int | None = None
    divide_by: Divisor | None = None
    normalizer: Normalizer | None = None
    baseline: Baseline | float | None = None

    def __post_init__(self) -> None:
        if not (_is_number(self.gamma) and 0 <= self.gamma <= 1):
            raise ValueError(f"gamma must be in [0, 1], got {self.gamma!r}.")
        positive_integer("episodes", self.episodes)
        if self.window is not None:
            positive_integer("window (None: whole episodes)", self.window)
        _check_choice("divide_by", self.divide_by, get_args(Divisor))
        _check_choice("normalizer", self.normalizer, get_args(Normalizer))
        if not _is_number(self.baseline):
            _check_choice("baseline", self.baseline, get_args(Baseline), "a finite number")


def _is_number(value: object) -> bool:
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(cast(float, value))


def _check_choice(field: str, value: object, names: tuple[str, ...], *others: str) -> None:
    if value is not None and value not in names:
        choices = ", ".join([*names, *others])
        raise ValueError(f"{field}: one of {choices}, or None; got {value!r}.")


@dataclass(frozen=True, eq=False)
class Budget:
    """The error of the expected update, cause by cause, and the variance of single updates.

    Args:
        truth: the gradient of the objective, [O, A].
        parts: name -> what this choice adds to the expected update, [O, A], in order.
        covariance: the covariance matrix of the update flattened to M = O · A numbers, [M, M].
    """

    truth: Floats
    parts: dict[str, Floats]
    covariance: Floats

    @property
    def expectation(self) -> Floats:
        """Return E[update], the sum of the truth and all parts."""
        return self.truth + sum(self.parts.values())

    @property
    def variance(self) -> float:
        """Return E|update - E[update]|²."""
        return float(np.trace(self.covariance))

    @property
    def error(self) -> float:
        """Return E|update - truth|² = |sum of the parts|² + variance."""
        return float(np.sum((self.expectation - self.truth) ** 2)) + self.variance

    def __str__(self) -> str:
        """Return a table; numbers below 1e-12 of its largest are rounding and are shown as 0.

        Lengths are those of the single parts, with three decimals, or three digits if the largest
        is tiny or huge. The cosine is between the truth and the sum of all lines up to this one.
        """
        std = math.sqrt(self.variance)
        parts = {"truth": self.truth, **self.parts}
        lengths = {name: float(np.linalg.norm(part)) for name, part in parts.items()}
        largest = max(*lengths.values(), std)
        least = 1e-12 * largest
        digits = "9.3f" if largest == 0 or 0.1 <= largest < 1e5 else "9.2e"

        lines = ["part            length  cosine of the sum so far"]
        total = 0.0 * self.truth
        for name, part in parts.items():
            total = total + part
            length = lengths[name] if lengths[name] > least else 0.0
            alignment = cosine(np.where(np.abs(total) > least, total, 0.0), self.truth)
            shown = round(alignment, 3) + 0.0  # + 0.0 turns -0 into 0
            lines.append(f"{name:<12} {length:{digits}}  {shown:6.3f}")
        lines.append(f"{'std':<12} {std:{digits}}")
        return "\n".join(lines)


def budget(mdp: MDP, settings: Settings, objective: Objective = "undiscounted") -> Budget:
    """Return the exact error budget of an agent in a small MDP.

    Args:
        mdp: the environment and the policy. Its episodes must end. If the agent collects windows,
            they must end by themselves, without a limit; if it collects whole episodes, there must
            be a longest one.
        settings: the agent's settings. Their gamma discounts the returns; the gamma of the MDP
            belongs to the objective.
        objective: what the agent should maximize, "undiscounted" or "discounted". (The average
            reward is a mean over steps, so it cannot be compared with means over episodes.)

    Raises:
        ValueError: the objective is neither of these, episodes may go on forever, the MDP has a
            limit although there is a window, there are too many batches, or the squares of rewards
            overflow.

    Example:
        With one episode per update, a mean over its steps reverses the gradient:

        >>> from pg_edu.lab.exact.tasks import stop_or_go
        >>> print(budget(stop_or_go(), Settings(divide_by="steps")))
        part            length  cosine of the sum so far
        truth            0.495   1.000
        discount         0.000   1.000
        gamma^t          0.000   1.000
        cut              0.000   1.000
        mean             0.849  -1.000
        normalizer       0.000  -1.000
        baseline         0.000  -1.000
        std              1.414
    """
    _check_budget(mdp, objective)
    truth = mdp.gradient(objective)
    discounted = replace(mdp, gamma=settings.gamma)
    choices = {
        "cut": replace(settings, divide_by=None, normalizer=None, baseline=None),
        "mean": replace(settings, normalizer=None, baseline=None),
        "normalizer": replace(settings, baseline=None),
        "baseline": settings,
    }
    every = list(batches(mdp, settings))
    judged = {choice: judge(update(mdp, choice), every, truth) for choice in set(choices.values())}
    expected = {"discount": discounted.gradient(), "gamma^t": discounted.without_gamma_t()}
    for name, choice in choices.items():
        expected[name] = judged[choice].expectation
    return Budget(truth, _steps_between(truth, expected), judged[settings].covariance)


def _check_budget(mdp: MDP, objective: Objective) -> None:
    if objective not in ("undiscounted", "discounted"):
        raise ValueError(f"objective: undiscounted or discounted, got {objective!r}.")
    largest = np.abs(mdp.reward).max()
    if largest > LARGEST_REWARD:
        raise ValueError(
            f"rewards must be at most {LARGEST_REWARD:g} in size, got {largest:g}: their squares "
            "overflow. Measure them in larger units."
        )
    _episode_length(mdp)


def _steps_between(start: Floats, stages: dict[str, Floats]) -> dict[str, Floats]:
    """Return by how much each stage differs from the previous one."""
    steps = {}
    previous = start
    for name, stage in stages.items():
        steps[name] = stage - previous
        previous = stage
    return steps


def batches(mdp: MDP, settings: Settings) -> Iterator[tuple[float, Episodes]]:
    """Yield every batch that an agent with these settings may learn from, and its probability.

    The order of the environments does not matter: each multiset of rollouts is yielded once.

    Raises:
        ValueError: there are too many batches, or there is no longest episode.
    """
    rollouts = _rollouts(mdp, settings)
    n = settings.episodes
    if math.comb(len(rollouts) + n - 1, n) > MOST_BATCHES:
        raise ValueError(
            f"{n} environments with {len(rollouts)} possible rollouts each make more than "
            f"{MOST_BATCHES} batches: use fewer environments, or a shorter window."
        )
    for chosen in itertools.combinations_with_replacement(range(len(rollouts)), n):
        orders = math.factorial(n)
        for count in np.bincount(chosen).tolist():
            orders //= math.factorial(count)
        probability = math.prod(rollouts[k][0] for k in chosen)
        pieces = [episode for k in chosen for episode in rollouts[k][1]]
        yield orders * probability, pieces


def update(mdp: MDP, settings: Settings) -> Estimator:
    """Return the update of an agent with these settings as a function of a batch, [O, A].

    The constants in it (what a divisor tends to, the settled mean of "running") are exact.

    Example:
        >>> from pg_edu.lab.exact.tasks import stop_or_go
        >>> _, episodes = stop_or_go().episodes()
        >>> update(stop_or_go(), Settings(episodes=2, baseline=2.0))(episodes)[0]
        array([-0.35,  0.35])
    """
    constants = _constants(mdp, settings)

    def estimator(batch: Episodes) -> Floats:
        weights = _weights(batch, settings, constants)
        total = estimators.sum_per_episode(batch, weights) * len(batch) / constants.episodes
        if settings.divide_by is None:
            return total
        return total * constants.divisor / _divisor(batch, settings.divide_by)

    return estimator


@dataclass(frozen=True, eq=False)
class _Constants:
    """The constants of an update: what its statistics tend to with many environments.

    Args:
        episodes: the expected number of whole episodes collected for an update.
        divisor: the expected divisor; 1 if it is fixed.
        bootstrap: the settled mean of "running", 0 without it.
        value: V [S] or [limit, S] for the baseline "value".
        std: the standard deviation of all weights, for the normalizers "batch" and "episode".
    """

    episodes: float
    divisor: float
    bootstrap: float
    value: Floats | None
    std: float


def _constants(mdp: MDP, settings: Settings) -> _Constants:
    rollouts = _rollouts(mdp, settings)
    divisor = 1.0
    if settings.divide_by is not None:
        per_environment = sum(p * _divisor(batch, settings.divide_by) for p, batch in rollouts)
        divisor = settings.episodes * per_environment
    bootstrap = 0.0
    if settings.normalizer == "running":
        bootstrap = _settled_mean(rollouts, settings.gamma)
    value = None
    if settings.baseline == "value":
        value = replace(mdp, gamma=settings.gamma).value()
    std = 1.0
    if settings.normalizer in ("batch", "episode"):
        std = _deviation_of_all(rollouts, settings, value)
    return _Constants(_episodes_per_batch(mdp, settings), divisor, bootstrap, value, std)


def _weights(batch: Episodes, settings: Settings, constants: _Constants) -> Weights:
    """Return the returns minus the baseline, normalized."""
    returns = _returns(batch, settings.gamma, constants.bootstrap)
    weights = _minus_baseline(returns, batch, settings, constants.value)
    if settings.normalizer == "running":
        return estimators.minus_constant(weights, constants.bootstrap)
    if settings.normalizer == "batch":
        return [constants.std * w for w in estimators.standardized_per_batch(weights)]
    if settings.normalizer == "episode":
        return [constants.std * w for w in estimators.standardized_per_episode(weights)]
    return weights


def _minus_baseline(
    weights: Weights, batch: Episodes, settings: Settings, value: Floats | None
) -> Weights:
    baseline = settings.baseline
    if baseline == "leave-one-out":
        return estimators.minus_leave_one_out(weights)
    if baseline == "batch mean":
        return estimators.minus_batch_mean(weights)
    if value is not None:
        return _minus_value(weights, batch, value)
    return estimators.minus_constant(weights, float(baseline or 0.0))


def _minus_value(weights: Weights, batch: Episodes, value: Floats) -> Weights:
    """Subtract V(s), or V(t, s) if the MDP has a limit."""
    if value.ndim == 1:
        return estimators.minus_value(weights, batch, value)
    return [w - value[np.arange(len(e)), e.states] for w, e in zip(weights, batch, strict=True)]


def _returns(batch: Episodes, gamma: float, bootstrap: float) -> Weights:
    """Return Gₜ of each episode; `bootstrap` is the value after it if it did not terminate."""
    returns = []
    for e in batch:
        after = 0.0 if e.terminated else bootstrap
        returns.append(discounted_returns(e.rew, e.end, gamma, after))
    return returns


def _divisor(batch: Episodes, divide_by: Divisor) -> int:
    return len(batch) if divide_by == "pieces" else sum(map(len, batch))


# What one environment collects.


def _rollouts(mdp: MDP, settings: Settings) -> Rollouts:
    if settings.window is None:
        return [(float(p), [e]) for p, e in zip(*mdp.episodes(), strict=True)]
    if mdp.limit is not None:
        raise ValueError("a window needs an MDP without a limit, whose episodes end by themselves.")
    begin = _where_windows_begin(mdp, settings.window)
    found = list(itertools.islice(mdp.windows(settings.window, begin), MOST_BATCHES + 1))
    if len(found) > MOST_BATCHES:
        raise ValueError(f"more than {MOST_BATCHES} windows: use a shorter one.")
    return found


def _where_windows_begin(mdp: MDP, steps: int) -> Floats:
    """Return how often a window of `steps` steps begins in each state, in the long run, [S].

    The first window begins with an episode. If P is the chain that restarts, this is the mean of
    start · Pᵏˢᵗᵉᵖˢ over all k. It is the stationary distribution, unless windows and episodes stay
    in step (episodes of four steps in windows of eight). The lazy chain (1 + Pˢᵗᵉᵖˢ) / 2, which
    stays where it is half of the time, has the same mean and no period.
    """
    endless = mdp.restarting()
    P = np.einsum("sa,sap->sp", endless.policy, endless.transition)
    lazy: Floats = (np.eye(len(P)) + np.linalg.matrix_power(P, steps)) / 2
    for _ in range(60):
        lazy = lazy @ lazy
        lazy = lazy / lazy.sum(axis=1, keepdims=True)
    begin: Floats = mdp.start @ np.where(lazy < 1e-15, 0.0, lazy)
    begin /= begin.sum()
    return begin


def _episode_length(mdp: MDP) -> float:
    try:
        return float(mdp.occupancy("undiscounted").sum())
    except ValueError:
        raise ValueError(
            "the error budget is a mean over episodes, but in this MDP they may go on forever "
            "under this policy. Let them end, or give the MDP a limit."
        ) from None


def _episodes_per_batch(mdp: MDP, settings: Settings) -> float:
    if settings.window is None:
        return settings.episodes
    return settings.episodes * settings.window / _episode_length(mdp)


# Statistics over all rollouts.


def _mean_return(rollouts: Rollouts, gamma: float, bootstrap: float) -> float:
    """Return the mean of the returns of all steps, each weighted by how often it occurs."""
    probability = np.array([p for p, _ in rollouts])
    returns = [np.concatenate(_returns(batch, gamma, bootstrap)) for _, batch in rollouts]
    steps, total = probability @ [[len(G), G.sum()] for G in returns]
    return float(total / steps)


def _settled_mean(rollouts: Rollouts, gamma: float) -> float:
    """Return the m with which bootstrapping gives returns of mean m; their mean is linear in m."""
    at_0 = _mean_return(rollouts, gamma, 0.0)
    at_1 = _mean_return(rollouts, gamma, 1.0)
    if at_1 - at_0 > 1 - 1e-12:
        raise ValueError("nothing ever terminates and gamma is 1: the running mean never settles.")
    return at_0 / (1 - (at_1 - at_0))


def _deviation_of_all(rollouts: Rollouts, settings: Settings, value: Floats | None) -> float:
    """Return the standard deviation to which that of a batch tends with more environments."""
    pieces = [e for _, batch in rollouts for e in batch]
    probability = np.repeat([p for p, _ in rollouts], [len(batch) for _, batch in rollouts])
    weights = _returns(pieces, settings.gamma, 0.0)
    if settings.baseline == "leave-one-out":
        weights = _minus_mean_of_all(weights, probability)
    elif value is not None:
        weights = _minus_value(weights, pieces, value)

    everything = np.concatenate(weights)
    often = np.repeat(probability, [len(w) for w in weights])
    mean = np.average(everything, weights=often)
    return math.sqrt(np.average((everything - mean) ** 2, weights=often))


def _minus_mean_of_all(weights: Weights, probability: Floats) -> Weights:
    """Subtract what leave-one-out tends to: the mean at time t, with 0 after a piece's end."""
    longest = max(map(len, weights))
    padded = np.array([np.pad(w, (0, longest - len(w))) for w in weights])
    mean = np.average(padded, axis=0, weights=probability)
    return [w - mean[: len(w)] for w in weights]
