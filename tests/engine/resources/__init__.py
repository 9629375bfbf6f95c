"""Each provisioner, tried on a real emulator: what was asked for is what is there."""
