-- What a receiver was told last of a subject; 'perhaps' where that is not known. The subject may have another state by now, and
-- then that is owed.
UPDATE notices SET told = :told
WHERE receiver = :receiver AND kind = :kind AND subject = :subject
