"""Two standalone optimizations, running time and memory, that share nothing with the ELT."""
