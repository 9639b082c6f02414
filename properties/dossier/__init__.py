"""All that a report says of one model, found and held as data; read `gather` first.

What is computed for a page is computed here, by the checks and by `properties.robustness`; `properties.report.page` is
handed a Dossier, and prints.
"""
