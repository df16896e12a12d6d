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
    data_flow.py     the way of the data in REINFORCE, a diagram that grows from page to page
    routes.py        the curves of arrows between circles, and where their labels have room
    worlds.py        a small world as circles and arrows
    mdps.py          an MDP drawn from its own arrays, and the three worlds of the pages
    simplex.py       policies over three arms as points of a triangle, and the steps of a pull
"""

from pg_edu.figures.animations import animation, before_after
from pg_edu.figures.curves import compare_curves, curves_over_seeds, learning_curve
from pg_edu.figures.data_flow import draw_data_flow
from pg_edu.figures.digests import digest, show
from pg_edu.figures.mdps import draw_corridor, draw_stop_or_go, draw_task, draw_town
from pg_edu.figures.playing import play
from pg_edu.figures.recording import Recording, record_episode
from pg_edu.figures.scenes import DRAWN_HERE, CannotDraw, draw_frame
from pg_edu.figures.simplex import CORNERS, draw_pull, draw_triangle
from pg_edu.figures.style import (
    BLUE,
    DARK,
    GREEN,
    GREY,
    INK,
    LIGHT,
    ORANGE,
    SKY,
    VERMILION,
    Theme,
    save_figure,
)
from pg_edu.figures.timelines import draw_timeline
from pg_edu.figures.worlds import Move, draw_world

__all__ = [
    "BLUE",
    "CORNERS",
    "DARK",
    "DRAWN_HERE",
    "GREEN",
    "GREY",
    "INK",
    "LIGHT",
    "ORANGE",
    "SKY",
    "VERMILION",
    "CannotDraw",
    "Move",
    "Recording",
    "Theme",
    "animation",
    "before_after",
    "compare_curves",
    "curves_over_seeds",
    "digest",
    "draw_corridor",
    "draw_data_flow",
    "draw_frame",
    "draw_pull",
    "draw_stop_or_go",
    "draw_task",
    "draw_timeline",
    "draw_town",
    "draw_triangle",
    "draw_world",
    "learning_curve",
    "play",
    "record_episode",
    "save_figure",
    "show",
]
