"""What a script for Tianshou v1.1.0 finds in pg_edu.tianshou.

Its import paths, what they say of names that pg_edu lacks, vector environments, descriptions of
spaces, and the scalars that v1.1.0 logs.
"""

import importlib
import pkgutil
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from parity.cases_script import moved_by_prefix
from parity.names import recorded

import pg_edu
from pg_edu import tianshou
from pg_edu.tianshou import (
    BaseLogger,
    DummyVectorEnv,
    LazyLogger,
    ShmemVectorEnv,
    SpaceInfo,
    SubprocVectorEnv,
    TensorboardLogger,
    VectorEnvNormObs,
    missing,
)
from pg_edu.tianshou.highlevel import logger as factory_module
from pg_edu.tianshou.highlevel.logger import LoggerFactoryDefault
from pg_edu.tianshou.utils.logger import tensorboard as logger_module

NAMES_OF_THE_ORIGINAL = recorded()
# The one name that means something else there: a deterministic actor.
NOT_OURS = {("utils.net.continuous", "Actor")}


def make_cartpole() -> gym.Env:
    return gym.make("CartPole-v1")


def core_modules() -> list[ModuleType]:
    """The flat modules of pg_edu, without the command line."""
    found = [module for module in pkgutil.iter_modules(pg_edu.__path__) if not module.ispkg]
    return [importlib.import_module(f"pg_edu.{m.name}") for m in found if m.name != "__main__"]


def moved_modules() -> dict[str, ModuleType]:
    """The modules of pg_edu.tianshou that v1.1.0 has too, by their path below the package."""
    found = pkgutil.walk_packages(tianshou.__path__, "pg_edu.tianshou.")
    paths = [module.name.removeprefix("pg_edu.tianshou.") for module in found]
    paths.remove("missing")
    return {"": tianshou} | {p: importlib.import_module(f"pg_edu.tianshou.{p}") for p in paths}


def our_names() -> dict[str, Any]:
    """The names of the core and those that only pg_edu.tianshou defines, with what they stand for.

    A name that several modules of the core have stands for the same object in all of them.
    """
    modules = [*core_modules(), *moved_modules().values()]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }


@pytest.mark.parametrize("path", NAMES_OF_THE_ORIGINAL)
def test_every_name_of_ours_is_found_where_the_original_has_it(path: str) -> None:
    """names.json lists what each module of v1.1.0 defines; `make parity` checks that list."""
    ours = our_names()
    names = [n for n in NAMES_OF_THE_ORIGINAL[path] if n in ours and (path, n) not in NOT_OURS]
    module = moved_modules()[path] if names else tianshou
    assert [name for name in names if getattr(module, name, None) is not ours[name]] == []


@pytest.mark.parametrize("path", moved_modules())
def test_no_module_claims_a_name_that_the_original_does_not_have_there(path: str) -> None:
    """Except for the package itself, from which pg_edu takes six names."""
    claimed = set(getattr(moved_modules()[path], "__all__", []))
    modules = {module.rpartition(".")[2] for module in NAMES_OF_THE_ORIGINAL}
    allowed = modules | set(NAMES_OF_THE_ORIGINAL[path])
    assert claimed <= (allowed if path else allowed | set(pg_edu.__all__))


def test_imports_move_by_their_prefix_and_give_the_objects_of_pg_edu() -> None:
    """tests/parity/original.py imports from Tianshou each name that its cases need."""
    original = Path(__file__).parents[1] / "parity" / "original.py"
    names: dict[str, Any] = {}
    exec(moved_by_prefix(original.read_text(encoding="utf-8")), names)
    assert all(names[name] is getattr(pg_edu, name) for name in names["__all__"])


