"""The pictures of the runs, and the drawing code that notebooks share.

Read the files in this order:

    style.py         the colors, and how to save a figure as a PNG
    curves.py        learning curves: of one run, over seeds, of several settings
    canvas.py        a canvas that is measured in the units of an environment
    scenes.py        four classic environments, drawn from their observations
    recording.py     an episode with a picture of every state
    animations.py    two episodes side by side, and frames as an animation
    timelines.py     the episodes of parallel environments as bars along the steps
    digests.py       a printed line that changes if a picture changes
    playing.py       sliders above a picture that is drawn again
"""

from pg_edu.figures.animations import animation, before_after
from pg_edu.figures.curves import compare_curves, curves_over_seeds, learning_curve
from pg_edu.figures.digests import digest, show
from pg_edu.figures.playing import play
from pg_edu.figures.recording import Recording, record_episode
from pg_edu.figures.scenes import DRAWN_HERE, CannotDraw, draw_frame
from pg_edu.figures.style import BLUE, GREEN, GREY, INK, ORANGE, SKY, VERMILION, save_figure
from pg_edu.figures.timelines import draw_timeline

__all__ = [
    "BLUE",
    "DRAWN_HERE",
    "GREEN",
    "GREY",
    "INK",
    "ORANGE",
    "SKY",
    "VERMILION",
    "CannotDraw",
    "Recording",
    "animation",
    "before_after",
    "compare_curves",
    "curves_over_seeds",
    "digest",
    "draw_frame",
    "draw_timeline",
    "learning_curve",
    "play",
    "record_episode",
    "save_figure",
    "show",
]
