"""The exercise of notebook 00, quickstart: its answer and known mistakes."""

from pg_edu.course.records import Exercise, Misconception

# 00.1: four steps that earn -1 each; their returns are -4, -3, -2, -1.

WEIGHTS = (-1.5, -0.5, 0.5, 1.5)

EXERCISES = [
    Exercise(
        "00.1",
        key=WEIGHTS,
        points=1,
        misconceptions=[
            Misconception(
                "These are the weights if each step earns +1. In the maze it earns -1, so the "
                "first step has the lowest return.",
                (1.5, 0.5, -0.5, -1.5),
                page="00 The rule",
            ),
            Misconception(
                "These are the returns. Subtract their average from each of them.",
                (-4.0, -3.0, -2.0, -1.0),
                page="00 The rule",
            ),
            Misconception(
                "These are returns without the average subtracted, and each has the wrong sign.",
                (4.0, 3.0, 2.0, 1.0),
                page="00 The rule",
            ),
            Misconception(
                "These sums look back, at the points so far. A return looks forward, and then the "
                "average of the four is subtracted.",
                (-1.0, -2.0, -3.0, -4.0),
                page="00 The rule",
            ),
            Misconception(
                "These are the rewards. The weight of a step is made of all points from that step "
                "on.",
                (-1.0, -1.0, -1.0, -1.0),
                page="00 The rule",
            ),
            Misconception(
                "Each reward minus the average reward is 0. The weight is made of returns: all "
                "points from a step on.",
                (0.0, 0.0, 0.0, 0.0),
                page="00 The rule",
            ),
            Misconception(
                "The average was added. Subtract it: the weights of a game sum to 0.",
                (-6.5, -5.5, -4.5, -3.5),
                page="00 The rule",
            ),
            Misconception(
                "A step's own reward belongs to its return, so the last step has the return -1 and "
                "not 0. Then subtract the average.",
                (-3.0, -2.0, -1.0, 0.0),
                page="00 The rule",
            ),
            Misconception(
                "Here the sum of the four returns is subtracted. It should be their average.",
                (6.0, 7.0, 8.0, 9.0),
                page="00 The rule",
            ),
            Misconception(
                "Here -1.5 is subtracted from each return. The average of -4, -3, -2 and -1 is "
                "-2.5: the weights of a game sum to 0.",
                (-2.5, -1.5, -0.5, 0.5),
                page="00 The rule",
            ),
            *(
                Misconception(
                    "These weights are divided by the spread of the four returns as well. The "
                    "exercise asks for the differences alone.",
                    tuple(round(weight / 1.25**0.5, digits) for weight in WEIGHTS),
                    page="00 The rule",
                )
                for digits in (2, 3, 4, 8)
            ),
        ],
    )
]
