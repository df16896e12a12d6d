"""The exercises of notebook 01, the score function: answers, cases, and known mistakes."""

import numpy as np
import torch
from torch import Tensor

from pg_edu.course.outcomes import loss_and_gradient
from pg_edu.course.records import Case, Exercise, Expectation, Extreme, Misconception
from pg_edu.course.shared import batches_of_arms, clear_of_zero, tenths
from pg_edu.lab.exact.mdp import softmax
from pg_edu.types import Floats, Ints


def _probabilities(rng: np.random.Generator, arms: int) -> Floats:
    """Return random positive tenths that sum to 1, `[arms]`."""
    cuts = np.sort(rng.permutation(np.arange(1, 10))[: arms - 1])
    parts: Floats = np.diff(cuts, prepend=0, append=10) / 10
    return parts


# 01.1: the score


def _score(logits: Floats, arm: int) -> Floats:
    score: Floats = np.eye(len(logits))[arm] - softmax(logits)
    return score


def _random_logits(rng: np.random.Generator) -> Case:
    arms = int(rng.integers(2, 6))
    return np.round(rng.uniform(-2.0, 2.0, arms), 1), int(rng.integers(arms))


def _one(logits: Floats, arm: int) -> Floats:
    one: Floats = np.eye(len(logits))[arm]
    return one


def _gradient_of_the_probability(logits: Floats, arm: int) -> Floats:
    gradient: Floats = softmax(logits)[arm] * _score(logits, arm)
    return gradient


def _others_rise_too(logits: Floats, arm: int) -> Floats:
    return np.where(_one(logits, arm), 1 - softmax(logits), softmax(logits))


SCORE = Exercise(
    "01.1",
    key=_score,
    points=1,
    cases=[
        (np.array([0.4, -0.3, 1.0]), 1),
        (np.array([0.7, -0.5]), 0),
        (np.array([-1.2, 0.6, 0.1, 1.5]), 3),
        (np.array([0.3, 0.3, 0.3]), 2),
    ],
    random=_random_logits,
    extremes=[
        Extreme(
            (np.array([1000.0, 998.5, -20.0]), 1),
            "Right, but not for large logits. exp(1000) is too large for a float, and logits that "
            "are cut off have other differences. Subtract the largest logit from all of them "
            "first; the probabilities stay as they are.",
            page="01 What is there to differentiate?",
        ),
        Extreme(
            (np.array([0.5, -900.0, 1.5]), 1),
            "Right, but not for an arm whose probability is so small that it is stored as 0. The "
            "score of such an arm is harmless, as long as nobody divides by 0 or takes its "
            "logarithm.",
            page="01 The log-derivative trick",
        ),
    ],
    misconceptions=[
        Misconception(
            "The sign is reversed: a step along this vector makes the arm less likely.",
            lambda logits, arm: -_score(logits, arm),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is the gradient of the probability, not of its logarithm.",
            _gradient_of_the_probability,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The normalizer is missing: the logarithm of the sum of the exponentials depends on "
            "every logit.",
            _one,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is the gradient of the normalizer alone, with its minus sign. The arm's own "
            "logit adds 1 in the arm's place.",
            lambda logits, arm: -softmax(logits),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "These are the probabilities, not the gradient of a log-probability.",
            lambda logits, arm: softmax(logits),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "This is the score divided by the probability once too often: the logarithm has "
            "already done that.",
            lambda logits, arm: _score(logits, arm) / softmax(logits)[arm],
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is the derivative of the logarithm with respect to the probability. The chain "
            "goes on: how does the probability depend on each logit?",
            lambda logits, arm: _one(logits, arm) / softmax(logits)[arm],
            page="01 The log-derivative trick",
        ),
        Misconception(
            "Subtract from each coordinate the probability of its own arm, not that of the "
            "pulled arm.",
            lambda logits, arm: _one(logits, arm) - softmax(logits)[arm],
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The coordinate of the pulled arm is right and all others are 0. But the other logits "
            "are in the normalizer, so they have a derivative as well.",
            lambda logits, arm: _one(logits, arm) * _score(logits, arm),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The 1 belongs in the place of the pulled arm only.",
            lambda logits, arm: 1 - softmax(logits),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The coordinates of the other arms have the wrong sign: a larger logit elsewhere makes "
            "this arm less likely.",
            _others_rise_too,
            page="01 Does a low reward make an arm less likely?",
        ),
        Misconception(
            "These are logits, not probabilities: the softmax is missing.",
            lambda logits, arm: _one(logits, arm) - logits,
            page="01 What is there to differentiate?",
        ),
        Misconception(
            "The exponentials are not divided by their sum, so they are not probabilities.",
            lambda logits, arm: _one(logits, arm) - np.exp(logits),
            page="01 What is there to differentiate?",
        ),
        Misconception(
            "That is the log-probability itself. Its gradient has one coordinate for each logit.",
            lambda logits, arm: np.log(softmax(logits))[arm],
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is a table with the scores of all arms. The score of the pulled arm is one row.",
            lambda logits, arm: np.eye(len(logits)) - softmax(logits),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "These are the log-probabilities of all arms. The score is the gradient of one of "
            "them.",
            lambda logits, arm: np.log(softmax(logits)),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is the score of the arm before this one. Arms are counted from 0, as rows are.",
            lambda logits, arm: _score(logits, arm - 1),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is one coordinate, the pulled arm's own. The score has one for each logit.",
            lambda logits, arm: 1 - softmax(logits)[arm],
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is the gradient of the sum of all log-probabilities. Take that of the pulled "
            "arm alone.",
            lambda logits, arm: 1 - len(logits) * softmax(logits),
            page="01 The log-derivative trick",
        ),
    ],
)


