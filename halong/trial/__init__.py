"""The trial: a simulated month of the city with recorded faults, through the code that flags, in virtual time."""
