-- Staging is complete: the records read and rejected, as the chunks counted them.
UPDATE loads
SET
    status = 'staged',
    read = (SELECT coalesce(sum(c.read), 0) FROM load_chunks AS c WHERE c.load_id = :load_id),
    rejected = (SELECT coalesce(sum(c.rejected), 0) FROM load_chunks AS c WHERE c.load_id = :load_id)
WHERE load_id = :load_id