# 01.2: no noise at all

NO_NOISE = Exercise(
    "01.2",
    key=0.1,
    points=2,
    decimals=2,
    misconceptions=[
        Misconception(
            "That is V, the average reward. It is settled before the pull, so it is unbiased. But "
            "the estimate after arm 0 is then 81 times as long as the one after arm 1.",
            0.9,
            page="deeper/01 How far V misses the best baseline",
        ),
        Misconception(
            "At 0.5 the factors r - b are equally large, but the two scores are not equally long: "
            "what you write down is 0.45 after arm 0 and 0.05 after arm 1.",
            0.5,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "Without a baseline you write down zeros after arm 0, and something else after arm 1.",
            0.0,
            page="01 The lemma: an expected score is zero",
        ),
        Misconception(
            "That is the reward of arm 1. You write down zeros after arm 1, and something else "
            "after arm 0.",
            1.0,
            page="01 The lemma: an expected score is zero",
        ),
        Misconception(
            "That is the size of one coordinate of the true gradient. Which b makes both "
            "estimates equal to the gradient?",
            0.09,
            page="01 The variance, with and without a baseline",
        ),
        Misconception(
            "b is subtracted from the reward of arm 1 as well, not only from that of arm 0.",
            1 / 9,
            page="01 The lemma: an expected score is zero",
        ),
        Misconception(
            "A sign got lost. Check it: what do you write down with this b after each arm? The "
            "factor is r - b, so -b after arm 0 and 1 - b after arm 1.",
            0.125,
            page="01 The lemma: an expected score is zero",
        ),
        Misconception(
            "A sign got lost. With a negative b both factors r - b are positive, and the two "
            "scores point in opposite directions, so the two estimates cannot be equal.",
            -0.125,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The sign is reversed. With a negative b both factors r - b are positive, and the two "
            "scores point in opposite directions, so the two estimates cannot be equal.",
            -0.1,
            page="01 The log-derivative trick",
        ),
    ],
)


# 01.3: the best baseline


def _weighted_mean(weights: Floats, rewards: Floats) -> float:
    return float(weights @ rewards / weights.sum())


def _scores(pi: Floats, arms: Ints) -> Floats:
    scores: Floats = np.eye(len(pi))[arms] - pi
    return scores


def _length2(pi: Floats) -> Floats:
    length2: Floats = (_scores(pi, np.arange(len(pi))) ** 2).sum(axis=1)
    return length2


def _best_baseline(pi: Floats, rewards: Floats) -> float:
    return _weighted_mean(pi * _length2(pi), rewards)


def _lengths_over_the_wrong_axis(pi: Floats, rewards: Floats) -> float:
    column2 = (_scores(pi, np.arange(len(pi))) ** 2).sum(axis=0)
    return _weighted_mean(pi * column2, rewards)


def _for_each_coordinate(pi: Floats, rewards: Floats) -> Floats:
    squares = _scores(pi, np.arange(len(pi))) ** 2
    baselines: Floats = (pi * rewards) @ squares / (pi @ squares)
    return baselines


def _random_bandit(rng: np.random.Generator) -> Case:
    arms = int(rng.integers(2, 6))
    return _probabilities(rng, arms), tenths(rng, arms)


