"""Run both scripts of notebook 11, the one for Tianshou 2 and the one for 1.1 moved to pg_edu.

`make parity` runs it with Tianshou 2.0.1. In another environment that has Tianshou 2 and pg_edu:

    python tests/parity/tianshou2.py       compare the weights; status 1 if they differ
"""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tianshou
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where the package `parity` lies

from parity.cases_script import NOTEBOOK, script


def script_for_2() -> str:
    """Return the text of the script for Tianshou 2."""
    blocks = re.findall(r"^```py\n(.*?)^```", NOTEBOOK.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (text,) = [block for block in blocks if "from tianshou.algorithm" in block]
    return str(text)


def weights(text: str) -> torch.Tensor:
    """Run a script and return the weights that its actor ends with."""
    np.random.seed(0)
    names: dict[str, Any] = {}
    exec(text, names)
    return torch.nn.utils.parameters_to_vector(names["actor"].parameters()).detach()


if __name__ == "__main__":
    torch.set_num_threads(1)
    theirs = weights(script_for_2())
    ours = weights(re.sub(r"from tianshou\S* import", "from pg_edu import", script()))
    distance = float((theirs - ours).abs().max())
    print(
        f"Tianshou {tianshou.__version__}: {len(ours)} weights, largest difference {distance:.1e}"
    )
    sys.exit(int(distance > 1e-6))
