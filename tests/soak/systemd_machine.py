"""A booted systemd, without another machine: a container with the root folder of
this one, whose writes go to memory, and a network of its own."""
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from harness import REPO, deadline, wait_until

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def run(*argv):
    return subprocess.run(argv, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False,
                          timeout=deadline(30))


def checked(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), "%s: %s" % (
            what, os.strerror(ctypes.get_errno())))


def is_init(pid):
    """Whether it is a systemd that has number 1 in its own namespace."""
    status = pathlib.Path("/proc/%s/status" % pid).read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    return fields["NSpid"].split()[-1] == "1" and fields["Name"] == "systemd"


class Machine:
    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "root"
        self.proc = None
        self.init = None
        if os.geteuid() != 0:
            pytest.skip("only root can boot a container")
        for program in ("systemd-nspawn", "nsenter", "setpriv"):
            if not shutil.which(program):
                pytest.skip("%s is not installed" % program)
        self._mount()

    def _mount(self):
        """In a namespace of ours: no mount outlives this process."""
        checked(LIBC.unshare(CLONE_NEWNS), "unshare")
        run("mount", "--make-rprivate", "/")
        for name in ("root", "writes"):
            (self.folder / name).mkdir()
        writes = self.folder / "writes"
        done = run("mount", "-t", "tmpfs", "tmpfs", str(writes))
        if done.returncode == 0:
            (writes / "upper").mkdir()
            (writes / "work").mkdir()
            done = run("mount", "-t", "overlay", "overlay", "-o",
                       "lowerdir=/,upperdir=%s/upper,workdir=%s/work" %
                       (writes, writes), str(self.root))
        if done.returncode != 0:
            pytest.skip("no overlay can be mounted: %s" % done.stdout.strip())

    def install(self):
        """The tools and units into /usr/local, where nobody's settings are."""
        subprocess.run(["make", "-s", "install", "DESTDIR=%s" % self.root],
                       cwd=REPO, check=True, stdout=subprocess.PIPE)
        for name in ("etc/tickwire", "var/lib/redis"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        self.path("etc/tickwire").mkdir()
        self.path("var/lib/redis").mkdir()
        shutil.chown(self.path("var/lib/redis"), "redis", "redis")
        # The services of this machine stay out: only what basic.target has.
        self.path("etc/systemd/system/soak.target").write_text(
            "[Unit]\nRequires=basic.target\nAfter=basic.target\n")

    def path(self, name):
        return self.root / name

    def boot(self):
        log = open(self.folder / "boot.log", "wb")
        self.proc = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "systemd-nspawn",
             "--directory=%s" % self.root, "--register=no", "--keep-unit",
             "--private-network", "--link-journal=no", "--console=pipe",
             "--boot", "systemd.unit=soak.target"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        self.init = wait_until(self._find_init, 30, "process 1 is there")
        if self.init < 0:
            pytest.skip("no container can be booted here: %s" %
                        (self.folder / "boot.log").read_text().strip())
        wait_until(lambda: self.call("systemctl", "is-system-running").stdout
                   .strip() in ("running", "degraded"), 60, "systemd is up")

    def _find_init(self):
        """Its number here, -1 where there never will be one."""
        if self.proc.poll() is not None:
            return -1
        children = pathlib.Path("/proc/%d/task/%d/children" %
                                (self.proc.pid, self.proc.pid))
        try:
            return next((int(pid) for pid in children.read_text().split()
                         if is_init(pid)), 0)
        except OSError:  # one that only prepared the container has ended
            return 0

    def enter_network(self):
        """From here on 127.0.0.1 of this thread is that of the container."""
        with open("/proc/%d/ns/net" % self.init, "rb") as f:
            checked(LIBC.setns(f.fileno(), CLONE_NEWNET), "setns")

    def call(self, *argv):
        """Run a program in the container."""
        return run("nsenter", "-t", str(self.init), "-a", *argv)

    def systemctl(self, *argv):
        done = self.call("systemctl", *argv)
        assert done.returncode == 0, "systemctl %s: %s" % (" ".join(argv),
                                                           done.stdout)
        return done.stdout

    def show(self, unit):
        """The properties of a unit."""
        text = self.systemctl("show", unit)
        return dict(line.split("=", 1) for line in text.splitlines()
                    if "=" in line)

    def kill(self, unit):
        """kill -9, from inside; returns the number of the process."""
        pid = self.show(unit)["MainPID"]
        assert pid != "0", unit
        done = self.call("sh", "-c", "kill -9 %s" % pid)
        assert done.returncode == 0, done.stdout
        return pid

    def off(self):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)  # an orderly shutdown
            try:
                self.proc.wait(deadline(60))
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        for name in ("root", "writes"):
            run("umount", "-l", str(self.folder / name))
