"""The protocols of a Batch: they promise no more than the class Batch has.

The oracle is the class itself, inspected at run time.
"""

import inspect

import pytest

from pg_edu import types
from pg_edu.batch import Batch

METHODS = [
    name
    for name, value in vars(types.BatchProtocol).items()
    if inspect.isfunction(value) and not name.startswith("_")
]


def test_the_protocol_lists_the_methods_that_a_reader_needs() -> None:
    assert {"keys", "values", "items", "get", "split", "to_torch", "to_numpy"} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_batch_has_every_method_of_the_protocol_with_its_parameters(name: str) -> None:
    promised = inspect.signature(getattr(types.BatchProtocol, name)).parameters
    found = inspect.signature(getattr(Batch, name)).parameters
    for parameter in promised.values():
        assert parameter.name in found
        assert found[parameter.name].default == parameter.default


@pytest.mark.parametrize(
    ("protocol", "fields"),
    [
        (types.ObsBatchProtocol, {"obs", "info"}),
        (types.RolloutBatchProtocol, {"obs_next", "act", "rew", "terminated", "truncated"}),
        (types.BatchWithReturnsProtocol, {"returns"}),
        (types.ActBatchProtocol, {"act"}),
        (types.ActStateBatchProtocol, {"state"}),
        (types.ModelOutputBatchProtocol, {"logits"}),
        (types.DistBatchProtocol, {"dist"}),
    ],
)
def test_each_protocol_adds_the_fields_of_its_stage(protocol: type, fields: set[str]) -> None:
    assert set(inspect.get_annotations(protocol)) == fields
    assert types.BatchProtocol in protocol.__mro__
