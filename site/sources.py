"""Write what Sphinx reads: the pages of the course, the API, and the lists."""

from lists import write_lists
from pages import write_pages
from places import remove_others
from reference import write_reference


def write_sources() -> None:
    """Write all sources, and remove those that an earlier build had and this one has not."""
    write_pages()
    write_reference()
    write_lists()
    remove_others()
