"""Program that the learner `trl` runs under the interpreter which has TRL: nothing here is imported by the product's own."""
