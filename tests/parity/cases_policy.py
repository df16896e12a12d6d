"""Cases of the networks, PGPolicy and what it computes, and the Collector."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from parity.cases_data import (
    RowMaker,
    add_rows,
    filled_buffer,
    outcome,
    parameters_of,
    random_buffer,
)
from parity.dice import Dice, area
from torch import nn
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    Laplace,
    Normal,
)
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR, StepLR

# -- policies to try -----------------------------------------------------------------------------


class OwnActor(nn.Module):
    """An actor as a user writes one: any observation in, any shape and dtype of output."""

    max_action = 1.0

    def __init__(
        self, inputs: int, shape: tuple[int, ...], gaussian: bool, dtype: torch.dtype, memory: bool
    ) -> None:
        super().__init__()
        self.body = nn.Linear(inputs, 5, dtype=dtype)
        self.head = nn.Linear(5, int(np.prod(shape)), dtype=dtype)
        self.log_sigma = nn.Parameter(torch.zeros(shape, dtype=dtype)) if gaussian else None
        self.shape, self.dtype, self.memory = shape, dtype, memory

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        parts = [part for _, part in obs.items()] if hasattr(obs, "items") else [obs]
        flat = [torch.as_tensor(part).to(self.dtype).reshape(len(part), -1) for part in parts]
        hidden = torch.tanh(self.body(torch.cat(flat, dim=1)))
        if self.memory:
            if state is not None:
                hidden = hidden + state["hidden"]
            state = {"hidden": hidden.detach()}
        output = self.head(hidden).reshape(-1, *self.shape)
        if self.log_sigma is None:
            return output, state
        return (output, self.log_sigma.exp().expand_as(output)), state


@dataclass
class Problem:
    """An actor, its distribution and its spaces, with observations and actions that fit."""

    space: gym.Space[Any]
    actor: nn.Module
    dist_fn: Callable[[Any], Distribution]
    observations: Callable[[int], Any]
    actions: Callable[[int], np.ndarray]
    dtype: type = np.float32


def categorical(logits: torch.Tensor) -> Categorical:
    """Return the distribution over actions of unnormalized log-probabilities."""
    return Categorical(logits=logits)


def joint_categorical(logits: torch.Tensor) -> Independent:
    """Return one joint distribution of several discrete choices, logits [B, heads, n]."""
    return Independent(Categorical(logits=logits), 1)


def joint_bernoulli(logits: torch.Tensor) -> Independent:
    """Return one joint distribution of several yes-or-no choices."""
    return Independent(Bernoulli(logits=logits), 1)


def normal(loc_scale: tuple[torch.Tensor, torch.Tensor]) -> Normal:
    """Return a Gaussian for each component by itself."""
    return Normal(*loc_scale)


def joint_laplace(loc_scale: tuple[torch.Tensor, torch.Tensor]) -> Independent:
    """Return another distribution of real numbers: nothing in PGPolicy is about Gaussians."""
    return Independent(Laplace(*loc_scale), 1)


def joint_normal(loc_scale: tuple[torch.Tensor, torch.Tensor]) -> Independent:
    """Return one joint Gaussian over all components."""
    return Independent(Normal(*loc_scale), loc_scale[0].ndim - 1)


def random_problem(lib: Any, dice: Dice) -> Problem:
    """Return one of the heads that PGPolicy is used with, on the library's networks or our own."""
    if dice.chance(0.6):
        return library_problem(lib, dice)
    return own_problem(dice)


def library_problem(lib: Any, dice: Dice) -> Problem:
    """Return a problem over Net, Actor and ActorProb."""
    if dice.chance():
        shape: Any = dice.choice([3, (3,), (2, 2)])
        observations = vectors(dice, (shape,) if isinstance(shape, int) else shape)
    else:
        shape = (2, 2, 1)
        observations = images(dice, shape)
    net = lib.Net(shape, hidden_sizes=dice.choice([(4,), (4, 5)]), activation=nn.Tanh)
    if dice.chance():
        n = dice.integer(2, 4)
        probabilities = dice.chance()
        return Problem(
            Discrete(n),
            lib.Actor(net, n, softmax_output=probabilities),
            Categorical if probabilities else categorical,
            observations,
            stored_actions(dice, lambda rows: dice.integers(0, n - 1, rows)),
        )
    a = dice.integer(1, 3)
    actor = lib.ActorProb(net, (a,), unbounded=dice.chance(0.7), conditioned_sigma=dice.chance(0.3))
    return Problem(
        Box(-2.0, 3.0, (a,)),
        actor,
        dice.choice([normal, joint_normal]),
        observations,
        stored_actions(dice, lambda rows: dice.reals(-2, 2, rows, a).astype(np.float32)),
    )


