"""The pages of the menu, each with its sections and charts. No page imports another: their common code is in parts."""
