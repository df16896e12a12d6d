"""The example of a user's code, which mypy checks, also runs."""

import math

from tests.repo.user_code import EntropyStats, train_by_hand, train_by_trainer


def test_a_users_policy_trains_and_reports_its_own_statistics() -> None:
    history = train_by_hand(updates=2)
    assert [type(stats) for stats in history] == [EntropyStats, EntropyStats]
    assert all(0 < stats.entropy <= math.log(2) for stats in history)
    assert list(history[0].get_loss_stats_dict()) == ["loss", "entropy"]


def test_a_users_policy_can_be_given_to_the_trainer() -> None:
    assert train_by_trainer().train_step == 200
