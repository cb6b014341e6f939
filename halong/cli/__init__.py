"""The commands: options and output of each; what they do is in the modules around this package."""
