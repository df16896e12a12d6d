"""The settings of a run: their ranges, and good ones for several environments."""

import math
from typing import Any

import pytest

from pg_edu.runs.config import Config, good_config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be a positive number, got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be a positive number, got nan"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"momentum": math.nan}, r"momentum must be in \[0, 1\), got nan"),
        ({"learning_rate_decay": 0.0}, r"learning_rate_decay must be in \(0, 1\], got 0.0"),
        ({"learning_rate_decay": math.nan}, "learning_rate_decay must be"),
        ({"max_seconds": -1.0}, "max_seconds must be a positive number"),
        ({"num_envs": 0}, "num_envs must be a whole number of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"max_env_steps": -5}, "max_env_steps must be"),
        ({"hidden_sizes": (64, 0)}, "hidden_sizes must be positive widths"),
        ({"discount_factor": 1.1}, r"discount_factor must be in \[0, 1\], got 1.1"),
        ({"discount_factor": math.nan}, r"discount_factor must be in \[0, 1\], got nan"),
        ({"action_bound_method": "fold"}, "action_bound_method must be"),
        ({"baseline": "mean"}, 'baseline must be "none" or "leave_one_out", got \'mean\''),
        ({"baseline": "leave_one_out", "batch_size": 64}, "batch_size must be None .*, got 64"),
        ({"target": math.nan}, "target must be a number, got nan"),
    ],
)
def test_a_setting_out_of_its_range_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**changes)


def test_pendulum_has_a_target_although_it_has_no_threshold() -> None:
    assert good_config("Pendulum-v1").target == -200.0


def test_changes_take_precedence_over_good_settings() -> None:
    assert good_config("Pendulum-v1", discount_factor=0.5).discount_factor == 0.5
