"""Probe agents of other libraries through the adapters that docs/PROBE.md shows.

In the environment of `make parity`:

    python tests/parity/probe_adapters.py sb3          Stable-Baselines3
    python tests/parity/probe_adapters.py tianshou     Tianshou 1.1
    python tests/parity/probe_adapters.py tianshou2    Tianshou 2, if it is the one that is imported

And in any environment:

    python tests/parity/probe_adapters.py plain            a plain loop
    python tests/parity/probe_adapters.py "single file"    a script in the manner of CleanRL

Each adapter is the code block of the page, as it stands there. The status is 1 if a right agent is
called broken, or if a broken line is not noticed.
"""

import re
import sys
from pathlib import Path
from typing import Any

import torch

from pg_edu.lab.probes import probe_loop

PAGE = Path(__file__).parents[2] / "docs" / "PROBE.md"
ONLY = ("two actions", "delay", "lengths", "bound")

# For each library: a line that is right, the same line with a mistake, and where it must show.
BROKEN = {
    "sb3": ("gamma=0.6", "gamma=0.0", "delay"),
    "tianshou": ("discount_factor=0.6", "discount_factor=0.0", "delay"),
    "tianshou2": ("        gamma=0.6,", "        gamma=0.0,", "delay"),
    "plain": ("torch.tensor(returns)", "torch.tensor(returns[::-1])", "delay"),
    "single file": ("torch.cat(advantages)", "torch.stack(advantages).T.flatten()", "delay"),
}


def adapter(library: str) -> str:
    """Return the code block of the page that is marked with the name of the library."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if block.startswith(f"# {library}\n")]
    return block


def train_of(code: str) -> tuple[Any, Any]:
    """Return the function `train` that the code defines, and the arguments it is to be run with."""
    names: dict[str, Any] = {}
    exec(code, names)
    return names["train"], names["settings"]


def main() -> int:
    """Probe the library's agent, right and with one line broken; return the exit status."""
    library = sys.argv[1]
    torch.set_num_threads(1)
    code = adapter(library)
    train, settings = train_of(code)
    report = probe_loop(train, only=ONLY, **settings)
    print(report)
    right, wrong, name = BROKEN[library]
    train, settings = train_of(code.replace(right, wrong, 1))
    broken = probe_loop(train, only=[name], **settings)
    print(broken)
    return int(bool(report.failed) or name not in broken.failed)


if __name__ == "__main__":
    sys.exit(main())
