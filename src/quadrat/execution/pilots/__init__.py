"""Pilots: workers inside jobs that Parsl asks a batch system for, and keeps busy while they last."""
