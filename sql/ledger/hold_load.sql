-- An audit found something: nothing is published until an operator decides.
UPDATE loads SET status = 'held', held_because = :held_because WHERE load_id = :load_id
