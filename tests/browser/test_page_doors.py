"""Why the page cannot connect: a browser does not tell it, so it asks."""
import contextlib
import re
import socket
import threading

import pytest

import harness
from page import Page


class Proxy:
    """In front of a gateway, one request a connection; change(head) is what
    becomes of the request line and the headers."""

    def __init__(self, port, change):
        self.change, self.target = change, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.seen = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                s, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(s,),
                                 daemon=True).start()

    @staticmethod
    def pipe(source, to):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data)
        for s in (source, to):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def serve(self, s):
        head = b""
        with contextlib.suppress(OSError), s:
            while b"\r\n\r\n" not in head:
                data = s.recv(65536)
                if not data:
                    return
                head += data
            head, _, rest = head.decode("latin-1").partition("\r\n\r\n")
            self.seen.append(head.split("\r\n")[0])
            head = re.sub(r"(?mi)^connection: keep-alive(\r?)$",
                          r"Connection: close\1", head)
            head = self.change(head)
            if head is None:
                s.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n"
                          b"Connection: close\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self.target)) as up:
                up.sendall((head + "\r\n\r\n" + rest).encode("latin-1"))
                t = threading.Thread(target=self.pipe, args=(s, up),
                                     daemon=True)
                t.start()
                self.pipe(up, s)
                t.join()

    def close(self):
        self.listener.close()


@pytest.fixture
def proxy(gateway):
    made = []

    def start(change, *args):
        made.append(Proxy(gateway(None, *args)[1], change))
        return made[-1]
    yield start
    for p in made:
        p.close()


def renamed(head):
    """As proxies do that are not told otherwise: their own name for it."""
    return re.sub(r"(?mi)^host: [^\r\n]*", "Host: localhost:1", head)


def test_a_refused_page_says_which_option_lets_it_in(proxy, browser):
    p = proxy(renamed)
    page = Page(browser, p.port).open()
    origin = "http://127.0.0.1:%d" % p.port
    page.wait(lambda: "--allow-origin " + origin in page.text("state"), 10,
              "the remedy")
    text = page.text("state")
    assert page.state == "down" and "Refused" in text and "403" in text
    assert '"localhost:1"' in text
    assert page.js("!document.getElementById('retry').hidden")
    asked = len(p.seen)
    page.js("document.getElementById('retry').click()")
    page.wait(lambda: len(p.seen) >= asked + 2 and
              "--allow-origin" in page.text("state"), 10, "refused again")


def test_the_page_connects_with_the_option_that_it_names(proxy, browser):
    p = proxy(renamed, "--allow-origin", "http://127.0.0.1:*")
    Page(browser, p.port).open().wait_state("live")


def test_an_upgrade_that_a_proxy_drops_is_told_apart(proxy, browser):
    p = proxy(lambda head: re.sub(r"(?mi)^(upgrade|connection): .*\r?\n?", "",
                                  head) + "\r\nConnection: close")
    page = Page(browser, p.port).open()
    page.wait(lambda: "Upgrade" in page.text("state"), 15, "the cause")
    assert page.state == "connecting"  # and goes on trying


def test_an_error_of_a_proxy_is_said_until_it_is_gone(proxy, browser):
    broken = [True]
    p = proxy(lambda head: None if broken and " /ws" in head.split("\r\n")[0]
              else head)
    page = Page(browser, p.port).open()
    page.wait(lambda: "HTTP 502" in page.text("state"), 15, "the status")
    broken.clear()
    page.wait_state("live", 20)
    assert "502" not in page.text("state")
