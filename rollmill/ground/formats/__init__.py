"""Forms of what is shown and read: rates as texts, pages of Parquet files."""
