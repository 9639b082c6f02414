"""The zoo: each file defines MODEL, named like the file, and `build(n_ctx=...)` where the model is a family."""
