"""Bounding and scaling of actions. The oracles: formulas in float64, and the space itself."""

import numpy as np
import pytest
from gymnasium.spaces import Box
from hypothesis import given
from hypothesis import strategies as st

from pg_edu.actions import from_box, to_box

METHODS = ["clip", "tanh", None]


def box(low, high, dtype=np.float32):
    return Box(np.array(low, dtype), np.array(high, dtype), dtype=dtype)


def test_clip_then_scale():
    """a = low + (high - low) (v + 1) / 2 with v = min(max(u, -1), 1)."""
    space = box([0, -2], [10, 2])
    act = np.float32([[-5, 0], [0.5, 5]])
    np.testing.assert_array_equal(to_box(act, space, "clip", True), [[0, 0], [7.5, 2]])


def test_tanh_then_scale():
    """v = tanh(u)."""
    space = box([0.0], [10.0])
    act = np.array([[0.5]])
    expected = 10 * (np.tanh(0.5) + 1) / 2
    np.testing.assert_allclose(to_box(act, space, "tanh", True), [[expected]], rtol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_without_scaling_the_range_is_minus_one_to_one(method):
    """The space does not matter, but its dtype does."""
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
    """low <= a <= high in the space's own dtype, whatever was rounded on the way."""
    space = box([min(bounds)], [max(bounds)], dtype)
    assert space.contains(to_box(np.array([act]), space, method, True))


@given(st.floats(-0.999, 0.999), st.sampled_from(METHODS))
def test_the_inverse_of_an_action_maps_back_to_it(unit, method):
    """map(inverse(a)) = a."""
    space = box([-1.0, 0.0], [3.0, 1e-3], np.float64)
    act = space.low + (space.high - space.low) * (unit + 1) / 2
    raw = from_box(act, space, method, True)
    np.testing.assert_allclose(to_box(raw, space, method, True), act, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
def test_every_integer_action_comes_back_from_its_inverse(dtype):
    """map(inverse(k)) = k for integer spaces, also at the ends of the type."""
    limits = np.iinfo(dtype)
    space = box([limits.min], [limits.max], dtype)
    wide = limits.bits > 32  # float64 has 53 bits: only the ends and the middle are exact
    acts = [limits.min, limits.max] if wide else np.linspace(limits.min, limits.max, 256).round()
    for act in np.array(acts, dtype).reshape(-1, 1):
        found = to_box(from_box(act, space, "clip", True), space, "clip", True)
        assert found.dtype == dtype and found == act


def test_a_box_as_wide_as_float32_does_not_overflow():
    """high - low is infinite in float32; low + (high - low) / 2 * (v + 1) must not be."""
    space = box([-3e38], [3e38])
    mapped = to_box(np.float32([[-1], [-0.5], [0], [1]]), space, "clip", True)
    np.testing.assert_allclose(mapped[:, 0], [-3e38, -1.5e38, 0, 3e38], rtol=1e-6)
    raw = from_box(mapped, space, "clip", True)
    np.testing.assert_allclose(raw[:, 0], [-1, -0.5, 0, 1], rtol=1e-6)


@pytest.mark.parametrize("dtype, largest", [(np.float32, 8.66), (np.float64, 18.71)])
def test_tanh_is_undone_to_finite_values_at_the_bounds(dtype, largest):
    """atanh(1) is infinite; atanh(1 - ulp / 2) = log(4 / ulp) / 2 is what stands for it."""
    space = box([-2.0], [2.0], dtype)
    raw = from_box(np.array([[-2.0], [2.0]], dtype), space, "tanh", True)
    np.testing.assert_allclose(raw[:, 0], [-largest, largest], atol=0.01)


def test_a_dimension_without_width_has_the_inverse_minus_one_and_under_tanh_zero():
    """Every raw action maps to its one value."""
    space = box([0.5, 0.0], [0.5, 1.0])
    act = np.float32([0.5, 0.5])
    np.testing.assert_allclose(from_box(act, space, "clip", True), [-1, 0], atol=1e-6)
    np.testing.assert_allclose(from_box(act, space, "tanh", True), [0, 0], atol=1e-6)
    np.testing.assert_array_equal(to_box(np.float32([7, 0]), space, "tanh", True), act)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scaling", [True, False])
@pytest.mark.parametrize("function", [to_box, from_box])
def test_nan_is_an_error_in_every_mode(method, scaling, function):
    with pytest.raises(ValueError, match=r"act .* NaN"):
        function(np.array([0.0, np.nan]), box([-1, -1], [1, 1]), method, scaling)


def test_unbounded_scaling_allows_rounding_and_nothing_more():
    """1.0000001 is what float32 makes of 1; 1.1 is a mistake."""
    space = box([-2.0], [2.0])
    assert to_box(np.float32([1.0000001]), space, None, True) == 2.0
    with pytest.raises(ValueError, match=r"from 1.1.* to 1.1.*Bound it first"):
        to_box(np.float32([1.1]), space, None, True)


def test_undoing_tanh_outside_the_space_is_an_error():
    with pytest.raises(ValueError, match=r"inside .* only, but act is"):
        from_box(np.float32([2.5]), box([-2.0], [2.0]), "tanh", True)


@pytest.mark.parametrize("function", [to_box, from_box])
@pytest.mark.parametrize("shape", [(), (1,), (4, 1), (3,)])
def test_one_number_never_becomes_two_actions(function, shape):
    """numpy would broadcast [4, 1] to [4, 2]."""
    with pytest.raises(ValueError, match=r"shape of one action, \[2\]"):
        function(np.zeros(shape), box([-1, -1], [1, 1]), "clip", True)
