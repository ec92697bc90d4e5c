-- A load's rejected records as they came, in the order of the file, also those that are mended or dismissed.
SELECT raw_record FROM rejects WHERE load_id = :load_id ORDER BY line_no
