"""Train an agent with given seeds and settings, once or many times, and compare the results.

Files, in the order in which to read them:

    config.py      the settings of a run, and good settings for several environments
    agents.py      make an agent and its environments from settings
    training.py    one run: `train(seed, config)` returns a `Result`; `evaluate` measures a policy
    checkpoint.py  save a `Result` to a file, and load it again
    sweep.py       many runs: every combination of settings with every seed
    processes.py   the workers of a sweep as processes of this machine
    ray_tasks.py   the workers of a sweep as tasks on a Ray cluster
    intervals.py   how far a summary of a few results can be trusted
    compare.py     the settings of a sweep in a table and in learning curves
    commands/      the command line, `pg-edu` or `python -m pg_edu`, with one file per command

The files import from those above them, never the other way around.
"""
