"""Trainings of models, and the trials and loops that train several: how far each is, how it ended."""

from rollmill.storage.trainings.training_records import (
    STATUSES,
    STEPS,
    StoredTraining,
    Trainings,
    read_steps,
    training_folder,
)

__all__ = ["STATUSES", "STEPS", "StoredTraining", "Trainings", "read_steps", "training_folder"]
