"""The estimators of the course, judged exactly: which are right, and how wrong the others are."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical

from pg_edu import PGPolicy
from pg_edu.lab.exact.agent import parameter_step, pgpolicy_step
from pg_edu.lab.exact.estimators import (
    RIGHT,
    WRONG,
    best_constant,
    broadcast,
    cut,
    mean_over_steps,
    mean_per_episode,
    minus_alive_mean,
    minus_batch_mean,
    minus_constant,
    minus_leave_one_out,
    minus_leave_one_out_dropping,
    minus_time_mean,
    minus_value,
    reward_to_go,
    standardized_per_batch,
    standardized_per_episode,
    sum_per_episode,
    times_gamma_t,
    total_return,
)
from pg_edu.lab.exact.judge import judge
from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.exact.tasks import (
    bandit,
    coins,
    contexts,
    forced_minus_5,
    length_bias,
    patience,
    stop_or_go,
    two_decisions,
)
from tests.lab.by_hand import discounted_sum

BANDIT = bandit([1.0, 0.0, 5.0], [0.5, -0.3, 0.1])
# Random ends, aliased observations and a time limit: nothing about it is special.
CUT_AT_2 = MDP(
    start=[0.6, 0.4],
    transition=[[[0.5, 0.2], [0.1, 0.6]], [[0.3, 0.3], [0.0, 0.9]]],
    reward=[[1.0, -0.5], [0.3, 2.0]],
    logits=[[0.3, -0.2]],
    gamma=0.8,
    observation=[0, 0],
    limit=2,
)
TASKS = {
    "bandit": BANDIT,
    "contexts": contexts(),
    "stop or go": stop_or_go(0.3),
    "length bias": length_bias(),
    "two decisions": replace(two_decisions(), gamma=1.0),
    "forced -5": forced_minus_5(),
    "cut": CUT_AT_2,
}


def sums_step_by_step(batch, weight):
    """Σₜ ∇log π(aₜ|sₜ) weight(episode, t) of each episode, [N, O, A], one step after another."""
    return [sum(weight(e, t) * e.score[t] for t in range(len(e))) for e in batch]


# Right and wrong estimators.


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("n", [1, 2])
def test_the_expectation_of_a_right_estimator_is_the_gradient(name, task, n):
    """E[g] = ∇E[Σ rₜ], for every task and N."""
    mdp = TASKS[task]
    assert judge(RIGHT[name], mdp.batches(n), mdp.gradient("undiscounted")).unbiased


@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_estimator_is_biased_in_some_task(name):
    """|E[g] - ∇J| > 1% of |∇J| for some task and N."""
    errors = []
    for mdp in TASKS.values():
        truth = mdp.gradient("undiscounted")
        for n in (1, 2):
            found = judge(WRONG[name], mdp.batches(n), truth)
            errors.append(np.linalg.norm(found.bias) / np.linalg.norm(truth))
    assert max(errors) > 0.01


def test_the_discounted_gradient_needs_gamma_t_or_the_total_return():
    """∇E[Σ γᵗ rₜ] = E[Σₜ ∇log π γᵗ Gₜ] = E[Σₜ ∇log π G₀], but not without γᵗ."""
    mdp, gamma = CUT_AT_2, CUT_AT_2.gamma
    ways = {
        "with": lambda b: sum_per_episode(b, times_gamma_t(reward_to_go(b, gamma), gamma)),
        "total": lambda b: sum_per_episode(b, total_return(b, gamma)),
        "without": lambda b: sum_per_episode(b, reward_to_go(b, gamma)),
    }
    found = {name: judge(g, mdp.batches(1), mdp.gradient()) for name, g in ways.items()}
    assert found["with"].unbiased and found["total"].unbiased and not found["without"].unbiased
    np.testing.assert_allclose(found["without"].expectation, mdp.without_gamma_t(), atol=1e-14)


def test_any_function_of_the_state_is_an_unbiased_baseline():
    """E[Σₜ ∇log π(aₜ|sₜ) V(sₜ)] = 0 for any V."""
    mdp = length_bias()
    value = np.array([1.0, -2.0, 0.5, 3.0])
    found = judge(
        lambda b: sum_per_episode(b, minus_value(reward_to_go(b), b, value)),
        mdp.batches(1),
        mdp.gradient(),
    )
    assert found.unbiased


def test_the_value_that_is_subtracted_is_that_of_the_state_not_of_the_observation():
    """wₜ - V(sₜ), where three states share an observation."""
    _, *long = length_bias().episodes()[1]
    for e in long:
        (found,) = minus_value(reward_to_go([e]), [e], np.array([1.0, 10.0, 100.0, 1000.0]))
        np.testing.assert_allclose(found, reward_to_go([e])[0] - [1, 10, 100, 1000], atol=1e-12)


def test_no_constant_has_less_variance_than_the_best_one():
    """Var[Σ ∇log π (G - b)] is a parabola in b; three points determine its vertex."""
    for mdp in (BANDIT, length_bias()):

        def variance(b, mdp=mdp):
            g = lambda x: sum_per_episode(x, minus_constant(reward_to_go(x), b))  # noqa: E731
            return judge(g, mdp.batches(1), mdp.gradient()).variance

        left, middle, right = variance(-1.0), variance(0.0), variance(1.0)
        vertex = (left - right) / (2 * (left - 2 * middle + right))
        probability, episodes = mdp.episodes()
        found = best_constant(probability, episodes, reward_to_go(episodes))
        assert found == pytest.approx(vertex, abs=1e-10)


# Single weights and averages.

WEIGHTS = [np.array([3.0, 1.0, 2.0]), np.array([5.0]), np.array([4.0, 0.0])]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (partial(minus_constant, b=1.0), [[2, 0, 1], [4], [3, -1]]),
        (partial(times_gamma_t, gamma=0.5), [[3, 0.5, 0.5], [5], [4, 0]]),
        (minus_leave_one_out, [[-1.5, 1, 2], [1.5], [0, -0.5]]),
        (minus_leave_one_out_dropping, [[-1.5, 1, 0], [1.5], [0, -1]]),
        (minus_time_mean, [[-1, 2 / 3, 4 / 3], [1], [0, -1 / 3]]),
        (minus_alive_mean, [[-1, 0.5, 0], [1], [0, -0.5]]),
        (minus_batch_mean, [[0.5, -1.5, -0.5], [2.5], [1.5, -2.5]]),
    ],
)
def test_weights_change_as_the_equation_says(change, expected):
    """Three episodes of 3, 1 and 2 steps, computed by hand."""
    for found, row in zip(change(WEIGHTS), expected, strict=True):
        np.testing.assert_allclose(found, row, atol=1e-14)


def test_standardized_weights_have_mean_0_and_standard_deviation_1():
    """Within each episode, or within the batch; a single number becomes 0."""
    batch = np.concatenate(standardized_per_batch(WEIGHTS))
    np.testing.assert_allclose([batch.mean(), batch.std()], [0, 1], atol=1e-7)
    first, second, _ = standardized_per_episode(WEIGHTS)
    np.testing.assert_allclose([first.mean(), first.std()], [0, 1], atol=1e-7)
    np.testing.assert_array_equal(second, 0)


def test_averages_divide_by_what_their_names_say():
    """By N; by B; by each T and by N; and the product of two means."""
    mdp = length_bias()
    batch = [mdp.episodes()[1][k] for k in (0, 3, 7)]
    weights = reward_to_go(batch)
    lengths = [1, 4, 4]
    sums = sums_step_by_step(batch, lambda e, t: e.rew[t:].sum())
    scores = sums_step_by_step(batch, lambda e, t: 1.0)
    everything = np.mean([e.rew[t:].sum() for e in batch for t in range(len(e))])
    np.testing.assert_allclose(sum_per_episode(batch, weights), sum(sums) / 3, atol=1e-14)
    np.testing.assert_allclose(mean_over_steps(batch, weights), sum(sums) / 9, atol=1e-14)
    per_episode = sum(s / n for s, n in zip(sums, lengths, strict=True)) / 3
    np.testing.assert_allclose(mean_per_episode(batch, weights), per_episode, atol=1e-14)
    np.testing.assert_allclose(broadcast(batch, weights), sum(scores) / 9 * everything, atol=1e-14)


def test_an_episode_that_is_cut_loses_its_later_rewards():
    """Of episodes of 1 and 4 steps, 3 steps are kept: the second one's returns stop after two."""
    short, long = stop_or_go().episodes()[1]
    pieces = cut([short, long, short], 3)
    assert [len(e) for e in pieces] == [1, 2]
    assert [e.terminated for e in pieces] == [True, False]
    np.testing.assert_allclose(np.concatenate(reward_to_go(pieces)), [1.0, 1.2, 0.6])
    assert [e.terminated for e in cut([short, long], 5)] == [True, True]


