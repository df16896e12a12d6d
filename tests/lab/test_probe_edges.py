"""What the probes read from recorded figures, without training anything."""

import itertools
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Categorical, Independent, Normal

from pg_edu import PGPolicy
from pg_edu.lab.probes import PROBES, TrainingOver, probe
from pg_edu.lab.probes.contests import (
    CONTEST_GAMMA,
    DELAY_CONTESTS,
    LENGTHS_CONTESTS,
    ContestWorld,
    opposite,
)
from pg_edu.lab.probes.lending import LentEnv, Record
from pg_edu.lab.probes.readings import READINGS, contest_values, cosine, right_values
from pg_edu.lab.probes.watching import Watch
from pg_edu.lab.probes.weights import fit_at
from pg_edu.lab.probes.worlds import ALIAS, CONTEXTS, World, best_blind_value

BY_NAME = {each.name: each for each in PROBES}


# Contests and readings.


def played(world, number, action):
    """Return the rewards of one episode, with this action at the decision."""
    env = ContestWorld(world)
    for seed in itertools.count():
        env.reset(seed=seed)
        if env._drawn == number:
            break
    rewards, over = [], False
    while not over:
        _, reward, terminated, truncated, _ = env.step(action)
        rewards.append(reward)
        over = terminated or truncated
    return rewards, truncated


