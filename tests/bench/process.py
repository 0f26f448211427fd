"""Start, pin and end the programs that are measured.

Servers run on processor 0; load clients, Redis and this script on processor 1.
Everything listens on the loopback address, on a port that was free.
"""
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

SERVER, LOAD = 0, 1
RUN_MAX_S = 180

running = {}  # pid: Server


def running_pids():
    return list(running)


class Failure(Exception):
    """A section cannot be measured; the others still can."""


def pin(cpu, argv):
    if (os.cpu_count() or 1) > 1:
        return ["taskset", "-c", str(cpu)] + argv
    return argv


def pin_self():
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {LOAD})


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A process that lives while something is measured."""

    def __init__(self, argv, cpu=SERVER, port=None, **popen):
        popen.setdefault("stdin", subprocess.DEVNULL)
        self.name = os.path.basename(argv[0])
        self.proc = subprocess.Popen(
            pin(cpu, argv), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, **popen)
        running[self.pid] = self
        if port is not None:
            self.wait_port(port)

    def wait_port(self, port, deadline_s=15):
        end = time.monotonic() + deadline_s
        while time.monotonic() < end and self.proc.poll() is None:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        self.stop()
        raise Failure(f"{self.name} does not listen on port {port}")

    def stop(self):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
        try:
            self.proc.wait(8)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        running.pop(self.pid, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.proc.pid


def stop_all():
    for server in list(running.values()):
        server.stop()


def wait_ready(port, deadline_s=15):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready",
                                        timeout=1) as r:
                if r.status == 200:
                    return
        except OSError:
            time.sleep(0.02)
    raise Failure("wsgate is not ready")


def run(argv, cpu=SERVER, **popen):
    """What a program that must succeed wrote, both streams."""
    try:
        done = subprocess.run(pin(cpu, argv), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True,
                              timeout=RUN_MAX_S, check=False, **popen)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Failure(str(e)) from e
    if done.returncode != 0:
        raise Failure(f"{' '.join(argv)} ended with {done.returncode}: "
            f"{done.stderr[-400:]}")
    return done.stdout + done.stderr


def peak_kib(pid):
    """Largest resident size so far.  (ru_maxrss would count this script, whose
    memory the child had until it became the tool.)"""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            found = re.search(r"VmHWM:\s+(\d+)", f.read())
            return int(found.group(1)) if found else 0
    except OSError:
        return 0


def filter_stream(argv, stdin, cpu=SERVER):
    """One run over what is open, output thrown away: CPU and wall seconds,
    KiB."""
    peak, start = 0, time.monotonic()
    p = subprocess.Popen(pin(cpu, argv), stdin=stdin,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        pid, status, usage = os.wait4(p.pid, os.WNOHANG)
        if pid:
            break
        peak = peak_kib(p.pid) or peak
        time.sleep(0.01)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        raise Failure(f"{' '.join(argv)} ended with {p.returncode}")
    return {"cpu": usage.ru_utime + usage.ru_stime,
            "wall": time.monotonic() - start, "kib": peak}


def filter_file(argv, path, cpu=SERVER):
    with open(path, "rb") as f:
        return filter_stream(argv, f, cpu)


def filter_output(argv, source, cpu=SERVER):
    """The same over what `source` writes, which runs beside it."""
    with subprocess.Popen(pin(LOAD, source), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as p:
        used = filter_stream(argv, p.stdout, cpu)
    if p.returncode != 0:
        raise Failure(f"{' '.join(source)} ended with {p.returncode}")
    return used


def number(pattern, text):
    found = re.search(pattern, text)
    if not found:
        raise Failure(f"no /{pattern}/ in: {text[-300:]}")
    return float(found.group(1))
