"""Small MDPs in which everything about a policy gradient can be computed exactly.

An `MDP` is a tabular Markov decision process together with the softmax policy that acts in it. Two
independent computations are exact:

    d = start (I - γP)⁻¹,  V = (I - γP)⁻¹ r,  ∇J = Σₛ d(s) Σₐ ∇π(a|s) Q(s, a)      linear equations
    E[g] = Σ over all batches of  probability(batch) · g(batch)                    enumeration

The first yields the true gradient. The second yields the expectation of an estimator g, which may
be any function of a batch of episodes. `judge(g, mdp.batches(2), mdp.gradient())`, from `judge.py`,
compares the two.
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

from pg_edu.types import Flags, Floats, Ints

Objective = Literal["discounted", "undiscounted", "average"]
OBJECTIVES = ("discounted", "undiscounted", "average")

MOST_EPISODES = 50_000


@dataclass(frozen=True, eq=False)
class Episode:
    """One episode of T steps, together with the policy that acted in it.

    Args:
        states: the state at each step, int [T].
        obs: what the policy observed, int [T].
        act: the action taken, int [T].
        rew: the reward that follows the action, float64 [T].
        logits: logits of the policy that acted, [O, A].
        terminated: whether the last step ended the episode.
        truncated: whether a time limit cut the episode there. If neither is True, the episode
            continues, but not in this batch.
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

    @property
    def end(self) -> Flags:
        """Return flags that are True on the last step only, [T]."""
        end: Flags = np.arange(len(self)) == len(self) - 1
        return end

    @cached_property
    def score(self) -> Floats:
        """Return ∇ log π(aₜ | oₜ) with respect to the logits, [T, O, A].

        Row oₜ is onehot(aₜ) - π(· | oₜ); the other rows are 0.
        """
        score = np.zeros((len(self), *self.logits.shape))
        steps = np.arange(len(self))
        score[steps, self.obs] = -softmax(self.logits)[self.obs]
        score[steps, self.obs, self.act] += 1.0
        return score


Episodes = Sequence[Episode]
Estimator = Callable[[Episodes], Floats]


