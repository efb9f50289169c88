"""Wrong backward passes made mechanically: each equation of each registered rule, changed in every small way.

``mutations(entry)`` lists the changes, ``Mutated(rule, mutation)`` is the wrong rule, and ``survey`` counts what an audit
catches of them.
"""

from chainrule.audit.mutants.mechanical.mutation import OPERATORS, Mutated, Mutation, mutations, unmutated
from chainrule.audit.mutants.mechanical.survey import Result, Survey, survey

__all__ = ["OPERATORS", "Mutated", "Mutation", "Result", "Survey", "mutations", "survey", "unmutated"]
