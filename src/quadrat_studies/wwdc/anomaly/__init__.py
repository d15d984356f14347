"""Anomalies: detectors with intervals, and active learning against an oracle."""
