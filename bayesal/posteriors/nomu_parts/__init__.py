"""What NOMU is made of: its training, its calibration, and what is assumed of the dependence of points."""