BEST_BASELINE = Exercise(
    "01.3",
    key=_best_baseline,
    points=2,
    cases=[
        (np.array([0.5, 0.2, 0.3]), np.array([3.0, -1.0, 4.0])),
        (np.array([0.7, 0.1, 0.05, 0.15]), np.array([-2.0, 3.0, 5.0, 1.0])),
        (np.array([0.2, 0.8]), np.array([4.0, -3.0])),
        (np.array([0.6, 0.3, 0.1]), np.array([2.5, 2.5, 2.5])),
    ],
    random=clear_of_zero(_random_bandit, _best_baseline),
    misconceptions=[
        Misconception(
            "That is V: the squared lengths of the scores are missing from the weights.",
            _weighted_mean,
            page="deeper/01 The best baseline",
        ),
        Misconception(
            "Each arm counts as if it were pulled equally often: the probabilities are missing "
            "from the weights.",
            lambda pi, rewards: _weighted_mean(_length2(pi), rewards),
            page="deeper/01 The best baseline",
        ),
        Misconception(
            "The weights contain the lengths of the scores. They must be squared.",
            lambda pi, rewards: _weighted_mean(pi * np.sqrt(_length2(pi)), rewards),
            page="deeper/01 The best baseline",
        ),
        Misconception(
            "So far this is only the numerator, E[r |score|²]. Divide it by E[|score|²].",
            lambda pi, rewards: float(pi * _length2(pi) @ rewards),
            page="deeper/01 The best baseline",
        ),
        Misconception(
            "So far this is only the denominator, E[|score|²]: no reward is in it.",
            lambda pi, rewards: float(pi @ _length2(pi)),
            page="deeper/01 The best baseline",
        ),
        Misconception(
            "The denominator is the sum of the squared lengths without the probabilities. It is "
            "an expectation, too.",
            lambda pi, rewards: pi * _length2(pi) @ rewards / _length2(pi).sum(),
            page="deeper/01 The best baseline",
        ),
        Misconception(
            "The numerator leaves out the probabilities. It is an expectation, too.",
            lambda pi, rewards: _length2(pi) @ rewards / (pi @ _length2(pi)),
            page="deeper/01 The best baseline",
        ),
        Misconception(
            "The numerator leaves out the squared lengths: this is V / E[|score|²].",
            lambda pi, rewards: pi @ rewards / (pi @ _length2(pi)),
            page="deeper/01 The best baseline",
        ),
        Misconception(
            "The probabilities count twice. The expectation already brings one factor, and the "
            "squared length is the other weight.",
            lambda pi, rewards: _weighted_mean(pi**2 * _length2(pi), rewards),
            page="deeper/01 The best baseline",
        ),
        Misconception(
            "The weights are pi (1 - pi)², as if a score were the pulled arm's coordinate alone. "
            "Its squared length is the sum of the squares of all its coordinates.",
            lambda pi, rewards: _weighted_mean(pi * (1 - pi) ** 2, rewards),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The squares are summed over the arms. The length of a score is a sum over its own "
            "coordinates.",
            _lengths_over_the_wrong_axis,
            page="deeper/01 The best baseline",
        ),
        Misconception(
            "That is a baseline for each coordinate. It is even less noisy, but the task asks for "
            "the best single number.",
            _for_each_coordinate,
            page="deeper/01 The best baseline",
        ),
        Misconception(
            "That is the plain mean of the rewards: neither the probabilities nor the scores are "
            "in it.",
            lambda pi, rewards: float(rewards.mean()),
            page="deeper/01 The best baseline",
        ),
    ],
)


# 01.4: find the bug


def _estimate(pi: Floats, arms: Ints, rewards: Floats) -> Floats:
    estimate: Floats = (rewards[:, None] * _scores(pi, arms)).mean(axis=0)
    return estimate


def _minus_the_others(pi: Floats, arms: Ints, rewards: Floats) -> Floats:
    others = (rewards.sum() - rewards) / (len(rewards) - 1)
    return _estimate(pi, arms, rewards - others)


def _standardized(pi: Floats, arms: Ints, rewards: Floats) -> Floats:
    spread = rewards.std()
    if spread == 0:
        return np.zeros(len(pi))
    return _estimate(pi, arms, (rewards - rewards.mean()) / spread)


