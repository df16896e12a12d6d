"""The guard against outer broadcasting: what it refuses, what passes, and where it holds.

The oracles: torch itself, asked for the shapes that it makes, and a list of all its functions.
"""

import threading
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, Normal
from torch.overrides import get_testing_overrides

from pg_edu.guard import OuterBroadcastError, allow_outer_broadcast, forbid_outer_broadcast
from tests.helpers import guard_refuses

COLUMN, ROW, MATRIX = torch.full((3, 1), 0.5), torch.full((3,), 0.25), torch.full((3, 4), 0.5)
MASK = COLUMN > 0


# What is refused


@given(st.lists(st.lists(st.integers(0, 3), max_size=3).map(tuple), min_size=2, max_size=3))
def test_an_operation_is_refused_exactly_if_every_operand_grows(shapes):
    """Every operand with an axis has fewer elements than torch's broadcast of all operands."""
    operands = [torch.ones(shape) for shape in shapes]
    try:
        size = torch.broadcast_tensors(*operands)[0].numel()
    except RuntimeError:
        return  # they do not fit
    counted = [operand.numel() for operand in operands if operand.ndim]
    every_one_grows = bool(counted) and all(size > own for own in counted)
    assert guard_refuses(lambda: torch.broadcast_tensors(*operands)) == every_one_grows


@pytest.mark.parametrize(
    "operation",
    [
        lambda: MATRIX + torch.ones(4),
        lambda: COLUMN * 2.0,
        lambda: COLUMN * torch.tensor(2.0),
        lambda: COLUMN * MATRIX,
        lambda: torch.where(MASK, MATRIX, 0.0),
        lambda: torch.ones(1, 1) * torch.ones(1),
        lambda: torch.ones(1, 1) * ROW,
        lambda: MATRIX - MATRIX.mean(0),
        lambda: MATRIX / MATRIX.sum(1, keepdim=True),
        lambda: torch.mul(ROW, ROW, out=torch.empty(0)),
    ],
)
def test_an_operand_as_large_as_the_result_lets_the_operation_pass(operation):
    """A bias, a scalar, a column with a matrix, and a batch of one row are no outer products."""
    assert not guard_refuses(operation)


@pytest.mark.parametrize(
    "operation",
    [
        lambda: COLUMN @ ROW[None],
        lambda: torch.outer(ROW, ROW),
        lambda: torch.einsum("i,j->ij", ROW, ROW),
        lambda: torch.kron(COLUMN, ROW[None]),
        lambda: torch.cdist(COLUMN, COLUMN),
        lambda: torch.meshgrid(ROW, ROW, indexing="ij"),
        lambda: COLUMN.expand(3, 3),
        lambda: torch.broadcast_to(ROW, (3, 3)),
        lambda: F.linear(COLUMN, COLUMN, ROW),
        lambda: torch.ones(3, 3)[torch.arange(3)[:, None], torch.arange(3)],
    ],
)
def test_functions_whose_name_says_that_they_pair_all_with_all_pass(operation):
    assert not guard_refuses(operation)


@pytest.mark.parametrize(
    "operation",
    [
        lambda: COLUMN * ROW,
        lambda: ROW - COLUMN,
        lambda: COLUMN**ROW,
        lambda: COLUMN // ROW,
        lambda: COLUMN.mul(ROW),
        lambda: torch.mul(COLUMN, ROW),
        lambda: torch.mul(input=COLUMN, other=ROW),
        lambda: torch.mul(COLUMN, ROW, out=torch.empty(0)),
        lambda: COLUMN.clone().mul_(ROW),
        lambda: COLUMN.clone().__iadd__(ROW),
        lambda: MASK & (ROW > 0),
        lambda: COLUMN == ROW,
        lambda: COLUMN > ROW,
        lambda: torch.allclose(COLUMN, ROW),
        lambda: torch.where(MASK, ROW, 0.0),
        lambda: ROW.clamp(min=COLUMN),
        lambda: torch.special.xlogy(COLUMN, ROW),
        lambda: torch.normal(COLUMN, ROW),
        lambda: Normal(COLUMN, 1.0).log_prob(ROW),
        lambda: Normal(COLUMN, ROW),
        lambda: torch.addcmul(torch.ones(3, 1, 1), torch.ones(2, 1), torch.ones(4)),
    ],
)
def test_an_outer_broadcast_is_refused_however_it_is_written(operation):
    """[3, 1] with [3] in operators, functions, methods, in place, by keyword and in comparisons."""
    assert guard_refuses(operation)


