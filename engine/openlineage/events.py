"""Events, made of what the ledger and the declarations say, as the types of the official client."""

from __future__ import annotations

import os
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openlineage.client import event_v2 as types
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
)

from dbsvc.engine.columns import Column
from dbsvc.engine.loads.model import Load
from dbsvc.engine.openlineage.telling import FAIL, START, Moment
from dbsvc.engine.origins import Field, Origins, follow
from dbsvc.engine.reports.datasets import reasons_of
from dbsvc.engine.settings import read_secrets, redact
from dbsvc.engine.sources.urls import find_url

PRODUCER = "urn:dbsvc"
#: What run ids are made within: the same load has the same run, whichever instance tells of it.
_RUNS = uuid.uuid5(uuid.NAMESPACE_URL, f"{PRODUCER}/loads")


def make(moment: Moment) -> Any:
    """Return the event of a moment."""
    return types.RunEvent(
        eventType=types.RunState(moment.kind),
        eventTime=moment.at.isoformat().replace("+00:00", "Z"),
        run=types.Run(runId=_run_id(moment), facets=_run_facets(moment)),
        job=_job(moment),
        inputs=[_input(moment), *_besides(moment)],
        outputs=[_output(moment), *(_derived(moment, origins) for origins in moment.derived.values())],
        producer=PRODUCER,
    )


def _run_id(moment: Moment) -> str:
    """Return the id of a load's run, or of a file that came to no load: of that moment alone."""
    load = moment.load
    about = (load.dataset, load.sha256, load.delivery) if load else (moment.dataset.name, moment.source, moment.at.isoformat())
    return str(uuid.uuid5(_RUNS, "\n".join(map(str, (moment.namespace, *moment.within, *about)))))


def _job(moment: Moment) -> Any:
    job_type = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="DBSVC", jobType="LOAD")
    namespace = os.environ.get("OPENLINEAGE_NAMESPACE", "").strip() or "dbsvc"
    return types.Job(namespace, f"ingest.{moment.dataset.name}", {"jobType": job_type})


def _run_facets(moment: Moment) -> dict[str, Any]:
    facets: dict[str, Any] = {
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(version("dbsvc"), name="dbsvc"),
    }
    if moment.error is not None:
        said = redact(" ".join(moment.error.splitlines()), read_secrets())
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(said, "Python")
    if parent := _parent():
        facets["parent"] = parent
    return facets


def _parent() -> Any:
    """Return the run that ours is part of, as its orchestrator names it in OPENLINEAGE_PARENT_ID: namespace/job/run."""
    namespace, _, rest = os.environ.get("OPENLINEAGE_PARENT_ID", "").partition("/")
    name, _, run_id = rest.rpartition("/")
    try:
        uuid.UUID(run_id)
    except ValueError:
        return None
    return parent_run.ParentRunFacet(run=parent_run.Run(run_id), job=parent_run.Job(namespace, name))


def _input(moment: Moment) -> Any:
    """Return the file: its fields, the version that was read, and how good its records are."""
    namespace, name = name_of(moment.source)
    columns = moment.dataset.columns.values()
    facets: dict[str, Any] = {
        "schema": schema_dataset.SchemaDatasetFacet(
            [schema_dataset.SchemaDatasetFacetFields(column.written, column.type.name) for column in columns]
        )
    }
    quality: dict[str, Any] = {}
    if load := moment.load:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(moment.version or load.sha256)
        if moment.kind != START:
            quality["dataQualityMetrics"] = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
                rowCount=load.read, bytes=load.bytes, columnMetrics={}
            )
    if moment.broken is not None:
        quality["dataQualityAssertions"] = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
            _assertions(moment)
        )
    return types.InputDataset(namespace, name, facets=facets, inputFacets=quality)


def _assertions(moment: Moment) -> list[Any]:
    """Return which rules the records of a load keep: those of each column's type, of the dataset, and the audits."""
    broken = dict(moment.broken or {})
    rules: list[tuple[str, str | None]] = [
        (reason, column.written) for column in moment.dataset.columns.values() for reason in reasons_of(column)
    ]
    known = {reason for reason, _ in rules}
    rules += [(reason, None) for reason in broken if reason not in known]
    found = [data_quality_assertions_dataset.Assertion(reason, not broken.get(reason), column) for reason, column in rules]
    return [*found, data_quality_assertions_dataset.Assertion("audits", moment.kind != FAIL)]


