"""The embedded engine: runs the Pulumi program unmodified and creates its resources on the emulator."""
