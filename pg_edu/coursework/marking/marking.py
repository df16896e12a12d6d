"""Mark one notebook: run it in a kernel, ask for its answers, and judge them here."""

import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pg_edu.course.judge import judge_respondent
from pg_edu.course.verdicts import NOT_ATTEMPTED, WRONG, Verdict
from pg_edu.coursework.capstone.parts import Training
from pg_edu.coursework.marking.cells import Notebook
from pg_edu.coursework.marking.elsewhere import Elsewhere
from pg_edu.coursework.marking.flags import flag, functions_named, ways_into_an_environment
from pg_edu.coursework.marking.kernels import ENDED, RESPOND, Kernel, KernelEnded, Server
from pg_edu.coursework.marking.limits import Limits
from pg_edu.coursework.marking.pages import expression_of, names_in_solution
from pg_edu.coursework.marking.plan import Ask, Plan, Run, make_plan
from pg_edu.coursework.marking.records import exercise_record
from pg_edu.coursework.marking.training import judge_training

NOT_MARKED = "not marked"
SECONDS_OF_AN_ANSWER = 5.0  # on a busy machine; `check` in a notebook gives 1.5
LEAST = 0.5  # seconds for a cell when the time of all cells is up
MOST_KERNELS = 10  # for one notebook: each answer that ends its kernel costs one
UNDEFINED = re.compile(r"name '(\w+)' is not defined")


@dataclass(frozen=True)
class Options:
    """Options of marking, the same for a whole class.

    Args:
        seed: decides the random cases.
        variant: the variant that was handed out; None if it was the plain one.
        whole: whether all cells are run, and not only what the answers need.
        limits: what a notebook may use.
    """

    seed: int = 0
    variant: int | None = None
    whole: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Mark:
    """The mark for one exercise of one notebook.

    Args:
        exercise: the number of the exercise; "" if it is not known.
        points: what the answer earns.
        possible: what a correct one earns.
        verdict: "correct", "wrong", "not attempted" or "not marked".
        found: what was found, as text; parts of it come from the student's code.
        diagnosis: what the mistake is, if it is known.
        flag: what the instructor should look at.
        seconds: how long the answer took.
        code: the code of the answer.
    """

    exercise: str
    points: int = 0
    possible: int = 0
    verdict: str = NOT_MARKED
    found: str = ""
    diagnosis: str = ""
    flag: str = ""
    seconds: float = 0.0
    code: str = ""


def unmarked(exercises: Sequence[str], reason: str, options: Options) -> list[Mark]:
    """Return a mark for each exercise of a file that cannot be marked, with the reason."""
    if not exercises:
        return [Mark("", found=reason)]
    points = {number: exercise_record(number, options.variant).points for number in exercises}
    return [Mark(number, possible=points[number], found=reason) for number in exercises]


def mark_notebook(
    server: Server, notebook: Notebook, exercises: Sequence[str], options: Options
) -> list[Mark]:
    """Return a mark for each exercise of a notebook.

    Args:
        server: what forks kernels.
        notebook: the notebook.
        exercises: the numbers of the exercises that it should have.
        options: how it is marked.
    """
    expressions = {number: expression_of(number) for number in exercises}
    plan = make_plan(notebook.cells, expressions, options.whole)
    marking = _Marking(server, plan, options)
    marking.run()
    if marking.lacks_what_was_left_out():
        plan = make_plan(notebook.cells, expressions, every_cell=True)
        marking = _Marking(server, plan, options)
        marking.run()
    return [marking.mark(number) for number in exercises]


