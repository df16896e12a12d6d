"""Several learning-rate schedulers as one, as in `tianshou.utils.lr_scheduler`."""

from pg_edu.policy import MultipleLRSchedulers

__all__ = ["MultipleLRSchedulers"]
