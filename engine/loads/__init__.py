"""A load's life, one module a step."""