def _weighted_once_more(pi: Floats, arms: Ints, rewards: Floats) -> Floats:
    weights = pi[arms] / pi[arms].mean()
    return _estimate(pi, arms, rewards * weights)


def _without_the_normalizer(pi: Floats, arms: Ints, rewards: Floats) -> Floats:
    estimate: Floats = (rewards[:, None] * np.eye(len(pi))[arms]).mean(axis=0)
    return estimate


def _minus_the_pulled_probability(pi: Floats, arms: Ints, rewards: Floats) -> Floats:
    scores = np.eye(len(pi))[arms] - pi[arms][:, None]
    estimate: Floats = (rewards[:, None] * scores).mean(axis=0)
    return estimate


def _credited_once(pi: Floats, arms: Ints, rewards: Floats) -> Floats:
    credit = np.zeros(len(pi))
    credit[arms] += rewards
    estimate: Floats = credit / len(arms) - pi * rewards.mean()
    return estimate


def _product_of_means(pi: Floats, arms: Ints, rewards: Floats) -> Floats:
    product: Floats = rewards.mean() * _scores(pi, arms).mean(axis=0)
    return product


def _random_pulls(rng: np.random.Generator) -> Case:
    """Return probabilities, arms and rewards of a batch of another size than there are arms."""
    arms = int(rng.integers(2, 5))
    pulls = int(rng.choice([n for n in range(2, 6) if n != arms]))
    return _probabilities(rng, arms), rng.integers(arms, size=pulls), tenths(rng, pulls)


def _all_batches(pi: Floats, paid: Floats, pulls: int) -> Expectation:
    """Return what an unbiased estimate has on average over all batches: the exact gradient."""
    batches = batches_of_arms(pi, pulls)
    cases = [(pi, arms, paid[arms]) for arms, _ in batches]
    return Expectation(cases, [weight for _, weight in batches], pi * (paid - pi @ paid))


ESTIMATE = Exercise(
    "01.4",
    key=_estimate,
    points=2,
    cases=[
        (np.array([0.5, 0.2, 0.3]), np.array([2, 0]), np.array([3.0, -1.0])),
        (
            np.array([0.6, 0.4]),
            np.array([0, 1, 1, 0, 0]),
            np.array([1.5, -2.0, 4.0, 0.5, -3.0]),
        ),
        (np.array([0.1, 0.2, 0.4, 0.3]), np.array([3, 1]), np.array([2.0, 5.0])),
    ],
    random=clear_of_zero(_random_pulls, _estimate),
    expectations=[
        _all_batches(np.array([0.5, 0.2, 0.3]), np.array([1.0, -2.0, 4.0]), 2),
        _all_batches(np.array([0.1, 0.9]), np.array([3.0, 1.5]), 3),
    ],
    extremes=[
        Extreme(
            (np.array([0.2, 0.3, 0.5]), np.array([1]), np.array([4.0])),
            "Right, but not for a batch of a single pull: then the mean is the estimate of that "
            "pull, a vector with one coordinate for each arm.",
            page="01 The log-derivative trick",
        ),
    ],
    misconceptions=[
        Misconception(
            "That is the original estimator, with its bug: it uses the gradient of the probability "
            "where that of the log-probability belongs.",
            lambda pi, arms, rewards: _estimate(pi, arms, rewards * pi[arms]),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "Now each score is divided by the probability of its arm once too often, so rare arms "
            "count too much.",
            lambda pi, arms, rewards: _estimate(pi, arms, rewards / pi[arms]),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The estimates are weighted with the probabilities of their arms, and divided by the "
            "sum of these weights. So likely arms still count twice: the pulling has weighted them "
            "already.",
            _weighted_once_more,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The sign is reversed: minus the estimate is the gradient of the loss.",
            lambda pi, arms, rewards: -_estimate(pi, arms, rewards),
            page="01 The loss is not a loss",
        ),
        Misconception(
            "The bug is gone, but this is the sum over the batch: it grows with the number of "
            "pulls.",
            lambda pi, arms, rewards: len(arms) * _estimate(pi, arms, rewards),
            page="01 Does a low reward make an arm less likely?",
        ),
        Misconception(
            "The mean is over the pulls: divide by their number, not by that of the arms.",
            lambda pi, arms, rewards: len(arms) / len(pi) * _estimate(pi, arms, rewards),
            page="01 Does a low reward make an arm less likely?",
        ),
        Misconception(
            "Subtracting the mean of the batch's own rewards shrinks the estimate, on average by "
            "the factor 1 - 1/N. That was not the bug.",
            lambda pi, arms, rewards: _estimate(pi, arms, rewards - rewards.mean()),
            page="01 A baseline out of the pulls themselves",
        ),
        Misconception(
            "The rewards are standardized. To divide by the spread of the same batch changes the "
            "expectation again, and that was not the bug.",
            _standardized,
            page="deeper/01 The price of leave-one-out",
        ),
        Misconception(
            "The part - pi is missing from the scores: the normalizer depends on every logit.",
            _without_the_normalizer,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "Everywhere the probability of the pulled arm is subtracted, or each coordinate is "
            "divided by its own probability, which comes to the same. The score is the gradient "
            "of the pulled arm's probability, divided by that probability.",
            _minus_the_pulled_probability,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "An arm that was pulled more than once is credited with its last reward only: `+=` at "
            "an array of arms changes each place once. np.add.at adds every time.",
            _credited_once,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is a product of two means. Each reward must stay with the score of its own pull.",
            _product_of_means,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The coordinates of each score have been added up, and a score sums to 0. Take the "
            "mean over the pulls, axis 0.",
            lambda pi, arms, rewards: np.zeros(len(arms)),
            page="01 Does a low reward make an arm less likely?",
        ),
        Misconception(
            "That is one number, the mean over everything, and it is 0 since a score sums to 0. "
            "Take the mean over the pulls only, axis 0.",
            lambda pi, arms, rewards: 0.0,
            page="01 Does a low reward make an arm less likely?",
        ),
        Misconception(
            "That is the loss, not its gradient: the gradient has one coordinate for each logit.",
            lambda pi, arms, rewards: -(rewards * np.log(pi[arms])).mean(),
            page="01 The loss is not a loss",
        ),
        Misconception(
            "These are the estimates of the single pulls, one in each row. Take their mean.",
            lambda pi, arms, rewards: rewards[:, None] * _scores(pi, arms),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The probabilities went through a softmax once more. They are no logits.",
            lambda pi, arms, rewards: (
                _estimate(pi, arms, rewards) + rewards.mean() * (pi - softmax(pi))
            ),
            page="01 What is there to differentiate?",
        ),
        Misconception(
            "That is the gradient with respect to the probabilities. The chain goes on, to the "
            "logits.",
            lambda pi, arms, rewards: _without_the_normalizer(pi, arms, rewards) / pi,
            page="01 The log-derivative trick",
        ),
    ],
)


