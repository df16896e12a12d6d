"""The error budget: how what an agent climbs comes from what its author wants, part by part.

    E[update] = ∇J + discount + gamma^t + cut + mean + normaliser + baseline
    E|update - ∇J|² = |sum of the parts|² + noise

A part is the change of the expected update when one more choice of the agent is switched on, in
this order. All are exact: the first three vectors by linear equations, the others by enumeration of
every batch that there is. Worlds must be small; the settings are the reader's.

A constant factor is no error, the learning rate makes up for it. So a divisor is measured by what
it tends to with more and more environments: the sum over the batch is divided by D / E[D] and by
the expected number of whole episodes, and weights that are divided by the standard deviation of a
batch are multiplied by that of all such weights. (The deviation of an episode tends to nothing; it
is measured by the same number.)
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
from pg_edu.lab.exact.mdp import MDP, Batch, Estimator, Objective
from pg_edu.returns import discounted_returns
from pg_edu.types import Floats

Divisor = Literal["steps", "pieces"]
Normaliser = Literal["running", "batch", "episode"]
Baseline = Literal["value", "leave-one-out", "batch mean"]

MOST_BATCHES = 5_000
LARGEST_REWARD = 1e100


@dataclass(frozen=True)
class Settings:
    """How an agent makes an update out of what it has played.

    Args:
        gamma: discount factor of the returns, in [0, 1]. As usual, the update has no γᵗ.
        episodes: number N of environments; each plays one whole episode.
        window: or else each of them plays so many steps, beginning wherever the window before has
            stopped (in the long run), restarting when an episode ends, and the last one is cut
            if it goes on.
        divide_by: what the sum over all steps is divided by: a fixed number (None), "steps" as
            `.mean()` does, or "pieces", the number of episodes and parts of them in the batch.
        normaliser: "running", what PGPolicy's `reward_normalization` comes to when its statistics
            have settled: their mean is subtracted, and bootstraps what did not terminate. "batch",
            "episode": mean and standard deviation of the batch, or of each episode.
        baseline: what is subtracted from the returns first: a number, "value" (V(s) for this
            gamma), "leave-one-out" (the mean of the other episodes, or pieces, at that time),
            "batch mean".

    Raises:
        ValueError: a number out of range, or an unknown name.
    """

    gamma: float = 1.0
    episodes: int = 1
    window: int | None = None
    divide_by: Divisor | None = None
    normaliser: Normaliser | None = None
    baseline: Baseline | float | None = None

    def __post_init__(self) -> None:
        if not (_is_number(self.gamma) and 0 <= self.gamma <= 1):
            raise ValueError(f"gamma must be in [0, 1], got {self.gamma!r}.")
        positive_integer("episodes", self.episodes)
        if self.window is not None:
            positive_integer("window (None: whole episodes)", self.window)
        names = {"divide_by": Divisor, "normaliser": Normaliser, "baseline": Baseline}
        for field, known in names.items():
            value = getattr(self, field)
            number = field == "baseline" and _is_number(value)
            if not (value is None or number or value in get_args(known)):
                a_number = ", a finite number" if field == "baseline" else ""
                raise ValueError(
                    f"{field}: one of {', '.join(get_args(known))}{a_number}, or None; "
                    f"got {value!r}."
                )


def _is_number(value: object) -> bool:
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(cast(float, value))


@dataclass(frozen=True, eq=False)
class Budget:
    """Where an update goes on average, from what was wanted, and how far it strays.

    Args:
        truth: the gradient of the objective that was wanted, [O, A].
        parts: name -> what this choice adds to the expected update, [O, A], in order.
        covariance: of the update, flattened to D numbers, [D, D].
    """

    truth: Floats
    parts: dict[str, Floats]
    covariance: Floats

    @property
    def expectation(self) -> Floats:
        """E[update], the truth and all parts."""
        return self.truth + sum(self.parts.values())

    @property
    def noise(self) -> float:
        """E|update - E[update]|²."""
        return float(np.trace(self.covariance))

    @property
    def error(self) -> float:
        """E|update - truth|² = |sum of the parts|² + noise."""
        return float(np.sum((self.expectation - self.truth) ** 2)) + self.noise

    def __str__(self) -> str:
        """A table; what is less than 1e-12 of the largest number in it is rounding, and shown as 0.

        Lengths are those of the parts alone, with three decimals, or three digits where the largest
        is tiny or huge. The cosine is between the truth and the sum of all lines down to this one.
        """
        parts, noise = {"truth": self.truth, **self.parts}, math.sqrt(self.noise)
        lengths = [float(np.linalg.norm(part)) for part in parts.values()]
        largest = max(*lengths, noise)
        least = 1e-12 * largest
        digits = "9.3f" if largest == 0 or 0.1 <= largest < 1e5 else "9.2e"
        lines, sofar = ["part            length  cosine of the sum so far"], 0.0 * self.truth
        for (name, part), length in zip(parts.items(), lengths, strict=True):
            sofar = sofar + part
            angle = cosine(np.where(np.abs(sofar) > least, sofar, 0.0), self.truth)
            shown = round(angle, 3) + 0.0  # + 0.0 turns -0 into 0
            lines.append(f"{name:<12} {length * (length > least):{digits}}  {shown:6.3f}")
        return "\n".join([*lines, f"noise (std)  {noise:{digits}}"])


def budget(world: MDP, settings: Settings, objective: Objective = "undiscounted") -> Budget:
    """The exact error budget of an agent in a small world.

    Args:
        world: with its policy. Its episodes must end; for windows by themselves, without a limit,
            and for whole episodes there must be a longest one.
        settings: of the agent; its gamma is that of the returns, the world's that of `objective`.
        objective: what an episode is wanted to bring, "undiscounted" or "discounted". (The average
            reward counts by steps, and is no length away from what counts by episodes.)

    Raises:
        ValueError: another objective, episodes that may go on forever, a window in a world with a
            limit, too many batches to look at each, or rewards whose squares are no numbers.

    Example:
        One episode an update and a mean over its steps turn the gradient round:

        >>> from pg_edu.lab.exact.tasks import stop_or_go
        >>> print(budget(stop_or_go(), Settings(divide_by="steps")))
        part            length  cosine of the sum so far
        truth            0.495   1.000
        discount         0.000   1.000
        gamma^t          0.000   1.000
        cut              0.000   1.000
        mean             0.849  -1.000
        normaliser       0.000  -1.000
        baseline         0.000  -1.000
        noise (std)      1.414
    """
    if objective not in ("undiscounted", "discounted"):
        raise ValueError(f"objective: undiscounted or discounted, got {objective!r}.")
    if np.abs(world.reward).max() > LARGEST_REWARD:
        raise ValueError(
            f"rewards must be at most {LARGEST_REWARD:g} in size, got "
            f"{np.abs(world.reward).max():g}: their squares overflow. Take larger units."
        )
    _episode_length(world)
    truth = world.gradient(objective)
    discounting = replace(world, gamma=settings.gamma)
    switched_on = {
        "cut": replace(settings, divide_by=None, normaliser=None, baseline=None),
        "mean": replace(settings, normaliser=None, baseline=None),
        "normaliser": replace(settings, baseline=None),
        "baseline": settings,
    }
    everything = list(batches(world, settings))
    verdicts = {
        chosen: judge(update(world, chosen), everything, truth)
        for chosen in set(switched_on.values())
    }
    stages = {"discount": discounting.gradient(), "gamma^t": discounting.without_gamma_t()}
    stages |= {name: verdicts[chosen].expectation for name, chosen in switched_on.items()}
    before = [truth, *stages.values()][:-1]
    parts = {name: stages[name] - b for name, b in zip(stages, before, strict=True)}
    return Budget(truth, parts, verdicts[settings].covariance)


def batches(world: MDP, settings: Settings) -> Iterator[tuple[float, Batch]]:
    """Every batch that an agent with these settings may learn from, and its probability.

    The order of the environments does not count: each set of what they played is given once.

    Raises:
        ValueError: there are too many, or none is the longest.
    """
    plays, n = _plays(world, settings), settings.episodes
    if math.comb(len(plays) + n - 1, n) > MOST_BATCHES:
        raise ValueError(
            f"{n} environments with {len(plays)} ways to play make more than {MOST_BATCHES} "
            "batches: take fewer environments, or a shorter window."
        )
    for chosen in itertools.combinations_with_replacement(plays, n):
        orders = math.factorial(n)
        for _, same in itertools.groupby(chosen, key=id):
            orders //= math.factorial(len(list(same)))
        pieces = [episode for _, played in chosen for episode in played]
        yield orders * math.prod(p for p, _ in chosen), pieces


def update(world: MDP, settings: Settings) -> Estimator:
    """The update of an agent with these settings, as a function of a batch: [O, A].

    The constants in it (what a divisor tends to, the settled mean of "running") are exact.

    Example:
        >>> from pg_edu.lab.exact.tasks import stop_or_go
        >>> _, episodes = stop_or_go().episodes()
        >>> update(stop_or_go(), Settings(episodes=2, baseline=2.0))(episodes)[0]
        array([-0.35,  0.35])
    """
    plays, gamma, divide_by = _plays(world, settings), settings.gamma, settings.divide_by
    normaliser = settings.normaliser
    bootstrap = _settled_mean(plays, gamma) if normaliser == "running" else 0.0
    fixed, divisor = _episodes_a_batch(world, settings), 1.0
    if divide_by is not None:
        divisor = settings.episodes * sum(p * _divisor(batch, divide_by) for p, batch in plays)
    value = replace(world, gamma=gamma).value() if settings.baseline == "value" else None
    std = _deviation_of_all(plays, settings, value) if normaliser in STANDARDISED else 1.0

    def estimator(batch: Batch) -> Floats:
        weights = _minus_baseline(_returns(batch, gamma, bootstrap), batch, settings, value)
        if normaliser == "running":
            weights = estimators.minus_constant(weights, bootstrap)
        elif normaliser is not None:
            weights = [std * w for w in STANDARDISED[normaliser](weights)]
        total = estimators.sum_per_episode(batch, weights) * len(batch) / fixed
        return total * divisor / (_divisor(batch, divide_by) if divide_by is not None else 1.0)

    return estimator


STANDARDISED = {
    "batch": estimators.standardised_per_batch,
    "episode": estimators.standardised_per_episode,
}


def _plays(world: MDP, settings: Settings) -> list[tuple[float, Batch]]:
    """What one environment may have played, and the probability of it."""
    if settings.window is None:
        return [(float(p), [e]) for p, e in zip(*world.episodes(), strict=True)]
    if world.limit is not None:
        raise ValueError(
            "a window needs a world without a limit, whose episodes end by themselves."
        )
    begin = _where_windows_begin(world, settings.window)
    found = list(itertools.islice(world.windows(settings.window, begin), MOST_BATCHES + 1))
    if len(found) > MOST_BATCHES:
        raise ValueError(f"more than {MOST_BATCHES} windows: take a shorter one.")
    return found


def _where_windows_begin(world: MDP, steps: int) -> Floats:
    """How often a window of `steps` steps begins in each state, in the long run, [S].

    The first one begins with an episode. With P the chain that restarts, this is the mean of
    start · Pᵏˢᵗᵉᵖˢ over all k: the stationary distribution, unless the lengths of episodes keep
    step with the window (whole games of four steps, watched for eight). A chain that stays where
    it is every other time, (1 + P) / 2, has the same mean and forgets its phase.
    """
    endless = world.restarting()
    chain = np.einsum("sa,sap->sp", endless.policy, endless.transition)
    lazy: Floats = (np.eye(len(chain)) + np.linalg.matrix_power(chain, steps)) / 2
    for _ in range(60):
        lazy = lazy @ lazy
        lazy = lazy / lazy.sum(axis=1, keepdims=True)
    begin: Floats = world.start @ np.where(lazy < 1e-15, 0.0, lazy)
    begin /= begin.sum()
    return begin


def _episode_length(world: MDP) -> float:
    try:
        return float(world.occupancy("undiscounted").sum())
    except ValueError:
        raise ValueError(
            "the error budget counts by episodes, and in this world they may go on forever under "
            "this policy: let them end, or give the world a limit."
        ) from None


def _episodes_a_batch(world: MDP, settings: Settings) -> float:
    """How many whole episodes are played for an update, in the long run."""
    if settings.window is None:
        return settings.episodes
    return settings.episodes * settings.window / _episode_length(world)


def _divisor(batch: Batch, divide_by: Divisor) -> int:
    return len(batch) if divide_by == "pieces" else sum(map(len, batch))


def _returns(batch: Batch, gamma: float, bootstrap: float) -> Weights:
    """Gₜ of each episode, the bootstrap being the value of what follows if it did not terminate."""
    return [
        discounted_returns(
            e.rew, np.arange(len(e)) == len(e) - 1, gamma, 0.0 if e.terminated else bootstrap
        )
        for e in batch
    ]


def _mean_return(plays: list[tuple[float, Batch]], gamma: float, bootstrap: float) -> float:
    """The mean of the returns of all steps that are ever played."""
    probability = np.array([p for p, _ in plays])
    found = [np.concatenate(_returns(batch, gamma, bootstrap)) for _, batch in plays]
    steps, total = probability @ [[len(G), G.sum()] for G in found]
    return float(total / steps)


def _deviation_of_all(
    plays: list[tuple[float, Batch]], settings: Settings, value: Floats | None
) -> float:
    """The standard deviation that the weights of a batch tend to, with more environments."""
    pieces = [e for _, batch in plays for e in batch]
    probability = np.repeat([p for p, _ in plays], [len(batch) for _, batch in plays])
    rows = _returns(pieces, settings.gamma, 0.0)
    if settings.baseline == "leave-one-out":
        padded = np.array([np.pad(G, (0, max(map(len, rows)) - len(G))) for G in rows])
        others = np.average(padded, axis=0, weights=probability)
        rows = [G - others[: len(G)] for G in rows]
    elif value is not None:
        rows = _minus_value(rows, pieces, value)
    everything, often = np.concatenate(rows), np.repeat(probability, [len(G) for G in rows])
    mean = np.average(everything, weights=often)
    return math.sqrt(np.average((everything - mean) ** 2, weights=often))


def _settled_mean(plays: list[tuple[float, Batch]], gamma: float) -> float:
    """The m with which bootstrapping gives returns whose mean is m; their mean is linear in m."""
    at_0, at_1 = (_mean_return(plays, gamma, m) for m in (0.0, 1.0))
    if at_1 - at_0 > 1 - 1e-12:
        raise ValueError("nothing ever terminates and gamma is 1: the running mean never settles.")
    return at_0 / (1 - (at_1 - at_0))


def _minus_baseline(
    weights: Weights, batch: Batch, settings: Settings, value: Floats | None
) -> Weights:
    baseline = settings.baseline
    if baseline == "leave-one-out":
        return estimators.minus_leave_one_out(weights)
    if baseline == "batch mean":
        return estimators.minus_batch_mean(weights)
    if value is not None:
        return _minus_value(weights, batch, value)
    return estimators.minus_constant(weights, float(baseline or 0.0))


def _minus_value(weights: Weights, batch: Batch, value: Floats) -> Weights:
    """Minus V(s), or V(t, s) where the world has a limit."""
    steps = [e.states if value.ndim == 1 else (np.arange(len(e)), e.states) for e in batch]
    return [w - value[s] for w, s in zip(weights, steps, strict=True)]
