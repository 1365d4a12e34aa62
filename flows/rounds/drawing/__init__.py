"""Drawing of a round: batches, threads, commits."""
