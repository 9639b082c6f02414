"""How much a model bears, and models against each other; read `mutants` first.

Whether it is right at all is settled by `properties.checks`.
"""
