"""Accuracy of the memory planner."""