def test_an_episode_that_begins_where_the_others_are_cut_is_left_out():
    """Episodes of 1 and 4 steps fill five steps, so the third one has none."""
    short, long = stop_or_go().episodes()[1]
    assert [len(e) for e in cut([short, long, short], 5)] == [1, 4]
    assert [len(e) for e in cut([short, short], 1)] == [1]


def test_cutting_many_episodes_has_the_distribution_of_the_windows():
    """`cut` of as many episodes as there are steps, against `windows`."""

    def summary(batch):
        return np.array([e.rew.sum() * (2 + e.terminated) for e in batch] + [0] * 3)[:3]

    mdp, steps = replace(two_decisions(), gamma=1.0), 3
    by_cutting = judge(lambda b: summary(cut(b, steps)), mdp.batches(steps), np.zeros(3))
    by_windows = judge(summary, mdp.windows(steps), np.zeros(3))
    np.testing.assert_allclose(by_cutting.expectation, by_windows.expectation, atol=1e-14)
    np.testing.assert_allclose(by_cutting.covariance, by_windows.covariance, atol=1e-14)


# Known numbers.


def bandit_variance(b):
    g = lambda x: sum_per_episode(x, minus_constant(reward_to_go(x), b))  # noqa: E731
    return judge(g, BANDIT.batches(1), BANDIT.gradient()).variance


