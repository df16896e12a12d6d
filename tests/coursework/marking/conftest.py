"""One server for all tests: starting it costs seconds."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from pg_edu.coursework.marking.cells import read_notebook
from pg_edu.coursework.marking.kernels import Server
from pg_edu.coursework.marking.limits import Limits
from pg_edu.coursework.marking.marking import Mark, Options, mark_notebook
from tests.coursework.marking.classes import cells

Marker = Callable[..., dict[str, Mark]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("m"))
    yield started
    started.close()


def marker_of(server: Server) -> Marker:
    """Return a function that marks cells of code on a server, and returns the marks by exercise."""

    def mark(
        *sources: str,
        exercises: Sequence[str] = ("02.1", "02.2"),
        seed: int = 0,
        whole: bool = False,
        limits: Limits | None = None,
    ) -> dict[str, Mark]:
        options = Options(seed, None, whole, limits or Limits())
        notebook = read_notebook(cells(*sources))
        return {m.exercise: m for m in mark_notebook(server, notebook, exercises, options)}

    return mark


@pytest.fixture
def mark(server: Server) -> Marker:
    return marker_of(server)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
