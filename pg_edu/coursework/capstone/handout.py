"""What a student gets: a notebook with the task, the interface, stubs, points, and the rubric."""

import csv
import io
from pathlib import Path
from typing import Any

from pg_edu.coursework.assigning import as_bytes
from pg_edu.coursework.capstone.parts import GAMMA, NAMES, Training, parts

RUBRIC = (
    (4, "Which objective: it is stated in symbols, and the code maximizes it."),
    (4, "What the mean divides by: one experiment separates two divisors, with its reason."),
    (4, "How many seeds: intervals over at least ten seeds, and all runs are shown."),
    (2, "What did not work, and what was not tried."),
)

TASK = """# Capstone: REINFORCE from an empty file

Write an agent that learns, in four parts that fit together, and a report on three experiments.
Use NumPy and torch. Functions of `pg_edu` are not allowed in the four parts: each use is shown
to your instructor.

Hand in one file: this notebook, or a Python file whose name ends in `capstone.py`, with a
`report.md` beside it.

## The interface

| part | points | arguments | returns |
|---|---|---|---|
{rows}

$O$ is the length of an observation, $A$ the number of actions, $B$ the number of rows.

- `forward`: the log-probabilities of all actions, for the logits `obs @ weight`.
- `returns`: the discounted return of every step. `end[t]` says that step `t` is the last one of
  its episode. The last episode may be unfinished; then its rewards so far count.
- `loss`: minus the mean over the rows of log-probability times return. Its gradient counts as
  well.
- `train`: trains a new agent on `env` with the discount factor {gamma}, and returns a function
  `act(obs)`, the trained agent. The other three parts should be used in it, but need not be.

## What `train` gets

- `env` is a `gymnasium.Env`. Observations are one-hot, `Box(O,)` in float32; actions are
  `Discrete(A)`. $O$ and $A$ differ from world to world. `seed` is for your agent and for the
  first `env.reset`.
- The training is over after {episodes:,} episodes: the next call of `env.reset` or `env.step`
  then ends it. So `train` may loop for ever. If it stops by itself, it can return `act`.
- Learn at the pace of a toy: a learning rate of 0.01 or more for Adam, and at most some hundred
  steps for each update.
- All worlds together have {seconds:.0f} s of CPU time.

## How it is marked

The four parts are marked by `pg-edu mark --capstone`, all points of a part or none. The
functions are called with hidden cases. `train` has to learn in {count} worlds ({worlds}). You
can run these at home; only the seeds and the order of the observations differ:

```sh
pg-edu probe capstone.py:train --gamma {gamma}{options}
```

## The report

Three pages at most, {of_the_report} points, in Markdown cells below the code or in `report.md`.
Each question is answered by an experiment with your own agent, on an environment of your
choice.

1. **Which objective?** Is it the discounted return from the start, or something else? Think of
   the factor $\\gamma^t$.
2. **What does the mean divide by?** Compare the mean over steps with one other divisor.
3. **How many seeds?** How many does your claim of 2. need?

| points | what for |
|---|---|
{rubric}
"""
INTERFACE = {
    "forward": ("`weight` [O, A], `obs` [B, O], tensors", "tensor [B, A] with a gradient"),
    "returns": ("`rew` [B], `end` [B] of bool, arrays; `gamma`", "floats [B]"),
    "loss": ("`log_prob` [B], `rets` [B], tensors", "tensor [] with a gradient"),
    "train": ("`env`, `seed`", "`act(obs)`, which returns an action"),
}
STUBS = {
    "forward": "def forward(weight, obs):  # [O, A], [B, O] -> [B, A]",
    "returns": "def returns(rew, end, gamma):  # float [B], bool [B], float -> float [B]",
    "loss": "def loss(log_prob, rets):  # float [B], float [B] -> float []",
    "train": "def train(env, seed):  # gymnasium.Env, int -> act(obs)",
}
QUESTIONS = ("Which objective?", "What does the mean divide by?", "How many seeds?")
REPORT = "\n\n".join(["## My report", *(f"### {question}" for question in QUESTIONS)])


def files(out: Path) -> dict[Path, bytes]:
    """Return what is written into a folder: the student's page, and the table of points.

    Args:
        out: the folder.
    """
    return {
        out / "student" / "capstone.ipynb": as_bytes(notebook()),
        out / "points.csv": _points(),
    }


def notebook() -> dict[str, Any]:
    """Return the page of the student: the task, a stub for each part, and headings for a report."""
    cells = [_text("task", task()), _code("imports", "import numpy as np\nimport torch")]
    cells += [_code(name, f"{STUBS[name]}\n    raise NotImplementedError") for name in NAMES]
    cells.append(_text("report", REPORT))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def task() -> str:
    """Return the text of the task, with the points, worlds and limits of the marker."""
    train = parts()["train"]
    assert isinstance(train, Training)
    return TASK.format(
        rows="\n".join(_row(name) for name in NAMES),
        rubric="\n".join(f"| {points} | {what} |" for points, what in RUBRIC),
        of_the_report=sum(points for points, _ in RUBRIC),
        gamma=GAMMA,
        episodes=32 * train.updates,
        seconds=train.seconds,
        count=len(train.worlds),
        worlds=", ".join(train.worlds),
        options="".join(f' --only "{world}"' for world in train.worlds),
    )


def _row(name: str) -> str:
    takes, gives = INTERFACE[name]
    return f"| `{name}` | {parts()[name].points} | {takes} | {gives} |"


def _text(name: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def _code(name: str, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {},
        "outputs": [],
        "source": source,
    }


def _points() -> bytes:
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["part", "points", "marked by"])
    rows.writerows([name, parts()[name].points, "pg-edu mark"] for name in NAMES)
    rows.writerow(["report", sum(points for points, _ in RUBRIC), "instructor"])
    return text.getvalue().encode()
