"""The whole pipeline as its users start it: a clean clone, foreman, a page.

Everything that foreman starts is found by a mark in its environment, so what
outlives its parents is found too.  redis-server writes its title over its
environment: it is found as a child of one that has the mark, and by its port.
"""
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import uuid

import pytest

import harness

TOOLS = ("wsgate", "tickpub", "bargen", "ratelimitd")
NAMES = TOOLS + ("redis",)
# What a process of the Procfile is called once it runs.
COMM = {**{name: name for name in TOOLS}, "redis": "redis-server"}


def tracked():
    """(path, mode) of each file that a clone would have."""
    out = subprocess.run(["git", "ls-files", "-s", "-z"], cwd=harness.REPO,
                         stdout=subprocess.PIPE, check=False)
    if out.returncode != 0:
        pytest.skip("not a git repository")
    for entry in out.stdout.decode().split("\0")[:-1]:
        about, path = entry.split("\t")
        yield path, int(about.split()[0], 8) & 0o777


def clean_clone(into):
    """What `git clone` and `make` leave: the files that git knows, as they are
    now, and bin/."""
    for path, mode in tracked():
        source = harness.REPO / path
        if not source.exists():
            continue
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(mode)
    (into / "bin").mkdir()
    for name in TOOLS:
        (into / "bin" / name).symlink_to(harness.tool_path(name))
    return into


def is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_base():
    """A base whose ports are free: below those that the kernel gives out."""
    for _ in range(200):
        base = random.randrange(10000, 30000, 10)
        if all(is_free(base + add + n) for add in range(0, 500, 100)
               for n in range(3)):
            return base
    return pytest.fail("no free ports")


def marked(mark):
    """{pid: comm} of every process that has the mark in its environment, and of
    their children."""
    with_mark, parents, names = set(), {}, {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        pid = int(entry)
        try:
            with open("/proc/%d/stat" % pid) as f:
                comm, rest = f.read().split("(", 1)[1].rsplit(")", 1)
            with open("/proc/%d/environ" % pid, "rb") as f:
                if mark.encode() in f.read():
                    with_mark.add(pid)
        except OSError:
            continue  # gone meanwhile
        names[pid], parents[pid] = comm, int(rest.split()[1])
    return {pid: name for pid, name in names.items()
            if pid in with_mark or parents[pid] in with_mark}


class Pipeline:
    """One `foreman start` (or another command) in a clone."""

    def __init__(self, clone, *args, dotenv=None, env=None, command=None):
        self.base = free_base()
        self.redis_port = self.base + 450
        self.mark = "TW_TEST_MARK=" + uuid.uuid4().hex
        self.clone = clone
        key, value = self.mark.split("=")
        settings = {"RUN_REDIS_PORT": str(self.redis_port)}
        if dotenv is not None:
            text = dotenv(self) if callable(dotenv) else dotenv
            (clone / ".env").write_text(text)
        environment = harness.clean_env({**settings, **(env or {}),
                                         key: value})
        if command is None:
            command = ["foreman", "start", "-p", str(self.base)] + list(args)
        elif callable(command):
            command = command(self)
        self.proc = subprocess.Popen(
            command, cwd=clone, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
        self._out = bytearray()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        while True:
            data = os.read(self.proc.stdout.fileno(), 65536)
            if not data:
                return
            self._out.extend(data)

    @property
    def output(self):
        return bytes(self._out).decode(errors="replace")

    def url(self, path="", add=0):
        return "http://127.0.0.1:%d%s" % (self.base + add, path)

    def get(self, path, add=0):
        """The status, 0 when nobody answers."""
        try:
            return harness.http_get(self.url(path, add))[0]
        except OSError:
            return 0

    def processes(self):
        return marked(self.mark)

    def pids(self, comm):
        return sorted(p for p, c in self.processes().items() if c == comm)

    def wait_pages(self, adds=(0,), seconds=20):
        """Until each gateway is ready."""
        harness.wait_until(
            lambda: self.proc.poll() is not None or
            all(self.get("/ready", add) == 200 for add in adds), seconds,
            lambda: "ready; output:\n" + self.output[-4000:], every=0.05)
        assert self.proc.poll() is None, self.output[-4000:]
        return self

    def wait_end(self, seconds=10):
        """The exit status of what was started, once nothing of it is left."""
        try:
            self.proc.wait(harness.deadline(seconds))
        except subprocess.TimeoutExpired:
            pytest.fail("still running; output:\n" + self.output[-4000:])
        harness.wait_until(
            lambda: not self.processes() and is_free(self.redis_port), seconds,
            lambda: "nothing left, but: %s" % self.processes())
        self._thread.join(harness.deadline(5))
        return self.proc.returncode

    def interrupt(self):
        """Ctrl-C: the terminal sends it to the whole group."""
        os.killpg(self.proc.pid, signal.SIGINT)

    def close(self):
        """Whatever a test left behind."""
        if self.proc.poll() is None:
            self.proc.terminate()
            try:
                self.proc.wait(harness.deadline(8))
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._thread.join(5)
        self.proc.stdout.close()
