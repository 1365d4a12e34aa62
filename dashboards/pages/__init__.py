"""The pages of the menu, each with its sections and charts. No page imports another: what two show lies in parts."""
