"""A rule is read by running it on contexts of unknown tokens: `decision_tree` first, then `run` and `lazy`."""
