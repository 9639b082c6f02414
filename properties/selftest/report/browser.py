"""A headless browser that is asked over two pipes, in the DevTools protocol: nothing but the browser is needed."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from types import TracebackType
from typing import Any, Self

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    "--no-first-run",
)
SECONDS = 60.0  # for one answer, on a busy machine
HEARD = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")


def program() -> str:
    """A Chromium on the path, or the test is skipped."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("chromium is not installed")
    return found


class Browser:
    """One page of a browser; what it says and what it asks for since it was opened."""

    def __init__(self) -> None:
        self.profile = tempfile.mkdtemp()
        ours, theirs = os.pipe(), os.pipe()  # what we write, what we read
        arguments = [program(), *OPTIONS, f"--user-data-dir={self.profile}", "--remote-debugging-pipe", "about:blank"]
        inside = [fcntl.fcntl(pipe, fcntl.F_DUPFD, 10) for pipe in (ours[0], theirs[1])]  # out of the way of 3 and 4

        def plugged() -> None:
            """The browser reads from 3, and writes to 4."""
            os.dup2(inside[0], 3)
            os.dup2(inside[1], 4)

        self.process = subprocess.Popen(arguments, preexec_fn=plugged, pass_fds=(3, 4), stderr=subprocess.DEVNULL)
        for pipe in (ours[0], theirs[1], *inside):
            os.close(pipe)
        self.write, self.read, self.buffer, self.number = ours[1], theirs[0], b"", 0
        self.heard: list[str] = []
        self.requested: list[str] = []
        self.session = ""
        target = next(t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.write, self.read):
            os.close(pipe)
        shutil.rmtree(self.profile, ignore_errors=True)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the browser answers; AssertionError where that is an error."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            self._event(answer)
        assert "error" not in answer, answer["error"]
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            if not select([self.read], [], [], SECONDS)[0]:
                raise TimeoutError("the browser does not answer")
            if not (more := os.read(self.read, 2**20)):
                raise EOFError("the browser has ended")
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _event(self, message: dict[str, Any]) -> None:
        method = message.get("method", "")
        if method in HEARD:
            self.heard.append(json.dumps(message["params"])[:500])
        elif method == "Network.requestWillBeSent":
            self.requested.append(message["params"]["request"]["url"])
        self.loaded = self.loaded or method == "Page.loadEventFired"

    loaded, opened = False, ""

    def open(self, path: Path, after: str = "") -> None:
        """A page from disk, loaded whole; what the one before said and asked for is forgotten."""
        uri = path.absolute().as_uri()
        again = ["about:blank"] * (uri == self.opened)  # else nothing is loaded, where only what is behind # differs
        self.opened = uri
        for url in (*again, uri + after):
            self.heard, self.requested, self.loaded = [], [], False
            self.ask("Page.navigate", url=url)
            while not self.loaded:
                self._event(self._next())

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key)

    def dressed(self, width: int = 1280, dark: bool = False, scripts: bool = True, media: str = "") -> None:
        """As wide as that, in a theme, with scripts or without, on a screen or as printed."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)
        self.ask("Emulation.setScriptExecutionDisabled", value=not scripts)

    def picture(self, path: Path) -> None:
        """The whole page."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser() -> Iterator[Browser]:
    with Browser() as found:
        yield found