# 01.5: a baseline that looks at the arm


def _gradient(pi: Floats, rewards: Floats) -> Floats:
    gradient: Floats = pi * (rewards - pi @ rewards)
    return gradient


def _bias(pi: Floats, rewards: Floats, baselines: Floats) -> Floats:
    return -_gradient(pi, baselines)


def _random_baselines(rng: np.random.Generator) -> Case:
    arms = int(rng.integers(2, 5))
    return _probabilities(rng, arms), tenths(rng, arms), tenths(rng, arms)


BASELINE_OF_THE_ARM = Exercise(
    "01.5",
    key=_bias,
    points=2,
    cases=[
        (np.array([0.5, 0.2, 0.3]), np.array([3.0, -1.0, 4.0]), np.array([2.0, 1.0, -1.0])),
        (np.array([0.3, 0.7]), np.array([1.5, -2.5]), np.array([-4.0, 3.0])),
        (
            np.array([0.1, 0.4, 0.3, 0.2]),
            np.array([2.0, 5.0, -3.0, 1.0]),
            np.array([6.0, -2.0, 1.5, 0.5]),
        ),
        (np.array([0.6, 0.3, 0.1]), np.array([1.0, 0.0, 5.0]), np.array([2.5, 2.5, 2.5])),
    ],
    random=clear_of_zero(_random_baselines, _bias),
    misconceptions=[
        Misconception(
            "The lemma does not cover this baseline: it depends on the arm that was pulled, so it "
            "cannot be taken out of the expectation.",
            lambda pi, rewards, baselines: np.zeros(len(pi)),
            page="01 The lemma: an expected score is zero",
        ),
        Misconception(
            "The sign is reversed. The bias is the expectation minus the truth, and the baselines "
            "are subtracted.",
            lambda pi, rewards, baselines: _gradient(pi, baselines),
            page="01 The lemma: an expected score is zero",
        ),
        Misconception(
            "That is the expectation of the estimate. Its bias is what is left when the true "
            "gradient is subtracted.",
            lambda pi, rewards, baselines: _gradient(pi, rewards - baselines),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is the true gradient. By how much does the expectation miss it?",
            lambda pi, rewards, baselines: _gradient(pi, rewards),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is minus the expected baseline, one number. The bias has one coordinate for each "
            "logit, because the baseline multiplies a score.",
            lambda pi, rewards, baselines: -(pi @ baselines),
            page="01 The lemma: an expected score is zero",
        ),
        Misconception(
            "The part - pi is missing from the scores: every pull moves the other logits, too.",
            lambda pi, rewards, baselines: -pi * baselines,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The weights pi(a) of the expectation are missing.",
            lambda pi, rewards, baselines: -(baselines - pi @ baselines),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The probabilities count twice. The expectation brings one factor, and the score has "
            "been divided by it.",
            lambda pi, rewards, baselines: -pi * _gradient(pi, baselines),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "Here the plain mean of the baselines is subtracted. The arms are not pulled equally "
            "often: weigh it with the probabilities.",
            lambda pi, rewards, baselines: -pi * (baselines - baselines.mean()),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The baselines are compared with the average reward. The rewards have no part in the "
            "bias: the average baseline belongs there.",
            lambda pi, rewards, baselines: -pi * (baselines - pi @ rewards),
            page="01 The lemma: an expected score is zero",
        ),
        Misconception(
            "Each arm counts as if it were pulled equally often: the probabilities are missing "
            "from the expectation.",
            lambda pi, rewards, baselines: -(baselines - pi * baselines.sum()),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is the sum of the true gradient and of the baselines' own: the baselines are "
            "subtracted, and the truth goes away.",
            lambda pi, rewards, baselines: _gradient(pi, rewards + baselines),
            page="01 The lemma: an expected score is zero",
        ),
    ],
)


