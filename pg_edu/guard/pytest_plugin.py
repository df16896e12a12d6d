"""A pytest fixture that forbids silent outer broadcasts.

Write in the top-level conftest.py or in a test module:

    pytest_plugins = ["pg_edu.guard.pytest_plugin"]

    def test_loss(forbid_outer_broadcast): ...

To guard every test of a module, write

    pytestmark = pytest.mark.usefixtures("forbid_outer_broadcast")

The plugin is not installed as an entry point, because every run of pytest would then import torch.
"""

from collections.abc import Iterator

import pytest

from pg_edu import guard


@pytest.fixture
def forbid_outer_broadcast() -> Iterator[None]:
    """Run the test inside `pg_edu.guard.forbid_outer_broadcast`."""
    with guard.forbid_outer_broadcast():
        yield
