"""One execution and one encoding for all who ask the same."""
