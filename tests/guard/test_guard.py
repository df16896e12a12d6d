"""The guard: which operations it refuses, where it holds, and what its messages say.

The oracle is torch itself: what it broadcasts, and which of its functions do so.
"""

import subprocess
import sys
import threading
from functools import partial
from typing import Any

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

pytest_plugins = ["pytester"]

COLUMN, ROW, MATRIX = torch.full((3, 1), 0.5), torch.full((3,), 0.25), torch.full((3, 4), 0.5)
MASK = COLUMN > 0


# Which operations it refuses


@given(st.lists(st.lists(st.integers(0, 3), max_size=3).map(tuple), min_size=2, max_size=3))
def test_an_operation_is_refused_exactly_if_every_operand_grows(shapes):
    """Every operand with at least one axis has fewer elements than torch's broadcast of all."""
    operands = [torch.ones(shape) for shape in shapes]
    try:
        size = torch.broadcast_tensors(*operands)[0].numel()
    except RuntimeError:
        return  # The shapes do not fit.
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
def test_an_operation_passes_if_some_operand_has_the_size_of_the_result(operation):
    """A bias, a scalar, a column with a matrix, and a batch of one row pass."""
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
def test_an_operation_whose_purpose_is_to_pair_all_with_all_passes(operation):
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
def test_a_column_with_a_row_is_refused_however_it_is_written(operation):
    """[3, 1] with [3] as operator, function, method, in place, by keyword, as comparison."""
    assert guard_refuses(operation)


@pytest.mark.filterwarnings("ignore")
def test_every_function_of_torch_that_makes_3_3_from_3_1_and_3_is_refused():
    """This tries all functions that torch lists as visible to a mode."""
    # kron pairs on purpose, the row of gumbel_softmax is its temperature, and sym_sum adds symbols.
    exempt = {"kron", "gumbel_softmax", "sym_sum"}
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
            if getattr(result, "shape", None) == (3, 3) and name not in exempt:
                found.add(name)
                assert guard_refuses(partial(function, *args)), name
    assert len(found) > 100 and {"add", "where", "__eq__", "lerp", "masked_fill"} <= found


def test_cross_entropy_passes():
    """Logits [B, A] with targets [B] pass, also where A = B or A = 1."""
    targets = torch.zeros(3, dtype=torch.long)
    for logits in (torch.ones(3, 4), torch.ones(3, 3), torch.ones(3, 1)):
        assert not guard_refuses(partial(F.cross_entropy, logits, targets))


def test_shapes_that_do_not_fit_are_left_to_torch():
    with (
        pytest.raises(RuntimeError, match="must match the size") as error,
        forbid_outer_broadcast(),
    ):
        torch.ones(2) + torch.ones(3)
    assert not isinstance(error.value, OuterBroadcastError)


def test_a_numpy_array_counts_as_an_operand_if_torch_computes():
    """Torch computes tensor == array and array / tensor; the guard does not see numpy's work."""
    assert guard_refuses(lambda: ROW.numpy() == COLUMN)
    assert guard_refuses(lambda: ROW.numpy() / COLUMN)
    assert not guard_refuses(lambda: np.multiply(COLUMN.numpy(), ROW.numpy()))


def test_numpy_refuses_a_tensor_that_requires_a_gradient():
    """Numpy therefore cannot compute a loss that the guard would have to see."""
    with pytest.raises(RuntimeError, match="requires grad"):
        COLUMN.clone().requires_grad_() * ROW.numpy()


def test_a_training_step_passes_and_its_result_does_not_change():
    """Adam, dropout, normalization, attention and autograd give the same bits."""

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


# Where it holds


def test_it_holds_under_no_grad_and_vmap():
    """Under vmap, the shapes that count are those of one row."""
    with torch.no_grad():
        assert guard_refuses(lambda: COLUMN * ROW)
    stack = torch.ones(2, 3, 1), torch.ones(2, 3)
    assert guard_refuses(lambda: torch.vmap(torch.mul)(*stack))
    assert not guard_refuses(lambda: torch.vmap(torch.mul)(COLUMN, ROW))


def test_after_the_block_outer_broadcasts_pass_again():
    """This holds even if the block ends with an exception."""
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


def test_one_scope_can_be_entered_twice():
    guard = forbid_outer_broadcast()
    with guard:
        with guard:
            pass
        with pytest.raises(OuterBroadcastError):
            COLUMN * ROW
    COLUMN * ROW


def test_allow_outer_broadcast_changes_nothing_outside_a_guard():
    """A library can say what it means whether or not its caller uses the guard."""
    with allow_outer_broadcast("rows x columns"):
        assert (COLUMN * ROW).shape == (3, 3)


def test_the_decorator_guards_each_call():
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


def test_a_function_whose_lines_run_after_the_call_cannot_be_decorated():
    def generator():
        yield COLUMN * ROW

    async def coroutine():
        return COLUMN * ROW

    decorated: list[Any] = [generator, coroutine, torch.nn.Module]
    for function in decorated:
        with pytest.raises(TypeError, match="inside it"):
            forbid_outer_broadcast()(function)


@pytest.mark.parametrize("reason", ["", "  ", None, lambda: None])
def test_allow_outer_broadcast_needs_a_reason(reason):
    with pytest.raises(ValueError, match="what is paired with what"):
        allow_outer_broadcast(reason)


def test_another_thread_is_not_guarded():
    shapes = []
    with forbid_outer_broadcast():
        thread = threading.Thread(target=lambda: shapes.append((COLUMN * ROW).shape))
        thread.start()
        thread.join()
    assert shapes == [(3, 3)]


def test_a_scope_in_another_thread_does_not_allow_anything_in_this_one():
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


# What its messages say


def test_the_message_shows_the_shapes_and_what_to_write_instead():
    with pytest.raises(OuterBroadcastError) as error, forbid_outer_broadcast():
        ROW * COLUMN
    assert "mul makes [3, 3] from [3] and [3, 1]" in str(error.value)
    assert ".squeeze(-1) turns [3, 1] into [3]" in str(error.value)
    assert "allow_outer_broadcast" in str(error.value)


def test_the_message_names_actions_when_a_distribution_broadcasts():
    message = r"\[3, 1, 1\] and \[3, 4\].*Do the actions have shape \[B, 1\]"
    with pytest.raises(OuterBroadcastError, match=message), forbid_outer_broadcast():
        Categorical(logits=MATRIX).log_prob(COLUMN.long())


# The pytest plugin


def test_the_fixture_guards_the_tests_that_ask_for_it(pytester):
    pytester.makepyfile(
        """
        import pytest, torch

        pytest_plugins = ["pg_edu.guard.pytest_plugin"]

        def test_guarded(forbid_outer_broadcast):
            torch.ones(3, 1) * torch.ones(3)

        @pytest.mark.usefixtures("forbid_outer_broadcast")
        def test_right():
            torch.ones(3) * torch.ones(3)

        def test_not_guarded():
            assert (torch.ones(3, 1) * torch.ones(3)).shape == (3, 3)
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*OuterBroadcastError: mul makes*"])


def test_importing_the_guard_does_not_import_pytest():
    program = "import sys, pg_edu.guard; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n"
