"""What a case returned, as named leaves; and how far two sets of leaves lie apart.

A leaf is a pair [tag, values]. The tag holds what must be equal: the container, dtype and shape of
an array, or the type of a plain value. The values are the numbers in a flat list, and may differ by

    |a - b| <= tolerance(dtype) * max(1, |a|).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

Leaf = list[Any]

TOLERANCE = {"float64": 1e-12, "float32": 1e-6, "float16": 1e-3}


def leaves(value: Any, path: str = "") -> dict[str, Leaf]:
    """Flatten nested dicts, Batches, lists, tuples, arrays and plain values, each under its path.

    Example:
        >>> leaves({"a": np.float32([1, 2]), "b": (True, "x")})
        {'a': ['numpy float32 [2]', [1.0, 2.0]], 'b.0': ['bool', [True]], 'b.1': ['str', ['x']]}
    """
    if hasattr(value, "get_keys") or isinstance(value, Mapping):
        items = [(str(key), value[key]) for key in value.keys()]  # noqa: SIM118
    elif isinstance(value, list | tuple):
        items = [(str(number), item) for number, item in enumerate(value)]
    else:
        return {path: _leaf(value)}
    if not items:
        return {path: ["empty", []]}
    flat: dict[str, Leaf] = {}
    for key, item in items:
        flat |= leaves(item, f"{path}.{key}" if path else key)
    return flat


def _leaf(value: Any) -> Leaf:
    if isinstance(value, torch.Tensor):
        return _array_leaf("torch", value.detach().cpu().numpy())
    if isinstance(value, np.ndarray | np.generic):
        return _array_leaf("numpy", np.asarray(value))
    # A Python float is a number in double precision, whatever its class is called.
    return ["float64" if isinstance(value, float) else type(value).__name__, [value]]


def _array_leaf(container: str, array: np.ndarray) -> Leaf:
    if array.dtype in (np.float32, np.float16):
        # The shortest text that reads back as the same number: 0.1, not 0.10000000149011612.
        values = [float(str(number)) for number in array.ravel()]
    else:
        values = array.ravel().tolist()
    return [f"{container} {array.dtype} {list(array.shape)}", values]


@dataclass
class Comparison:
    """Leaf by leaf distances, collected over many cases."""

    numbers: int = 0
    largest: dict[str, float] = field(
        default_factory=lambda: {"float64": 0.0, "float32": 0.0, "float16": 0.0}
    )
    mismatches: list[str] = field(default_factory=list)

    def add(
        self,
        name: str,
        expected: dict[str, Leaf],
        got: dict[str, Leaf],
        leniency: float = 1.0,
    ) -> None:
        """Compare every leaf of one case; `leniency` multiplies the tolerances."""
        if expected.keys() != got.keys():
            missing, extra = expected.keys() - got.keys(), got.keys() - expected.keys()
            self.mismatches.append(f"{name}: missing {sorted(missing)}, extra {sorted(extra)}")
        for path in expected.keys() & got.keys():
            self._add_leaf(f"{name}: {path}", expected[path], got[path], leniency)

    def _add_leaf(self, name: str, expected: Leaf, got: Leaf, leniency: float) -> None:
        self.numbers += len(expected[1])
        if expected[0] != got[0]:
            self.mismatches.append(f"{name} is {got[0]} {got[1]}, not {expected[0]} {expected[1]}")
            return
        dtype = next((name for name in TOLERANCE if name in expected[0]), None)
        if dtype is None:
            if expected[1] != got[1]:
                self.mismatches.append(f"{name} is {got[1]}, not {expected[1]}")
            return
        distance = largest_distance(expected[1], got[1])
        self.largest[dtype] = max(self.largest[dtype], distance)
        if distance > leniency * TOLERANCE[dtype]:
            self.mismatches.append(f"{name} differs by {distance:.1e}: {got[1]}, not {expected[1]}")


def largest_distance(expected: list[float], got: list[float]) -> float:
    """max |a - b| / max(1, |a|); equal infinities and NaN beside NaN are no distance.

    Example:
        >>> largest_distance([1.0, 200.0, float("nan")], [1.5, 201.0, float("nan")])
        0.5
    """
    a, b = np.array(expected, float), np.array(got, float)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        gap = np.where(same, 0.0, np.abs(a - b) / np.maximum(1.0, np.abs(a)))
    return float(np.nan_to_num(gap, nan=np.inf).max(initial=0.0))
