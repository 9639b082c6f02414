"""The command `zoo`: a file for each family of subcommands; read `main` first, which knows them all.

What they print is in `properties.report`, what they compute anywhere else.
"""

from properties.command.main import main

__all__ = ["main"]
