from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from manifests.errors import ConfigurationError, FetchError, RollbackError, SealiftError
from tests.support.benches import Bench, make
from tests.support.commands import wait_for

PYTHON = sys.executable


def shell(text: str, **options: Any) -> dict[str, Any]:
    return {"command": ["/bin/sh", "-c", text], **options}


def refused(bench: Bench, text: str, **options: Any) -> SealiftError:
    with pytest.raises(FetchError) as caught:
        bench.pull(make("command", **shell(text, **options)))
    assert left_over(bench) == []
    return caught.value


def left_over(bench: Bench) -> list[Path]:
    return list(bench.home.temporary.iterdir())


def test_what_the_command_leaves_in_its_directory_is_carried(bench: Bench) -> None:
    pulled = bench.pull(make("command", **shell("mkdir x; printf a > x/a.rules; printf b > $SEALIFT_OUT/b")))
    assert bench.contents(pulled) == {"b": b"b", "x/a.rules": b"a"}
    assert (pulled.verification, pulled.version) == ("carried, not verified", None)
    assert left_over(bench) == []


def test_there_is_no_shell_and_the_placeholder_names_the_directory(bench: Bench) -> None:
    text = "import sys; open(sys.argv[1] + '/a', 'w').write('|'.join(sys.argv[2:]))"
    pulled = bench.pull(make("command", command=[PYTHON, "-c", text, "{out}", "$HOME", "; rm -rf /", "a b"]))
    assert bench.contents(pulled) == {"a": b"$HOME|; rm -rf /|a b"}


