"""Make, examine and index action distributions.

    actor(obs) -> dist_input,    dist_fn(dist_input) -> distribution over the actions of B rows

A `dist_fn` decides what the actor's numbers mean. Taking logits for probabilities, or forgetting
an axis, raises nothing in torch and trains something else: `check_distribution` looks for both.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributions as d
from torch import nn
from torch.distributions import Categorical, Distribution, ExponentialFamily, Independent, Normal
from torch.distributions.constraints import Constraint, is_dependent

from pg_edu.checks import warn as warn_user

NEGATIVE_PROBABILITIES = (
    "dist_fn takes the actor's output as probabilities, but some are negative. "
    "If they are logits, write dist_fn=lambda logits: Categorical(logits=logits)."
)
SUM_TO_ONE = 1e-3  # how far a sum of probabilities may be from 1


def categorical(logits: torch.Tensor) -> Distribution:
    """Return a distribution over A actions for each row, batch_shape [B], from logits [B, A]."""
    return Categorical(logits=logits, validate_args=False)  # PGPolicy checks it


def gaussian(loc_scale: tuple[torch.Tensor, torch.Tensor]) -> Distribution:
    """Return the distribution of actions [B, A], scored jointly, from (mean, deviation) [B, A]."""
    return Independent(Normal(*loc_scale, validate_args=False), 1, validate_args=False)


@dataclass(frozen=True)
class IndependentCategoricals:
    """A dist_fn for MultiDiscrete spaces, where component a is one of sizes[a] actions.

    Called with logits [B, sum(sizes)], it returns a distribution of actions [B, A].

    Example:
        >>> dist = IndependentCategoricals((2, 3))(torch.zeros(4, 5))
        >>> dist.sample().shape, round(dist.log_prob(torch.tensor([1, 2])).exp()[0].item(), 4)
        (torch.Size([4, 2]), 0.1667)
    """

    sizes: tuple[int, ...]

    def __call__(self, logits: torch.Tensor) -> Distribution:
        widest = max(self.sizes)
        rows = []
        for part in torch.split(logits, list(self.sizes), dim=-1):
            missing = widest - part.shape[-1]
            rows.append(nn.functional.pad(part, (0, missing), value=-math.inf))
        components = Categorical(logits=torch.stack(rows, dim=-2), validate_args=False)
        return Independent(components, 1, validate_args=False)


def make_distribution(dist_fn: Callable[[Any], Distribution], dist_input: Any) -> Distribution:
    """Return dist_fn(dist_input), or raise an error that says how dist_fn is called."""
    try:
        return dist_fn(dist_input)
    except TypeError as error:
        raise TypeError(
            f"dist_fn failed on the actor's output ({error}). It is called with one argument, what "
            "the actor returns: `lambda logits: Categorical(logits=logits)`, or for an actor that "
            "returns ((loc, scale), state) `lambda loc_scale: Independent(Normal(*loc_scale), 1)`."
        ) from error
    except ValueError as error:
        if dist_fn is Categorical and (dist_input < 0).any():
            raise ValueError(NEGATIVE_PROBABILITIES) from error
        raise


def mode_of(dist: Distribution) -> torch.Tensor:
    """Return the distribution's mode, or raise an error that says that its class has none."""
    try:
        return dist.mode
    except (AttributeError, NotImplementedError) as error:
        raise ValueError(
            "deterministic_eval=True takes the mode of the distribution, but "
            f"{type(dist).__name__} has none. Write deterministic_eval=False, or a subclass with a "
            "property `mode`."
        ) from error


def check_distribution(
    dist: Distribution,
    dist_input: Any,
    dist_fn: Callable[[Any], Distribution],
    rows: int,
    warn: Callable[[str], None] = warn_user,
) -> None:
    """Require one distribution per row, valid parameters, and no logits taken as probabilities.

    What a distribution of your own does not declare (shapes, constraints) is not checked.

    Args:
        dist: dist_fn(dist_input).
        dist_input: the actor's output.
        dist_fn: the function that made the distribution.
        rows: B, the number of observations.
        warn: called with a message if probabilities do not sum to 1.

    Raises:
        ValueError: one of these does not hold.
        TypeError: `dist` is not a distribution.
    """
    if not hasattr(dist, "sample") or not hasattr(dist, "log_prob"):
        raise TypeError(
            f"dist_fn must return a distribution, with sample, mode and log_prob, but it returned "
            f"a {type(dist).__name__}. Write e.g. lambda logits: Categorical(logits=logits)."
        )
    shapes = declared_shapes(dist)
    if shapes is None:
        return
    if shapes[0][:1] != (rows,):
        raise ValueError(
            f"dist_fn made a {type(dist).__name__} of batch_shape {list(shapes[0])} for "
            f"{rows} observations; its first axis must be that long. The actor must return "
            "(dist_input, state); a Gaussian one returns ((loc, scale), state)."
        )
    if isinstance(dist, Categorical) and torch.is_tensor(dist_input):
        _check_probabilities(dist, dist_input, dist_fn, warn)
    if not validates_arguments(dist):
        _check_parameters(dist)


