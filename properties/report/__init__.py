"""What people see of results: tables, sentences, pages; read `verdicts` first.

Nothing is computed while it is printed: results are handed in, where they take their time as iterators.
"""
