from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from manifests.errors import ConfigurationError, FetchError
from tests.support.benches import Bench, make
from tests.support.dsa_control import NAME, PHRASES, DsaControl, vendor_zip


@pytest.fixture
def control(tmp_path: Path) -> DsaControl:
    control = DsaControl(tmp_path)
    control.install()
    return control


def refused(bench: Bench, control: DsaControl, **options: Any) -> FetchError:
    with pytest.raises(FetchError) as caught:
        bench.pull(make("dsa", path=str(control.program), **options))
    assert list(bench.home.temporary.iterdir()) == []
    return caught.value


@pytest.mark.parametrize("stderr", [False, True])
@pytest.mark.parametrize("phrase", PHRASES.values(), ids=PHRASES.keys())
def test_the_zip_is_found_in_whatever_words_it_is_named(
    bench: Bench, control: DsaControl, phrase: str, stderr: bool
) -> None:
    control.install(phrase, stderr=stderr)
    pulled = bench.pull(make("dsa", path=str(control.program)))
    assert bench.contents(pulled) == {NAME: vendor_zip()}
    assert pulled.verification == "carried, not verified"
    assert control.zip.exists()
    assert list(bench.home.temporary.iterdir()) == []


@pytest.mark.parametrize("name", ["a b (1).zip", "アップデート.zip", "UPPER.ZIP", "x=1,y:2.zip", "a.zip.zip"])
def test_the_zip_keeps_a_strange_name(bench: Bench, tmp_path: Path, name: str) -> None:
    control = DsaControl(tmp_path, name)
    control.install()
    assert [target.path for target in bench.pull(make("dsa", path=str(control.program))).targets] == [name]


