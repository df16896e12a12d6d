"""The probes: optima by brute force, agents that are right, and agents with one broken part."""

import ast
import inspect
import itertools
import re

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import pg_edu
from pg_edu import BasePolicy, Batch, PGPolicy, RecurrentPGPolicy
from pg_edu.lab.probes import PROBES, probe, symptoms, trials
from pg_edu.lab.probes.worlds import DELAY, LENGTHS, LIMIT, PAYMENTS, Motor, World
from pg_edu.returns import discounted_returns
from pg_edu.runs.agents import make_policy
from pg_edu.runs.config import Config
from pg_edu.stats import TrainingStats
from tests.lab import broken_agents

BY_NAME = {each.name: each for each in PROBES}
TABULAR = [each for each in PROBES if each.mdp is not None]


def value(mdp, policy, steps=200):
    """Return Σ γᵗ E[rₜ] of a policy [S, A], step by step, without a time limit."""
    transition = np.einsum("sa,sap->sp", policy, mdp.transition)
    reward = (policy * mdp.reward).sum(axis=1)
    state_probability, total = mdp.start, 0.0
    for t in range(steps):
        total += mdp.gamma**t * state_probability @ reward
        state_probability = state_probability @ transition
    return total


# The environments


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("each", PROBES, ids=lambda each: each.name)
def test_an_environment_follows_the_rules_of_gymnasium(each, mirror):
    check_env(each.make_env(mirror), skip_render_check=True)


@pytest.mark.parametrize("each", TABULAR, ids=lambda each: each.name)
def test_the_optimum_is_the_best_of_all_policies(each):
    """max Σ γᵗ E[rₜ] over all deterministic policies, or over a grid of mixtures."""
    mdp, actions = each.mdp, each.mdp.logits.shape[1]
    if each.blind:
        grid = np.arange(0, 1.001, 0.05)
        mixtures = [(p, q, 1 - p - q) for p, q in itertools.product(grid, grid) if p + q <= 1]
        policies = [np.tile(mixture, (len(mdp.start), 1)) for mixture in mixtures]
    else:
        # In the other probes, only the first state offers a choice.
        free = [s for s in range(len(mdp.start)) if each.name in ("contexts", "memory") or s == 0]
        rows = np.zeros(len(mdp.start), int)
        policies = []
        for chosen in itertools.product(range(actions), repeat=len(free)):
            rows[free] = chosen
            policies.append(np.eye(actions)[rows])
    assert each.optimum == pytest.approx(max(value(mdp, policy) for policy in policies), abs=1e-12)


@pytest.mark.parametrize("each", TABULAR, ids=lambda each: each.name)
def test_chance_is_the_return_of_uniform_actions(each):
    uniform = np.full(each.mdp.reward.shape, 1 / each.mdp.reward.shape[1])
    assert each.chance == pytest.approx(value(each.mdp, uniform), abs=1e-12)


@pytest.mark.parametrize("best_is_low", [True, False])
def test_the_motor_pays_most_at_one_end_and_chance_is_the_middle(best_is_low):
    motor = Motor(best_is_low)
    rewards = [motor.reward(a) for a in np.linspace(2, 6, 41)]
    assert max(rewards) == BY_NAME["bound"].optimum == motor.reward(motor.best)
    assert np.mean(rewards) == pytest.approx(BY_NAME["bound"].chance)


@pytest.mark.parametrize("action", [1.9, 6.1, np.nan])
def test_the_motor_refuses_an_action_outside_its_bounds(action):
    with pytest.raises(ValueError, match="not mapped"):
        Motor().step(np.array([action]))


@pytest.mark.parametrize(
    ("weights", "arm"),
    [((1, 0.5, 0.25), 0), ((1, 0, 0), 1), ((1, 1, 1), 2), ((0.25, 0.5, 1), 3)],
)
def test_each_way_to_weight_rewards_has_its_own_best_arm(weights, arm):
    """argmaxₐ Σ wₖ rₖ(a) = 0, 1, 2, 3: discounted, immediate, undiscounted, from the wrong end."""
    assert (np.array(PAYMENTS) @ weights).argmax() == arm