def test_a_baseline_can_lower_the_variance_or_raise_it():
    """No baseline 4.71, V 1.779, the best constant 1.772, b = 10 40.7."""
    probability, episodes = BANDIT.episodes()
    best = best_constant(probability, episodes, reward_to_go(episodes))
    found = [bandit_variance(b) for b in (0.0, BANDIT.J(), best, 10.0)]
    np.testing.assert_allclose(found, [4.706, 1.779, 1.772, 40.7], rtol=1e-3)


def test_leave_one_out_raises_the_variance_with_two_episodes_and_lowers_it_with_three():
    """N times the trace of the covariance is 5.72 at N = 2, against 4.71 without a baseline."""
    variances = [
        n * judge(RIGHT["leave-one-out"], BANDIT.batches(n), BANDIT.gradient()).variance
        for n in (2, 3)
    ]
    assert variances[0] == pytest.approx(5.72, abs=0.005)
    assert variances[1] < 4.706


def test_broadcasting_divides_by_n_and_loses_signal():
    """E[g] = ∇J / N, and the SNR is .39, .30, .26 at N = 2, 4, 6."""
    for n, snr in ((2, 0.39), (4, 0.30), (6, 0.26)):
        found = judge(WRONG["[B, 1] * [B]"], BANDIT.batches(n, symmetric=True), BANDIT.gradient())
        np.testing.assert_allclose(n * found.expectation, BANDIT.gradient(), atol=1e-13)
        assert found.snr == pytest.approx(snr, abs=0.005)


