"""Verifiers as rewards of a training: the object `rollmill.reward`, its shapes for trainers, the server and its log."""