def test_packages_are_reached_from_the_name_of_the_whole_package() -> None:
    """Scripts often write `import tianshou as ts` and then `ts.policy.PGPolicy`."""
    program = (
        "import pg_edu.tianshou as ts; ts.policy.PGPolicy; ts.data.Collector;"
        "ts.env.DummyVectorEnv; ts.trainer.OnpolicyTrainer; ts.utils.TensorboardLogger;"
        "ts.utils.net.common.Net; ts.utils.net.discrete.Actor; ts.utils.net.continuous.ActorProb"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("path", "name", "advice"),
    [
        ("data", "PrioritizedReplayBuffer", "VectorReplayBuffer"),
        ("data", "HERVectorReplayBuffer", "VectorReplayBuffer"),
        ("data", "CachedReplayBuffer", "VectorReplayBuffer"),
        ("data", "ReplayBufferManager", "VectorReplayBuffer"),
        ("data", "AsyncCollector", "SubprocVectorEnv"),
        ("data.buffer.vecbuf", "HERVectorReplayBuffer", "VectorReplayBuffer"),
        ("env", "RayVectorEnv", "--backend ray"),
        ("env", "BaseVectorEnv", "gymnasium.vector.VectorEnv"),
        ("env.venv_wrappers", "VectorEnvWrapper", "gymnasium.vector.VectorWrapper"),
        ("policy", "PPOPolicy", "Stable-Baselines3"),
        ("policy", "ImitationPolicy", "Stable-Baselines3"),
        ("policy", "RandomPolicy", "random=True"),
        ("trainer", "OffpolicyTrainer", "OnpolicyTrainer"),
        ("trainer.base", "BaseTrainer", "OnpolicyTrainer"),
        ("trainer", "test_episode", "n_episode"),
        ("utils", "WandbLogger", "add_scalar"),
        ("utils.statistics", "MovAvg", "deque"),
        ("utils.net.common", "ActorCritic", "no critic"),
        ("utils.net.continuous", "Actor", "deterministic.*ActorProb"),
        ("utils.net.continuous", "RecurrentActorProb", "ActorProb, with Recurrent"),
        ("utils.net.discrete", "Critic", "no critic"),
        ("", "exploration", "drawing its actions"),
    ],
)
def test_importing_a_name_that_is_missing_says_what_to_use_instead(
    path: str, name: str, advice: str
) -> None:
    assert name in NAMES_OF_THE_ORIGINAL[path]
    module = moved_modules()[path].__name__
    with pytest.raises(ImportError, match=f"{module} has no {name}.*{advice}"):
        exec(f"from {module} import {name}")


# Names that say nothing about Tianshou: loggers of Python's kind, type variables, constants.
WITHOUT_ADVICE = {"log", "logger", "T", "GYM_RESERVED_KEYS"}


@pytest.mark.parametrize("path", moved_modules())
def test_every_name_of_the_original_is_here_or_is_answered_with_advice(path: str) -> None:
    module = moved_modules()[path]
    for name in set(NAMES_OF_THE_ORIGINAL[path]) - WITHOUT_ADVICE - set(vars(module)):
        try:
            getattr(module, name)
        except ImportError as error:
            # TensorBoard's class is imported only where it is asked for.
            assert f"has no {name}. " in str(error) or name == "SummaryWriter"


