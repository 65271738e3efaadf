"""What is said of a configuration file that was checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from manifests.console.checked_file import tell_checked_file
from manifests.errors import ConfigurationError

PATH = Path("/etc/x.toml")
ERRORS = [ConfigurationError("config.value", f"{PATH}: {key} is wrong\x1b") for key in ("a", "b")]


@pytest.mark.parametrize(("count", "said"), [(1, "1 error"), (2, "2 errors")])
@pytest.mark.parametrize("output", ["text", "json"])
def test_every_error_is_said_and_the_file_is_refused(
    capsys: pytest.CaptureFixture[str], count: int, said: str, output: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"{PATH} has {said}"):
        tell_checked_file(PATH, ERRORS[:count], output)
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert text.count("is wrong") == count
    assert output == "text" or [row["code"] for row in json.loads(text)["errors"]] == ["config.value"] * count


def test_a_sound_file_is_said_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    tell_checked_file(PATH, [], "text")
    assert capsys.readouterr().out == f"{PATH}: no errors\n"
