"""What is inside a model, for people who look; read `parts` first.

`sentences` reads weights aloud, `reading` follows one context, `attribution` says what adds what to the logits.
"""