@pytest.mark.parametrize("path", sorted(NAMES_OF_THE_ORIGINAL.keys() - moved_modules().keys()))
def test_every_module_of_the_original_is_here_or_is_answered_with_advice(path: str) -> None:
    """Python looks for the packages of a path first, so the message may name one of these."""
    with pytest.raises(
        ImportError, match=r"pg_edu.tianshou has no module ([\w.]+)\. \w.*\.$"
    ) as info:
        importlib.import_module(f"pg_edu.tianshou.{path}")
    assert path.startswith(str(info.value).split()[4].rstrip("."))


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("from pg_edu.tianshou.trainer import onpolicy_trainer", r"OnpolicyTrainer\(policy=policy"),
        ("from pg_edu.tianshou.trainer import onpolicy_trainer_iter", "for epoch_stats in Onpoli"),
        ("from pg_edu.tianshou.trainer import offpolicy_trainer", r"OnpolicyTrainer\(policy=..."),
        ("from pg_edu.tianshou.trainer.onpolicy import onpolicy_trainer", "OnpolicyTrainer"),
        ("from pg_edu.tianshou.utils import BasicLogger", r"TensorboardLogger\(writer\)"),
        ("from pg_edu.tianshou.utils.log_tools import BasicLogger", "TensorboardLogger"),
        ("from pg_edu.tianshou.env import VectorEnv", r"DummyVectorEnv\(env_fns\)"),
        ("from pg_edu.tianshou.data import ListReplayBuffer", "VectorReplayBuffer"),
        ("from pg_edu.tianshou.algorithm import Reinforce", "Tianshou 2 calls PGPolicy Reinforce"),
        ("import pg_edu.tianshou.algorithm.modelfree.reinforce", "Tianshou 2 calls PGPolicy"),
        ("import pg_edu as ts; ts.env.DummyVectorEnv", "import pg_edu.tianshou as ts"),
        ("import pg_edu as ts; ts.policy.PGPolicy", "import pg_edu.tianshou as ts"),
        ("from pg_edu.data import Collector", "from pg_edu.tianshou.data import"),
    ],
)
def test_names_of_other_versions_say_what_they_are_called_now(line: str, advice: str) -> None:
    """0.2 to 0.5 had functions as trainers; Tianshou 2 renamed the policy."""
    with pytest.raises(ImportError, match=advice):
        exec(line)


@pytest.mark.parametrize("module", ["pg_edu.tianshou.pond", "pg_edu.pond", "pg_edu.tianshou.e"])
def test_a_module_that_neither_library_has_is_the_usual_import_error(module: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"No module named '{module}'"):
        importlib.import_module(module)


def test_importing_a_name_that_neither_library_has_is_the_usual_import_error() -> None:
    with pytest.raises(ImportError, match="cannot import name 'PondEnv'"):
        exec("from pg_edu.tianshou.env import PondEnv")
    assert not hasattr(tianshou.env, "PondEnv")
    assert not hasattr(pg_edu, "pond")


@pytest.mark.parametrize("module", ["policy.randomness", "utils.loggings", "exploration2"])
def test_a_module_whose_name_only_begins_like_a_missing_one_is_not_there(module: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"No module named 'pg_edu.tianshou.{module}'"):
        importlib.import_module(f"pg_edu.tianshou.{module}")


@pytest.mark.parametrize("name", ["data", "env", "policy", "utils", "highlevel"])
def test_a_package_that_is_one_level_down_is_named(name: str) -> None:
    assert importlib.import_module(f"pg_edu.tianshou.{name}")
    with pytest.raises(ImportError, match=rf"from pg_edu\.tianshou\.{name} import"):
        importlib.import_module(f"pg_edu.{name}")


def test_the_advice_of_a_module_takes_the_place_of_the_general_one() -> None:
    general, special = missing.explain_missing("m"), missing.explain_missing("m", {"VAE": "Rest."})
    for explain, says in ((general, r"m has no VAE\. Use Net"), (special, r"m has no VAE\. Rest")):
        with pytest.raises(ImportError, match=says):
            explain("VAE")


def test_the_finder_is_installed_once_and_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    missing.install_finder()
    assert sys.meta_path.count(missing.Finder) == 1


@pytest.mark.parametrize(
    ("make_vector", "kind"),
    [
        (DummyVectorEnv, SyncVectorEnv),
        (SubprocVectorEnv, AsyncVectorEnv),
        (ShmemVectorEnv, AsyncVectorEnv),
    ],
)
def test_environment_i_is_seeded_with_s_plus_i(make_vector: Any, kind: type) -> None:
    """After seed(s) a further reset() draws what gym.make(...) draws after reset(seed=s + i)."""
    envs = make_vector([make_cartpole] * 3)
    assert issubclass(type(envs), kind)
    assert len(envs) == 3
    assert envs.seed(5) == [5, 6, 7]
    obs, _ = envs.reset()
    envs.close()
    for i in range(3):
        env = make_cartpole()
        env.reset(seed=5 + i)
        assert obs[i].tolist() == env.reset()[0].tolist()


