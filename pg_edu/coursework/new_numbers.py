"""Other numbers for the exercises of notebooks 01 to 09 that ask for a value.

Each function below has the formula of an exercise, and the mistakes that follow from it.
"""

import math
from collections.abc import Sequence
from typing import Any

from pg_edu.course.records import Misconception
from pg_edu.coursework.twists import NewNumbers

WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 8: "eight"}


def wrong(page: str, *known: tuple[str, Any]) -> list[Misconception]:
    """Return misconceptions that one page explains, from their diagnoses and answers."""
    return [Misconception(diagnosis, answer, page) for diagnosis, answer in known]


def no_noise(p: float, pay: float) -> NewNumbers:
    """Return 01.2 for an arm 1 that pays `pay` and is pulled with probability `p`."""
    page = "01 The log-derivative trick"
    q = round(1 - p, 3)
    return NewNumbers(
        f"p = {p}, r = {pay}",
        [
            ("pays 1 and", f"pays {pay} and"),
            ("probability 0.9", f"probability {p}"),
            ("(0.9, -0.9)", f"({p}, -{p})"),
            ("(-0.1, 0.1)", f"(-{q}, {q})"),
        ],
        key=q * pay,
        solution=f"(1 - {p}) * {pay}",
        misconceptions=wrong(
            page,
            ("That is V, the average reward, with which the estimates differ.", p * pay),
            ("Without a baseline you write down zeros after arm 0 alone.", 0.0),
            ("That is the reward of arm 1: you write down zeros after it.", pay),
            ("That is the baseline for an arm that pays 1.", q),
            ("That is one coordinate of the true gradient.", p * q * pay),
        ),
    )


def underflow(gamma: int, name: str, smallest: int) -> NewNumbers:
    """Return 02.4 for a discount factor of 1 / `gamma` and a smallest number 2 ** -`smallest`."""
    page = "02 The elegant one-liner"
    bits = int(math.log2(gamma))
    first = math.ceil((smallest + 1) / bits)
    return NewNumbers(
        f"1/{gamma} in {name}",
        [("\\tfrac12", f"\\tfrac1{gamma}"), ("float32", name), ("2^{-149}", f"2^{{-{smallest}}}")],
        key=first,
        solution=str(first),
        misconceptions=wrong(
            page,
            ("There the power can still be stored. One step more.", first - 1),
            ("There the power is 0, but it is so before that.", first + 1),
        ),
    )


def harmless_constant(steps: int) -> NewNumbers:
    """Return 03.2 for a *go* of another number of steps."""
    page = "03 What does the mean divide by?"
    go = round(0.6 * steps, 1)
    return NewNumbers(
        f"go: {steps} steps",
        [
            ("Stop-or-go,", f"Stop-or-go with {WORDS[steps]} times 0.6 for *go*, not four times,"),
            ("$2.4 - b$, divided by four steps", f"${go} - b$, divided by {WORDS[steps]} steps"),
        ],
        key=0.4 / (1 - 1 / steps),
        solution=f"0.4 / (1 - 1 / {steps})",
        misconceptions=wrong(
            page,
            ("That is the value of a fair coin.", (1 + go) / 2),
            ("Without a baseline the agent learns to stop.", 0.0),
        ),
    )


def shapes(rows: int, dims: int) -> NewNumbers:
    """Return 04.1 for other sizes."""
    page = "04 A column of actions"
    B, A = rows, dims
    return NewNumbers(
        f"B, A = {B}, {A}",
        [
            ("Again `B, A = 5, 3`", f"Now let `B, A = {B}, {A}`"),
            ("5, 3", f"{B}, {A}"),
            ("_5_3", f"_{B}_{A}"),
            ("_5", f"_{B}"),
            ("[5", f"[{B}"),
            ("zeros(5", f"zeros({B}"),
        ],
        key=[[B], [B, B], [B, A], [B], [B, B], [B]],
        solution=f"[[{B}], [{B}, {B}], [{B}, {A}], [{B}], [{B}, {B}], [{B}]]",
        misconceptions=wrong(
            page,
            ("In 2 and 5 torch makes a table.", [[B], [B, 1], [B, A], [B], [B, 1], [B]]),
            ("In 2 torch makes a table, too.", [[B], [B, 1], [B, A], [B], [B, B], [B]]),
        ),
    )


