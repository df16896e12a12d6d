"""Every page opens cleanly, fits a phone, can be read by everybody, and links lead somewhere."""

from functools import cache
from urllib.parse import unquote, urldefrag

import pytest
from bs4 import BeautifulSoup
from selenium import webdriver
from visits import SITE, pages, visit

every_page = pytest.mark.parametrize("page", pages())


@every_page
def test_it_opens_without_an_error_in_the_console(
    browser: webdriver.Chrome, address: str, page: str
) -> None:
    assert visit(browser, address, page).errors == []


@every_page
def test_no_request_fails_and_none_goes_to_another_host(
    browser: webdriver.Chrome, address: str, page: str
) -> None:
    seen = visit(browser, address, page)
    assert (seen.failed, seen.foreign) == ([], [])


@every_page
def test_every_formula_is_typeset(browser: webdriver.Chrome, address: str, page: str) -> None:
    assert visit(browser, address, page).raw == []


@every_page
def test_every_image_is_there_and_has_an_alt_text(
    browser: webdriver.Chrome, address: str, page: str
) -> None:
    assert [image for image in visit(browser, address, page).images if not all(image)] == []


@every_page
def test_nothing_is_wider_than_a_phone(browser: webdriver.Chrome, address: str, page: str) -> None:
    assert visit(browser, address, page).wide == []


@every_page
def test_axe_finds_no_serious_fault(browser: webdriver.Chrome, address: str, page: str) -> None:
    assert visit(browser, address, page).faults == []


@cache
def parsed(page: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / page).read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(page: str) -> set[str]:
    return {str(tag["id"]) for tag in parsed(page).find_all(id=True)} | {""}


@every_page
def test_every_internal_link_leads_to_a_page_and_to_a_place_on_it(page: str) -> None:
    broken = []
    for tag, attribute in (("a", "href"), ("img", "src"), ("script", "src"), ("link", "href")):
        for element in parsed(page).find_all(tag, attrs={attribute: True}):
            target = str(element[attribute])
            if not target.startswith(("http:", "https:", "mailto:", "data:")) and not leads(
                page, target
            ):
                broken.append(target)
    assert broken == []


def leads(page: str, target: str) -> bool:
    place, anchor = urldefrag(target.split("?")[0] if "#" not in target else target)
    path = (SITE / page).parent / unquote(place.split("?")[0]) if place else SITE / page
    if not path.is_file():
        return False
    relative = path.resolve().relative_to(SITE.resolve()).as_posix()
    return not relative.endswith(".html") or unquote(anchor) in anchors(relative)
