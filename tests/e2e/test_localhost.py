"""The name localhost means this machine also where no hosts file and no name
server says so (a minimal container has neither)."""
import os
import shutil
import subprocess

import pytest

from harness import clean_env, deadline, free_port, tool_path, wait_until

# Nothing but the defaults of the C library is left: no hosts, and the name
# server is 127.0.0.1, which is none.
HIDE = ("for f in /etc/hosts /etc/resolv.conf; do"
        " [ ! -e $f ] || mount --bind /dev/null $f || exit 125; done;"
        ' exec "$@"')


def nameless(*argv):
    """argv, to be run where localhost stands in no file."""
    prefix = ["unshare", "-m"] + ([] if os.geteuid() == 0 else ["-r"])
    return prefix + ["sh", "-c", HIDE, "sh"] + [str(a) for a in argv]


@pytest.fixture(scope="module", autouse=True)
def needs_namespaces():
    if not shutil.which("unshare") or subprocess.run(
            nameless("true"), capture_output=True).returncode != 0:
        pytest.skip("cannot make a mount namespace here")


def healthy(name, option, port):
    done = subprocess.run(
        nameless(tool_path(name), option, "localhost:%d" % port,
                 "--healthcheck"), env=clean_env(), capture_output=True,
        timeout=deadline(30))
    return done.returncode == 0


@pytest.mark.parametrize("name, option, more", [
    ("wsgate", "--listen", ()), ("bargen", "--http", ()),
    ("tickpub", "--http", ("--linger",))])
def test_a_tool_listens_and_finds_redis_at_localhost(redis_server, tool, name,
                                                     option, more):
    port = free_port()
    argv = nameless(tool_path(name), option, "localhost:%d" % port, "--redis",
                    "redis://localhost:%d/0" % redis_server.port, *more)
    one = tool(name, *argv[1:], path=shutil.which(argv[0]))
    # Ready means that Redis was found too.
    wait_until(lambda: healthy(name, option, port), 10,
               lambda: one.stderr[-2000:], every=0.2)
