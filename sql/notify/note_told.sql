-- A receiver was told that a subject has this state. It may have another by now, and then that is owed.
UPDATE notices SET told = :state
WHERE receiver = :receiver AND kind = :kind AND subject = :subject
