"""The gateway as a WebSocket server (RFC 6455): the cases of wscases.py on
/echo and /ws, directly, one byte at a time, and through proxies."""
import pytest

import proxies
import wscases
import wsdriver
from wscases import ECHO, WS

# Many commands are meant here.
ARGS = ("--dev", "--command-rate", "100000", "--command-burst", "100000")


def test_there_are_enough_cases_and_each_has_a_name():
    for path in (ECHO, WS):
        names = [(c.group, c.name) for g in wscases.GROUPS
                 for c in wscases.cases(path, g)]
        assert len(names) >= 250
        assert len(names) == len(set(names))


def wrong_cases(port, group, one_by_one=False):
    return ["%s %s: %s" % (path.path, group, fault) for path in (ECHO, WS)
            for fault in wsdriver.faults(port, path,
                                         wscases.cases(path, group),
                                         one_by_one)]


@pytest.mark.parametrize("group", wscases.GROUPS)
@pytest.mark.parametrize("how", ["plain", "bytes", *proxies.CONFIG])
def test_every_case_ends_as_it_must(gate, tool, tmp_path, how, group):
    if how in proxies.CONFIG:
        proxies.find(how)
    g = gate(*ARGS)
    if how in proxies.CONFIG:
        with proxies.in_front(how, tool, tmp_path, g.port) as port:
            wrong = wrong_cases(port, group)
    else:
        wrong = wrong_cases(g.port, group, how == "bytes")
    assert not wrong, "%d cases failed:\n%s" % (len(wrong), "\n".join(wrong))
    assert g.tool.running(), g.tool.stderr[-4000:]
