"""How fast mlpjax is: against automatic differentiation, against other libraries and against the machine's own peak.

Run `python -m benchmarks` from the root of the repository. Only ratios within one run mean anything, and every round of a
comparison runs all of its contenders one after another, so that a slow moment of the machine falls on all of them.
"""
