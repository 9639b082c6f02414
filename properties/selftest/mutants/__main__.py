"""`python -m properties.selftest.mutants [FOLDER OR MODULE]...`: goes on where it was stopped, and prints the table."""

import sys

from properties.selftest.mutants.run import FOLDERS, Folder
from properties.selftest.mutants.table import report


def main(chosen: list[str]) -> int:
    try:
        for folder in map(Folder, FOLDERS):
            modules = [module for module in folder.modules if any(module.startswith(one) for one in chosen)]
            if modules:
                folder.run(modules)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on")
    return report(chosen)


sys.exit(main(sys.argv[1:] or list(FOLDERS)))