def own_problem(dice: Dice) -> Problem:
    """Return a problem over an actor of the user's own, float64 and with memory at times."""
    kind = dice.choice(["vector", "image", "dict", "scalar"])
    make, inputs = {
        "vector": (vectors(dice, (3,)), 3),
        "image": (images(dice, (2, 2)), 4),
        "dict": (lambda rows: {"x": dice.reals(-1, 1, rows, 2), "y": dice.reals(-1, 1, rows)}, 3),
        "scalar": (lambda rows: dice.integers(0, 9, rows), 1),
    }[kind]
    space, shape, dist_fn, actions = dice.choice(
        [
            (Discrete(3), (3,), categorical, lambda rows: dice.integers(0, 2, rows)),
            (MultiDiscrete([3, 3]), (2, 3), categorical, lambda n: dice.integers(0, 2, n, 2)),
            (MultiDiscrete([3, 3]), (2, 3), joint_categorical, lambda n: dice.integers(0, 2, n, 2)),
            (MultiBinary(3), (3,), joint_bernoulli, lambda rows: dice.integers(0, 1, rows, 3)),
            (Box(-1, 1, (2, 3)), (2, 3), normal, lambda rows: dice.reals(-2, 2, rows, 2, 3)),
            (Box(-1, 1, (2, 3)), (2, 3), joint_normal, lambda rows: dice.reals(-2, 2, rows, 2, 3)),
            (Box(-1, 1, (2,)), (2,), normal, lambda rows: dice.reals(-2, 2, rows, 2)),
            (Box(-1, 1, (2,)), (2,), joint_laplace, lambda rows: dice.reals(-2, 2, rows, 2)),
        ]
    )
    double = dice.chance(0.3)
    gaussian = isinstance(space, Box)
    actor = OwnActor(
        inputs, shape, gaussian, torch.float64 if double else torch.float32, dice.chance(0.3)
    )
    dtype = np.float64 if double else np.float32
    return Problem(space, actor, dist_fn, make, stored_actions(dice, actions), dtype)


def vectors(dice: Dice, shape: tuple[int, ...]) -> Callable[[int], np.ndarray]:
    """Return a maker of float observations [rows, *shape]."""
    dtype = dice.choice([np.float32, np.float64])
    return lambda rows: dice.reals(-1, 1, rows, *shape).astype(dtype)


def images(dice: Dice, shape: tuple[int, ...]) -> Callable[[int], np.ndarray]:
    """Return a maker of uint8 observations [rows, *shape]; small values keep tanh alive."""
    return lambda rows: dice.integers(0, 3, rows, *shape).astype(np.uint8)


def stored_actions(dice: Dice, make: Callable[[int], np.ndarray]) -> Callable[[int], np.ndarray]:
    """Let the actions have one of the dtypes in which a buffer may hold them."""
    wide = dice.chance(0.3)

    def actions(rows: int) -> np.ndarray:
        act = make(rows)
        if act.dtype.kind == "i":
            return act.astype(np.int32) if wide else act
        return act.astype(np.float64) if wide else act.astype(np.float32)

    return actions


def random_optimizer(dice: Dice, actor: nn.Module, rate: float = 2e-3) -> torch.optim.Optimizer:
    """Return SGD, SGD with momentum, or Adam."""
    kind = dice.integer(0, 2)
    if kind == 2:
        return torch.optim.Adam(actor.parameters(), lr=1e-2)
    return torch.optim.SGD(actor.parameters(), lr=rate, momentum=0.9 * kind)


def make_policy(lib: Any, dice: Dice, problem: Problem, **options: Any) -> Any:
    """Return a PGPolicy over the problem; `options` go to its constructor."""
    options.setdefault("optim", random_optimizer(dice, problem.actor))
    options.setdefault("action_scaling", isinstance(problem.space, Box))
    options.setdefault("policy_class", lib.PGPolicy)
    policy_class = options.pop("policy_class")
    return policy_class(
        actor=problem.actor, dist_fn=problem.dist_fn, action_space=problem.space, **options
    )


