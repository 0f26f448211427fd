"""What end-to-end tests share: a Redis of their own, tools as processes, waits.

Nothing here sleeps for a fixed time to "let things settle": wait_until() polls
a condition and fails with what it was waiting for.  Every deadline is multiplied
by TW_SLOW (for sanitizer builds on a busy machine).
"""
import fcntl
import gzip
import json
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
import urllib.error
import urllib.request

import pytest
import redis

import sanitizer

REPO = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("TICKWIRE_BIN", REPO / "bin")).resolve()
TEST_TOOLS = pathlib.Path(os.environ.get("TICKWIRE_TOOLS",
                                         REPO / "build/release/tests"))
DATA = REPO.parent / "shared" / "data"
SLOW = float(os.environ.get("TW_SLOW", "1"))
STOP_S = 5  # what a tool may take from SIGTERM to its end

# What would change how a tool behaves if the shell of the tester had it set.
_FOREIGN = ("REDIS_", "TICKPUB_", "SIMULATOR_", "BAR_GENERATOR_", "WSGATE_",
            "RATELIMIT_", "ENABLE_REDIS", "PORT", "LISTEN", "NOTIFY_SOCKET")


def deadline(seconds):
    """Seconds that a test may wait for, on this machine and build."""
    return seconds * SLOW


def wait_until(cond, seconds=5.0, what=None, every=0.01):
    """Poll cond() until it is truthy and return that value, or fail.  What a
    sleep takes too long, because others have the processors, is not counted:
    a tool waits for them as well."""
    begun = time.monotonic()
    end = begun + deadline(seconds)
    while True:
        value = cond()
        if value:
            return value
        now = time.monotonic()
        if now > end:
            label = what() if callable(what) else what
            pytest.fail("after %.1f s still not: %s" %
                        (now - begun, label or cond))
        time.sleep(every)
        end += time.monotonic() - now - every


def pipe_bytes(fd):
    """Bytes that wait in a pipe; either end will do."""
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tcp_unread(port, peer_port):
    """Bytes that wait to be read in a connection over 127.0.0.1, at the end
    whose port is the first."""
    want = ["0100007F:%04X" % p for p in (port, peer_port)]
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f]
    return sum(int(row[4].split(":")[1], 16) for row in rows
               if row[1:3] == want)


def data_path(name):
    """A file of ../shared/data; the test skips where it is missing."""
    path = DATA / name
    if not path.exists():
        pytest.skip("needs %s, which is not here" % path)
    return path


def data_lines(name):
    """The lines (bytes, no line feed) of a gzipped file of ../shared/data."""
    with gzip.open(data_path(name)) as f:
        return f.read().splitlines()


def tool_path(name):
    """Path of a built tool; the test skips where it was not built."""
    path = BIN / name
    if not path.exists():
        pytest.skip("%s is not built" % path)
    return path


def testtool_path(name):
    """Path of a program of tests/tools; the test skips where it was not built."""
    path = (TEST_TOOLS / "tools" / name).resolve()
    if not path.exists():
        pytest.skip("%s is not built (make testtools)" % path)
    return path


