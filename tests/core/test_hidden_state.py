"""Hidden states: which forms they may have, and what is done to their rows.

The oracles: the parts of each state, taken by hand.
"""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from pg_edu import Batch
from pg_edu.hidden_state import check_state, first_rows, leaves, map_state, reset_rows


class Pair(NamedTuple):
    """The state of an LSTM, by name."""

    hidden: Any
    cell: Any


X = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
FORMS = {
    "tensor": X,
    "array": X.numpy(),
    "tuple": (X, X.numpy()),
    "list": [X, X],
    "named tuple": Pair(X, X),
    "dict": {"h": X, "c": (X, X)},
    "Batch with a tuple of arrays": Batch.of({"h": (X.numpy(), X.numpy())}),
    "Batch with None": Batch.of({"h": X, "unused": None}),
}
of_each_form = pytest.mark.parametrize("state", FORMS.values(), ids=list(FORMS))


def structure(state: Any) -> str:
    """Return the containers of a state as text, with every leaf as its class."""
    return repr(map_state(lambda leaf: type(leaf).__name__, state))


@of_each_form
def test_rows_are_reset_in_a_copy_of_the_same_form(state: Any) -> None:
    reset = reset_rows(state, np.array([False, True, False]))
    assert type(reset) is type(state) and structure(reset) == structure(state)
    for leaf in leaves(reset):
        assert leaf.tolist() == [[1, 2], [0, 0], [5, 6]]
    for leaf in leaves(state):
        assert leaf.tolist() == X.tolist()


@of_each_form
def test_the_first_rows_of_a_state_have_its_form(state: Any) -> None:
    first = first_rows(state, 2)
    assert structure(first) == structure(state)
    for leaf in leaves(first):
        assert leaf.tolist() == [[1, 2], [3, 4]]


@of_each_form
def test_a_state_of_another_number_of_rows_is_an_error(state: Any) -> None:
    check_state(state, 3)
    with pytest.raises(ValueError, match=r"the 2 episodes on axis 0, got shape \[3, 2\]"):
        check_state(state, 2, of="episodes")


@pytest.mark.parametrize("leaf", [7, "h", object()], ids=["int", "str", "object"])
def test_a_state_without_rows_is_an_error_that_names_its_type(leaf: Any) -> None:
    """It could not be reset for one environment alone."""
    with pytest.raises(ValueError, match=f"state holds a {type(leaf).__name__}"):
        check_state((X, leaf), 3)


def test_nothing_to_remember_is_a_state() -> None:
    nothing: list[Any] = [None, (), {}, Batch(), (None, None)]
    for state in nothing:
        check_state(state, 3)
        assert list(leaves(state)) == []
        assert structure(reset_rows(state, np.ones(3, bool))) == structure(state)


def test_the_gradient_passes_through_a_reset_to_the_other_rows() -> None:
    weight = torch.ones(2, requires_grad=True)
    (reset,) = leaves(reset_rows(X * weight, np.array([False, True, False])))
    reset.sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [6, 8]


@pytest.mark.parametrize("as_array", [True, False])
def test_what_is_reset_is_0_whatever_it_was_and_keeps_its_dtype(as_array: bool) -> None:
    """0 * NaN would be NaN."""
    for rows in ([[np.nan], [np.inf]], [[1], [2]]):
        state = np.array(rows) if as_array else torch.tensor(rows)
        reset = reset_rows(state, np.array([True, True]))
        assert reset.tolist() == [[0], [0]]
        assert reset.dtype == state.dtype


def test_a_single_number_has_no_row_for_each_environment() -> None:
    for state in (torch.tensor(1.0), np.float64(1.0).reshape(())):
        with pytest.raises(ValueError, match=r"got shape \[\]|holds a"):
            check_state(state, 1)