@pytest.mark.filterwarnings("ignore")
def test_every_torch_function_that_makes_3_3_of_3_1_and_3_is_refused():
    """Torch lists all functions that a mode can see, and the test tries each of them."""
    # These pair by name, take a temperature, and sum symbols.
    allowed = {"kron", "gumbel_softmax", "sym_sum"}
    tables = (COLUMN, ROW), (COLUMN, ROW, COLUMN), (COLUMN, ROW > 0, COLUMN), (MASK, ROW, COLUMN)
    operands = [*tables, (COLUMN.int(), ROW.int()), (MASK, ROW > 0), (COLUMN, ROW, 0.5)]
    operands += [(COLUMN, ROW > 0, 0.5)]
    found = set()
    for function in get_testing_overrides():
        name = getattr(function, "__name__", "")
        if "distributed" in (getattr(function, "__module__", "") or ""):
            continue
        for args in operands:
            try:
                result = function(*[x.clone() if torch.is_tensor(x) else x for x in args])
            except Exception:
                continue
            if getattr(result, "shape", None) == (3, 3) and name not in allowed:
                found.add(name)
                assert guard_refuses(partial(function, *args)), name
    assert len(found) > 100
    assert {"add", "where", "__eq__", "lerp", "masked_fill"} <= found


def test_cross_entropy_accepts_its_usual_targets():
    """Logits [B, A] come with targets [B], also if A = B or A = 1."""
    for logits in (torch.ones(3, 4), torch.ones(3, 3), torch.ones(3, 1)):
        targets = torch.zeros(3, dtype=torch.long)
        assert not guard_refuses(partial(F.cross_entropy, logits, targets))


def test_the_message_shows_the_shapes_and_what_to_write_instead():
    with pytest.raises(OuterBroadcastError) as error, forbid_outer_broadcast():
        ROW * COLUMN
    assert "mul makes [3, 3] of [3] and [3, 1]" in str(error.value)
    assert ".squeeze(-1) makes [3, 1] [3]" in str(error.value)
    assert "allow_outer_broadcast" in str(error.value)


def test_the_message_about_a_column_of_actions_names_the_actions():
    expected = r"\[3, 1, 1\] and \[3, 4\].*Are actions \[B, 1\]"
    with pytest.raises(OuterBroadcastError, match=expected), forbid_outer_broadcast():
        Categorical(logits=MATRIX).log_prob(COLUMN.long())


def test_shapes_that_do_not_fit_raise_the_error_of_torch():
    torch_error = pytest.raises(RuntimeError, match="must match the size")
    with torch_error as error, forbid_outer_broadcast():
        torch.ones(2) + torch.ones(3)
    assert not isinstance(error.value, OuterBroadcastError)


def test_a_numpy_array_counts_where_torch_does_the_arithmetic():
    """Torch computes array == tensor and array / tensor; what numpy computes is not seen."""
    assert guard_refuses(lambda: ROW.numpy() == COLUMN)
    assert guard_refuses(lambda: ROW.numpy() / COLUMN)
    assert not guard_refuses(lambda: np.multiply(COLUMN.numpy(), ROW.numpy()))


def test_numpy_refuses_a_tensor_that_requires_a_gradient():
    """So what the guard cannot see cannot be a loss."""
    with pytest.raises(RuntimeError, match="requires grad"):
        COLUMN.clone().requires_grad_() * ROW.numpy()


