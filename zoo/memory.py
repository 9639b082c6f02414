"""How much of the machine's memory the arrays of a model may take."""

import os
import resource


def most_bytes() -> int:
    """An eighth of what this process may have: making a model's arrays takes several times their size."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return (machine if limit == resource.RLIM_INFINITY else min(machine, limit)) // 8
