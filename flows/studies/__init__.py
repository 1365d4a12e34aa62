"""Studies: what a paper claims about models, measured on ours, with a verdict."""
