"""Offline preparation of data sets, one tool a file: `python -m data_tools <tool>`."""
