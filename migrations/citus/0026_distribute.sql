-- depends: 0025_versions

-- How the tables are spread over the nodes of a Citus cluster. Facts lie by the id that every key of theirs has, with what they
-- are compared with on the same node; what they are joined with lies on every node; the ledger and the quarantine lie on the
-- coordinator, where every node can reach them. Moves what is there: that takes about as long as loading it did.


-- Every key of theirs is looked up when it is loaded, and registries never lose a row; Citus lets no load write to a table and to
-- what it refers to at once.
ALTER TABLE inverter_daily_summary DROP CONSTRAINT IF EXISTS inverter_daily_summary_plant_id_fkey;
ALTER TABLE inverter_daily_summary DROP CONSTRAINT IF EXISTS inverter_daily_summary_inverter_id_fkey;
ALTER TABLE inverters DROP CONSTRAINT IF EXISTS inverters_plant_id_fkey;
ALTER TABLE fx_rates DROP CONSTRAINT IF EXISTS fx_rates_currency_fkey;

DO $$
DECLARE
    named text;
BEGIN
    -- tables that refer to one another are spread one after the other
    PERFORM set_config('citus.multi_shard_modify_mode', 'sequential', TRUE);
    FOREACH named IN ARRAY ARRAY['currencies', 'power_units', 'plants', 'inverters'] LOOP
        PERFORM create_reference_table(named);
    END LOOP;
    PERFORM create_distributed_table('bills_stored', 'bill_id', colocate_with => 'none');
    PERFORM create_distributed_table('bills_history', 'bill_id', colocate_with => 'bills_stored');
    PERFORM create_distributed_table('inverter_telemetry_raw', 'event_id', colocate_with => 'none');
    PERFORM create_distributed_table('inverter_telemetry_raw_history', 'event_id', colocate_with => 'inverter_telemetry_raw');
    PERFORM create_distributed_table('inverter_telemetry_clean', 'inverter_id', colocate_with => 'none');
    PERFORM create_distributed_table('inverter_daily_summary', 'inverter_id', colocate_with => 'inverter_telemetry_clean');
    PERFORM citus_add_local_table_to_metadata('datasets', cascade_via_foreign_keys => TRUE);
    PERFORM citus_add_local_table_to_metadata('fx_rates', cascade_via_foreign_keys => TRUE);
    -- not those that come with an extension
    FOR named IN
        SELECT oid::regprocedure
        FROM pg_proc
        WHERE
            pronamespace = current_schema()::regnamespace
            AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
    LOOP
        PERFORM create_distributed_function(named::regprocedure);
    END LOOP;
END
$$;

-- The last number of a load is asked by every reader of bills.
DO $$
BEGIN
    PERFORM citus_add_local_table_to_metadata('load_sequence');
END
$$;

-- One row a published bill. The ledger is read before the bills are, on the other nodes: rows of loads that came in between are
-- left out. Shards plan each query anew, with all months that are attached by then, so no plan is too old.
CREATE OR REPLACE VIEW bills AS
SELECT
    bill_date,
    bill_id,
    customer_name,
    currency,
    product1_revenue,
    product2_revenue,
    load_id,
    line_no
FROM bills_stored
WHERE
    load_id <= (SELECT load_sequence.last_load_id FROM load_sequence)
    AND coalesce(
        load_id <> ALL (ARRAY( -- noqa: CP03, LT01, LT06
            SELECT loads.load_id
            FROM loads
            WHERE loads.dataset = 'usage' AND loads.status NOT IN ('published', 'reverted')
        )),
        TRUE
    );

-- Each inverter's latest reading: DISTINCT ON, because no reading can be asked for a later one on its node.
CREATE OR REPLACE VIEW inverter_latest_state AS
SELECT DISTINCT ON (readings.inverter_id)
    readings.plant_id,
    readings.inverter_id,
    readings.event_time,
    readings.status,
    readings.ac_power_w,
    readings.dc_power_w,
    readings.energy_wh_total,
    readings.temperature_c,
    readings.event_id
FROM inverter_telemetry_clean AS readings
ORDER BY readings.inverter_id ASC, readings.event_time DESC;

-- Views that were made before their tables were spread are made again, to be on every node.
DO $$
DECLARE
    named regclass;
    options text;
BEGIN
    FOR named, options IN
        SELECT
            oid,
            'WITH (' || array_to_string(reloptions, ', ') || ')'
        FROM pg_class
        WHERE
            relnamespace = current_schema()::regnamespace AND relkind = 'v'
            AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
        ORDER BY oid
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW %s %s AS %s', named, options, pg_get_viewdef(named));
    END LOOP;
END
$$;
