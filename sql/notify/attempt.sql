-- Which attempt to tell a receiver is under way.
SELECT attempt
FROM receivers
WHERE receiver = :receiver
