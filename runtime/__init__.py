"""I/O shells that every process shares: the MQTT link, configuration, logging, the live feed, signals."""
