"""Answers as values: reading what was written (`reading`) and telling when two are the same (`same`).

text -> `notation` tokens -> `grammar` tree -> `meaning` value, whose scalars are exact `algebra`; plain numbers go the
short way through `quantity`. `equality` says what counts as equal where notation alone cannot tell; `numeric` decides by
digits.
"""
