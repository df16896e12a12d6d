"""Rollback: after an error everything is as before, bit for bit, in the same tensors.

The oracle is a deep copy of module and optimizer, made before the block.
"""

import copy

import pytest
import torch
from torch import nn

from pg_edu.rollback import restored_on_error


class Counting(nn.Module):
    """A module with two buffers: one is written to, one is replaced at each call."""

    total: torch.Tensor
    calls: torch.Tensor

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
        self.register_buffer("total", torch.zeros(1))
        self.register_buffer("calls", torch.zeros(1), persistent=False)
        self.register_buffer("expanded", torch.ones(1).expand(4))

    def forward(self, x):
        self.total += x.detach().sum()
        self.calls = self.calls + 1
        return self.net(x)


OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.1, amsgrad=True),
    "Adam with a tensor as learning rate": lambda p: torch.optim.Adam(p, lr=torch.tensor(0.1)),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.1, centered=True),
    "groups": lambda p: torch.optim.AdamW([{"params": p[:2], "lr": 0.5}, {"params": p[2:]}]),
}
of_each_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=list(OPTIMIZERS))


def step(module, optim):
    optim.zero_grad()
    module(torch.randn(5, 2)).sum().backward()
    optim.step()


def everything(module, optim):
    """Return what a step changes, as plain numbers and lists."""
    tensors = [*module.parameters(), *module.buffers()]
    gradients = [None if p.grad is None else p.grad.tolist() for p in module.parameters()]
    return [
        [tensor.tolist() for tensor in tensors],
        gradients,
        str(optim.state_dict()["param_groups"]),
        {
            number: {name: torch.as_tensor(value).tolist() for name, value in entry.items()}
            for number, entry in optim.state_dict()["state"].items()
        },
    ]


@pytest.mark.parametrize("steps_before", [0, 2])
@of_each_optimizer
def test_after_an_error_everything_is_as_before(make, steps_before):
    torch.manual_seed(0)
    module = Counting()
    optim = make(list(module.parameters()))
    for _ in range(steps_before):
        step(module, optim)
    before = copy.deepcopy(everything(module, optim))
    with pytest.raises(KeyboardInterrupt), restored_on_error(module, optim):
        step(module, optim)
        optim.param_groups[0]["lr"] *= 3
        assert everything(module, optim) != before
        raise KeyboardInterrupt
    assert everything(module, optim) == before
    assert len(optim.state) == (0 if steps_before == 0 else len(optim.state_dict()["state"]))


@of_each_optimizer
def test_training_goes_on_after_an_error_as_if_the_failed_steps_had_not_been(make):
    """A twin that never failed has the same parameters after the next step."""
    torch.manual_seed(0)
    module = Counting()
    optim = make(list(module.parameters()))
    step(module, optim)
    twin, twin_optim = copy.deepcopy((module, optim))
    with pytest.raises(ValueError, match="on purpose"), restored_on_error(module, optim):
        step(module, optim)
        raise ValueError("on purpose")
    for each in ((module, optim), (twin, twin_optim)):
        torch.manual_seed(1)
        step(*each)
    assert everything(module, optim) == everything(twin, twin_optim)


def test_the_tensors_stay_the_same_objects():
    """Whoever holds a parameter, a buffer or the optimizer's memory holds it afterward as well."""
    module = Counting()
    optim = torch.optim.Adam(module.parameters())
    step(module, optim)

    def tensors():
        state = [value for entry in optim.state.values() for value in entry.values()]
        return [*module.parameters(), *module.buffers(), *state]

    before = tensors()
    with pytest.raises(ValueError, match="on purpose"), restored_on_error(module, optim):
        step(module, optim)
        raise ValueError("on purpose")
    assert [id(tensor) for tensor in tensors()] == [id(tensor) for tensor in before]


def test_without_an_error_nothing_is_put_back():
    module = Counting()
    optim = torch.optim.Adam(module.parameters())
    torch.manual_seed(0)
    with restored_on_error(module, optim):
        step(module, optim)
    assert module.calls.item() == 1
    assert len(optim.state) == len(list(module.parameters()))


def test_parameters_of_another_module_in_the_optimizer_are_put_back_too():
    module, other = nn.Linear(1, 1), nn.Linear(1, 1)
    optim = torch.optim.SGD([*module.parameters(), *other.parameters()], lr=1.0)
    weight = other.weight.item()
    with pytest.raises(ValueError, match="on purpose"), restored_on_error(module, optim):
        other.weight.sum().backward()
        optim.step()
        raise ValueError("on purpose")
    assert other.weight.item() == weight
    assert other.weight.grad is None


def test_a_lazy_parameter_has_nothing_to_put_back():
    module = nn.LazyLinear(2)
    optim = torch.optim.SGD(module.parameters(), lr=1.0)
    with pytest.raises(ValueError, match="on purpose"), restored_on_error(module, optim):
        raise ValueError("on purpose")


def test_the_optimizer_may_keep_numbers_lists_and_settings_of_its_own():
    """LBFGS keeps lists of tensors; other optimizers change their settings in every step."""

    class Sums(torch.optim.SGD):
        def step(self, closure=None):
            entry = self.state[self.param_groups[0]["params"][0]]
            entry.setdefault("history", []).append(torch.ones(1))
            entry["count"] = entry.get("count", 0) + 1
            if entry["count"] > 1:
                entry["late"] = torch.ones(1)
            self.param_groups[0]["d"] = self.param_groups[0].get("d", 1.0) * 2
            return super().step(closure)

    module = nn.Linear(2, 1)
    optim = Sums(module.parameters(), lr=0.1)
    step(module, optim)
    with pytest.raises(ValueError, match="on purpose"), restored_on_error(module, optim):
        step(module, optim)
        raise ValueError("on purpose")
    (entry,) = (entry for entry in optim.state.values() if entry)
    assert (len(entry["history"]), entry["count"], optim.param_groups[0]["d"]) == (1, 1, 2.0)
    assert "late" not in entry


def test_the_settings_of_each_group_are_put_back():
    module = nn.Linear(1, 1)
    groups = [{"params": [parameter], "lr": 0.5} for parameter in module.parameters()]
    optim = torch.optim.SGD(groups)
    with pytest.raises(ValueError, match="on purpose"), restored_on_error(module, optim):
        for group in optim.param_groups:
            group["lr"] = 7.0
        raise ValueError("on purpose")
    assert [group["lr"] for group in optim.param_groups] == [0.5, 0.5]
