"""Cases of vector environments whose observations are normalized."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from parity.dice import Dice, area

ROW = ("obs", "obs_next", "rew", "terminated", "truncated")


@area(cases=60, recorded=2)
def normalized_observations(lib: Any, dice: Dice) -> dict[str, Any]:
    """Rows that a Collector stores in two calls by n_step, and the statistics after each.

    A second vector shares the statistics of the first and does not update them.
    """
    count, limit = dice.integer(1, 4), dice.choice([7, 25])
    name, space = dice.choice([("CartPole-v1", Discrete(2)), ("Pendulum-v1", Box(-2.0, 2.0))])
    envs = [
        lib.DummyVectorEnv([lambda: gym.make(name, max_episode_steps=limit)] * count)
        for _ in range(2)
    ]
    for vector in envs:
        vector.seed(dice.integer(0, 1000))
    train = lib.VectorEnvNormObs(envs[0])
    test = lib.VectorEnvNormObs(envs[1], update_obs_rms=False)
    test.set_obs_rms(train.get_obs_rms())
    if dice.chance():
        train.seed(dice.integer(0, 1000))
    collectors = [scripted_collector(lib, dice, vector, space) for vector in (train, test)]
    seen: dict[str, Any] = {"lengths": [len(train), len(test)]}
    for turn in range(4):
        gathering = collectors[turn % 2]
        gathering.collect(n_step=dice.integer(1, 60) * count, reset_before_collect=turn < 2)
        rows, _ = gathering.buffer.sample(0)
        rms = train.get_obs_rms()
        seen[f"turn {turn}"] = {
            "rows": {key: rows[key] for key in ROW},
            "statistics": [np.asarray(rms.mean), np.asarray(rms.var), rms.count],
        }
    return seen


def scripted_collector(lib: Any, dice: Dice, envs: Any, space: gym.Space) -> Any:
    """Make a collector whose policy takes actions from a table, the same with every library."""
    count = len(envs)
    if isinstance(space, Discrete):
        table = dice.integers(0, 1, 200, count)
    else:
        table = dice.reals(-2, 2, 200, count, 1).astype(np.float32)

    class Scripted(lib.BasePolicy):
        step = 0

        def forward(self, batch: Any, state: Any = None, **kwargs: Any) -> Any:
            self.step += 1
            return lib.Batch(act=table[self.step - 1], state=None)

        def learn(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    policy = Scripted(action_space=space, action_bound_method=None)
    return lib.Collector(policy, envs, lib.VectorReplayBuffer(200 * count, count))
