"""Code that runs inside the box: it imports the standard library only, and nothing else of Rollmill."""
