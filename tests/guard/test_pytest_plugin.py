"""The pytest fixture of the guard, in a pytest that runs inside of the test."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]


def test_the_fixture_guards_the_tests_that_ask_for_it(pytester: pytest.Pytester) -> None:
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


def test_the_guard_does_not_import_pytest() -> None:
    program = "import sys, pg_edu.guard; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n"
