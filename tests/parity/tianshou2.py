"""Run both scripts of notebook 11, the one for Tianshou 2 and the one for 1.1 moved to pg_edu.

And run them again with a subclass in place of each class, which overrides the method that prepares
a batch: `_preprocess_batch` there and `process_fn` here.

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

# The package `parity` is in this folder. It comes last, for it also has a package `tianshou`.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from parity.cases_script import NOTEBOOK, script
from tianshou.algorithm import Reinforce

from pg_edu import PGPolicy


class Lifted2(Reinforce):
    """Every return is larger by 1."""

    def _preprocess_batch(self, batch: Any, buffer: Any, indices: Any) -> Any:
        batch = super()._preprocess_batch(batch, buffer, indices)
        batch.returns = batch.returns + 1
        return batch


class Lifted(PGPolicy[Any]):
    """Every return is larger by 1."""

    def process_fn(self, batch: Any, buffer: Any, indices: Any) -> Any:
        batch = super().process_fn(batch, buffer, indices)
        batch.returns = batch.returns + 1
        return batch


def script_for_2() -> str:
    """Return the text of the script for Tianshou 2."""
    blocks = re.findall(r"^```py\n(.*?)^```", NOTEBOOK.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (text,) = [block for block in blocks if "from tianshou.algorithm" in block]
    return str(text)


def weights(text: str, **names: Any) -> torch.Tensor:
    """Run a script, with these names at hand, and return the weights that its actor ends with."""
    np.random.seed(0)
    exec(text, names)
    return torch.nn.utils.parameters_to_vector(names["actor"].parameters()).detach()


def compare(what: str, theirs: torch.Tensor, ours: torch.Tensor) -> bool:
    """Print how far apart two sets of weights are, and return whether that is too far."""
    distance = float((theirs - ours).abs().max())
    print(f"{what}: {len(ours)} weights, largest difference {distance:.1e}")
    return distance > 1e-6


if __name__ == "__main__":
    torch.set_num_threads(1)
    there, here = script_for_2(), re.sub(r"from tianshou\S* import", "from pg_edu import", script())
    plain = weights(there), weights(here)
    lifted = (
        weights(there.replace("= Reinforce(", "= Lifted2("), Lifted2=Lifted2),
        weights(here.replace("= PGPolicy(", "= Lifted("), Lifted=Lifted),
    )
    apart = compare(f"Tianshou {tianshou.__version__}", *plain)
    apart |= compare("with a subclass of each", *lifted)
    apart |= bool((plain[0] == lifted[0]).all())  # then the subclasses were not used
    sys.exit(int(apart))
