"""Everything that the lineage page shows is described, tables by their grain first."""

from __future__ import annotations

from dbt.contracts.graph.manifest import Manifest

from tests.warehouses.landed import Warehouse, body, entry, hours


def test_every_model_source_and_exposure_says_its_grain_first(manifest: Manifest) -> None:
    models = [node for node in manifest.nodes.values() if node.resource_type == "model"]
    described = [*models, *manifest.sources.values(), *manifest.exposures.values()]
    assert len(described) >= 14
    for node in described:
        assert node.description.startswith("One row is "), node.unique_id


def test_every_macro_and_analysis_is_described_with_its_arguments(manifest: Manifest) -> None:
    macros = [macro for macro in manifest.macros.values() if macro.package_name == "esios_elt"]
    analyses = [node for node in manifest.nodes.values() if node.resource_type == "analysis"]
    assert len(macros) > 80
    # An engine's body of a macro is described where the macro is, or dbt's own by one of ours: once, for all engines.
    described = {name for macro in macros if macro.description for name in (macro.name, macro.name.partition("__")[2])}
    for macro in macros:
        assert macro.description or macro.name.partition("__")[2] in described, macro.unique_id
    for analysis in analyses:
        assert analysis.description, analysis.unique_id
    for macro in macros:
        assert all(argument.description for argument in macro.arguments), macro.unique_id


def test_every_column_that_exists_is_described_and_every_described_one_exists(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(hour, 1.0) for hour in hours("2018-01-31 23:00", 2)]))
    warehouse.run()
    for node in [*warehouse.manifest.nodes.values(), *warehouse.manifest.sources.values()]:
        if node.resource_type not in ("model", "source") or node.config.get("materialized") == "ephemeral":
            continue
        found = warehouse.rows(
            "select column_name from information_schema.columns where table_schema = ? and table_name = ?",
            node.schema,
            node.name,
        )
        assert sorted(row[0] for row in found) == sorted(node.columns), node.unique_id
        assert all(column.description for column in node.columns.values()), node.unique_id


def test_unit_tests_of_the_project_pass(warehouse: Warehouse) -> None:
    warehouse.run()
    statuses = warehouse.dbt("test", "--select", "test_type:unit")
    assert len(statuses) >= 10
    assert set(statuses.values()) == {"pass"}
