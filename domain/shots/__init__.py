"""Film shots: batches of them, how their pictures are made, and what their files are called."""
