import pytest

from manifests.trust import refusals
from relay.importing.advice import advise_increment, advise_renumber, tells_of_lost_count


def test_an_increment_is_since_what_is_whole_and_full_without_any():
    assert advise_increment(3) == "bundle create --since 3"
    assert advise_increment(0) == "bundle create --full"
    assert "bundle restored --above 9" in advise_renumber(9)


@pytest.mark.parametrize(
    ("refusal", "lost"),
    [
        (refusals.other_content("timestamp"), True),
        (refusals.rollback("rules", 1, 2), True),
        (refusals.removed("rules"), True),
        (refusals.rollback("timestamp", 1, 2), False),
        (refusals.signatures("rules", 0, 1), False),
    ],
)
def test_an_older_bundle_is_no_sign_of_a_publisher_that_lost_its_place(refusal, lost):
    assert tells_of_lost_count(refusal) is lost
