"""A guard against silent outer broadcasts: [B, 1] with [B] makes [B, B] without an error.

Broadcasting is right as long as some operand has the shape of the result, as when a bias [A] is
added to [B, A], or a mask [B, 1] is applied to [B, A]. If every operand grows, the result is a
table of all pairs, and its mean is not the mean over rows.
"""

import inspect
import math
import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from typing import Any, TypeVar

import numpy as np
from torch.overrides import TorchFunctionMode

TFunction = TypeVar("TFunction", bound=Callable[..., Any])

# The elementwise functions that broadcast their operands, under torch's names. Operators are listed
# without their underscores: "add" covers add, add_, __add__, __radd__ and __iadd__.
ARITHMETIC = """
    add sub subtract mul multiply div divide true_divide truediv floor_divide floordiv fmod
    remainder mod pow float_power rsub lerp addcmul addcdiv
"""
COMPARISONS = """
    eq ne not_equal lt less le less_equal gt greater ge greater_equal isclose allclose
"""
SELECTION = """
    where masked_fill masked_select maximum minimum max min fmax fmin clamp clamp_min clamp_max clip
"""
LOGIC = """
    and or xor lshift rshift bitwise_and bitwise_or bitwise_xor bitwise_left_shift
    bitwise_right_shift logical_and logical_or logical_xor
"""
MATHEMATICS = """
    atan2 arctan2 hypot copysign nextafter heaviside xlogy logaddexp logaddexp2 ldexp gcd lcm igamma
    igammac complex polar dist
"""
SAMPLING = """
    normal binomial broadcast_tensors
"""
LOSSES = """
    mse_loss l1_loss smooth_l1_loss huber_loss kl_div poisson_nll_loss gaussian_nll_loss
    hinge_embedding_loss margin_ranking_loss multilabel_soft_margin_loss
"""
GROUPS = (ARITHMETIC, COMPARISONS, SELECTION, LOGIC, MATHEMATICS, SAMPLING, LOSSES)
ELEMENTWISE = frozenset(" ".join(GROUPS).split())


class OuterBroadcastError(RuntimeError):
    """The error raised when an elementwise operation pairs all elements of its operands."""


class _AllowedInThread(threading.local):
    """A record of whether each open scope of this thread allows outer broadcasts, innermost last.

    Torch, too, keeps its modes for each thread separately.
    """

    stack: tuple[bool, ...] = (False,)


_allowed = _AllowedInThread()


class _Scope(TorchFunctionMode, ContextDecorator):
    """A block in which outer broadcasts are allowed or forbidden. The innermost scope decides."""

    allows: bool

    def __enter__(self) -> None:
        _allowed.stack = (*_allowed.stack, self.allows)
        super().__enter__()  # type: ignore[no-untyped-call]

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        _allowed.stack = _allowed.stack[:-1]

    def __call__(self, function: TFunction) -> TFunction:
        """Return the function, wrapped so that its calls run inside this scope."""
        runs_later = (
            inspect.isclass(function)
            or inspect.isgeneratorfunction(function)
            or inspect.iscoroutinefunction(function)
        )
        if runs_later:
            raise TypeError(
                f"{type(self).__name__} cannot decorate {function.__name__}, because calling it "
                f"does not run its lines. Write `with {type(self).__name__}(...):` inside it."
            )
        return super().__call__(function)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Check the shapes of an elementwise operation, then call it."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        allowed = _allowed.stack[-1]
        if not allowed and _is_elementwise(name):
            _check_shapes(name, args, kwargs)
        return func(*args, **kwargs)