def clean_env(extra=None):
    """The environment for a tool: ours without what would configure it.  What
    is in it for sanitizers comes from sanitizer.py."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(_FOREIGN)}
    env.update(extra or {})
    return env


def http_get(url, seconds=3.0):
    """(status, body bytes); also for 4xx and 5xx answers."""
    try:
        with urllib.request.urlopen(url, timeout=deadline(seconds)) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def metric(text, name, **labels):
    """The value of one sample of a Prometheus text, or None."""
    if isinstance(text, bytes):
        text = text.decode()
    want = {'%s="%s"' % kv for kv in labels.items()}
    for line in text.splitlines():
        if line.startswith("#") or not line.startswith(name):
            continue
        rest = line[len(name):]
        have = set()
        if rest.startswith("{"):
            inner, rest = rest[1:].split("}", 1)
            have = set(inner.split(","))
        elif not rest.startswith(" "):
            continue
        if want <= have:
            return float(rest)
    return None


class RedisServer:
    """A redis-server of the test: no persistence, own folder, own port."""

    def __init__(self, folder, *args):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.socket = self.folder / "redis.sock"
        self.args = list(args)
        self.password = None
        self.proc = None
        self._clients = []

    @property
    def url(self):
        return "redis://127.0.0.1:%d" % self.port

    @property
    def unix_url(self):
        return "unix://%s" % self.socket

    def start(self, *args):
        """Start on the same port as before; returns when it answers PING."""
        assert self.proc is None or self.proc.poll() is not None
        if self.socket.exists():
            self.socket.unlink()
        log = open(self.folder / "redis.log", "ab")
        self.proc = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
             "--unixsocket", str(self.socket), "--save", "",
             "--appendonly", "no", "--dir", str(self.folder)]
            + self.args + list(args),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        wait_until(self._answers, 10, "redis-server answers on %d" % self.port)
        return self

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                s.settimeout(1)
                s.sendall(b"PING\r\n")
                # -NOAUTH is an answer too; -LOADING is not yet one.
                return s.recv(64)[:5] in (b"+PONG", b"-NOAU")
        except OSError:
            return False

    def kill(self):
        """kill -9, as a crash would."""
        self._signal(signal.SIGCONT)
        self.proc.kill()
        self.proc.wait()

    def restart(self, *args):
        """kill -9 and a fresh, empty server on the same port."""
        self.kill()
        return self.start(*args)

    def freeze(self):
        """SIGSTOP: sockets stay open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        if self.proc and self.proc.poll() is None:
            os.kill(self.proc.pid, number)

    def client(self, **kw):
        """A python3-redis client; bytes in, bytes out."""
        kw.setdefault("socket_timeout", deadline(10))
        kw.setdefault("password", self.password)
        c = redis.Redis(host="127.0.0.1", port=self.port, **kw)
        self._clients.append(c)
        return c

    def subscriber(self, *names, patterns=()):
        """A Subscriber that has its confirmations already."""
        return Subscriber(self.client(), names, patterns)

    def stop(self):
        for c in self._clients:
            try:
                c.close()
            except (OSError, redis.RedisError):
                pass  # its server is gone already
        self._clients.clear()
        if self.proc and self.proc.poll() is None:
            self.kill()


class Subscriber:
    """Collects messages of channels and patterns: (channel, payload) bytes."""

    def __init__(self, client, names=(), patterns=()):
        self.pubsub = client.pubsub()
        if names:
            self.pubsub.subscribe(*names)
        if patterns:
            self.pubsub.psubscribe(*patterns)
        self.messages = []
        left = len(names) + len(patterns)
        end = time.monotonic() + deadline(5)
        while left and time.monotonic() < end:
            m = self.pubsub.get_message(timeout=1)
            if m and m["type"] in ("subscribe", "psubscribe"):
                left -= 1
        assert left == 0, "subscriptions were not confirmed"

    def poll(self):
        """Take what has come; returns all messages so far."""
        while True:
            m = self.pubsub.get_message(timeout=0)
            if m is None:
                return self.messages
            if m["type"] in ("message", "pmessage"):
                self.messages.append((m["channel"], m["data"]))

    def wait(self, count, seconds=5.0):
        """All messages, once there are at least count of them."""
        wait_until(lambda: len(self.poll()) >= count, seconds,
                   lambda: "%d messages (have %d)" %
                   (count, len(self.messages)))
        return self.messages

    def payloads(self, channel=None):
        """Objects published so far, one a line, decoded from JSON."""
        if isinstance(channel, str):
            channel = channel.encode()
        return [json.loads(line) for ch, data in self.messages
                if channel is None or ch == channel
                for line in data.splitlines()]

    def close(self):
        self.pubsub.close()


