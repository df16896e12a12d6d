"""Networks, in the modules `common`, `discrete` and `continuous`."""

from typing import TYPE_CHECKING

from pg_edu.tianshou.missing import explain_missing
from pg_edu.tianshou.utils.net import common, continuous, discrete

__all__ = ["common", "continuous", "discrete"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
