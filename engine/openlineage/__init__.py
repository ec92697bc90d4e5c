"""Events of OpenLineage about loads, by its own client; its own variables (OPENLINEAGE_*) turn them on."""
