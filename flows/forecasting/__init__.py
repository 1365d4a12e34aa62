"""What a run will take and keep, before it is drawn: pilots, evidence of past runs, and how right forecasts were."""
