"""What a reader does on a page without Python: move, guess, answer, unfold, search, go offline."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import serve
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from visits import SITE, open_page, wait_until

QUESTIONS = json.loads(Path(__file__).with_name("questions.json").read_text(encoding="utf-8"))
CORE = sorted(path.relative_to(SITE).as_posix() for path in SITE.glob("notebooks/[0-9]*.html"))
RETURNS = "notebooks/02_returns.html"


@pytest.mark.parametrize("page", CORE)
def test_an_arrow_key_moves_a_slider_and_changes_its_picture(
    browser: webdriver.Chrome, address: str, page: str
) -> None:
    open_page(browser, address + page)
    figures = browser.find_elements(By.CSS_SELECTOR, ".play")
    assert figures
    for figure in figures:
        sliders = figure.find_elements(By.CSS_SELECTOR, "input")
        for slider in sliders:
            frame = figure.find_element(By.CSS_SELECTOR, ".play-frame")
            before, said = frame.screenshot_as_png, slider.get_attribute("aria-valuetext")
            at_the_end = slider.get_attribute("value") == slider.get_attribute("max")
            slider.send_keys(Keys.ARROW_LEFT if at_the_end else Keys.ARROW_RIGHT)
            assert frame.screenshot_as_png != before
            assert slider.get_attribute("aria-valuetext") != said


def test_the_other_sliders_go_back_to_their_start(browser: webdriver.Chrome, address: str) -> None:
    open_page(browser, address + RETURNS)
    first, second = browser.find_elements(By.CSS_SELECTOR, ".play")[0].find_elements(
        By.CSS_SELECTOR, "input"
    )
    start = first.get_attribute("value")
    first.send_keys(Keys.ARROW_LEFT)
    assert first.get_attribute("value") != start
    second.send_keys(Keys.ARROW_LEFT)
    assert first.get_attribute("value") == start


def answer(form: Any, text: str) -> str:
    """Write into a field, press Enter, and return what the page says."""
    field = form.find_element(By.CSS_SELECTOR, "input")
    field.clear()
    field.send_keys(text, Keys.ENTER)
    return str(form.find_element(By.CSS_SELECTOR, "[role=status]").text)


@pytest.mark.parametrize(
    ("guess", "said"),
    [
        ("2.25", "Yes: it is 2.25."),
        ("9/4", "Yes: it is 2.25."),
        ("2", "Close: you guessed 2, and it is 2.25."),
        ("7", "Not quite: you guessed 7, and it is 2.25."),
        ("many", "Write a number"),
    ],
)
def test_a_guess_is_compared_as_in_the_notebook(
    browser: webdriver.Chrome, address: str, guess: str, said: str
) -> None:
    """The rule is that of pg_edu.course.compare_guess; four steps earned 1, 0, 4 and 2."""
    open_page(browser, address + RETURNS)
    form = browser.find_elements(By.CSS_SELECTOR, "form[data-kind=guess]")[0]
    assert answer(form, guess).startswith(said)


@pytest.mark.parametrize("page", CORE[1:])
def test_every_right_guess_is_accepted(browser: webdriver.Chrome, address: str, page: str) -> None:
    open_page(browser, address + page)
    forms = browser.find_elements(By.CSS_SELECTOR, "form[data-kind=guess]")
    assert len(forms) >= 2
    for form in forms:
        value = json.loads(form.get_attribute("data-answer"))["value"]
        assert answer(form, str(value)).startswith("Yes")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[5], [5, 5], [5, 3], [5], [5, 5], [5]", "✓ correct"),
        ("[5], [5], [5], [5], [5], [5]", "✗ Not every log-probability is [5]"),
        ("1, 2", "✗ Not that many numbers"),
    ],
)
def test_an_exercise_whose_answer_is_a_value_is_checked(
    browser: webdriver.Chrome, address: str, given: str, said: str
) -> None:
    open_page(browser, address + "notebooks/04_log_prob_shapes.html")
    form = browser.find_element(By.CSS_SELECTOR, "form[data-kind=exercise]")
    assert answer(form, given).startswith(said)


def test_an_exercise_whose_answer_is_a_function_says_where_to_write_it(
    browser: webdriver.Chrome, address: str
) -> None:
    open_page(browser, address + RETURNS)
    said = [p.text for p in browser.find_elements(By.CSS_SELECTOR, "p.where-to-answer")]
    assert "returns_of_one_episode(rew, gamma)" in said[0]
    assert all("pg-edu notebooks" in text and "02_returns.ipynb" in text for text in said)


def test_folds_open_by_keyboard(browser: webdriver.Chrome, address: str) -> None:
    open_page(browser, address + RETURNS)
    folds = browser.find_elements(By.CSS_SELECTOR, "article details")
    assert len(folds) >= 20
    for fold in folds:
        assert fold.get_attribute("open") is None
        fold.find_element(By.CSS_SELECTOR, "summary").send_keys(Keys.ENTER)
        assert fold.get_attribute("open") is not None


def results(browser: webdriver.Chrome, address: str, words: str) -> list[str]:
    """Return the places that the search names, best first, such as "api/index.html#x"."""
    open_page(browser, address + "search.html")
    browser.find_element(By.CSS_SELECTOR, ".search-form input").send_keys(words)
    links = browser.find_elements(By.CSS_SELECTOR, "#search-results a")
    return [str(link.get_attribute("href")).removeprefix(address) for link in links]


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("advantage", "docs/GLOSSARY.html"),
        ("log_prob shape", "notebooks/04_log_prob_shapes.html"),
        ("truncated", "notebooks/02_returns.html"),
        ("why does gamma appear twice", "notebooks/03_policy_gradient.html"),
        ("PGPolicy", "api/pg_edu.reinforce.html"),
        ("VectorReplayBuffer", "api/pg_edu.buffer.html"),
        ("nbval", "docs/NOTEBOOKS_IN_CI.html"),
        ("confidence interval", "notebooks/09_seeds_and_intervals.html"),
        ("GRPO", "notebooks/11_where_next.html"),
        ("discounted_returns", "api/pg_edu.returns.html"),
    ],
)
def test_a_search_finds_the_page(
    browser: webdriver.Chrome, address: str, words: str, page: str
) -> None:
    found = [place.split("#")[0] for place in results(browser, address, words)]
    same = {page, page.replace("notebooks/", "notebooks/deeper/")}
    assert same & set(found[:5]), found


def test_learners_questions_find_the_right_section_among_the_first_three(
    browser: webdriver.Chrome, address: str
) -> None:
    """At least 25 of 30; `questions.json` says which sections answer each of them."""
    missed = {}
    for question, right in QUESTIONS.items():
        found = results(browser, address, question)[:3]
        if not any(place.endswith(tuple(right)) for place in found):
            missed[question] = found
    assert len(QUESTIONS) == 30
    assert len(missed) <= 5, json.dumps(missed, indent=1)


def test_a_page_that_was_opened_once_works_without_a_network(browser: webdriver.Chrome) -> None:
    server = serve(SITE)
    address = f"http://127.0.0.1:{server.server_port}/"
    open_page(browser, address + RETURNS)
    kept = f"return caches.match('{address}{RETURNS}').then((page) => page !== undefined)"
    wait_until(lambda: browser.execute_script(kept))
    strip = "return caches.match(document.querySelector('.play img').src).then((image) => !!image)"
    wait_until(lambda: browser.execute_script(strip))
    server.shutdown()
    server.server_close()
    open_page(browser, address + RETURNS)
    assert browser.find_element(By.TAG_NAME, "h1").text.startswith("What was each move worth?")
    assert browser.execute_script("return document.querySelector('.play img').naturalWidth") > 0
    assert browser.execute_script("return document.querySelectorAll('mjx-container').length") > 50
