"""Whose code it is: the function's own, a library's, or Python's."""

import sys
import sysconfig
import traceback
import types
from pathlib import Path
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


def where_raised(error: BaseException) -> str:
    """As " (line 3 of mine.py)": the last place on the way to an error that is not ours nor a library's; or nothing"""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if not (in_library(file) or is_ours(str(frame.f_globals.get("__name__"))) or file.startswith("<")):
            place = f" (line {line} of {Path(file).name})"
    return place
