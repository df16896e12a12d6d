"""Estimators are recognized, by comparing them with the known ones on the same batches."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pg_edu import PGPolicy
from pg_edu.lab.exact.agent import pgpolicy_step
from pg_edu.lab.exact.estimators import (
    RIGHT,
    WRONG,
    mean_over_steps,
    reward_to_go,
    sum_per_episode,
)
from pg_edu.lab.exact.laws import TASKS, laws
from pg_edu.lab.exact.suspects import identify
from pg_edu.lab.exact.tasks import stop_or_go

FEW = {"stop-or-go": stop_or_go()}
SEEN_AS = {
    "mean over steps": "reward-to-go, averaged over all steps",
    "mean per episode": "reward-to-go, averaged over each episode's steps",
    "[B, 1] * [B]": "with every return on every step",
    "standardized per episode": "standardized per episode",
    "standardized per batch": "standardized per batch",
    "own mean over steps": "minus the mean over steps",
    "own mean per time": "minus their own mean at each time",
    "own mean of the alive": "minus the mean of the alive",
    "leave-one-out, steps dropped": "steps dropped",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_estimator_is_recognized(name):
    match = identify(WRONG[name], TASKS, 1.0)
    assert SEEN_AS[name] in match.text
    assert not match.is_right


@pytest.mark.parametrize("name", ["total return", "reward-to-go", "leave-one-out"])
def test_a_right_estimator_is_recognized_as_right(name):
    assert identify(RIGHT[name], TASKS, 1.0).is_right


def test_a_mistake_in_the_weights_is_recognized_under_the_usual_mean():
    """-(log_prob * weights).mean() hides the weights from the laws, but not from the comparison."""

    def seen(weights):
        return identify(lambda batch: mean_over_steps(batch, weights(batch)), TASKS, 0.5).text

    assert seen(lambda b: reward_to_go(b, 0.5)).startswith("It is reward-to-go, averaged")
    assert "the immediate reward" in seen(lambda b: reward_to_go(b, 0.0))
    assert "discounted twice" in seen(lambda b: reward_to_go(b, 0.25))
    assert "cut to integers" in seen(lambda b: [np.trunc(w) for w in reward_to_go(b, 0.5)])
    assert "the sign is wrong" in seen(lambda b: [-w for w in reward_to_go(b, 0.5)])


def test_an_entropy_bonus_is_told_from_the_estimator_that_it_is_added_to():
    """g(c r) = c g(r) + rest, where the rest is the entropy's gradient -p (log p + H)."""

    def with_bonus(batch):
        logits = batch[0].logits
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        entropy = -(p * np.log(p)).sum(axis=1, keepdims=True)
        bonus = -0.1 * p * (np.log(p) + entropy)
        return sum_per_episode(batch, reward_to_go(batch)) + bonus

    match = identify(with_bonus, {"bandit": TASKS["a bandit"]}, 1.0)
    assert match.is_right
    assert "does not depend on rewards" in match.text


def test_a_forgotten_zero_grad_shows_when_the_same_batch_comes_twice():
    class NoZeroGrad(PGPolicy):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            setattr(self.optim, "zero_grad", lambda set_to_none=True: None)  # noqa: B010

    assert "zero_grad is missing" in identify(pgpolicy_step(NoZeroGrad), FEW, 1.0).text


def test_rows_in_random_order_show_when_the_same_batch_comes_twice():
    rng = np.random.default_rng(0)

    def shuffled(batch):
        rewards = [rng.permutation(e.rew) for e in batch]
        batch = [replace(e, rew=r) for e, r in zip(batch, rewards, strict=True)]
        return sum_per_episode(batch, reward_to_go(batch))

    assert "the second time" in identify(shuffled, TASKS, 1.0).text


def test_an_unknown_estimator_is_said_to_be_none_of_the_known():
    def strange(batch):
        return sum_per_episode(batch, [np.sin(w) + 0.1 * w**3 for w in reward_to_go(batch)])

    assert "none of the known" in laws(strange, tasks=FEW, sizes=(1, 2)).meaning


def test_an_estimate_of_0_is_cut_off_from_the_parameters():
    assert "cut off" in identify(lambda batch: np.zeros_like(batch[0].logits), FEW, 1.0).text


def test_a_policy_may_have_a_critic_that_is_linear_in_the_observation():
    """Observations are one-hot floats, [B, O]."""

    class WithCritic(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            batch = super().process_fn(batch, buffer, indices)
            critic = torch.nn.Linear(batch.obs.shape[1], 1)
            torch.nn.init.zeros_(critic.weight)
            torch.nn.init.zeros_(critic.bias)
            values = critic(torch.as_tensor(batch.obs))[:, 0].detach().numpy()
            batch.returns = batch.returns - values
            return batch

    text = identify(pgpolicy_step(WithCritic), FEW, 1.0).text
    assert text.startswith("It is reward-to-go, averaged over all steps")


@pytest.mark.parametrize("size", [1, 3])
def test_an_estimator_of_another_size_is_like_none_of_the_known_ones(size):
    assert identify(lambda batch: np.full(size, batch[0].rew[0]), FEW, 1.0).text == ""


def test_an_estimator_that_is_infinite_without_rewards_is_like_none_of_the_known_ones():
    def divided(batch):
        with np.errstate(divide="ignore"):
            return np.full((1, 2), np.float64(1.0) / batch[0].rew[0])

    assert identify(divided, FEW, 1.0).text == ""
