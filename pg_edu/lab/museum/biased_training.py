"""The expected step differs from ∇J because of what happens between a batch and the parameters."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pg_edu.lab.exact.estimators import reward_to_go, sum_per_episode
from pg_edu.lab.exact.judge import cosine
from pg_edu.lab.exact.mdp import Episode, Episodes, Estimator
from pg_edu.lab.museum.measuring import THREE_ARMS, TREASURE, WAITING, at_sizes
from pg_edu.lab.museum.pitfall import Pitfall, Verdict
from pg_edu.types import Floats, Ints

# step(optimizer, loss): change the parameters once.
OptimizerStep = Callable[[torch.optim.Optimizer, Any], None]


def step_alone(optimizer: torch.optim.Optimizer, loss: Any) -> None:
    loss.backward()
    optimizer.step()


def step_after_zero_grad(optimizer: torch.optim.Optimizer, loss: Any) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _means(step: OptimizerStep) -> list[float]:
    """Return the mean of a Gaussian policy over 40 steps, with the reward -a²: J is -mean² - 1."""
    mean = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([mean], lr=0.25)
    found = [float(mean.detach())]
    for _ in range(40):
        step(optimizer, mean**2 + 1)
        found.append(float(mean.detach()))
    return found


def _every_step_is_uphill(step: OptimizerStep) -> Verdict:
    means = np.array(_means(step))
    steps, gradients = np.diff(means), -2 * means[:-1]
    figures = {
        "cosine of the third step": float(np.sign(steps[2] * gradients[2])),
        "distance from the best mean after 40 steps": abs(float(means[-1])),
    }
    return Verdict(bool(np.abs(steps - 0.25 * gradients).max() < 1e-12), figures)


def _parts_of_a_batch_add_up() -> Verdict:
    """Compare the gradient of a batch with that of its four parts, each divided by four."""
    weight = torch.tensor([0.5, -1.0], dtype=torch.float64, requires_grad=True)
    rows: Any = torch.arange(16, dtype=torch.float64).reshape(8, 2)
    (whole,) = torch.autograd.grad(torch.tanh(rows @ weight / 8).mean(), weight)
    for part in rows.split(2):
        loss: Any = torch.tanh(part @ weight / 8).mean() / 4
        loss.backward()
    assert weight.grad is not None
    gap = float((weight.grad - whole).abs().max())
    return Verdict(gap < 1e-12, {"difference between a batch and its four parts, added up": gap})


ZERO_GRAD = Pitfall(
    name="zero_grad forgotten",
    kind="biased",
    believed="backward() computes the gradient of this loss.",
    wrong=step_alone,
    right=step_after_zero_grad,
    check=_every_step_is_uphill,
    nuance="It adds this gradient to those that are already there, on purpose: a batch can be "
    "processed in parts. Without a reset all earlier gradients are applied again, like momentum "
    "without friction.",
    half_true=_parts_of_a_batch_add_up,
    sources=("PyTorch's documentation of Optimizer.zero_grad",),
)


def clipped_gradient(batch: Episodes) -> Floats:
    g = sum_per_episode(batch, reward_to_go(batch))
    return g * min(1.0, 0.5 / max(float(np.linalg.norm(g)), 1e-12))


def whole_gradient(batch: Episodes) -> Floats:
    return sum_per_episode(batch, reward_to_go(batch))


def _two_bandits(estimator: Estimator) -> Verdict:
    (mild,) = at_sizes(estimator, THREE_ARMS, (2,))
    (rare,) = at_sizes(estimator, TREASURE, (2,))
    figures = {"cosine": mild.cosine, "with a rare treasure": rare.cosine}
    return Verdict(mild.unbiased and rare.unbiased, figures)


def _a_bound_that_is_never_reached() -> Verdict:
    """Judge a bound of 1000, and the bound of 0.5 with more episodes."""

    def loosely(batch: Episodes) -> Floats:
        g = whole_gradient(batch)
        return g * min(1.0, 1000 / max(float(np.linalg.norm(g)), 1e-12))

    (loose,) = at_sizes(loosely, TREASURE, (2,))
    two, eight = at_sizes(clipped_gradient, THREE_ARMS, (2, 8))
    figures = {
        "bias of a bound that is never reached": float(np.linalg.norm(loose.bias)),
        "cosine of one that often is, 2 episodes": two.cosine,
        "8 episodes": eight.cosine,
    }
    return Verdict(loose.unbiased and two.cosine < eight.cosine < 1, figures)


CLIPPED_GRADIENT = Pitfall(
    name="gradient clipping",
    kind="biased",
    believed="Clipping the norm of the gradient changes its length and not its direction.",
    wrong=clipped_gradient,
    right=whole_gradient,
    check=_two_bandits,
    nuance="The direction of each batch stays. But the average over batches turns, because batches "
    "with large returns are shortened and others are not. Large batches, or a bound that is rarely "
    "reached, turn it less.",
    half_true=_a_bound_that_is_never_reached,
    sources=("Pascanu, Mikolov & Bengio (2013)",),
)

# logits(weights [A, H], hidden [H], keep [H]) -> [A]; `keep` is the mask of a dropout of 1/2.
DropoutLogits = Callable[[Tensor, Tensor, Tensor], Tensor]


def logits_in_train_mode(weights: Tensor, hidden: Tensor, keep: Tensor) -> Tensor:
    return weights @ (2 * keep * hidden)


def logits_in_eval_mode(weights: Tensor, hidden: Tensor, keep: Tensor) -> Tensor:
    return weights @ hidden


HIDDEN = torch.tensor([1.0, -0.5], dtype=torch.float64)
WEIGHTS = torch.tensor([[1.0, 0.6], [-0.4, 0.8], [0.2, -1.0]], dtype=torch.float64)
MASKS = [torch.tensor(mask, dtype=torch.float64) for mask in itertools.product((0, 1), repeat=2)]


def _expected_update(
    acting: DropoutLogits, scoring: DropoutLogits, reward: list[float]
) -> tuple[Floats, Floats]:
    """Return E[r ∇log π] over masks and actions, and ∇J of the policy that acts, both [A, H]."""
    weights = WEIGHTS.clone().requires_grad_()
    paid = torch.tensor(reward, dtype=torch.float64)
    J: Tensor = torch.zeros((), dtype=torch.float64)
    surrogate: Tensor = torch.zeros((), dtype=torch.float64)
    for keep in MASKS:
        acts = torch.softmax(acting(weights, HIDDEN, keep), dim=0)
        scores = torch.log_softmax(scoring(weights, HIDDEN, keep), dim=0)
        J = J + (acts * paid).sum() / len(MASKS)
        surrogate = surrogate + (acts.detach() * paid * scores).sum() / len(MASKS)
    found = [torch.autograd.grad(value, weights)[0].numpy() for value in (surrogate, J)]
    return found[0], found[1]


def _collected_in_eval_mode(scoring: DropoutLogits) -> Verdict:
    update, truth = _expected_update(logits_in_eval_mode, scoring, [1.0, 0.0, 5.0])
    constant, _ = _expected_update(logits_in_eval_mode, scoring, [1.0, 1.0, 1.0])
    figures = {
        "cosine": cosine(update, truth),
        "largest update where every action pays 1": float(np.abs(constant).max()),
    }
    return Verdict(bool(np.abs(update - truth).max() < 1e-12), figures)


def _collected_with_the_same_masks() -> Verdict:
    update, truth = _expected_update(logits_in_train_mode, logits_in_train_mode, [1.0, 0.0, 5.0])
    gap = float(np.abs(update - truth).max())
    return Verdict(gap < 1e-12, {"bias if the same mask acts and is scored": gap})


DROPOUT = Pitfall(
    name="dropout while scoring",
    kind="biased",
    believed="Dropout regularizes a policy network as it does any other.",
    wrong=logits_in_train_mode,
    right=logits_in_eval_mode,
    check=_collected_in_eval_mode,
    nuance="The policy that acts and the policy that is scored must be one. If the collector used "
    "the same mask, the update would be unbiased for the policy with masks. Batch normalization "
    "has the same problem.",
    half_true=_collected_with_the_same_masks,
    sources=("notebook 06",),
)

# rows(states [T + 1]) -> the rows of logits that score the tokens 0 to T - 1, [T].
RowChoice = Callable[[Ints], Ints]


def row_after_the_token(states: Ints) -> Ints:
    return states[1:]  # states [T + 1]; token t leads from state t to state t + 1


def row_before_the_token(states: Ints) -> Ints:
    return states[:-1]


# A language model of two tokens: state 0 is the start, state 1 + k is that the last token was k.
TABLE = np.array([[0.2, -0.3], [0.5, 0.0], [-0.4, 0.6]])
ANSWERS = np.array([[0.0, 1.0], [3.0, 0.0]])  # The reward of two tokens: they should differ.


def _two_tokens(rows: RowChoice, table: Tensor) -> tuple[Tensor, Tensor]:
    """Return a surrogate whose gradient is E[r Σ ∇log π], and J, both differentiable."""
    scores = torch.log_softmax(table, dim=1)
    J: Tensor = torch.zeros((), dtype=torch.float64)
    surrogate: Tensor = torch.zeros((), dtype=torch.float64)
    for tokens in itertools.product(range(2), repeat=2):
        states = np.array([0, *(1 + token for token in tokens)])
        chance = scores[states[:-1], tokens].sum().exp()
        J = J + chance * ANSWERS[tokens]
        surrogate = (
            surrogate + chance.detach() * ANSWERS[tokens] * scores[rows(states), tokens].sum()
        )
    return surrogate, J


def _slope(value: Tensor, of: Tensor) -> Floats:
    (slope,) = torch.autograd.grad(value, of, retain_graph=True)
    return np.asarray(slope, np.float64)


def _on_two_tokens(rows: RowChoice) -> Verdict:
    table = torch.tensor(TABLE, requires_grad=True)
    surrogate, J = _two_tokens(rows, table)
    update, truth = (_slope(x, table) for x in (surrogate, J))
    return Verdict(bool(np.abs(update - truth).max() < 1e-12), {"cosine": cosine(update, truth)})


def _tokens_that_are_not_looked_at() -> Verdict:
    """Share one row of logits among all states."""
    shared = torch.tensor(TABLE[0], requires_grad=True)
    surrogate, J = _two_tokens(row_after_the_token, shared.expand(3, 2))
    update, truth = (_slope(x, shared) for x in (surrogate, J))
    gap = float(np.abs(update - truth).max())
    return Verdict(gap < 1e-12, {"bias if the logits do not depend on the tokens": gap})


TOKEN_SHIFT = Pitfall(
    name="tokens shifted by one",
    kind="biased",
    believed="The logits at position t score the token at position t.",
    wrong=row_after_the_token,
    right=row_before_the_token,
    check=_on_two_tokens,
    nuance="They score the next token: a model that has read token t predicts token t + 1. Only if "
    "the logits did not depend on what was read, it would be the same.",
    half_true=_tokens_that_are_not_looked_at,
    sources=("Hugging Face's documentation of causal language models",),
)

# keep(kept, obs): append what an environment returns to a list.
KeepObservation = Callable[[list[Ints], Ints], None]


def keep_the_array(kept: list[Ints], obs: Ints) -> None:
    kept.append(obs)


def keep_a_copy(kept: list[Ints], obs: Ints) -> None:
    kept.append(obs.copy())


def _stored(keep: KeepObservation, episode: Episode) -> Episode:
    """Return an episode as a program stores it if the environment writes into one array."""
    array = np.zeros(1, int)
    kept: list[Ints] = []
    for obs in episode.obs:
        array[0] = obs
        keep(kept, array)
    return replace(episode, obs=np.concatenate(kept))


def _from_one_array(keep: KeepObservation) -> Verdict:
    (found,) = at_sizes(
        lambda batch: whole_gradient([_stored(keep, e) for e in batch]), WAITING, (1,)
    )
    return Verdict(found.unbiased, {"cosine": found.cosine})


def _one_step_only() -> Verdict:
    (found,) = at_sizes(
        lambda batch: whole_gradient([_stored(keep_the_array, e) for e in batch]), THREE_ARMS, (1,)
    )
    return Verdict(found.unbiased, {"cosine in episodes of one step": found.cosine})


ALIASED = Pitfall(
    name="aliased observations",
    kind="biased",
    believed="A list of the observations holds the observations.",
    wrong=keep_the_array,
    right=keep_a_copy,
    check=_from_one_array,
    nuance="If an environment writes each observation into the same array, the list holds that "
    "array many times, and every action is scored in the last state. With one step an episode "
    "nothing is overwritten.",
    half_true=_one_step_only,
    sources=("Gymnasium's documentation of vector environments, copy",),
)
