"""CDKTF building blocks, one AWS or Helm concept per file. The compiler is their only caller."""
