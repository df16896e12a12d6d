"""Checkpoints: what they hold, and how foreign or damaged ones are refused."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from pg_edu.runs.checkpoint import load_checkpoint, save_checkpoint
from pg_edu.runs.training import train
from tests.runs.helpers import SMALL, fingerprint


def test_a_checkpoint_holds_only_tensors_and_plain_values(tmp_path: Path) -> None:
    save_checkpoint(train(0, SMALL), tmp_path / "checkpoint.pt")
    plain = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert {plain["format"], plain["seed"]} == {"pg_edu checkpoint 1", 0}
    entries = {"config", "history", "stopped", "policy_state", "optim_state"}
    assert plain.keys() == {"format", "seed", *entries}

    def types(tree: Any) -> set[type]:
        if isinstance(tree, dict):
            return set().union(*map(types, tree.values()))
        if isinstance(tree, list | tuple):
            return set[type]().union(*map(types, tree))
        return {type(tree)}

    assert types(plain) <= {torch.Tensor, int, float, str, bool, type(None)}


def write_text(path: Path) -> None:
    path.write_text("not a checkpoint")


def write_nothing(path: Path) -> None:
    path.write_bytes(b"")


def write_half(path: Path) -> None:
    save_checkpoint(train(0, SMALL), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_weights(path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2).state_dict(), path)


def write_a_tensor(path: Path) -> None:
    torch.save(torch.zeros(3), path)


def write_objects(path: Path) -> None:
    torch.save({"format": "pg_edu checkpoint 1", "config": SMALL}, path)


def write_without_the_last_byte(path: Path) -> None:
    save_checkpoint(train(0, SMALL), path)
    path.write_bytes(path.read_bytes()[:-1])


def write_wrong_types(path: Path) -> None:
    plain = train(0, SMALL).to_plain()
    torch.save({"format": "pg_edu checkpoint 1", **plain, "history": 3}, path)


@pytest.mark.parametrize(
    "write",
    [
        write_text,
        write_nothing,
        write_half,
        write_weights,
        write_a_tensor,
        write_objects,
        write_without_the_last_byte,
        write_wrong_types,
    ],
)
def test_a_foreign_or_damaged_checkpoint_is_refused(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    write(tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"x\.pt is not a checkpoint of pg_edu, or is damaged"):
        load_checkpoint(tmp_path / "x.pt")


def of_the_next_format(plain: dict[str, Any]) -> None:
    plain["format"] = "pg_edu checkpoint 2"


def with_a_new_field(plain: dict[str, Any]) -> None:
    plain["elapsed"] = 3.0


def with_a_new_setting(plain: dict[str, Any]) -> None:
    plain["config"]["entropy_bonus"] = 0.0


def without_a_setting(plain: dict[str, Any]) -> None:
    del plain["config"]["repeat"]


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (of_the_next_format, "its format is 'pg_edu checkpoint 2' where 'pg_edu checkpoint 1' is"),
        (with_a_new_field, "'elapsed' is new"),
        (with_a_new_setting, "'entropy_bonus' is new"),
        (without_a_setting, "'repeat' is missing"),
    ],
)
def test_a_checkpoint_of_another_version_is_called_so(
    change: Callable[[dict[str, Any]], None], difference: str, tmp_path: Path
) -> None:
    plain = {"format": "pg_edu checkpoint 1", **train(0, SMALL).to_plain()}
    change(plain)
    torch.save(plain, tmp_path / "x.pt")
    with pytest.raises(ValueError, match=f"another version of pg_edu: {difference}"):
        load_checkpoint(tmp_path / "x.pt")


def test_a_missing_checkpoint_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "x.pt")


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    result = train(0, SMALL)
    save_checkpoint(result, path)
    before = path.read_bytes()

    def disk_full(_: Any, file: Any) -> None:
        file.write(b"some")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", disk_full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(result, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


class Payload:
    """An object whose unpickling runs code: it creates a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def test_loading_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    plain = train(0, SMALL).to_plain()
    contents = {"format": "pg_edu checkpoint 1", **plain, "stopped": Payload(tmp_path / "hacked")}
    torch.save(contents, tmp_path / "x.pt")
    with pytest.raises(ValueError, match="is not a checkpoint"):
        load_checkpoint(tmp_path / "x.pt")
    assert not (tmp_path / "hacked").exists()


def test_unpickling_the_tensors_of_a_result_runs_no_code(tmp_path: Path) -> None:
    result = train(0, SMALL)
    rebuild, _ = cast(tuple[Callable[[bytes], Any], Any], result.__reduce__())
    file = io.BytesIO()
    torch.save({**result.to_plain(), "stopped": Payload(tmp_path / "hacked")}, file)
    with pytest.raises(pickle.UnpicklingError):
        rebuild(file.getvalue())
    assert not (tmp_path / "hacked").exists()


def test_a_checkpoint_of_a_gpu_is_read_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = train(0, SMALL)
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda _: "cuda:0")
        save_checkpoint(result, tmp_path / "x.pt")
        pickled = pickle.dumps(result)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert fingerprint(load_checkpoint(tmp_path / "x.pt")) == fingerprint(result)
    assert fingerprint(pickle.loads(pickled)) == fingerprint(result)


def test_a_new_checkpoint_takes_the_place_of_the_old_file_which_is_not_written_to(
    tmp_path: Path,
) -> None:
    """A reader that has the old file open goes on reading the old state."""
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(train(0, SMALL), path)
    with path.open("rb") as old:
        before = path.read_bytes()
        save_checkpoint(train(1, SMALL), path)
        assert old.read() == before
    assert load_checkpoint(path).seed == 1
