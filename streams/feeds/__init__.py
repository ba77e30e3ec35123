"""What happens, in order, from wherever somebody stands."""