def test_the_last_arm_has_the_largest_absolute_return_and_integer_returns_favor_no_arm():
    """|G| is largest for the last arm. Cut to integers, the returns of the first three arms are 0.

    The same holds if each step of the recursion is cut: int(4 - 5/2) = 1 and int(0 + 1/2) = 0.
    """
    returns = np.array(PAYMENTS) @ (1, 0.5, 0.25)
    assert np.abs(returns).argmax() == 4
    assert np.abs(returns).max() > 1.5 * np.sort(np.abs(returns))[-2]
    assert returns.astype(int).tolist()[:3] == [0, 0, 0] == np.floor(returns).tolist()[:3]
    by_steps = [int(now + int(soon + int(late) / 2) / 2) for now, soon, late in PAYMENTS]
    assert by_steps[:3] == [0, 0, 0] and max(by_steps) == 0


def test_in_lengths_a_large_value_after_the_end_makes_stopping_the_better_choice():
    """1 + γv > .6 (1 + γ + γ² + γ³) + γ⁴v for v > .65."""
    gamma = LENGTHS.gamma
    stop, go = 1.0, 0.6 * sum(gamma**t for t in range(4))
    assert go == pytest.approx(BY_NAME["lengths"].optimum) and go > stop
    assert (go - stop) / (gamma - gamma**4) == pytest.approx(0.65, abs=0.005)


def test_a_world_pays_the_rewards_of_its_mdp_and_ends_with_it():
    for arm, payments in enumerate(PAYMENTS):
        env = World(DELAY)
        env.reset(seed=0)
        steps = [env.step(arm) for _ in range(3)]
        assert [step[1] for step in steps] == list(payments)
        assert [step[2] for step in steps] == [False, False, True]


@pytest.mark.parametrize(
    ("arm", "flags"), [(0, (True, False)), (1, (True, False)), (2, (False, True))]
)
def test_a_time_limit_truncates_only_an_episode_that_would_go_on(arm, flags):
    env = World(LIMIT)
    env.reset(seed=0)
    terminated = truncated = False
    while not (terminated or truncated):
        *_, terminated, truncated, _ = env.step(arm)
    assert (terminated, truncated) == flags


def test_the_value_after_the_limit_is_that_of_going_on_forever():
    """.95 + .8 · .95 + ... = .95 / (1 - .8)"""
    assert BY_NAME["time limit"].value_after_limit == pytest.approx(0.95 / 0.2)


# Agents that are right


def test_pgpolicy_passes_every_probe_and_a_seed_always_gives_the_same_table():
    report = probe(PGPolicy)
    assert [result.verdict for result in report.results] == ["passed"] * len(PROBES)
    assert "Nothing is broken" in repr(report)
    again = probe(PGPolicy, probes=PROBES[:3])
    assert repr(again).splitlines()[:4] == repr(report).splitlines()[:4]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("SumLoss", "lengths"),
        ("BatchStandardized", "contexts"),
        ("Entropy", "alias"),
        ("TanhRight", "bound"),
        ("TotalReturn", "delay"),
        ("BootstrapRight", "time limit"),
    ],
)
def test_an_unusual_agent_that_is_right_passes(agent, name):
    report = probe(getattr(broken_agents, agent), probes=[BY_NAME[name]])
    assert report[name].verdict == "passed", report


def test_a_function_of_the_spaces_can_be_probed_and_its_policy_needs_no_hidden_state():
    def make(observation_space, action_space):
        return make_policy(Config(reward_normalization=False), observation_space, action_space)

    chosen = ["single action", "contexts", "time limit", "memory"]
    report = probe(make, probes=[BY_NAME[name] for name in chosen])
    verdicts = ["passed", "passed", "passed", "skipped"]
    assert [result.verdict for result in report.results] == verdicts


