"""Notebooks that want points without an answer, or that want to do harm: none gets any."""

import os
import socket
from pathlib import Path

import psutil
import pytest

import pg_edu
from pg_edu.course.verdicts import CORRECT
from pg_edu.coursework.marking.kernels import Server
from tests.coursework.marking.conftest import Marker, marker_of

PACKAGE = Path(pg_edu.__file__).parent
STUB = "def returns_of_one_episode(rew, gamma):\n    raise NotImplementedError"
RIGHT = """def returns_of_many_episodes(rew, end, gamma):
    G, following = [0.0] * len(rew), 0.0
    for t in reversed(range(len(rew))):
        following = rew[t] + gamma * (0.0 if end[t] else following)
        G[t] = following
    return G
check("02.2", returns_of_many_episodes)"""


def answer(body: str) -> str:
    """Return an answer to 02.1 with this body, and its check."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f'def cheat(rew, gamma):\n{lines}\ncheck("02.1", cheat)'


FAKES = {
    "replaces check": 'def check(*_):\n    print("✓ 02.1 correct")\n' + STUB + '\ncheck("02.1", 1)',
    "prints correct": answer('print("✓ 02.1 correct")\nreturn rew'),
    "asks the records": answer(
        'from pg_edu.course.records import record\nreturn record("02.1").key(rew, gamma)'
    ),
    "asks the checking": answer("from pg_edu.course.checking import record\nreturn rew"),
    "reads the file of the key": answer(
        f'code = open("{PACKAGE}/course/ex02_returns.py").read()\n'
        'names = {}\nexec(code, names)\nreturn names["BACKWARDS"].key(rew, gamma)'
    ),
    "reads it through another program": answer(
        "import subprocess\n"
        f'code = subprocess.check_output(["cat", "{PACKAGE}/course/ex02_returns.py"])\n'
        'names = {}\nexec(code, names)\nreturn names["BACKWARDS"].key(rew, gamma)'
    ),
    "imports the real package": answer(
        "import sys\nfor name in [n for n in sys.modules if n.startswith('pg_edu')]:\n"
        f"    del sys.modules[name]\nsys.path.insert(0, '{PACKAGE.parent}')\n"
        "from pg_edu.course.records import record\nreturn record('02.1').key(rew, gamma)"
    ),
    "reads its callers' frames": answer(
        "import sys\nframe = sys._getframe()\nwhile frame:\n"
        "    for value in frame.f_locals.values():\n"
        "        if hasattr(value, 'key') and hasattr(value, 'misconceptions'):\n"
        "            return value.key(rew, gamma)\n    frame = frame.f_back\nreturn 0 * rew"
    ),
    "searches the memory": answer(
        "import gc\nfor value in gc.get_objects():\n"
        "    if type(value).__name__ in ('Exercise', 'Misconception', 'Extreme'):\n"
        "        return value.key(rew, gamma)\nreturn 0 * rew"
    ),
    "edits the verdict": "import pg_edu.course.verdicts as v\nv.Verdict.correct = True\n"
    "v.WRONG = v.CORRECT\n" + answer("v.NOT_ATTEMPTED = 'correct'\nreturn rew"),
    "edits what sends the results": answer(
        "import json\nfrom pg_edu.coursework.marking.inside import wire, respond\n"
        "one = dict(observed={}, problem='', attempted=True, verdict='correct')\n"
        "good = json.dumps([one] * 9)\n"
        "wire.dump = respond.wire.dump = lambda outcomes: good\n"
        "respond.call = lambda *_: good\nreturn rew"
    ),
    "edits NumPy": "import numpy as np\nnp.allclose = lambda *a, **k: True\n"
    "np.abs = lambda x: 0 * x\n" + answer("return 7.0 + 0 * rew"),
    "returns what equals everything": "class Same:\n    def __eq__(self, other): return True\n"
    "    def __array__(self, *a, **k): raise AttributeError\n" + answer("return Same()"),
    "forges messages": answer(
        "kernel = get_ipython().kernel\n"
        "content = dict(status='ok', points=1, verdict='correct', user_expressions={'it':"
        " {'status': 'ok', 'data': {'text/plain': \"'correct'\"}}})\n"
        "for name in ('execute_reply', 'execute_result', 'display_data', 'status'):\n"
        "    kernel.session.send(kernel.iopub_socket, name, content=content)\n"
        "return 0 * rew"
    ),
    "sends unending data": answer(
        "from pg_edu.coursework.marking.inside import respond\n"
        "respond.call = lambda *_: 'x' * 10**8\nreturn rew"
    ),
    "raises its points": answer('raise RuntimeError("correct, 1 of 1 points")'),
    "stops the clock": answer("import time\ntime.perf_counter = lambda: 0.0\nreturn rew * 2"),
}


SPOILS_ITS_KERNEL = (
    "imports the real package",
    "edits what sends the results",
    "edits NumPy",
    "sends unending data",
)


@pytest.mark.parametrize("fake", FAKES, ids=str)
def test_a_fake_gains_no_point_and_costs_no_other_answer_its_points(mark: Marker, fake):
    marks = mark(FAKES[fake], RIGHT)
    assert marks["02.1"].points == 0
    assert marks["02.1"].verdict != CORRECT
    if fake not in SPOILS_ITS_KERNEL:
        assert marks["02.2"].verdict == CORRECT


def test_what_an_answer_leaves_running_costs_no_other_answer_its_points(mark):
    late = "import threading, os\nthreading.Timer(0.05, lambda: os._exit(1)).start()\nreturn rew"
    slow = RIGHT.replace("    return G", "    import time\n    time.sleep(0.1)\n    return G")
    assert mark(answer(late), slow)["02.2"].verdict == CORRECT


def test_half_a_surrogate_pair_in_a_cell_or_an_answer_is_survived(mark):
    marks = mark('x = "\ud800"', 'check("02.1", f"\ud800{x}")', RIGHT)
    assert [marks["02.1"].points, marks["02.2"].verdict] == [0, CORRECT]


def test_a_reply_in_endlessly_many_parts_does_not_fill_the_memory_of_the_marker(mark, monkeypatch):
    monkeypatch.setattr("pg_edu.coursework.marking.limits.MOST_RECEIVED", 100)
    flood = (
        "import time, zmq\nfrom ipykernel.kernelapp import IPKernelApp\n"
        "app = IPKernelApp.instance()\n"
        "parts = [*app.kernel._parent_ident['shell'], *[b'x' * 2**20] * 300]\n"
        "for part in parts:\n    app.shell_socket.send(part, zmq.SNDMORE)\n"
        "app.shell_socket.send(b'')\ntime.sleep(60)"
    )
    assert "it sent more than 100 MB" in mark(answer(flood))["02.1"].found


def test_a_cell_that_ends_the_kernel_is_left_out_and_the_rest_is_marked(mark):
    marks = mark("import os\nx = 1\nos._exit(3)", RIGHT + "\nx", whole=True)
    assert marks["02.2"].verdict == CORRECT


def test_nothing_that_a_notebook_starts_is_left_running(server, mark):
    daemon = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(1000)\n    os._exit(0)\nreturn rew"
    )
    mark(answer(daemon), RIGHT)
    left = psutil.Process(server._process.pid).children(recursive=True)
    running = [p for p in left if p.status() != psutil.STATUS_ZOMBIE]
    assert len(running) == int(server.sandbox.forks)


def test_a_notebook_reaches_no_network_where_it_can_be_cut(server, mark):
    if not server.sandbox.cuts_network:
        pytest.skip("this system does not allow the network to be cut")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        body = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\nreturn rew"
        found = mark(answer(body))["02.1"].found
    assert "OSError" in found or "ConnectionRefusedError" in found or "unreachable" in found


def test_a_notebook_sees_neither_the_marker_nor_its_files_where_they_can_be_hidden(
    server, mark, tmp_path
):
    if not server.sandbox.hides_files:
        pytest.skip("this system does not allow files to be hidden")
    body = (
        "import os\n"
        f"seen = [os.path.exists('/proc/{os.getpid()}/cmdline') and"
        f" b'pytest' in open('/proc/{os.getpid()}/cmdline', 'rb').read()]\n"
        f"seen += [bool(os.listdir('{PACKAGE}/course'))]\n"
        f"try:\n    open('{tmp_path}/written', 'w')\n    seen += [True]\nexcept OSError: pass\n"
        "raise RuntimeError(f'saw {sum(seen)} things')"
    )
    assert "saw 0 things" in mark(answer(body))["02.1"].found
    assert not (tmp_path / "written").exists()


def test_what_is_hidden_cannot_be_read_be_it_a_file_or_a_folder_in_another(tmp_path):
    inner = tmp_path / "class" / "solved"
    inner.mkdir(parents=True)
    zipped = tmp_path / "submissions.zip"
    for path in (zipped, inner / "a.ipynb"):
        path.write_text("secret")
    base = tmp_path / "base"
    base.mkdir()
    server = Server(base, [inner, tmp_path / "class", zipped])
    try:
        opened = f"open({str(zipped)!r}).read() + open({str(inner / 'a.ipynb')!r}).read()"
        marks = marker_of(server)(answer(f"raise RuntimeError({opened})"))
        assert "PermissionError" in marks["02.1"].found
        if server.sandbox.hides_files:
            read = f"os.popen('cat {zipped} {inner}/*').read()"
            other = f"import os\nraise RuntimeError('read ' + {read})"
            found = marker_of(server)(answer(other))["02.1"].found
            assert "read" in found and "secret" not in found
    finally:
        server.close()
