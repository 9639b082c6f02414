"""How much a model bears, and models against each other; read `bearing` first.

Whether it is right at all is settled by `properties.checks`.
"""
