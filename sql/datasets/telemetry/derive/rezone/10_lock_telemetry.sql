-- No telemetry is published while days move: it would be counted by the old zone.
SELECT dataset FROM datasets WHERE dataset = 'telemetry' /*:for_no_key_update*/
