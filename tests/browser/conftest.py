"""Fixtures of the browser tests: those of tests/e2e, and a Chromium."""
import importlib.util
import pathlib
import shutil
import sys
import tempfile

import pytest

E2E = pathlib.Path(__file__).resolve().parents[1] / "e2e"
sys.path.insert(0, str(E2E))

# Two files are called conftest: this one cannot import the other by name.
_spec = importlib.util.spec_from_file_location("e2e_fixtures",
                                               E2E / "conftest.py")
_e2e = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_e2e)
redis_server = _e2e.redis_server
redis_absent = _e2e.redis_absent
tool = _e2e.tool
sanitizer_reports = _e2e.sanitizer_reports

# The pipe is how chromedriver and Chromium talk: it would look localhost up.
FLAGS = ("--remote-debugging-pipe --headless --no-sandbox --disable-gpu "
         "--disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync --disable-dev-shm-usage").split()


@pytest.fixture(scope="session")
def chromium():
    """One Chromium for all tests, with an empty profile."""
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="python3-selenium is not installed")
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common import utils

    class LoopbackService(Service):
        """selenium says localhost, which not every machine can look up."""

        @property
        def service_url(self):
            return "http://127.0.0.1:%d" % self.port

        def is_connectable(self):
            return utils.is_connectable(self.port, "127.0.0.1")

    driver_path = shutil.which("chromedriver")
    if driver_path is None or shutil.which("chromium") is None:
        pytest.skip("chromium and chromedriver are not installed")
    profile = tempfile.mkdtemp(prefix="tickwire-browser-")
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument("--user-data-dir=" + profile)
    options.add_argument("--window-size=1400,900")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=LoopbackService(driver_path),
                              options=options)
    yield driver
    driver.quit()
    shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture
def browser(chromium):
    """The Chromium on an empty page; scripts that fail or break the page's
    security policy fail the test."""
    chromium.get("about:blank")
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    chromium.get_log("browser")
    yield chromium
    said = [e["message"] for e in chromium.get_log("browser")
            if e["level"] == "SEVERE"]
    chromium.get("about:blank")
    # Servers that a test has killed are reported there too.
    wrong = [m for m in said if "ERR_CONNECTION" not in m
             and "WebSocket connection to" not in m
             and "Failed to load resource" not in m]
    assert not wrong, wrong
