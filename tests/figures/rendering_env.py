"""An environment that the package does not draw itself."""

from typing import Any

import gymnasium as gym


class RenderingEnv(gym.Env[Any, Any]):
    """An environment that shows a fixed picture, or fails to."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    observation_space = gym.spaces.Discrete(5)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, picture: Any, render_mode: str | None = "rgb_array") -> None:
        self.picture, self.render_mode = picture, render_mode

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        return 0, 0.5, False, False, {}

    def render(self) -> Any:
        if isinstance(self.picture, Exception):
            raise self.picture
        return self.picture