# 01.6: find the bug in the loss


def _scored(logits: Tensor, arms: Tensor) -> Tensor:
    log_prob: Tensor = torch.log_softmax(logits, dim=0)[arms]
    return log_prob


def _expected(logits: Tensor, means: Tensor) -> Tensor:
    value: Tensor = torch.softmax(logits, dim=0) @ means
    return value


def _loss_with(baseline: Tensor | float, logits: Tensor, arms: Tensor, rewards: Tensor) -> Tensor:
    return -((rewards - baseline) * _scored(logits, arms)).mean()


def _loss(logits: Tensor, arms: Tensor, rewards: Tensor, means: Tensor) -> Tensor:
    return _loss_with(_expected(logits, means).detach(), logits, arms, rewards)


def _differentiable_baseline(
    logits: Tensor, arms: Tensor, rewards: Tensor, means: Tensor
) -> Tensor:
    return _loss_with(_expected(logits, means), logits, arms, rewards)


def _only_the_baseline(logits: Tensor, arms: Tensor, rewards: Tensor, means: Tensor) -> Tensor:
    advantage = rewards - _expected(logits, means)
    return -(advantage * _scored(logits, arms).detach()).mean()


def _of_probabilities(logits: Tensor, arms: Tensor, rewards: Tensor, means: Tensor) -> Tensor:
    advantage = rewards - _expected(logits, means).detach()
    return -(advantage * torch.softmax(logits, 0)[arms]).mean()


def _loss_of_means(logits: Tensor, arms: Tensor, rewards: Tensor, means: Tensor) -> Tensor:
    advantage = rewards - _expected(logits, means).detach()
    return -advantage.mean() * _scored(logits, arms).mean()


def _pulls(logits: list[float], arms: list[int], rewards: list[float], means: list[float]) -> Case:
    def floats(numbers: list[float]) -> Tensor:
        return torch.tensor(numbers, dtype=torch.float64)

    return floats(logits).requires_grad_(), torch.tensor(arms), floats(rewards), floats(means)


def _random_batch(rng: np.random.Generator) -> Case:
    arms = int(rng.integers(2, 5))
    pulls = int(rng.choice([n for n in range(2, 6) if n != arms]))
    logits = np.round(rng.uniform(-2.0, 2.0, arms), 1)
    pulled = rng.integers(arms, size=pulls)
    rewards, means = tenths(rng, pulls), tenths(rng, arms)
    return _pulls(logits.tolist(), pulled.tolist(), rewards.tolist(), means.tolist())