def test_a_seed_also_determines_random_actions() -> None:
    envs = DummyVectorEnv([make_cartpole] * 8)
    envs.seed(5)
    first = envs.action_space.sample().tolist()
    envs.action_space.sample()
    envs.seed(5)
    assert envs.action_space.sample().tolist() == first


def test_a_list_of_seeds_seeds_one_environment_each() -> None:
    envs = DummyVectorEnv([make_cartpole] * 2)
    assert envs.seed([7, 3]) == [7, 3]
    obs, _ = envs.reset()
    for row, seed in zip(obs, (7, 3), strict=True):
        env = make_cartpole()
        env.reset(seed=seed)
        assert row.tolist() == env.reset()[0].tolist()


def test_seed_without_a_number_only_resets_the_environments() -> None:
    assert DummyVectorEnv([make_cartpole] * 2).seed() == [None, None]


def test_the_first_seed_of_a_list_seeds_random_actions() -> None:
    """As one number does, environment 0 being seeded with it either way."""
    drawn = []
    for seed in (7, [7, 3], [7, 8]):
        envs = DummyVectorEnv([make_cartpole] * 2)
        envs.seed(seed)
        drawn.append([envs.action_space.sample().tolist() for _ in range(20)])
    assert drawn[0] == drawn[1] == drawn[2]


def test_processes_share_memory_unless_told_otherwise() -> None:
    """The observations are the same; what is given is what Gymnasium gets."""
    makers = [make_cartpole] * 2
    shared, separate = SubprocVectorEnv(makers), SubprocVectorEnv(makers, share_memory=False)
    shmem = ShmemVectorEnv(makers)
    vectors = (shared, separate, shmem)
    assert [envs.shared_memory for envs in vectors] == [True, False, True]
    first, *others = [envs.reset(seed=3)[0].tolist() for envs in vectors]
    assert others == [first, first]
    for envs in vectors:
        envs.close()


def test_the_way_to_start_processes_is_handed_on() -> None:
    envs = SubprocVectorEnv([make_cartpole], context="fork")
    assert envs.context == "fork"
    envs.close()


def test_environments_reset_in_the_step_that_ends_an_episode() -> None:
    """In SAME_STEP mode `info` holds the final observation, and the next first one is returned."""
    envs = DummyVectorEnv([make_cartpole])
    assert envs.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    envs.seed(0)
    terminated = np.array([False])
    while not terminated[0]:
        obs, _, terminated, _, info = envs.step(np.array([0]))
    assert abs(info["final_obs"][0][2]) > 0.2  # the pole has fallen
    assert abs(obs[0][2]) < 0.05


def test_attributes_are_read_from_all_environments_or_from_those_named() -> None:
    envs = DummyVectorEnv([partial(gym.make, "CartPole-v1", max_episode_steps=n) for n in (5, 6)])
    spec = [spec.max_episode_steps for spec in envs.get_env_attr("spec")]
    assert (spec, envs.env_num) == ([5, 6], 2)
    assert [s.max_episode_steps for s in envs.get_env_attr("spec", 1)] == [6]
    assert [s.max_episode_steps for s in envs.get_env_attr("spec", 0)] == [5]
    assert envs.get_env_attr("spec", []) == []
    assert [s.max_episode_steps for s in envs.get_env_attr("spec", [1, 0])] == [6, 5]


