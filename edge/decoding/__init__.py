"""What `halong decode` knows, one module for each family of protocols. Pure."""