@pytest.mark.parametrize("task", ["bandit", "length bias"])
def test_the_broadcast_mean_and_the_centered_mean_add_up_to_the_mean_over_steps(task):
    """mean(z G) = mean(z) mean(G) + mean(z (G - mean G)) with z = ∇log π, for every batch."""
    for _, batch in TASKS[task].batches(2):
        weights = reward_to_go(batch)
        parts = broadcast(batch, weights) + mean_over_steps(batch, minus_batch_mean(weights))
        np.testing.assert_allclose(mean_over_steps(batch, weights), parts, atol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("task", ["bandit", "length bias", "two decisions"])
def test_a_zero_padded_own_mean_shrinks_the_gradient_by_one_in_n(task, n):
    """E[g] = (1 - 1/N) ∇J."""
    mdp = TASKS[task]
    truth = mdp.gradient("undiscounted")
    found = judge(WRONG["own mean per time"], mdp.batches(n), truth)
    np.testing.assert_allclose(found.expectation, (1 - 1 / n) * truth, atol=1e-14)


def test_more_episodes_help_the_mean_over_steps_but_not_the_mean_per_episode():
    """Cosine .20 for the mean per episode at every N; .20, .46, .68, .81 for that over steps."""
    mdp = length_bias()
    for n, cosine in ((1, 0.20), (2, 0.46), (3, 0.68), (4, 0.81)):
        batches = list(mdp.batches(n, symmetric=True))
        steps = judge(WRONG["mean over steps"], batches, mdp.gradient())
        assert steps.cosine == pytest.approx(cosine, abs=0.005)
        episode = judge(WRONG["mean per episode"], batches, mdp.gradient())
        assert episode.cosine == pytest.approx(0.196, abs=0.001)


def test_reward_to_go_can_have_more_variance_than_the_total_return():
    """In forced -5 the variances are 5.73 and .109."""
    task = forced_minus_5()
    togo = judge(RIGHT["reward-to-go"], task.batches(1), task.gradient())
    total = judge(RIGHT["total return"], task.batches(1), task.gradient())
    assert togo.variance == pytest.approx(5.73, abs=0.005)
    assert total.variance == pytest.approx(0.109, abs=0.0005)


@pytest.mark.parametrize("steps", [2, 3, 5])
def test_the_variance_grows_with_the_square_of_the_length_but_linearly_with_a_value(steps):
    """Coins: variance / |∇J|² is T² + T - 1, to go (T² + 3T - 1)/3, and minus V (T - 1)/2."""
    mdp = coins(steps)
    value = mdp.value()
    ways = {
        "total": (lambda b: sum_per_episode(b, total_return(b)), steps**2 + steps - 1),
        "to go": (lambda b: sum_per_episode(b, reward_to_go(b)), (steps**2 + 3 * steps - 1) / 3),
        "value": (
            lambda b: sum_per_episode(b, minus_value(reward_to_go(b), b, value)),
            (steps - 1) / 2,
        ),
    }
    for g, expected in ways.values():
        found = judge(g, mdp.batches(1), mdp.gradient())
        assert found.variance / np.sum(found.truth**2) == pytest.approx(expected, abs=1e-11)


def test_the_collectors_cut_can_reverse_the_gradient():
    """Patience, windows of 2 to 8 steps from the start: cosines -.68, -.03, .80, .94."""
    mdp = patience()
    g = WRONG["mean over steps"]
    cosines = [judge(g, mdp.windows(w), mdp.gradient()).cosine for w in (2, 4, 6, 8)]
    np.testing.assert_allclose(cosines, [-0.679, -0.030, 0.800, 0.938], atol=0.001)


# PGPolicy's own update.


def mean_step_by_step(batch, gamma):
    """The mean over steps of ∇log π Gₜ, one step after another."""

    def to_go(e, t):
        return discounted_sum(e.rew[t:], gamma)

    return sum(sums_step_by_step(batch, to_go)) / sum(len(e) for e in batch)


@pytest.mark.parametrize("task", TASKS)
def test_pgpolicys_step_is_the_mean_over_steps_of_every_batch(task):
    """Its parameters move by (1/B) Σᵢ Σₜ ∇log π Gₜ with lr = 1, up to float32 returns."""
    step = pgpolicy_step(discount_factor=0.8)
    for _, batch in list(TASKS[task].batches(2))[::7]:
        np.testing.assert_allclose(step(batch), mean_step_by_step(batch, 0.8), atol=2e-7)


def test_if_lengths_are_equal_pgpolicys_step_is_the_gradient_over_t():
    """E[step] = ∇J / T, for discount_factor = 1."""
    mdp = coins(3)
    for n in (1, 2):
        found = judge(pgpolicy_step(), mdp.batches(n, symmetric=True), mdp.gradient())
        np.testing.assert_allclose(found.expectation, mdp.gradient() / 3, atol=1e-7)


def test_with_a_discount_pgpolicys_step_is_the_sum_without_gamma_t_over_t():
    """E[step] = E[Σₜ ∇log π Gₜ] / T, which is not ∇J / T."""
    mdp = replace(forced_minus_5(), gamma=0.5)
    found = judge(pgpolicy_step(discount_factor=0.5), mdp.batches(1), mdp.gradient())
    np.testing.assert_allclose(found.expectation, mdp.without_gamma_t() / 2, atol=1e-6)
    assert not np.allclose(found.expectation, mdp.gradient() / 2, atol=1e-2)


def test_if_lengths_differ_pgpolicys_step_may_even_have_the_wrong_sign():
    """Stop-or-go, E[step of logit(stop)] / (p (1 - p)); the truth is -1.4 / E[T] = -.56."""
    mdp = stop_or_go()
    step = pgpolicy_step()
    unit = 0.25  # p (1 - p)
    assert mdp.gradient()[0, 0] / unit / 2.5 == pytest.approx(-0.56, abs=1e-12)
    expected = {1: 0.40, 2: -0.08, 4: -0.356, 8: -0.471, 64: -0.550}
    for n, value in expected.items():
        found = judge(step, mdp.batches(n, symmetric=True), mdp.gradient())
        assert found.expectation[0, 0] / unit == pytest.approx(value, abs=5e-4)


def test_pgpolicy_learns_from_a_constant_return():
    """Return 1 at every step: .75, .375, .16, .07 p (1 - p) at N = 1, 2, 4, 8 instead of 0."""
    task = stop_or_go()
    reward = np.zeros((4, 2))
    reward[0, 0] = reward[3] = 1.0
    mdp = replace(task, reward=reward)
    for n, value in ((1, 0.75), (2, 0.375), (4, 0.16), (8, 0.07)):
        found = judge(pgpolicy_step(), mdp.batches(n, symmetric=True), mdp.gradient())
        assert found.expectation[0, 0] / 0.25 == pytest.approx(value, abs=0.005)


def test_minibatches_of_one_row_sum_over_steps():
    """batch_size = 1 and a small lr: E[step] / lr = -1.4 p (1 - p), whatever the lengths."""
    small = pgpolicy_step(make_optim=lambda x: torch.optim.SGD(x, lr=1e-5), batch_size=1)
    mdp = stop_or_go()
    found = judge(small, mdp.batches(1), mdp.gradient())
    assert found.expectation[0, 0] / 1e-5 / 0.25 == pytest.approx(-1.4, abs=1e-3)


@pytest.mark.parametrize(("n", "stops"), [(1, True), (8, False)])
def test_with_one_episode_per_update_pgpolicy_learns_the_worse_action(n, stops):
    """Real updates with lr = .2 lead to p(stop) > .9 at N = 1, and < .1 at N = 8."""
    task, step, rng = stop_or_go(), pgpolicy_step(), np.random.default_rng(0)
    for _ in range(400):
        task = task.at(task.logits + 0.2 * step(task.sample(n, rng)))
    p = task.policy[0, 0]
    assert (p > 0.9) if stops else (p < 0.1)


def test_a_step_depends_on_the_batch_alone_unless_told_to_remember():
    """Adam and the running statistics of returns forget between calls."""

    def adam(parameters):
        return torch.optim.Adam(parameters, lr=0.1)

    batch = TASKS["length bias"].episodes()[1]
    for remember in (False, True):
        step = pgpolicy_step(make_optim=adam, reward_normalization=True, remember=remember)
        first, second = step(batch[:3]), step(batch[:3])
        assert np.array_equal(first, second) == (not remember)


def test_a_subclass_of_pgpolicy_can_be_judged():
    """Returns divided by 2 in `process_fn`: half the step."""

    class Half(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            batch = super().process_fn(batch, buffer, indices)
            batch.returns = batch.returns / 2
            return batch

    batch = length_bias().episodes()[1][:4]
    np.testing.assert_allclose(pgpolicy_step(Half)(batch), pgpolicy_step()(batch) / 2, atol=1e-7)


def test_only_the_last_episode_of_a_batch_may_be_unfinished():
    """Others are truncated: their returns do not run on into the next episode."""
    mdp = patience()
    step = pgpolicy_step()
    for _, batch in list(mdp.windows(4))[::7]:
        both = [*batch, *batch]
        np.testing.assert_allclose(step(both), mean_step_by_step(both, 1.0), atol=1e-6)


def test_the_flags_in_the_buffer_are_those_of_the_episodes():
    """A terminated, a truncated and an unfinished episode: only the last step is not done."""
    seen = []

    class Looks(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            seen.append((batch.terminated.tolist(), batch.truncated.tolist()))
            return super().process_fn(batch, buffer, indices)

    short, long = stop_or_go().episodes()[1]
    unfinished = replace(short, terminated=False)
    step = pgpolicy_step(Looks)
    step([short, replace(short, terminated=False, truncated=True), unfinished])
    step([long, unfinished, unfinished])
    assert seen[0] == ([True, False, False], [False, True, False])
    assert seen[1] == ([False] * 3 + [True, False, False], [False] * 4 + [True, False])


def test_a_second_step_on_the_batch_is_added_to_the_first():
    """repeat = 2: the second gradient is that of the same rows at the logits after the first."""
    batch = BANDIT.episodes()[1]
    first = mean_step_by_step(batch, 1.0)
    moved = [replace(e, logits=BANDIT.logits + first) for e in batch]
    expected = first + mean_step_by_step(moved, 1.0)
    np.testing.assert_allclose(pgpolicy_step(repeat=2)(batch), expected, atol=1e-6)


def test_parameter_step_restores_the_parameters_of_a_module():
    """It returns what SGD adds to the parameters, as a vector, and then undoes it."""
    torch.manual_seed(0)
    net = nn.Linear(2, 2)
    optim = torch.optim.SGD(net.parameters(), lr=1.0)

    def update(x):
        optim.zero_grad()
        Categorical(logits=net(x)).log_prob(torch.tensor([0])).sum().neg().backward()
        optim.step()

    before = [p.detach().clone() for p in net.parameters()]
    x = torch.tensor([[1.0, -2.0]])
    p = torch.softmax(net(x), -1).detach()[0]
    found = parameter_step(net, update)(x)
    score = np.array([1 - p[0], -p[1]])
    np.testing.assert_allclose(
        found, np.concatenate([np.outer(score, x[0]).ravel(), score]), atol=1e-6
    )
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
