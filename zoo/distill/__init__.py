"""What a model does, as the smallest decision program; `diagram` finds it, `checked_program` writes what was run."""

from zoo.distill.answers import forward_answers
from zoo.distill.diagram import Branch, Node, Program, Test, distill, evaluate

__all__ = ["Branch", "Node", "Program", "Test", "distill", "evaluate", "forward_answers"]
