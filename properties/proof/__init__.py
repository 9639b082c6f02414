"""Proofs over every context: the decision tree of a rule, boxes, bounds, the search, certificates.

Read `search` first, then `bounds`. Nothing here knows of checks, verdicts or how they are printed; what confirms a
certificate is `properties.recheck`, which imports nothing of this.
"""
