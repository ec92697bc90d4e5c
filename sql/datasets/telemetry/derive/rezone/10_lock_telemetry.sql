-- No telemetry is published while days move: it would be counted by the old zone.
SELECT dataset FROM datasets WHERE dataset = 'telemetry' FOR NO KEY UPDATE
