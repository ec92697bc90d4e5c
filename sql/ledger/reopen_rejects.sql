-- A load is taken back: what it mended is open again.
DELETE FROM reject_closings WHERE state = 'mended' AND mended_by_load_id = :load_id
