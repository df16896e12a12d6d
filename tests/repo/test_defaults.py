"""The defaults of arguments: those of Tianshou v1.1.0, or else the documented ones."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

import pg_edu
from pg_edu import returns
from pg_edu.base_policy import BasePolicy
from pg_edu.course import check
from pg_edu.course.records import Exercise
from pg_edu.figures import animation, before_after, record_episode
from pg_edu.lab.exact import estimators
from pg_edu.lab.exact.agent import pgpolicy_step
from pg_edu.lab.exact.budget import Settings, budget
from pg_edu.lab.exact.judge import gaussian_expectation
from pg_edu.lab.exact.laws import laws, sampled_laws, with_return_shift
from pg_edu.lab.exact.mdp import MDP, Episode
from pg_edu.lab.exact.tasks import contexts, invest, stop_or_go
from pg_edu.lab.probes import probe
from pg_edu.runs.config import Config
from pg_edu.runs.intervals import bootstrap_interval, interquartile_mean, t_interval
from pg_edu.runs.sweep import sweep
from pg_edu.runs.training import evaluate, train
from pg_edu.trainer import collect_and_update

INTERVALS = {"train_interval": 1000, "test_interval": 1, "update_interval": 1000}

TIANSHOU: dict[Any, dict[str, Any]] = {
    pg_edu.PGPolicy: {
        "discount_factor": 0.99,
        "reward_normalization": False,
        "deterministic_eval": False,
        "observation_space": None,
        "action_scaling": True,
        "action_bound_method": "clip",
        "lr_scheduler": None,
    },
    BasePolicy: {
        "observation_space": None,
        "action_scaling": False,
        "action_bound_method": "clip",
        "lr_scheduler": None,
    },
    BasePolicy.compute_action: {"info": None, "state": None},
    BasePolicy.compute_episodic_return: {
        "v_s_": None,
        "v_s": None,
        "gamma": 0.99,
        "gae_lambda": 0.95,
    },
    BasePolicy.compute_nstep_return: {"gamma": 0.99, "n_step": 1, "rew_norm": False},
    pg_edu.torch_train_mode: {"enabled": True},
    pg_edu.policy_within_training_step: {"enabled": True},
    pg_edu.Batch: {"batch_dict": None, "copy": False},
    pg_edu.Batch.split: {"shuffle": True, "merge_last": False},
    pg_edu.Batch.stack: {"axis": 0},
    pg_edu.Batch.to_torch: {"dtype": None, "device": "cpu"},
    pg_edu.Batch.to_torch_: {"dtype": None, "device": "cpu"},
    pg_edu.to_torch: {"dtype": None, "device": "cpu"},
    pg_edu.ReplayBuffer.add: {"buffer_ids": None},
    pg_edu.VectorReplayBuffer.add: {"buffer_ids": None},
    pg_edu.ReplayBuffer.reset: {"keep_statistics": False},
    pg_edu.Collector: {"buffer": None, "exploration_noise": False},
    pg_edu.Collector.reset: {
        "reset_buffer": True,
        "reset_stats": True,
        "gym_reset_kwargs": None,
    },
    pg_edu.Collector.reset_env: {"gym_reset_kwargs": None},
    pg_edu.Collector.reset_buffer: {"keep_statistics": False},
    pg_edu.Collector.collect: {
        "n_step": None,
        "n_episode": None,
        "random": False,
        "render": None,
        "reset_before_collect": False,
        "gym_reset_kwargs": None,
    },
    pg_edu.MLP: {"output_dim": 0, "hidden_sizes": (), "activation": nn.ReLU, "device": None},
    pg_edu.Net: {"action_shape": 0, "hidden_sizes": (), "activation": nn.ReLU, "softmax": False},
    pg_edu.Actor: {"hidden_sizes": (), "softmax_output": True, "preprocess_net_output_dim": None},
    pg_edu.ActorProb: {
        "hidden_sizes": (),
        "max_action": 1.0,
        "unbounded": False,
        "conditioned_sigma": False,
        "preprocess_net_output_dim": None,
    },
    pg_edu.RunningMeanStd: {"mean": 0.0, "std": 1.0, "clip_max": 10.0, "epsilon": 2.0**-23},
    pg_edu.TrainingStats: {"train_time": 0.0},
    pg_edu.TrainingStats.pprint_asdict: {"exclude_fields": None, "indent": 4},
    pg_edu.TrainingStats.pprints_asdict: {"exclude_fields": None, "indent": 4},
    pg_edu.OnpolicyTrainer: {
        "test_collector": None,
        "episode_per_test": None,
        "step_per_collect": None,
        "episode_per_collect": None,
        "train_fn": None,
        "test_fn": None,
        "stop_fn": None,
        "save_best_fn": None,
        "save_checkpoint_fn": None,
        "verbose": True,
        "show_progress": True,
        "test_in_train": True,
        "reward_metric": None,
        "resume_from_log": False,
        "buffer": None,
    },
    pg_edu.LazyLogger: INTERVALS | {"info_interval": 1},
    pg_edu.TensorboardLogger: INTERVALS
    | {"info_interval": 1, "save_interval": 1, "write_flush": True},
}

DOCUMENTED: dict[Any, dict[str, Any]] = {
    returns.discounted_returns: {"bootstrap": 0.0},
    collect_and_update: {"n_step": None, "n_episode": None, "batch_size": None, "repeat": 1},
    Config: {
        "env_id": "CartPole-v1",
        "target": None,
        "learning_rate": 0.01,
        "momentum": 0.9,
        "learning_rate_decay": 1.0,
        "discount_factor": 0.99,
        "baseline": "none",
        "reward_normalization": True,
        "num_envs": 16,
        "episodes_per_env": 1,
        "hidden_sizes": (64, 64),
        "action_bound_method": "clip",
        "batch_size": None,
        "repeat": 1,
        "max_env_steps": 2_000_000,
        "max_updates": None,
        "max_seconds": None,
        "max_episode_steps": None,
        "device": "cpu",
    },
    train: {"seed": 0, "config": None, "resume": None, "on_iteration": None},
    evaluate: {"episodes": 100, "seed": 0},
    sweep: {"workers": None, "backend": "processes", "on_outcome": None},
    interquartile_mean: {"axis": -1},
    t_interval: {"confidence": 0.95},
    bootstrap_interval: {"confidence": 0.95, "resamples": 9999, "seed": 0},
    estimators.reward_to_go: {"gamma": 1.0},
    estimators.total_return: {"gamma": 1.0},
    gaussian_expectation: {"mean": 0.0, "std": 1.0, "kinks": ()},
    laws: {"sizes": (1, 2, 3), "gamma": 1.0, "tolerance": 1e-6},
    sampled_laws: {
        "sizes": (1, 2, 4),
        "gamma": 1.0,
        "replications": 1000,
        "error_rate": 0.01,
    },
    with_return_shift: {"gamma": 1.0},
    pgpolicy_step: {"discount_factor": 1.0, "batch_size": None, "repeat": 1, "remember": False},
    Settings: {
        "gamma": 1.0,
        "episodes": 1,
        "window": None,
        "divide_by": None,
        "normalizer": None,
        "baseline": None,
    },
    budget: {"objective": "undiscounted"},
    MDP: {"gamma": 1.0, "observation": None, "limit": None},
    Episode: {"terminated": True, "truncated": False},
    MDP.gradient: {"objective": "discounted"},
    MDP.J: {"objective": "discounted"},
    MDP.q: {"objective": "discounted"},
    MDP.value: {"objective": "discounted"},
    MDP.occupancy: {"objective": "discounted"},
    MDP.batches: {"symmetric": False},
    MDP.windows: {"first": None},
    contexts: {"probability": (0.7, 0.3)},
    stop_or_go: {"p_stop": 0.5},
    invest: {"limit": None},
    probe: {"updates": 100, "seed": 0},
    Exercise: {"cases": (), "points": 1, "tolerance": 1e-5},
    check: {"strict": False},
    record_episode: {"max_steps": 1000},
    before_after: {"captions": ("before training", "after training"), "max_frames": 60},
    animation: {"path": None, "frame_ms": 60, "hold_ms": 1500, "max_frames": 60},
}


def defaults_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the default of each argument that has one."""
    if dataclasses.is_dataclass(function):
        return {field.name: field.default for field in dataclasses.fields(function)}
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


@pytest.mark.parametrize("function", TIANSHOU, ids=lambda function: function.__qualname__)
def test_the_default_of_an_argument_is_that_of_tianshou_v1_1_0(function: Any) -> None:
    found = defaults_of(function)
    assert {name: found.get(name, "none at all") for name in TIANSHOU[function]} == (
        TIANSHOU[function]
    )


@pytest.mark.parametrize("function", DOCUMENTED, ids=lambda function: function.__qualname__)
def test_the_default_of_an_argument_is_the_documented_one(function: Any) -> None:
    found = defaults_of(function)
    assert {name: found.get(name, "none at all") for name in DOCUMENTED[function]} == (
        DOCUMENTED[function]
    )
