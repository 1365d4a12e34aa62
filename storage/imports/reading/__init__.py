"""Reading of foreign files: formats, layouts, columns, cells."""
