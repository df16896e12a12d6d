"""Turn raw actions into environment actions, and back.

    u  --bound-->  v in [-1, 1]  --scale-->  a in [low, high]

    clip: v = min(max(u, -1), 1)          scale: a = low + (high - low) (v + 1) / 2
    tanh: v = tanh(u)

A policy samples, scores and stores the raw action u; only the environment sees a. So for the policy
gradient this mapping is a part of the environment, and its derivative appears nowhere.
This module uses NumPy only, and computes in the wider of the action's and the space's dtype.
"""

from typing import Any, Literal, cast

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from pg_edu.types import AnyArray

BoundMethod = Literal["clip", "tanh"] | None
FloatArray = NDArray[np.floating[Any]]

ROUNDING = 1e-6  # how far float32 rounding may put an action beyond 1
FLAT = float(np.finfo(np.float32).eps)  # a narrower dimension counts as having no width


def to_box(act: AnyArray, space: Box, bound_method: BoundMethod, scaling: bool) -> AnyArray:
    """Return the environment action of a raw action: bound it, then scale it to the space.

    Args:
        act: raw actions, [A] or [N, A] for a space of shape [A].
        space: the environment's Box (of one environment).
        bound_method: "clip", "tanh" or None.
        scaling: whether to scale [-1, 1] to [space.low, space.high].

    Returns:
        Actions of the shape of `act` and the dtype of `space`, inside `space` if `scaling`; rounded
        to the nearest integer for an integer space. With neither bound nor scaling, `act` itself.

    Raises:
        ValueError: an action is NaN, has the wrong shape, or is to be scaled but outside [-1, 1].

    Source: Tianshou v1.1.0, BasePolicy.map_action.

    Example:
        >>> space = Box(low=np.float32([0, -2]), high=np.float32([10, 2]))
        >>> to_box(np.float32([0.5, -7.0]), space, "clip", scaling=True)
        array([ 7.5, -2. ], dtype=float32)
    """
    _check_actions(act, space)
    if bound_method is None and not scaling:
        return act
    value = bound(act.astype(_arithmetic(act, space), copy=False), bound_method)
    if scaling:
        if np.abs(value).max(initial=0.0) > 1.0 + ROUNDING:
            raise ValueError(
                f"action_scaling maps [-1, 1] to the space, but act goes from {value.min()} to "
                f'{value.max()}. Bound it first: action_bound_method="clip" or "tanh".'
            )
        value = scale(value, space.low, space.high)
    return _to_dtype(value, space, scaling)


def from_box(act: AnyArray, space: Box, bound_method: BoundMethod, scaling: bool) -> FloatArray:
    """Return a raw action that `to_box` maps to this environment action: unscale, then unbound.

    "tanh" is inverted; "clip" has no inverse. At the bounds, where the inverse of tanh is infinite,
    the result is the largest finite value (about 18.7 in float64, 8.7 in float32).

    Args:
        act: environment actions, [A] or [N, A].
        space, bound_method, scaling: as in `to_box`.

    Returns:
        Raw actions of the shape of `act`, float.

    Raises:
        ValueError: an action is NaN, has the wrong shape, or, with "tanh", is outside the space
            (outside [-1, 1] without scaling).

    Source: Tianshou v1.1.0, BasePolicy.map_action_inverse.

    Example:
        >>> space = Box(low=np.float32([0, -2]), high=np.float32([10, 2]))
        >>> from_box(np.float32([7.5, -2.0]), space, "clip", scaling=True)
        array([ 0.5, -1. ], dtype=float32)
    """
    _check_actions(act, space)
    value = act.astype(_arithmetic(act, space), copy=False)
    if scaling:
        value = unscale(value, space.low, space.high)
    if bound_method != "tanh":
        return value
    if np.abs(value).max(initial=0.0) > 1.0 + ROUNDING:
        inside = f"{space}" if scaling else "[-1, 1]"
        raise ValueError(f"tanh can be undone inside {inside} only, but act is {act}.")
    value = unbound(value)
    flat = scaling & (space.high / 2 - space.low / 2 < FLAT / 2)
    return np.where(flat, value.dtype.type(0.0), value)


