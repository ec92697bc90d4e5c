PRAGMA writable_schema = ON;

UPDATE sqlite_schema
SET
    sql = replace(
        replace(
            replace(
                replace(
                    sql,
                    '(product1_revenue >= ''0'' OR product1_revenue GLOB ''-[0-9]*'') AND',
                    'product1_revenue >= ''0'' AND'
                ),
                'AND substr(product1_revenue, 1 + (product1_revenue GLOB ''-*'')) NOT GLOB ''*[^0-9.]*''',
                'AND product1_revenue NOT GLOB ''*[^0-9.]*'''
            ),
            '(product2_revenue >= ''0'' OR product2_revenue GLOB ''-[0-9]*'') AND',
            'product2_revenue >= ''0'' AND'
        ),
        'AND substr(product2_revenue, 1 + (product2_revenue GLOB ''-*'')) NOT GLOB ''*[^0-9.]*''',
        'AND product2_revenue NOT GLOB ''*[^0-9.]*'''
    )
WHERE type = 'table' AND name IN ('bills_stored', 'bills_history');

PRAGMA writable_schema = RESET;

-- Other connections read the schema again when something of it came or went.
CREATE TABLE schema_changed (changed integer);
DROP TABLE schema_changed;
