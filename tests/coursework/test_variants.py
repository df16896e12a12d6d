"""Variants: the public answer is wrong, the answer that is asked for is right, by other numbers."""

import math
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm

from pg_edu.course.judge import judge
from pg_edu.course.records import record, records
from pg_edu.course.verdicts import CORRECT, WRONG
from pg_edu.coursework.assigning import solved
from pg_edu.coursework.new_numbers import NEW_NUMBERS
from pg_edu.coursework.pages import HINT, Page, Task, find_pages
from pg_edu.coursework.twists import PUBLIC, NewNumbers, Twist
from pg_edu.coursework.variants import (
    TWISTS,
    check_variant,
    chosen_twist,
    turned_record,
    varied_record,
)
from tests.course.test_exercises import names_of_the_page

ALL = [(number, twist) for number, twists in TWISTS.items() for twist in twists]
every_twist = pytest.mark.parametrize(("number", "twist"), ALL, ids=lambda v: getattr(v, "name", v))
FUNCTIONS = [(number, twist) for number, twist in ALL if isinstance(twist, Twist)]
VALUES = [(number, twist) for number, twist in ALL if isinstance(twist, NewNumbers)]
WITHOUT = {"08.3"}  # Its numbers are those of an orchard that the whole page is about.


@cache
def places() -> dict[str, tuple[Page, Task]]:
    """Return the page and the place of each exercise."""
    return {task.number: (page, task) for page in find_pages([]) for task in page.tasks}


@cache
def seed_of(number: str, twist: Twist | NewNumbers) -> int:
    """Return a variant in which the exercise has this twist."""
    return next(seed for seed in range(1000) if chosen_twist(number, seed) is twist)


@cache
def names_on(notebook: str) -> dict[str, Any]:
    return names_of_the_page(notebook)


def answer(number: str, variant: int | None) -> Any:
    """Return the answer of the solved notebook, made by running its cell."""
    page, task = places()[number]
    names: dict[str, Any] = {"math": math}
    if record(number).asks_for_a_function:
        names |= names_on(page.name.split("_")[0])
    exec(solved(page, variant)["cells"][task.stub]["source"], names)
    return names[task.name]


# Every twist


def judged(number: str, twist: Twist | NewNumbers, variant: int | None) -> str:
    """Return the status of a solved notebook's answer in the exercise with this twist."""
    # Diagnoses take most of the time, and here only the status counts.
    plain = replace(record(number), misconceptions=())
    return judge(replace(twist.record(plain), misconceptions=()), answer(number, variant)).status


@every_twist
def test_the_public_solution_is_wrong_in_every_variant(number, twist):
    assert judged(number, twist, None) == WRONG


@every_twist
def test_the_answer_of_the_solved_notebook_is_right_in_its_variant(number, twist):
    assert judged(number, twist, seed_of(number, twist)) == CORRECT


@pytest.mark.parametrize("number", ["01.4", "02.2", "04.4", "07.4", "08.9", "09.5"])
def test_the_misconceptions_of_a_variant_get_their_diagnoses(number):
    varied = turned_record(record(number), TWISTS[number][0])
    for known in varied.misconceptions:
        verdict = judge(varied, known.answer)
        assert verdict.diagnosis.startswith(f"{known.diagnosis} (notebook ")


@pytest.mark.parametrize(("number", "twist"), VALUES, ids=lambda v: getattr(v, "name", v))
def test_the_numbers_that_are_replaced_are_on_the_page(number, twist):
    page, task = places()[number]
    cells = page.notebook["cells"]
    text = cells[task.heading]["source"].split(f"### Exercise {number} ")[1]
    text += "".join(hint[0] for hint in HINT.finditer(cells[task.folds]["source"]))
    for old, new in twist.replaced:
        assert old in text, (number, old)
        text = text.replace(old, new)


def test_every_exercise_of_notebooks_01_to_09_has_twists_but_those_that_are_named():
    numbers = {exercise.number for exercise in records() if "01" < exercise.number < "10"}
    assert numbers - set(TWISTS) == WITHOUT


def test_the_diagnosis_of_a_public_solution_says_what_it_is():
    verdict = judge(varied_record("02.1", 1), record("02.1").key)
    assert verdict.diagnosis == f"{PUBLIC} (notebook 02, “Exercise 02.1 · Backwards”)"


# Which twist a seed picks


def test_without_a_variant_the_record_is_that_of_the_page():
    assert varied_record("02.1", None) is record("02.1")


def test_an_exercise_without_twists_stays_as_it_is():
    assert varied_record("10.1", 3) is record("10.1")


