-- Who has begun to read before the merge was shown, and gets here only now, would miss these rows: he is refused.
UPDATE :"seen" SET swept = :merge_no
