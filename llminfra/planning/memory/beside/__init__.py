"""What is loaded beside the model: places for LoRA adapters, and a draft that guesses tokens."""
