"""Steps: named ways of asking, and what follows what. Pure functions over texts, outcomes and ids; no engine, no workspace.

A step whose template names no other step is a root: it asks about the problem, and a budget decides how often. One that
names earlier steps is a follow-up: its prompt contains their completions. The places of the templates are the graph.

- templates.py: the template of a step, its places and how they are filled.
- reading.py: fields that are read out of a completion's text.
- graph.py: the steps of a recipe, checked, and who follows whom.
- follow.py: which completions are followed next.
"""
