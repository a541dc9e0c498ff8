"""Jobs at some sizes, and how they are compared with peers and with the machine."""
