"""`--help` teaches: every command explains itself, its examples are words the program takes, and shells complete them."""

import re
import shlex
import subprocess

import pytest

from harness import BINARY, PATIENCE, ROOT

COMMANDS = ["serve", "dev", "config", "key create", "backup", "restore", "doctor", "copy", "migrate", "completions"]


def run(*words, **more):
    return subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=PATIENCE, **more)


def help_of(command: str) -> str:
    done = run(*command.split(), "--help")
    assert done.returncode == 0 and done.stderr == ""
    return done.stdout


def test_every_command_is_listed():
    text = run("--help").stdout
    assert set(re.findall(r"(?m)^  ([a-z]+) ", text.split("Commands:")[1].split("Options:")[0])) == {
        *(command.split()[0] for command in COMMANDS), "help"}
    assert "Where things stand:" in text and "Exit codes of all commands:" in text
    assert run().returncode == 2  # without a word it shows the same


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ("dev", "completions")])
def test_a_command_tells_examples_and_exit_codes(command):
    text = help_of(command)
    assert "\nExamples:\n" in text and re.search(r"(?m)^  0  ", text.split("Exit codes:\n")[1])


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_use_words_that_there_are(command):
    """Whatever stands in an example as `emit … --flag` is a command and a flag of it."""
    for example in re.findall(r"(?m)^  .*?(emit .*?)(?: {3,}.*)?$", help_of(command).partition("Examples:\n")[2]):
        for words in re.findall(r"emit ((?:[a-z]+ ?)+)((?:[^&|>)]|\$\([^)]*\))*)", example):
            name = words[0].split()
            known = help_of(" ".join(name[:2] if name[0] == "key" else name[:1]))
            for word in shlex.split(words[1]):
                assert not word.startswith("--") or word in known, f"{word} in {example}"


#: The pages for operators.
PAGES = ["README.md", *(f"docs/{name}.md" for name in ("operating", "postgres", "security", "observing", "metrics", "outbound"))]


@pytest.mark.parametrize("page", PAGES)
def test_documents_name_flags_and_variables_that_there_are(page):
    """`--flags` that a page sets in code, and `EMIT_*` variables."""
    known = "".join(help_of(command) for command in COMMANDS) + run("--help").stdout
    text = (ROOT / page).read_text()
    flags = {word for code in re.findall(r"`((?:emit [^`\n]*)?--[^`\n]*)`", text) for word in re.findall(r"--[a-z][a-z-]+", code)}
    flags |= {word for line in re.findall(r"(?m)^(?:sudo -u emit )?emit .*$", text) for word in re.findall(r"--[a-z-]+", line)}
    variables = set(re.findall(r"\bEMIT_[A-Z_]+[A-Z]\b", text))
    assert not {word for word in flags if not re.search(rf"{word}\b", known)}
    assert not {word for word in variables if word not in known}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(shell):
    script = run("completions", shell).stdout
    for word in ("backup", "restore", "doctor", "allowed-origins", "expires"):
        assert word in script


def test_bash_completes(tmp_path):
    """In a real shell: a command by its first letters, a flag by its."""
    (tmp_path / "emit").write_text(run("completions", "bash").stdout)
    ask = """source emit; COMP_WORDS=({words}); COMP_CWORD={last}; _emit emit "{word}" ""; echo "${{COMPREPLY[@]}}" """
    for words, expected in ((["emit", "bac"], "backup"), (["emit", "serve", "--trusted"], "--trusted-proxies"),
                            (["emit", "key", "create", "--adm"], "--admin")):
        script = ask.format(words=" ".join(words), last=len(words) - 1, word=words[-1])
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
        assert done.stdout.split() == [expected], done


@pytest.mark.parametrize("words", [["no-such"], ["serve", "--no-such"], ["backup"], ["key"], ["completions", "dos"]])
def test_wrong_usage(words):
    """Code 2, and where to find help."""
    done = run(*words)
    assert done.returncode == 2 and "panicked" not in done.stderr and done.stdout == ""


def test_where_nothing_can_be_printed():
    """A full disk behind `>` is a sentence and code 1, no panic."""
    with open("/dev/full", "w") as full:
        done = subprocess.run([BINARY, "config", "--default"], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=PATIENCE)
    assert done.returncode == 1 and done.stderr.startswith("emit: nothing can be printed")