def test_the_same_seed_picks_the_same_twists_and_every_twist_has_a_seed():
    """The choice is written down, since a class works with it for weeks."""
    assert [chosen_twist("02.1", seed).name for seed in range(4)] == CHOSEN  # type: ignore[union-attr]
    for number, twist in ALL:
        assert seed_of(number, twist) < 1000


CHOSEN = ["costs", "backwards in time", "normalized", "costs"]


def test_an_unknown_exercise_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"there is no exercise '77.7'; there are: 00.1"):
        varied_record("77.7", 1)


def test_the_check_of_a_variant_prints_its_verdict(capsys):
    verdict = check_variant(1)("02.1", answer("02.1", 1))
    assert verdict.correct and capsys.readouterr().out == "✓ 02.1 correct\n"


# By hand: the sentence of a twist and its key mean the same


def flags(text: str) -> Any:
    return np.array([letter == "T" for letter in text])


def floats(*numbers: float) -> Any:
    return np.array(numbers, float)


F, I = floats, np.array  # noqa: E741
ZEROS, TILTED, F1 = torch.zeros(2), torch.tensor([2.0, 0.0]), torch.tensor([1.0])
LOGITS, COLUMN = torch.tensor([[0.0, 0.0]]), torch.tensor([[0]])
TWO = torch.tensor([[2.0]])
BY_HAND: list[tuple[str, str, tuple[Any, ...], Any]] = [
    ("01.1", "minus the score", (F(0, 0), 1), [0.5, -0.5]),
    ("01.1", "temperature 2", (F(0, 0), 1), [-0.25, 0.25]),
    ("01.1", "arms from 1", (F(0, 0), 2), [-0.5, 0.5]),
    ("01.1", "logarithm to base 2", (F(0, 0), 1), [-0.7213475, 0.7213475]),
    ("01.4", "costs", (F(0.5, 0.5), I([0]), F(2)), [-1, 1]),
    ("01.4", "a sum", (F(0.5, 0.5), I([0, 0]), F(2, 2)), [2, -2]),
    ("01.4", "temperature 2", (F(0.5, 0.5), I([0]), F(2)), [0.5, -0.5]),
    ("01.6", "costs", (ZEROS, torch.tensor([0]), F1, torch.zeros(2)), -math.log(2)),
    ("01.6", "a sum", (ZEROS, torch.tensor([0, 0]), F1.tile(2), torch.zeros(2)), 2 * math.log(2)),
    ("01.6", "temperature 2", (TILTED, torch.tensor([0]), F1, torch.zeros(2)), 0.3132617),
    ("02.1", "backwards in time", (F(8, 0, 0), 0.5), [8, 4, 2]),
    ("02.1", "costs", (F(0, 0, 8), 0.5), [-2, -4, -8]),
    ("02.1", "without its own reward", (F(0, 0, 8), 0.5), [4, 8, 0]),
    ("02.1", "normalized", (F(0, 0, 8), 0.5), [1, 2, 4]),
    ("02.2", "first steps marked", (F(0, 8, 0, 4), flags("TFTF"), 0.5), [4, 8, 2, 4]),
    ("02.2", "backwards in time", (F(4, 0, 8, 0), flags("TFTF"), 0.5), [4, 2, 8, 4]),
    ("02.2", "costs", (F(0, 8, 0, 4), flags("FTFT"), 0.5), [-4, -8, -2, -4]),
    ("02.3", "both flags are a cut", (F(0, 0), flags("FT"), flags("FT"), F(6, 4), 0.5), [1, 2]),
    ("02.3", "predicted costs", (F(0, 0), flags("FF"), flags("FT"), F(6, 4), 0.5), [-1, -2]),
    ("02.3", "costs", (F(1, 0), flags("FF"), flags("FT"), F(6, 4), 0.5), [-2, -2]),
    ("03.3", "costs", (F(-1, -2), F(3, 1), flags("FT")), -5),
    ("03.3", "a sum", (F(-1, -2), F(3, 1), flags("TT")), 5),
    (
        "03.5",
        "the total",
        (np.zeros((1, 2)), I([0, 0]), I([0, 0]), F(1, 2), flags("FT"), 1.0),
        [[3, -3]],
    ),
    (
        "03.5",
        "rows that sum to 0",
        (np.ones((1, 2)), I([0, 0]), I([0, 0]), F(1, 2), flags("FT"), 0.0),
        [[0, 0]],
    ),
    ("04.4", "a sum", (LOGITS.tile(2, 1), COLUMN.tile(2, 1), TWO.tile(2, 1)), 4 * math.log(2)),
    ("04.4", "costs", (LOGITS, COLUMN, TWO), -2 * math.log(2)),
    ("04.4", "temperature 2", (torch.tensor([[2.0, 0.0]]), COLUMN, TWO), 2 * 0.3132617),
    ("05.1", "center and half range", (np.array([[0.0], [50]]), F(3), F(2)), [[3], [5]]),
    ("05.1", "mounted the wrong way", (np.array([[50.0]]), F(0), F(10)), [[0]]),
    ("05.1", "clipped", (np.array([[0.5], [7]]), F(0), F(10)), [[7.5], [10]]),
    ("05.3", "costs", (F(1), 0.0, 1.0, lambda action: action), -2),
    ("05.3", "by log sigma", (F(2), 0.0, 1.0, lambda action: action), 6),
    ("05.3", "half the range", (F(0.5), 0.0, 1.0, lambda action: action), 0.25),
    ("06.4", "clipped", ([F(3, 0.2)],), [[0.5, 0.2]]),
    ("06.4", "newest batch first", ([F(9), F(3, 1)],), [[7], [3, 1]]),
    ("06.4", "not centered", ([F(3, 1), F(9)],), [[3, 1], [9]]),
    (
        "06.5",
        "sums",
        (np.zeros((1, 2)), I([0, 0]), I([0, 0]), F(1, 3), [I([0, 1])], 1.0),
        [[2, -2]],
    ),
    (
        "06.5",
        "last minibatch first",
        (np.zeros((1, 2)), I([0, 0]), I([0, 0]), F(1, 3), [I([0]), I([1])], 1.0),
        [[1.5474259, -1.5474259]],
    ),
    (
        "06.5",
        "rows that sum to 0",
        (np.ones((1, 2)), I([0, 0]), I([0, 0]), F(1, 3), [I([0])], 0.0),
        [[0, 0]],
    ),
    ("07.1", "where nobody acted", (flags("FTFF")[:, None],), flags("FFTF")[:, None]),
    ("07.1", "a row for each environment", (flags("FTFF")[None],), flags("TTFT")[None]),
    ("08.1", "predicted costs", (flags("F"), flags("T"), F(5), False), [-5]),
    ("08.1", "in the way", (flags("F"), flags("T"), F(5), True), [5]),
    ("08.1", "both flags are a cut", (flags("T"), flags("T"), F(5), False), [5]),
    ("08.4", "first steps marked", (F(1, 2), flags("TF"), 1.0), [2, 1]),
    ("08.4", "costs", (F(1, 2), flags("FT"), 1.0), [-2, -1]),
    ("08.4", "backwards in time", (F(2, 1), flags("TF"), 1.0), [1, 2]),
    ("09.3", "upper end first", (F(0, 2),), [13.7062, -11.7062]),
    ("09.3", "center and margin", (F(0, 2),), [1, 12.7062]),
    ("09.3", "90 percent", (F(0, 2),), [-5.313752, 7.313752]),
    ("09.7", "both together", (1.0, 1.0, 1.0, 0.8), 32),
    ("09.7", "variances", (4.0, 4.0, 1.0, 0.8), 63),
]


