"""The information family's jobs, one file each."""
