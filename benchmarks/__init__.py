"""Measurements, each against a baseline of the same run. Nothing here is a test: machines are noisy, ratios are not."""
