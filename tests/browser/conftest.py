"""Fixtures of the browser tests: those of tests/e2e, and a Chromium."""
import importlib.util
import json
import pathlib
import shutil
import sys
import tempfile
import time

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
import harness  # noqa: E402 (found through the path set above)

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


@pytest.fixture
def gateway(tool):
    """Start a wsgate on a port of its own: gateway(redis) -> (Tool, port)."""
    def start(redis=None, *args, port=None, **kw):
        port = port or harness.free_port()
        where = ["--redis", redis.url] if redis else ["--no-redis"]
        if "--web" not in args:
            args += ("--web", harness.REPO / "wsgate" / "web")
        t = tool("wsgate", "--listen", "127.0.0.1:%d" % port, *where, *args,
                 **kw)
        return t.wait_ready(), port
    return start


@pytest.fixture
def chart_library():
    """Skips where the page's chart was not fetched."""
    path = harness.REPO / "wsgate/web/vendor/lightweight-charts.mjs"
    if not path.exists():
        pytest.skip("needs the chart library: make web")


@pytest.fixture
def before_load(browser):
    """before_load(script) runs it in every page opened later in this test,
    before the page's own scripts."""
    added = []

    def add(script):
        added.append(browser.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": script}))
    yield add
    for a in added:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", a)


@pytest.fixture
def axis(before_load):
    """Records the texts that the chart paints: window.painted, a Set."""
    before_load("""
        window.painted = new Set();
        const paint = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
            window.painted.add(String(text));
            return paint.call(this, text, ...at);
        };""")


@pytest.fixture
def played(before_load, gateway, browser):
    """The page with a socket whose other end is the test, and a gateway that
    has nothing to say beside it: played(fragment) -> Page;
    page.say({...}) is what the gateway says, page.asked() what it was asked."""
    from page import Page
    before_load("""
        window.sockets = [];
        window.WebSocket = class {
            constructor() { this.sent = []; window.sockets.push(this);
                setTimeout(() => this.onopen(), 0); }
            send(text) { this.sent.push(JSON.parse(text)); }
            close() {}
        };""")

    class Played(Page):
        def say(self, *messages):
            for m in messages:
                self.driver.execute_script(
                    "sockets.at(-1).onmessage({data: arguments[0]})",
                    m if isinstance(m, str) else json.dumps(m))
            return self

        def asked(self):
            return [c for m in self.js("sockets.at(-1).sent")
                    if m["type"] == "subscribe" for c in m["channels"]]

        def hang_up(self):
            """The connection breaks; until there is the next one."""
            n = self.js("sockets.length")
            self.driver.execute_script("sockets.at(-1).onclose("
                                       "{code: 1006, reason: ''})")
            self.wait(lambda: self.js("sockets.length") > n and
                      self.asked(), 10, "another connection")
            return self

    def start(fragment=""):
        page = Played(browser, gateway()[1]).open(fragment)
        page.wait(lambda: page.js("window.sockets?.length") and page.asked(),
                  10, "a connection")
        return page.say({"type": "heartbeat", "time": time.time() * 1000,
                         "upstream": "live"}).wait_state("live")
    return start
