"""What belongs to a visit: its address, the run or version it is about, answers kept, commands that it may run, files."""