@pytest.mark.parametrize("world", [DELAY_CONTESTS, LENGTHS_CONTESTS], ids=["delay", "lengths"])
def test_a_contest_pays_what_its_arms_say_and_the_second_view_exchanges_the_actions(world):
    for number, action in itertools.product(range(2 * len(world)), (0, 1)):
        contest = world[number // 2]
        arm = contest.right if action == number % 2 else contest.wrong
        expected = (*contest.before, *arm.rewards)
        assert played(world, number, action) == (list(expected), arm.truncated)


@pytest.mark.parametrize("world", [DELAY_CONTESTS, LENGTHS_CONTESTS], ids=["delay", "lengths"])
def test_the_right_arm_has_the_larger_discounted_return(world):
    """Σ .6ᵏ rₖ, by a loop."""
    for contest in world:
        right, wrong = (
            sum(0.6**k * reward for k, reward in enumerate(arm.rewards)) for arm in contest.arms
        )
        assert right > wrong + 0.25


def test_the_episodes_of_delay_are_equally_long():
    lengths = {len(c.before) + len(arm.rewards) for c in DELAY_CONTESTS for arm in c.arms}
    assert lengths == {3}


HAVE_A_CAUSE_IN_LENGTHS = {
    "divided by length",
    "leak",
    "leak at truncation",
    "leak at termination",
    "value after termination",
    "value after every end",
}


@pytest.mark.parametrize("reading", sorted(set(READINGS) - {"right"}))
def test_each_wrong_reading_loses_or_does_not_decide_some_contest(reading):
    in_lengths = reading in HAVE_A_CAUSE_IN_LENGTHS
    world, start = (LENGTHS_CONTESTS, -2.0) if in_lengths else (DELAY_CONTESTS, 0.0)
    values = contest_values(READINGS[reading], world, CONTEST_GAMMA, start)
    assert values.min() < 0.05 * values.max()


def test_readings_that_a_person_confuses_are_far_apart():
    """cos < .95 between γ twice, no γ, the immediate reward and the wrong end."""
    names = ["right", "gamma twice", "undiscounted", "immediate", "backwards"]
    values = [contest_values(READINGS[n], DELAY_CONTESTS, CONTEST_GAMMA) for n in names]
    assert max(cosine(x, y) for x, y in itertools.combinations(values, 2)) < 0.95
    names = ["right", "leak", "leak at truncation", "value after every end", "divided by length"]
    values = [contest_values(READINGS[n], LENGTHS_CONTESTS, CONTEST_GAMMA, -2.0) for n in names]
    assert max(cosine(x, y) for x, y in itertools.combinations(values, 2)) < 0.95


@pytest.mark.parametrize("reading", READINGS)
def test_an_agent_with_a_reading_is_seen_to_have_it_whether_by_its_weights_or_by_its_wins(reading):
    values = contest_values(READINGS[reading], DELAY_CONTESTS, CONTEST_GAMMA)
    by_weights = fit_at(BY_NAME["delay"], 7 * values, "weights", CONTEST_GAMMA)
    by_wins = fit_at(BY_NAME["delay"], 4 * values, "wins", CONTEST_GAMMA)
    expected = pytest.approx(1.0 if values.any() else 0.0)
    assert by_weights.cosines[reading] == expected
    assert by_wins.cosines[reading] == expected


def test_right_values_are_discounted_sums():
    values = right_values((opposite(1.0, 2.0, 4.0),), 0.5)
    np.testing.assert_allclose(values, [[3.0, -3.0]])


# Lent environments.


def lent(budget=None):
    record = Record(1, budget=budget)
    return LentEnv(World(CONTEXTS), record), record


def test_a_step_after_an_end_is_counted_and_not_part_of_the_record():
    env, record = lent()
    env.reset(seed=0)
    env.step(0)
    for _ in range(3):
        env.step(0)
    assert (record.after_termination, record.after_truncation, record.clock()) == (3, 0, 1)


def test_a_loop_that_looks_at_terminated_alone_ends_after_a_truncation():
    env, record = LentEnv(ContestWorld(LENGTHS_CONTESTS), Record(1)), None
    record = env.record
    terminated = False
    for _ in range(100):
        env.reset()
        terminated = False
        while not terminated:
            *_, terminated, _, _ = env.step(0)
    assert record.after_truncation > 0
    assert record.after_termination == 0


def test_seeds_and_dropped_episodes_are_counted():
    env, record = LentEnv(ContestWorld(DELAY_CONTESTS), Record(1)), None
    record = env.record
    for _ in range(4):
        env.reset(seed=7)
        env.step(0)
    assert record.seeds == {(0, 7): 4}
    assert (record.resets, record.dropped) == (4, 3)


def test_a_loop_is_ended_when_its_budget_is_used_even_if_it_goes_on_after_errors():
    env, record = lent(budget=3)
    with pytest.raises(TrainingOver):
        while True:
            try:
                env.reset()
                env.step(0)
            except Exception:
                continue
    assert record.ended == 3


# Watching torch.


def test_the_weights_of_a_loss_are_read_with_its_mean_and_its_order():
    """-(1/B) Σ log π(aᵢ) Gᵢ has the weights Gᵢ / B."""
    logits = torch.zeros(4, 3, requires_grad=True)
    returns = torch.tensor([1.0, -2.0, 0.5, 8.0])
    with Watch() as watch:
        log_prob = Categorical(logits=logits).log_prob(torch.tensor([0, 1, 2, 0]))
        (-(log_prob * returns).mean()).backward()
    (scoring,) = watch.scorings
    assert scoring.weights is not None
    np.testing.assert_allclose(scoring.weights, returns / 4)
    assert not scoring.is_table


def test_of_nested_distributions_only_the_outer_one_is_noted():
    mean = torch.zeros(5, 2, requires_grad=True)
    with Watch() as watch:
        dist = Independent(Normal(mean, torch.ones(5, 2)), 1)
        dist.log_prob(dist.sample()).sum().backward()
    (scoring,) = watch.scorings
    assert scoring.params.shape == (5, 4) and scoring.values.shape == (5, 2)
    np.testing.assert_array_equal(scoring.weights, -np.ones(5))
    assert watch.last_draw is not None
    np.testing.assert_array_equal(watch.last_draw.values, scoring.values)


def test_a_log_probability_of_all_pairs_is_noted_as_a_table():
    logits = torch.zeros(4, 3, requires_grad=True)
    with Watch() as watch:
        log_prob = Categorical(logits=logits).log_prob(torch.zeros(4, 1, dtype=torch.long))
        log_prob.mean().backward()
    assert watch.scorings[0].is_table


@pytest.mark.parametrize(("clears", "left"), [(True, [False, False]), (False, [False, True])])
def test_gradients_that_are_left_from_the_last_step_are_noticed(clears, left):
    logits = torch.zeros(1, 3, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=0.1)
    with Watch() as watch:
        for _ in range(2):
            if clears:
                optimizer.zero_grad()
            (-Categorical(logits=logits).log_prob(torch.tensor([1]))).sum().backward()
            optimizer.step()
    assert [scoring.gradients_left for scoring in watch.scorings] == left


def test_gradients_of_a_critic_with_an_optimizer_of_its_own_are_not_those_of_the_actor():
    logits, value = (torch.zeros(1, 3, requires_grad=True) for _ in range(2))
    optimizers = [torch.optim.SGD([each], lr=0.1) for each in (logits, value)]
    with Watch() as watch:
        for _ in range(2):
            losses = (
                -Categorical(logits=logits).log_prob(torch.tensor([1])).sum(),
                (value - 1).square().sum(),
            )
            for optimizer, loss in zip(optimizers, losses, strict=True):
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    assert [scoring.gradients_left for scoring in watch.scorings] == [False, False]


def test_the_entropy_term_is_read_with_its_sign():
    logits = torch.zeros(4, 3, requires_grad=True)
    with Watch() as watch:
        (-0.5 * Categorical(logits=logits).entropy().sum()).backward()
    assert watch.entropy_weights == [2.0]


def test_torch_is_as_before_when_nobody_watches():
    before = Categorical.log_prob, Normal.sample, Independent.entropy
    with Watch():
        assert Categorical.log_prob is not before[0]
    assert (Categorical.log_prob, Normal.sample, Independent.entropy) == before


# Runs and reports.


def test_numpy_is_seeded_before_each_policy_is_made():
    drawn = []

    def make(observation_space, action_space):
        drawn.append(np.random.rand())
        raise RuntimeError

    for before, seed in ((0, 5), (1, 5)):
        np.random.seed(before)
        probe(make, probes=PROBES[:1], seed=seed)
    assert drawn[0] == drawn[1]


def test_the_random_generators_are_restored_after_an_interrupt_too():
    def interrupt(observation_space, action_space):
        raise KeyboardInterrupt

    torch.manual_seed(0)
    np.random.seed(0)
    expected = torch.rand(1).item(), np.random.rand()
    torch.manual_seed(0)
    np.random.seed(0)
    with pytest.raises(KeyboardInterrupt):
        probe(interrupt, seed=7)
    assert (torch.rand(1).item(), np.random.rand()) == expected


def test_a_probe_that_cannot_be_run_is_broken_and_its_line_has_a_dash():
    def no_policy(observation_space, action_space):
        raise RuntimeError("no policy")

    report = probe(no_policy, probes=PROBES[:2])
    assert report.failed == ("single action", "two actions")
    assert repr(report).endswith("Look first at: single action.")
    assert " -    1.750  ERROR" in repr(report["single action"])


def test_warnings_of_an_agent_are_shown():
    def warn(observation_space, action_space):
        warnings.warn("mine", stacklevel=1)
        raise RuntimeError

    with pytest.warns(UserWarning, match="mine"):
        probe(warn, probes=PROBES[:1])


def test_torch_is_not_watched_any_more_after_an_error():
    before = Categorical.log_prob

    class Fails(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            raise KeyError("returns")

    result = probe(Fails, probes=PROBES[:1])["single action"]
    assert result.meaning == "KeyError in Fails.process_fn: 'returns'"
    assert Categorical.log_prob is before


@pytest.mark.parametrize(("too_much", "score"), [(0.0, 1.0), (0.25, 0.0), (-0.25, 0.0)])
def test_where_there_is_no_choice_only_the_exact_return_passes(too_much, score):
    """A larger return is as wrong as a smaller one: a row was counted twice, for example."""
    each = BY_NAME["single action"]
    assert each.score(each.optimum + too_much) == score


# Environments.


def test_a_world_does_not_change_with_the_observations_that_it_has_returned():
    env = World(CONTEXTS)
    obs, _ = env.reset(seed=0)
    first = obs.copy()
    obs[:] = 7
    last, *_ = env.step(0)
    expected = last.copy()
    last[:] = 7
    np.testing.assert_array_equal(env.reset(seed=0)[0], first)
    np.testing.assert_array_equal(env.step(0)[0], expected)
    assert env.reset(seed=0)[0] in env.observation_space


@pytest.mark.parametrize("seed", range(6))
def test_the_final_observation_of_an_episode_that_terminates_is_that_of_another_state(seed):
    """So an agent that learns from it learns something wrong, which the probe shows."""
    env = World(CONTEXTS)
    first, _ = env.reset(seed=seed)
    last, _, terminated, *_ = env.step(0)
    assert terminated
    assert last.argmax() != first.argmax()


@pytest.mark.filterwarnings("error")
def test_an_action_that_never_pays_causes_no_warning():
    """Its share of the return is 0, which has no logarithm."""
    assert best_blind_value(ALIAS) == pytest.approx(0.45, abs=1e-12)


# Log-probabilities without torch.distributions.


def gathered(logits, actions):
    return F.log_softmax(logits, dim=-1).gather(1, actions[:, None])[:, 0]


def indexed(logits, actions):
    return torch.log(F.softmax(logits, dim=1)[torch.arange(len(actions)), actions])


def row_by_row(logits, actions):
    rows = [logits[b].log_softmax(0)[a] for b, a in enumerate(actions)]
    return torch.stack(rows)


def one_hot(logits, actions):
    return (F.one_hot(actions, logits.shape[1]) * logits.log_softmax(-1)).sum(1)


def crossed(logits, actions):
    return -F.cross_entropy(logits, actions, reduction="none")


def from_nll(logits, actions):
    return -F.nll_loss(F.log_softmax(logits, dim=1), actions, reduction="none")


def weights_of(scoring):
    """Return the weights of a scoring, which are known after a backward pass."""
    assert scoring.weights is not None
    return scoring.weights


@pytest.mark.parametrize(
    "log_prob",
    [gathered, indexed, row_by_row, one_hot, crossed, from_nll],
    ids=lambda f: f.__name__,
)
def test_weights_are_read_from_log_probabilities_without_a_distribution(log_prob):
    """d loss / d log p_b is minus the weight of row b, however log p_b was written."""
    logits = torch.randn(4, 3, requires_grad=True)
    actions, weights = torch.tensor([2, 0, 1, 2]), torch.tensor([5.0, -7.0, 0.5, 3.0])
    with Watch(actions=3) as watch:
        (-(log_prob(logits, actions) * weights).sum()).backward()
    seen = sorted(
        (int(action), float(weight))
        for scoring in watch.scorings
        for action, weight in zip(scoring.values[:, 0], weights_of(scoring), strict=True)
    )
    expected = sorted(zip(actions.tolist(), weights.tolist(), strict=True))
    np.testing.assert_allclose(seen, expected, rtol=1e-5)


def test_a_mean_of_cross_entropy_has_the_same_weight_for_each_row():
    logits = torch.zeros(4, 3, requires_grad=True)
    with Watch(actions=3) as watch:
        (F.cross_entropy(logits, torch.tensor([0, 1, 2, 0])) * 8.0).backward()
    np.testing.assert_allclose(weights_of(watch.scorings[0]), np.full(4, 2.0))


def test_a_column_for_each_action_of_a_batch_is_an_outer_product():
    logits = torch.zeros(4, 3, requires_grad=True)
    with Watch(actions=3) as watch:
        logits.log_softmax(-1)[:, torch.tensor([0, 1, 2, 0])].sum().backward()
    assert [scoring.is_table for scoring in watch.scorings] == [True]


@pytest.mark.parametrize("name", ["probs", "logits"])
def test_a_softmax_that_becomes_a_distribution_is_scored_once(name):
    """Where a probability is nearly 1, its gradient is 0, and one column alone has any."""
    logits = torch.tensor([[20.0, 0.0], [0.0, 20.0]], requires_grad=True)
    with Watch(actions=2) as watch:
        table = logits.softmax(-1) if name == "probs" else logits.log_softmax(-1)
        policy = Categorical(probs=table) if name == "probs" else Categorical(logits=table)
        policy.log_prob(torch.tensor([0, 1])).sum().backward()
    assert len(watch.scorings) == 1


def test_a_softmax_over_something_else_than_actions_is_not_noted():
    scores = torch.zeros(4, 5, requires_grad=True)
    with Watch(actions=3) as watch:
        scores.softmax(-1)[torch.arange(4), torch.tensor([0, 1, 2, 0])].sum().backward()
    assert not watch.scorings
    assert watch.last_draw is None