@pytest.mark.parametrize(("number", "name", "case", "expected"), BY_HAND)
def test_a_variant_asks_for_what_its_sentence_says(number, name, case, expected):
    (twist,) = [twist for twist in TWISTS[number] if twist.name == name]
    found = turned_record(record(number), twist).key(*case)
    for one, other in (
        zip(found, expected, strict=True) if isinstance(found, list) else [(found, expected)]
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_every_twist_of_a_core_page_is_worked_out_by_hand_but_those_of_the_loop():
    """What the training loop returns is compared with a loop of its own in its solution."""
    core = {task.number for page in find_pages([]) if "/" not in page.name for task in page.tasks}
    named = {(number, twist.name) for number, twist in FUNCTIONS if number in core - {"07.5"}}
    assert named == {(number, name) for number, name, *_ in BY_HAND}


# Values: from another computation


def key_of(number: str, which: int) -> Any:
    return NEW_NUMBERS[number][which].key


@pytest.mark.parametrize(("which", "p", "pay"), [(0, 0.7, 2), (1, 0.6, 5)])
def test_01_2_with_this_baseline_both_arms_write_down_the_same(which, p, pay):
    pi, b = np.array([1 - p, p]), key_of("01.2", which)
    after = [(r - b) * (np.eye(2)[arm] - pi) for arm, r in enumerate([0, pay])]
    np.testing.assert_allclose(after[0], after[1])


@pytest.mark.parametrize(("which", "power", "kind"), [(0, 2, np.float32), (1, 1, np.float64)])
def test_02_4_is_the_first_power_that_numpy_stores_as_0(which, power, kind):
    def stored(t: int) -> float:
        half = power * t // 2  # The power itself may be too small for Python's own floats.
        return float(kind(2.0**-half) * kind(2.0 ** -(power * t - half)))

    first = key_of("02.4", which)
    assert stored(first - 1) > 0 and stored(first) == 0


@pytest.mark.parametrize(("which", "steps"), [(0, 5), (1, 3)])
def test_03_2_the_expected_update_is_0(which, steps):
    b, p = key_of("03.2", which), 0.3
    go = 0.6 * steps
    # The score of the first action, times its return; later actions of *go* have no choice.
    update = p * (1 - p) * (1 - b) + (1 - p) * -p * (go - b) / steps
    assert abs(update) < 1e-12


@pytest.mark.parametrize(("which", "B", "A"), [(0, 7, 2), (1, 6, 4)])
def test_04_1_are_the_shapes_that_torch_gives(which, B, A):
    zeros, normal = torch.zeros, torch.distributions.Normal
    columns = torch.distributions.Independent(normal(zeros(B, 1), 1), 1)
    whole = torch.distributions.Independent(normal(zeros(B, A), 1), 1)
    categorical = torch.distributions.Categorical(logits=zeros(B, A))
    found = [
        categorical.log_prob(zeros(B, dtype=torch.long)),
        categorical.log_prob(zeros(B, 1, dtype=torch.long)),
        normal(zeros(B, A), 1).log_prob(zeros(B, A)),
        whole.log_prob(zeros(B, A)),
        normal(zeros(B, 1), 1).log_prob(zeros(B)),
        columns.log_prob(zeros(B)),
    ]
    assert key_of("04.1", which) == [list(one.shape) for one in found]


@pytest.mark.parametrize(("which", "sigma"), [(0, 0.25), (1, 0.4)])
def test_05_4_is_the_mean_score_of_clipped_draws(which, sigma):
    u = -1 + sigma * norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    scores = [(x + 1) / sigma**2 for x in (u, np.clip(u, -1, 1))]
    np.testing.assert_allclose(key_of("05.4", which), np.mean(scores, axis=1), atol=1e-3)


@pytest.mark.parametrize(("which", "rows", "size", "repeat"), [(0, 11, 3, 4), (1, 14, 4, 5)])
def test_06_1_counts_the_minibatches_of_the_package(which, rows, size, repeat):
    from pg_edu import Batch

    pieces = list(Batch(x=np.arange(rows)).split(size, merge_last=True))
    assert key_of("06.1", which) == repeat * len(pieces)


def test_06_2_no_step_moves_the_probabilities():
    for which, pay in enumerate([(1, 2, 0, 1), (2, 1, 3, 0)]):
        pi = np.array(key_of("06.2", which))
        rows = [r * (np.eye(3)[a] - pi) for a, r in zip((0, 0, 1, 2), pay, strict=True)]
        np.testing.assert_allclose(np.sum(rows, axis=0), 0, atol=1e-12)


@pytest.mark.parametrize(("which", "long"), [(0, 4), (1, 5)])
def test_07_2_is_the_mean_over_all_ways_the_race_can_go(which, long):
    means = []
    for drawn in product([1, long], repeat=8):
        ends = [sorted(_ends(drawn[:4])), sorted(_ends(drawn[4:]))]
        first_two = sorted((end, n) for row in ends for end, n in row)[:2]
        means.append(np.mean([length for _, length in first_two]))
    assert key_of("07.2", which) == np.mean(means)


def _ends(lengths: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(zip(np.cumsum(lengths).tolist(), lengths, strict=True))


@pytest.mark.parametrize(("which", "brings", "later"), [(0, 2, 3), (1, 4, 6)])
def test_08_2_is_the_first_length_at_which_coins_gain(which, brings, later):
    gains = [sum((brings if t + later < L else 0) - 1 for t in range(L)) for L in range(1, 30)]
    assert key_of("08.2", which) == 1 + next(i for i, gain in enumerate(gains) if gain > 0)


@pytest.mark.parametrize(("which", "pay"), [(0, 0.5), (1, 0.8)])
def test_08_8_both_are_worth_the_same(which, pay):
    c = key_of("08.8", which)
    assert math.isclose(1 - c, sum(pay - c for _ in range(3)))


@pytest.mark.parametrize(("which", "seeds", "outside"), [(0, 4, 0.001), (1, 5, 0.0001)])
def test_09_2_nothing_is_cut_off_and_the_extremes_cover_as_often(which, seeds, outside):
    assert seeds**-seeds > outside / 2
    covered = [len(set(sides)) == 2 for sides in product("<>", repeat=seeds)]
    assert key_of("09.2", which) == np.mean(covered)


@pytest.mark.parametrize(("which", "share"), [(0, 0.01), (1, 0.10)])
def test_09_5_bars_are_apart_in_this_share_of_pairs(which, share):
    assert math.isclose(2 * norm.sf(2 * key_of("09.5", which) / math.sqrt(2)), share, rel_tol=1e-4)