def test_an_environment_of_the_old_gym_is_refused_with_the_import_that_mends_it() -> None:
    """Scripts for 0.4 and 0.5 say `import gym`; its classes are in modules named gym."""
    old_base = type("Env", (), {"__module__": "gym.core"})
    old_env = type("Pond", (old_base,), {"__module__": "my_envs"})
    with pytest.raises(TypeError, match=r"env_fns\[1\] makes a Pond.*gymnasium as gym"):
        DummyVectorEnv([make_cartpole, old_env])
    with pytest.raises(TypeError, match="old gym"):
        SubprocVectorEnv([old_env])


def test_an_environment_in_place_of_a_function_is_refused() -> None:
    with pytest.raises(TypeError, match=r"env_fns\[0\] is .*CartPole.*lambda: gym.make"):
        DummyVectorEnv([make_cartpole()])  # type: ignore[list-item]


@pytest.mark.parametrize("argument", [{"wait_num": 1}, {"timeout": 0.1}])
@pytest.mark.parametrize("make_vector", [DummyVectorEnv, SubprocVectorEnv, ShmemVectorEnv])
def test_asynchronous_stepping_is_refused(make_vector: Any, argument: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"all environments step together.*SubprocVectorEnv"):
        make_vector([make_cartpole], **argument)


def test_space_info_of_cartpole() -> None:
    info = SpaceInfo.from_env(make_cartpole())
    assert info.observation_info.obs_shape == (4,)
    assert info.observation_info.obs_dim == 4
    assert (info.action_info.action_shape, info.action_info.action_dim) == (2, 2)
    assert (info.action_info.min_action, info.action_info.max_action) == (0.0, 1.0)


def test_space_info_of_box_actions_and_discrete_observations() -> None:
    low = np.array([[-1.0, -3.0, -1.0]] * 2, np.float32)
    high = np.array([[1.0, 1.0, 5.0]] * 2, np.float32)
    box = Box(low, high)
    info = SpaceInfo.from_spaces(box, Discrete(5))
    assert (info.action_info.action_shape, info.action_info.action_dim) == ((2, 3), 6)
    assert (info.action_info.min_action, info.action_info.max_action) == (-3.0, 5.0)
    assert (info.observation_info.obs_shape, info.observation_info.obs_dim) == (5, 5)


def test_space_info_of_discrete_actions_that_do_not_start_at_0() -> None:
    info = SpaceInfo.from_spaces(Discrete(3, start=-1), Discrete(5)).action_info
    assert (info.action_shape, info.min_action, info.max_action) == (3, -1.0, 1.0)


def test_space_info_of_a_vector_describes_one_environment() -> None:
    one = SpaceInfo.from_env(make_cartpole())
    envs = DummyVectorEnv([make_cartpole] * 2)
    assert SpaceInfo.from_env(envs) == SpaceInfo.from_env(VectorEnvNormObs(envs)) == one


def test_the_sizes_of_an_image_are_multiplied() -> None:
    info = SpaceInfo.from_spaces(Discrete(2), Box(0, 1, (4, 3, 5)))
    assert (info.observation_info.obs_shape, info.observation_info.obs_dim) == ((4, 3, 5), 60)


@pytest.mark.parametrize(
    "spaces", [(MultiDiscrete([2, 2]), Discrete(2)), (Discrete(2), MultiDiscrete([2, 2]))]
)
def test_space_info_refuses_other_spaces(spaces: Any) -> None:
    with pytest.raises(ValueError, match=r"MultiDiscrete\(\[2 2\]\)"):
        SpaceInfo.from_spaces(*spaces)


class Recorder:
    """A writer that records what it is told."""

    def __init__(self) -> None:
        self.scalars: list[tuple[str, Any, int]] = []
        self.flushed = 0
        self.closed = False

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int) -> None:
        self.scalars.append((tag, scalar_value, global_step))

    def flush(self) -> None:
        self.flushed = len(self.scalars)

    def close(self) -> None:
        self.closed = True


