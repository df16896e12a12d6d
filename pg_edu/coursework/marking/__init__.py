"""Marking: run a notebook where there are no keys, and judge its answers where it does not run.

    submissions.py   the submitted files: in folders, in zip files, or unreadable
    cells.py         a file becomes cells of code
    names.py         which names a statement binds and uses
    plan.py          what is run of a notebook, and where its answers are asked for
    pages.py         what the original pages ask
    strip.py         a copy of the package without keys
    sandbox.py       what keeps the notebooks apart from everything else
    limits.py        what a notebook may use, and the watchdog
    kernels.py       a server that forks kernels, and the marker's end of a kernel
    inside/          what runs in the kernel
    elsewhere.py     an answer in a kernel, which the judge asks as if it were here
    training.py      the part `train` of a capstone: trained there, replayed and judged here
    flags.py         which functions of the package an answer uses
    records.py       the exercise, plain or in a variant
    marking.py       one notebook
    whole_class.py   all notebooks, in parallel
    journal.py       what is done, to resume from
    table.py         marks.csv
    feedback.py      a page for each student
    summary.py       the class at a glance

`docs/MARKING.md` says what this protects and what it does not.
"""
