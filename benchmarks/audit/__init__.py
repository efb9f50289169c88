"""The audit beside other ways to check a derivative: the same wrong rules, the same right ones, who raises an alarm."""
