"""What is observed of an answer besides its result; the kernel and the marker both compute it."""

from typing import Any

import torch


def output_and_gradient(arguments: tuple[Any, ...], result: Any) -> dict[str, Any]:
    """Return an array of any shape, and the gradient of a weighted sum of it.

    The sum is Σ cos(i) yᵢ over the entries of the result. Its gradient with respect to the first
    argument, which requires one, tells apart results with the same values.
    """
    gradient = None
    if isinstance(result, torch.Tensor) and result.requires_grad:
        weights = torch.arange(result.numel(), dtype=result.dtype).cos().reshape(result.shape)
        total = (weights * result).sum()
        gradient = torch.autograd.grad(total, arguments[0], allow_unused=True)[0]
    return {"the result": result, "its gradient": gradient}
