"""The notebook in docs/ runs, and shows what is stored in it."""

from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "look.ipynb"


def outputs(notebook: Any) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Of each cell its number and what it put out: kinds, and texts or pictures."""
    return [
        (cell.id, [(one.output_type, one.get("data", one.get("text"))) for one in cell.get("outputs", [])])
        for cell in notebook.cells
    ]


def test_the_notebook_runs_and_shows_what_it_says() -> None:
    reason = "nbclient or ipykernel is not installed: pip install handmade-zoo[notebook]"
    nbclient, _ = (pytest.importorskip(name, reason=reason) for name in ("nbclient", "ipykernel"))
    nbformat = pytest.importorskip("nbformat", reason=reason)
    stored, run = nbformat.read(NOTEBOOK, 4), nbformat.read(NOTEBOOK, 4)
    nbclient.NotebookClient(run, timeout=300, startup_timeout=300, kernel_name="python3").execute()
    assert outputs(run) == outputs(stored)
    shown = [kind for _, some in outputs(run) for kind, _ in some]
    assert shown.count("execute_result") == 6
