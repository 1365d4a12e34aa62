"""Methods that choose rows for a target task, by influence on it or by activations like its own."""
