"""Mark a class: all submissions, on several processes, with a journal to resume from."""

import multiprocessing
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path

import torch

from pg_edu.coursework.marking.cells import NoNotebook, Notebook, read_notebook, read_script
from pg_edu.coursework.marking.journal import Journal, key_of
from pg_edu.coursework.marking.kernels import CannotStart, Server
from pg_edu.coursework.marking.marking import Mark, Options, mark_notebook, unmarked
from pg_edu.coursework.marking.pages import exercises_of, pages_of
from pg_edu.coursework.marking.submissions import SCRIPT, Submission
from pg_edu.runs.stops import stops_delayed

KILLED = "each time that this notebook ran, the marker was killed, so it is not run again."


@dataclass(frozen=True)
class Task:
    """A submission with the exercises that it should have.

    Args:
        submission: the submitted file.
        notebook: its cells; None if it is no notebook.
        exercises: the numbers of the exercises.
        problem: why there are no cells.
    """

    submission: Submission
    notebook: Notebook | None
    exercises: list[str]
    problem: str = ""


def make_tasks(submissions: Sequence[Submission], only: Sequence[str] = ()) -> list[Task]:
    """Return what is to be marked of each submission.

    A notebook that has exercises of a page should have all of that page. A file that belongs to no
    page should have the exercises of the page to which most others belong.

    Args:
        submissions: the submitted files.
        only: the numbers of the exercises, if they are not to be found out.
    """
    read = [_read(submission) for submission in submissions]
    pages = [
        tuple(pages_of(notebook, submission.file)) if notebook is not None else ()
        for submission, (notebook, _) in zip(submissions, read, strict=True)
    ]
    usual = [found for found, _ in Counter(filter(None, pages)).most_common(1)]
    return [
        Task(submission, notebook, list(only) or exercises_of(own or sum(usual, ())), problem)
        for submission, (notebook, problem), own in zip(submissions, read, pages, strict=True)
    ]


def _read(submission: Submission) -> tuple[Notebook | None, str]:
    if submission.content is None:
        return None, submission.problem
    read = read_script if submission.file.lower().endswith(SCRIPT) else read_notebook
    try:
        return read(submission.content), ""
    except NoNotebook as error:
        return None, str(error)


def mark_class(
    tasks: Sequence[Task],
    options: Options,
    journal: Journal,
    workers: int,
    hidden: Sequence[Path] = (),
    done: Callable[[], object] = lambda: None,
) -> list[list[Mark]]:
    """Return the marks of each task, in the order of the tasks.

    Args:
        tasks: what is to be marked.
        options: how it is marked.
        journal: knows what was marked before, and keeps what is marked now.
        workers: how many notebooks run at a time.
        hidden: folders and files that notebooks must not read.
        done: called after each task.

    Raises:
        CannotStart: no kernel can be started.
        KeyboardInterrupt: the user has stopped it; the journal has what was done.
    """
    keys = [_key(task, options) for task in tasks]
    for key, task in zip(keys, tasks, strict=True):
        if journal.marks(key) is None and task.notebook is None:
            journal.end(key, unmarked(task.exercises, task.problem, options))
        if journal.has_killed(key):
            journal.end(key, unmarked(task.exercises, KILLED, options))
    todo = {key: task for key, task in zip(keys, tasks, strict=True) if not journal.marks(key)}
    for _ in range(len(tasks) - len(todo)):
        done()
    try:
        _mark_all(todo, options, journal, workers, hidden, done)
    except KeyboardInterrupt:
        journal.stopped()
        raise
    return [journal.marks(key) or [] for key in keys]


def _key(task: Task, options: Options) -> str:
    content = task.submission.content or task.submission.file.encode("utf-8", "replace")
    return key_of(content, task.exercises, options)


def _mark_all(
    todo: dict[str, Task],
    options: Options,
    journal: Journal,
    workers: int,
    hidden: Sequence[Path],
    done: Callable[[], object],
) -> None:
    """Mark all tasks; workers that are killed are replaced, and their tasks tried once more.

    From then on one notebook runs at a time, so that no other is blamed.
    """
    while todo:
        try:
            with _pool(min(workers, len(todo)), hidden) as pool:
                for key, marks in _in_parallel(pool, todo, options, journal, workers):
                    journal.end(key, marks)
                    del todo[key]
                    done()
        except BrokenProcessPool:
            workers = 1
            for key in [key for key in todo if journal.has_killed(key)]:
                journal.end(key, unmarked(todo.pop(key).exercises, KILLED, options))
                done()


def _in_parallel(
    pool: ProcessPoolExecutor,
    todo: dict[str, Task],
    options: Options,
    journal: Journal,
    workers: int,
) -> Iterator[tuple[str, list[Mark]]]:
    """Yield the marks of tasks as they are done, and begin a new one for each."""
    waiting = list(todo.items())
    running: dict[Future[list[Mark]], str] = {}
    while waiting or running:
        while waiting and len(running) < workers:
            key, task = waiting.pop(0)
            journal.begin(key)
            with stops_delayed():  # A process that starts here does not hear Ctrl-C at all.
                running[pool.submit(_mark, task, options)] = key
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()


@contextmanager
def _pool(workers: int, hidden: Sequence[Path]) -> Iterator[ProcessPoolExecutor]:
    """Start workers, and end them with all they have started, also if the user stops us."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="mark-", ignore_cleanup_errors=True) as base:
        with stops_delayed():
            pool = ProcessPoolExecutor(workers, context, _start_worker, (base, list(hidden)))
        try:
            yield pool
        except BaseException:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


# In a worker

_place: list[tuple[str, list[Path]]] = []
_servers: list[Server] = []


def _start_worker(base: str, hidden: list[Path]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # Kernels inherit the mask.
    torch.set_num_threads(1)
    _place.append((base, hidden))


def _server() -> Server:
    """Return the server of this worker, which is started for its first notebook."""
    if not _servers:
        base, hidden = _place[0]
        _servers.append(Server(Path(tempfile.mkdtemp(dir=base)), hidden))
        Finalize(None, _servers[0].close, exitpriority=10)
    return _servers[0]


def _mark(task: Task, options: Options) -> list[Mark]:
    assert task.notebook is not None
    try:
        return mark_notebook(_server(), task.notebook, task.exercises, options)
    except CannotStart:  # A notebook may have ended the server.
        _server().restart()
        return mark_notebook(_server(), task.notebook, task.exercises, options)
