-- No telemetry is published while days are summed up again: it would be counted by the old capacity.
SELECT dataset FROM datasets WHERE dataset = 'telemetry' /*:for_no_key_update*/
