"""What makes problems of problems, and what every made problem says of itself."""
