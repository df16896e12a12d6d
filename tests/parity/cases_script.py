"""The script that notebook 11 moves, as it stands or with its imports changed."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from parity.dice import Dice, area

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "src" / "11_where_next.md"


def script() -> str:
    """Return the text of the script for Tianshou 1.1."""
    source = NOTEBOOK.read_text(encoding="utf-8")
    (text,) = re.findall(r'^script = """(.*?)^"""', source, re.DOTALL | re.MULTILINE)
    return text


@area(cases=3, recorded=1)
def moved_script(lib: Any, dice: Dice) -> dict[str, Any]:
    """A whole script, from its imports to the weights that it ends with."""
    text = script().replace("manual_seed(0)", f"manual_seed({dice.integer(0, 999)})")
    if lib.__name__ == "pg_edu":
        text = re.sub(r"from tianshou\S* import", "from pg_edu import", text)
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(text, names)
    return {
        "steps": names["trainer"].env_step,
        "drawn": {
            "weights": names["actor"].state_dict(),
            "generators": [torch.rand(2), np.random.random_sample(2)],
        },
    }
