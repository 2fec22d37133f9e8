"""YAML as declared objects: the text, its tree with lines, the types of its keys, and what is wrong with each."""
