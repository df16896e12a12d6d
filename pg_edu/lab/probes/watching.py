"""Watch what any torch code does with its distributions and optimizers, without changing it.

While a `Watch` is open it notes every draw, every log-probability that has a gradient, and every
step of an optimizer. The gradient of the loss with respect to a log-probability is minus the weight
of that row: so the returns that an agent really uses can be read from any loop.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import distributions
from torch.distributions import Distribution
from torch.optim.optimizer import register_optimizer_step_post_hook

from pg_edu.lab.probes.functional import Functional
from pg_edu.types import Floats

FAMILIES: tuple[type[Distribution], ...] = (
    distributions.Categorical,
    distributions.OneHotCategorical,
    distributions.Bernoulli,
    distributions.Normal,
    distributions.MultivariateNormal,
    distributions.Independent,
    distributions.TransformedDistribution,
)
FIRST_SCORINGS = 20  # in these, the parameters of the actor are looked up
NOTED = ("log_prob", "entropy", "sample", "rsample")


@dataclass
class Draw:
    """A call of `sample`: the distributions' parameters [B, D], and what was drawn [B, ...].

    A softmax shows probabilities but no draw: then values is None, and `at` is how many steps the
    environments had taken.
    """

    params: Floats
    values: Floats | None
    at: int = 0


@dataclass
class Scoring:
    """A call of `log_prob` that has a gradient.

    Args:
        params: the parameters of the distributions, [B, D].
        values: the values that were scored, [B, ...].
        optimizer_steps: how many steps optimizers had taken before it.
        is_table: whether its result pairs rows with rows, [B, B] from [B].
        weights: minus the gradient of the loss with respect to the result, [B, ...]; None before a
            backward pass has reached it.
        at: how many steps the environments had taken at that backward pass.
        gradients_left: whether gradients of the step before were still there.
    """

    params: Floats
    values: Floats
    optimizer_steps: int
    is_table: bool
    weights: Floats | None = None
    at: int = 0
    gradients_left: bool = False

    @property
    def rows(self) -> int:
        """The number of distributions that were asked."""
        return len(self.params)


@dataclass
class Watch:
    """A block in which draws, scored rows and optimizer steps are noted.

    Args:
        clock: returns how many steps the environments have taken.
        actions: the number of discrete actions, with which a softmax over them is recognized; 0 if
            actions are continuous.
        last_draw: the last call of `sample`.
        scorings: the calls of `log_prob` that have a gradient.
        entropy_weights: for each backward pass through `entropy` before the first step of an
            update, minus the sum of the gradient: positive for a bonus, negative for a penalty.
        optimizer_steps: how many steps optimizers have taken.
        rates: the learning rates of the last step.
        largest_rate: the largest learning rate of any step.
        steps_at_zero: how many steps had a learning rate of 0.
        had_gradient: whether any step found a gradient other than 0.

    Example:
        >>> logits = torch.zeros(2, 3, requires_grad=True)
        >>> with Watch() as watch:
        ...     dist = distributions.Categorical(logits=logits)
        ...     (-dist.log_prob(torch.tensor([0, 2])) * torch.tensor([5.0, 7.0])).sum().backward()
        >>> watch.scorings[0].weights
        array([5., 7.])
    """

    clock: Callable[[], int] = lambda: 0
    actions: int = 0
    last_draw: Draw | None = None
    scorings: list[Scoring] = field(default_factory=list)
    entropy_weights: list[float] = field(default_factory=list)
    optimizer_steps: int = 0
    rates: tuple[float, ...] = ()
    largest_rate: float = 0.0
    steps_at_zero: int = 0
    had_gradient: bool = False
    _depth: int = 0
    _undo: list[Callable[[], None]] = field(default_factory=list)
    _last_sums: dict[torch.Tensor, float] = field(default_factory=dict)
    _scored: set[torch.Tensor] = field(default_factory=set)
    _checked_at: int = -1
    _update: tuple[int, int] = (-1, -1)  # the clock, and the optimizer's steps at its beginning

    @property
    def rate_has_fallen(self) -> bool:
        """Whether the last learning rate is far below the largest one, as after annealing."""
        return bool(self.rates) and max(self.rates) < 0.2 * self.largest_rate

    def __enter__(self) -> "Watch":
        for family in FAMILIES:
            for name in NOTED:
                if name in vars(family):
                    self._replace(family, name)
        hook = register_optimizer_step_post_hook(self._on_optimizer_step)
        self._undo.append(hook.remove)
        if self.actions:
            self._watch_functions()
        return self

    def _watch_functions(self) -> None:
        """Note a softmax over the actions, and what is taken from it."""
        functional: Any = Functional(
            self.actions, lambda: self._depth > 0, self._note_softmax, self._note_chosen
        )
        functional.__enter__()
        self._undo.append(lambda: functional.__exit__(None, None, None))

    def __exit__(self, *exception: Any) -> None:
        while self._undo:
            self._undo.pop()()

    def _replace(self, family: type[Distribution], name: str) -> None:
        """Replace a method by one that notes the outermost call."""
        original: Callable[..., Any] = vars(family)[name]
        notes: dict[str, Callable[..., None]] = {
            "log_prob": self._note_scoring,
            "entropy": self._note_entropy,
        }
        note: Callable[..., None] = notes.get(name, self._note_draw)

        def noted(dist: Distribution, *args: Any, **kwargs: Any) -> Any:
            self._depth += 1
            try:
                result = original(dist, *args, **kwargs)
            finally:
                self._depth -= 1
            if self._depth == 0:
                note(dist, result, *args, **kwargs)
            return result

        setattr(family, name, noted)
        self._undo.append(lambda: setattr(family, name, original))

    def _note_draw(self, dist: Distribution, result: Any, *args: Any, **kwargs: Any) -> None:
        params = parameters_of(dist)
        if params is not None:
            values = result.detach().cpu().numpy().reshape(len(params), -1)
            self.last_draw = Draw(params, values.copy())

    def _note_softmax(self, logs: Floats) -> None:
        """Note with which log-probabilities an action may be drawn, unless a draw has shown it."""
        last = self.last_draw
        is_drawn = last is not None and last.values is not None and last.params.shape == logs.shape
        if last is None or not is_drawn or np.abs(last.params - logs).max() > 1e-4:
            self.last_draw = Draw(logs, None, self.clock())

    def _note_chosen(
        self, logs: Floats, actions: Floats, is_table: bool, result: torch.Tensor
    ) -> Callable[[Floats], None]:
        """Note log-probabilities of actions, and return a function that takes their weights."""
        scoring = Scoring(logs, actions.reshape(-1, 1), self.optimizer_steps, is_table)
        self._keep_scoring(scoring, result)
        return lambda weights: self._keep_weights(scoring, weights)

    def _keep_scoring(self, scoring: Scoring, result: torch.Tensor) -> None:
        self.scorings.append(scoring)
        if len(self.scorings) <= FIRST_SCORINGS:
            self._scored |= parameters_behind(result)

    def _note_scoring(self, dist: Distribution, result: Any, value: Any) -> None:
        params = parameters_of(dist)
        if params is None or not result.requires_grad:
            return
        is_table = result.shape != dist.batch_shape
        values = torch.as_tensor(value).detach().cpu().numpy()
        values = values.reshape(len(params), -1) if values.size % len(params) == 0 else values
        scoring = Scoring(params, values.copy(), self.optimizer_steps, bool(is_table))
        self._keep_scoring(scoring, result)
        result.register_hook(lambda gradient: self._note_weights(scoring, gradient))

    def _note_entropy(self, dist: Distribution, result: Any) -> None:
        if result.requires_grad:
            result.register_hook(self._keep_entropy)

    def _keep_entropy(self, gradient: torch.Tensor) -> None:
        if self._update[0] != self.clock():
            self._update = self.clock(), self.optimizer_steps
        if self._update[1] == self.optimizer_steps:
            self.entropy_weights.append(-float(gradient.sum()))

    def _note_weights(self, scoring: Scoring, gradient: torch.Tensor) -> None:
        weights = -gradient.detach().cpu().double().numpy()
        if not scoring.is_table:
            weights = weights.reshape(len(scoring.params), -1)
            weights = weights[:, 0] if weights.shape[1] == 1 else weights
        self._keep_weights(scoring, weights)

    def _keep_weights(self, scoring: Scoring, weights: Floats) -> None:
        """Note the weights, and whether the gradients of the last step are still there."""
        scoring.weights = weights if scoring.weights is None else scoring.weights + weights
        scoring.at = self.clock()
        is_first_of_step = self._checked_at != self.optimizer_steps
        self._checked_at = self.optimizer_steps
        if is_first_of_step:
            # A critic with an optimizer of its own may still have its gradients.
            sums = [(p, total) for p, total in self._last_sums.items() if p in self._scored]
            scoring.gradients_left = any(_is_left(p, total) for p, total in sums)

    def _on_optimizer_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self.optimizer_steps += 1
        if self.last_draw is not None and self.last_draw.values is None:
            self.last_draw = None  # the parameters are other ones now
        self.rates = tuple(float(group["lr"]) for group in optimizer.param_groups)
        self.largest_rate = max(self.largest_rate, *self.rates)
        self.steps_at_zero += not any(self.rates)
        for parameter in (p for group in optimizer.param_groups for p in group["params"]):
            grad = parameter.grad
            self._last_sums[parameter] = 0.0 if grad is None else float(grad.double().sum())
            self.had_gradient = self.had_gradient or (grad is not None and bool(grad.any()))


def _is_left(parameter: torch.Tensor, gradient_sum: float) -> bool:
    """Return whether a gradient is still the one of the last step, which was not 0.

    A new backward pass may have reached some parameters already, such as those of a critic.
    """
    grad = parameter.grad
    return grad is not None and gradient_sum != 0.0 and float(grad.double().sum()) == gradient_sum


def parameters_behind(result: torch.Tensor) -> set[torch.Tensor]:
    """Return the leaves that a tensor was computed from and that get a gradient.

    Example:
        >>> weight = torch.ones(3, requires_grad=True)
        >>> parameters_behind((2 * weight).sum()) == {weight}
        True
    """
    leaves: set[torch.Tensor] = set()
    seen: set[Any] = set()
    waiting: list[Any] = [result.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            leaves.add(node.variable)
        waiting += [source for source, _ in node.next_functions]
    return leaves


def parameters_of(dist: Any) -> Floats | None:
    """Return the parameters of distributions, [B, D], or None if they are not known.

    Example:
        >>> parameters_of(distributions.Normal(torch.zeros(2), torch.ones(2))).shape
        (2, 2)
    """
    while isinstance(dist, distributions.Independent):
        dist = dist.base_dist
    if isinstance(dist, distributions.TransformedDistribution):
        return parameters_of(dist.base_dist)
    tensors = [getattr(dist, name, None) for name in ("logits", "loc", "scale")]
    if isinstance(dist, distributions.MultivariateNormal):
        tensors = [dist.loc]
    known = [t.detach().cpu().numpy() for t in tensors if isinstance(t, torch.Tensor)]
    if not known:
        return None
    has_events = isinstance(dist, distributions.Categorical | distributions.OneHotCategorical)
    rows = dist.batch_shape.numel() if has_events else _rows(known[0])
    return np.concatenate([k.reshape(rows, -1) for k in known], axis=1).astype(np.float64)


def _rows(array: Floats) -> int:
    """Return the number of rows of Gaussians: the first dimension is that of the batch."""
    return array.shape[0] if array.ndim > 1 else max(1, array.size)