def test_a_training_step_passes_and_gives_the_same_parameters():
    """Adam, dropout, normalization, attention and autograd agree bit by bit."""

    def trained():
        torch.manual_seed(0)
        layer = torch.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        net = torch.nn.Sequential(layer, torch.nn.LayerNorm(4), torch.nn.Linear(4, 1))
        optim = torch.optim.Adam(net.parameters())
        for _ in range(2):
            optim.zero_grad()
            net(torch.randn(5, 3, 4)).square().mean().backward()
            optim.step()
        return torch.nn.utils.parameters_to_vector(net.parameters())

    with forbid_outer_broadcast():
        guarded = trained()
    assert torch.equal(guarded, trained())


def test_the_guard_holds_under_no_grad_and_vmap():
    """Under vmap the shapes that count are those of one row."""
    with torch.no_grad():
        assert guard_refuses(lambda: COLUMN * ROW)
    stack = torch.ones(2, 3, 1), torch.ones(2, 3)
    assert guard_refuses(lambda: torch.vmap(torch.mul)(*stack))
    assert not guard_refuses(lambda: torch.vmap(torch.mul)(COLUMN, ROW))


def test_the_guard_ends_with_its_block():
    """It does so even if the block raises an exception."""
    with pytest.raises(KeyError), forbid_outer_broadcast():
        raise KeyError
    assert (COLUMN * ROW).shape == (3, 3)


def test_the_innermost_scope_decides():
    with forbid_outer_broadcast():
        with allow_outer_broadcast("rows x columns"):
            COLUMN * ROW
            assert guard_refuses(lambda: COLUMN * ROW)
            COLUMN * ROW
        with pytest.raises(OuterBroadcastError):
            COLUMN * ROW
    COLUMN * ROW


def test_a_guard_can_be_entered_twice():
    guard = forbid_outer_broadcast()
    with guard:
        with guard:
            pass
        with pytest.raises(OuterBroadcastError):
            COLUMN * ROW
    COLUMN * ROW


def test_an_allowance_without_a_guard_changes_nothing():
    """A library may declare its pairs although its user has set no guard."""
    with allow_outer_broadcast("rows x columns"):
        assert (COLUMN * ROW).shape == (3, 3)


def test_the_guard_as_a_decorator_holds_in_each_call():
    @forbid_outer_broadcast()
    def product(x, y, depth=2):
        return product(x, y, depth - 1) if depth else x * y

    @allow_outer_broadcast("rows x columns")
    def table(x, y):
        return x * y

    assert product(ROW, ROW).shape == (3,)
    with pytest.raises(OuterBroadcastError):
        product(COLUMN, ROW)
    with forbid_outer_broadcast():
        assert table(COLUMN, ROW).shape == (3, 3)


def test_a_function_that_runs_after_its_call_cannot_be_decorated():
    def generator():
        yield COLUMN * ROW

    async def coroutine():
        return COLUMN * ROW

    for function in (generator, coroutine, torch.nn.Module):
        with pytest.raises(TypeError, match="inside of it"):
            forbid_outer_broadcast()(function)


@pytest.mark.parametrize("reason", ["", "  ", None, lambda: None])
def test_an_allowance_without_a_reason_is_an_error(reason):
    with pytest.raises(ValueError, match="what is paired with what"):
        allow_outer_broadcast(reason)


def test_the_guard_does_not_hold_in_another_thread():
    shapes = []
    with forbid_outer_broadcast():
        thread = threading.Thread(target=lambda: shapes.append((COLUMN * ROW).shape))
        thread.start()
        thread.join()
    assert shapes == [(3, 3)]


def test_the_allowance_of_another_thread_does_not_hold_here():
    def allow():
        with allow_outer_broadcast("rows x columns"):
            entered.set()
            checked.wait()

    entered, checked = threading.Event(), threading.Event()
    thread = threading.Thread(target=allow)
    with forbid_outer_broadcast():
        thread.start()
        entered.wait()
        try:
            with pytest.raises(OuterBroadcastError):
                COLUMN * ROW
        finally:
            checked.set()
            thread.join()
