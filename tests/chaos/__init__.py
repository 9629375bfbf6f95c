"""Nothing accepted is lost, whatever dies or fails: the real functions on a real emulator, call by call."""
