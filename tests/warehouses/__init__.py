"""How the tests make a warehouse.

- `templates.py`: what a run of the tests makes once, for all of its workers.
- `project.py`: the dbt project, parsed once a run, and dbt on it in this process.
- `landed.py`: an empty warehouse with responses made by hand, and dbt on it.
- `judged.py`: years of values with the faults of the field, built once a run and copied for each test.
- `made.py`: tables filled by hand, no dbt.
"""