def _check_probabilities(
    dist: Categorical,
    dist_input: torch.Tensor,
    dist_fn: Callable[[Any], Distribution],
    warn: Callable[[str], None],
) -> None:
    """Reject negative probabilities, and warn about others that do not sum to 1."""
    was_made_from_logits = "probs" not in vars(dist)  # unless dist.probs has been asked for
    if was_made_from_logits:
        return
    total = dist_input.sum(-1, keepdim=True)
    if dist_fn is not Categorical:  # another dist_fn may itself have made probabilities
        taken_for_probabilities = torch.equal(dist.probs, dist_input / total)
        taken_for_logits = torch.allclose(dist.probs, dist_input.softmax(-1))
        if taken_for_logits or not taken_for_probabilities:
            return
    if (dist_input < 0).any():
        raise ValueError(NEGATIVE_PROBABILITIES)
    if not torch.allclose(total, torch.ones_like(total), rtol=0.0, atol=SUM_TO_ONE):
        warn(
            "dist_fn takes the actor's output as probabilities, but they do not sum to 1 (they are "
            "divided by their sum). If they are logits, write "
            "dist_fn=lambda logits: Categorical(logits=logits)."
        )


def base_of(dist: Distribution) -> Distribution:
    """Return the distribution inside of one or several `Independent`."""
    while isinstance(dist, Independent):
        dist = dist.base_dist
    return dist


def declared_shapes(dist: Distribution) -> tuple[torch.Size, torch.Size] | None:
    """Return batch_shape and event_shape; None if a user's distribution does not declare them.

    Its class needs `sample`, `mode` and `log_prob` only. It may leave super().__init__() out, or
    call it without arguments; torch then stores two empty shapes.
    """
    batch_shape = getattr(dist, "batch_shape", None)
    event_shape = getattr(dist, "event_shape", None)
    if batch_shape is None or event_shape is None:
        return None
    is_declared = len(batch_shape) > 0 or len(event_shape) > 0
    return (batch_shape, event_shape) if is_declared or _is_of_torch(dist) else None


def _is_of_torch(dist: Distribution) -> bool:
    """Tell whether the class of a distribution is one of torch's, or is derived from one."""
    abstract = (Distribution, ExponentialFamily)
    concrete = [base for base in type(dist).__mro__ if base not in abstract]
    return any(base.__module__.startswith("torch.distributions.") for base in concrete)


def validates_arguments(dist: Distribution) -> bool:
    """Tell whether torch itself checks the distribution's parameters and the actions it scores."""
    return bool(getattr(base_of(dist), "_validate_args", False))


@contextmanager
def torch_validation_off() -> Iterator[None]:
    """Keep torch from checking the arguments of distributions that are made within this block.

    While collecting, these checks would take a tenth of the time.
    """
    before = Distribution._validate_args
    try:
        Distribution.set_default_validate_args(False)
        yield
    finally:
        Distribution.set_default_validate_args(before)


def check_support(dist: Distribution, act: torch.Tensor) -> None:
    """Raise unless the distribution can draw these actions."""
    support = support_of(dist)
    if support is not None and not support.check(act).all():  # type: ignore[no-untyped-call]
        raise ValueError(
            f"act holds actions that {type(dist).__name__} cannot draw: they lie outside its "
            f"support, {support}."
        )


def support_of(dist: Distribution) -> Constraint | None:
    """Return the distribution's support; None if it does not say what its support is."""
    try:
        support: Constraint | None = dist.support
    except (NotImplementedError, AttributeError):
        return None
    return support


