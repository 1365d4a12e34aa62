"""Child processes: how we start them, talk to them, limit them, see how they end, and leave none behind.

`spawn` starts every child of ours; `messages` talks to one over its pipes, `guarded` ends one with all that it started.
`child` is the child's own side, `frames` what both sides speak. `proc` reads /proc; `ending` describes the end of a child
and its last log lines.
"""
