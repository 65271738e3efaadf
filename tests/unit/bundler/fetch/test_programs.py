"""Programs of the operator's or a vendor's: run without a shell, to a good end, and never believed too much."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.fetch.programs import Printed, Program, fresh_workspace, last_lines, run_source_program
from manifests.errors import FetchError
from manifests.progress import NoProgress


def run(tmp_path: Path, script: str, *, seconds: float = 30, **options: object) -> Printed:
    environment: Mapping[str, str] = {}
    program = Program("s", "command", ("/bin/sh", "-c", script), seconds, environment, **options)  # type: ignore[arg-type]
    with fresh_workspace(tmp_path, "command") as place:
        assert place.out.is_dir()
        assert place.scratch.is_dir()
        printed = run_source_program(program, place, NoProgress())
    assert not list(tmp_path.iterdir())
    return printed


def test_both_streams_are_read_and_the_program_works_in_its_own_directories(tmp_path: Path) -> None:
    printed = run(tmp_path, 'echo "${PWD##*/} ${HOME##*/} ${TMPDIR##*/}"; echo beside >&2')
    assert (printed.output, printed.errors) == ("out scratch scratch\n", "beside\n")
    assert last_lines(printed) == "beside"


def test_blanks_of_every_form_part_words_and_nothing_steers_a_terminal(tmp_path: Path) -> None:
    assert run(tmp_path, "printf 'a\\tb\\r\\n\\033[2J\\n'").output == "a b \n\\x1b[2J\n"


def test_a_secret_is_blackened_also_where_it_is_part_of_a_word(tmp_path: Path) -> None:
    assert run(tmp_path, "echo x-s3cret-y abc", secret=("s3cret", "abc")).output == "x-***-y abc\n"


@pytest.mark.parametrize(
    ("script", "seconds", "code"),
    [("exit 3", 30, "command.failed"), ("kill -9 $$", 30, "command.failed"), ("sleep 60", 0.2, "command.timeout")],
)
def test_a_bad_end_is_an_error_and_leaves_nothing(tmp_path: Path, script: str, seconds: float, code: str) -> None:
    with pytest.raises(FetchError) as caught:
        run(tmp_path, script, seconds=seconds)
    assert caught.value.code == code
    assert not list(tmp_path.iterdir())
