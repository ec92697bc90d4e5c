-- Landed records that break a rule about a column: their faults, and what is wrong with each column.
SELECT
    /*:wrong*/
    line_in_chunk,
    fault
FROM :"validated"
WHERE
    /*:any_wrong*/
    fault <> ''