def parameters(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of a module's parameters by name."""
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def generators() -> dict[str, Any]:
    """Return the next numbers of torch's and numpy's global generators."""
    return {"torch": torch.rand(2), "numpy": np.random.random_sample(2)}


def loss_of(stats: Any, dtype: type) -> np.ndarray:
    """Return the loss summary in the dtype in which the losses were computed."""
    return np.array([stats.loss.mean, stats.loss.std, stats.loss.max, stats.loss.min], dtype)


# -- networks ------------------------------------------------------------------------------------


@area(cases=400, recorded=14)
def networks(lib: Any, dice: Dice) -> dict[str, Any]:
    """Initial weights of a seed, their names, the outputs and the generator afterwards."""
    shape: Any = dice.choice([2, (3,), (2, 2)])
    hidden = dice.choice([(), (3,), (4, 3), [3, 4]])
    options: dict[str, Any] = {}
    if dice.chance(0.3):
        options |= {"norm_layer": nn.LayerNorm}
        if dice.chance():
            options |= {"norm_args": {"eps": 1e-3}}
    if dice.chance():
        activation, args = dice.choice([(nn.Tanh, None), (nn.LeakyReLU, (0.2,)), (None, None)])
        options |= {"activation": activation, "act_args": args}
    kind = dice.choice(["MLP", "Net", "Net softmax", "Actor", "ActorProb"])
    sizes = {"hidden_sizes": dice.choice([(), (3,)])}
    rows = dice.integer(1, 3)
    axes = (shape,) if isinstance(shape, int) else shape
    size = dice.choice([1, 1, 300])  # the large ones reach the bounds of a conditioned sigma
    obs = dice.reals(-size, size, rows, *axes)
    state = dice.choice([None, np.ones(2)])
    if kind == "MLP":
        net = lib.MLP(int(np.prod(shape)), dice.integer(0, 2), hidden, **options)
        return {"weights": net.state_dict(), "dim": net.output_dim, "output": net(obs)}
    if kind.startswith("Net"):
        out = dice.choice([0, 2, (2, 2)])
        net = lib.Net(shape, out, hidden, softmax=kind == "Net softmax", **options)
    else:
        body = lib.Net(shape, hidden_sizes=hidden, **options)
        actions = dice.choice([2, (2,), np.int64(3)])
        if kind == "Actor":
            net = lib.Actor(body, actions, softmax_output=dice.chance(), **sizes)
        else:
            limits: dict[str, Any] = {
                "unbounded": dice.chance(),
                "conditioned_sigma": dice.chance(),
            }
            net = lib.ActorProb(
                body, actions, max_action=dice.choice([1.0, 2.0]), **limits, **sizes
            )
    output, after = net(obs if dice.chance() else torch.from_numpy(obs), state)
    return {
        "weights": net.state_dict(),
        "names": list(net.state_dict()),
        "dim": [getattr(part, "output_dim", None) for part in (net, getattr(net, "preprocess", 0))],
        "limit": getattr(net, "max_action", None),
        "output": output,
        "state": after,
        "generator": torch.rand(2),
    }


@area(cases=60, recorded=3)
def bounds_of_each_dimension(lib: Any, dice: Dice) -> dict[str, Any]:
    """Means within a tensor of bounds, the only form of several bounds that v1.1.0 can use."""
    actions = dice.integer(2, 4)
    bounds = torch.from_numpy(dice.reals(0.1, 5.0, actions)).float()
    net = lib.ActorProb(lib.Net(3, hidden_sizes=[4]), actions, max_action=bounds)
    (mu, sigma), _ = net(dice.reals(-3, 3, 5, 3))
    return {"mu": mu, "sigma": sigma, "names": list(net.state_dict())}


@area(cases=150, recorded=3)
def state_dicts(lib: Any, dice: Dice) -> dict[str, Any]:
    """The names of v1.1.0, written out, load strictly; a policy's own state has the same names."""
    gaussian, conditioned, depth = dice.chance(), dice.chance(), dice.integer(1, 2)
    weights: dict[str, tuple[int, ...]] = {}
    sizes = [3, *[4] * depth]
    for layer in range(depth):
        weights |= linear(f"actor.preprocess.model.model.{2 * layer}", *sizes[layer : layer + 2])
    if gaussian:
        weights |= linear("actor.mu.model.0", 4, 2)
        if conditioned:
            weights |= linear("actor.sigma.model.0", 4, 2)
        else:
            weights |= {"actor.sigma_param": (2, 1)}
    else:
        weights |= linear("actor.last.model.0", 4, 2)
    state = {
        name: torch.from_numpy(dice.reals(-1, 1, *shape).astype(np.float32))
        for name, shape in weights.items()
    }
    net = lib.Net(3, hidden_sizes=sizes[1:])
    actor = lib.ActorProb(net, 2, conditioned_sigma=conditioned) if gaussian else lib.Actor(net, 2)
    problem = Problem(
        Box(-1, 1, (2,)) if gaussian else Discrete(2),
        actor,
        joint_normal if gaussian else Categorical,
        vectors(dice, (3,)),
        lambda rows: np.zeros(rows),
    )
    policy = make_policy(lib, dice, problem)
    loaded = policy.load_state_dict(state, strict=True)
    own = {name: value for name, value in policy.state_dict().items() if name in state}
    obs = problem.observations(3)
    return {
        "keys": [list(loaded.missing_keys), list(loaded.unexpected_keys)],
        "names": [name for name in policy.state_dict() if "extra_state" not in name],
        "loaded": own,
        "output": actor(obs)[0],
        "copied": copy.deepcopy(policy).actor(obs)[0],
        "pickled": pickle.loads(pickle.dumps(policy.actor))(obs)[0],
        "optimizer": str(policy.optim.state_dict()["param_groups"]),
    }


def linear(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a linear layer's parameters by name."""
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


@area(cases=150, recorded=3)
def soft_update(lib: Any, dice: Dice) -> dict[str, Any]:
    """tgt <- tau src + (1 - tau) tgt."""
    problem = library_problem(lib, dice)
    policy = make_policy(lib, dice, problem)
    target = copy.deepcopy(problem.actor)
    with torch.no_grad():
        for weight in problem.actor.parameters():
            weight.add_(torch.from_numpy(dice.reals(-1, 1, *weight.shape).astype(np.float32)))
    policy.soft_update(target, problem.actor, dice.choice([0.0, 0.005, 0.3, 1.0]))
    return {"target": parameters(target), "source": parameters(problem.actor)}


@area(cases=200, recorded=3)
def schedulers(lib: Any, dice: Dice) -> dict[str, Any]:
    """MultipleLRSchedulers steps each one, saves their states and restores them."""
    optimizers, inner = random_schedulers(dice, dice.integer(1, 3))
    together = lib.MultipleLRSchedulers(*inner)
    seen: dict[str, Any] = {}
    for turn in range(dice.integer(1, 4)):
        for optimizer in optimizers:
            optimizer.step()
        together.step()
        seen[f"rates {turn}"] = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    states = together.state_dict()
    seen["states"] = [
        {key: state[key] for key in ("last_epoch", "_step_count", "_last_lr")} for state in states
    ]
    if any(isinstance(one, LambdaLR) for one in inner):
        return seen  # v1.1.0 puts None in the place of the function when it loads
    fresh = [type(one)(one.optimizer, **SCHEDULERS[type(one)]) for one in inner]
    again = lib.MultipleLRSchedulers(*fresh)
    again.load_state_dict(copy.deepcopy(states))
    again.step()
    seen["loaded"] = [[one.last_epoch, *one.get_last_lr()] for one in fresh]
    return seen


def random_schedulers(dice: Dice, count: int) -> tuple[list[Any], list[Any]]:
    """Return optimizers of one parameter each, and a scheduler for each."""
    optimizers = [
        torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=dice.real(0.01, 1)) for _ in range(count)
    ]
    return optimizers, [random_scheduler(dice, optimizer) for optimizer in optimizers]


def random_scheduler(dice: Dice, optimizer: torch.optim.Optimizer) -> Any:
    """Return one of torch's schedulers."""
    kind = dice.choice(list(SCHEDULERS))
    return kind(optimizer, **SCHEDULERS[kind])


SCHEDULERS: dict[Any, dict[str, Any]] = {
    StepLR: {"step_size": 2, "gamma": 0.5},
    ExponentialLR: {"gamma": 0.9},
    LambdaLR: {"lr_lambda": lambda epoch: 1 / (1 + epoch)},
}


# -- the policy ----------------------------------------------------------------------------------


@area(cases=200, recorded=4)
def policy_attributes(lib: Any, dice: Dice) -> dict[str, Any]:
    """The attributes that callers read, and what a constructor refuses."""
    problem = random_problem(lib, dice)
    gamma = dice.choice([0.0, 0.5, 1.0])
    policy = make_policy(lib, dice, problem, discount_factor=gamma, reward_normalization=1)
    policy.set_agent_id(dice.integer(1, 9))
    act = problem.actions(2)
    buffer = lib.ReplayBuffer(3)
    default = make_policy(lib, dice, Problem(Discrete(2), problem.actor, categorical, len, len))
    return {
        "type": policy.action_type,
        "space": policy.action_space == problem.space,
        "numbers": [policy.gamma, bool(policy.rew_norm), policy.agent_id],
        "flags": [
            policy.deterministic_eval,
            policy.updating,
            policy.is_within_training_step,
            policy.training,
            policy.action_scaling,
        ],
        "method": policy.action_bound_method,
        "none": [policy.observation_space, policy.lr_scheduler],
        "defaults": [default.gamma, default.rew_norm, default.action_bound_method],
        "statistics": [float(policy.ret_rms.mean), float(policy.ret_rms.var), policy.ret_rms.count],
        "noise": policy.exploration_noise(act, lib.Batch()),
        "same buffer": policy.process_buffer(buffer) is buffer,
        "refused": [
            outcome(lambda: make_policy(lib, dice, problem, action_bound_method="no").gamma),
            outcome(lambda: make_policy(lib, dice, discrete(problem), action_scaling=True).gamma),
        ],
        "outside a training step": outcome(lambda: policy.update(0, buffer)),
    }


def discrete(problem: Problem) -> Problem:
    """Return the problem on a Discrete space."""
    return Problem(Discrete(2), problem.actor, problem.dist_fn, len, len)


@area(cases=1500, recorded=12)
def forward(lib: Any, dice: Dice) -> dict[str, Any]:
    """Action, actor output, distribution, state, and the generators afterwards."""
    problem = random_problem(lib, dice)
    policy = make_policy(lib, dice, problem, deterministic_eval=dice.chance())
    policy.train(dice.chance())
    rows = dice.integer(1, 20) if dice.chance(0.3) else dice.integer(1, 4)
    batch = lib.Batch(obs=problem.observations(rows), info=lib.Batch(), extra=np.arange(rows))
    within = dice.chance()
    with lib.policy_within_training_step(policy, within):
        result = policy(batch)
        if isinstance(problem.actor, OwnActor) and problem.actor.memory:
            result = policy(batch, result.state)
    sampled = within or not policy.deterministic_eval
    logits = result.logits
    seen = {
        "keys": sorted(result.keys()),
        "input keys": sorted(batch.keys()),
        # v1.1.0 stacks a Gaussian's (loc, scale) into one tensor; both give the two when unpacked.
        "logits": list(logits) if isinstance(problem.space, Box) else logits,
        "dist": parameters_of(result.dist),
        "state": result.state,
        "entropy": result.dist.entropy() if not isinstance(problem.space, Box) else None,
        "act shape": [str(result.act.dtype), list(result.act.shape)],
    }
    if problem.dist_fn not in (joint_bernoulli, joint_laplace):  # v1.1.0 cannot slice these
        seen["row"] = parameters_of(lib.Batch(dist=result.dist)[0:1].dist)
    return seen | {"drawn" if sampled else "mode": {"act": result.act} | generators()}


def random_gamma(dice: Dice) -> float:
    """Return a discount factor, the ends of its range among them."""
    return dice.choice([0.0, 1.0, 0.99, 0.9, dice.real(0, 1)])


def in_units_of_their_sum(
    returns: np.ndarray, rew: np.ndarray, end: np.ndarray, gamma: float
) -> np.ndarray:
    """Divide returns by max(1, sum of gamma^k |r_k|), the size against which they must be exact."""
    size, scale = 0.0, np.empty(len(rew))
    for t in range(len(rew) - 1, -1, -1):
        size = abs(float(rew[t])) + gamma * size * (not end[t])
        scale[t] = max(1.0, size)
    return np.asarray(returns) / scale


def ends(batch: Any, buffer: Any, indices: np.ndarray) -> np.ndarray:
    """Return where an episode ends, or is not finished yet."""
    done = np.logical_or(batch.terminated, batch.truncated)
    return done | np.isin(indices, buffer.unfinished_index())


def random_part(dice: Dice, done: np.ndarray) -> np.ndarray:
    """Return positions of all rows, or of those from some episode's end on."""
    rows = len(done)
    if dice.chance(0.8):
        return np.arange(rows)
    starts = [0, *(np.flatnonzero(done[:-1]) + 1).tolist()]
    return np.arange(dice.choice(starts), rows)


@area(cases=1500, recorded=10)
def process_fn(lib: Any, dice: Dice) -> dict[str, Any]:
    """Returns, with and without normalization, over several updates of the same statistics."""
    problem = discrete(library_problem(lib, dice))
    gamma = random_gamma(dice)
    policy = make_policy(
        lib, dice, problem, discount_factor=gamma, reward_normalization=dice.chance()
    )
    if dice.chance(0.3):
        policy.ret_rms.update(dice.reals(-5, 5, 4))
    buffer = random_buffer(lib, dice, largest=dice.choice([8, 40]))
    maker = RowMaker(dice)
    # Normalized returns are not compared in units of their sum, so their rewards must not be large.
    size = 1.0 if policy.rew_norm else dice.choice([1.0, 1.0, 1000.0])
    seen: dict[str, Any] = {}
    for turn in range(dice.integer(1, 4)):
        for _ in range(dice.integer(1, dice.choice([6, 60]))):
            add_rows(lib, dice, buffer, maker)
        batch, indices = buffer.sample(0)
        part = random_part(dice, batch.done)
        batch, indices = batch[part], indices[part]
        change_rewards(dice, batch, size)
        end = ends(batch, buffer, indices)
        # Dividing by a standard deviation near 0 (1e-4 at least) magnifies the last digit of G.
        spread = min(1.0, float(np.sqrt(policy.ret_rms.var + 1e-8)))
        answer = policy.process_fn(batch, buffer, indices)
        returns = answer.returns
        seen[f"turn {turn}"] = {
            "same batch": answer is batch,
            "returns": returns * spread
            if policy.rew_norm
            else in_units_of_their_sum(returns, batch.rew, end, gamma),
            "mean": float(policy.ret_rms.mean),
            "var": float(policy.ret_rms.var),
            "count": int(policy.ret_rms.count),
        }
        if dice.chance(0.3):
            buffer.reset(keep_statistics=dice.chance())
    return seen


def change_rewards(dice: Dice, batch: Any, size: float) -> None:
    """Do what a subclass's process_fn may do first: other rewards, dtypes and end flags."""
    batch.rew = batch.rew * size
    kind = dice.choice(["float64", "float64", "float32", "int64"])
    batch.rew = batch.rew.astype(kind)
    if dice.chance(0.2):
        batch.truncated = batch.truncated | dice.flags(0.3, len(batch.rew))


@area(cases=1200, recorded=8)
def episodic_return(lib: Any, dice: Dice) -> dict[str, Any]:
    """compute_episodic_return: GAE with every form of the values."""
    buffer, _ = filled_buffer(lib, dice, adds=40, largest=dice.choice([8, 30]))
    batch, indices = buffer.sample(0)
    change_rewards(dice, batch, 1.0)
    rows, gamma, gae_lambda = len(indices), random_gamma(dice), dice.choice([0.0, 0.95, 1.0])

    def values() -> Any:
        array = dice.reals(-1, 1, *dice.choice([(rows,), (rows, 1)]))
        array = array.astype(dice.choice([np.float32, np.float64]))
        return torch.from_numpy(array) if dice.chance() else array

    v_s_ = values() if dice.chance(0.8) else None
    v_s = values() if dice.chance() else None
    if v_s_ is None:
        gae_lambda = 1.0
    returns, advantage = lib.PGPolicy.compute_episodic_return(
        batch, buffer, indices, v_s_, v_s, gamma=gamma, gae_lambda=gae_lambda
    )
    end = ends(batch, buffer, indices)
    # |delta| <= |r| + 2: the size of the sum in which rounding errors are measured.
    size = np.abs(batch.rew) + 2
    return {
        "returns": in_units_of_their_sum(returns, size, end, gamma * gae_lambda),
        "advantage": in_units_of_their_sum(advantage, size, end, gamma * gae_lambda),
        "mask": lib.PGPolicy.value_mask(buffer, indices),
    }


@area(cases=1200, recorded=8)
def nstep_return(lib: Any, dice: Dice) -> dict[str, Any]:
    """compute_nstep_return, with target values of any dtype and width."""
    buffer, _ = filled_buffer(lib, dice, adds=40, largest=dice.choice([8, 30]))
    stored = buffer.sample_indices(0)
    indices = stored[dice.integers(0, len(stored) - 1, dice.integer(1, 8))]
    width = dice.choice([(), (1,), (3,)])
    table = torch.from_numpy(dice.reals(-1, 1, buffer.maxsize, *width)).requires_grad_()
    table = table.to(dice.choice([torch.float32, torch.float64]))
    asked: list[np.ndarray] = []

    def target_q(_: Any, where: np.ndarray) -> torch.Tensor:
        asked.append(where)
        return table[where]

    batch = buffer[indices]
    answer = lib.PGPolicy.compute_nstep_return(
        batch, buffer, indices, target_q, gamma=random_gamma(dice), n_step=dice.integer(1, 5)
    )
    return {
        "returns": answer.returns,
        "gradient": answer.returns.requires_grad,
        "same batch": answer is batch,
        "asked": asked,
    }


@area(cases=1500, recorded=12)
def learn(lib: Any, dice: Dice) -> dict[str, Any]:
    """Loss summary, parameters and both generators after learning from one batch."""
    problem = random_problem(lib, dice)
    policy = make_policy(lib, dice, problem, deterministic_eval=dice.chance(0.2))
    rows = dice.integer(1, 12)
    batch = lib.Batch(
        obs=problem.observations(rows),
        act=problem.actions(rows),
        returns=dice.reals(-2, 2, rows).astype(dice.choice([np.float64, np.float32])),
        info=lib.Batch(),
    )
    if dice.chance(0.2):
        batch.to_torch_()
    size, repeat = dice.choice([None, 0, -1, 1, 2, 3, 5, rows, rows + 2]), dice.integer(0, 3)
    with lib.policy_within_training_step(policy, dice.chance()):
        stats = policy.learn(batch, size, repeat)
    return {
        "stats": type(stats).__name__,
        "loss": loss_of(stats, problem.dtype),
        "parameters": parameters(problem.actor),
        "batch keys": sorted(batch.keys()),
        "numpy": np.random.random_sample(2),
        "drawn": torch.rand(2),
    }


@area(cases=600, recorded=6)
def update(lib: Any, dice: Dice) -> dict[str, Any]:
    """The whole update, several in a row: statistics, parameters, flags, modes and rates."""
    problem = library_problem(lib, dice) if dice.chance() else dict_free(dice)
    log: list[Any] = []

    class Watched(lib.PGPolicy):
        def process_fn(self, *args: Any) -> Any:
            log.append(["process_fn", self.updating, self.training])
            return super().process_fn(*args)

        def learn(self, *args: Any, **kwargs: Any) -> Any:
            log.append(["learn", self.updating, self.training, sorted(kwargs)])
            return super().learn(*args, **kwargs)

        def post_process_fn(self, *args: Any) -> None:
            log.append(["post_process_fn", self.updating, self.training])
            super().post_process_fn(*args)

    # Small steps: a Gaussian that runs away from actions of negative return would soon be NaN.
    optimizer = random_optimizer(dice, problem.actor, rate=1e-5)
    scheduler = random_scheduler(dice, optimizer) if dice.chance(0.7) else None
    if scheduler is not None and dice.chance(0.3):
        scheduler = lib.MultipleLRSchedulers(scheduler, random_schedulers(dice, 1)[1][0])
    policy = make_policy(
        lib,
        dice,
        problem,
        policy_class=Watched,
        optim=optimizer,
        lr_scheduler=scheduler,
        discount_factor=random_gamma(dice),
        reward_normalization=dice.chance(),
    )
    policy.train(dice.chance())
    buffer = random_buffer(lib, dice, largest=10)
    vector = isinstance(buffer, lib.VectorReplayBuffer)
    maker = RowMaker(dice, observations=problem.observations, actions=problem.actions)
    with lib.policy_within_training_step(policy):
        seen: dict[str, Any] = {"nothing": type(policy.update(0, None)).__name__}
        for turn in range(dice.integer(1, 3)):
            for _ in range(dice.integer(4, 15)):
                add_rows(lib, dice, buffer, maker)
            stats = policy.update(
                sample_size=dice.choice([0, None]) if vector else 0,
                buffer=buffer,
                batch_size=dice.choice([None, 1, 3, 8]),
                repeat=dice.integer(0, 2),
            )
            seen[f"turn {turn}"] = {
                "stats": type(stats).__name__,
                "loss": loss_of(stats, problem.dtype),
                "time": stats.train_time > 0,
                "rate": policy.optim.param_groups[0]["lr"],
                "returns": [float(policy.ret_rms.mean), float(policy.ret_rms.var)],
                "flags": [policy.updating, policy.training, policy.is_within_training_step],
                "modes": sorted({module.training for module in policy.modules()}),
            }
            if dice.chance():
                buffer.reset(keep_statistics=True)
    return seen | {
        "log": log,
        "within": policy.is_within_training_step,
        "parameters": parameters(problem.actor),
        "numpy": np.random.random_sample(2),
        "drawn": torch.rand(2),
    }


def dict_free(dice: Dice) -> Problem:
    """Return a problem of our own actor without memory: a buffer holds no states."""
    problem = own_problem(dice)
    problem.actor.memory = False
    return problem


@area(cases=300, recorded=4)
def update_from_a_sample(lib: Any, dice: Dice) -> dict[str, Any]:
    """An update from rows drawn at random, which is exact where each row is an episode."""
    problem = library_problem(lib, dice)
    policy = make_policy(lib, dice, problem, reward_normalization=dice.chance())
    buffer = random_buffer(lib, dice)
    maker = RowMaker(dice, 1.0, problem.observations, problem.actions)
    for _ in range(dice.integer(1, 20)):
        add_rows(lib, dice, buffer, maker)
    with lib.policy_within_training_step(policy):
        stats = policy.update(dice.integer(1, 9), buffer, batch_size=4, repeat=1)
    return {
        "drawn": {
            "loss": loss_of(stats, problem.dtype),
            "parameters": parameters(problem.actor),
            "statistics": [float(policy.ret_rms.mean), float(policy.ret_rms.var)],
            "generators": generators(),
        }
    }


# -- actions -------------------------------------------------------------------------------------


def random_box(dice: Dice, shapes: list[tuple[int, ...]]) -> Box:
    """Return a Box of random bounds, one flat or very narrow dimension at times."""
    shape = dice.choice(shapes)
    low = dice.reals(-3, 3, *shape)
    width = dice.reals(0.1, 4, *shape)
    return Box(*as_bounds(low, low + width, dice.choice([np.float32, np.float64])))


def as_bounds(low: np.ndarray, high: np.ndarray, dtype: Any) -> tuple[Any, ...]:
    """Return the arguments of a Box."""
    return low.astype(dtype), high.astype(dtype), low.shape, dtype


def bounded_policy(lib: Any, dice: Dice, space: Box, scaling: bool, bound: Any) -> Any:
    """Return a policy that maps actions into the space; its actor is never asked."""
    actor = OwnActor(1, space.shape, True, torch.float32, False)
    problem = Problem(space, actor, normal, len, len)
    return make_policy(lib, dice, problem, action_scaling=scaling, action_bound_method=bound)


def in_the_narrower(values: Any, *dtypes: Any) -> np.ndarray:
    """Round to the narrower dtype of action and space: pg_edu computes in the wider one."""
    return np.asarray(values).astype(min((np.dtype(d) for d in dtypes), key=lambda d: d.itemsize))


@area(cases=1500, recorded=10)
def map_action(lib: Any, dice: Dice) -> dict[str, Any]:
    """Bound, scale, and back, over dtypes and shapes."""
    space = random_box(dice, [(1,), (2,), (2, 3), ()])
    scaling, bound = dice.chance(), dice.choice(["clip", "tanh", None])
    policy = bounded_policy(lib, dice, space, scaling, bound)
    limit = 1.0 if bound is None and scaling else 3.0
    axes = dice.choice([(), (1,), (4,)])
    act = dice.reals(-limit, limit, *axes, *space.shape)
    act = np.asarray(act, dice.choice([np.float32, np.float64]))
    given = dice.choice([act, torch.from_numpy(act)])
    mapped = policy.map_action(given)
    return {
        "type": type(mapped).__name__ if mapped.shape else "scalar",
        "mapped": in_the_narrower(mapped, act.dtype, space.dtype),
        "given": given,
        "bounds": [space.low, space.high],
        "batch": outcome(lambda: policy.map_action(lib.Batch(act=act))),
        "list": in_the_narrower(policy.map_action(act.tolist()), space.dtype),
    }


@area(cases=1200, recorded=8)
def map_action_inverse(lib: Any, dice: Dice) -> dict[str, Any]:
    """From an action inside the space to the raw one, and back again."""
    space = random_box(dice, [(1,), (2,), (2, 3)])
    scaling, bound = dice.chance(), dice.choice(["clip", "tanh", None])
    if bound != "tanh" and dice.chance(0.3):
        space.high[..., 0] = space.low[..., 0] + dice.choice([0.0, 5e-8])
    policy = bounded_policy(lib, dice, space, scaling, bound)
    # Where the tanh is not saturated: near its ends the inverse magnifies every rounding.
    inside = dice.reals(0.1, 0.9, *dice.choice([(), (1,), (4,)]), *space.shape)
    act = space.low + (space.high - space.low) * inside if scaling else 2 * inside - 1
    act = act.astype(dice.choice([np.float32, np.float64]))
    raw = policy.map_action_inverse(act if dice.chance(0.7) else torch.from_numpy(act))
    return {
        "raw": in_the_narrower(raw, act.dtype, space.dtype),
        "bounds": [space.low, space.high],
    }


@area(cases=200, recorded=3)
def map_action_elsewhere(lib: Any, dice: Dice) -> dict[str, Any]:
    """On the spaces that are no Box an action stays what it is."""
    space, top, shape = dice.choice(
        [(Discrete(3), 2, ()), (MultiDiscrete([3, 3]), 2, (2,)), (MultiBinary(4), 1, (4,))]
    )
    problem = Problem(space, OwnActor(1, (3,), False, torch.float32, False), categorical, len, len)
    policy = make_policy(lib, dice, problem, action_bound_method=dice.choice(["clip", "tanh"]))
    act = dice.integers(0, top, *dice.choice([(), (1,), (5,)]), *shape)
    given = dice.choice([act, torch.from_numpy(act)])
    return {
        "mapped": policy.map_action(given),
        "inverse": policy.map_action_inverse(given),
        "list": np.asarray(policy.map_action(act.tolist())),
    }


@area(cases=500, recorded=6)
def compute_action(lib: Any, dice: Dice) -> dict[str, Any]:
    """One observation in, one action for the environment out."""
    problem = random_problem(lib, dice)
    while np.ndim(next(iter(leaves_of(problem.observations(1))))) == 1:
        problem = random_problem(lib, dice)
    greedy = dice.chance()
    policy = make_policy(lib, dice, problem, deterministic_eval=greedy)
    obs = problem.observations(1)[0]
    act = policy.compute_action(obs, {"info": 1} if dice.chance() else {})
    if isinstance(act, np.ndarray):
        act = act.astype(problem.space.dtype)  # which pg_edu does by itself
    seen = {"act": act, "inside": problem.space.contains(act)}
    return {"mode" if greedy else "drawn": seen | generators()}


def leaves_of(obs: Any) -> list[Any]:
    """Return an observation in a list; a dict counts as a number, which v1.1.0 refuses too."""
    return [np.zeros(1)] if isinstance(obs, dict) else [obs]


# -- collecting ----------------------------------------------------------------------------------


def environments(lib: Any, dice: Dice, count: int) -> tuple[Any, Problem]:
    """Return seeded environments of one of Gymnasium's tasks, cut short at times, and an actor."""
    name, size = dice.choice([("CartPole-v1", 4), ("CartPole-v1", 4), ("Pendulum-v1", 3)])
    limit = dice.choice([7, 25, 200])
    envs = lib.DummyVectorEnv([lambda: gym.make(name, max_episode_steps=limit)] * count)
    envs.seed(dice.integer(0, 1000))
    discrete = name == "CartPole-v1"
    shape = (2,) if discrete else (1,)
    actor = OwnActor(size, shape, not discrete, torch.float32, dice.chance(0.3))
    space = Discrete(2) if discrete else Box(-2.0, 2.0, (1,))
    return envs, Problem(space, actor, categorical if discrete else joint_normal, len, len)


@area(cases=200, recorded=3)
def collector(lib: Any, dice: Dice) -> dict[str, Any]:
    """Rows and statistics of collecting by n_step, which goes on where the last call stopped."""

    class Noisy(lib.PGPolicy):
        def exploration_noise(self, act: Any, batch: Any) -> Any:
            return (act + 1) % 2 if self.action_type == "discrete" else act + batch.obs[:, :1]

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            result = super().forward(*args, **kwargs)
            result.policy = lib.Batch(log_prob=result.dist.log_prob(result.act))
            return result

    count, longest, greedy = dice.integer(1, 4), dice.choice([4, 40]), dice.chance(0.3)
    envs, problem = environments(lib, dice, count)
    policy = make_policy(lib, dice, problem, policy_class=Noisy, deterministic_eval=greedy)
    if count == 1 and dice.chance():
        buffer = lib.ReplayBuffer(2 * longest)
    else:
        buffer = lib.VectorReplayBuffer(2 * longest * count, count)
    gathering = lib.Collector(policy, envs, buffer, exploration_noise=dice.chance(0.3))
    gathering.reset()
    seen: dict[str, Any] = {"environments": [len(envs), gathering.env_num]}
    for turn in range(dice.integer(1, 3)):
        steps = dice.integer(1, longest) * count - dice.integer(0, count - 1)
        with lib.policy_within_training_step(policy, dice.chance() and not greedy):
            stats = gathering.collect(n_step=steps)
        rows, indices = buffer.sample(0)
        fields = ("obs", "act", "rew", "terminated", "truncated", "done", "obs_next")
        seen[f"turn {turn}"] = {
            "indices": indices,
            "rows": {key: rows[key] for key in fields},
            # v1.1.0 stores the tensor as it is (1.2.0 with its graph), pg_edu as an array.
            "log_prob": lib.to_numpy(rows.policy.log_prob),
            "counts": [stats.n_collected_steps, int(stats.n_collected_episodes)],
            # An empty list of returns has no dtype of its own in v1.1.0.
            "returns": np.asarray(stats.returns, float),
            "lens": stats.lens,
            "summaries": [
                None if summary is None else [summary.mean, summary.std, summary.max, summary.min]
                for summary in (stats.returns_stat, stats.lens_stat)
            ],
            "totals": [gathering.collect_step, int(gathering.collect_episode)],
            "mode": policy.training,
        }
        if dice.chance(0.3):
            gathering.reset_buffer(keep_statistics=dice.chance())
    gathering.close()
    return {"mode" if greedy else "drawn": seen | {"torch": torch.rand(2)}}


@area(cases=50, recorded=2)
def collect_and_update(lib: Any, dice: Dice) -> dict[str, Any]:
    """REINFORCE as a whole: a few rounds of collecting and learning from the same seed."""
    count = dice.integer(1, 3)
    envs, problem = environments(lib, dice, count)
    problem.actor.memory = False
    optimizer = torch.optim.Adam(problem.actor.parameters(), lr=1e-2)
    policy = make_policy(lib, dice, problem, optim=optimizer, reward_normalization=dice.chance())
    gathering = lib.Collector(policy, envs, lib.VectorReplayBuffer(64 * count, count))
    gathering.reset()
    seen: dict[str, Any] = {}
    with lib.policy_within_training_step(policy):
        for turn in range(3):
            collected = gathering.collect(n_step=dice.integer(1, 32) * count)
            stats = policy.update(
                0, gathering.buffer, batch_size=dice.choice([None, 16]), repeat=dice.integer(1, 2)
            )
            gathering.reset_buffer(keep_statistics=True)
            seen[f"turn {turn}"] = {
                "steps": collected.n_collected_steps,
                "loss": loss_of(stats, problem.dtype),
            }
    gathering.close()
    return {"drawn": seen | {"parameters": parameters(problem.actor)} | generators()}
