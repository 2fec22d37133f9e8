"""What people and pipelines see: consoles, JSON, findings, tables and bars."""
