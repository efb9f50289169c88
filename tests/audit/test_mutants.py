"""The audit before rules that are wrong on purpose: each is caught, its argument named, its mistake recognised."""

import pytest

from chainrule.audit.mutants import MUTANTS, first_failure, report_on
from tests.audit.helpers import in_parts

SOME = MUTANTS[::3]


def test_a_third_of_the_gallery_is_of_every_room():
    assert {mutant.room for mutant in SOME} == {mutant.room for mutant in MUTANTS}


@pytest.mark.parametrize("mutant", SOME, ids=lambda mutant: mutant.name)
def test_a_wrong_rule_is_caught_by_the_check_that_should(mutant):
    failure = first_failure(mutant)
    assert failure is not None, "an audit that passes this rule proves nothing"
    assert mutant.caught_by in ("", failure.name)
    assert failure.detail, "a failure must say where it is"


@pytest.mark.slow
def test_the_whole_gallery_is_caught_named_and_diagnosed():
    reports = list(zip(MUTANTS, in_parts(report_on, MUTANTS), strict=True))
    assert [mutant.name for mutant, report in reports if report.ok] == []
    elsewhere = [
        mutant.name
        for mutant, report in reports
        if mutant.caught_by and mutant.caught_by not in {check.name for check in report.failures}
    ]
    assert elsewhere == []
    unnamed = [m.name for m, report in reports if m.argument is not None and m.argument not in report.arguments]
    assert unnamed == []
    known = [(mutant, report) for mutant, report in reports if mutant.pattern]
    other = [(m.name, report.diagnosis) for m, report in known if not report.diagnosis.startswith(m.pattern)]
    assert len(known) >= 90
    assert len(other) <= 0.2 * len(known), other
