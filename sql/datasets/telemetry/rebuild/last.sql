-- Where the next batch begins: after the last moment of this one. A batch that has room left is the last.
SELECT
    inverter_id AS after_inverter_id,
    event_time AS after_time
FROM changes AS batch
WHERE (SELECT count(*) FROM changes) >= :most
ORDER BY inverter_id DESC, event_time DESC
LIMIT 1