@dataclass(frozen=True, eq=False)
class MDP:
    """A tabular MDP and the softmax policy that acts in it: S states, A actions, O observations.

    Args:
        start: distribution of the first state, [S].
        transition: P(s' | s, a), [S, A, S]. If a row sums to less than 1, the remainder is the
            probability that the episode terminates there.
        reward: r(s, a), [S, A].
        logits: logits of the policy, [O, A]; states that share an observation share a row. An
            action whose logit is -inf is not available. (A policy with a single logit x for two
            actions has logits (0, x), and its gradient is the second component of the one here.)
        gamma: discount factor in [0, 1].
        observation: the observation of each state, int [S]. By default it is the state itself.
        limit: the number of steps after which an episode is truncated. The policy does not observe
            the time, and nothing after the limit counts: values and gradients are those of the
            truncated episodes.

    Raises:
        ValueError: the shapes do not fit together, or a number is out of range.

    Example:
        A coin is tossed until it shows tails (action 0). Each head pays 1:

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
        _check_shapes(self)
        _check_numbers(self)

    def at(self, logits: ArrayLike) -> "MDP":
        """Return the same MDP with another policy."""
        return replace(self, logits=logits)

    def restarting(self) -> "MDP":
        """Return the MDP that never ends: where an episode would terminate, a new one starts."""
        ends = 1.0 - self.transition.sum(axis=-1, keepdims=True)
        return replace(self, transition=self.transition + ends * self.start)

    @cached_property
    def policy(self) -> Floats:
        """Return π(a | s), [S, A]."""
        probabilities: Floats = softmax(self.logits)[self.observation]
        return probabilities

    # Linear equations.

    @cached_property
    def _unrolled(self) -> "MDP":
        """Return the MDP with the time in its state, limit · S states; without a limit, itself."""
        if self.limit is None:
            return self
        steps = self.limit
        states = len(self.start)
        start = np.zeros((steps, states))
        start[0] = self.start
        transition = np.zeros((steps, states, self.logits.shape[1], steps, states))
        for t in range(steps - 1):
            transition[t, :, :, t + 1] = self.transition
        return MDP(
            start=start.ravel(),
            transition=transition.reshape(steps * states, -1, steps * states),
            reward=np.tile(self.reward, (steps, 1)),
            logits=self.logits,
            gamma=self.gamma,
            observation=np.tile(self.observation, steps),
        )

    def _by_time(self, values: Floats) -> Floats:
        """Reshape numbers of the unrolled states, [limit · S, ...], to [limit, S, ...]."""
        if self.limit is None:
            return values
        return values.reshape(self.limit, len(self.start), *values.shape[1:])

    def _system(self, objective: Objective) -> tuple[float, Floats, Floats]:
        """Return γ, the transition matrix P [S, S] and the reward [S] under the policy."""
        if objective not in OBJECTIVES:
            raise ValueError(f"objective: discounted, undiscounted or average, got {objective!r}.")
        gamma = self.gamma if objective == "discounted" else 1.0
        P = np.einsum("sa,sap->sp", self.policy, self.transition)
        if objective == "average":
            if (P.sum(axis=1) < 1 - 1e-9).any():
                raise ValueError("the average reward needs an MDP that never ends.")
        elif gamma == 1 and not _ends(P):
            raise ValueError(
                "the sum of rewards may be infinite: episodes may go on forever, and gamma is 1. "
                "Give a limit, gamma < 1, or ask for the average reward."
            )
        return gamma, P, (self.policy * self.reward).sum(axis=1)

    def occupancy(self, objective: Objective = "discounted") -> Floats:
        """Return how often each state is visited, [S]; with a limit [limit, S], by time.

        "discounted": d(s) = Σₜ γᵗ P(sₜ = s), the solution of d = start + γ d P. "undiscounted": the
        same with γ = 1, the expected number of visits. "average": the stationary distribution,
        d∞ = d∞ P.
        """
        unrolled = self._unrolled
        gamma, P, _ = unrolled._system(objective)
        if objective == "average":
            return self._by_time(_stationary_distribution(P))
        visits: Floats = np.linalg.solve((np.eye(len(P)) - gamma * P).T, unrolled.start)
        return self._by_time(visits)

    def value(self, objective: Objective = "discounted") -> Floats:
        """Return V(s), the solution of V = r + γ P V, [S]; with a limit [limit, S], by time.

        "undiscounted": γ = 1. "average": the differential value, V = r - r(π) + P V with d∞ V = 0.
        """
        return self._by_time(self._unrolled._value(objective))

    def _value(self, objective: Objective) -> Floats:
        gamma, P, reward = self._system(objective)
        equations = np.eye(len(P)) - gamma * P
        if objective == "average":
            stationary = self.occupancy("average")
            equations = equations + stationary
            reward = reward - stationary @ reward
        return np.linalg.solve(equations, reward).astype(np.float64)

    def q(self, objective: Objective = "discounted") -> Floats:
        """Return Q(s, a) = r(s, a) + γ Σ P(s' | s, a) V(s'), [S, A]; with a limit [limit, S, A].

        "average": the differential value, from which r(π) is subtracted.
        """
        return self._by_time(self._unrolled._q(objective))

    def _q(self, objective: Objective) -> Floats:
        gamma = self._system(objective)[0]
        Q: Floats = self.reward + gamma * self.transition @ self._value(objective)
        return Q - self.J("average") if objective == "average" else Q

    def J(self, objective: Objective = "discounted") -> float:
        """Return the objective: the expected return of an episode, or the average reward of a step.

        "discounted": E[Σ γᵗ rₜ] from the start distribution. "undiscounted": E[Σ rₜ], which is
        finite if there is a limit or if every episode terminates. "average": r(π) = Σ d∞(s) r(s).
        """
        if objective == "average":
            return float(self.occupancy("average") @ self._system("average")[2])
        return float(self._unrolled.start @ self._unrolled._value(objective))

    def gradient(self, objective: Objective = "discounted") -> Floats:
        """Return ∇J with respect to the logits, [O, A]: Σₛ d(s) Σₐ ∇π(a | s) Q(s, a).

        Both factors belong to the same objective: `occupancy(objective)` and `q(objective)`.

        Source: Sutton, McAllester, Singh & Mansour (2000), theorem 1, for the discounted return
        from a start state and for the average reward; Baxter & Bartlett (2001) for the average
        reward as a limit of discounted ones; Williams (1992) for whole episodes. The discounted
        value under the stationary distribution is not a fourth objective: (1 - γ) Σ d∞ V = r(π)
        for every γ (Sutton & Barto 2018, section 10.4).
        """
        return self._direction(objective, objective)

    def without_gamma_t(self) -> Floats:
        """Return E[Σₜ ∇log π(aₜ|sₜ) Gₜ] with discounted Gₜ, [O, A]; in ∇J, Gₜ has the factor γᵗ.

        It combines undiscounted visits with discounted Q. With γ < 1 this is in general the
        gradient of no function (Nota & Thomas 2020).
        """
        return self._direction("undiscounted", "discounted")

    def _direction(self, visits: Objective, values: Objective) -> Floats:
        """Return Σₛ d(s) Σₐ ∇π(a | s) Q(s, a), [O, A].

        With softmax, ∂π(a|s)/∂logit(a') = π(a|s) (1{a = a'} - π(a'|s)), so the component of a' is
        Σₛ d(s) π(a'|s) (Q(s, a') - V(s)).
        """
        mdp = self._unrolled
        advantage = mdp._q(values) - mdp._value(values)[:, None]
        pushes = mdp.occupancy(visits)[:, None] * mdp.policy * advantage
        direction: Floats = np.zeros_like(self.logits)
        np.add.at(direction, mdp.observation, pushes)
        return direction

    # Enumeration.

    def episodes(self) -> tuple[Floats, list[Episode]]:
        """Return the probability of every episode, float64 [K], and the list of all K episodes.

        Raises:
            ValueError: there is no longest episode (give a limit), or there are too many episodes.
        """
        every = self._enumerate(self.start, self.limit, truncated=self.limit is not None)
        found = list(itertools.islice(every, MOST_EPISODES + 1))
        if len(found) > MOST_EPISODES:
            raise ValueError(f"more than {MOST_EPISODES} episodes: too many to enumerate.")
        return np.array([p for p, _ in found]), [episode for _, episode in found]

    def batches(self, n: int, symmetric: bool = False) -> Iterator[tuple[float, Episodes]]:
        """Yield the probability of every batch of n independent episodes, and the batch.

        Args:
            n: number N of episodes per batch.
            symmetric: yield each multiset of episodes once, with the probability of all its orders.
                This is right only for an estimator that ignores the order, and far cheaper for
                large n.

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

    def windows(
        self, steps: int, first: ArrayLike | None = None
    ) -> Iterator[tuple[float, Episodes]]:
        """Yield every sequence of `steps` steps of an environment that restarts after each episode.

        A collector that stops after a fixed number of steps stores such a window. Each batch
        contains the episodes in the window; if the last one is unfinished, it is neither terminated
        nor truncated.

        Args:
            steps: length of the window, at least 1.
            first: distribution of the state the window begins in, [S]; by default `start`. A later
                window begins where the previous one stopped, perhaps in the middle of an episode.

        Raises:
            ValueError: `steps` is less than 1, or the MDP has a limit, in which case the
                distribution of the first state would not say how much time is left.
        """
        if self.limit is not None or steps < 1:
            raise ValueError(
                f"windows: expected steps >= 1 in an MDP without a limit, got steps {steps} and "
                f"limit {self.limit}."
            )
        begin = self.start if first is None else np.asarray(first, np.float64)
        for p, episode in self._enumerate(begin, steps, truncated=False):
            if len(episode) == steps:
                yield p, [episode]
            else:
                for p_rest, rest in self.windows(steps - len(episode)):
                    yield p * p_rest, [episode, *rest]

    def _enumerate(
        self, first: Floats, most: int | None, truncated: bool
    ) -> Iterator[tuple[float, Episode]]:
        """Yield every episode of at most `most` steps; mark those cut there as `truncated`."""
        for s in np.flatnonzero(first).tolist():
            for p, states, acts, terminated in self._extend(float(first[s]), [s], [], most):
                cut = truncated and not terminated
                yield p, self._episode(np.array(states), np.array(acts), terminated, cut)

    def _extend(
        self, p: float, states: list[int], acts: list[int], most: int | None
    ) -> Iterator[tuple[float, list[int], list[int], bool]]:
        """Yield (probability, states, actions, terminated) for every way to finish an episode."""
        if most is None and len(states) > len(self.start):
            raise ValueError(
                "there is no longest episode, because a state may be visited twice. Give a limit."
            )
        state = states[-1]
        for a in np.flatnonzero(self.policy[state]).tolist():
            acted = [*acts, a]
            p_acted = p * float(self.policy[state, a])
            following = self.transition[state, a]
            goes_on = float(following.sum())
            if goes_on < 1 - 1e-12:
                yield p_acted * (1 - goes_on), states, acted, True
            if len(acted) == most:
                if goes_on > 0:
                    yield p_acted * goes_on, states, acted, False
                continue
            for s in np.flatnonzero(following).tolist():
                yield from self._extend(p_acted * float(following[s]), [*states, s], acted, most)

    def _episode(self, states: Ints, acts: Ints, terminated: bool, truncated: bool) -> Episode:
        return Episode(
            states=states,
            obs=self.observation[states],
            act=acts,
            rew=self.reward[states, acts],
            logits=self.logits,
            terminated=terminated,
            truncated=truncated,
        )

    # Sampling.

    def sample(self, n: int, rng: np.random.Generator) -> list[Episode]:
        """Draw n independent episodes."""
        return [self._draw(rng) for _ in range(n)]

    def _draw(self, rng: np.random.Generator) -> Episode:
        start, policy, transition = self._cumulative
        states = [bisect(start, rng.random())]
        acts: list[int] = []
        while True:
            acts.append(bisect(policy[states[-1]], rng.random()))
            following = bisect(transition[states[-1]][acts[-1]], rng.random())
            terminated = following == len(start)
            if terminated or len(acts) == self.limit:
                return self._episode(np.array(states), np.array(acts), terminated, not terminated)
            states.append(following)

    @cached_property
    def _cumulative(self) -> tuple[Any, Any, Any]:
        """Return the cumulative distributions as nested lists, which `bisect` inverts."""
        return (
            self.start.cumsum(axis=-1).tolist(),
            self.policy.cumsum(axis=-1).tolist(),
            self.transition.cumsum(axis=-1).tolist(),
        )


