"""Sanitizer reports of every program that a test starts, however it starts it.

A report goes to a file of the test's own (log_path), not to standard error: a
tool in a shell pipe, one whose errors nobody reads and one that was started by
another program are seen like any other.  EXIT is a status that no tool gives by
itself.  LeakSanitizer looks when a program ends by exit(): kill -9 hides leaks.
"""
import os

import pytest

EXIT = 99


def options(folder):
    """The environment that makes programs report to that folder."""
    log = "log_path=%s/report" % folder
    return {
        "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=%d:%s" %
                        (EXIT, log),
        "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=%d:%s" % (EXIT, log),
    }


class Reports:
    """Those of the test that runs."""

    def __init__(self, folder):
        self.folder = folder

    def of(self, pid="*"):
        """The text of each report, one for each process (or that of one)."""
        return [p.read_text(errors="replace")
                for p in sorted(self.folder.glob("report.%s" % pid))]

    def pop(self):
        """All of them; they no longer fail the test."""
        texts = self.of()
        for p in self.folder.glob("report.*"):
            p.unlink()
        return texts


current = None


@pytest.fixture(autouse=True)
def sanitizer_reports(tmp_path_factory):
    """Fails the test that any program gave a report in.  A test that wants one
    takes it with pop()."""
    global current
    current = Reports(tmp_path_factory.mktemp("sanitizer"))
    before = dict(os.environ)
    os.environ.update(options(current.folder))
    yield current
    os.environ.clear()
    os.environ.update(before)
    left = current.of()
    if left:
        pytest.fail("%d sanitizer reports:\n%s" %
                    (len(left), "\n".join(text[:6000] for text in left)))
