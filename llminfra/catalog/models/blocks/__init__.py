"""What layers of any family are read with: attention, feed-forward blocks, and the blocks of towers."""
