"""A headless Chromium, and a server of the built site. `make site-test` runs these tests."""

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from visits import SITE


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that prints nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Serve the site while the tests run, and return its address."""
    server = serve(SITE)
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def serve(folder: Path) -> http.server.ThreadingHTTPServer:
    """Serve a folder in a thread of its own."""
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="session")
def browser() -> Iterator[webdriver.Chrome]:
    """Start one headless Chromium for all tests: Debian's, or else the one that selenium finds."""
    driver = start_browser()
    yield driver
    driver.quit()


def start_browser() -> webdriver.Chrome:
    """Start a headless Chromium that records its console and its requests."""
    options = webdriver.ChromeOptions()
    arguments = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")
    for argument in (*arguments, "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium and driver:
        options.binary_location = chromium
        return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    return webdriver.Chrome(options=options)
