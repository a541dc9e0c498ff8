"""What beliefs in Pyro's models are made of."""
