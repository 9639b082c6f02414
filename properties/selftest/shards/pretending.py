"""Other versions on a worker. It imports little: a worker does so beside what else it imports, in another thread."""

from typing import Any

from zoo.shards import digest, travel


def pretend(name: str = "", version: str = "") -> None:
    """On a worker: another version."""
    true = digest.versions()
    other: Any = travel
    other.versions = (lambda: true | {name: version}) if name else digest.versions
