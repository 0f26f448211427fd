"""What wsgate(1) says about names and lines of the log is what wsgate does."""
import re

import harness


def test_the_manual_names_the_letters_of_channel_names(gate):
    manual = (harness.REPO / "wsgate" / "wsgate.1").read_text()
    said = re.search(r"Channel names are up to 255 bytes of\n\.Cm (.*) ;",
                     manual).group(1).replace("\\&", "").split()
    letters = set()
    for s in said:
        letters |= ({chr(c) for c in range(ord(s[0]), ord(s[2]) + 1)}
                    if len(s) == 3 else {s})
    # The * and the colon have places of their own in a name.
    signs = [chr(c) for c in range(0x20, 0x7f) if chr(c) not in ":*"] + ["é"]
    names = ["market_data:a%sb" % c for c in signs] + ["bars:a:1", "bars:*:1"]
    results = gate().ws().subscribe(*names)["results"]
    assert [x["channel"] for x in results] == names
    assert all(x["ok"] for x in results[-2:])
    assert {c for c, x in zip(signs, results) if x["ok"]} | {":", "*"} == letters


def test_the_manual_names_the_line_that_has_the_port(tool):
    manual = (harness.REPO / "wsgate" / "wsgate.1").read_text()
    event = re.search(r"Port 0 selects a free port, which the log line\n"
                      r"\.Cm ev=(\w+)\nreports", manual).group(1)
    t = tool("wsgate", "--listen", "127.0.0.1:0", "--no-redis").wait_ready()
    harness.wait_until(
        lambda: re.search(r" ev=%s .*port=[1-9]" % event, t.stderr), 5,
        "the line %s has the port" % event)


def test_each_event_is_described_once():
    text = (harness.REPO / "docs" / "events.md").read_text()
    rows = re.findall(r"^\| (`[^|]*) \| ([^|]*) \|", text, re.M)
    assert len(rows) > 50
    assert len(rows) == len(set(rows))
