"""The adapters of handlers against the providers of the sandbox: each must understand what the other says."""
