"""The referee before rules that are wrong on purpose: each is caught, and by the check that should."""

import pytest

from chainrule.audit.mutants import MUTANTS, first_failure


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_wrong_rule_is_caught(mutant):
    failure = first_failure(mutant)
    assert failure is not None, "an audit that passes this rule proves nothing"
    assert mutant.caught_by in ("", failure.name)
    assert failure.detail, "a failure must say where it is"


def test_the_gallery_is_large_enough_and_names_are_unique():
    assert len(MUTANTS) >= 90
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
