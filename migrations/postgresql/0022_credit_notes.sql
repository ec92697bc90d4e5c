-- depends: 0021_profiles

-- Bills may be negative where a profile says so: credit notes. The contract rejects those of all other files, as before. The
-- constraints go, of the tables, of their months, and of what is staged: that changes the catalog alone.
DO $$
DECLARE
    unneeded record;
BEGIN
    FOR unneeded IN
        SELECT
            conrelid::regclass AS owner,
            conname
        FROM pg_constraint
        WHERE
            contype = 'c'
            AND connamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'bills_stored'::regclass)
            AND pg_get_constraintdef(oid) ~ '^CHECK ..product[12]_revenue >= .0.::numeric..'
        -- what is inherited goes with its origin, or becomes a constraint of its own
        ORDER BY coninhcount
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', unneeded.owner, unneeded.conname);
    END LOOP;
END
$$;