def select_rows(dist: Distribution, index: Any) -> Distribution:
    """Return the distribution of the indexed rows, made from the same parameters as `dist`.

    Args:
        dist: a distribution of a class in `PARAMETERS`, or of a subclass with the same constructor;
            batch_shape [B, ...].
        index: whatever indexes a tensor: an int, a slice, an array.

    Raises:
        TypeError: the distribution is of another class.
    """
    if isinstance(dist, Independent):
        return Independent(select_rows(dist.base_dist, index), dist.reinterpreted_batch_ndims)
    selected = {}
    for name in _own_parameters(dist):
        selected[name] = getattr(dist, name)[index]
    make: Callable[..., Distribution] = type(dist)
    try:
        # The parameters are valid already, and torch's check of logits fails if no row is left.
        return make(**selected, validate_args=False)
    except TypeError as error:
        name = type(dist).__name__
        raise TypeError(f"Batch: cannot take rows of a {name}: {error}") from error


PARAMETERS: dict[type[Distribution], tuple[str, ...]] = {
    d.Bernoulli: ("probs",),
    d.Beta: ("concentration1", "concentration0"),
    d.Binomial: ("total_count", "probs"),
    d.Categorical: ("probs",),
    d.Cauchy: ("loc", "scale"),
    d.Chi2: ("df",),
    d.ContinuousBernoulli: ("probs",),
    d.Dirichlet: ("concentration",),
    d.Exponential: ("rate",),
    d.FisherSnedecor: ("df1", "df2"),
    d.Gamma: ("concentration", "rate"),
    d.Geometric: ("probs",),
    d.Gumbel: ("loc", "scale"),
    d.HalfCauchy: ("scale",),
    d.HalfNormal: ("scale",),
    d.InverseGamma: ("concentration", "rate"),
    d.Kumaraswamy: ("concentration1", "concentration0"),
    d.Laplace: ("loc", "scale"),
    d.LogisticNormal: ("loc", "scale"),
    d.LogNormal: ("loc", "scale"),
    d.LowRankMultivariateNormal: ("loc", "cov_factor", "cov_diag"),
    d.MultivariateNormal: ("loc", "scale_tril"),
    d.NegativeBinomial: ("total_count", "probs"),
    d.Normal: ("loc", "scale"),
    d.OneHotCategorical: ("probs",),
    d.Pareto: ("scale", "alpha"),
    d.Poisson: ("rate",),
    d.StudentT: ("df", "loc", "scale"),
    d.Uniform: ("low", "high"),
    d.VonMises: ("loc", "concentration"),
    d.Weibull: ("scale", "concentration"),
    d.Wishart: ("df", "scale_tril"),
}
"""The parameters that make a distribution, by class."""

EQUIVALENT = {
    "probs": ("probs", "logits"),
    "scale_tril": ("scale_tril", "covariance_matrix", "precision_matrix"),
}
"""A distribution is made from one of these parameters, and derives the others on demand."""


def _own_parameters(dist: Distribution) -> list[str]:
    """Return the names of the parameters that `dist` was made from."""
    known_class = next((base for base in type(dist).__mro__ if base in PARAMETERS), None)
    if known_class is None:
        raise TypeError(
            f"Batch: cannot take rows of a {type(dist).__name__}: pg_edu knows the parameters of "
            f"{', '.join(sorted(known.__name__ for known in PARAMETERS))}, not of this class"
        )
    names = []
    for name in PARAMETERS[known_class]:
        equivalent = EQUIVALENT.get(name, (name,))
        # Torch first sets the one it was given; a derived one comes later, and is rounded.
        names.append(next((known for known in vars(dist) if known in equivalent), name))
    return names


def _check_parameters(dist: Distribution) -> None:
    """Raise unless each parameter of the distribution satisfies torch's constraint."""
    if isinstance(dist, Independent):
        _check_parameters(dist.base_dist)
        return
    try:
        constraints = dist.arg_constraints
    except NotImplementedError:  # a user's class need not say what its parameters must be
        return
    for name, value in vars(dist).items():
        constraint = constraints.get(name)
        # What depends on another parameter, as the bounds of a Uniform do, is not checked here.
        if constraint is None or is_dependent(constraint):  # type: ignore[no-untyped-call]
            continue
        if not constraint.check(value).all():  # type: ignore[no-untyped-call]
            raise ValueError(
                f"{name} of {type(dist).__name__} must satisfy {constraint}, but it holds other "
                f"values, from {value.min()} to {value.max()}."
            )