class Tool:
    """A tickwire tool as a process.

    stdin: "pipe" (write() to it), "null", bytes (fed by a thread, then closed),
           or a path that is opened.
    stdout: "collect", or a path that is opened for writing, or an open
           descriptor.
    ready: pass --ready-fd, so that wait_ready() works.

    Whoever starts one calls cleanup() (or stop_all()): it ends by SIGTERM, as
    users end it, so that leaks are looked for and its exit status counts.
    """

    def __init__(self, name, *args, stdin="null", stdout="collect", env=None,
                 ready=True, path=None):
        self.name = name
        self.killed = False    # by the test: no status to expect
        self.frozen = False
        self._asked = None     # monotonic time of the SIGTERM of ask_to_stop()
        self._status_seen = False  # wait() has given it to the test
        argv = [str(path or tool_path(name))] + [str(a) for a in args]
        self._ready_r, ready_w = -1, -1
        if ready:
            self._ready_r, ready_w = os.pipe()
            os.set_inheritable(ready_w, True)
            argv += ["--ready-fd", str(ready_w)]
        files = []

        def opened(p, flags):
            fd = os.open(str(p), flags)
            files.append(fd)
            return fd

        if stdin == "pipe" or isinstance(stdin, bytes):
            in_fd = subprocess.PIPE
        elif stdin == "null":
            in_fd = subprocess.DEVNULL
        elif isinstance(stdin, int):
            in_fd = stdin
        else:
            in_fd = opened(stdin, os.O_RDONLY)
        if stdout == "collect":
            out_fd = subprocess.PIPE
        elif isinstance(stdout, int):
            out_fd = stdout
        else:
            out_fd = opened(stdout, os.O_WRONLY)
        self.argv = argv
        self.proc = subprocess.Popen(
            argv, stdin=in_fd, stdout=out_fd, stderr=subprocess.PIPE,
            env=clean_env(env), pass_fds=[ready_w] if ready else [],
            bufsize=0)
        for fd in files:
            os.close(fd)
        if ready:
            os.close(ready_w)
        self.out, self.err = bytearray(), bytearray()
        self._threads = [self._collect(self.proc.stderr, self.err)]
        if self.proc.stdout:
            self._threads.append(self._collect(self.proc.stdout, self.out))
        if isinstance(stdin, bytes):
            self._feeder = threading.Thread(target=self._feed, args=(stdin,),
                                            daemon=True)
            self._feeder.start()

    @staticmethod
    def _collect(pipe, into):
        def run():
            while True:
                try:
                    data = os.read(pipe.fileno(), 1 << 16)
                except (OSError, ValueError):
                    return
                if not data:
                    return
                into.extend(data)
        t = threading.Thread(target=run, daemon=True)
        t.start()
        return t

    def _feed(self, data):
        try:
            self.write(data)
        except OSError:
            pass  # the tool left early: its exit status tells
        self.close_stdin()

    @property
    def pid(self):
        return self.proc.pid

    @property
    def stdout(self):
        return bytes(self.out)

    @property
    def stderr(self):
        return bytes(self.err).decode(errors="replace")

    @property
    def lines(self):
        """Whole lines of standard output so far, as bytes."""
        return bytes(self.out).split(b"\n")[:-1]

    def objects(self):
        """Standard output so far, each whole line decoded from JSON."""
        return [json.loads(line) for line in self.lines if line]

    def write(self, data):
        """Write all of it to standard input (blocks while the pipe is full)."""
        if isinstance(data, str):
            data = data.encode()
        view = memoryview(data)
        while len(view):
            n = os.write(self.proc.stdin.fileno(), view[:1 << 16])
            view = view[n:]

    def try_write(self, data, seconds):
        """Write until all is taken or the time is over; returns bytes taken."""
        fd = self.proc.stdin.fileno()
        os.set_blocking(fd, False)
        end = time.monotonic() + seconds
        done = 0
        try:
            while done < len(data):
                left = end - time.monotonic()
                if left <= 0 or not select.select([], [fd], [], left)[1]:
                    break
                try:
                    done += os.write(fd, data[done:done + 65536])
                except BlockingIOError:
                    pass
        finally:
            os.set_blocking(fd, True)
        return done

    def wait_read(self, seconds=10.0):
        """Until it has read all that was written to its standard input."""
        wait_until(lambda: pipe_bytes(self.proc.stdin.fileno()) == 0, seconds,
                   "%s reads its input" % self.name)

    def close_stdin(self):
        if self.proc.stdin:
            try:
                self.proc.stdin.close()
            except OSError:
                pass

    def wait_ready(self, seconds=10.0):
        """Until the tool wrote "ready" to --ready-fd."""
        end = time.monotonic() + deadline(seconds)
        got = b""
        while b"ready\n" not in got:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._ready_r], [], [], left)[0]:
                pytest.fail("%s was not ready in time; stderr:\n%s" %
                            (self.name, self.stderr))
            data = os.read(self._ready_r, 64)
            if not data:
                self.proc.wait(deadline(5))
                pytest.fail("%s exited with %s before it was ready; stderr:\n%s"
                            % (self.name, self.proc.returncode, self.stderr))
            got += data
        return self

    def is_ready(self):
        """Whether "ready" is there now (does not wait)."""
        if select.select([self._ready_r], [], [], 0)[0]:
            return os.read(self._ready_r, 64).startswith(b"ready")
        return False

    def wait_line(self, cond, seconds=5.0):
        """The first line of standard output for which cond(line) holds."""
        def find():
            return next((ln for ln in self.lines if cond(ln)), None)
        return wait_until(find, seconds, lambda: "a line of %s; stderr:\n%s" %
                          (self.name, self.stderr[-2000:]))

    def wait_lines(self, count, seconds=5.0):
        """All whole lines, once there are at least count."""
        wait_until(lambda: len(self.lines) >= count, seconds,
                   lambda: "%d lines of %s (have %d); stderr:\n%s" %
                   (count, self.name, len(self.lines), self.stderr[-2000:]))
        return self.lines

    def wait_stderr(self, text, seconds=5.0):
        """Until text appears on standard error."""
        wait_until(lambda: text in self.stderr, seconds,
                   lambda: "%r on stderr of %s, which is:\n%s" %
                   (text, self.name, self.stderr[-2000:]))
        return self.stderr

    def running(self):
        return self.proc.poll() is None

    def signal(self, number):
        if number == signal.SIGKILL:
            self.killed = True
        elif number in (signal.SIGSTOP, signal.SIGCONT):
            self.frozen = number == signal.SIGSTOP
        os.kill(self.proc.pid, number)

    def wait(self, seconds=10.0):
        """The exit status; fails when the tool does not exit in time."""
        try:
            self.proc.wait(deadline(seconds))
        except subprocess.TimeoutExpired:
            err = self.stderr
            self.kill()
            pytest.fail("%s did not exit in %.1f s; stderr:\n%s" %
                        (self.name, deadline(seconds), err[-3000:]))
        for t in self._threads:
            t.join(deadline(5))
        self._status_seen = True
        return self.proc.returncode

    def terminate(self, seconds=5.0):
        """SIGTERM; the exit status."""
        if self.running():
            self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        """kill -9."""
        if self.proc.poll() is None:
            self.killed = True
            self.proc.kill()
        self.proc.wait()

    def rss_bytes(self):
        with open("/proc/%d/statm" % self.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask_to_stop(self):
        """SIGTERM to one that runs; a frozen one is continued first."""
        if self.running() and self._asked is None:
            # Only then: SIGCONT while LeakSanitizer looks makes it hang.
            if self.frozen:
                self.signal(signal.SIGCONT)
            self._asked = time.monotonic()
            self.signal(signal.SIGTERM)

    def _end(self):
        """Waits for the end; what was wrong with it, or None."""
        self.ask_to_stop()
        fault = None
        if self._asked is not None:
            try:
                self.proc.wait(max(0, self._asked + deadline(STOP_S) -
                                   time.monotonic()))
            except subprocess.TimeoutExpired:
                fault = ("did not stop within %.1f s of SIGTERM" %
                         deadline(STOP_S))
                self.kill()
        status = self.proc.wait()
        unseen = not self._status_seen and not self.killed
        if fault is None and (status == sanitizer.EXIT or unseen and status):
            fault = "ended with status %d" % status
        return fault

    def _close(self):
        self.close_stdin()
        if self._ready_r >= 0:
            os.close(self._ready_r)
            self._ready_r = -1
        for t in self._threads:
            t.join(2)
        for pipe in (self.proc.stdout, self.proc.stderr):
            if pipe:
                pipe.close()

    def cleanup(self):
        """Ends it if it runs; fails if it does not stop, or if its status is
        one that the test has neither seen nor caused by kill()."""
        fault = self._end()
        self._close()
        if fault is None and "Assertion" in self.stderr:
            fault = "broke an assertion"
        if fault:
            pytest.fail("\n".join(
                ["%s (pid %d) %s; stderr:" % (" ".join(self.argv), self.pid,
                                              fault), self.stderr[-4000:]] +
                sanitizer.current.of(self.pid)))


def stop_all(tools):
    """cleanup() of several that stop at the same time; fails with the first
    fault, but only when all are gone."""
    failed = None
    for t in tools:
        t.ask_to_stop()
    for t in tools:
        try:
            t.cleanup()
        except pytest.fail.Exception as e:
            failed = failed or e
    if failed:
        raise failed


def run_tool(name, *args, stdin="null", env=None, seconds=30.0,
             stdout="collect"):
    """Run a tool to its end; returns the Tool (its .proc.returncode, .stdout)."""
    t = Tool(name, *args, stdin=stdin, env=env, ready=False, stdout=stdout)
    try:
        t.wait(seconds)
    finally:
        t.cleanup()
    return t
