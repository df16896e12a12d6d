"""Answers that readers might give to the exercise of notebook 00: wrong, or right but odd."""

from fractions import Fraction

import numpy as np
import torch

from tests.course.answers import right, wrong

# 00.1: a maze of four steps

wrong("00.1", "as on the cart, where a step earns +1", [1.5, 0.5, -0.5, -1.5])
wrong("00.1", "the returns alone", [-4, -3, -2, -1])
wrong("00.1", "the points so far", [-1, -2, -3, -4])
wrong("00.1", "the reward of each step", [-1, -1, -1, -1])
wrong("00.1", "each reward minus the mean reward", [0, 0, 0, 0])
wrong("00.1", "the average added", [-6.5, -5.5, -4.5, -3.5])
wrong("00.1", "the average is taken for the middle step's return", [-1, 0, 1, 2])
wrong("00.1", "a step's own reward does not count", [-3, -2, -1, 0])
wrong("00.1", "the weights of three steps", [-1, 0, 1])
wrong("00.1", "one number for all", -2.5)
wrong("00.1", "divided by the spread as well", [-1.3416, -0.4472, 0.4472, 1.3416])
wrong("00.1", "divided by the spread, two decimals", [-1.34, -0.45, 0.45, 1.34])
wrong("00.1", "the average of 0, -1, -2 and -3 subtracted", [-2.5, -1.5, -0.5, 0.5])

right("00.1", "a tuple of fractions", tuple(Fraction(k, 2) for k in (-3, -1, 1, 3)))
right("00.1", "an array", np.array([-4, -3, -2, -1]) + 2.5)
right("00.1", "a tensor", torch.tensor([-1.5, -0.5, 0.5, 1.5]))
right("00.1", "computed backwards", [k - np.mean([-4, -3, -2, -1]) for k in (-4, -3, -2, -1)])
