"""The work behind `optimization/speed.py`: the formula, its kernels, and files with one more column."""
