"""Claims: sentences, each next to the computation that verifies it.

A notebook does not only say that something is true; it shows the reader the check. Each claim
prints one line, the same for a reader and for `pytest --nbval`. A false claim stops the notebook,
and shows the numbers from which its truth value was computed.
"""

import ast
import linecache
import numbers
import sys
from types import CodeType, FrameType
from typing import Any

import numpy as np
import torch

from pg_edu.course.plain import as_numpy, type_name

CAUSE = (
    "If you edited this page, or ran a cell twice, that may be the cause: restart the kernel and "
    "run all cells."
)
MOST = 8  # numbers of an array that are written out


class ClaimError(AssertionError):
    """The error that a false claim raises."""


def claim(sentence: str, holds: bool | np.bool_, **values: object) -> None:
    """Print a sentence with a check mark if it holds; otherwise print it with a cross and raise.

    A false claim also shows the variables in the expression for `holds`, and says that an edit
    may be the cause.

    Args:
        sentence: the claim, in plain words.
        holds: the result of the check, a single truth value.
        **values: the numbers that the check used, printed after the sentence. Real numbers are
            rounded to four digits; integers and fractions are exact.

    Raises:
        ClaimError: the claim is false.
        TypeError: `holds` is not a single truth value, so nothing was checked.

    Example:
        >>> claim("heads and tails of a fair coin are equally likely", 0.5 == 1 - 0.5)
        ✓ heads and tails of a fair coin are equally likely
        >>> claim("e is less than 3", np.e < 3, e=np.e, gap=3 - np.e)
        ✓ e is less than 3 (e = 2.718, gap = 0.2817)
    """
    if not isinstance(holds, bool | np.bool_):
        raise TypeError(
            f"holds is {holds!r} of type {type(holds).__name__}, but must be True or False. "
            "Compare the value with something, and write .all() or .any() for an array."
        )
    given = {name: shown(value) for name, value in values.items()}
    if holds:
        print(_line("✓", sentence, given))
        return
    others = _variables_of_the_call(sys._getframe(1), given)
    line = _line("✗", sentence, given | others)
    print(line)
    raise ClaimError(f"{line}. {CAUSE}")


def _line(mark: str, sentence: str, given: dict[str, str]) -> str:
    values = ", ".join(f"{name} = {value}" for name, value in given.items())
    return f"{mark} {sentence} ({values})" if values else f"{mark} {sentence}"


def _variables_of_the_call(caller: FrameType, known: dict[str, str]) -> dict[str, str]:
    """Return the numbers among the variables that the second argument of the call names.

    Nothing is evaluated again, since that could change something; so what the expression calls
    is not shown, only the variables that it uses.
    """
    try:
        call = ast.parse(_source_of_the_call(caller).strip(), mode="eval").body
        condition = _condition(call)
    except (SyntaxError, ValueError):
        return {}  # The source is not available, as in code that was made by exec.
    nodes = [node for node in ast.walk(condition) if isinstance(node, ast.Name)]
    nodes.sort(key=lambda node: (node.lineno, node.col_offset))
    variables = caller.f_globals | caller.f_locals
    return {
        node.id: shown(variables[node.id])
        for node in nodes
        if node.id not in known and _is_shown(variables.get(node.id))
    }


def _condition(call: ast.expr) -> ast.expr:
    """Return the expression for `holds` in a call of `claim`, or all arguments if it is unclear."""
    if not isinstance(call, ast.Call):
        raise ValueError("this is not a call")
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if "holds" in named:
        return named["holds"]
    if len(call.args) > 1 and not any(isinstance(item, ast.Starred) for item in call.args[:2]):
        return call.args[1]
    # The call has stars, or it is a call of something that calls `claim`.
    return ast.Tuple([*call.args, *named.values()], ast.Load())


def _source_of_the_call(caller: FrameType) -> str:
    """Return the text of the call that a frame is at, or "" if it is not known."""
    first, last, start, end = _position(caller.f_code, caller.f_lasti)
    if None in (first, last, start, end):
        return ""
    lines = [linecache.getline(caller.f_code.co_filename, n) for n in range(first, last + 1)]
    text = [line.encode() for line in lines]  # Columns are counted in bytes.
    text[-1] = text[-1][:end]
    text[0] = text[0][start:]
    return b"".join(text).decode()


def _position(code: CodeType, instruction: int) -> Any:
    return list(code.co_positions())[instruction // 2]


def _is_shown(value: object) -> bool:
    """Return whether a variable holds numbers: flags, numbers, arrays and tensors."""
    return isinstance(value, numbers.Number | np.ndarray | np.bool_ | torch.Tensor)


def shown(value: object) -> str:
    """Return a value as text, or the name of its class if it has no text.

    A tensor may be sparse or without data, and an integer may have too many digits.
    """
    try:
        return _text(value)
    except Exception:
        return f"<{type_name(value)}>"


def _text(value: object) -> str:
    """Return a value as text, with real numbers rounded to four digits and large arrays cut."""
    if isinstance(value, np.ndarray | torch.Tensor):
        return _short_array(value)
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Rational):
        return f"{float(value) + 0.0:.4g}"  # Adding 0.0 turns -0 into 0.
    return str(value)


def _short_array(value: Any) -> str:
    array = as_numpy(value) if isinstance(value, torch.Tensor) else value
    if array.size > MOST:
        return f"array of shape {list(array.shape)}"
    return np.array2string(array, precision=4, separator=", ").replace("\n", "")