class MinimalPolicy(BasePolicy):
    """A policy with its own loss that does not discount, and whose forward returns only actions."""

    def __init__(self, observation_space, action_space):
        super().__init__(action_space=action_space)
        self.layer = torch.nn.Linear(observation_space.shape[0], int(action_space.n))
        self.optim = torch.optim.Adam(self.parameters(), lr=0.1)

    def logits(self, obs):
        return torch.log_softmax(self.layer(torch.as_tensor(obs)), dim=-1)

    def forward(self, batch, state=None, **kwargs):
        probabilities = self.logits(batch.obs).exp()
        return Batch(act=torch.multinomial(probabilities, 1)[:, 0], state=None)

    def learn(self, batch, *args, **kwargs):
        returns = discounted_returns(batch.rew, batch.terminated | batch.truncated, 1.0)
        log_prob = self.logits(batch.obs)[range(len(batch.act)), batch.act]
        loss = -(log_prob * torch.as_tensor(returns)).sum()
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        return TrainingStats()


def test_a_policy_that_is_not_a_pgpolicy_can_be_probed():
    names = ["contexts", "delay", "time limit", "memory"]
    report = probe(MinimalPolicy, probes=[BY_NAME[name] for name in names])
    verdicts = ["passed", "passed", "skipped", "skipped"]
    assert [result.verdict for result in report.results] == verdicts, report
    assert report["delay"].optimum == 0.0  # Undiscounted, the third arm is the best.


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("policy_class", [PGPolicy, RecurrentPGPolicy])
def test_the_probe_of_memory_passes_without_a_warning(policy_class):
    """It needs only what PGPolicy can learn, so PGPolicy's warning does not apply."""
    assert probe(policy_class, probes=[BY_NAME["memory"]])["memory"].verdict == "passed"


def test_the_global_random_generators_are_restored():
    torch.manual_seed(0)
    np.random.seed(0)
    expected = torch.rand(1).item(), np.random.rand()
    torch.manual_seed(0)
    np.random.seed(0)
    probe(PGPolicy, probes=PROBES[:1], updates=25, seed=7)
    assert (torch.rand(1).item(), np.random.rand()) == expected


def test_with_one_episode_per_update_the_mean_over_steps_teaches_to_stop(monkeypatch):
    """The loss has a known bias: with one episode, it is a mean over that episode's steps."""
    monkeypatch.setattr(trials, "EPISODES", 1)
    report = probe(PGPolicy, probes=[BY_NAME["lengths"]], updates=300)
    assert "divided by its own length" in report["lengths"].meaning


# Agents with a broken part


@pytest.mark.parametrize(
    ("agent", "name", "meaning"),
    [
        ("Crashes", "single action", "KeyError in Crashes.process_fn: 'returns'"),
        ("SignFlipped", "two actions", "the sign of the loss"),
        ("Broadcast", "two actions", "[B, 1] with [B]"),
        ("TwoMeans", "two actions", "weighted by its own return"),
        ("NoReturns", "two actions", "weighted by its own return"),
        ("ReturnsShuffled", "two actions", "Are rows mixed up?"),
        ("ActShuffled", "two actions", "Are rows mixed up?"),
        ("RolledReturns", "two actions", "Are rows mixed up?"),
        ("ReversedScored", "two actions", "Is the action that was taken the one that is scored?"),
        ("Uniform", "two actions", "drawn from the distribution that is scored?"),
        ("Argmax", "two actions", "takes the mode (argmax)"),
        ("RateZero", "two actions", "a learning rate of 0"),
        ("RateTiny", "two actions", "far too small"),
        ("OtherNetwork", "two actions", "an optimizer that holds other parameters"),
        ("Detached", "two actions", "cut off from them (detach"),
        ("PerEpisodeStandardized", "two actions", "standardized within each episode"),
        ("ShiftedReward", "two actions", "without their own reward"),
        ("EntropyTooStrong", "two actions", "entropy term too strong"),
        ("NaN", "two actions", "ValueError in NaN.learn: returns must be finite"),
        ("ObsZeroed", "contexts", "does not reach the output"),
        ("ObsConstant", "contexts", "does not reach the output"),
        ("ObsShuffled", "contexts", "paired with another row's action"),
        ("ObsShifted", "contexts", "paired with another row's action"),
        ("NextObs", "contexts", "the next observation"),
        ("RewardOnly", "delay", "Only the immediate reward counts"),
        ("Undiscounted", "delay", "the discount factor is not used"),
        ("WrongEnd", "delay", "or those that came before it are"),
        ("ReversedDiscount", "delay", "from the wrong end"),
        ("AbsReturns", "delay", "the sign of a return is lost"),
        ("IntReturns", "delay", "rounded to integers"),
        ("ValueAfterEnd", "lengths", "or with a value"),
        ("OneAfterEnd", "lengths", "or with a value"),
        ("DoneIgnored", "lengths", "the return continues (into the next episode"),
        ("PerEpisodeMean", "lengths", "divided by its own length"),
        ("BootstrapAlways", "time limit", "A value is added after the last reward of an episode"),
        ("BootstrapSwapped", "time limit", "A value is added after the last reward of an episode"),
        ("BootstrapNever", "time limit", "Truncation is treated as termination"),
        ("ClippedScored", "bound", "the bounded action (clipped, or its tanh) is scored"),
        ("TanhScored", "bound", "the bounded action (clipped, or its tanh) is scored"),
        ("HalfRange", "bound", "narrower than the environment's"),
        ("EnvActionStored", "bound", "in its units, is scored"),
        ("MappedTwice", "bound", "or it is mapped twice"),
        ("NotMapped", "bound", "it was not mapped"),
        (
            "RateHuge",
            "alias",
            "settles on one action where only a mixture pays. Possible causes: steps that",
        ),
        ("NoZeroGrad", "alias", "gradients that add up over updates (zero_grad is missing)"),
        ("StateNotPassed", "memory", "not passed on"),
        ("StateDropped", "memory", "not passed on"),
        ("StateOfAnother", "memory", "passed to another environment"),
        ("StateNeverReset", "memory", "not reset to 0 where an episode begins"),
    ],
)
def test_the_table_names_the_broken_part(agent, name, meaning):
    result = probe(getattr(broken_agents, agent), probes=[BY_NAME[name]])[name]
    assert result.broken
    assert meaning in result.meaning, result


