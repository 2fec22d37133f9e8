"""``llminfra fit``: from options to a case, and what is printed about one configuration or every instance type."""
