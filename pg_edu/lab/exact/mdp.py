"""Small worlds in which everything about a policy gradient can be computed.

An `MDP` is a tabular Markov decision process together with the softmax policy that acts in it. It
is small enough to be exact in two ways that know nothing of each other:

    d = start (I - γP)⁻¹,  V = (I - γP)⁻¹ r,  ∇J = Σₛ d(s) Σₐ ∇π(a|s) Q(s, a)      linear equations
    E[g] = Σ over all batches of  probability(batch) · g(batch)                    enumeration

The first gives the truth, the second what an estimator g (any function of a batch of episodes)
comes to on average: `judge(g, mdp.batches(2), mdp.gradient())` (in `judge.py`) compares the two.
"""

import itertools
import math
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from pg_edu.types import Floats, Ints

Objective = Literal["discounted", "undiscounted", "average"]

MOST_EPISODES = 50_000


@dataclass(frozen=True, eq=False)
class Episode:
    """One episode of T steps, and the policy that played it.

    Args:
        states, obs, act: what was the case, what was seen of it, what was done; int [T].
        rew: rewards, float64 [T].
        logits: of the policy that acted, [O, A].
        terminated: whether the last step ended the episode.
        truncated: whether a time limit cut it there. Neither: it goes on, but not in this batch.
    """

    states: Ints
    obs: Ints
    act: Ints
    rew: Floats
    logits: Floats
    terminated: bool = True
    truncated: bool = False

    def __len__(self) -> int:
        return len(self.rew)

    @cached_property
    def score(self) -> Floats:
        """∇ log π(aₜ | oₜ) with respect to the logits, [T, O, A]: in row oₜ, onehot(aₜ) - π."""
        score = np.zeros((len(self), *self.logits.shape))
        steps = np.arange(len(self))
        score[steps, self.obs] = -softmax(self.logits)[self.obs]
        score[steps, self.obs, self.act] += 1.0
        return score


Batch = Sequence[Episode]
Estimator = Callable[[Batch], Floats]


