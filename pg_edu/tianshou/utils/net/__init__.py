"""Networks, in the modules `common`, `discrete` and `continuous`."""

from pg_edu.tianshou.utils.net import common, continuous, discrete

__all__ = ["common", "continuous", "discrete"]
