"""What the question says about the form of its answer: order, names, letters, expressions that are to be evaluated."""