def says_nothing(sigma: float, away: str) -> NewNumbers:
    """Return 05.4 for another standard deviation."""
    page = "05 Which log-probability?"
    b = 1 / (sigma * math.sqrt(2 * math.pi))
    return NewNumbers(
        f"sigma = {sigma}",
        [("\\sigma = 0.5", f"\\sigma = {sigma}"), ("four standard", f"{away} standard")],
        key=(0.0, b),
        solution=f"(0, 1 / ({sigma} * math.sqrt(2 * math.pi)))",
        misconceptions=wrong(
            page,
            ("The two are in the wrong order.", (b, 0.0)),
            ("(b) is not yet divided by the square of sigma.", (0.0, b * sigma**2)),
            ("(b) is divided by sigma. Divide by its square.", (0.0, b * sigma)),
            ("(b) is twice too large: half of the draws are clipped.", (0.0, 2 * b)),
            ("(b) is right. The Gaussian did draw the raw action.", (b, b)),
        ),
    )


def entropies(motors: int, upper: int) -> NewNumbers:
    """Return 05.7 for another number of motors and another range."""
    page = "deeper/05 Entropy: of which action?"
    half, word = upper / 2, WORDS[motors]
    a = motors * math.log(half)
    return NewNumbers(
        f"{motors} motors to {upper}",
        [
            ("three motors", f"{word} motors"),
            ("0 to 10, draws three", f"0 to {upper}, draws {word}"),
            ("There are three of each", f"There are {word} of each"),
        ],
        key=(a, float(motors)),
        solution=f"({motors} * math.log({upper} / 2), {motors})",
        misconceptions=wrong(
            page,
            ("These are the two numbers for one motor.", (math.log(half), 1.0)),
            ("(b) is right. (a) is for one motor only.", (math.log(half), motors)),
            ("(a) is right. (b) is for one motor only.", (a, 1.0)),
            ("(a) takes the whole range: half of it counts.", (motors * math.log(upper), motors)),
            ("The two are in the wrong order.", (motors, a)),
        ),
    )


def counted_steps(rows: int, size: int, repeat: int) -> NewNumbers:
    """Return 06.1 for another batch, another size of minibatches and another number of passes."""
    page = "06 update"
    inside = rows // size
    return NewNumbers(
        f"{rows} rows by {size}, {repeat} passes",
        [
            ("has 10 rows", f"has {rows} rows"),
            ("batch_size=4, repeat=3", f"batch_size={size}, repeat={repeat}"),
            ("than 4 rows", f"than 4 rows. Here none is smaller than {size}"),
        ],
        key=repeat * inside,
        solution=f"{repeat} * {inside}",
        misconceptions=wrong(
            page,
            ("The rows that are left over join the minibatch before them.", repeat * (inside + 1)),
            ("That is the number of steps in one pass.", inside),
            ("That is the number of passes.", repeat),
            ("That many rows are looked at. A step is for a whole minibatch.", rows * repeat),
        ),
    )


