-- The chunk is staged: in the same transaction as its rows.
UPDATE load_chunks
SET read = :read, staged = :staged, rejected = :rejected
WHERE load_id = :load_id AND chunk_no = :chunk_no
