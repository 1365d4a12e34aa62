"""What a folder of somebody else may hold in the place of a file of ours."""