@dataclass(frozen=True, eq=False)
class MDP:
    """A tabular MDP and the softmax policy that acts in it: S states, A actions, O observations.

    Args:
        start: distribution of the first state, [S].
        transition: P(s' | s, a), [S, A, S]. What a row lacks to 1 is the probability that the
            episode terminates there.
        reward: r(s, a), [S, A].
        logits: of the policy, [O, A]; states with one observation share one row. An action whose
            logit is -inf is not available. (A policy with one logit x for two actions has logits
            (0, x), and its gradient is the second component of the one here.)
        gamma: discount factor in [0, 1].
        observation: what is seen of each state, int [S]. Default: the state itself.
        limit: the number of steps after which an episode is cut. The policy sees no clock, and
            nothing counts after the limit: values and gradients are those of the cut episodes.

    Raises:
        ValueError: shapes that do not fit, or probabilities that are none.

    Example:
        A coin is tossed until it shows tails (action 0); each head pays 1:

        >>> coin = MDP(start=[1], transition=[[[0], [1]]], reward=[[0, 1]], logits=[[0, 0]])
        >>> coin.J()
        1.0
        >>> coin.gradient()
        array([[-1.,  1.]])
        >>> probability, episodes = replace(coin, limit=2).episodes()
        >>> [(float(p), e.rew.tolist()) for p, e in zip(probability, episodes)]
        [(0.5, [0.0]), (0.25, [1.0, 0.0]), (0.25, [1.0, 1.0])]
    """

    start: Any
    transition: Any
    reward: Any
    logits: Any
    gamma: float = 1.0
    observation: Any = None
    limit: int | None = None

    def __post_init__(self) -> None:
        for name in ("start", "transition", "reward", "logits"):
            object.__setattr__(self, name, np.array(getattr(self, name), np.float64))
        seen = np.arange(len(self.start)) if self.observation is None else self.observation
        object.__setattr__(self, "observation", np.array(seen, np.int64))
        _check(self)

    def at(self, logits: ArrayLike) -> "MDP":
        """The same world with another policy."""
        return replace(self, logits=logits)

    def restarting(self) -> "MDP":
        """The same world, where the end of an episode is the start of the next one."""
        ends = 1.0 - self.transition.sum(axis=-1, keepdims=True)
        return replace(self, transition=self.transition + ends * self.start)

    @cached_property
    def policy(self) -> Floats:
        """π(a | s), [S, A]."""
        probabilities: Floats = softmax(self.logits)[self.observation]
        return probabilities

    # Linear equations. A time limit is a clock in the state that nobody sees: [limit * S] states.

    @cached_property
    def _unrolled(self) -> "MDP":
        if self.limit is None:
            return self
        steps, size = self.limit, len(self.start)
        start = np.zeros((steps, size))
        start[0] = self.start
        transition = np.zeros((steps, size, self.logits.shape[1], steps, size))
        for t in range(steps - 1):
            transition[t, :, :, t + 1] = self.transition
        return MDP(
            start=start.ravel(),
            transition=transition.reshape(steps * size, -1, steps * size),
            reward=np.tile(self.reward, (steps, 1)),
            logits=self.logits,
            gamma=self.gamma,
            observation=np.tile(self.observation, steps),
        )

    def _system(self, objective: Objective) -> tuple[float, Floats, Floats]:
        """γ, the transition matrix [S, S] and the reward [S] under the policy."""
        if objective not in ("discounted", "undiscounted", "average"):
            raise ValueError(f"objective: discounted, undiscounted or average, got {objective!r}.")
        gamma = self.gamma if objective == "discounted" else 1.0
        matrix = np.einsum("sa,sap->sp", self.policy, self.transition)
        if objective == "average":
            if (matrix.sum(axis=1) < 1 - 1e-9).any():
                raise ValueError("the average reward needs an MDP that never ends.")
        elif gamma == 1 and not _ends(matrix):
            raise ValueError(
                "the sum of rewards has no end: episodes may go on forever and gamma is 1. "
                "Give a limit, gamma < 1, or ask for the average reward."
            )
        return gamma, matrix, (self.policy * self.reward).sum(axis=1)

    def occupancy(self, objective: Objective = "discounted") -> Floats:
        """How often a state is visited, [S], or [limit, S] by the clock.

        Discounted: Σₜ γᵗ P(sₜ = s), the solution of d = start + γ d P. Undiscounted: the same with
        γ = 1, the expected number of visits. Average: the stationary distribution, μ = μ P.
        """
        world = self._unrolled
        gamma, matrix, _ = world._system(objective)
        equations = (np.eye(len(matrix)) - gamma * matrix).T
        if objective == "average":
            ones = np.ones((1, len(matrix)))
            if np.linalg.matrix_rank(equations, tol=1e-9) < len(matrix) - 1:
                raise ValueError("the average reward depends on the start: several closed classes.")
            right = np.append(np.zeros(len(matrix)), 1.0)
            visits: Floats = np.linalg.lstsq(np.concatenate([equations, ones]), right, rcond=None)[
                0
            ]
        else:
            visits = np.linalg.solve(equations, world.start)
        return visits if self.limit is None else visits.reshape(self.limit, -1)

    def value(self, objective: Objective = "discounted") -> Floats:
        """V(s), [S], or [limit, S] by the clock: the solution of V = r + γ P V.

        Undiscounted: γ = 1. Average: the differential value, V = r - ρ + P V with the mean μ V = 0.
        """
        values: Floats = self._unrolled._value(objective)
        return values if self.limit is None else values.reshape(self.limit, -1)

    def _value(self, objective: Objective) -> Floats:
        gamma, matrix, reward = self._system(objective)
        equations = np.eye(len(matrix)) - gamma * matrix
        if objective == "average":
            stationary = self.occupancy("average")
            equations = equations + stationary
            reward = reward - stationary @ reward
        return np.linalg.solve(equations, reward).astype(np.float64)

    def q(self, objective: Objective = "discounted") -> Floats:
        """Q(s, a) = r(s, a) + γ Σ P(s' | s, a) V(s'), [S, A] or [limit, S, A] (average: - ρ)."""
        q = self._unrolled._q(objective)
        return q if self.limit is None else q.reshape(self.limit, len(self.start), -1)

    def _q(self, objective: Objective) -> Floats:
        gamma = self._system(objective)[0]
        q: Floats = self.reward + gamma * self.transition @ self._value(objective)
        return q - self.J("average") if objective == "average" else q

    def J(self, objective: Objective = "discounted") -> float:
        """The objective: what an episode brings, or what a step brings in the long run.

        "discounted": E[Σ γᵗ rₜ] from the start distribution. "undiscounted": E[Σ rₜ]; finite if
        there is a limit, or if episodes end by themselves. "average": ρ = Σ μ(s) r(s).
        """
        if objective == "average":
            return float(self.occupancy("average") @ self._system("average")[2])
        return float(self._unrolled.start @ self._unrolled._value(objective))

    def gradient(self, objective: Objective = "discounted") -> Floats:
        """∇J with respect to the logits, [O, A]: Σₛ d(s) Σₐ ∇π(a | s) Q(s, a).

        d and Q are those of the same objective, `occupancy(objective)` and `q(objective)`.

        Source: Sutton, McAllester, Singh & Mansour (2000), theorem 1, for the discounted return
        from a start state and for the average reward; Baxter & Bartlett (2001) for the average
        reward as a limit of discounted ones; Williams (1992) for whole episodes. The discounted
        value under the stationary distribution is not a fourth objective: (1 - γ) Σ μ(s) V(s) = ρ
        for every γ (Sutton & Barto 2018, section 10.4).
        """
        return self._direction(objective, objective)

    def without_gamma_t(self) -> Floats:
        """E[Σₜ ∇log π(aₜ|sₜ) Gₜ] with discounted Gₜ, where ∇J has γᵗ Gₜ: [O, A].

        Undiscounted visits, discounted Q. With γ < 1 this is in general the gradient of no
        function (Nota & Thomas 2020).
        """
        return self._direction("undiscounted", "discounted")

    def _direction(self, visits: Objective, values: Objective) -> Floats:
        """Σₛ d(s) Σₐ ∇π(a | s) Q(s, a), where ∂π(a|s)/∂logit(b) = π(a|s) (1{a = b} - π(b|s))."""
        world = self._unrolled
        advantage = world._q(values) - world._value(values)[:, None]
        direction: Floats = np.zeros_like(self.logits)
        pushes = world.occupancy(visits)[:, None] * world.policy * advantage
        np.add.at(direction, world.observation, pushes)
        return direction

    # Enumeration.

    def episodes(self) -> tuple[Floats, list[Episode]]:
        """Every episode, and the probability of each: float64 [K], and a list of K.

        Raises:
            ValueError: there is no longest episode (give a limit), or there are too many.
        """
        plays = self._plays(self.start, self.limit, truncated=self.limit is not None)
        found = list(itertools.islice(plays, MOST_EPISODES + 1))
        if len(found) > MOST_EPISODES:
            raise ValueError(f"more than {MOST_EPISODES} episodes: too many to look at each.")
        return np.array([p for p, _ in found]), [episode for _, episode in found]

    def batches(self, n: int, symmetric: bool = False) -> Iterator[tuple[float, Batch]]:
        """Every batch of n independent episodes, and its probability.

        Args:
            n: episodes a batch.
            symmetric: take each set of episodes once, with the probability of all its orders. Right
                only for an estimator that does not look at the order; far fewer for large n.

        Example:
            >>> coin = MDP([1], np.zeros((1, 2, 1)), [[0, 1]], [[0, 0]])
            >>> len(list(coin.batches(10))), len(list(coin.batches(10, symmetric=True)))
            (1024, 11)
        """
        probability, episodes = self.episodes()
        if symmetric:
            for chosen in itertools.combinations_with_replacement(range(len(episodes)), n):
                count = np.bincount(chosen, minlength=len(episodes))
                orders = math.factorial(n) // math.prod(map(math.factorial, count.tolist()))
                yield orders * float(np.prod(probability**count)), [episodes[k] for k in chosen]
        else:
            for chosen in itertools.product(range(len(episodes)), repeat=n):
                yield float(probability[list(chosen)].prod()), [episodes[k] for k in chosen]

    def windows(self, steps: int, first: ArrayLike | None = None) -> Iterator[tuple[float, Batch]]:
        """Every sequence of `steps` steps of an environment that restarts when an episode ends.

        It is what a collector holds that stops after so many steps. A batch is the episodes in it;
        the last one, where it was still going on, is neither terminated nor truncated.

        Args:
            steps: length of the window, at least 1.
            first: distribution of the state it begins in, [S]. Default: `start`. A later window
                begins where the one before it stopped, in the middle of an episode perhaps.

        Raises:
            ValueError: the MDP has a limit; of a cut episode nobody knows how old it is.
        """
        if self.limit is not None or steps < 1:
            raise ValueError(f"windows: at least 1 step of an MDP without a limit, got {steps}.")
        begin = self.start if first is None else np.asarray(first, np.float64)
        for p, episode in self._plays(begin, steps, truncated=False):
            if len(episode) == steps:
                yield p, [episode]
            else:
                for q, rest in self.windows(steps - len(episode)):
                    yield p * q, [episode, *rest]

    def _plays(
        self, first: Floats, most: int | None, truncated: bool
    ) -> Iterator[tuple[float, Episode]]:
        """Every episode of at most `most` steps; those that would go on are marked `truncated`."""
        for s in np.flatnonzero(first).tolist():
            for p, states, acts, terminated in self._ways(float(first[s]), [s], [], most):
                rows = np.array(states), np.array(acts)
                yield p, self._episode(*rows, terminated, truncated and not terminated)

    def _ways(
        self, p: float, states: list[int], acts: list[int], most: int | None
    ) -> Iterator[tuple[float, list[int], list[int], bool]]:
        if most is None and len(states) > len(self.start):
            raise ValueError("episodes may visit a state twice: none is the longest. Give a limit.")
        for a in np.flatnonzero(self.policy[states[-1]]).tolist():
            following, chosen = self.transition[states[-1], a], [*acts, a]
            q = p * float(self.policy[states[-1], a])
            goes_on = float(following.sum())
            if goes_on < 1 - 1e-12:
                yield q * (1 - goes_on), states, chosen, True
            if len(chosen) == most:
                if goes_on > 0:
                    yield q * goes_on, states, chosen, False
                continue
            for s in np.flatnonzero(following).tolist():
                yield from self._ways(q * float(following[s]), [*states, s], chosen, most)

    def _episode(self, states: Ints, acts: Ints, terminated: bool, truncated: bool) -> Episode:
        seen, rew = self.observation[states], self.reward[states, acts]
        return Episode(states, seen, acts, rew, self.logits, terminated, truncated)

    def sample(self, n: int, rng: np.random.Generator) -> list[Episode]:
        """n independent episodes, drawn."""
        return [self._draw(rng) for _ in range(n)]

    def _draw(self, rng: np.random.Generator) -> Episode:
        start, policy, transition = self._cumulative
        states, acts = [bisect(start, rng.random())], list[int]()
        while True:
            acts.append(bisect(policy[states[-1]], rng.random()))
            following = bisect(transition[states[-1]][acts[-1]], rng.random())
            terminated = following == len(start)
            if terminated or len(acts) == self.limit:
                rows = np.array(states), np.array(acts)
                return self._episode(*rows, terminated, not terminated)
            states.append(following)

    @cached_property
    def _cumulative(self) -> tuple[Any, Any, Any]:
        """Distribution functions as nested lists, which `bisect` inverts."""
        parts = self.start, self.policy, self.transition
        start, policy, transition = (part.cumsum(axis=-1).tolist() for part in parts)
        return start, policy, transition


