"""What runs in the process of a student's notebook, beside a copy of the package without keys.

server.py    imports what is slow once, then forks a kernel for each notebook
respond.py   holds the answers, calls them, and returns plain data
training.py  lends a world to the `train` of a capstone, and sends back what it did
observing.py what is observed of an answer besides its result
wire.py      outcomes as text, and back, with checks of everything that comes back
course.py    stands in for `pg_edu.course` there: `check` says "marked elsewhere"
"""