class forbid_outer_broadcast(_Scope):
    """Raise if an elementwise operation in the block pairs all elements, as [B, 1] with [B] does.

    An operand grows if the result of broadcasting has more elements than the operand. It is an
    error if *every* operand grows. Numbers and tensors without dimensions do not count.

    This is a context manager, a decorator, and a pytest fixture of the same name for test modules
    that say `pytest_plugins = ["pg_edu.guard.pytest_plugin"]`. It holds in the thread that enters
    it, and also under autograd, `torch.no_grad` and `torch.vmap`.

    It watches the elementwise operations (operators, functions and methods, in place or not),
    comparisons, `torch.where`, the elementwise losses, and `torch.broadcast_tensors`, which torch's
    distributions call to give their parameters and values one shape. It ignores operations whose
    purpose is to pair all elements: `matmul`, `outer`, `einsum`, `cdist`, `expand`, and indexing
    with several index tensors.

    Outside the block nothing gets slower. Inside, each torch call takes a few microseconds more: a
    training step of a tiny network takes up to twice as long, one of a large network hardly any
    longer (`python tests/bench/guard.py` measures it).

    It does not see:
    - shapes that agree by accident: B = 1, or [B, A] with [B] where B = A;
    - errors that leave all shapes right: a mean over action dimensions in place of their sum, or
      probabilities passed as logits;
    - what NumPy computes. NumPy computes `tensor * array` (it first converts the tensor, which
      fails if the tensor requires a gradient); torch computes `tensor == array` and
      `array / tensor`;
    - what happens inside one call of torch: functions of `torch.jit`, and the backward pass,
      including that of your own `torch.autograd.Function`.

    Raises:
        OuterBroadcastError: every operand of an operation in the block grows. The message shows
            the shapes.
        TypeError: it decorates a generator, a coroutine or a class, whose lines would run
            unguarded.

    Source: torch's documentation, "Broadcasting semantics" and torch.overrides.TorchFunctionMode.

    Example:
        >>> import torch
        >>> log_prob, returns = torch.zeros(3), torch.ones(3, 1)
        >>> with forbid_outer_broadcast():
        ...     (log_prob * returns).mean()  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        pg_edu.guard.broadcasting.OuterBroadcastError: mul makes [3, 3] from [3] and [3, 1]: ...
        >>> with forbid_outer_broadcast():
        ...     (log_prob * returns.flatten()).mean()
        tensor(0.)
    """

    allows = False


class allow_outer_broadcast(_Scope):
    """Allow outer broadcasts again in a block where all pairs are intended.

    Args:
        reason: what is paired with what, for the reader of the code, such as "samples x batch".

    Raises:
        ValueError: the reason is empty or not a string.

    Example:
        >>> import torch
        >>> dist = torch.distributions.Categorical(logits=torch.zeros(3, 4))
        >>> with forbid_outer_broadcast():
        ...     samples = dist.sample((5,))
        ...     with allow_outer_broadcast("samples x batch"):
        ...         dist.log_prob(samples).shape
        torch.Size([5, 3])
    """

    allows = True

    def __init__(self, reason: str) -> None:
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(
                f"reason is {reason!r}, but it must say what is paired with what, such as "
                '"samples x batch".'
            )
        super().__init__()


def _is_elementwise(name: str) -> bool:
    """Tell whether a torch function of this name works element by element."""
    stem = name.strip("_")  # mul_ and __mul__ are mul
    if stem in ELEMENTWISE or stem.startswith("special_"):
        return True
    # __rmul__ and __imul__ are also mul.
    return name.startswith("__") and stem[1:] in ELEMENTWISE


def _check_shapes(name: str, args: Any, kwargs: dict[str, Any]) -> None:
    """Raise OuterBroadcastError if every operand of the operation grows."""
    operands = [*args, *(value for key, value in kwargs.items() if key != "out")]
    # Numbers have no shape, and tensors without dimensions have the shape ().
    shapes = [tuple(operand.shape) for operand in operands if getattr(operand, "shape", ())]
    if len(set(shapes)) < 2:
        return

    try:
        result = np.broadcast_shapes(*shapes)
    except ValueError:
        return  # The shapes do not fit; torch itself will report it.

    largest = max(math.prod(shape) for shape in shapes)
    if math.prod(result) > largest:
        listed = " and ".join(str(list(shape)) for shape in shapes)
        raise OuterBroadcastError(
            f"{name} makes {list(result)} from {listed}: every operand grows. "
            f"{_likely_cause(name, shapes)} If all pairs are intended, write "
            '`with allow_outer_broadcast("what x what"):` around it.'
        )


def _likely_cause(name: str, shapes: list[tuple[int, ...]]) -> str:
    """Return a sentence about the mistake that usually leads to such shapes."""
    if name == "broadcast_tensors":  # A distribution calls it.
        return (
            "Do the actions have shape [B, 1] where [B] is expected, or a leading axis of samples?"
        )
    for shape in shapes:
        if shape[-1] == 1 and shape[:-1] in shapes:
            before, after = list(shape), list(shape[:-1])
            return f"Is there one axis too many? .squeeze(-1) turns {before} into {after}."
    return "Each operand has one element, or no axis at all, where another has more."
