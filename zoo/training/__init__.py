"""Gradients written by hand, training, and the byte-pair tokenizer; read `backward` first."""
