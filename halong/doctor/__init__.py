"""`halong doctor`: a whole installation looked at, each finding with its cure.

`finding` says what a finding is, `judge` decides (pure), `look` reads files, sockets and servers, `examine` goes through a
configuration.
"""
