"""OGC SensorThings API 1.1 (18-088), the part for reading, over the same inventory and store as /v1."""
