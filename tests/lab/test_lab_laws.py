"""The three laws, and the bugs that each of them finds in estimators and in real agents."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from pg_edu import PGPolicy
from pg_edu.lab.exact.agent import parameter_step, pgpolicy_step
from pg_edu.lab.exact.estimators import (
    RIGHT,
    WRONG,
    minus_value,
    reward_to_go,
    sum_per_episode,
    times_gamma_t,
)
from pg_edu.lab.exact.laws import (
    LAWS,
    TASKS,
    _t_test,
    laws,
    sampled_laws,
    with_return_shift,
    with_reward_scale,
)
from pg_edu.lab.exact.tasks import coins, invest, length_bias, stop_or_go
from tests.lab.by_hand import returns_to_go

# The laws that each wrong estimator breaks, and no others.
BROKEN = {
    "mean over steps": ("shift", "batch size"),
    "mean per episode": ("shift",),
    "[B, 1] * [B]": ("shift", "batch size"),
    "standardized per episode": ("scale",),
    "standardized per batch": ("scale", "batch size"),
    "own mean over steps": ("batch size",),
    "own mean per time": ("batch size",),
    "own mean of the alive": ("batch size",),
    "leave-one-out, steps dropped": ("batch size",),
}
MEANING = {
    "mean over steps": "a mean over the steps of all episodes",
    "mean per episode": "a mean over the steps of each episode",
    "[B, 1] * [B]": "each return multiplies every log-probability",
    "standardized per episode": "divided by their own spread",
    "standardized per batch": "divided by their own spread",
    "own mean over steps": "part of the mean that is subtracted from it",
    "own mean per time": "part of the mean that is subtracted from it",
    "own mean of the alive": "part of the mean that is subtracted from it",
    "leave-one-out, steps dropped": "steps dropped where no other",
}


# Shifted and scaled rewards.


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_a_shift_adds_one_constant_to_every_return(gamma):
    """G'ₜ = Gₜ + c for all t, in episodes of any length; the original stays as it was."""
    for e in length_bias().episodes()[1]:
        before = e.rew.copy()
        shifted = with_return_shift(e, 3.0, gamma)
        expected = np.array(returns_to_go(e.rew, gamma)) + 3.0
        np.testing.assert_allclose(returns_to_go(shifted.rew, gamma), expected, atol=1e-14)
        np.testing.assert_array_equal(e.rew, before)


def test_a_constant_on_every_reward_changes_the_objective_if_lengths_differ():
    """E[g] changes by c ∇E[T], which is not 0 in stop-or-go, and is 0 where T is fixed."""

    def moved(mdp):
        more = replace(mdp, reward=mdp.reward + 1.0)
        return more.gradient() - mdp.gradient()

    assert np.abs(moved(stop_or_go())).max() > 0.5
    np.testing.assert_allclose(moved(coins(3)), 0, atol=1e-14)


def test_scaling_multiplies_every_reward():
    e = length_bias().episodes()[1][5]
    np.testing.assert_array_equal(with_reward_scale(e, 3.0).rew, 3 * e.rew)


# By enumeration.


@pytest.mark.parametrize("name", RIGHT)
def test_right_estimators_obey_all_three_laws(name):
    """The largest gap is below 1e-12 of |g|."""
    report = laws(RIGHT[name], tolerance=1e-12)
    assert report.broken == ()
    assert "No law is broken" in str(report)


@pytest.mark.parametrize("name", WRONG)
def test_the_report_on_a_wrong_estimator_names_the_broken_laws_and_the_cause(name):
    report = laws(WRONG[name])
    assert report.broken == BROKEN[name]
    assert MEANING[name] in report.meaning
    assert all(report[law].size > 0.05 for law in report.broken)
    assert all(report[law].size < 1e-6 for law in LAWS if law not in report.broken)


def test_the_size_of_a_violation_is_the_difference_of_the_two_sides():
    """Stop-or-go at N = 1: |E[g(G + 1)] - E[g(G)]| over the root mean square of |g|."""
    report = laws(WRONG["mean over steps"], tasks={"it": stop_or_go()}, sizes=(1, 2))
    # g = ±(1, -1)/2 · G₀/T, where G₀/T is 1 or 2.4/4, shifted 2 or 3.4/4, with probability 1/2.
    rms = max(np.sqrt((a**2 + b**2) / 4) for a, b in [(1, 0.6), (2, 0.85)])
    at_one = abs((2 - 0.85) - (1 - 0.6)) / 4 * np.sqrt(2) / rms
    assert report["shift"].size == pytest.approx(at_one, abs=1e-12)
    assert report["shift"].where == "it, N = 1"


