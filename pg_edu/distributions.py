"""Action distributions: from an actor's output to something that can be sampled and scored."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.distributions import Categorical, Distribution, Independent, Normal


def categorical(logits: torch.Tensor) -> Distribution:
    """Logits [B, n] -> one of n actions, [B]."""
    return Categorical(logits=logits, validate_args=False)  # PGPolicy checks what comes here


def gaussian(loc_scale: tuple[torch.Tensor, torch.Tensor]) -> Distribution:
    """(mean, standard deviation), each [B, A] -> an action of A numbers, [B, A], scored jointly."""
    return Independent(Normal(*loc_scale, validate_args=False), 1, validate_args=False)


@dataclass(frozen=True)
class IndependentCategoricals:
    """Logits [B, sum(sizes)] -> one of sizes[a] actions for each component a, [B, A].

    Example:
        >>> dist = IndependentCategoricals((2, 3))(torch.zeros(4, 5))
        >>> dist.sample().shape, round(dist.log_prob(torch.tensor([1, 2])).exp()[0].item(), 4)
        (torch.Size([4, 2]), 0.1667)
    """

    sizes: tuple[int, ...]

    def __call__(self, logits: torch.Tensor) -> Distribution:
        rows = [
            nn.functional.pad(part, (0, max(self.sizes) - part.shape[-1]), value=-math.inf)
            for part in torch.split(logits, list(self.sizes), dim=-1)
        ]
        logits = torch.stack(rows, dim=-2)
        return Independent(Categorical(logits=logits, validate_args=False), 1, validate_args=False)
