"""Raw and environment actions: every dtype, every corner of a Box, and bad input.

The oracles: the space itself, formulas in float64, and the limits of each dtype.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_edu.actions import from_box, scale, to_box, unscale
from tests.helpers import box, ranges

METHODS = ["clip", "tanh", None]


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=5), st.sampled_from(["clip", "tanh"]))
def test_a_batch_is_mapped_action_by_action(raw, method):
    """to_box of actions [N, 1] is to_box of [1], N times."""
    space = box([-1], [3], np.float64)
    alone = [to_box(np.array([u]), space, method, True) for u in raw]
    np.testing.assert_array_equal(to_box(np.array(raw)[:, None], space, method, True), alone)


@given(st.floats(-20, 20), st.floats(-20, 20), st.sampled_from(["clip", "tanh"]))
def test_a_larger_raw_action_never_becomes_a_smaller_one(one, other, method):
    """If u <= u', then a <= a'."""
    act = np.sort([one, other])[:, None]
    first, second = to_box(act, box([-2], [5]), method, True)
    assert first <= second


@pytest.mark.parametrize("method", METHODS)
def test_without_scaling_the_range_is_minus_one_to_one(method):
    """Only the dtype of the space matters, not its bounds."""
    space = box([-3, -3], [3, 3])
    act = np.array([-2.0, 0.5])
    expected = {"clip": [-1, 0.5], "tanh": np.tanh(act), None: act}[method]
    found = to_box(act, space, method, scaling=False)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == (np.float64 if method is None else np.float32)


@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=2, unique=True),
    st.floats(-3, 3),
    st.sampled_from(["clip", "tanh"]),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_scaled_actions_are_always_in_the_space(bounds, act, method, dtype):
    """low <= a <= high in the dtype of the space, however the arithmetic was rounded."""
    space = box([min(bounds)], [max(bounds)], dtype)
    assert space.contains(to_box(np.array([act]), space, method, True))


@given(ranges, st.floats(-1, 1))
def test_unscaling_undoes_scaling(bounds, v):
    """v = 2 (a - low) / (high - low) - 1."""
    low, high = np.array([bounds[0]]), np.array([sum(bounds)])
    np.testing.assert_allclose(unscale(scale(np.array([v]), low, high), low, high), [v], atol=1e-11)


@given(st.floats(-0.999, 0.999), st.sampled_from(METHODS))
def test_the_inverse_of_an_action_maps_back_to_it(unit, method):
    """map(inverse(a)) = a."""
    space = box([-1.0, 0.0], [3.0, 1e-3], np.float64)
    act = space.low + (space.high - space.low) * (unit + 1) / 2
    raw = from_box(act, space, method, True)
    np.testing.assert_allclose(to_box(raw, space, method, True), act, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
def test_every_integer_action_comes_back_from_its_inverse(dtype):
    """map(inverse(k)) = k for integer spaces, also at both ends of the dtype."""
    limits = np.iinfo(dtype)
    space = box([limits.min], [limits.max], dtype)
    if limits.bits > 32:  # A float64 has 53 bits, so numbers between the ends may be rounded.
        acts = [limits.min, limits.max]
    else:
        acts = np.linspace(limits.min, limits.max, 256).round().tolist()
    for act in np.array(acts, dtype).reshape(-1, 1):
        found = to_box(from_box(act, space, "clip", True), space, "clip", True)
        assert found.dtype == dtype and found == act


@pytest.mark.parametrize("dtype, lowest", [(np.int8, -1), (np.uint8, 0)])
def test_without_scaling_an_integer_action_is_the_nearest_integer_of_the_dtype(dtype, lowest):
    """The range [-1, 1] is rounded. The limits of the dtype apply, those of the space do not."""
    found = to_box(np.array([[-5.0], [0.4], [0.7]]), box([3], [9], dtype), "clip", scaling=False)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[:, 0], [lowest, 0, 1])


def test_a_box_as_wide_as_float32_does_not_overflow():
    """high - low is infinite in float32, but low + (high - low) / 2 * (v + 1) must not be."""
    space = box([-3e38], [3e38])
    mapped = to_box(np.array([[-1], [-0.5], [0], [0.5], [1]], np.float32), space, "clip", True)
    np.testing.assert_allclose(mapped[:, 0], [-3e38, -1.5e38, 0, 1.5e38, 3e38], rtol=1e-6)
    raw = from_box(mapped, space, "clip", True)
    np.testing.assert_allclose(raw[:, 0], [-1, -0.5, 0, 0.5, 1], rtol=1e-6)


@pytest.mark.parametrize("dtype, largest", [(np.float32, 8.66), (np.float64, 18.71)])
def test_the_inverse_of_tanh_is_finite_at_the_bounds(dtype, largest):
    """atanh(1) is infinite; atanh(1 - ulp / 2) = log(4 / ulp) / 2 takes its place."""
    space = box([-2.0], [2.0], dtype)
    raw = from_box(np.array([[-2.0], [2.0]], dtype), space, "tanh", True)
    np.testing.assert_allclose(raw[:, 0], [-largest, largest], atol=0.01)


def test_in_float32_a_raw_ten_comes_back_as_the_largest_finite_value():
    """From u = log(2^26 - 1) / 2 = 9.01 upward, float32 rounds tanh(u) to 1."""
    space = box([-2.0], [2.0])
    back = from_box(
        to_box(np.array([10, -10], np.float32), space, "tanh", False), space, "tanh", False
    )
    largest = math.atanh(1 - 2.0**-24)
    np.testing.assert_allclose(back, [largest, -largest], rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scaling", [True, False])
@pytest.mark.parametrize("function", [to_box, from_box])
def test_nan_is_an_error_in_every_mode(method, scaling, function):
    with pytest.raises(ValueError, match=r"act .* NaN"):
        function(np.array([0.0, np.nan]), box([-1, -1], [1, 1]), method, scaling)


def test_scaling_without_a_bound_tolerates_rounding_errors_only():
    """Rounding in float32 can give 1.0000001; 1.1 is a mistake."""
    space = box([-2.0], [2.0])
    assert to_box(np.array([1.0000001], np.float32), space, None, True) == 2.0
    with pytest.raises(ValueError, match=r"from 1.1.* to 1.1.*Bound it first"):
        to_box(np.array([1.1], np.float32), space, None, True)


def test_undoing_tanh_outside_the_space_is_an_error():
    with pytest.raises(ValueError, match=r"inside .* only, but act is"):
        from_box(np.array([2.5], np.float32), box([-2.0], [2.0]), "tanh", True)


@pytest.mark.parametrize("function", [to_box, from_box])
@pytest.mark.parametrize("shape", [(), (1,), (4, 1), (3,)])
def test_one_number_is_never_broadcast_to_two_actions(function, shape):
    """NumPy would broadcast [4, 1] to [4, 2]."""
    with pytest.raises(ValueError, match=r"shape of one action, \[2\]"):
        function(np.zeros(shape), box([-1, -1], [1, 1]), "clip", True)


@pytest.mark.parametrize("act", [1.0001, -1.0001])
def test_an_action_slightly_outside_of_the_range_to_be_scaled_is_an_error(act):
    """Neither end tolerates more than rounding."""
    with pytest.raises(ValueError, match="Bound it first"):
        to_box(np.array([act], np.float32), box([-2.0], [2.0]), None, True)


@pytest.mark.parametrize("method", METHODS)
def test_no_actions_are_mapped_to_no_actions(method):
    nothing = np.zeros((0, 1), np.float32)
    assert to_box(nothing, box([-2.0], [2.0]), method, True).shape == (0, 1)
    assert from_box(nothing, box([-2.0], [2.0]), method, True).shape == (0, 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scaling", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mapping_does_not_write_into_the_actions_that_it_is_given(method, scaling, dtype):
    """The raw action is stored and scored after the environment has got its own."""
    for function, numbers in ((to_box, [0.5, -1.0]), (from_box, [0.5, 1.0])):
        act = np.array(numbers, dtype)
        if method is not None and function is to_box:
            act *= 3
        before = act.copy()
        function(act, box([-1, -1], [1, 1], dtype), method, scaling)
        np.testing.assert_array_equal(act, before)


def test_a_dimension_narrower_than_the_resolution_of_float32_is_widened_by_it():
    """v1.1.0 divides by high - low + 2⁻²³ where high - low is less than 2⁻²³."""
    width = 1e-8
    low, high = np.array([0.0]), np.array([width])
    expected = 2 * width / (width + 2.0**-23) - 1
    np.testing.assert_allclose(unscale(high, low, high), [expected], rtol=1e-12)
    np.testing.assert_array_equal(unscale(low, low, low), [-1.0])


def test_the_inverse_of_tanh_is_0_where_the_space_has_no_width_but_only_with_scaling():
    space = box([0.5, -2.0], [0.5, 2.0], np.float64)
    act = np.array([0.5, 0.5])
    scaled = from_box(act, space, "tanh", True)
    np.testing.assert_allclose(scaled, [0.0, math.atanh(0.25)], rtol=1e-12)
    np.testing.assert_array_equal(to_box(scaled, space, "tanh", True), act)
    unscaled = from_box(act, space, "tanh", False)
    np.testing.assert_allclose(unscaled, [math.atanh(0.5)] * 2, rtol=1e-12)


@pytest.mark.parametrize("row", [0, 2])
def test_an_action_of_nan_is_an_error_that_names_its_row(row):
    """While collecting, the rows are the environments."""
    act = np.zeros((4, 3))
    act[row, 1] = np.nan
    with pytest.raises(
        ValueError, match=rf"(?s)must not hold NaN.* Row {row} does \(environment {row}"
    ):
        to_box(act, box([-1] * 3, [1] * 3), "clip", scaling=True)
