"""The operator's command line, and the small client of the API that it shares with the demo and the benchmark."""