def test_the_scalars_of_training_are_those_of_v1_1_0() -> None:
    """Recorded from Tianshou v1.1.0: nested names, no arrays, an entry every 100 transitions."""
    writer = Recorder()
    logger = TensorboardLogger(writer, train_interval=100)
    data = {
        "n_collected_steps": 64,
        "returns": np.ones(3),
        "returns_stat": {"mean": 1.5, "std": 0.5},
        "lens_stat": None,
    }
    for step in (64, 128, 192, 256):
        logger.log_train_data(data, step)
    assert writer.scalars == [
        ("train/env_step", 128, 128),
        ("train/n_collected_steps", 64, 128),
        ("train/returns_stat/mean", 1.5, 128),
        ("train/returns_stat/std", 0.5, 128),
        ("train/env_step", 256, 256),
        ("train/n_collected_steps", 64, 256),
        ("train/returns_stat/mean", 1.5, 256),
        ("train/returns_stat/std", 0.5, 256),
    ]


def test_the_scalars_of_tests_updates_and_epochs_are_those_of_v1_1_0() -> None:
    """Recorded from Tianshou v1.1.0, TensorboardLogger(writer, update_interval=10)."""
    writer = Recorder()
    logger = TensorboardLogger(writer, update_interval=10)
    for mean, step in ((2.0, 0), (2.0, 0), (3.0, 256)):
        logger.log_test_data({"returns_stat": {"mean": mean}}, step)
    for step in (2, 8, 9, 18):
        logger.log_update_data({"smoothed_loss": {"loss": -1.5}, "name": "x"}, step)
    logger.log_info_data({"timing": {"total_time": 9.0}}, 1)
    assert writer.scalars == [
        ("test/env_step", 0, 0),
        ("test/returns_stat/mean", 2.0, 0),
        ("test/env_step", 256, 256),
        ("test/returns_stat/mean", 3.0, 256),
        ("update/gradient_step", 9, 9),
        ("update/smoothed_loss/loss", -1.5, 9),
        ("info/epoch", 1, 1),
        ("info/timing/total_time", 9.0, 1),
    ]


def test_checkpoints_are_saved_at_their_interval_and_the_last_one_is_remembered() -> None:
    """Recorded from Tianshou v1.1.0: with save_interval=2, after epochs 1 and 3."""
    writer = Recorder()
    logger = TensorboardLogger(writer, save_interval=2)
    saved: list[tuple[int, int, int]] = []
    assert logger.restore_data() == (0, 0, 0)
    for epoch in (1, 2, 3, 4):
        logger.save_data(epoch, 100 * epoch, 10 * epoch, lambda *where: saved.append(where))
    assert saved == [(1, 100, 10), (3, 300, 30)]
    assert logger.restore_data() == (3, 300, 30)
    assert writer.scalars[3:] == [
        ("save/epoch", 3, 3),
        ("save/env_step", 300, 300),
        ("save/gradient_step", 30, 30),
    ]


def test_scalars_are_flushed_at_once_and_the_writer_is_closed_at_the_end() -> None:
    writer = Recorder()
    logger = TensorboardLogger(writer)
    logger.log_info_data({"best_reward": 1.0}, 1)
    assert writer.flushed == 2
    assert not writer.closed
    logger.finalize()
    assert writer.closed


def test_scalars_are_not_flushed_without_write_flush() -> None:
    writer = Recorder()
    TensorboardLogger(writer, write_flush=False).log_info_data({"best_reward": 1.0}, 1)
    assert (len(writer.scalars), writer.flushed) == (2, 0)


def test_names_are_joined_by_the_delimiter_and_arrays_are_kept_on_demand() -> None:
    flat = LazyLogger().prepare_dict_for_logging(
        {"a": {"b": np.float32(1.0), "c": "text"}, "d": np.ones(2)},
        delimiter=".",
        exclude_arrays=False,
    )
    assert list(flat) == ["a.b", "d"]


