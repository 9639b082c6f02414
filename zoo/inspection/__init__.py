"""What is inside a model, for people who look: `parts` computes it, `attribution` says what adds what to the logits."""
