"""The vocabulary every part of Hạ Long telemetry shares. Pure: values and codecs, no I/O, no clock."""
