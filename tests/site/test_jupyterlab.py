"""In a running JupyterLab, a slider that moves changes the picture below it."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from visits import ROOT, wait_until

PAGE = "02_returns.ipynb"
SLOW = 300  # seconds until the page has been executed


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """Run JupyterLab in a folder with one page of the course, and return its address."""
    shutil.copy(ROOT / "notebooks" / PAGE, tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--ServerApp.port={port}", f"--ServerApp.root_dir={tmp_path}"]
    options += ["--no-browser", "--allow-root", "--IdentityProvider.token="]
    options += ["--LabApp.expose_app_in_browser=True"]  # as window.jupyterapp
    own = {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options],
        env=os.environ | own,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}/lab"
    try:
        wait_until(lambda: answers(address), SLOW)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def source(browser: webdriver.Chrome) -> str:
    """Return the picture below the first sliders, as its address."""
    script = """
    const sliders = document.querySelector(".jp-OutputArea .widget-slider");
    const picture = sliders?.closest(".jp-OutputArea").querySelector("img");
    return picture ? picture.src : "";
    """
    return str(browser.execute_script(script))


def test_an_arrow_key_changes_the_picture(browser: webdriver.Chrome, lab: str) -> None:
    browser.get(f"{lab}/tree/{PAGE}")
    cell = (By.CSS_SELECTOR, ".jp-Notebook .jp-Cell")
    wait_until(lambda: browser.find_elements(*cell), SLOW)
    wait_until(lambda: not browser.find_elements(By.ID, "jupyterlab-splash"), SLOW)
    run_all_cells(browser)
    wait_until(lambda: source(browser), SLOW)
    before = source(browser)
    handle = browser.find_element(By.CSS_SELECTOR, ".jp-OutputArea .widget-slider .noUi-handle")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", handle)
    handle.click()
    handle.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    wait_until(lambda: source(browser) not in ("", before), SLOW)


def run_all_cells(browser: webdriver.Chrome) -> None:
    """Call the command "Run All Cells", and do not wait for its end."""
    ready = """
    const page = window.jupyterapp?.shell.currentWidget;
    return page?.sessionContext?.session?.kernel?.status === "idle";
    """
    wait_until(lambda: browser.execute_script(ready), SLOW)
    browser.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells')")
