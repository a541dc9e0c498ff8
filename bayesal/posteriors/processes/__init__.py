"""What Gaussian processes are made of: kernels, what is known at some points, functions drawn as paths."""