def test_every_name_of_the_package_in_the_advice_exists():
    """Each `pg_edu.name` in a string of symptoms.py can be imported from pg_edu."""
    nodes = ast.walk(ast.parse(inspect.getsource(symptoms)))
    texts = [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    names = set(re.findall(r"pg_edu\.(\w+)", " ".join(texts)))
    assert "forbid_outer_broadcast" in names
    assert [name for name in names if not hasattr(pg_edu, name)] == []


def test_a_failure_that_an_earlier_one_explains_refers_to_it():
    report = probe(broken_agents.SignFlipped, probes=[PROBES[0], PROBES[1], PROBES[6]])
    assert report.failed == ("two actions", "bound")
    assert report["bound"].meaning == "See two actions first."
    assert repr(report).endswith("Look first at: two actions.")


def test_a_policy_without_values_treats_truncation_as_termination_and_that_is_known():
    """Without the attribute `rew_norm`, a policy has no value to add, so this is no failure."""

    class NoValue(PGPolicy):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            del self.rew_norm

        def process_fn(self, batch, buffer, indices):
            self.rew_norm = False
            try:
                return super().process_fn(batch, buffer, indices)
            finally:
                del self.rew_norm

    report = probe(NoValue, probes=[BY_NAME["time limit"]])
    assert report["time limit"].verdict == "known"
    assert report.failed == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"make_policy": "PGPolicy"}, "make_policy is of type str"),
        ({"make_policy": torch.nn.Linear(1, 1)}, "each probe needs a policy of its own"),
        ({"make_policy": PGPolicy, "updates": 3}, "updates is 3, but it must be at least 25"),
        ({"make_policy": PGPolicy, "seed": -1}, "seed is -1, but it must be at least 0"),
    ],
)
def test_a_bad_argument_is_refused_by_name(given, message):
    with pytest.raises(ValueError, match=message):
        probe(**given)


def test_a_policy_that_cannot_be_made_is_an_error_in_the_table():
    def no_policy(observation_space: gym.Space, action_space: gym.Space) -> None:
        raise RuntimeError("no policy\nfor these spaces")

    result = probe(no_policy, probes=PROBES[:1])["single action"]
    assert result.verdict == "ERROR"
    assert result.meaning == "RuntimeError: no policy for these spaces"
