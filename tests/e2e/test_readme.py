"""What the README shows is what happens."""
import re
import subprocess

import pytest

from harness import BIN, REPO, clean_env, deadline


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
    files = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)?\.(?:c|h|lua))`", text))
    assert files
    for name in files:
        assert any((REPO / d / name).exists() for d in folders), name
    functions = set(re.findall(r"`([a-z]+_[a-z_]+)`", text))
    sources = "\n".join(p.read_text() for d in folders[1:]
                        for p in (REPO / d).glob("*.[ch]"))
    for name in functions:
        assert re.search(r"\b%s\(" % name, sources), name
