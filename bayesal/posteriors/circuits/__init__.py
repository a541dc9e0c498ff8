"""What sum-product networks say of features."""
