"""The embedded engine, tried on small programs and a real emulator."""
