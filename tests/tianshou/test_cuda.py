"""One update on a GPU equals one on the processor, within the tolerance that is stated here."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal

from pg_edu import ActorProb, Batch, Net, PGPolicy, VectorReplayBuffer, policy_within_training_step

# The two add float32 numbers in different orders, so each of the 3 steps may differ by a few
# roundings (6e-8), which Adam's division by small square roots can enlarge.
TOLERANCE = 1e-5

DEVICES = [
    "cpu",  # the update must be repeatable, otherwise the comparison would say nothing
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here"),
    ),
]


def buffer_of_two_episodes() -> VectorReplayBuffer:
    random = np.random.default_rng(0)
    buffer = VectorReplayBuffer(200, buffer_num=2)
    for t in range(60):
        buffer.add(
            Batch(
                obs=random.normal(size=(2, 3)).astype(np.float32),
                act=random.normal(size=(2, 1)).astype(np.float32),
                rew=random.normal(size=2),
                terminated=np.full(2, t == 59),
                truncated=np.zeros(2, bool),
            )
        )
    return buffer


def after_an_update(device: str) -> dict[str, Any]:
    """Return the loss and the weights after 3 gradient steps with weights from a fixed seed."""
    torch.manual_seed(0)
    net = Net(3, hidden_sizes=[32], device=device)  # drawn on the processor, then moved
    actor = ActorProb(net, (1,), unbounded=True, device=device)
    policy: PGPolicy[Any] = PGPolicy(
        actor=actor,
        optim=torch.optim.Adam(actor.parameters(), lr=1e-2),
        dist_fn=lambda loc_scale: Independent(Normal(*loc_scale), 1),
        action_space=gym.spaces.Box(-1.0, 1.0, (1,)),
        reward_normalization=True,
    )
    np.random.seed(0)
    with policy_within_training_step(policy):
        stats = policy.update(0, buffer_of_two_episodes(), batch_size=None, repeat=3)
    assert {p.device.type for p in actor.parameters()} == {torch.device(device).type}
    weights = torch.nn.utils.parameters_to_vector(actor.parameters()).detach().cpu()
    return {"loss": stats.loss.mean, "weights": weights}


@pytest.mark.parametrize("device", DEVICES)
def test_an_update_on_a_gpu_equals_one_on_the_processor(device: str) -> None:
    expected, got = after_an_update("cpu"), after_an_update(device)
    assert got["loss"] == pytest.approx(expected["loss"], abs=TOLERANCE)
    torch.testing.assert_close(got["weights"], expected["weights"], rtol=0, atol=TOLERANCE)
