"""Looking after a workspace: what is looked over and tidied."""