def softmax(logits: ArrayLike) -> Floats:
    """exp(x) / Σ exp(x) along the last axis."""
    x = np.asarray(logits, np.float64)
    weight = np.exp(x - x.max(axis=-1, keepdims=True))
    probability: Floats = weight / weight.sum(axis=-1, keepdims=True)
    return probability


def _ends(matrix: Floats) -> bool:
    """Whether the chain can come to an end from each of its states."""
    can_end = matrix.sum(axis=1) < 1 - 1e-12
    for _ in matrix:
        can_end = can_end | (matrix @ can_end > 0)
    return bool(can_end.all())


def _check(mdp: MDP) -> None:
    if mdp.start.ndim != 1 or mdp.logits.ndim != 2:
        raise ValueError(
            f"start must be [S] and logits [O, A], got shapes {mdp.start.shape} and "
            f"{mdp.logits.shape}."
        )
    states, actions = len(mdp.start), mdp.logits.shape[1]
    shapes = {
        "transition": (states, actions, states),
        "reward": (states, actions),
        "observation": (states,),
    }
    for name, shape in shapes.items():
        if getattr(mdp, name).shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {getattr(mdp, name).shape}.")
    if not ((mdp.observation >= 0) & (mdp.observation < len(mdp.logits))).all():
        raise ValueError(f"observation must be row numbers of logits, got {mdp.observation}.")
    if (mdp.start < 0).any() or abs(mdp.start.sum() - 1) > 1e-9:
        raise ValueError(f"start must be a distribution, got {mdp.start}.")
    if not (mdp.transition >= 0).all() or (mdp.transition.sum(axis=-1) > 1 + 1e-9).any():
        raise ValueError("transition must hold probabilities, at most 1 in sum over the last axis.")
    if not np.isfinite(mdp.reward).all() or not np.isfinite(mdp.logits.max(axis=1)).all():
        raise ValueError("rewards must be finite, and every row of logits needs a finite maximum.")
    if not 0 <= mdp.gamma <= 1:
        raise ValueError(f"gamma must be in [0, 1], got {mdp.gamma}.")
    if mdp.limit is not None and mdp.limit < 1:
        raise ValueError(f"limit must be at least 1, got {mdp.limit}.")
