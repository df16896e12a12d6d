"""All areas, and the one way to run a case of them, for recording and for comparing."""

import warnings
from typing import Any

import numpy as np
import torch
from parity import (  # noqa: F401  they register areas
    cases_data,
    cases_env,
    cases_policy,
    cases_script,
)
from parity.compare import Leaf, leaves
from parity.dice import AREAS, Dice

__all__ = ["AREAS", "generators", "run_case"]


def run_case(lib: Any, area: str, number: int) -> dict[str, Leaf]:
    """Run one case with `lib`: pg_edu, or the original under the same names."""
    torch.manual_seed(number)
    np.random.seed(number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return leaves(AREAS[area].case(lib, Dice(area, number)))


def generators() -> dict[str, Leaf]:
    """Return what the samplers of the "drawn" leaves give here for a fixed seed."""
    torch.manual_seed(0)
    np.random.seed(0)
    return leaves(
        {
            "multinomial": torch.multinomial(torch.ones(5, 3), 1),
            "few normals": torch.randn(3),
            "many normals": torch.randn(20),
            "bernoulli": torch.bernoulli(torch.full((5,), 0.5)),
            "next": torch.rand(2),
            "choice": np.random.choice(9, 5),
        }
    )
