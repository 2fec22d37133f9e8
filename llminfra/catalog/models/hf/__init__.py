"""From a Hugging Face ``config.json`` to facts: which parts it declares, what it leaves open, how it is quantized."""