def bound(act: FloatArray, method: BoundMethod) -> FloatArray:
    """Bring actions into [-1, 1] by "clip" or "tanh"; None leaves them as they are.

    Example:
        >>> bound(np.array([-3.0, 0.5]), "clip"), bound(np.array([-3.0, 0.5]), "tanh").round(3)
        (array([-1. ,  0.5]), array([-0.995,  0.462]))
    """
    if method == "clip":
        return np.clip(act, -1.0, 1.0)
    if method == "tanh":
        return np.tanh(act)
    return act


def unbound(act: FloatArray) -> FloatArray:
    """Undo tanh: u = atanh(a), finite even at -1 and 1.

    Example:
        >>> unbound(np.array([0.0, 0.5, 1.0])).round(1)
        array([ 0. ,  0.5, 18.7])
    """
    inside = np.nextafter(act.dtype.type(1.0), act.dtype.type(0.0))
    value: FloatArray = np.arctanh(act.clip(-inside, inside))
    return value


def scale(act: FloatArray, low: AnyArray, high: AnyArray) -> FloatArray:
    """Map [-1, 1] to [low, high]: a = low + (high - low) (v + 1) / 2.

    Example:
        >>> scale(np.array([-1.0, 0.0, 1.0]), low=np.array(0.0), high=np.array(10.0))
        array([ 0.,  5., 10.])
    """
    low, high = low.astype(act.dtype), high.astype(act.dtype)
    half = high / 2 - low / 2  # high - low itself may overflow
    with np.errstate(over="ignore"):
        value = low + half * (act + 1.0)
    return np.where(np.isfinite(value), value, (low / 2 + high / 2) + half * act)


def unscale(act: FloatArray, low: AnyArray, high: AnyArray) -> FloatArray:
    """Map [low, high] to [-1, 1]; a dimension of width 0 gives -1.

    Example:
        >>> unscale(np.array([0.0, 5.0, 10.0]), low=np.array(0.0), high=np.array(10.0))
        array([-1.,  0.,  1.])
    """
    low, high = low.astype(act.dtype), high.astype(act.dtype)
    half = high / 2 - low / 2
    half = np.where(half < FLAT / 2, half + act.dtype.type(FLAT / 2), half)
    return (act / 2 - low / 2) / half * 2.0 - 1.0


def _check_actions(act: AnyArray, space: Box) -> None:
    if np.isnan(act).any():
        raise ValueError(f"act must not hold NaN, got {act}.{_row_with_nan(act, space)}")
    shape = act.shape[act.ndim - len(space.shape) :]
    if shape != space.shape and space.low.size > 1:
        raise ValueError(
            f"act must end in the shape of one action, {list(space.shape)}, "
            f"but its shape is {list(act.shape)}."
        )


def _row_with_nan(act: AnyArray, space: Box) -> str:
    """Return a sentence about the first row with NaN; empty if there is one action only."""
    if act.ndim <= len(space.shape):
        return ""
    row = int(np.isnan(act).reshape(len(act), -1).any(axis=1).argmax())
    return (
        f" Row {row} does (environment {row}, if this is while collecting): look for NaN in its "
        "observation, or in the actor's parameters."
    )


def _arithmetic(act: AnyArray, space: Box) -> np.dtype[Any]:
    wider = np.result_type(act, space.dtype)
    return wider if np.issubdtype(wider, np.floating) else np.dtype(np.float64)


def _to_dtype(value: FloatArray, space: Box, scaling: bool) -> AnyArray:
    dtype: np.dtype[Any] = space.dtype
    low, high = cast(tuple[Any, Any], (space.low, space.high))
    if np.issubdtype(dtype, np.integer):
        value = np.rint(value)
        if not scaling:
            low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    elif not scaling:
        return value.astype(dtype)
    # Use the bounds as they are: `value`'s dtype may round them, as float64 does with 2^63 - 1.
    with np.errstate(invalid="ignore"):
        inside = value.astype(dtype)
    return np.where(value >= high, high, np.where(value <= low, low, inside)).astype(dtype)
