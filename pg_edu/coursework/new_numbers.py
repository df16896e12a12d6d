"""Other numbers for the exercises of notebooks 01 to 09 that ask for a value."""

from pg_edu.coursework.twists import NewNumbers

NEW_NUMBERS: dict[str, tuple[NewNumbers, ...]] = {}
