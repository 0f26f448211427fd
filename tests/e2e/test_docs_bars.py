"""Every example of docs/bars.md prints what it says."""
import re
import subprocess

import pytest

from harness import BIN, REPO, clean_env, deadline

TEXT = (REPO / "docs" / "bars.md").read_text()


def functions():
    return "".join(re.findall(r"^```sh\n(.*?)^```$", TEXT, re.M | re.S))


def examples():
    """(command, expected output) of each `$ ` line."""
    return [tuple(part.split("\n", 1))
            for block in re.findall(r"^```console\n(.*?)^```$", TEXT,
                                    re.M | re.S)
            for part in re.split(r"^\$ ", block, flags=re.M)[1:]]


def run(command):
    script = (functions() + command).replace("bin/", str(BIN) + "/")
    done = subprocess.run(["bash", "-c", script], cwd=REPO, env=clean_env(),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          timeout=deadline(30), text=True)
    return done.stdout


@pytest.mark.parametrize("command,output", examples())
def test_an_example_prints_what_the_page_says(command, output):
    assert run(command) == output


def test_every_rule_of_the_page_has_an_example():
    rules = re.split(r"^## ", TEXT, flags=re.M)[1:]
    without = [r.split("\n")[0] for r in rules if "```console" not in r]
    assert without == ["Restarts and several instances"]
    assert len(examples()) >= 20
