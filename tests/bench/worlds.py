"""Environments and networks that the measurements share. The environments cost next to nothing."""

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box, Dict, Discrete
from torch import Tensor, nn


def mlp(inputs: int, outputs: int) -> nn.Sequential:
    """Two hidden layers of 64, as in all measurements."""
    hidden = [nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(64, outputs))


class Dot(gym.Env[Any, int]):
    """A dot moves left or right over a picture of 84 x 84 bytes, for 100 steps."""

    observation_space = Box(0, 255, (84, 84), np.uint8)
    action_space = Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t, self.place = 0, 42
        return self._picture(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        self.place = (self.place + 2 * int(action) - 1) % 84
        return self._picture(), 1.0, self.t == 100, False, {}

    def _picture(self) -> Any:
        picture = np.zeros((84, 84), np.uint8)
        picture[42, self.place] = 255
        return picture


class Reach(gym.Env[Any, int]):
    """Walk left or right to a target, told as a dict of where one is and where the target is."""

    observation_space = Dict(
        {"place": Box(-9.0, 9.0, (2,), np.float32), "target": Box(-9.0, 9.0, (3,), np.float32)}
    )
    action_space = Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.target = np.zeros(2, np.float32), np.ones(3, np.float32)
        return {"place": self.place, "target": self.target}, {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.place = self.place + np.float32(0.1 if action else -0.1)
        there = abs(float(self.place[0])) > 1
        return {"place": self.place, "target": self.target}, -1.0, there, False, {}


class PixelActor(nn.Module):
    """A small convolutional network: bytes [N, 84, 84] -> (logits [N, 2], state)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            *[nn.Conv2d(1, 16, 8, stride=4), nn.ReLU(), nn.Conv2d(16, 32, 4, stride=2), nn.ReLU()],
            *[nn.Flatten(), nn.Linear(32 * 9 * 9, 2)],
        )

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Tensor, Any]:
        return self.net(torch.as_tensor(obs)[:, None].float() / 255), state


class LinearPixelActor(nn.Module):
    """The cheapest network on pixels: bytes [N, 84, 84] -> (logits [N, 2], state)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(84 * 84, 2)

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Tensor, Any]:
        return self.net(torch.as_tensor(obs).flatten(1).float() / 255), state


class DictActor(nn.Module):
    """The two parts of Reach's observation [N, 2], [N, 3] -> (logits [N, 2], state)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = mlp(5, 2)

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Tensor, Any]:
        parts = torch.as_tensor(obs["place"]), torch.as_tensor(obs["target"])
        return self.net(torch.cat(parts, dim=1)), state
