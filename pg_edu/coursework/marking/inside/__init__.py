"""What runs in the process of a student's notebook, beside a copy of the package without keys.

server.py    imports what is slow once, then forks a kernel for each notebook
respond.py   holds the answers, calls them, and returns plain data
wire.py      outcomes as text, and back, with checks of everything that comes back
course.py    stands in for `pg_edu.course` there: `check` says "marked elsewhere"
"""
