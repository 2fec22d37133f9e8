"""The commands of the program, one file each: options and arguments, and a call."""
