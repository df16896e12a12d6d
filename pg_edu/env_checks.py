"""Say what is wrong with environments, and which of them it is.

A vector environment reports an error without saying which of its environments raised it. A
collector that is given the same environment twice, or environments that something else steps too,
would store rows that belong to no episode.
"""

import warnings
from multiprocessing import connection
from traceback import walk_tb
from typing import Any, ClassVar, Literal, NoReturn
from weakref import WeakValueDictionary

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from gymnasium.vector import VectorEnv

from pg_edu.types import AnyArray

AnyVectorEnv = VectorEnv[Any, Any, Any]


class Claim:
    """The claim of one collector to environments, which shows whether others have used them.

    Args:
        env: the vector environment.
    """

    _last: ClassVar["WeakValueDictionary[int, Claim]"] = (
        WeakValueDictionary()
    )  # by the id of environments

    def __init__(self, env: AnyVectorEnv) -> None:
        self._base = env.unwrapped
        self._left: list[AnyArray] = []

    def leave(self) -> None:
        """Remember the environments as they are now."""
        self._last[id(self._base)] = self
        self._left = _traces(self._base)

    def is_broken(self) -> bool:
        """Tell whether the environments were reset or stepped since `leave`, as far as they show.

        Another collector is always noticed.
        """
        now = _traces(self._base)
        by_another = self._last.get(id(self._base)) is not self
        return by_another or not all(map(_equal, self._left, now))


def _traces(base: Any) -> list[AnyArray]:
    """Return copies of what Gymnasium's vector environments show of their states."""
    held = [getattr(base, name, None) for name in ("_observations", "observations", "state")]
    return [np.array(leaf) for value in held for leaf in _arrays(value)]


def _arrays(value: Any) -> list[AnyArray]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _arrays(inner)]
    return [value] if isinstance(value, np.ndarray) and value.dtype != object else []


def _equal(a: AnyArray, b: AnyArray) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")


def warn_if_one_is_in_several_slots(env: AnyVectorEnv) -> None:
    """Warn about a vector environment that holds one environment object several times."""
    objects = [getattr(one, "unwrapped", one) for one in getattr(env.unwrapped, "envs", ())]
    slots: dict[int, list[int]] = {}
    for number, one in enumerate(objects):
        slots.setdefault(id(one), []).append(number)
    for numbers in slots.values():
        if len(numbers) > 1:
            warnings.warn(
                f"environments {', '.join(map(str, numbers))} are one object, so each step of one "
                "is a step of all, and a reset cuts off the others' episodes. Make a new one in "
                "each slot: SyncVectorEnv([make] * n) with a function `make` that creates it.",
                stacklevel=3,
            )


def check_observations(obs: Any, env: AnyVectorEnv) -> None:
    """Require observations that are numeric arrays, or dicts of them."""
    if isinstance(obs, dict):
        for inner in obs.values():
            check_observations(inner, env)
    elif not isinstance(obs, np.ndarray) or obs.dtype.kind not in "biufc":
        raise ValueError(
            "observations must be numeric arrays or dicts of them, got a "
            f"{type(obs).__name__}.{_advice_for(env.single_observation_space)}"
        )


def without_nan(obs: Any, where: AnyArray) -> Any:
    """Return observations with 0 in place of NaN in the rows `where`, bool [N].

    Example:
        >>> without_nan(np.array([np.nan, np.nan, 1.0]), np.array([True, False, True]))
        array([ 0., nan,  1.])
    """
    if isinstance(obs, dict):
        return {key: without_nan(inner, where) for key, inner in obs.items()}
    if obs.dtype.kind != "f" or not np.count_nonzero(np.isnan(obs)):
        return obs
    return np.where(np.isnan(obs) & where.reshape(-1, *[1] * (obs.ndim - 1)), 0, obs)


def _advice_for(space: Any) -> str:
    """Return a sentence about the wrapper that helps if observations are not arrays."""
    if isinstance(space, Box | Discrete | MultiBinary | MultiDiscrete):
        return ""
    wrapper = "FlattenObservation, which makes a Box of it"
    if not getattr(space, "is_np_flattenable", True):
        wrapper = "TransformObservation, with a function that returns an array of fixed shape"
    return (
        f" The observation space is {space}: wrap each environment in gymnasium.wrappers.{wrapper}."
    )


