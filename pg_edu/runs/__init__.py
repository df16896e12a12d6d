"""Train an agent with given seeds and settings, once or many times, and compare the results.

Files, in the order in which to read them:

    starting.py            the first lines of a command, before torch is imported
    config.py              the settings of a run, and good settings for several environments
    environment_errors.py  environments that say where and why they fail
    agents.py              make an agent and its environments from settings
    training.py            one run: `train(seed, config)` returns a `Result`; `evaluate` measures
    files.py               files that are written whole or not at all, folders for one process
    checkpoint.py          save a `Result` to a file, and load it again
    stops.py               delay what asks this process to stop
    processes.py           the workers of a sweep as processes of this machine
    ray_tasks.py           the workers of a sweep as tasks on a Ray cluster
    sweep.py               many runs: every combination of settings with every seed
    intervals.py           how far a summary of a few results can be trusted
    compare.py             the settings of a sweep in a table and in learning curves
    commands/              the command line, `pg-edu` or `python -m pg_edu`

The files import from those above them, never the other way around.
"""
