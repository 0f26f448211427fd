"""What the README shows is what happens."""
import json
import re
import shutil
import subprocess

import pytest
import redis

import pipeline
from harness import BIN, REPO, clean_env, deadline, wait_until
from wsclient import WsClient


def console_examples():
    """(command, expected output) of each `$ ` line of a console block."""
    text = (REPO / "README.md").read_text()
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


@pytest.mark.parametrize("command,output", console_examples())
def test_a_console_example_prints_what_the_readme_says(command, output):
    command = command.replace("bin/", str(BIN) + "/")
    done = subprocess.run(["bash", "-c", command], cwd=REPO, env=clean_env(),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          timeout=deadline(20), text=True)
    assert done.stdout == output


def test_the_readme_has_examples():
    assert console_examples()
    assert shell_commands()


def shell_commands():
    """Each line of each sh block."""
    text = (REPO / "README.md").read_text()
    return [line.strip()
            for block in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
            for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The pipeline as `make run` starts it, on ports of the test's."""
    if not shutil.which("foreman"):
        pytest.skip("foreman is not installed")
    clone = pipeline.clean_clone(tmp_path_factory.mktemp("readme") / "clone")
    p = pipeline.Pipeline(clone, command=["scripts/run"],
                          dotenv=lambda p: "PORT=%d\n" % p.base)
    try:
        wait_until(lambda: "tickwire is ready" in p.output, 20,
                   lambda: p.output[-3000:])
        yield p
    finally:
        p.close()


def pasted(command, running):
    """The output of a command of the README, with the ports of the test in
    place of those that the README says.  What listens for ever is ended after
    its first message."""
    for said, here in ((6390, running.redis_port), (8080, running.base)):
        command = re.sub(r"\b%d\b" % said, str(here), command)
    proc = subprocess.Popen(["bash", "-c", command], cwd=running.clone,
                            env=clean_env(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True)
    lines = []
    try:
        for line in proc.stdout:
            lines.append(line)
            if "message" in line and " SUBSCRIBE " in command:
                return lines + [proc.stdout.readline(), proc.stdout.readline()]
        assert proc.wait(deadline(20)) == 0, lines
        return lines
    finally:
        proc.kill()
        proc.wait()
        proc.stdout.close()


@pytest.mark.parametrize("command", [c for c in shell_commands()
                                     if "SUBSCRIBE" in c])
def test_a_subscription_of_the_readme_brings_bars(command, running):
    kind, channel, payload = pasted(command, running)[-3:]
    assert kind.strip() == "message"
    assert channel.strip() in command
    assert json.loads(payload)["type"] == "bar"


@pytest.mark.parametrize("command", [c for c in shell_commands()
                                     if "PUBLISH" in c])
def test_what_the_readme_publishes_reaches_a_client(command, running):
    channel, payload = re.search(r"PUBLISH (\S+) '(.*)'", command).groups()
    with WsClient("ws://127.0.0.1:%d/ws" % running.base) as ws:
        ws.subscribe(channel)
        assert int(pasted(command, running)[0]) >= 1
        ws.wait(lambda m: m.get("channel") == channel and
                m.get("data") == json.loads(payload))
        assert any(payload in text for text in ws.raw)


def test_what_the_readme_sends_over_websocket_is_answered(running):
    text = (REPO / "README.md").read_text()
    sent = re.search(r"sends `(\{.*?\})` to `(\S+)`", text)
    # A snapshot comes of what there is: just after the start there is nothing.
    with redis.Redis(port=running.redis_port) as r:
        for channel in json.loads(sent[1])["channels"]:
            wait_until(lambda: r.exists("last:" + channel), 20,
                       "a message on " + channel)
    with WsClient("ws://127.0.0.1:%d%s" % (running.base, sent[2])) as ws:
        ws.send(sent[1])
        for kind in ("subscribed", "snapshot", "update"):
            ws.wait_type(kind, 10)
        kinds = [m["type"] for m in ws.messages]
        assert kinds.index("subscribed") < kinds.index("snapshot") < \
            kinds.index("update")


@pytest.mark.parametrize("command", [
    c for c in shell_commands() if not re.search("SUBSCRIBE|PUBLISH", c)])
def test_any_other_command_of_the_readme_is_a_make_target(command):
    """`make run` is what runs here, `make test` is what runs this."""
    target = re.match(r"make ([a-z]+)\b", command)
    assert target, command
    plan = subprocess.run(["make", "-n", target[1]], cwd=REPO, text=True,
                          env=clean_env(), stdout=subprocess.PIPE, check=True)
    assert {"run": "scripts/run", "test": " e2e"}[target[1]] in plan.stdout


@pytest.mark.parametrize("page", sorted(set(re.findall(
    r"`man (\S+)`", (REPO / "README.md").read_text()))))
def test_a_manual_page_that_the_readme_names_is_shown(page):
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    shown = subprocess.run(["man", page], cwd=REPO, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, check=False,
                           env=clean_env({"MANPAGER": "cat"})).stdout.decode()
    assert "SYNOPSIS" in shown, shown[:500]


def test_the_ports_that_the_readme_says_are_the_defaults():
    text = (REPO / "README.md").read_text()
    run = (REPO / "scripts/run").read_text()
    base = re.search(r"PORT=\$\{PORT:-(\d+)\}", run)[1]
    redis_port = re.search(r"redis=\$\{redis:-(\d+)\}", run)[1]
    assert "| Redis | %s |" % redis_port in text
    assert "| %s | 5000 |" % base in text


def test_every_file_that_the_readme_links_to_exists():
    text = (REPO / "README.md").read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert links
    for link in links:
        assert (REPO / link).exists(), link


def test_every_make_target_that_the_readme_names_exists():
    text = (REPO / "README.md").read_text()
    targets = set(re.findall(r"\bmake ([a-z]+)\b", text)) - {"and"}
    listed = subprocess.run(["make", "help"], cwd=REPO, stdout=subprocess.PIPE,
                            text=True, check=True).stdout
    names = {line.split()[0] for line in listed.splitlines()}
    assert targets <= names | {"help"}, targets - names


def test_every_file_and_function_of_the_architecture_page_exists():
    text = (REPO / "docs/architecture.md").read_text()
    folders = ("", "common", "tickpub", "bargen", "wsgate", "ratelimitd")
    files = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.(?:c|h|lua))`", text))
    assert files
    for name in files:
        assert any((REPO / d / name).exists() for d in folders), name
    functions = set(re.findall(r"`([a-z]+_[a-z_]+)`", text))
    sources = "\n".join(p.read_text() for d in folders[1:]
                        for p in (REPO / d).rglob("*.[ch]"))
    for name in functions:
        assert re.search(r"\b%s\(" % name, sources), name
