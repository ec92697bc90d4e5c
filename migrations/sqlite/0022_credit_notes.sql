-- depends: 0021_profiles

-- Bills may be negative where a profile says so: credit notes. The contract rejects those of all other files, as before.
-- SQLite cannot change a constraint, and writing the table once more takes minutes for millions of bills. What is stored does
-- not change, so the text of the constraint is changed where the schema is kept, as its manual says.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema
SET
    sql = replace(
        replace(
            replace(
                replace(
                    sql,
                    'product1_revenue >= ''0'' AND',
                    '(product1_revenue >= ''0'' OR product1_revenue GLOB ''-[0-9]*'') AND'
                ),
                'AND product1_revenue NOT GLOB ''*[^0-9.]*''',
                'AND substr(product1_revenue, 1 + (product1_revenue GLOB ''-*'')) NOT GLOB ''*[^0-9.]*'''
            ),
            'product2_revenue >= ''0'' AND',
            '(product2_revenue >= ''0'' OR product2_revenue GLOB ''-[0-9]*'') AND'
        ),
        'AND product2_revenue NOT GLOB ''*[^0-9.]*''',
        'AND substr(product2_revenue, 1 + (product2_revenue GLOB ''-*'')) NOT GLOB ''*[^0-9.]*'''
    )
WHERE type = 'table' AND name IN ('bills_stored', 'bills_history');

PRAGMA writable_schema = RESET;

-- Other connections read the schema again when something of it came or went.
CREATE TABLE schema_changed (changed integer);
DROP TABLE schema_changed;
