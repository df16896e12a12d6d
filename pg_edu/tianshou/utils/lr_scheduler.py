"""Several learning-rate schedulers as one, as in `tianshou.utils.lr_scheduler`."""

from typing import TYPE_CHECKING

from pg_edu.base_policy import MultipleLRSchedulers
from pg_edu.tianshou.missing import explain_missing

__all__ = ["MultipleLRSchedulers"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
