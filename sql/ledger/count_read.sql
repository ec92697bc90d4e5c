-- Staging is complete: the records read and rejected, as the chunks counted them. What was measured before counts no more.
UPDATE loads
SET
    status = 'staged',
    control_total = NULL,
    read = (SELECT coalesce(sum(c.read), 0) FROM load_chunks AS c WHERE c.load_id = :load_id),
    rejected = (SELECT coalesce(sum(c.rejected), 0) FROM load_chunks AS c WHERE c.load_id = :load_id)
WHERE load_id = :load_id
