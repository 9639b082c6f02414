"""Models as files, no code among them; read `directories` first, which writes and reads whole ones."""

from zoo.files.directories import read, rule_name, write_gpt2, write_zoo

__all__ = ["read", "rule_name", "write_gpt2", "write_zoo"]