def softmax(logits: ArrayLike) -> Floats:
    """Return exp(x) / Σ exp(x) along the last axis."""
    x = np.asarray(logits, np.float64)
    weight = np.exp(x - x.max(axis=-1, keepdims=True))
    probability: Floats = weight / weight.sum(axis=-1, keepdims=True)
    return probability


def _stationary_distribution(P: Floats) -> Floats:
    """Return the solution of d∞ = d∞ P with Σ d∞ = 1, [S]."""
    equations = (np.eye(len(P)) - P).T
    if np.linalg.matrix_rank(equations, tol=1e-9) < len(P) - 1:
        raise ValueError("the average reward depends on the start: several closed classes.")
    ones = np.ones((1, len(P)))
    left = np.concatenate([equations, ones])
    right = np.append(np.zeros(len(P)), 1.0)
    stationary: Floats = np.linalg.lstsq(left, right, rcond=None)[0]
    return stationary


def _ends(P: Floats) -> bool:
    """Return whether the chain can terminate from each of its states."""
    can_end = P.sum(axis=1) < 1 - 1e-12
    for _ in P:
        can_end = can_end | (P @ can_end > 0)
    return bool(can_end.all())


def _check_shapes(mdp: MDP) -> None:
    if mdp.start.ndim != 1 or mdp.logits.ndim != 2:
        raise ValueError(
            f"start must be [S] and logits [O, A], got shapes {mdp.start.shape} and "
            f"{mdp.logits.shape}."
        )
    states = len(mdp.start)
    actions = mdp.logits.shape[1]
    shapes = {
        "transition": (states, actions, states),
        "reward": (states, actions),
        "observation": (states,),
    }
    for name, shape in shapes.items():
        if getattr(mdp, name).shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {getattr(mdp, name).shape}.")


def _check_numbers(mdp: MDP) -> None:
    if not ((mdp.observation >= 0) & (mdp.observation < len(mdp.logits))).all():
        raise ValueError(f"observation must hold row numbers of logits, got {mdp.observation}.")
    if (mdp.start < 0).any() or abs(mdp.start.sum() - 1) > 1e-9:
        raise ValueError(f"start must be a distribution, got {mdp.start}.")
    if not (mdp.transition >= 0).all() or (mdp.transition.sum(axis=-1) > 1 + 1e-9).any():
        raise ValueError("transition must hold probabilities whose rows sum to at most 1.")
    if not np.isfinite(mdp.reward).all() or not np.isfinite(mdp.logits.max(axis=1)).all():
        raise ValueError("rewards must be finite, and every row of logits needs a finite maximum.")
    if not 0 <= mdp.gamma <= 1:
        raise ValueError(f"gamma must be in [0, 1], got {mdp.gamma}.")
    if mdp.limit is not None and mdp.limit < 1:
        raise ValueError(f"limit must be at least 1, got {mdp.limit}.")
