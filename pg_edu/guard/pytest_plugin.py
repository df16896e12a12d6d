"""A pytest fixture that refuses silent outer broadcasts. In a conftest.py or a test module:

    pytest_plugins = ["pg_edu.guard.pytest_plugin"]

    def test_loss(forbid_outer_broadcast): ...

or `pytestmark = pytest.mark.usefixtures("forbid_outer_broadcast")` for all tests of a module. It is
not installed as an entry point: that would import torch into every run of pytest.
"""

from collections.abc import Iterator

import pytest

from pg_edu import guard


@pytest.fixture
def forbid_outer_broadcast() -> Iterator[None]:
    """The test runs inside of `pg_edu.guard.forbid_outer_broadcast`."""
    with guard.forbid_outer_broadcast():
        yield
