"""How good it is: translations scored against truth and baselines."""
