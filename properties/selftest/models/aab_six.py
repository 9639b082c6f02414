"""The six-context variant of the handmade transformer: the same builder, six positions, d_model 9."""

from properties.selftest.models.aab import build

MODEL = build(n_ctx=6, name="aab_six")
del build  # a family is loaded by its own name: zoo.load("aab", n_ctx=6)
