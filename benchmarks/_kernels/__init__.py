"""The jobs of gradients, Fisher information and kernels, one file each."""
