"""Wrong backward passes made mechanically: each equation of a registered rule, changed in every small way.

``mutations(entry)`` lists the changes, ``Mutated(rule, mutation)`` is the wrong rule, and ``survey`` counts what an audit
catches of them; ``Battery`` is that audit. ``SURVIVORS.md`` explains
what it does not catch, one by one, of the rules in ``SURVEYED``.
"""

from chainrule.audit.mutants.mechanical.battery import Battery
from chainrule.audit.mutants.mechanical.mutation import OPERATORS, Mutated, Mutation, mutations, unmutated
from chainrule.audit.mutants.mechanical.survey import Result, Survey, survey
from chainrule.audit.mutants.mechanical.survivors import SURVEYED, explained, surveyed

__all__ = [
    "OPERATORS",
    "SURVEYED",
    "Battery",
    "Mutated",
    "Mutation",
    "Result",
    "Survey",
    "explained",
    "mutations",
    "survey",
    "surveyed",
    "unmutated",
]
