"""Tests of the Pulumi program, run whole under mocks."""
