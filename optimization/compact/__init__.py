"""The work behind `optimization/memory.py`: a CSV file or a DataFrame in the least memory that loses nothing."""