@pytest.mark.parametrize("gamma", [0.5, 0.9])
def test_discounted_estimators_obey_the_laws_for_their_own_gamma(gamma):
    """γᵗ Gₜ is right for ∇E[Σ γᵗ rₜ]; without γᵗ the direction is another, but no law notices."""
    ways = [
        lambda b: sum_per_episode(b, times_gamma_t(reward_to_go(b, gamma), gamma)),
        lambda b: sum_per_episode(b, reward_to_go(b, gamma)),
    ]
    assert all(laws(g, gamma=gamma, tolerance=1e-12).broken == () for g in ways)


def test_a_value_baseline_obeys_the_laws():
    value = np.array([0.3, -1.0, 2.0, 0.7])
    g = lambda b: sum_per_episode(b, minus_value(reward_to_go(b), b, value))  # noqa: E731
    assert laws(g, tolerance=1e-12).broken == ()


def test_a_law_cannot_break_in_a_task_without_what_breaks_it():
    """With episodes of equal length the mean over steps is right up to a scale."""
    assert laws(WRONG["mean over steps"], tasks={"coins": coins(2)}).broken == ()


def test_pgpolicy_breaks_the_laws_of_the_mean_over_steps():
    few = {name: TASKS[name] for name in ("a bandit", "stop-or-go")}
    report = laws(pgpolicy_step(), tasks=few, sizes=(1, 2))
    assert report.broken == ("shift", "batch size")
    assert "a mean over the steps of all episodes" in report.meaning


