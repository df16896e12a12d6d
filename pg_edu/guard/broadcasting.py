"""A guard against silent outer broadcasts: [B, 1] with [B] is [B, B], and no error.

Broadcasting is right as long as some operand has the shape of the result: a bias [A] is added to
[B, A], a mask [B, 1] is laid over [B, A]. If every operand grows, the result is a table of all
pairs, and whoever takes its mean has computed something else than the mean over rows.
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

# What broadcasts its operands element by element: torch's names, operators without underscores.
NAMES = """add sub subtract mul multiply div divide true_divide truediv floor_divide floordiv fmod
    remainder mod pow float_power rsub lerp addcmul addcdiv
    eq ne not_equal lt less le less_equal gt greater ge greater_equal isclose allclose
    where masked_fill masked_select maximum minimum max min fmax fmin clamp clamp_min clamp_max clip
    and or xor lshift rshift bitwise_and bitwise_or bitwise_xor bitwise_left_shift
    bitwise_right_shift logical_and logical_or logical_xor
    atan2 arctan2 hypot copysign nextafter heaviside xlogy logaddexp logaddexp2 ldexp gcd lcm igamma
    igammac complex polar dist normal binomial broadcast_tensors
    mse_loss l1_loss smooth_l1_loss huber_loss kl_div poisson_nll_loss gaussian_nll_loss
    hinge_embedding_loss margin_ranking_loss multilabel_soft_margin_loss"""
ELEMENTWISE = frozenset(NAMES.split())


class OuterBroadcastError(RuntimeError):
    """An elementwise operation paired every element of one tensor with every one of another."""


class _Scope(TorchFunctionMode, ContextDecorator):
    """Lines in which outer broadcasts are allowed or not. The innermost scope decides."""

    allows: bool

    def __enter__(self) -> None:
        _scopes.allow = (*_scopes.allow, self.allows)
        super().__enter__()  # type: ignore[no-untyped-call]

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        _scopes.allow = _scopes.allow[:-1]

    def __call__(self, function: TFunction) -> TFunction:
        runs_later = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isclass)
        if any(kind(function) for kind in runs_later):
            raise TypeError(
                f"{type(self).__name__} cannot decorate {function.__name__}: calling it does not "
                f"run it. Write `with {type(self).__name__}(...):` inside of it."
            )
        return super().__call__(function)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if not _scopes.allow[-1] and _is_elementwise(name):
            operands = [*args, *(kwargs[key] for key in kwargs if key != "out")]
            shapes = [tuple(x.shape) for x in operands if getattr(x, "shape", ())]
            if len(set(shapes)) > 1:
                _refuse_outer_broadcast(name, shapes)
        return func(*args, **kwargs)


class _Scopes(threading.local):  # as torch keeps its own modes: each thread for itself
    allow: tuple[bool, ...] = (False,)


_scopes = _Scopes()


class forbid_outer_broadcast(_Scope):
    """Inside, no elementwise operation may pair all with all: [B, 1] with [B] raises.

    An operand grows if the broadcast result has more elements than it has. What raises is that
    *every* operand grows; numbers and tensors of no dimension are not counted.

    A context manager, a decorator, and a pytest fixture of the same name for test modules that say
    `pytest_plugins = ["pg_edu.guard.pytest_plugin"]`. It holds in the thread that enters it, under
    autograd, `torch.no_grad` and `torch.vmap` too. Watched are the elementwise operations (as
    operators, functions and methods, in place or not), comparisons, `torch.where`, the elementwise
    losses, and `torch.broadcast_tensors`, by which torch's distributions make their parameters and
    values alike. What pairs all with all by its very name (`matmul`, `outer`, `einsum`, `cdist`,
    `expand`, indexing by several index tensors) is none of its business.

    Outside of the block nothing is slower. Inside, each call of torch takes some microseconds more:
    a training step of a tiny network up to twice as long, one of a large network hardly longer
    (`python tests/bench/guard.py` measures it).

    What it cannot see:
    - shapes that agree by accident: B = 1, or [B, A] with [B] where B = A;
    - a mean over action dimensions where their sum was meant, or probabilities taken for logits:
      there the shapes are right;
    - what numpy computes. `tensor * array` is numpy's work (it converts the tensor first, and
      refuses to if the tensor requires a gradient); `tensor == array` and `array / tensor` are
      torch's;
    - what happens inside of one call of torch: functions of `torch.jit`, and the backward pass,
      that of a `torch.autograd.Function` of one's own included.

    Raises:
        OuterBroadcastError: in the block, where every operand grows; the message shows the shapes.
        TypeError: as a decorator of a generator, a coroutine or a class, whose lines would run
            unguarded.

    Source: torch's documentation, "Broadcasting semantics" and torch.overrides.TorchFunctionMode.

    Example:
        >>> import torch
        >>> log_prob, returns = torch.zeros(3), torch.ones(3, 1)
        >>> with forbid_outer_broadcast():
        ...     (log_prob * returns).mean()  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        pg_edu.guard.broadcasting.OuterBroadcastError: mul makes [3, 3] of [3] and [3, 1]: every ...
        >>> with forbid_outer_broadcast():
        ...     (log_prob * returns.flatten()).mean()
        tensor(0.)
    """

    allows = False


class allow_outer_broadcast(_Scope):
    """Inside, outer broadcasts are allowed again: here all pairs are meant.

    Args:
        reason: what is paired with what, for the reader of the code.

    Raises:
        ValueError: there is no reason.

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
                f'reason: what is paired with what ("samples x batch")? got {reason!r}.'
            )
        super().__init__()


def _is_elementwise(name: str) -> bool:
    stem = name.strip("_")  # add_, __and__
    if name.startswith("__") and stem[1:] in ELEMENTWISE:  # __radd__, __iadd__
        return True
    return stem in ELEMENTWISE or stem.startswith("special_")


def _refuse_outer_broadcast(name: str, shapes: list[tuple[int, ...]]) -> None:
    try:
        result = np.broadcast_shapes(*shapes)
    except ValueError:  # they do not fit at all: torch says so itself
        return
    if math.prod(result) > max(map(math.prod, shapes)):
        raise OuterBroadcastError(
            f"{name} makes {list(result)} of {' and '.join(str(list(s)) for s in shapes)}: every "
            f"operand grows. {_likely_pairing(name, shapes)} If it is "
            'meant, write `with allow_outer_broadcast("what x what"):` around it.'
        )


def _likely_pairing(name: str, shapes: list[tuple[int, ...]]) -> str:
    if name == "broadcast_tensors":  # by which a distribution calls
        return "Are actions [B, 1] where [B] is asked for, or have they a leading axis of samples?"
    for shape in shapes:
        if shape[-1] == 1 and shape[:-1] in shapes:
            return f"One axis too many? .squeeze(-1) makes {list(shape)} {list(shape[:-1])}."
    return "Each has 1 element, or no axis at all, where another has more."
