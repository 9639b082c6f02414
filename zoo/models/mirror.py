"""A sequence written down backwards, behind a separator, token by token. (`reverse` says all of them at once.)"""

import reference
from zoo import Model
from zoo.models import copy

LARGE_N_CTX = 256  # the n_ctx at which `zoo verify --large` settles it


def build(n_ctx: int = 8) -> Model:
    """Of n_ctx / 2 tokens: as `copy`, but the separator asks for the last, and each further position for one less."""
    size = copy.half(n_ctx)
    return copy.recalling(n_ctx, list(range(size))[::-1], "mirror", reference.mirrored(size))


MODEL = build()
