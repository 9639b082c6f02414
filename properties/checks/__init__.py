"""The table of checks, what each settles and how, and verdicts; read `table` first, then `answers`.

How a proof is found is in `properties.proof`; how a verdict is printed, in `properties.report`.
"""
