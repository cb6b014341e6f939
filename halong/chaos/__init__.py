"""`halong chaos`: a seeded run that hurts every process and every connection of a city, and must lose nothing."""
