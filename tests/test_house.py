"""The house: what imports what, and what an import costs."""

import pg_edu


def test_package_has_a_docstring() -> None:
    assert pg_edu.__doc__