def test_standardized_returns_break_the_law_of_scale():
    """A PGPolicy that standardizes the returns of its batch."""

    class Standardized(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            batch = super().process_fn(batch, buffer, indices)
            batch.returns = (batch.returns - batch.returns.mean()) / (batch.returns.std() + 1e-8)
            return batch

    few = {"stop-or-go": stop_or_go()}
    assert "scale" in laws(pgpolicy_step(Standardized), tasks=few, sizes=(1, 2)).broken


def test_an_estimate_that_is_not_finite_breaks_every_law():
    """The standard deviation of one number is NaN with the N - 1 of torch."""

    def g(batch):
        everything = torch.tensor(np.concatenate(reward_to_go(batch)))
        if len(everything) == 1:
            return np.full_like(batch[0].logits, np.nan)
        scale = float(everything.std(correction=1)) + 1e-8
        return sum_per_episode(batch, [w / scale for w in reward_to_go(batch)])

    report = laws(g, tasks={"a bandit": TASKS["a bandit"]})
    assert set(report.broken) == set(LAWS)
    assert "not finite" in str(report) and "std of one number" in report.meaning


# By sampling.


def collector(task, seed=0):
    rng = np.random.default_rng(seed)
    return lambda n: task.sample(n, rng)


@pytest.mark.parametrize("name", RIGHT)
def test_right_estimators_are_not_accused(name):
    report = sampled_laws(RIGHT[name], collector(stop_or_go()), replications=200)
    assert report.broken == ()


@pytest.mark.parametrize("name", WRONG)
def test_wrong_estimators_are_detected(name):
    """Stop-or-go is a task in which all of them break their laws."""
    report = sampled_laws(WRONG[name], collector(stop_or_go()), sizes=(1, 3), replications=400)
    assert report.broken == BROKEN[name]


def test_the_stated_error_rate_is_kept():
    """Skewed differences with mean 0 in 20 dimensions are accused in at most the stated 10%."""
    rng = np.random.default_rng(0)
    accused = 0
    for _ in range(400):
        rows = rng.exponential(size=(100, 20)) - 1
        accused += not _t_test("shift", rows, unit=1.0, error_rate=0.1).holds
    assert accused < 400 * 0.1 + 3 * np.sqrt(400 * 0.1 * 0.9)


def test_a_violation_in_one_of_many_dimensions_is_detected_and_measured():
    """The mean difference is .5 in one of 200 dimensions."""
    rows = np.random.default_rng(1).normal(size=(4000, 200))
    rows[:, 7] += 0.5
    found = _t_test("shift", rows, unit=2.0, error_rate=0.001)
    assert not found.holds
    assert found.size == pytest.approx(0.25, rel=0.2)


def test_rounding_is_not_a_violation():
    """Every difference is 1e-7 of |g|, with variance 0."""
    assert _t_test("scale", np.full((100, 3), 1e-7), unit=1.0, error_rate=0.01).holds


def test_a_violation_with_variance_0_is_detected():
    assert not _t_test("scale", np.full((100, 3), 0.1), unit=1.0, error_rate=0.01).holds


def test_a_report_says_what_would_have_been_detected():
    report = sampled_laws(RIGHT["reward-to-go"], collector(stop_or_go()), replications=300)
    assert "would probably have been detected" in str(report)
    assert "300 batches of 4 episodes" in report.method


# Other agents.


@dataclass
class Walk:
    """An episode of another library: observations [T, 2], actions [T], rewards [T]."""

    obs: torch.Tensor
    act: torch.Tensor
    rew: np.ndarray


def walks(net, seed):
    """Action 0 goes home and pays 1; step k away pays k/2, for at most four steps."""
    rng = np.random.default_rng(seed)
    seen = torch.tensor([[k / 4, 1.0] for k in range(4)], dtype=torch.float64)
    home = torch.softmax(net(seen), -1)[:, 0].tolist()

    def collect(n):
        found = []
        for _ in range(n):
            act = [int(rng.random() > home[0])]
            while act[-1] == 1 and len(act) < 4:
                act.append(int(rng.random() > home[len(act)]))
            rew = np.where(act, 0.5 * np.arange(1, len(act) + 1), 1.0)
            found.append(Walk(seen[: len(act)], torch.tensor(act), rew))
        return found

    return collect


def agent(loss):
    """Return a network of two layers, and its SGD step on a loss of the episodes."""
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    optim = torch.optim.SGD(net.parameters(), lr=0.01)

    def update(episodes):
        optim.zero_grad()
        log_prob = torch.log_softmax(net(torch.cat([e.obs for e in episodes])), dim=-1)
        log_prob = log_prob.gather(1, torch.cat([e.act for e in episodes])[:, None])[:, 0]
        returns = np.concatenate([np.cumsum(e.rew[::-1])[::-1] for e in episodes])
        lengths = [len(e.rew) for e in episodes]
        loss(log_prob, torch.tensor(returns), lengths).backward()
        optim.step()

    return net, parameter_step(net, update)


def summed(log_prob, returns, lengths):
    return -(log_prob * returns).sum() / len(lengths)


def per_episode(log_prob, returns, lengths):
    return -sum(x.mean() for x in (log_prob * returns).split(lengths)) / len(lengths)


def outer(log_prob, returns, lengths):
    return -(log_prob[:, None] * returns).mean()


def standardized(log_prob, returns, lengths):
    scale = returns.std(correction=0) + 1e-6
    return summed(log_prob, (returns - returns.mean()) / scale, lengths)


@pytest.mark.parametrize(
    ("loss", "broken"),
    [
        (summed, ()),
        (per_episode, ("shift",)),
        (outer, ("shift", "batch size")),
        (standardized, ("scale", "batch size")),
    ],
)
def test_the_laws_test_a_torch_agent_in_its_own_environment(loss, broken):
    """A network, SGD and episodes of another type."""
    net, step = agent(loss)
    report = sampled_laws(step, walks(net, seed=0), sizes=(1, 3), replications=150)
    assert report.broken == broken


# Bad input.


def test_a_single_batch_size_raises():
    with pytest.raises(ValueError, match="at least two"):
        laws(RIGHT["reward-to-go"], sizes=(2, 2))
    with pytest.raises(ValueError, match="at least two"):
        sampled_laws(RIGHT["reward-to-go"], collector(invest(5)), sizes=(0, 2))


def test_collecting_the_wrong_number_of_episodes_raises():
    collect = collector(stop_or_go())
    with pytest.raises(ValueError, match=r"collect\(4\) must return 4 episodes, but returned 3"):
        sampled_laws(RIGHT["reward-to-go"], lambda n: collect(3))


def test_episodes_without_rewards_raise():
    with pytest.raises(TypeError, match="attribute rew, got dict"):
        with_return_shift({"rew": [1.0]}, 1.0)
