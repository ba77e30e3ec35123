"""Who is here, across processes."""
