-- Where the next batch begins: after the last moment of this one. A batch that has room left is the last.
SELECT
    inverter_id AS after_inverter_id,
    event_time AS after_time
FROM changes
ORDER BY inverter_id, event_time
LIMIT 1 OFFSET :most - 1
