"""Check arguments that several modules take. Each function raises and changes nothing."""

from typing import Any, NoReturn

import numpy as np
from torch import nn


def positive_integer(name: str, value: int) -> int:
    """Return a positive int, or raise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")
    return int(value)


def check_exactly_one(**counts: int | None) -> None:
    """Require that exactly one of these counts is given, and that it is positive."""
    given = [count for count in counts.values() if count is not None]
    if len(given) != 1 or given[0] <= 0:
        raise ValueError(
            f"give exactly one of {' and '.join(counts)}, and a positive number, got "
            f"{', '.join(f'{name}={count}' for name, count in counts.items())}."
        )


def refuse_width(obs: Any, expected: int) -> NoReturn:
    """Of the flattened input of an MLP."""
    raise ValueError(
        f"obs must be a batch of rows with {expected} numbers each, or of Discrete states from 0 "
        f"to {expected - 1}, but has shape {list(obs.shape)}"
    )


def check_one_array(obs: Any) -> None:
    """What Net takes."""
    if hasattr(obs, "keys"):
        raise TypeError(
            f"obs is a dict with keys {sorted(obs.keys())}, but Net takes one array; give the "
            "policy a network of your own that puts the entries together"
        )


def output_width(net: nn.Module, given: int | None) -> int:
    """Of a network, known from its attribute `output_dim`, or given, or both the same."""
    known = getattr(net, "output_dim", given)
    if known is None or given not in (None, known):
        raise ValueError(
            f"one must tell the output width of {type(net).__name__}, or both the same: "
            f"preprocess_net_output_dim is {given}, but preprocess_net.output_dim is {known}"
        )
    return int(known)
