"""Problems that a model writes."""
