"""Jobs of densities and of batches by density."""