def final_observations(info: dict[str, Any], env: AnyVectorEnv) -> Any:
    """Return info["final_obs"], which environments in SAME_STEP mode give at the end of an episode.

    Raises:
        ValueError: it is not there.
    """
    if "final_obs" not in info:
        raise ValueError(
            f"{env} says that it resets in the step that ends an episode (SAME_STEP), but the info "
            f"of such a step has no 'final_obs', only {list(info)}. Put the final observations "
            "there, or set metadata['autoreset_mode'] to what the environments do."
        )
    return info["final_obs"]


def blame(error: Exception, env: AnyVectorEnv, call: Literal["reset", "step"]) -> NoReturn:
    """Raise the error of a vector environment again, and say which environment raised it.

    Args:
        error: what env.step or env.reset raised.
        env: the vector environment.
        call: "step" or "reset".
    """
    base: Any = env.unwrapped
    if isinstance(error, EOFError | ConnectionError):
        _blame_ended_process(error, base)
    number = _number_in_traceback(error, base)
    if number is None:
        if isinstance(error, ValueError):  # NumPy's error for it; others have said their own.
            _blame_shape(error, base)
        raise error
    _blame_number_of_values(error, call, _name(number, base))
    _blame_reward(error, base, _name(number, base))
    error.add_note(f"It was raised in {call} of {_name(number, base)}.")
    raise error


def _blame_ended_process(error: Exception, base: Any) -> None:
    """Raise RuntimeError if a process of an AsyncVectorEnv has ended."""
    processes = getattr(base, "processes", [])
    sentinels = [process.sentinel for process in processes]
    ended = connection.wait(sentinels, timeout=1.0) if sentinels else []
    for number, process in enumerate(processes):
        if process.sentinel in ended:
            process.join(1.0)  # or it has no exit code yet
            raise RuntimeError(
                f"the process of {_name(number, base)} has ended, exit code {process.exitcode}. "
                "Memory may have run out, or its code has ended it: try a SyncVectorEnv."
            ) from error


def _blame_number_of_values(error: Exception, call: Literal["reset", "step"], name: str) -> None:
    """Raise ValueError if a step gave the four values of the old gym, or a reset only one."""
    expected = {
        "step": ("(expected 5, got 4)", "obs, reward, terminated, truncated, info"),
        "reset": ("to unpack (expected 2", "obs, info"),
    }
    text, values = expected[call]
    if isinstance(error, ValueError) and text in str(error):
        raise ValueError(f"{name}: {call} must return {values}, but {error}.") from error


def _blame_reward(error: Exception, base: Any, name: str) -> None:
    """Raise a sentence if a reward is an array that a SyncVectorEnv cannot store as a number."""
    *_, (innermost, _) = walk_tb(error.__traceback__)
    is_of_storing = innermost.f_locals.get("self") is base
    if is_of_storing and "setting an array element" in str(error):
        raise ValueError(
            f"{name}: step must return a number as the reward, and True or False for terminated "
            f"and truncated, but one of them is no single value ({error}). Write float(reward)."
        ) from error


def _blame_shape(error: Exception, base: Any) -> None:
    """Raise ValueError if an environment of a SyncVectorEnv gave an obs of a wrong shape."""
    if not isinstance(error, ValueError):
        return
    given = zip(getattr(base, "_env_obs", []), getattr(base, "envs", []), strict=False)
    for number, (obs, env) in enumerate(given):
        expected = env.observation_space.shape
        if expected is not None and obs is not None and np.shape(obs) != expected:
            raise ValueError(
                f"{_name(number, base)} gave an observation of shape {np.shape(obs)}, but its "
                f"observation_space has shape {expected}."
            ) from error


def _number_in_traceback(error: Exception, base: Any) -> int | None:
    """Return the number of the environment whose call raised, if the vector environment knows."""
    number = None
    for frame, _ in walk_tb(error.__traceback__):
        if frame.f_locals.get("self") is base:
            known = [frame.f_locals.get(name) for name in ("index", "env_num", "i")]
            number = next((value for value in known if isinstance(value, int)), number)
        elif frame.f_code.co_filename.endswith("functools.py"):
            number = None  # `concatenate`, called after the loop over environments
    return number


def _name(number: int, base: Any) -> str:
    name = f"environment {number} of {base.num_envs}"
    envs = getattr(base, "envs", None)
    return name if envs is None else f"{name} ({type(envs[number].unwrapped).__name__})"
