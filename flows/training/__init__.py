"""Training of models on dataset versions: recipes of trainings, their data, the job `train`, and the models' lineage."""