LOSS = Exercise(
    "01.6",
    key=_loss,
    points=2,
    observe=loss_and_gradient,
    cases=[
        _pulls([0.4, -0.3, 1.0], [2, 0], [3.0, -1.0], [1.5, 2.0, -0.5]),
        _pulls([0.7, -0.5], [1, 1, 0], [2.0, -4.0, 1.5], [3.0, 0.5]),
        _pulls([-1.2, 0.6, 0.1, 1.5], [3], [5.0], [1.0, -2.0, 0.5, 4.0]),
        _pulls([0.2, 0.9, -0.6], [0, 1, 1, 2], [1.0, 2.0, -3.0, 4.0], [0.0, 5.0, -2.0]),
    ],
    random=_random_batch,
    extremes=[
        Extreme(
            _pulls([800.0, 0.0, -20.0], [1, 0], [2.0, 3.0], [1.0, -1.0, 2.0]),
            "Right, but here a probability underflows to 0, and its logarithm is lost. Go by the "
            "logits: Categorical(logits=...) or log_softmax.",
            page="01 The loss is not a loss",
        )
    ],
    misconceptions=[
        Misconception(
            "That is the original loss with its bug: torch differentiates the baseline as well. "
            "It is to count as a fixed number.",
            _differentiable_baseline,
            page="01 The loss is not a loss",
        ),
        Misconception(
            "The value is right, but the loss has no gradient. Detach the baseline only: the "
            "log-probabilities must stay attached to the logits.",
            lambda logits, arms, rewards, means: _loss(logits, arms, rewards, means).detach(),
            page="01 The loss is not a loss",
        ),
        Misconception(
            "The log-probabilities are detached, and the baseline is not. It is the other way "
            "round.",
            _only_the_baseline,
            page="01 The loss is not a loss",
        ),
        Misconception(
            "The minus sign is missing: torch minimizes.",
            lambda logits, arms, rewards, means: -_loss(logits, arms, rewards, means),
            page="01 The loss is not a loss",
        ),
        Misconception(
            "The bug is gone, but this is the sum over the batch: the task keeps the mean.",
            lambda logits, arms, rewards, means: len(arms) * _loss(logits, arms, rewards, means),
            page="01 The loss is not a loss",
        ),
        Misconception(
            "The bug is gone, and the baseline with it. Without one the estimate is unbiased as "
            "well, but the task asks for the same value.",
            lambda logits, arms, rewards, means: _loss_with(0.0, logits, arms, rewards),
            page="01 The lemma: an expected score is zero",
        ),
        Misconception(
            "The baseline is the mean of the batch's own rewards. It is not settled before the "
            "pull; the task takes the record.",
            lambda logits, arms, rewards, means: _loss_with(rewards.mean(), logits, arms, rewards),
            page="01 A baseline out of the pulls themselves",
        ),
        Misconception(
            "The baseline is the plain mean of the record. Weigh it with the probabilities of the "
            "arms.",
            lambda logits, arms, rewards, means: _loss_with(means.mean(), logits, arms, rewards),
            page="01 What is there to differentiate?",
        ),
        Misconception(
            "The baseline is the record of the arm that was pulled. It depends on this pull, so "
            "the lemma does not cover it.",
            lambda logits, arms, rewards, means: _loss_with(means[arms], logits, arms, rewards),
            page="01 The lemma: an expected score is zero",
        ),
        Misconception(
            "These are probabilities where log-probabilities belong, so likely arms count twice.",
            _of_probabilities,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is a product of two means. Each advantage must stay with the log-probability of "
            "its own pull.",
            _loss_of_means,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The baseline is added to the rewards. Subtract it.",
            lambda logits, arms, rewards, means: _loss_with(
                -_expected(logits, means).detach(), logits, arms, rewards
            ),
            page="01 The lemma: an expected score is zero",
        ),
        Misconception(
            "These are the losses of the single pulls. The optimizer wants one number: their mean.",
            lambda logits, arms, rewards, means: (
                -(rewards - _expected(logits, means).detach()) * _scored(logits, arms)
            ),
            page="01 The loss is not a loss",
        ),
    ],
)


# 01.7: the triangle, through a network


def _motion(pi: Floats, moved: Floats) -> Floats:
    motion: Floats = pi * (moved - pi @ moved)
    return motion


def _logits_move(pi: Floats, rewards: Floats, features: Floats) -> Floats:
    moved: Floats = features @ (features.T @ _gradient(pi, rewards))
    return moved