def test_lazy_logger_still_saves_every_checkpoint() -> None:
    saved: list[tuple[int, int, int]] = []
    logger = LazyLogger()
    for epoch in (1, 2):
        logger.save_data(epoch, 10, 20, lambda *where: saved.append(where))
    logger.log_train_data({"mean": 1.0}, 10_000)
    logger.finalize()
    assert saved == [(1, 10, 20), (2, 10, 20)]


def test_a_writer_that_cannot_write_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match=r"'log'.*TensorboardLogger\(SummaryWriter\(log_dir\)\)"):
        TensorboardLogger("log")  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["add_scalar", "flush", "close"])
def test_a_writer_that_lacks_one_method_is_refused_at_once(method: str) -> None:
    methods = dict.fromkeys({"add_scalar", "flush", "close"} - {method}, print)
    with pytest.raises(TypeError, match="lacks add_scalar, flush or close"):
        TensorboardLogger(type("Writer", (), methods)())


def test_a_missing_tensorboard_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(logger_module, "find_spec", lambda name: None)
    command = "pip install tensorboard"
    with pytest.raises(ImportError, match=command):
        exec("from pg_edu.tianshou.utils.logger.tensorboard import SummaryWriter")
    with pytest.raises(ImportError, match=command):
        LoggerFactoryDefault().create_logger(str(tmp_path))
    with pytest.raises(ImportError, match=command):
        TensorboardLogger.restore_logged_data(str(tmp_path))


def test_the_factory_of_loggers_refuses_what_is_not_tensorboard() -> None:
    factory = LoggerFactoryDefault()
    factory.logger_type = "wandb"
    with pytest.raises(ValueError, match=r"'wandb'.*let its add_scalar call wandb.log"):
        factory.create_logger("log", "name", None)


def test_the_factory_makes_a_logger_with_the_default_intervals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A class that keeps its folder and its texts stands for SummaryWriter."""

    class Folder(Recorder):
        def __init__(self, log_dir: str) -> None:
            super().__init__()
            self.log_dir, self.texts = log_dir, list[tuple[str, str]]()

        def add_text(self, tag: str, text: str) -> None:
            self.texts.append((tag, text))

    monkeypatch.setattr(factory_module, "summary_writer_class", lambda: Folder)
    logger = LoggerFactoryDefault().create_logger("runs/1", "name", "id", {"lr": 0.1})
    writer: Any = logger.writer
    assert writer.log_dir == "runs/1"
    assert writer.texts == [("args", "{'log_dir': 'runs/1', 'logger_type': 'tensorboard'}")]
    default = TensorboardLogger(Recorder())
    names = [name for name in vars(default) if name.endswith(("_interval", "_flush"))]
    assert len(names) == 6
    assert [getattr(logger, name) for name in names] == [getattr(default, name) for name in names]


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="TensorBoard is not installed")
def test_what_tensorboard_logged_is_restored(tmp_path: Path) -> None:
    """Recorded from Tianshou v1.1.0, which returns the same nested dict of arrays."""
    logger = LoggerFactoryDefault().create_logger(str(tmp_path))
    for step in (0, 1000):
        logger.log_train_data({"returns_stat": {"mean": step / 4}}, step)
    logger.finalize()
    restored = TensorboardLogger.restore_logged_data(str(tmp_path))["train"]
    assert restored["returns_stat"]["mean"].tolist() == [250.0]
    assert restored["env_step"].tolist() == [1000.0]


def test_a_subclass_of_base_logger_defines_only_where_to_write() -> None:
    class Remembering(BaseLogger):
        def write(self, step_type: str, step: int, data: dict[str, Any]) -> None:
            self.last = (step_type, step, data)

    logger = Remembering()
    logger.log_test_data({"returns_stat": {"mean": 2.0}}, 7)
    with pytest.raises(NotImplementedError, match="TensorboardLogger can"):
        logger.restore_logged_data("log")
    assert logger.last == ("test/env_step", 7, {"returns_stat/mean": 2.0})
