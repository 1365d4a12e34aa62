"""Multiple choice: the options of a problem and the option a text names. Knows no verdict."""
