-- depends: 0009_bills_by_month

-- Telemetry: what is in doubt. Readings without power; timestamps in all unambiguous spellings; the energy of counters that dip,
-- jump or restart; event ids in the order in which people count. Days are summed up anew, and the readings of moments with
-- several events chosen anew: that takes about as long as reading all readings.

ALTER TABLE inverter_telemetry_raw ALTER COLUMN ac_power DROP NOT NULL, ALTER COLUMN ac_power_unit DROP NOT NULL;
ALTER TABLE inverter_telemetry_raw_history ALTER COLUMN ac_power DROP NOT NULL, ALTER COLUMN ac_power_unit DROP NOT NULL;
ALTER TABLE inverter_telemetry_clean ALTER COLUMN ac_power_w DROP NOT NULL;
ALTER TABLE inverter_daily_summary
ALTER COLUMN avg_ac_power_w DROP NOT NULL,
ALTER COLUMN max_ac_power_w DROP NOT NULL,
-- of the points; average and greatest power are theirs, and null if there are none
ADD COLUMN IF NOT EXISTS points_with_power bigint NOT NULL DEFAULT 0,
-- what the counter says beyond what the inverter could make
ADD COLUMN IF NOT EXISTS energy_wh_uncounted double precision NOT NULL DEFAULT 0 CHECK (energy_wh_uncounted >= 0),
-- how many values of the counter could not be followed
ADD COLUMN IF NOT EXISTS counter_faults bigint NOT NULL DEFAULT 0;