def where_it_ends(pay: Sequence[int]) -> NewNumbers:
    """Return 06.2 for other rewards of the arms 0, 0, 1 and 2, of which arm 0 is paid twice."""
    page = "06 update"
    sums = [pay[0] + pay[1], pay[2], pay[3]]
    total = sum(sums)
    return NewNumbers(
        f"paid {pay}",
        [("paid 1, 1, 0 and 5", f"paid {pay[0]}, {pay[1]}, {pay[2]} and {pay[3]}")],
        key=tuple(s / total for s in sums),
        solution=f"[{sums[0]} / {total}, {sums[1]} / {total}, {sums[2]} / {total}]",
        misconceptions=wrong(
            page,
            ("Each row has to count by what it paid.", (0.5, 0.25, 0.25)),
            ("These are sums of rewards. Probabilities sum to 1.", tuple(sums)),
            ("The steps go on from equal probabilities.", (1 / 3, 1 / 3, 1 / 3)),
        ),
    )


def other_action() -> NewNumbers:
    """Return 06.6 with the question for the other action."""
    sigmoid = [1 / (1 + math.exp(-x)) for x in (-1, 2, 5)]
    first = (0.5, sigmoid[1], (sigmoid[0] + sigmoid[2]) / 2, 1.0, sigmoid[1])
    return NewNumbers(
        "action 0",
        [("gets action 1 (the logit $3x - 1$)", "gets action 0 (the logit $0$)")],
        key=tuple(1 - share for share in first),
        solution="[0.5, 1 - 0.881, 1 - (0.269 + 0.993) / 2, 0.0, 1 - 0.881]",
    )


def another_start(weight: int) -> NewNumbers:
    """Return 06.7 for another weight at the start, also of the four new agents."""
    first = (4.796875, 5.125, 5.28125, 1.421875)
    return NewNumbers(
        f"w = {weight}",
        [
            ("one weight `w`, at first 0,", f"one weight `w`, at first {weight},"),
            ("`w` is 3.375", f"`w` is {3.375 + weight}"),
        ],
        key=tuple(w + weight for w in first),
        solution=f"[{weight} + w for w in (4.796875, 5.125, 5.28125, 1.421875)]",
        misconceptions=wrong(
            "06 update",
            (
                "A new agent has the weight of the start.",
                (*(w + weight for w in first[:3]), first[3]),
            ),
        ),
    )


def race(long: int) -> NewNumbers:
    """Return 07.2 for long episodes of another length, at least 4 steps."""
    page = "07 Which episodes count?"
    mixed = (1 + (1 + long) / 2) / 2
    return NewNumbers(
        f"1 or {long} steps",
        [
            ("1 step or 3 steps", f"1 step or {long} steps"),
            ("The mean length is 2", f"The mean length is {(1 + long) / 2:g}"),
            ("with two long ones it is 3", f"with two long ones it is {long}"),
            ("ends at step 3", f"ends at step {long}"),
        ],
        key=0.25 + 0.5 * mixed + 0.25 * long,
        solution=f"1 / 4 * 1 + 1 / 2 * (1 / 2 * 1 + 1 / 2 * (1 + {long}) / 2) + 1 / 4 * {long}",
        misconceptions=wrong(
            page,
            ("That is the mean of all episodes. A short one ends sooner.", (1 + long) / 2),
            ("That is the mean if one short and one long episode begin.", mixed),
            ("That is the expected sum of the two lengths.", 0.5 + mixed + 0.5 * long),
            ("Long episodes can be among the first two to end.", 1),
        ),
    )


def coins(brings: int, later: int) -> NewNumbers:
    """Return 08.2 for a coin that brings another sum at another time."""
    page = "08 Four ways to stop"
    word, least = WORDS[later], brings * later // (brings - 1) + 1
    return NewNumbers(
        f"{brings} after {later}",
        [
            ("brings 3, five steps later", f"brings {brings}, {word} steps later"),
            ("first $L - 5$ coins", f"first $L - {later}$ coins"),
            ("as 3 each", f"as {brings} each"),
            ("$3\\,(L - 5)$", f"${brings}\\,(L - {later})$"),
        ],
        key=least,
        solution=str(least),
        misconceptions=wrong(
            page,
            ("There the mean gain is not above 0.", least - 1),
            ("That many steps do pay, but one fewer does, too.", least + 1),
            ("Until then no coin comes back.", later),
        ),
    )


