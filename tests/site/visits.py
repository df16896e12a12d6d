"""Open a page of the site once, and note everything that the tests ask about it."""

import json
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from selenium import webdriver

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "site"
AXE = ROOT / ".venv-site" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
SECONDS = 60  # until a page must be ready

# Formulas that were not typeset. Code may contain dollars, and so may the source of a formula that
# MathJax keeps for screen readers.
RAW = r"""
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const found = [];
while (walker.nextNode()) {
  const parent = walker.currentNode.parentElement;
  const text = walker.currentNode.textContent;
  if (parent.closest("pre, code, script, style, mjx-container")) continue;
  if (/\\\(|\\\[|\$[^$\s]+\$|\\(frac|gamma|theta|sum)\b/.test(text)) found.push(text.trim());
}
return found;
"""
IMAGES = """
return [...document.images].map((image) =>
  [image.getAttribute("src"), image.alt, image.complete && image.naturalWidth > 0]);
"""
WIDER = """
const wide = [...document.querySelectorAll("body *")].filter((element) => {
  const box = element.getBoundingClientRect();
  if (box.width === 0 || box.right <= innerWidth + 1) return false;
  for (let above = element.parentElement; above; above = above.parentElement) {
    const style = getComputedStyle(above);
    if (style.overflowX !== "visible" || style.position === "fixed") return false;
  }
  return getComputedStyle(element).position !== "fixed";
});
return wide.map((element) => `${element.tagName}.${element.className}`).slice(0, 5)
  .concat(document.documentElement.scrollWidth > innerWidth ? ["the page"] : []);
"""
# What is inside a formula is MathJax's own, and most of the page's elements.
FAULTS = """
const done = arguments[arguments.length - 1];
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];
axe.run({ exclude: [["mjx-math"]] }, { runOnly: rules, resultTypes: ["violations"] })
  .then((result) => done(result.violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(" | ")}`)));
"""


@dataclass(frozen=True)
class Visit:
    """What was noted about one page.

    Args:
        errors: what the console says at level SEVERE.
        failed: requests that failed or were answered with an error.
        foreign: requests to another host.
        raw: texts with a formula that was not typeset.
        images: address, alt text, and whether it was loaded.
        wide: what is wider than a window of 390 pixels.
        faults: what axe-core calls serious or critical, light and dark.
    """

    errors: list[str]
    failed: list[str]
    foreign: list[str]
    raw: list[str]
    images: list[tuple[str, str, bool]]
    wide: list[str]
    faults: list[str]


def pages() -> list[str]:
    """Return the addresses of all pages, without those that show a module's source."""
    found = [path.relative_to(SITE).as_posix() for path in sorted(SITE.rglob("*.html"))]
    return [page for page in found if not page.startswith(("_modules/", "_static/"))]


@cache
def visit(browser: webdriver.Chrome, address: str, page: str) -> Visit:
    """Open a page, on a desktop and at the width of a phone, and note what the tests ask."""
    browser.get_log("browser")
    browser.get_log("performance")
    open_page(browser, address + page)
    show_lazy_images(browser)
    errors = [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    failed, foreign = requests(browser, address)
    raw, images = browser.execute_script(RAW), browser.execute_script(IMAGES)
    faults = accessibility_faults(browser)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True},
    )
    time.sleep(0.3)
    wide = browser.execute_script(WIDER)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return Visit(errors, failed, foreign, raw, images, wide, faults)


def open_page(browser: webdriver.Chrome, address: str) -> None:
    """Open a page and wait until its formulas are typeset."""
    browser.get(address)
    wait_until(lambda: browser.execute_script("return document.documentElement.dataset.ready"))


def wait_until(condition: Any, seconds: float = SECONDS) -> Any:
    """Return the first true result of a condition, or raise when the time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.1)
    raise TimeoutError(f"not true within {seconds} s")


def show_lazy_images(browser: webdriver.Chrome) -> None:
    """Load images that wait until they are seen, and wait for them."""
    browser.execute_script(
        "document.querySelectorAll('img').forEach((i) => { i.loading = 'eager' })"
    )
    all_complete = "return [...document.images].every((image) => image.complete)"
    wait_until(lambda: browser.execute_script(all_complete))


def requests(browser: webdriver.Chrome, address: str) -> tuple[list[str], list[str]]:
    """Return the requests that failed, and those that went to another host."""
    failed, foreign = [], []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        parameters = message["params"]
        if message["method"] == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            if not url.startswith((address, "data:", "blob:", "chrome")):
                foreign.append(url)
        response = parameters.get("response", {})
        if message["method"] == "Network.responseReceived" and response["status"] >= 400:
            failed.append(response["url"])
        if message["method"] == "Network.loadingFailed" and not parameters.get("canceled"):
            failed.append(parameters["errorText"])
    return failed, foreign


def accessibility_faults(browser: webdriver.Chrome) -> list[str]:
    """Return what axe-core calls serious or critical, with the page light and then dark."""
    browser.set_script_timeout(SECONDS * 2)
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    found = []
    for theme in ("light", "dark"):
        browser.execute_script(f"document.documentElement.dataset.theme = '{theme}'")
        time.sleep(0.3)  # colors change gradually
        found += [f"{theme}: {fault}" for fault in browser.execute_async_script(FAULTS)]
    browser.execute_script("document.documentElement.dataset.theme = 'light'")
    return found