-- A text that sorts, byte by byte, as the name does when its digits are read as numbers. Names that differ in leading zeros alone
-- have the same key: compare the names themselves then. Costly: ask only where names compete.
CREATE OR REPLACE FUNCTION natural_key(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
DECLARE
    part text [];
    number text;
    key text := '';
BEGIN
    FOR part IN SELECT regexp_matches(name, '([^0-9]*)([0-9]*)', 'g') LOOP
        key := key || part[1];
        IF part[2] <> '' THEN
            number := coalesce(nullif(ltrim(part[2], '0'), ''), '0');
            key := key || lpad(length(number)::text, 3, '0') || number;
        END IF;
    END LOOP;
    RETURN key;
END
$$;

-- What a counter says was produced: what was counted and what was not, in milliwatt-hours, and how many of its values could not
-- be followed. Times are microseconds, counters milliwatt-hours, both in the order of time.
-- A step counts if the inverter could make it since the reading before: capacity × 1.2 × time, and one kilowatt-hour, for
-- counters that tick in whole ones. After a step that it could not make there is a doubt: when a later reading follows the one
-- before the doubt, and what lies between rose no more, that was a glitch, and is counted over. Else the counter goes on from
-- there; a lower value was a restart, and counts from zero if that is possible. A zero is only a value if the next one could
-- follow it. A fall by up to 0.1 kWh and a hundredth was rounded. The sum is never more than the inverter could make in all that
-- time.
CREATE OR REPLACE FUNCTION counted_energy(
    times bigint[], counters bigint[], capacity_kw double precision,
    OUT counted bigint, OUT uncounted bigint, OUT faults bigint
) LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    per_microsecond double precision := capacity_kw * 1000000 * 1.2;
    slack CONSTANT bigint := 1000000;
    here_time bigint;
    here bigint;
    zeros bigint := 0;          -- since the last other value
    last_time bigint;           -- the newest value that is believed ...
    last bigint;
    stretch bigint := 0;        -- ... and what was counted since the last doubt was settled
    in_doubt boolean := FALSE;
    first_time bigint;          -- the first and the newest value of a doubt ...
    first bigint;
    head_time bigint;
    head bigint;
    size bigint;                -- ... how many there are, how much they rose, and the zeros before them
    rise bigint;
    zeros_before bigint;
    step bigint;
    follows boolean;
    goes_on boolean;
    settles boolean;
    most bigint;
BEGIN
    counted := 0;
    uncounted := 0;
    faults := 0;
    -- one turn more than there are readings, to settle what is in doubt at the end
    FOR i IN 1 .. coalesce(cardinality(counters), 0) + 1 LOOP
        here_time := times[i];
        here := counters[i];
        settles := here IS NULL AND in_doubt;
        IF here = 0 THEN
            zeros := zeros + 1;
            IF last IS NULL OR last = 0 THEN
                last_time := here_time;
                last := 0;
            END IF;
            CONTINUE;
        ELSIF last IS NULL THEN
            last_time := here_time;
            last := here;
            CONTINUE;
        ELSIF here IS NOT NULL THEN
            step := here - last;
            IF step >= 0 THEN
                follows := step <= per_microsecond * (here_time - last_time) / 3600000000 + slack;
            ELSE
                follows := -step <= 100000 AND -step * 100 <= last;
            END IF;
            IF last = 0 AND NOT follows THEN
                faults := faults + zeros;
                zeros := 0;
                last_time := here_time;
                last := here;
                CONTINUE;
            ELSIF follows AND NOT in_doubt THEN
                IF last > 0 THEN
                    faults := faults + zeros;
                END IF;
                zeros := 0;
                IF step >= 0 THEN
                    counted := counted + step;
                    stretch := stretch + step;
                    last_time := here_time;
                    last := here;
                END IF;
                CONTINUE;
            ELSIF in_doubt THEN
                IF here >= head THEN
                    goes_on := here - head <= per_microsecond * (here_time - head_time) / 3600000000 + slack;
                ELSE
                    goes_on := head - here <= 100000 AND (head - here) * 100 <= head;
                END IF;
                IF follows AND greatest(step, 0) + (CASE WHEN goes_on THEN 0 ELSE stretch END) >= rise THEN
                    faults := faults + size + zeros_before + zeros;
                    zeros := 0;
                    in_doubt := FALSE;
                    IF step >= 0 THEN
                        counted := counted + step;
                        stretch := stretch + step;
                        last_time := here_time;
                        last := here;
                    END IF;
                    CONTINUE;
                ELSIF goes_on THEN
                    faults := faults + zeros;
                    zeros := 0;
                    size := size + 1;
                    IF here >= head THEN
                        rise := rise + here - head;
                        head_time := here_time;
                        head := here;
                    END IF;
                    CONTINUE;
                ELSIF rise > 0 THEN
                    settles := TRUE;
                ELSE
                    faults := faults + size + zeros_before;
                END IF;
            END IF;
        END IF;
        IF settles THEN
            IF first < last AND first <= per_microsecond * (first_time - last_time) / 3600000000 THEN
                counted := counted + first;
            ELSE
                uncounted := uncounted + CASE WHEN first > last THEN first - last ELSE first END;
                faults := faults + 1 + zeros_before;
            END IF;
            counted := counted + rise;
            stretch := rise;
            last_time := head_time;
            last := head;
        END IF;
        -- the value follows nothing: a doubt begins
        in_doubt := TRUE;
        first_time := here_time;
        first := here;
        head_time := here_time;
        head := here;
        size := 1;
        rise := 0;
        zeros_before := zeros;
        zeros := CASE WHEN here IS NULL THEN zeros ELSE 0 END;
    END LOOP;
    IF last > 0 THEN -- zeros alone are what a new counter says
        faults := faults + zeros;
    END IF;
    most := floor(per_microsecond * (times[cardinality(times)] - times[1]) / 3600000000)::bigint + slack;
    IF counted > most THEN
        uncounted := uncounted + counted - most;
        counted := most;
        faults := faults + 1;
    END IF;
END
$$;

-- A timestamp with a zone in any unambiguous spelling, or null if the text is none: what utc_time does not know by heart.
-- ISO 8601: dates by month, week or day of the year, with hyphens or without; times with colons or without, without seconds,
-- with decimals of the last part after a point or a comma; 24:00; Z, UTC, GMT or an offset of hours or hours and minutes, after
-- a blank or not; a zone's name in brackets after it. And dates as in mails, with the month's name.
CREATE OR REPLACE FUNCTION utc_time_otherwise(written text) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    mail text [] := regexp_match(written, '^(?:([A-Z][a-z]{2}), )?([0-9]{1,2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9].*)$');
    part text [];
    month integer;
    year integer;
    first date;
    day date;
    hour integer;
    minute integer;
    second integer;
    microseconds bigint := 0;
    utc timestamp;
BEGIN
    IF mail IS NOT NULL THEN
        month := position(mail[3] IN 'JanFebMarAprMayJunJulAugSepOctNovDec');
        IF month = 0 THEN
            RETURN NULL;
        END IF;
        written := concat(mail[4], '-', lpad(((month + 2) / 3)::text, 2, '0'), '-', lpad(mail[2], 2, '0'), 'T', mail[5]);
    END IF;
    part := regexp_match(
        written,
        '^([0-9]{4})(-?)(?:([0-9]{2})\2([0-9]{2})|W([0-9]{2})\2([1-7])|([0-9]{3}))[Tt ]'
        '([0-9]{2})(:?)([0-9]{2})(?:\9([0-9]{2}))?(?:[.,]([0-9]*))?'
        ' ?(?:[Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt]|([-+−])(0[0-9]|1[0-4])(?::?([0-5][0-9]))?)(?:\[[A-Za-z][A-Za-z0-9_+/-]*\])?$'
    );
    year := part[1]::integer;
    IF part IS NULL OR year = 0 THEN
        RETURN NULL;
    END IF;
    IF part[3] IS NOT NULL THEN
        month := part[3]::integer;
        IF month NOT BETWEEN 1 AND 12 THEN
            RETURN NULL;
        END IF;
        day := make_date(year, month, 1) + part[4]::integer - 1;
        IF extract(MONTH FROM day) <> month THEN
            RETURN NULL;
        END IF;
    ELSIF part[5] IS NOT NULL THEN
        first := make_date(year, 1, 4);
        day := first - extract(ISODOW FROM first)::integer + 7 * (part[5]::integer - 1) + part[6]::integer;
        IF extract(ISOYEAR FROM day) <> year THEN
            RETURN NULL;
        END IF;
    ELSE
        day := make_date(year, 1, 1) + part[7]::integer - 1;
        IF extract(YEAR FROM day) <> year THEN
            RETURN NULL;
        END IF;
    END IF;
    IF day NOT BETWEEN '0001-01-02' AND '9999-12-30' OR to_char(day, 'Dy') <> mail[1] THEN
        RETURN NULL;
    END IF;
    hour := part[8]::integer;
    minute := part[10]::integer;
    second := coalesce(part[11]::integer, 0);
    IF part[12] <> '' THEN
        microseconds := trunc(
            ('0.' || left(part[12], 20))::numeric * CASE WHEN part[11] IS NULL THEN 60000000 ELSE 1000000 END
        );
    END IF;
    IF hour = 24 THEN
        IF minute > 0 OR second > 0 OR microseconds > 0 THEN
            RETURN NULL;
        END IF;
    ELSIF hour > 24 OR minute > 59 OR second > 60 THEN
        RETURN NULL;
    END IF;
    utc := day::timestamp + make_interval(hours => hour, mins => minute, secs => second);
    IF part[13] IS NOT NULL THEN
        utc := utc - make_interval(
            hours => part[14]::integer, mins => coalesce(part[15]::integer, 0)
        ) * CASE WHEN part[13] = '+' THEN 1 ELSE -1 END;
    END IF;
    -- leap seconds come at the end of June and of December
    IF second = 60 AND to_char(utc, 'MM-DD HH24:MI:SS') NOT IN ('01-01 00:00:00', '07-01 00:00:00') THEN
        RETURN NULL;
    END IF;
    RETURN (utc + microseconds * interval '1 microsecond') AT TIME ZONE 'UTC';
END
$$;

-- A timestamp with a zone, or null if the text is none. What is finer than microseconds is cut off. A leap second counts as the
-- second after it. Dates end where every zone's clock stays within the years that all databases know. The usual spelling is read
-- at once, all others by a function that takes its time.
CREATE OR REPLACE FUNCTION utc_time(written text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN
        written !~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]'
        '([.][0-9]+)?([Zz]|[+-](0[0-9]|1[0-4]):?[0-5][0-9])$'
        THEN utc_time_otherwise(written)
    WHEN substr(written, 1, 10) COLLATE "C" NOT BETWEEN '0001-01-02' AND '9999-12-30' THEN NULL
    WHEN
        substr(written, 9, 2) > '28' AND substr(written, 9, 2)::integer
        > extract(DAY FROM (substr(written, 1, 8) || '01')::date + interval '1 month' - interval '1 day')
        THEN NULL
    WHEN length(written) <= 26 THEN written::timestamptz
    ELSE regexp_replace(written, '([.][0-9]{6})[0-9]+', '\1')::timestamptz
END;

-- Of several events of one moment, the one with the greatest id in the order of people counts.
WITH moments AS (
    SELECT
        inverter_id,
        event_time
    FROM inverter_telemetry_raw
    GROUP BY inverter_id, event_time
    HAVING count(*) > 1
),

chosen AS (
    SELECT DISTINCT ON (events.inverter_id, events.event_time) events.*
    FROM inverter_telemetry_raw AS events
    INNER JOIN moments ON events.inverter_id = moments.inverter_id AND events.event_time = moments.event_time
    ORDER BY events.inverter_id ASC, events.event_time ASC, natural_key(events.event_id) DESC, events.event_id DESC
)

UPDATE inverter_telemetry_clean AS readings
SET
    plant_id = chosen.plant_id,
    day = local_day(chosen.event_time, plants.timezone),
    event_id = chosen.event_id,
    source = chosen.source,
    ac_power_w = floor(chosen.ac_power * (ac_unit.watts * 1000) + 0.5) / 1000,
    dc_power_w = floor(chosen.dc_power * (dc_unit.watts * 1000) + 0.5) / 1000,
    energy_wh_total = floor(chosen.energy_wh_total * 1000 + 0.5) / 1000,
    temperature_c = (floor((chosen.temperature_c + 300) * 1000 + 0.5) - 300000) / 1000,
    status = chosen.status
FROM chosen
INNER JOIN plants ON chosen.plant_id = plants.plant_id
LEFT JOIN power_units AS ac_unit ON chosen.ac_power_unit = ac_unit.unit
LEFT JOIN power_units AS dc_unit ON chosen.dc_power_unit = dc_unit.unit
WHERE
    readings.inverter_id = chosen.inverter_id
    AND readings.event_time = chosen.event_time
    AND readings.event_id <> chosen.event_id;

DELETE FROM inverter_daily_summary;

INSERT INTO inverter_daily_summary (
    plant_id, inverter_id, day, avg_ac_power_w, max_ac_power_w, points, energy_wh, first_event_time, last_event_time,
    points_with_power, energy_wh_uncounted, counter_faults
)
WITH summed AS (
    SELECT
        plant_id,
        inverter_id,
        day,
        sum(round(ac_power_w * 1000)::bigint) AS milliwatts,
        max(round(ac_power_w * 1000)::bigint) AS most_milliwatts,
        count(*) AS points,
        count(ac_power_w) AS points_with_power,
        array_agg((extract(EPOCH FROM event_time) * 1000000)::bigint ORDER BY event_time)
        FILTER (WHERE energy_wh_total IS NOT NULL) AS times,
        array_agg(round(energy_wh_total * 1000)::bigint ORDER BY event_time)
        FILTER (WHERE energy_wh_total IS NOT NULL) AS counters,
        min(event_time) AS first_event_time,
        max(event_time) AS last_event_time
    FROM inverter_telemetry_clean
    GROUP BY inverter_id, day, plant_id
)

SELECT
    summed.plant_id,
    summed.inverter_id,
    summed.day,
    div(2 * summed.milliwatts + summed.points_with_power, nullif(2 * summed.points_with_power, 0)) / 1000.0,
    summed.most_milliwatts / 1000.0,
    summed.points,
    CASE WHEN cardinality(summed.counters) > 1 THEN energy.counted / 1000.0 END,
    summed.first_event_time,
    summed.last_event_time,
    summed.points_with_power,
    energy.uncounted / 1000.0,
    energy.faults
FROM summed
INNER JOIN inverters ON summed.inverter_id = inverters.inverter_id
CROSS JOIN LATERAL counted_energy(summed.times, summed.counters, inverters.capacity_kw) AS energy;