def price(pay: float, steps: int) -> NewNumbers:
    """Return 08.8 for a *go* that pays another reward another number of times."""
    page = "08 Subtracting from rewards is not subtracting from returns"
    more = round(pay * steps - 1, 3)
    return NewNumbers(
        f"go: {pay}, {steps} times",
        [
            ("go: 0.6, four times", f"go: {pay}, {WORDS[steps]} times"),
            ("four rewards", f"{WORDS[steps]} rewards"),
        ],
        key=more / (steps - 1),
        solution=f"{more} / {steps - 1}",
        misconceptions=wrong(
            page,
            ("That is how much more go pays. It loses c more often, too.", more),
            ("Stop loses c, too: count how often go loses it more.", more / steps),
            ("There going is worth 0. Set the two equal.", pay),
        ),
    )


def best_coverage(seeds: int, level: str) -> NewNumbers:
    """Return 09.2 for more seeds, and a level at which nothing is cut off."""
    page = "09 The 75% theorem"
    word, best = WORDS[seeds], 1 - 2 * 0.5**seeds
    return NewNumbers(
        f"{seeds} seeds, {level}",
        [
            ("with two seeds", f"with {word} seeds"),
            ("the 95% percentile", f"the {level} percentile"),
            ("draw two values from two", f"draw {word} values from {word}"),
            ("both results are below $\\mu$ or both", "all results are below $\\mu$ or all"),
        ],
        key=best,
        solution=f"1 - 2 * (1 / 2) ** {seeds}",
        misconceptions=wrong(
            page,
            ("That is the largest coverage with three seeds.", 0.75),
            ("That is what the caption promises.", float(level[:-1]) / 100),
            ("All results may be below μ, or all above it: subtract both.", 1 - 0.5**seeds),
        ),
    )


def apart(percent: int, quantile: float) -> NewNumbers:
    """Return 09.5 for bars that are apart in another share of all pairs."""
    page = "deeper/09 A against A, exactly"
    return NewNumbers(
        f"{percent}%",
        [
            ("in exactly 5%", f"in exactly {percent}%"),
            ("exceeds 1.96", f"exceeds {quantile:.3f}"),
            ("deviations in 5%", f"deviations in {percent}%"),
        ],
        key=quantile / math.sqrt(2),
        solution=f"{quantile} / 2**0.5",
        misconceptions=wrong(
            page,
            ("That is for one mean against a known number. Here two bars meet.", quantile),
            ("That is how far apart the means are: two bars share it.", quantile * math.sqrt(2)),
            ("The difference of two means has √2 standard errors.", quantile / 2),
        ),
    )


NEW_NUMBERS: dict[str, tuple[NewNumbers, ...]] = {
    "01.2": (no_noise(0.7, 2), no_noise(0.6, 5)),
    "02.4": (underflow(4, "float32", 149), underflow(2, "float64", 1074)),
    "03.2": (harmless_constant(5), harmless_constant(3)),
    "04.1": (shapes(7, 2), shapes(6, 4)),
    "05.4": (says_nothing(0.25, "eight"), says_nothing(0.4, "five")),
    "05.7": (entropies(2, 6), entropies(4, 4)),
    "06.1": (counted_steps(11, 3, 4), counted_steps(14, 4, 5)),
    "06.2": (where_it_ends((1, 2, 0, 1)), where_it_ends((2, 1, 3, 0))),
    "06.6": (other_action(),),
    "06.7": (another_start(10), another_start(2)),
    "07.2": (race(4), race(5)),
    "08.2": (coins(2, 3), coins(4, 6)),
    "08.8": (price(0.5, 3), price(0.8, 3)),
    "09.2": (best_coverage(4, "99.9%"), best_coverage(5, "99.99%")),
    "09.5": (apart(1, 2.575829), apart(10, 1.644854)),
}