def test_a_name_alone_is_looked_for_in_the_configured_directories(bench: Bench, tmp_path: Path) -> None:
    control = DsaControl(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    control.behave(f"open({str(elsewhere / NAME)!r}, 'wb').write({vendor_zip()!r})", f"print({NAME!r})")
    assert refused(bench, control).code == "dsa.no-bundle"
    for given in (str(elsewhere), [str(tmp_path), str(elsewhere)]):
        pulled = bench.pull(make("dsa", path=str(control.program), output_directory=given))
        assert bench.contents(pulled) == {NAME: vendor_zip()}


def test_a_zip_in_the_working_directory_is_found(bench: Bench, control: DsaControl) -> None:
    control.behave(f"open('x.zip', 'wb').write({vendor_zip()!r})", "print('Created ./x.zip')")
    pulled = bench.pull(make("dsa", path=str(control.program), remove_original=True))
    assert bench.contents(pulled) == {"x.zip": vendor_zip()}
    assert pulled.afterwards is None


def test_a_zip_that_was_there_before_is_not_taken_for_a_new_one(bench: Bench, control: DsaControl) -> None:
    control.zip.write_bytes(vendor_zip())
    control.says(control.zip)
    error = refused(bench, control)
    assert (error.code, error.have) == ("dsa.no-bundle", f"{control.zip} was there before")


def test_an_old_zip_beside_the_new_one_is_no_matter(bench: Bench, control: DsaControl) -> None:
    old = control.directory / "old.zip"
    old.write_bytes(vendor_zip(b"old"))
    control.says(control.zip, f"replaces {old}", before=[f"open({str(control.zip)!r}, 'wb').write({vendor_zip()!r})"])
    assert list(bench.contents(bench.pull(make("dsa", path=str(control.program))))) == [NAME]


def test_two_new_zips_are_refused(bench: Bench, control: DsaControl) -> None:
    paths = [control.directory / "a.zip", control.directory / "b.zip"]
    control.says(*paths, before=[f"open({str(path)!r}, 'wb').write({vendor_zip()!r})" for path in paths])
    error = refused(bench, control)
    assert (error.code, error.have) == ("dsa.ambiguous", f"{paths[0]}, {paths[1]}")


def test_a_name_of_nothing_is_refused_with_the_name(bench: Bench, control: DsaControl) -> None:
    control.says("/nonexistent/bundle.zip")
    error = refused(bench, control)
    assert (error.code, error.have) == ("dsa.no-bundle", "/nonexistent/bundle.zip is not there")


def test_a_link_is_not_followed(bench: Bench, control: DsaControl) -> None:
    control.says(control.zip, before=[f"os.symlink('/etc/passwd', {str(control.zip)!r})"])
    error = refused(bench, control)
    assert (error.code, error.have) == ("dsa.no-bundle", f"{control.zip} is a link")


def test_a_directory_is_no_zip(bench: Bench, control: DsaControl) -> None:
    control.says(control.zip, before=[f"os.mkdir({str(control.zip)!r})"])
    assert refused(bench, control).have == f"{control.zip} is not a file"


def test_a_good_end_without_a_name_is_refused_with_what_was_printed(bench: Bench, control: DsaControl) -> None:
    control.behave("print('HTTP Status: 200 - OK')")
    error = refused(bench, control)
    assert (error.code, error.have) == ("dsa.no-name", "HTTP Status: 200 - OK")


def test_a_failing_program_is_refused_with_its_last_lines(bench: Bench, control: DsaControl) -> None:
    control.behave("sys.exit('Relay is not enabled')")
    error = refused(bench, control)
    assert (error.code, error.have) == ("dsa.failed", "Relay is not enabled")


def test_a_failing_program_is_not_believed_though_it_names_a_zip(bench: Bench, control: DsaControl) -> None:
    control.says(control.zip, before=[f"open({str(control.zip)!r}, 'wb').write({vendor_zip()!r})", "import atexit, os"])
    with control.program.open("a") as file:
        file.write("sys.exit(2)\n")
    assert refused(bench, control).code == "dsa.failed"


def test_a_hanging_program_is_killed(bench: Bench, control: DsaControl) -> None:
    control.program.write_text("#!/bin/sh\necho packing\nsleep 1000\n")
    error = refused(bench, control, timeout_seconds=2)
    assert (error.code, error.have) == ("dsa.timeout", "packing")


@pytest.mark.parametrize("data", [vendor_zip()[:-30], b"", b"not a zip", vendor_zip()[30:]])
def test_a_half_written_zip_is_refused_and_stays_where_it_is(bench: Bench, control: DsaControl, data: bytes) -> None:
    control.says(control.zip, before=[f"open({str(control.zip)!r}, 'wb').write({data!r})"])
    assert refused(bench, control, remove_original=True).code == "dsa.half-written"
    assert control.zip.exists()


def test_a_zip_above_the_ceiling_is_refused(bench: Bench, control: DsaControl) -> None:
    error = refused(bench, control, max_bytes=10)
    assert (error.code, error.need) == ("dsa.too-large", "at most 10")


def test_a_name_that_cannot_be_carried_is_refused(bench: Bench, tmp_path: Path) -> None:
    control = DsaControl(tmp_path, "back\\slash.zip")
    control.install()
    assert refused(bench, control).code == "dsa.name"


def test_a_program_that_is_not_there_is_named(bench: Bench, tmp_path: Path) -> None:
    assert refused(bench, DsaControl(tmp_path)).code == "dsa.not-found"


def test_the_original_is_removed_after_the_pull_is_recorded_and_only_when_asked(
    bench: Bench, control: DsaControl
) -> None:
    bench.configure("dsa", "dsa", path=str(control.program))
    assert bench.pull_all().failures == ()
    assert control.zip.exists()
    bench.configure("dsa", "dsa", path=str(control.program), remove_original=True)
    result = bench.pull_all()
    assert not control.zip.exists()
    assert [target.path for target in result.targets["dsa"]] == [f"dsa/{NAME}"]


def test_a_pull_that_is_not_recorded_yet_removes_nothing(bench: Bench, control: DsaControl) -> None:
    pulled = bench.pull(make("dsa", path=str(control.program), remove_original=True))
    assert control.zip.exists()
    assert pulled.afterwards is not None
    pulled.afterwards()
    assert not control.zip.exists()
    pulled.afterwards()


def test_the_record_says_where_its_files_are_meant_to_be_put(bench: Bench, control: DsaControl) -> None:
    bench.configure("dsa", "dsa", path=str(control.program))
    bench.configure("other", "dsa", path=str(control.program), deliver="plant-agents")
    assert [record.deliver for record in bench.pull_all().records] == ["ds_agent", "plant-agents"]


def test_the_same_zip_again_is_unchanged(bench: Bench, control: DsaControl) -> None:
    source = make("dsa", path=str(control.program))
    first = bench.pull(source)
    assert bench.pull(source, first).targets == first.targets


def test_check_does_not_run_the_program(bench: Bench, control: DsaControl) -> None:
    source = make("dsa", path=str(control.program))
    first = bench.pull(source)
    control.zip.unlink()
    with bench.workbench(first) as work:
        check = source.check(work)
    assert [(target.path, target.state) for target in check.targets] == [(NAME, "as last time")]
    assert not control.zip.exists()


def test_the_vendors_place_is_the_default() -> None:
    source = make("dsa")
    assert (str(source.path), [str(path) for path in source.directories]) == (
        "/opt/ds_agent/dsa_control",
        ["/opt/ds_agent"],
    )


@pytest.mark.parametrize("options", [{"path": "dsa_control"}, {"output_directory": "here"}])
def test_relative_paths_are_refused_at_configuration(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("dsa", **options)
    assert caught.value.code == "source.path"
    assert os.sep not in caught.value.what.split("'")[3]