def test_the_environment_is_clean_but_for_what_is_declared(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    monkeypatch.setenv("FEED_TOKEN", "s3cret")
    source = make("command", **shell("env > env"), environment={"FEED": "daily"}, pass_environment=["FEED_TOKEN"])
    lines = bench.contents(bench.pull(source))["env"].decode().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    assert set(variables) - {"PWD", "OLDPWD", "SHLVL", "_"} == {
        "PATH", "LC_ALL", "HOME", "TMPDIR", "FEED", "FEED_TOKEN", "SEALIFT_OUT", "SEALIFT_SOURCE",
    }  # fmt: skip
    assert (variables["FEED"], variables["FEED_TOKEN"], variables["SEALIFT_SOURCE"]) == ("daily", "s3cret", "s")
    assert variables["SEALIFT_OUT"] == variables["PWD"]


def test_temporary_files_of_the_command_are_not_carried(bench: Bench) -> None:
    pulled = bench.pull(make("command", **shell("touch $TMPDIR/t $HOME/.cache; printf a > a")))
    assert bench.contents(pulled) == {"a": b"a"}


def test_an_exit_code_but_0_fails_with_the_last_lines_and_nothing_is_kept(bench: Bench) -> None:
    error = refused(bench, "printf a > a; seq 1 100 >&2; exit 3")
    assert error.code == "command.failed"
    assert error.what == "Source 's': /bin/sh left with 3"
    assert error.have == " | ".join(map(str, range(91, 101)))


def test_a_command_that_is_killed_says_by_which_signal(bench: Bench) -> None:
    assert refused(bench, "kill -SEGV $$").what == "Source 's': /bin/sh was ended by SIGSEGV"


def test_a_secret_that_the_command_prints_is_not_shown(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEED_TOKEN", "s3cret")
    error = refused(bench, "echo using $FEED_TOKEN; printf '\\033[2J'; exit 1", pass_environment=["FEED_TOKEN"])
    assert error.have == "using *** | \\x1b[2J"


def test_a_variable_that_is_not_set_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEED_TOKEN", raising=False)
    error = refused(bench, "true", pass_environment=["FEED_TOKEN"])
    assert error.code == "command.environment"
    assert "FEED_TOKEN" in error.what


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int) -> None:
    wait_for(lambda: not alive(pid), seconds=10, what="the end of the child")


def test_a_command_that_hangs_is_killed_with_its_children(bench: Bench, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    error = refused(bench, f"sleep 1000 & echo $! > {note}; echo waiting; wait", timeout_seconds=2)
    assert (error.code, error.have) == ("command.timeout", "waiting")
    gone(int(note.read_text()))


def test_a_child_that_the_command_leaves_behind_is_killed_and_not_waited_for(bench: Bench, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    pulled = bench.pull(make("command", **shell(f"sleep 1000 & echo $! > {note}; printf a > a")))
    assert bench.contents(pulled) == {"a": b"a"}
    gone(int(note.read_text()))


def test_a_command_that_prints_without_end_is_bounded(bench: Bench) -> None:
    error = refused(bench, "yes 0123456789 | head -c 50000000; exit 1")
    assert error.code == "command.failed"
    assert len(error.have or "") <= 1000


def test_a_link_is_refused_and_not_followed(bench: Bench) -> None:
    assert refused(bench, "ln -s /etc/passwd a; printf b > b").code == "directory.link"


def test_a_pipe_is_refused_and_not_opened(bench: Bench) -> None:
    assert refused(bench, "mkfifo a").code == "directory.special"


def test_nothing_left_is_an_error_with_what_was_printed(bench: Bench) -> None:
    error = refused(bench, "mkdir empty; echo nothing new today")
    assert (error.code, error.have) == ("command.no-files", "nothing new today")


def test_files_that_no_glob_takes_are_an_error(bench: Bench) -> None:
    with pytest.raises(FetchError) as caught:
        bench.pull(make("command", **shell("touch a")), include=["*.rules"])
    assert caught.value.code == "command.no-files"


def test_only_what_is_included_is_read(bench: Bench) -> None:
    pulled = bench.pull(make("command", **shell("printf a > a.rules; ln -s a.rules link")), include=["*.rules"])
    assert bench.contents(pulled) == {"a.rules": b"a"}


def test_more_than_allowed_is_refused(bench: Bench) -> None:
    error = refused(bench, "head -c 600 /dev/zero > a; head -c 600 /dev/zero > b", max_bytes=1000)
    assert (error.code, error.have) == ("command.too-large", "1,200 bytes in 2 files")


def test_what_the_command_made_untouchable_is_removed_too(bench: Bench) -> None:
    bench.pull(make("command", **shell("printf a > a; mkdir $TMPDIR/d; touch $TMPDIR/d/e; chmod 0 $TMPDIR/d $TMPDIR")))
    assert left_over(bench) == []


def test_what_a_crash_left_is_removed_by_the_next_run(bench: Bench) -> None:
    (bench.home.temporary / "command-0123" / "out").mkdir(parents=True)
    bench.pull(make("command", **shell("printf a > a")))
    assert left_over(bench) == []


def test_the_same_files_again_are_unchanged(bench: Bench) -> None:
    source = make("command", **shell("printf a > a"))
    first = bench.pull(source)
    assert bench.pull(source, first).targets == first.targets


def test_a_printed_version_is_kept_and_must_not_go_back(bench: Bench) -> None:
    source = make("command", **shell("echo version: 9.9; echo version: 1.10.0; printf a > a"))
    older = make("command", **shell("echo version: 1.9.12; printf b > a"))
    first = bench.pull(source)
    assert first.version == "1.10.0"
    with pytest.raises(RollbackError) as caught:
        bench.pull(older, first)
    assert caught.value.code == "source.older"
    assert bench.pull(older, first, allow_older=True).version == "1.9.12"


def test_a_version_that_is_no_longer_said_is_refused(bench: Bench) -> None:
    first = bench.pull(make("command", **shell("echo version: 7; printf a > a")))
    silent = make("command", **shell("printf a > a"))
    with pytest.raises(FetchError) as caught:
        bench.pull(silent, first)
    assert caught.value.code == "command.version"
    assert bench.pull(silent, first, allow_older=True).version is None


@pytest.mark.parametrize(("name", "code"), [("gone", "command.not-found"), ("plain", "command.not-executable")])
def test_a_program_that_cannot_be_run_is_named_by_pull_and_check(
    bench: Bench, tmp_path: Path, name: str, code: str
) -> None:
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    source = make("command", command=[str(tmp_path / name)])
    with pytest.raises(FetchError) as caught:
        bench.pull(source)
    assert caught.value.code == code
    with bench.workbench() as work, pytest.raises(FetchError) as caught:
        source.check(work)
    assert caught.value.code == code


def test_a_file_that_is_no_program_is_named(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "feed").write_bytes(b"\x00\x01")
    (tmp_path / "feed").chmod(0o755)
    with pytest.raises(FetchError) as caught:
        bench.pull(make("command", command=[str(tmp_path / "feed")]))
    assert caught.value.code == "command.not-executable"


def test_check_does_not_run_the_command(bench: Bench, tmp_path: Path) -> None:
    source = make("command", **shell(f"printf a > a; echo >> {tmp_path}/runs"))
    first = bench.pull(source)
    with bench.workbench(first) as work:
        check = source.check(work)
    assert [(target.path, target.length) for target in check.targets] == [("a", 1)]
    assert (tmp_path / "runs").read_text() == "\n"


def test_a_failing_command_leaves_the_last_good_content_to_be_sealed(bench: Bench, tmp_path: Path) -> None:
    bench.configure("feed", "command", **shell(f"test ! -e {tmp_path}/broken && printf a > a"))
    bench.pull_all()
    (tmp_path / "broken").touch()
    result = bench.pull_all()
    assert [failure.error.code for failure in result.failures] == ["command.failed"]
    assert [target.path for target in result.targets["feed"]] == ["feed/a"]
    assert "[command.failed]" in (result.records[0].failure or "")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"command": ["feed"]}, "source.path"),
        ({"command": ["/bin/sh"], "environment": {"SEALIFT_OUT": "/"}}, "source.environment"),
        ({"command": ["/bin/sh"], "pass_environment": ["HOME"]}, "source.environment"),
        ({"command": ["/bin/sh", "a\0b"]}, "source.command"),
    ],
)
def test_options_that_cannot_work_are_refused_at_configuration(options: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("command", **options)
    assert caught.value.code == code