def _output(moment: Moment) -> Any:
    """Return the table: its columns, which field each comes from, the load as its version, and how many rows it took."""
    dataset, load = moment.dataset, moment.load
    columns = dataset.columns.values()
    facets: dict[str, Any] = {
        "schema": schema_dataset.SchemaDatasetFacet(
            [schema_dataset.SchemaDatasetFacetFields(column.name, column.storage()) for column in columns]
        ),
        "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(
            {column.name: _comes_from(column, moment.source) for column in columns}
        ),
    }
    statistics: dict[str, Any] = {}
    if load and load.published_at:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(str(load.load_id))
        statistics["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=_written(load)
        )
    return types.OutputDataset(moment.namespace, _name_in(moment, dataset.table), facets=facets, outputFacets=statistics)


def _name_in(moment: Moment, table: str) -> str:
    return ".".join((*moment.within, table))


def _derived(moment: Moment, origins: Origins) -> Any:
    """Return a table or view that is derived: its columns, and which fields of the inputs each is made of in the end."""
    made = {column: _made_of(moment, Field(origins.table, column)) for column in origins.columns}
    grouped = {field: None for column in origins.grouped_by for field, _ in made[column]}
    facets: dict[str, Any] = {
        "schema": schema_dataset.SchemaDatasetFacet([schema_dataset.SchemaDatasetFacetFields(name) for name in made]),
        "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(
            {
                column: column_lineage_dataset.Fields(
                    [
                        _input_field(moment, field, "DIRECT", "AGGREGATION" if added_up else "TRANSFORMATION")
                        for field, added_up in fields
                    ]
                )
                for column, fields in made.items()
            },
            [_input_field(moment, field, "INDIRECT", "GROUP_BY") for field in grouped],
        ),
    }
    if moment.load and moment.load.published_at:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(str(moment.load.load_id))
    return types.OutputDataset(moment.namespace, _name_in(moment, origins.table), facets=facets)


def _made_of(moment: Moment, field: Field) -> list[tuple[Field, bool]]:
    """Return the columns of inputs that one is made of, and whether their values are added up. Our own come from no input."""
    table, columns = moment.dataset.table, moment.dataset.columns
    found: dict[Field, bool] = {}
    for origin, added_up in follow(field, moment.derived):
        if origin.table != table or origin.column in columns:
            found[origin] = found.get(origin, False) or added_up
    return [*found.items()]


def _input_field(moment: Moment, field: Field, kind: str, subtype: str) -> Any:
    """Return a column of an input: what is of the dataset's own table is of the file that this run reads."""
    if field.table == moment.dataset.table:
        place, name = (*name_of(moment.source),), moment.dataset.columns[field.column].written
    else:
        place, name = (moment.namespace, _name_in(moment, field.table)), field.column
    how = column_lineage_dataset.Transformation(kind, subtype, masking=False)
    return column_lineage_dataset.InputField(*place, name, transformations=[how])


def _besides(moment: Moment) -> list[Any]:
    """Return the other tables that what is derived is made of."""
    tables: dict[str, dict[str, None]] = {}
    for origins in moment.derived.values():
        for column in origins.columns:
            for field, _ in _made_of(moment, Field(origins.table, column)):
                tables.setdefault(field.table, {})[field.column] = None
    tables.pop(moment.dataset.table, None)
    return [
        types.InputDataset(
            moment.namespace,
            _name_in(moment, table),
            facets={"schema": schema_dataset.SchemaDatasetFacet([*map(schema_dataset.SchemaDatasetFacetFields, columns)])},
        )
        for table, columns in tables.items()
    ]


def _written(load: Load) -> int:
    return load.inserted + load.updated


def _comes_from(column: Column, source: str) -> Any:
    namespace, name = name_of(source)
    direct = column_lineage_dataset.Transformation("DIRECT", "TRANSFORMATION", f"read as {column.type.name}", masking=False)
    return column_lineage_dataset.Fields(
        [column_lineage_dataset.InputField(namespace, name, column.written, transformations=[direct])]
    )


def name_of(source: str) -> tuple[str, str]:
    """Return what catalogs of data call a source: a namespace, and a name in it."""
    url = find_url(source)
    if url is None:
        return "file", str(Path(source).absolute())
    parts = urlsplit(url.shown)
    return f"{parts.scheme}://{url.bucket}", url.key
