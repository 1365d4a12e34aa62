"""What a judging model is asked, how its votes are read, and how well judges agree. Knows no engine."""
