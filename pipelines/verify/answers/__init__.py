"""Answers as values: reading a text (`reading`) and deciding whether two are the same (`same`).

text -> `notation` tokens -> `grammar` tree -> `meaning` value, whose scalars are exact `algebra`; plain numbers go the
short way through `quantity`. `equality` defines equality if notation is ambiguous; `numeric` decides by
digits.
"""
