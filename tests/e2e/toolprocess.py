"""Tools as processes of a test, which ends them as users do: by SIGTERM."""
import json
import os
import select
import signal
import subprocess
import threading
import time

import pytest

import sanitizer
from testbed import clean_env, deadline, pipe_bytes, tool_path, wait_until

STOP_S = 5  # what a tool may take from SIGTERM to its end


class Collected:
    """What a program writes to a pipe.  A thread keeps the pipe empty, and
    now() takes what is in it first: whoever has seen an answer of a program
    sees all that it wrote before, however busy the machine is."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._data = bytearray()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep_empty, daemon=True)
        self._thread.start()

    def _take(self):
        """What is there; False at its end."""
        ready = select.poll()
        ready.register(self._pipe.fileno(), select.POLLIN)
        while ready.poll(0):
            data = os.read(self._pipe.fileno(), 1 << 16)
            if not data:
                return False
            self._data.extend(data)
        return True

    def _keep_empty(self):
        try:
            ready = select.poll()
            ready.register(self._pipe.fileno(), select.POLLIN)
            more = True
            while more:
                ready.poll()
                with self._lock:
                    more = self._take()
        except (OSError, ValueError):
            pass  # closed

    def now(self):
        with self._lock:
            try:
                self._take()
            except (OSError, ValueError):
                pass  # closed
            return bytes(self._data)

    def join(self, seconds):
        self._thread.join(seconds)


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
        self._err = Collected(self.proc.stderr)
        self._out = Collected(self.proc.stdout) if self.proc.stdout else None
        if isinstance(stdin, bytes):
            self._feeder = threading.Thread(target=self._feed, args=(stdin,),
                                            daemon=True)
            self._feeder.start()

    def _join(self, seconds):
        for pipe in filter(None, (self._err, self._out)):
            pipe.join(seconds)

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
        return self._out.now() if self._out else b""

    @property
    def stderr(self):
        return self._err.now().decode(errors="replace")

    @property
    def lines(self):
        """Whole lines of standard output so far, as bytes."""
        return self.stdout.split(b"\n")[:-1]

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
        self._join(deadline(5))
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
        self._join(2)
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
