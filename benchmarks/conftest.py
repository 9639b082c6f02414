"""After the table, what each benchmark counted or compared: ratios, memory, exponents."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)  # as pytest-benchmark's own reports find it
    benchmarks = [] if session is None else session.benchmarks
    if told := [one for one in benchmarks if one.extra_info]:
        terminalreporter.section("what was counted and compared")
        for one in told:
            figures = ", ".join(f"{name} {value}" for name, value in one.extra_info.items())
            terminalreporter.write_line(f"{one.group or '-'} | {one.name} | {figures}")