class _Marking:
    """The marking of one notebook, with a new kernel whenever one is ended.

    Args:
        server: what forks kernels.
        plan: what to run and to ask.
        options: how the notebook is marked.
    """

    def __init__(self, server: Server, plan: Plan, options: Options) -> None:
        self.server, self.plan, self.options = server, plan, options
        self.left = options.limits.seconds
        self.marks: dict[str, Mark] = {}
        self.errors: dict[int, str] = {}
        self._done: set[int] = set()  # steps that are not repeated in a new kernel
        self._ended_in: Counter[int] = Counter()
        self._asked: list[Ask] = [step for step in plan.steps if isinstance(step, Ask)]

    def run(self) -> None:
        """Do all steps, in as many kernels as it takes."""
        for _ in range(MOST_KERNELS):
            if all(number in self._done for number in self._numbers_of_asks()):
                return
            self._run_in_one_kernel()

    def _numbers_of_asks(self) -> list[int]:
        return [n for n, step in enumerate(self.plan.steps) if isinstance(step, Ask)]

    def _run_in_one_kernel(self) -> None:
        limits = self.options.limits
        cpu_seconds = limits.seconds + sum(map(self._seconds_of, self._asked))
        kernel = self.server.kernel(limits, cpu_seconds)
        ended = False
        try:
            for number, step in enumerate(self.plan.steps):
                if number not in self._done:
                    self._do(kernel, number, step)
        except KernelEnded:
            ended = True
        finally:
            self.server.end(kernel, suspicious=ended)

    def _do(self, kernel: Kernel, number: int, step: Run | Ask) -> None:
        """Do a step; one that has ended a kernel is tried once more at most.

        What an earlier answer left running may have ended it.
        """
        try:
            if isinstance(step, Run):
                self._run_cell(kernel, step)
            else:
                self._ask(kernel, step)
                self._done.add(number)
        except KernelEnded as error:
            self._ended_in[number] += 1
            if str(error) == ENDED and self._ended_in[number] == 1:
                raise
            self._done.add(number)
            if isinstance(step, Run):
                self.errors[step.cell] = f"{error}, so it was left out"
            else:
                self._keep(self._ended(step, str(error)))
            raise

    def _run_cell(self, kernel: Kernel, step: Run) -> None:
        begin = time.monotonic()
        try:
            error = kernel.run(step.code, max(self.left, LEAST))
        finally:
            self.left -= time.monotonic() - begin
        if error:
            self.errors[step.cell] = error

    def _ask(self, kernel: Kernel, step: Ask) -> None:
        earlier = self.marks.get(step.exercise)
        if step.cell == -1 and earlier is not None and earlier.verdict != NOT_ATTEMPTED:
            return  # It is defined again below its check, but was attempted above it.
        begin = time.monotonic()
        problem = kernel.run(f"{RESPOND}.hold({step.exercise!r}, ({step.expression}))", 2.0)
        if problem:
            self._keep(self._undefined(step, problem))
            return
        respondent = Elsewhere(kernel, step.exercise)
        verdict = self._judged(kernel, respondent)
        look = "" if verdict.status == NOT_ATTEMPTED else self._flag(respondent, step)
        self._keep(self._mark(verdict, step, look, time.monotonic() - begin))

    def _seconds_of(self, step: Ask) -> float:
        record = exercise_record(step.exercise, self.options.variant)
        return record.seconds if isinstance(record, Training) else SECONDS_OF_AN_ANSWER

    def _judged(self, kernel: Kernel, respondent: Elsewhere) -> Verdict:
        record = exercise_record(respondent.name, self.options.variant)
        seed = self.options.seed
        if not isinstance(record, Training):
            return judge_respondent(record, respondent, seed, SECONDS_OF_AN_ANSWER)
        if respondent.is_function():
            return judge_training(record, kernel, seed)
        found = "" if respondent.is_missing() else "asks for a function of (env, seed)."
        status = WRONG if found else NOT_ATTEMPTED
        return Verdict(record.number, status, record.points, found)

    def _flag(self, respondent: Elsewhere, step: Ask) -> str:
        if not respondent.is_function():
            return ""
        read = functions_named(self.plan.found, step.expression)
        used = flag(respondent.package_functions(), read, names_in_solution(step.exercise))
        record = exercise_record(step.exercise, self.options.variant)
        if not isinstance(record, Training):
            return used
        inside = ways_into_an_environment(self.plan.found, step.expression)
        return "; ".join(one for one in (used, inside) if one)

    def _mark(self, verdict: Verdict, step: Ask, look: str, seconds: float) -> Mark:
        return Mark(
            step.exercise,
            verdict.points,
            verdict.possible,
            verdict.status,
            verdict.found,
            verdict.diagnosis,
            look,
            seconds,
            self._code(step),
        )

    def _undefined(self, step: Ask, problem: str) -> Mark:
        """Return the mark for an answer that cannot be evaluated, with the likely reason."""
        because = "; ".join(f"cell {cell + 1}: {why}" for cell, why in sorted(self.errors.items()))
        found = f"`{step.expression[:80]}` could not be evaluated ({problem})."
        return self._failed(step, f"{found} {because}".strip())

    def _ended(self, step: Ask, reason: str) -> Mark:
        return self._failed(step, f"the answer was stopped: {reason}.")

    def _failed(self, step: Ask, found: str) -> Mark:
        possible = exercise_record(step.exercise, self.options.variant).points
        return Mark(step.exercise, 0, possible, WRONG, found, code=self._code(step))

    def _keep(self, mark: Mark) -> None:
        """Keep a mark: of several answers to one exercise, the last that was attempted counts."""
        if mark.verdict != NOT_ATTEMPTED or mark.exercise not in self.marks:
            self.marks[mark.exercise] = mark

    def _code(self, step: Ask) -> str:
        """Return the code that defines an answer, as the student wrote it."""
        names = {step.expression.strip()}
        own = [s for s in self.plan.found if s.binds & names]
        if not own:
            return step.expression
        last = own[-1]
        first, end = last.lines
        return "\n".join(self.plan.sources[last.cell].splitlines()[first - 1 : end])

    def lacks_what_was_left_out(self) -> bool:
        """Return whether an answer lacks a name that code binds which was not run."""
        text = " ".join(mark.found for mark in self.marks.values())
        return any(
            re.search(rf"\b{name}\b", self.plan.left_out) for name in UNDEFINED.findall(text)
        )

    def mark(self, number: str) -> Mark:
        """Return the mark of an exercise; one without an answer was not attempted."""
        if number in self.marks:
            return self.marks[number]
        possible = exercise_record(number, self.options.variant).points
        name = expression_of(number)
        found = f"no cell calls check({number!r}, ...), and none defines {name}."
        if any(ask.exercise == number for ask in self._asked):
            found = "too many cells or answers ended their kernels."
            return Mark(number, 0, possible, WRONG, found)
        return Mark(number, 0, possible, NOT_ATTEMPTED, found)
