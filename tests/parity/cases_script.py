"""Whole scripts for Tianshou 1.1: with the original they run as they are, with pg_edu moved."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from parity.dice import Dice, area

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "src" / "11_where_next.md"


def script() -> str:
    """Return the text of the script for Tianshou 1.1 that notebook 11 moves."""
    source = NOTEBOOK.read_text(encoding="utf-8")
    (text,) = re.findall(r'^script = """(.*?)^"""', source, re.DOTALL | re.MULTILINE)
    return text


def moved_by_prefix(text: str) -> str:
    """Return a script that imports from pg_edu.tianshou what it imported from tianshou."""
    return re.sub(r"^(from|import) tianshou\b", r"\1 pg_edu.tianshou", text, flags=re.MULTILINE)


def moved_flat(text: str) -> str:
    """Return a script that imports from pg_edu itself what it imported from tianshou's modules."""
    return re.sub(r"from tianshou\S* import", "from pg_edu import", text)


@area(cases=3, recorded=1)
def moved_script(lib: Any, dice: Dice) -> dict[str, Any]:
    """The script of notebook 11, from its imports to the weights that it ends with."""
    text = script().replace("manual_seed(0)", f"manual_seed({dice.integer(0, 999)})")
    names = run(moved_flat(text) if lib.__name__ == "pg_edu" else text)
    return {"steps": names["trainer"].env_step, "drawn": weights_and_generators(names)}


# It iterates over the trainer, because the `run()` of v1.1.0 resets the environments twice.
LONG_SCRIPT = """
import gymnasium as gym
import numpy as np
import tianshou as ts
import torch
from tianshou.data.utils.converter import to_torch_as
from tianshou.policy.modelfree.pg import PGPolicy
from tianshou.utils.lr_scheduler import MultipleLRSchedulers
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import ActorProb
from tianshou.utils.space_info import SpaceInfo
from torch.distributions import Independent, Normal


class Tags:
    def __init__(self):
        self.tags = []

    def add_scalar(self, tag, scalar_value, global_step):
        self.tags.append(tag)

    def flush(self):
        pass

    def close(self):
        pass


class Scaled(PGPolicy):
    def process_fn(self, batch, buffer, indices):
        batch = super().process_fn(batch, buffer, indices)
        batch.returns = to_torch_as(batch.returns, torch.zeros(1)) / 10
        return batch


torch.manual_seed(0)
np.random.seed(0)
env = gym.make("Pendulum-v1")
info = SpaceInfo.from_env(env)
envs = ts.env.DummyVectorEnv(
    [lambda: gym.make("Pendulum-v1", max_episode_steps=25) for _ in range(4)]
)
envs.seed(0)
net = Net(info.observation_info.obs_shape, hidden_sizes=[16])
actor = ActorProb(net, info.action_info.action_shape, unbounded=True)
optim = torch.optim.Adam(actor.parameters(), lr=0.01)
policy = Scaled(
    actor=actor,
    optim=optim,
    dist_fn=lambda loc_scale: Independent(Normal(*loc_scale), 1),
    action_space=env.action_space,
    lr_scheduler=MultipleLRSchedulers(torch.optim.lr_scheduler.ExponentialLR(optim, 0.9)),
)
assert isinstance(policy, ts.policy.BasePolicy)
writer = Tags()
buffer = ts.data.VectorReplayBuffer(total_size=400, buffer_num=4)
trainer = ts.trainer.OnpolicyTrainer(
    policy=policy,
    train_collector=ts.data.Collector(policy, envs, buffer),
    test_collector=None,
    max_epoch=2,
    step_per_epoch=400,
    step_per_collect=200,
    repeat_per_collect=2,
    episode_per_test=1,
    batch_size=64,
    logger=ts.utils.TensorboardLogger(writer, train_interval=1, update_interval=1),
    verbose=False,
    show_progress=False,
)
for epoch in trainer:
    info_stats = epoch.info_stat
"""


@area(cases=3, recorded=1)
def script_moved_by_prefix(lib: Any, dice: Dice) -> dict[str, Any]:
    """A script that imports from the modules where v1.1.0 defines its names."""
    text = LONG_SCRIPT.replace("seed(0)", f"seed({dice.integer(0, 999)})")
    names = run(moved_by_prefix(text) if lib.__name__ == "pg_edu" else text)
    return {
        "train_step": int(names["info_stats"].train_step),
        "train_episode": int(names["info_stats"].train_episode),
        "tags": names["writer"].tags,
        "learning rate": names["optim"].param_groups[0]["lr"],
        "drawn": weights_and_generators(names),
    }


def run(text: str) -> dict[str, Any]:
    """Run a script without its output, and return its global names."""
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(text, names)
    return names


def weights_and_generators(names: dict[str, Any]) -> dict[str, Any]:
    """Return the weights that a script ends with, and what is drawn next."""
    return {
        "weights": names["actor"].state_dict(),
        "generators": [torch.rand(2), np.random.random_sample(2)],
    }
