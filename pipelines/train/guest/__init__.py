"""Program of the learner `trl`, for an interpreter with TRL: nothing of it is imported by Rollmill's own."""