def _velocity(pi: Floats, rewards: Floats, features: Floats) -> Floats:
    return _motion(pi, _logits_move(pi, rewards, features))


def _velocity_along(pi: Floats, direction: Floats, features: Floats) -> Floats:
    """Return the velocity if the logits' own gradient were this direction."""
    return _motion(pi, features @ (features.T @ direction))


def _random_layer(rng: np.random.Generator) -> Case:
    arms = int(rng.integers(2, 5))
    weights = int(rng.choice([n for n in range(2, 5) if n != arms]))
    features = np.round(rng.uniform(-2.0, 2.0, (arms, weights)), 1)
    return _probabilities(rng, arms), tenths(rng, arms), features


VELOCITY = Exercise(
    "01.7",
    key=_velocity,
    points=3,
    cases=[
        (
            np.array([0.5, 0.2, 0.3]),
            np.array([3.0, -1.0, 4.0]),
            np.array([[1.0, 0.5], [-1.0, 2.0], [0.5, -1.5]]),
        ),
        (
            np.array([0.3, 0.7]),
            np.array([4.0, -2.0]),
            np.array([[1.0, 2.0, 0.0], [0.5, -1.0, 3.0]]),
        ),
        (
            np.array([0.1, 0.4, 0.3, 0.2]),
            np.array([2.0, 5.0, -3.0, 1.0]),
            np.array([[1.0, 0.0, 2.0], [0.0, -1.0, 1.5], [2.0, 1.0, -0.5], [-1.0, 0.5, 1.0]]),
        ),
    ],
    random=clear_of_zero(_random_layer, _velocity),
    misconceptions=[
        Misconception(
            "That is the motion without the layer, as if each logit were a weight of its own. The "
            "features are not used.",
            lambda pi, rewards, features: _motion(pi, _gradient(pi, rewards)),
            page="deeper/01 How the probabilities move",
        ),
        Misconception(
            "That is how the weights move. Go on, to the logits and to the probabilities.",
            lambda pi, rewards, features: features.T @ _gradient(pi, rewards),
            page="01 Through a network's parameters",
        ),
        Misconception(
            "That is how the logits move. One more step leads to the probabilities.",
            _logits_move,
            page="deeper/01 How the probabilities move",
        ),
        Misconception(
            "The mean motion of the logits is not subtracted, so the probabilities would no longer "
            "sum to 1.",
            lambda pi, rewards, features: pi * _logits_move(pi, rewards, features),
            page="deeper/01 How the probabilities move",
        ),
        Misconception(
            "Here the plain mean of the logits' motion is subtracted. Weigh it with the "
            "probabilities.",
            lambda pi, rewards, features: (
                pi
                * (_logits_move(pi, rewards, features) - _logits_move(pi, rewards, features).mean())
            ),
            page="deeper/01 How the probabilities move",
        ),
        Misconception(
            "The last factor is missing: an arm's probability moves in proportion to itself.",
            lambda pi, rewards, features: (
                _logits_move(pi, rewards, features) - pi @ _logits_move(pi, rewards, features)
            ),
            page="deeper/01 How the probabilities move",
        ),
        Misconception(
            "The gradient with respect to the logits is pi (r - V); here the factor pi is missing.",
            lambda pi, rewards, features: _velocity_along(pi, rewards - pi @ rewards, features),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The average reward is missing from the gradient: with respect to the logits it is "
            "pi (r - V), not pi r.",
            lambda pi, rewards, features: _velocity_along(pi, pi * rewards, features),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The rewards are taken for the gradient. With respect to the logits it is pi (r - V).",
            lambda pi, rewards, features: _velocity_along(pi, rewards, features),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "That is how fast J rises, one number. The task asks for each arm's probability.",
            lambda pi, rewards, features: float(((features.T @ _gradient(pi, rewards)) ** 2).sum()),
            page="deeper/01 How the probabilities move",
        ),
        Misconception(
            "These are the probabilities after the step. The task asks for their velocity alone.",
            lambda pi, rewards, features: pi + _velocity(pi, rewards, features),
            page="deeper/01 How the probabilities move",
        ),
        Misconception(
            "The sign is reversed: the weights follow the gradient, uphill.",
            lambda pi, rewards, features: -_velocity(pi, rewards, features),
            page="01 What is there to differentiate?",
        ),
    ],
)

EXERCISES = [SCORE, NO_NOISE, BEST_BASELINE, ESTIMATE, BASELINE_OF_THE_ARM, LOSS, VELOCITY]
