"""What a model does, as the smallest decision program; `diagram` finds it, `checked_program` writes what was run."""

from zoo.distill.diagram import Branch, Node, Program, Test, distill, evaluate, forward_answers

__all__ = ["Branch", "Node", "Program", "Test", "distill", "evaluate", "forward_answers"]
