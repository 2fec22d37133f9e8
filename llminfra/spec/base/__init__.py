"""What every declared object is made of: the frozen base class, names with rules, credentials by reference."""
