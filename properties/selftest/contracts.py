"""A contract of import-linter: what a package may import, rather than what it may not, so that nothing new slips in."""

from typing import Any

from importlinter import Contract, ContractCheck, fields, output


class AllowedContract(Contract):  # type: ignore[misc, unused-ignore]
    """Modules of `source` import nothing of the project but each other and what is `allowed`, by the exact name."""

    source: Any = fields.StringField()
    allowed: Any = fields.SetField(subfield=fields.StringField())

    def check(self, graph: Any, verbose: bool) -> ContractCheck:
        own = {self.source} | graph.find_descendants(self.source)
        imported = {(one, other) for one in own for other in graph.find_modules_directly_imported_by(one)}
        wrong = sorted((one, other) for one, other in imported if other not in own and other not in self.allowed)
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for one, other in check.metadata["wrong"]:
            output.print_error(f"{one} imports {other}, which is not allowed")
