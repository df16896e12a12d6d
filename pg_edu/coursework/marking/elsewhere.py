"""An answer in a kernel, which the judge asks as if it were here."""

import base64
import pickle
import re
from collections.abc import Sequence

from pg_edu.course.outcomes import Budget, Observe, Outcome, the_result
from pg_edu.course.records import Case
from pg_edu.coursework.marking.inside import wire
from pg_edu.coursework.marking.kernels import RESPOND, Kernel, KernelEnded

# Seconds beyond the time that an answer has, until its kernel is ended. An answer that imports gets
# more time from the kernel, and imports are slow on a busy machine.
GRACE = 10.0
FUNCTION_OF_THE_PACKAGE = re.compile(r"pg_edu(\.[A-Za-z_]\w*)+")


class Elsewhere:
    """An answer in a kernel; see `pg_edu.course.judge.Respondent`.

    Only arguments cross to the kernel: neither the key nor what is expected.

    Args:
        kernel: the kernel.
        name: the name by which the answer is held there.
    """

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel, self.name = kernel, name
        self._kind = self._ask("kind")

    def is_missing(self) -> bool:
        """Return whether there is no answer yet."""
        return self._kind == "missing"

    def is_function(self) -> bool:
        """Return whether the answer can be called."""
        return self._kind == "function"

    def read(self) -> Outcome:
        """Return the answer itself as an outcome."""
        (outcome,) = self._outcomes(self._ask("read"), 1)
        return outcome

    def call(
        self, cases: Sequence[Case], observe: Observe = the_result, budget: Budget | None = None
    ) -> list[Outcome]:
        """Return the outcomes of calls with these cases, up to the first problem."""
        budget = budget or Budget()
        asked = pickle.dumps((list(cases), observe, budget.left))
        text = self._ask("call", base64.b64encode(asked).decode(), seconds=budget.left)
        return self._outcomes(text, len(cases))

    def _ask(self, what: str, *arguments: str, seconds: float = 2.0) -> str:
        """Return what a function of `respond.py` says."""
        given = ", ".join(map(repr, (self.name, *arguments)))
        return self.kernel.evaluate(f"{RESPOND}.{what}({given})", seconds + GRACE)

    def _outcomes(self, text: str, wanted: int) -> list[Outcome]:
        """Return the outcomes in a text, of all cases or up to a problem; else it is no answer."""
        try:
            found = wire.load(text)
        except wire.Garbled as error:
            raise KernelEnded(f"what came back from the kernel are {error}") from error
        stopped = found and (found[-1].problem or not found[-1].attempted)
        if len(found) > wanted or (len(found) < wanted and not stopped):
            raise KernelEnded(f"{len(found)} outcomes came back for {wanted} cases")
        return found

    def package_functions(self) -> list[str]:
        """Return which functions of the package the answer is, or has called, by their names."""
        try:
            text = self._ask("source") + " " + self.kernel.evaluate(f"{RESPOND}.called()", GRACE)
        except KernelEnded:
            return []
        return [name for name in text.split() if FUNCTION_OF_THE_PACKAGE.fullmatch(name)]
