"""The actors that a policy with PGPolicy's constructor is given on the probes."""

from typing import Any

import torch
from torch import nn


class LinearActor(nn.Module):
    """An actor whose logits [B, A] are linear in the observation [B, O]."""

    def __init__(self, obs_size: int, action_count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(obs_size, action_count))
        self.bias = nn.Parameter(torch.zeros(action_count))

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        """Return the logits [B, A] of the observations [B, O], and no hidden state."""
        return torch.as_tensor(obs) @ self.weight + self.bias, None


class RecurrentActor(LinearActor):
    """An actor that acts by the first cue of an episode, which it keeps as hidden state [B, O - 1].

    PGPolicy, like Tianshou v1.1.0, scores each stored transition without the hidden state in which
    its action was drawn. Such an actor can therefore learn only at the step that shows the cue: at
    the other steps, its logits during the update are 0 and have no gradient. But it needs
    what it has learned there at all three steps of an episode.
    """

    def __init__(self, obs_size: int, action_count: int) -> None:
        super().__init__(obs_size - 1, action_count)

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        """Return the logits [B, A] and the next hidden state [B, O - 1]."""
        cue = torch.as_tensor(obs)[:, :-1]
        if state is not None:
            has_cue = state.any(dim=1, keepdim=True)
            cue = torch.where(has_cue, state, cue)
        return cue @ self.weight, cue


class GaussianActor(LinearActor):
    """An actor that returns the means [B, A] of Gaussians with standard deviation 1."""

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        """Return the mean and the standard deviation, each [B, A], and no hidden state."""
        mean, _ = super().forward(obs)
        return (mean, torch.ones_like(mean)), None
