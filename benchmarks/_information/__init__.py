"""The information family's jobs, one file each, and how they are compared."""
