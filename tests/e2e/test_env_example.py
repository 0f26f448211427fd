""".env.example: every variable, and the default that the programs have."""
import re
import subprocess

import pytest

import harness

TOOLS = ("tickpub", "bargen", "wsgate", "ratelimitd")
# Read by what starts the tools, not by them; and who reads it.
OTHERS = {"RUN_REDIS_PORT": "scripts/start", "BIND": "docker/compose.yaml",
          "TICKWIRE_TAG": "docker/compose.yaml", "PORT": "wsgate/options.c",
          "NOTIFY_SOCKET": "common/app/notify.c"}
# Files whose ${NAME} is a variable that a user may set.
STARTERS = ("Procfile", "Procfile.local", "scripts/keep", "scripts/start",
            "scripts/run", "scripts/demo", "docker/compose.yaml")


def example():
    """{name: value}, every line that is commented out counted as if not."""
    text = (harness.REPO / ".env.example").read_text()
    return dict(re.findall(r"^#?([A-Z][A-Z_]*)=(.*)$", text, re.M))


def plain_env(extra=None):
    """The environment without any of these variables."""
    env = harness.clean_env()
    for name in example():
        env.pop(name, None)
    env.update(extra or {})
    return env


def print_env(name, extra=None):
    """What the tool says holds, and what it complains about."""
    done = subprocess.run([str(harness.tool_path(name)), "--print-env"],
                          env=plain_env(extra), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("without", [(), ("REDIS_URL",),
                                     ("REDIS_URL", "LISTEN")])
def test_what_is_commented_out_is_the_default(name, without):
    given = {k: v for k, v in example().items() if k not in without}
    assert print_env(name, given) == print_env(name)


def test_a_value_that_is_not_the_default_is_seen():
    assert print_env("tickpub", {"TICKPUB_JOURNAL_MAX": "1MiB"}) != \
        print_env("tickpub")
    assert print_env("wsgate", {"REDIS_PORT": "6380"}) != print_env("wsgate")


def test_no_password_is_printed():
    shown = print_env("bargen", {"REDIS_URL": "redis://u:secret@h:1/0",
                                 "REDIS_PASSWORD": "secret"})
    assert "secret" not in str(shown)
    assert shown["REDIS_PASSWORD"] == "***"


def test_the_example_has_every_variable_that_a_tool_has_and_no_other():
    read = set().union(*(print_env(name) for name in TOOLS)) | set(OTHERS)
    assert set(example()) == read


@pytest.mark.parametrize("name,file", OTHERS.items())
def test_what_no_tool_prints_is_read_somewhere(name, file):
    assert name in (harness.REPO / file).read_text()


def test_the_example_has_every_variable_that_starts_the_tools():
    listed = set(example())
    for file in STARTERS:
        text = (harness.REPO / file).read_text()
        names = set(re.findall(r"\$\{([A-Z][A-Z_]+)(?=[:}])", text))
        assert names <= listed, (file, names - listed)


def test_defaults_of_what_starts_the_tools():
    values = example()
    start = (harness.REPO / "scripts/start").read_text()
    run = (harness.REPO / "scripts/run").read_text()
    compose = (harness.REPO / "docker/compose.yaml").read_text()
    assert "${RUN_REDIS_PORT:-%s}" % values["RUN_REDIS_PORT"] in start
    assert "${redis:-%s}" % values["RUN_REDIS_PORT"] in run
    assert "${PORT:-%s}" % values["PORT"] in run
    for name in ("BIND", "TICKWIRE_TAG", "PORT"):
        assert "${%s:-%s}" % (name, values[name]) in compose


@pytest.mark.parametrize("name", TOOLS)
def test_each_tool_starts_with_all_of_it(name, tool, redis_server):
    given = example()
    given.update({
        # The values that would lead out of the test.
        "REDIS_URL": redis_server.url, "REDIS_PORT": str(redis_server.port),
        "LISTEN": "127.0.0.1:0", "HTTP_LISTEN": "127.0.0.1:0"})
    t = tool(name, stdin="pipe", env=given).wait_ready()
    t.wait_stderr("ev=redis_ready")
    said = [line for line in t.stderr.splitlines()
            if "level=warn" in line or "level=" not in line]
    # 100,000 connections are more than most shells allow files.
    assert [line for line in said if "ev=fd_limit" not in line] == []
    assert t.running()
