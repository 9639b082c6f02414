"""`make mutants`: one change of the code after another, and whether the tests miss it.

cosmic-ray makes the changes and keeps the results; here is which changes (`operators`), which tests (`plugin`, `run`),
and what is said of them (`table`, `harmless.toml`). Nothing of this is run by `make test`.
"""
