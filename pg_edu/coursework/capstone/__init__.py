"""The capstone: REINFORCE from an empty file, in four parts that are marked and a report.

    parts.py      what the marker needs of each part: key, cases, mistakes, worlds, points
    handout.py    what a student gets: the task, the interface, stubs, the rubric

`pg_edu/coursework/marking/training.py` judges `train`; the other parts are judged as exercises are.
"""
