"""Several learning-rate schedulers as one, as in `tianshou.utils.lr_scheduler`."""

from pg_edu.base_policy import MultipleLRSchedulers

__all__ = ["MultipleLRSchedulers"]
