"""JSON Schema in a worker process. Knows no completion."""
