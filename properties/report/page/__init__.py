"""`zoo report`: an index, and of each model a page that stands alone; read `model` first.

Text of what is found only: nothing is computed here. `document` is the frame, the other modules a section each. The
style sheet and the script are files of their own; every page holds them whole.
"""
