"""Whose code it is: the function's own, a library's, or Python's."""

import sys
import sysconfig
import types
from typing import Any

from zoo.rule.harmless import WRAPPERS

LIBRARY = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def packages(function: Any) -> set[str]:
    """The packages in which a function, or the class of an object that is called, is defined."""
    while type(function) in WRAPPERS:
        function = getattr(function, WRAPPERS[type(function)][0])
    module = function.__module__ if isinstance(function, types.FunctionType) else type(function).__module__
    return {str(module).partition(".")[0]} - sys.stdlib_module_names


def is_ours(module: str) -> bool:
    """Whether code belongs to what runs rules, and is none itself: it keeps what it knows of them."""
    tests = module.startswith(("zoo.models.", "properties.selftest.", "properties.test_"))
    return module.startswith(("zoo.", "properties.")) and not tests


def in_library(file: str) -> bool:
    """Whether a file belongs to Python or to an installed package."""
    return file.startswith((*LIBRARY, "<frozen"))
