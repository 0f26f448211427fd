"""What the browser tests look at, by the names that the page gives it."""
import pathlib
import re

from selenium.common.exceptions import (StaleElementReferenceException,
                                        TimeoutException)
from selenium.webdriver.support.ui import WebDriverWait

import harness

ARTIFACTS = harness.REPO / "build" / "artifacts"


class Page:
    """The page of one gateway, open in a browser."""

    def __init__(self, driver, port):
        self.driver = driver
        self.port = port

    def open(self, fragment=""):
        self.driver.get("about:blank")  # a new fragment alone does not reload
        self.driver.get("http://127.0.0.1:%d/%s" % (self.port, fragment))
        return self

    def js(self, code, *args):
        return self.driver.execute_script("return " + code, *args)

    def wait(self, cond, seconds, what):
        """Poll cond() until it is truthy; returns the value."""
        try:
            return WebDriverWait(
                self.driver, harness.deadline(seconds), 0.05,
                ignored_exceptions=[StaleElementReferenceException]
            ).until(lambda d: cond())
        except TimeoutException:
            self.shot("failed")
            raise AssertionError("after %.0f s still not: %s; the page says %r"
                                 % (harness.deadline(seconds), what,
                                    self.text("state"))) from None

    def shot(self, name):
        """Keep a picture; returns its path."""
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        path = pathlib.Path(ARTIFACTS / (name + ".png"))
        self.driver.save_screenshot(str(path))
        return path

    def text(self, element_id):
        return self.js("document.getElementById(arguments[0]).innerText",
                       element_id)

    def data(self, element_id, name):
        return self.js("document.getElementById(arguments[0])"
                       ".dataset[arguments[1]]", element_id, name)

    @property
    def state(self):
        return self.data("state", "state")

    @property
    def symbols(self):
        return self.js("[...document.querySelectorAll('#rows tr')]"
                       ".map((r) => r.dataset.symbol)")

    @property
    def legend(self):
        """{'O': '1.5', ...} of the bar that the legend shows."""
        return dict(self.js(
            "[...document.querySelectorAll('#legend span')]"
            ".map((s) => [s.querySelector('b')?.innerText || 'tag',"
            " s.innerText.replace(/^(O|H|L|C|Vol) /, '')])"))

    def stat(self, name):
        """The counter of that name below the table; None while not shown."""
        m = re.search(r"(\d+) " + name, self.text("stats"))
        return int(m.group(1)) if m else None

    @property
    def bars(self):
        return int(self.data("chart", "bars"))

    def cell(self, symbol, field):
        return self.js(
            "[...document.querySelectorAll('#rows tr')]"
            ".find((r) => r.dataset.symbol === arguments[0])"
            "?.querySelector(`[data-field=\"${arguments[1]}\"]`)?.innerText",
            symbol, field)

    def row_live(self, symbol):
        return self.js("[...document.querySelectorAll('#rows tr')]"
                       ".find((r) => r.dataset.symbol === arguments[0])"
                       "?.dataset.live === 'true'", symbol)

    def canvas(self):
        """What is painted, as one short text that changes with any pixel."""
        return self.js(
            "[...document.querySelectorAll('#chart canvas')]"
            ".map((c) => c.toDataURL()).join('')"
            ".split('').reduce((h, c) =>"
            " (h * 31 + c.charCodeAt(0)) | 0, 7)")

    def painted(self):
        """How many different colours the chart's canvases hold."""
        return self.js(
            "new Set([...document.querySelectorAll('#chart canvas')].flatMap("
            "(c) => { const d = c.getContext('2d').getImageData(0, 0, c.width,"
            " c.height).data; const s = new Set(); for (let i = 0; i < d.length;"
            " i += 4) s.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);"
            " return [...s]; })).size")

    def wait_state(self, state, seconds=10):
        self.wait(lambda: self.state == state, seconds, "state " + state)
        return self

    def wait_symbols(self, *names, seconds=10):
        self.wait(lambda: set(names) <= set(self.symbols), seconds,
                  "rows of %s" % ", ".join(names))
        return self

    def wait_moves(self, symbol, field="last", seconds=10):
        """Until the shown price is another one than now."""
        before = self.cell(symbol, field)
        self.wait(lambda: self.cell(symbol, field) not in (before, None, "–"),
                  seconds, "%s of %s moves from %s" % (field, symbol, before))
        return self
