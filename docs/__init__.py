"""The pages, and what makes and runs them; not part of the installed package."""
