-- A receiver was told the state that a subject has.
UPDATE notices SET told = state
WHERE receiver = :receiver AND kind = :kind AND subject = :subject
