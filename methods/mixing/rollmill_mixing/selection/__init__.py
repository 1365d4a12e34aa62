"""Set methods: they choose the rows of a mixture as a whole."""
