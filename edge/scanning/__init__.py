"""Finding out what hangs on a serial port: by listening, then by questions that change nothing on any device."""
