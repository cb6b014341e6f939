"""The front door: the command line, `halong up`, and the account of a run."""
