"""What may be declared, as pages: every type with its fields, read from the declared types themselves."""
