"""Keys of what is stored: who must be able to use them, where one cannot be used, and what another key would do."""
