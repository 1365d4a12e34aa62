"""State of a visit: its address, its run or version, cached answers, its commands, files."""
